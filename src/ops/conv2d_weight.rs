//! `conv2d_weight`: the gradient of a convolution's weight.
//!
//! ```text
//! output[o, c, ky, kx] = sum over n, y, x of
//!     grad[n, o, y, x] * input[n, c, y * stride.h + ky * dilation.h - padding.top,
//!                                    x * stride.w + kx * dilation.w - padding.left]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (n, C, h, w) |
//! | grad | (n, O, oh, ow), the gradient of the convolution's output; rows and columns at its end may be missing |
//! | output | (O, C, kh, kw) |
//!
//! A product of matrices, of O rows, C kh kw columns and a depth of n oh ow, which is long: it is cut into slices that are computed side
//! by side and added up in order.
//!
//! Gradients: by the input, that of the convolution's input with the output's gradient as its weight; by grad, the convolution with it.
//!
//! PyTorch: `nn.grad.conv2d_weight`.

use super::conv2d::{ConvSizes as Sizes, MOST_TAPS, Strips, vectors_for};
use super::matrices::{Extent, Keeping, MATRICES, Matrices};
use super::slices::{Whole, least_slices, nested, slices, whole_steps};
use super::{
    Candidate, Conv2d, Items, Op, PadMode, Site, UNFINISHED_FOUR, check_dtype, check_inputs, check_rank, finished, rounded, the_gradient,
    u32_of,
};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use crate::graph::Var;
use std::ops::Range;

params! {
    struct Params {
        input_size: [u32; 2],
        grad_size: [u32; 2],
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
        padding: [u32; 2],
        input_channels: u32,
        output_channels: u32,
        first_channel: u32,
        channels: u32,
        images: u32,
        input_skip: u32,
        grad_skip: u32,
        output_skip: u32,
        groups: u32,
        slice_depth: u32,
        slice_elements: u32,
    }
}

static LANES: Kernel = kernel!("conv2d_weight/lanes", Params);
static TILE: Kernel = kernel!("conv2d_weight/tile", Params, header: UNFINISHED_FOUR);
static ON_MATRICES: Kernel = kernel!("conv2d_weight/matrices", Params, header: MATRICES);
pub(super) const KERNELS: &[&Kernel] = &[&LANES, &TILE, &ON_MATRICES];

/// Slices at most, unless loops demand more.
const MOST: usize = 16;
/// Products of a slice at least.
const LEAST: usize = 1024;
/// Sums that a thread of the lanes kernel holds.
const SUMS: usize = 64;

/// The gradient of the weight of a convolution of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dWeight {
    /// The convolution.
    pub convolution: Conv2d,
    /// Its kernel's size.
    pub kernel: Hw,
}

impl Var {
    /// The gradient (outputs, channels, kh, kw) of the weight of a convolution of `self` (n, channels, h, w) whose output has the gradient
    /// `grad` (n, outputs, oh, ow).
    ///
    /// # Errors
    /// If a tensor is not f32, there are several groups, or `grad` has more pixels than the convolution's output.
    pub fn conv2d_weight(&self, grad: &Self, attributes: Conv2dWeight) -> Result<Self> {
        self.apply1(attributes, &[grad])
    }
}

impl Conv2dWeight {
    /// The sizes of the convolution, whose output is as large as the gradient that is given.
    fn sizes(&self, inputs: &[&TensorType]) -> Result<Sizes> {
        let name = self.name();
        check_inputs(name, inputs, 2..=2)?;
        for (what, ty, form) in [("input", inputs[0], "(n, C, h, w)"), ("grad", inputs[1], "(n, O, oh, ow)")] {
            check_dtype(name, what, ty, DType::F32)?;
            check_rank(name, what, ty, 4, form)?;
        }
        if self.convolution.groups != 1 {
            return Err(Error::unsupported(name, format!("{} groups", self.convolution.groups)));
        }
        let (input, grad) = (inputs[0], inputs[1]);
        let weight = TensorType::f32([grad.shape[1], input.shape[1], self.kernel.h, self.kernel.w]);
        weight.checked_elements()?;
        let full = Sizes::of(&self.convolution, &[input, &weight])?;
        let given = Hw::new(grad.shape[2], grad.shape[3]);
        if grad.shape[0] != full.images || given.h > full.output.h || given.w > full.output.w {
            let Hw { h, w } = full.output;
            return Err(Error::shape(
                name,
                format!("grad is {grad}, input {input} has {} images of at most {h} x {w} outputs", full.images),
            ));
        }
        Ok(Sizes { output: given, ..full })
    }
}

