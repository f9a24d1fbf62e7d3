//! Volumes plane by plane: what convolves them is what convolves images, whose channels are planes of the volume's.
//!
//! A convolution adds up what its taps along the depth make of planes, and so do these images, each with all planes that it needs:
//!
//! ```text
//! image[n, r, c * kd + k] = input[n, c, r * stride + k * dilation - before]                       unfolded, kd planes of a channel
//! made[n, r]              = the operator of images, of C * kd channels of kernels kh x kw
//! output[n, o, z]         = bias[o] + made[n, z, o]                                                folded, a plane of a channel
//! ```
//!
//! A transposed one spreads planes, so that it is the other way around: one plane unfolded and kd folded,
//!
//! ```text
//! output[n, o, z] = bias[o] + sum over r, k with z = r * stride + k * dilation - before of  made[n, r, o * kd + k]
//! ```
//!
//! Weights of both, (.., C, kd, kh, kw), are those of the images' operator as they lie. What is moved is little beside the products: for
//! each output some kd numbers, of C * kd * kh * kw.

use super::slices::nested;
use super::{
    Candidate, FINISH_NUMBERS, Finish, Items, Op, Site, UNFINISHED_FOUR, WORKGROUP, finish_numbers, finished, groups, u32_of, vector,
};
use crate::array::TensorType;
use crate::gpu::{Kernel, Launch, Slot, Window, kernel, params};

params! {
    struct UnfoldParams {
        count: u32, area: u32, taps: u32, channels: u32, images: u32, first_image: u32, depth: u32,
        stride: u32, dilation: u32, before: u32, input_skip: u32,
    }
}

params! {
    struct FoldParams {
        finish: [[u32; 4]; FINISH_NUMBERS],
        count: u32, area: u32, taps: u32, channels: u32, images: u32, planes: u32, first_plane: u32, depth: u32,
        dilation: u32, before: u32, first_volume: u32, has_bias: u32, output_skip: u32,
    }
}

static UNFOLD: Kernel = kernel!("planes/unfold", UnfoldParams, header: "alias Element = vec4<f32>;\n");
static FOLD: Kernel = kernel!("planes/fold", FoldParams, header: UNFINISHED_FOUR);
pub(super) const KERNELS: &[&Kernel] = &[&UNFOLD, &FOLD];

/// Bytes of images made at a time: enough for any device to be busy with, and no more memory than a layer's.
const MOST: usize = 1 << 26;

/// Where the planes of a channel that an image has lie in its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Along {
    /// How many there are.
    pub(super) taps: usize,
    /// From an image to the next.
    pub(super) stride: usize,
    /// From a tap to the next.
    pub(super) dilation: usize,
    /// Planes before the volume's first that the first image has.
    pub(super) before: usize,
}

impl Along {
    /// Each plane as it is.
    pub(super) const ONE: Self = Self { taps: 1, stride: 1, dilation: 1, before: 0 };
}

/// An operator of volumes as one of images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes<'a> {
    /// The operator of images, without a bias.
    pub(super) op: &'a dyn Op,
    /// Images of a volume.
    pub(super) images: usize,
    /// What an image has of its volume.
    pub(super) unfold: Along,
    /// What an image that was made has of the volume that is made of it.
    pub(super) fold: Along,
    /// Whether each channel makes one of its own. GPUs have soon done the few products of each number, that moves several times for them.
    pub(super) depthwise: bool,
}

/// Channels and sides of volumes.
#[derive(Clone, Copy, Debug)]
struct Volumes {
    channels: usize,
    depth: usize,
    area: usize,
}

/// From which volume and image on something is made.
#[derive(Clone, Copy, Debug)]
struct Turn {
    volume: usize,
    image: usize,
}

/// The work of a turn, as much in each of them.
#[derive(Clone, Copy, Debug)]
struct Work<'a> {
    planes: &'a Planes<'a>,
    site: &'a Site<'a>,
    input: Volumes,
    output: Volumes,
    /// Volumes of a turn, and images of each.
    volumes: usize,
    images: usize,
    finish: Option<&'a Finish>,
}

