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
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, Window, kernel, params};
use std::ops::Range;

params! {
    struct UnfoldParams {
        count: u32, area: u32, taps: u32, channels: u32, first_channel: u32, part: u32, images: u32, first_image: u32, depth: u32,
        stride: u32, dilation: u32, before: u32, input_skip: u32,
    }
}

params! {
    struct FoldParams {
        finish: [[u32; 4]; FINISH_NUMBERS],
        count: u32, area: u32, taps: u32, channels: u32, first_channel: u32, part: u32, images: u32, first_image: u32, planes: u32,
        first_plane: u32, depth: u32, dilation: u32, before: u32, first_volume: u32, has_bias: u32, output_skip: u32,
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
    /// The operator of volumes.
    pub(super) name: &'static str,
    /// The operator of images, without a bias.
    pub(super) op: &'a dyn Op,
    /// Images of a volume.
    pub(super) images: usize,
    /// What an image has of its volume.
    pub(super) unfold: Along,
    /// What an image that was made has of the volume that is made of it.
    pub(super) fold: Along,
}

/// Channels and sides of volumes.
#[derive(Clone, Copy, Debug)]
struct Volumes {
    channels: usize,
    depth: usize,
    area: usize,
}

/// From which volume, image and plane on something is made.
#[derive(Clone, Copy, Debug)]
struct Turn {
    volume: usize,
    image: usize,
    plane: usize,
}

/// The work of all turns.
#[derive(Clone, Copy, Debug)]
struct Work<'a> {
    of: &'a Planes<'a>,
    site: &'a Site<'a>,
    input: Volumes,
    output: Volumes,
    /// Volumes of a turn, and of each of them images, and planes that are made of these.
    volumes: usize,
    images: usize,
    planes: usize,
    finish: Option<&'a Finish>,
}

impl Planes<'_> {
    /// The ways of the images' operator between those that unfold and fold.
    ///
    /// # Errors
    /// If a device's bindings are too small for what a plane needs.
    pub(super) fn candidates(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [volumes, channels, depth, h, w] = sides(site.inputs[0]);
        let input = Volumes { channels, depth, area: h * w };
        let [rows, columns, kd, kh, kw] = sides(site.inputs[1]);
        let [_, channels, depth, oh, ow] = sides(site.outputs[0]);
        let output = Volumes { channels, depth, area: oh * ow };

        // As many volumes as may be, or planes of one.
        let largest = usize::try_from(site.device.max_binding()).unwrap_or(usize::MAX);
        let image = input.bytes(self.unfold.taps).max(output.bytes(self.fold.taps));
        let most = MOST.min(largest);
        let windows = site.device.cut(volumes, &[input, output].map(|all| all.bytes(all.depth) as u64));
        let at_once = windows.as_ref().and_then(|windows| windows.first()).map_or(1, Range::len);
        let at_once = (most / self.images.saturating_mul(image)).clamp(1, at_once);
        let planes = [most, largest].iter().find_map(|bytes| self.planes_of(bytes / image, output.depth));
        let Some(planes) = planes else {
            let reason = format!(
                "{} needs {} bytes in one binding for a plane, {} shows a shader at most {largest}",
                self.name,
                image.saturating_mul(self.images_of(1)),
                site.device.name
            );
            return Err(Error::Device(reason));
        };
        // Evenly, and the last turns go up to the end, so that they are all of a size.
        let even = |all: usize, most: usize| all.div_ceil(all.div_ceil(most));
        let (at_once, planes) = (even(volumes, at_once), even(output.depth, planes));
        let images = self.images_of(planes);
        let starts = |all: usize, each: usize| (0..all.div_ceil(each)).map(move |i| (i * each).min(all - each));
        let turns = |volume| starts(output.depth, planes).map(move |plane| Turn { volume, image: self.image_of(plane, images), plane });
        let turns: Vec<Turn> = starts(volumes, at_once).flat_map(turns).collect();

        let seen = TensorType::f32([at_once * images, input.channels * self.unfold.taps, h, w]);
        let weight = TensorType::f32([rows, columns * kd, kh, kw]);
        let made = self.op.infer(&[&seen, &weight])?.remove(0);
        let scratch = [&seen, &made].map(|ty| 4 * ty.elements() as u64);
        let inner = Site { inputs: &[&seen, &weight], outputs: &[&made], finish: None, begin: None, ..*site };
        // A finish counts elements of the whole output.
        let whole = windows.is_some_and(|windows| windows.len() == 1);
        let finish = site.finish.filter(|finish| finish.fits(1) && whole);
        let work = Work { of: self, site, input, output, volumes: at_once, images, planes, finish };
        let way = |way: Candidate| {
            let made = inside(way.launches);
            let launches = |(number, &turn): (usize, &Turn)| {
                // What only arranges weights need not be done again.
                let made = made.iter().filter(move |launch| number == 0 || !launch.once).cloned();
                work.unfold(turn).into_iter().chain(made).chain(work.fold(turn))
            };
            let launches = turns.iter().enumerate().flat_map(launches).collect();
            Candidate { launches, scratch: scratch.into_iter().chain(way.scratch).collect(), ..Candidate::default() }
                .finishing(finish.is_some())
        };
        Ok(self.op.launch(&inner)?.into_iter().map(way).collect())
    }

    /// Planes between the first and the last tap of an image that was made.
    fn span(&self) -> usize {
        (self.fold.taps - 1).saturating_mul(self.fold.dilation)
    }

    /// The most images that any `planes` planes in a row are made of.
    fn images_of(&self, planes: usize) -> usize {
        ((planes - 1).saturating_add(self.span()) / self.fold.stride + 1).min(self.images)
    }

    /// The first of `images` that `plane` and those behind it are made of.
    fn image_of(&self, plane: usize, images: usize) -> usize {
        (plane + self.fold.before).saturating_sub(self.span()).div_ceil(self.fold.stride).min(self.images - images)
    }

    /// The most of `depth` planes in a row that so many images make whatever the first is, if they make one.
    fn planes_of(&self, images: usize, depth: usize) -> Option<usize> {
        if images >= self.images {
            return Some(depth);
        }
        images.saturating_mul(self.fold.stride).checked_sub(self.span()).filter(|&planes| planes > 0)
    }
}