impl Op for Conv2dWeight {
    fn name(&self) -> &'static str {
        "conv2d_weight"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let Sizes { output_channels, input_channels, kernel, .. } = self.sizes(inputs)?;
        Ok(vec![TensorType::f32([output_channels, input_channels, kernel.h, kernel.w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let sizes = self.sizes(&[&inputs[0].ty(), &inputs[1].ty()])?;
        let (input, grad) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let Sizes { images, input_channels, output_channels, output, kernel, stride, dilation, padding, .. } = sizes;
        let place = |at: usize, stride: usize, tap: usize, dilation: usize, before: usize, size: usize| {
            (at * stride + tap * dilation).checked_sub(before).filter(|&i| i < size)
        };
        let mut sums = vec![0.0f64; output_channels * input_channels * kernel.area()];
        for (index, sum) in sums.iter_mut().enumerate() {
            let (o, c) = (index / kernel.area() / input_channels, index / kernel.area() % input_channels);
            let (ky, kx) = (index % kernel.area() / kernel.w, index % kernel.w);
            for n in 0..images {
                for y in 0..output.h {
                    let Some(row) = place(y, stride.h, ky, dilation.h, padding.top, sizes.input.h) else { continue };
                    for x in 0..output.w {
                        let Some(column) = place(x, stride.w, kx, dilation.w, padding.left, sizes.input.w) else { continue };
                        let from = ((n * output_channels + o) * output.h + y) * output.w + x;
                        let seen = ((n * input_channels + c) * sizes.input.h + row) * sizes.input.w + column;
                        *sum += f64::from(grad[from]) * f64::from(input[seen]);
                    }
                }
            }
        }
        Ok(vec![rounded(&[output_channels, input_channels, kernel.h, kernel.w], sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = self.sizes(site.inputs)?.simplified();
        let work = Work::new(site.device, &sizes);
        let matrices = Matrices::all(site.device, site.precision, work.extent(sizes.images)).into_iter().map(Kind::Matrices);
        let lanes = site.device.has_lanes().then_some(Kind::Lanes);
        // Software adapters emulate matrices, and shared memory.
        let kinds: Vec<Kind> = if site.device.software {
            lanes.into_iter().chain([Kind::Tile]).chain(matrices).collect()
        } else {
            matrices.chain([Kind::Tile]).chain(lanes).collect()
        };
        Ok(kinds.into_iter().filter_map(|kind| work.candidate(kind)).collect())
    }

    /// Each pixel of the gradient adds to every tap of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        super::multiplied(inputs[1].elements(), &outputs[0].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (weight, grad) = (the_gradient(self.name(), output_grads)?, &inputs[1]);
        let output = inputs[0].conv2d(weight, None, self.convolution)?;
        let missing = [2, 3].map(|axis| output.shape()[axis] - grad.shape()[axis]);
        if missing == [0, 0] {
            return Ok(vec![Some(self.convolution.by_input(&inputs[0], weight, grad)?), Some(output)]);
        }
        let by_grad = output.crop(0, 0, Hw::new(grad.shape()[2], grad.shape()[3]))?;
        let whole = grad.pad([0; 4], [[0, 0], missing.map(usize::cast_signed)].concat(), PadMode::Constant(0.0))?;
        Ok(vec![Some(self.convolution.by_input(&inputs[0], weight, &whole)?), Some(by_grad)])
    }
}

/// The kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Some channels and taps a thread, gradients from lane to lane: for software adapters with subgroups of 8.
    Lanes,
    /// 64 channels x 64 taps a workgroup, through shared memory.
    Tile,
    /// A tile a workgroup, by subgroups that multiply matrices of f16.
    Matrices(Matrices),
}

/// The gradient on a device.
struct Work<'a> {
    device: &'a Capabilities,
    sizes: &'a Sizes,
    /// What a launch computes where tensors are larger than a binding: each with a slice at least of its own,
    images: Vec<Range<usize>>,
    /// or, with all images, some of the output channels.
    channels: Vec<Range<usize>>,
    /// Slices at most.
    most: usize,
}

impl<'a> Work<'a> {
    fn new(device: &'a Capabilities, sizes: &'a Sizes) -> Self {
        let bytes = |elements: usize| 4 * elements as u64;
        let whole = |count: usize| std::iter::once(0..count).collect::<Vec<_>>();
        let copies = device.max_binding() / bytes(sizes.output_channels * sizes.taps());
        let most =
            usize::try_from(copies).unwrap_or(usize::MAX).clamp(1, MOST.max(least_slices(device, 2 * sizes.images * sizes.output.area())));
        let channels = device.cut(sizes.output_channels, &[bytes(sizes.taps())]).unwrap_or_else(|| whole(sizes.output_channels));
        let image = [sizes.input_channels * sizes.input.area(), sizes.output_channels * sizes.output.area()].map(bytes);
        // What cannot be cut is left whole, and the plan refuses it with the numbers.
        let images = device.cut(sizes.images, &image).filter(|images| images.len() <= most).unwrap_or_else(|| whole(sizes.images));
        Self { device, sizes, images, channels, most }
    }

    /// The dispatches, or `None` if `kind` cannot do it.
    fn candidate(&self, kind: Kind) -> Option<Candidate> {
        let count = self.sizes.output_channels * self.sizes.taps();
        let parts = self.images.len();
        let single = parts == 1 && self.slices(kind, self.images.first()?.len()).0 == 1;
        let (mut launches, mut slices) = (Vec::new(), 0);
        for images in &self.images {
            for channels in &self.channels {
                let (number, depth) = self.slices(kind, images.len());
                launches.push(self.launch(kind, images, channels, (number, depth), (!single).then_some(slices))?);
                slices += number;
            }
        }
        Some(if single {
            Candidate::of(launches)
        } else {
            Whole { count, plane: 1, channels: 1, bias: None }.summed(None, launches, slices)
        })
    }

    /// What kernels on matrices compute of `images` images.
    fn extent(&self, images: usize) -> Extent {
        let (rows, columns) = (self.sizes.output_channels, self.sizes.taps());
        Extent { rows, columns, count: 1, depth: images * self.sizes.output.area(), least: Some(LEAST) }
    }

    /// How many slices the sums over `images` images are cut into, and how long they are as the kernel counts.
    fn slices(&self, kind: Kind, images: usize) -> (usize, usize) {
        let Sizes { output, .. } = *self.sizes;
        let (pixels, few) = (images * output.area(), |workgroups| slices(self.device, workgroups, images * output.area(), LEAST));
        let (wanted, depth, step) = match kind {
            Kind::Lanes => (few(self.lanes().workgroups(self.sizes, self.sizes.output_channels)), images * output.h, 1),
            Kind::Tile => (few(self.tiles(64, 64, self.sizes.output_channels)), pixels, 32),
            Kind::Matrices(m) => (m.slices(self.device, self.extent(images)), pixels, 32),
        };
        // Several parts of channels each write to their own place, all images at once.
        let most = if self.channels.len() > 1 { 1 } else { self.most / self.images.len() };
        let wanted = wanted.max(least_slices(self.device, self.turns(kind, depth))).clamp(1, most.max(1));
        let each = depth.div_ceil(wanted).next_multiple_of(step);
        (depth.div_ceil(each), each)
    }

    /// Turns that loops take for sums that are so long as the kernel counts.
    fn turns(&self, kind: Kind, depth: usize) -> usize {
        match kind {
            Kind::Lanes => nested(&[depth, self.sizes.output.w.div_ceil(4 * vectors_for(self.sizes.output.w, 4) as usize)]),
            // A turn for each product that is staged, and two for each stage.
            Kind::Tile | Kind::Matrices(_) => 2 * depth,
        }
    }

    fn tiles(&self, rows: u32, columns: u32, channels: usize) -> usize {
        channels.div_ceil(rows as usize) * self.sizes.taps().div_ceil(columns as usize)
    }

    /// The dispatch for some images and channels in slices of (number, length), the first of which is slice `slice` of several.
    fn launch(
        &self,
        kind: Kind,
        images: &Range<usize>,
        channels: &Range<usize>,
        (slices, depth): (usize, usize),
        slice: Option<usize>,
    ) -> Option<Launch> {
        let (sizes, device) = (self.sizes, self.device);
        let window = |range: &Range<usize>, each: usize| device.window((range.start * each) as u64..(range.end * each) as u64, 4);
        let input = window(images, sizes.input_channels * sizes.input.area());
        let grad = window(images, sizes.output_channels * sizes.output.area());
        let (taps, size) = (sizes.taps(), sizes.output_channels * sizes.taps());
        let output = window(channels, taps);
        let output_skip = match slice {
            Some(slice) => u32_of(slice * size),
            #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
            None => output.skip.wrapping_sub((channels.start * taps) as u32),
        };
        let pair = |size: Hw| [u32_of(size.h), u32_of(size.w)];
        let start = |kernel: &'static Kernel, workgroups: usize| {
            let params = Params {
                input_size: pair(sizes.input),
                grad_size: pair(sizes.output),
                kernel: pair(sizes.kernel),
                stride: pair(sizes.stride),
                dilation: pair(sizes.dilation),
                padding: [u32_of(sizes.padding.top), u32_of(sizes.padding.left)],
                input_channels: u32_of(sizes.input_channels),
                output_channels: u32_of(sizes.output_channels),
                first_channel: u32_of(channels.start),
                channels: u32_of(channels.len()),
                images: u32_of(images.len()),
                input_skip: input.skip,
                grad_skip: grad.skip,
                output_skip,
                groups: u32_of(workgroups * slices),
                slice_depth: u32_of(depth),
                slice_elements: u32_of(size),
            };
            let launch = Launch::new(kernel, &params, (workgroups * slices) as u64).turns(self.turns(kind, depth));
            let launch = launch.input_window(0, &input).input_window(1, &grad).optional_input(None);
            if slice.is_some() { launch.scratch_mut(0) } else { launch.output_window(0, &output) }
        };
        let product = |kernel: &'static Kernel, (rows, columns): (u32, u32), step: u32| {
            start(kernel, self.tiles(rows, columns, channels.len()))
                .constant("KERNEL_H", u32_of(sizes.kernel.h))
                .constant("KERNEL_W", u32_of(sizes.kernel.w))
                .constant("ALIGNED", sizes.output.area().is_multiple_of(4) && grad.skip.is_multiple_of(4))
                .constant("WHOLE", whole_steps(images.len() * sizes.output.area(), depth, step))
        };
        Some(match kind {
            Kind::Tile => finished(product(&TILE, (64, 64), 16), None, Items::Row { whole: false }),
            Kind::Matrices(m) => {
                let launch = m.launch(product(&ON_MATRICES, (m.rows(), m.columns()), m.depth()), 1, 0, Keeping::Rows);
                finished(launch, None, Items::Row { whole: false })
            }
            Kind::Lanes => {
                let lanes = self.lanes();
                let strips = Strips::of(sizes, vectors_for(sizes.output.w, 4), lanes.taps, input.skip, grad.skip)?;
                strips
                    .constants(start(&LANES, lanes.workgroups(sizes, channels.len())))
                    .constant("ROWS", u32_of(lanes.rows))
                    .constant("TAPS", u32_of(lanes.taps))
                    .constant("OWN", u32_of(lanes.own))
                    .constant("WHOLE", sizes.output.w.is_multiple_of(strips.pixels()))
                    .constant("STRIDE", u32_of(sizes.stride.w))
            }
        })
    }

    fn lanes(&self) -> Lanes {
        let sizes = self.sizes;
        let taps = if sizes.dilation.w == 1 { (1..=MOST_TAPS).rev().find(|t| sizes.kernel.w.is_multiple_of(*t)).unwrap_or(1) } else { 1 };
        let rows = if sizes.output_channels > 8 && 16 * taps <= SUMS { 16 } else { 8 };
        // More rows of its own share the gradients that it gets, if there are so many for all lanes.
        let own = [4, 2, 1].into_iter().find(|own| rows * taps * own <= SUMS && 8 * own <= sizes.taps() / taps).unwrap_or(1);
        Lanes { rows, taps, own }
    }
}

/// What a thread of the lanes kernel computes: `taps` of each of `own` rows of a kernel for `rows` channels.
struct Lanes {
    rows: usize,
    taps: usize,
    own: usize,
}

impl Lanes {
    fn workgroups(&self, sizes: &Sizes, channels: usize) -> usize {
        (sizes.taps() / self.taps).div_ceil(8 * self.own) * channels.div_ceil(self.rows)
    }
}