impl Planes<'_> {
    /// The ways of the images' operator between those that unfold and fold; none where a device's bindings are too small.
    pub(super) fn candidates(&self, site: &Site<'_>) -> Vec<Candidate> {
        if self.depthwise && !site.device.software { Vec::new() } else { self.ways(site).unwrap_or_default() }
    }

    fn ways(&self, site: &Site<'_>) -> Option<Vec<Candidate>> {
        let (volumes, input, h, w) = match site.inputs[0].shape[..] {
            [volumes, channels, depth, h, w] => (volumes, Volumes { channels, depth, area: h * w }, h, w),
            _ => return None,
        };
        let output = match site.outputs[0].shape[..] {
            [_, channels, depth, h, w] => Volumes { channels, depth, area: h * w },
            _ => return None,
        };
        let weight = match site.inputs[1].shape[..] {
            [rows, columns, kd, kh, kw] => TensorType::f32([rows, columns * kd, kh, kw]),
            _ => return None,
        };
        let largest = usize::try_from(site.device.max_binding()).unwrap_or(usize::MAX);
        let image = input.bytes(self.unfold.taps).max(output.bytes(self.fold.taps));
        let windows = site.device.cut(volumes, &[input.bytes(input.depth), output.bytes(output.depth)].map(|bytes| bytes as u64))?;

        // Several volumes, or one, or some of its images where they do not overlap in what is made of them.
        let (most, whole) = (MOST.min(largest), self.images.saturating_mul(image));
        let at_once = (most / whole).clamp(1, windows.first()?.len());
        let images = if whole > most && self.fold == Along::ONE { most / image } else { self.images };
        if images == 0 || images.saturating_mul(image) > largest {
            return None;
        }
        // Evenly, and the last turns go up to the end, so that they are all of a size.
        let even = |all: usize, most: usize| all.div_ceil(all.div_ceil(most));
        let (at_once, images) = (even(volumes, at_once), even(self.images, images));
        let starts = |all: usize, each: usize| (0..all.div_ceil(each)).map(move |i| (i * each).min(all - each));
        let turns = |volume| starts(self.images, images).map(move |image| Turn { volume, image });
        let turns: Vec<Turn> = starts(volumes, at_once).flat_map(turns).collect();

        let seen = TensorType::f32([at_once * images, input.channels * self.unfold.taps, h, w]);
        let made = self.op.infer(&[&seen, &weight]).ok()?.pop()?;
        let scratch = [&seen, &made].map(|ty| 4 * ty.elements() as u64);
        let inner = Site { inputs: &[&seen, &weight], outputs: &[&made], finish: None, begin: None, ..*site };
        // A finish counts elements of the whole output.
        let finish = site.finish.filter(|finish| finish.fits(1) && windows.len() == 1);
        let work = Work { planes: self, site, input, output, volumes: at_once, images, finish };
        let way = |way: Candidate| {
            let made = inside(way.launches);
            let launches = |(number, &turn): (usize, &Turn)| {
                // What only arranges weights need not be done again.
                let made = made.iter().filter(move |launch| number == 0 || !launch.once).cloned();
                std::iter::once(work.unfold(turn)).chain(made).chain([work.fold(turn)])
            };
            let launches = turns.iter().enumerate().flat_map(launches).collect();
            Candidate { launches, scratch: scratch.into_iter().chain(way.scratch).collect(), ..Candidate::default() }
                .finishing(finish.is_some())
        };
        Some(self.op.launch(&inner).ok()?.into_iter().map(way).collect())
    }
}

impl Volumes {
    /// Bytes of so many planes of each channel.
    fn bytes(&self, planes: usize) -> usize {
        [self.channels, planes, self.area].into_iter().fold(4, usize::saturating_mul)
    }

    /// Numbers that a thread moves at a time.
    fn width(&self) -> usize {
        if self.area.is_multiple_of(4) { 4 } else { 1 }
    }
}

impl Work<'_> {
    /// What the volumes of a turn take of a tensor.
    fn window(&self, turn: Turn, of: Volumes) -> Window {
        let volume = (of.channels * of.depth * of.area) as u64;
        self.site.device.window(turn.volume as u64 * volume..(turn.volume + self.volumes) as u64 * volume, 4)
    }

    fn unfold(&self, turn: Turn) -> Launch {
        let Volumes { channels, depth, area } = self.input;
        let Along { taps, stride, dilation, before } = self.planes.unfold;
        let (width, window) = (self.input.width(), self.window(turn, self.input));
        let count = self.volumes * self.images * channels * area / width;
        let params = UnfoldParams {
            count: u32_of(count),
            area: u32_of(area / width),
            taps: u32_of(taps),
            channels: u32_of(channels),
            images: u32_of(self.images),
            first_image: u32_of(turn.image),
            depth: u32_of(depth),
            stride: u32_of(stride),
            dilation: u32_of(dilation),
            before: u32_of(before),
            input_skip: window.skip / u32_of(width),
        };
        Launch::new(&UNFOLD, &params, groups(count, WORKGROUP))
            .turns(nested(&[taps]))
            .header(format!("alias Element = {};\n", vector("f32", width)))
            .input_window(0, &window)
            .scratch_mut(0)
    }

    fn fold(&self, turn: Turn) -> Launch {
        let Volumes { channels, depth, area } = self.output;
        let Along { taps, stride, dilation, before } = self.planes.fold;
        let (width, window) = (self.output.width(), self.window(turn, self.output));
        // Some of the images are some of the planes.
        let planes = if self.images == self.planes.images { depth } else { self.images };
        let count = self.volumes * channels * planes * area / width;
        let bias = (self.site.inputs.len() > 2).then_some(2);
        let params = FoldParams {
            finish: finish_numbers(self.finish),
            count: u32_of(count),
            area: u32_of(area / width),
            taps: u32_of(taps),
            channels: u32_of(channels),
            images: u32_of(self.images),
            planes: u32_of(planes),
            first_plane: u32_of(turn.image),
            depth: u32_of(depth),
            dilation: u32_of(dilation),
            before: u32_of(before),
            first_volume: u32_of(turn.volume),
            has_bias: bias.is_some().into(),
            #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
            output_skip: (window.skip / u32_of(width)).wrapping_sub((turn.volume * channels * depth * area / width) as u32),
        };
        let launch = Launch::new(&FOLD, &params, groups(count, WORKGROUP)).turns(nested(&[taps]));
        let launch = launch.constant("STRIDE", u32_of(stride)).constant("WIDTH", u32_of(width));
        let launch = launch.scratch(1).optional_input(bias).output_window(0, &window);
        finished(launch, self.finish, if width == 4 { Items::Row { whole: true } } else { Items::One })
    }
}

/// `launches` of an operator whose input is scratch memory 0 and whose output is 1, with its own behind those.
fn inside(mut launches: Vec<Launch>) -> Vec<Launch> {
    for launch in &mut launches {
        launch.notes = false;
        for binding in &mut launch.bindings {
            binding.slot = match binding.slot {
                Slot::Input(0) => Slot::Scratch(0),
                Slot::Output(0) => Slot::Scratch(1),
                Slot::Scratch(own) => Slot::Scratch(own + 2),
                slot => slot,
            };
        }
    }
    launches
}