/// The sides of a tensor of five dimensions.
fn sides(ty: &TensorType) -> [usize; 5] {
    std::array::from_fn(|i| ty.shape.get(i).copied().unwrap_or(1))
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
    /// The channels of a turn's volumes that windows of a tensor show: all, or where a volume is too large for one, as many as fit.
    fn windows(&self, turn: Turn, all: Volumes) -> Vec<(Range<usize>, Window)> {
        let (channel, device) = (all.depth * all.area, self.site.device);
        let (first, last) = (turn.volume * all.channels, (turn.volume + self.volumes - 1) * all.channels);
        let window = |part: Range<usize>| {
            let window = device.window(((first + part.start) * channel) as u64..((last + part.end) * channel) as u64, 4);
            (part, window)
        };
        let whole = window(0..all.channels);
        if whole.1.bytes.end - whole.1.bytes.start <= device.max_binding() {
            return vec![whole];
        }
        // What cannot be cut so is left whole: the plan refuses it with the numbers.
        device.cut(all.channels, &[4 * channel as u64]).map_or_else(|| vec![whole], |parts| parts.into_iter().map(window).collect())
    }

    fn unfold(&self, turn: Turn) -> Vec<Launch> {
        let Volumes { channels, depth, area } = self.input;
        let Along { taps, stride, dilation, before } = self.of.unfold;
        let width = self.input.width();
        let launch = |(part, window): (Range<usize>, Window)| {
            let count = self.volumes * self.images * part.len() * area / width;
            let params = UnfoldParams {
                count: u32_of(count),
                area: u32_of(area / width),
                taps: u32_of(taps),
                channels: u32_of(channels),
                first_channel: u32_of(part.start),
                part: u32_of(part.len()),
                images: u32_of(self.images),
                first_image: u32_of(turn.image),
                depth: u32_of(depth),
                stride: u32_of(stride),
                dilation: u32_of(dilation),
                before: u32_of(before),
                input_skip: modulo(window.skip as usize / width, part.start * depth * area / width),
            };
            Launch::new(&UNFOLD, &params, groups(count, WORKGROUP))
                .turns(nested(&[taps]))
                .header(format!("alias Element = {};\n", vector("f32", width)))
                .input_window(0, &window)
                .scratch_mut(0)
        };
        self.windows(turn, self.input).into_iter().map(launch).collect()
    }

    fn fold(&self, turn: Turn) -> Vec<Launch> {
        let Volumes { channels, depth, area } = self.output;
        let Along { taps, stride, dilation, before } = self.of.fold;
        let width = self.output.width();
        let bias = (self.site.inputs.len() > 2).then_some(2);
        let launch = |(part, window): (Range<usize>, Window)| {
            let count = self.volumes * part.len() * self.planes * area / width;
            let start = (turn.volume * channels + part.start) * depth * area / width;
            let params = FoldParams {
                finish: finish_numbers(self.finish),
                count: u32_of(count),
                area: u32_of(area / width),
                taps: u32_of(taps),
                channels: u32_of(channels),
                first_channel: u32_of(part.start),
                part: u32_of(part.len()),
                images: u32_of(self.images),
                first_image: u32_of(turn.image),
                planes: u32_of(self.planes),
                first_plane: u32_of(turn.plane),
                depth: u32_of(depth),
                dilation: u32_of(dilation),
                before: u32_of(before),
                first_volume: u32_of(turn.volume),
                has_bias: bias.is_some().into(),
                output_skip: modulo(window.skip as usize / width, start),
            };
            let launch = Launch::new(&FOLD, &params, groups(count, WORKGROUP)).turns(nested(&[taps]));
            let launch = launch.constant("STRIDE", u32_of(stride)).constant("WIDTH", u32_of(width));
            let launch = launch.scratch(1).optional_input(bias).output_window(0, &window);
            finished(launch, self.finish, if width == 4 { Items::Row { whole: true } } else { Items::One })
        };
        self.windows(turn, self.output).into_iter().map(launch).collect()
    }
}

/// What kernels add to a place in a whole tensor, `skip` - `start` modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
fn modulo(skip: usize, start: usize) -> u32 {
    skip.wrapping_sub(start) as u32
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
