//! `grid_sample`: an image read at given places; `grid_sample3d`: a volume.
//!
//! ```text
//! (gx, gy) = grid[n, y, x]                       -1..1 is the image, x before y
//! px = (gx + 1) / 2 * span + low                 align_corners: low = 0, span = W - 1;  else low = -0.5, span = W
//! output[n, c, y, x] = sum over (i, j) of  wy(py, i) wx(px, j) input[n, c, i, j]
//! ```
//!
//! | mode | weights along one side |
//! |---|---|
//! | nearest | 1 at round(p), halves to the even pixel |
//! | bilinear | max(0, 1 - abs(p - j)) |
//! | bicubic | Keys' cubic with a = -0.75 at floor(p) - 1 .. floor(p) + 2 |
//!
//! | padding | a pixel outside the image |
//! |---|---|
//! | zeros | is 0 |
//! | border | is the nearest one inside |
//! | reflection | is its mirror image at low and low + span |
//!
//! Border and reflection move the position itself for nearest and bilinear, each of the four pixels for bicubic.
//!
//! Places that are none: with zeros a coordinate that is NaN or infinite gives 0; with border NaN counts as pixel 0; with
//! reflection NaN, infinities and positions 2^24 pixels away or more count as pixel 0. Where PyTorch's CPU kernels give a
//! number there, it is this one; where they give NaN (weights of `inf - inf`), this is still the number said here.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | grid | (N, OH, OW, 2) |
//! | output | (N, C, OH, OW) |
//!
//! Gradients, for g that of the output, with `r` = 1, or -1 where reflection turns the position round:
//!
//! ```text
//! by input[n, c, i, j]     sum over (y, x) of  g[n, c, y, x] wy(py, i) wx(px, j)
//! by gx of grid[n, y, x]   span / 2 r sum over c, i, j of  g[n, c, y, x] wy(py, i) wx'(px, j) input[n, c, i, j];   by gy likewise
//! ```
//!
//! At a whole pixel, where bilinear has a kink, `w'` is that to its right; where border or reflection hold the position, its first and
//! last place included, it is 0; so it is for nearest. All as PyTorch has it. A position within rounding of a whole pixel may count
//! as on either side of it. The pixels' sums are fixed-point numbers, so that their order makes no difference: see [`by_input`].
//!
//! Volumes have a third side, along which all is as along the others: input (N, C, D, H, W), grid (N, OD, OH, OW, 3) of x, y, z,
//! output (N, C, OD, OH, OW), of eight voxels each where images have four pixels. There is no bicubic for them. Their gradients are those above, with a side more.
//!
//! ONNX: `GridSample`. PyTorch: `torch.nn.functional.grid_sample`. Source: Jaderberg et al., Spatial Transformer Networks (2015).

mod by_grid;
mod by_input;
mod taps;
mod volume;
mod volume_gradient;

pub use by_grid::GridSampleByGrid;
pub use by_input::GridSampleByInput;
pub(crate) use taps::{FAR, Side, cubic_weights};
pub use volume::GridSample3d;
pub use volume_gradient::{GridSample3dByGrid, GridSample3dByInput};

use super::slices::nested;
use super::{AffineGrid, AffineSample, as_op};
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, planes_per_thread, rounded};
use super::{the_gradient, u32_of, zeros};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;
use std::ops::Range;
use std::sync::Arc;

params! {
    struct Params {
        input_size: [u32; 2],
        output_size: [u32; 2],
        span: [f32; 2],
        output_span: [f32; 2],
        low: f32,
        channels: u32,
        chunk: u32,
        chunks: u32,
        count: u32,
        input_skip: u32,
        grid_skip: u32,
        output_skip: u32,
    }
}

static GRID_SAMPLE: Kernel = kernel!("grid_sample", Params);
pub(super) const KERNELS: &[&Kernel] = &[
    &GRID_SAMPLE,
    &volume::GRID_SAMPLE3D,
    &by_grid::BY_GRID,
    // max_unpool2d's, too: listed here.
    &super::clear::CLEAR,
    &by_input::LARGEST,
    &by_input::ADD,
    &by_input::SUMS,
    &volume_gradient::BY_GRID3D,
    &volume_gradient::ADD3D,
];

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SampleMode {
    /// From the four pixels around.
    #[default]
    Bilinear,
    /// The closest pixel, halves to the even one.
    Nearest,
    /// From sixteen pixels, by Keys' cubic with a = -0.75.
    Bicubic,
}

/// What lies outside the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The pixels at the border, repeated.
    Border,
    /// The image, mirrored.
    Reflection,
}

/// How an image is read at given places; the default is PyTorch's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GridSample {
    /// How values between pixels are found.
    pub mode: SampleMode,
    /// What lies outside the image.
    pub padding: PaddingMode,
    /// Whether -1 and 1 are the centres of the corner pixels rather than the image's edges.
    pub align_corners: bool,
}

impl Var {
    /// Reads these images (N, C, H, W) at the places of `grid` (N, OH, OW, 2), whose last dimension is x, y in -1..1.
    ///
    /// # Errors
    /// If shapes or dtypes do not fit.
    pub fn grid_sample(&self, grid: &Self, options: GridSample) -> Result<Self> {
        self.apply1(options, &[grid])
    }
}

impl Op for GridSample {
    fn name(&self) -> &'static str {
        "grid_sample"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let grid = inputs[1];
        check_rank(self.name(), "grid", grid, 4, "(N, OH, OW, 2)")?;
        check_dtype(self.name(), "grid", grid, DType::F32)?;
        if grid.shape[3] != 2 {
            return Err(Error::shape(self.name(), format!("grid {grid} must end in 2: x and y")));
        }
        let size = Hw::new(grid.shape[1], grid.shape[2]);
        sampled(self.name(), inputs[0], ("grid", grid), size)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (grid, shape) = (inputs[1].values::<f32>()?, inputs[1].shape());
        let (h, w) = (shape[1], shape[2]);
        let at = |n: usize, y: usize, x: usize| {
            let pair = 2 * ((n * h + y) * w + x);
            (f64::from(grid[pair]), f64::from(grid[pair + 1]))
        };
        self.sample(inputs[0], Hw::new(h, w), at)
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.launch_on(site, false)
    }

    /// Places of an affine map need not be stored. The nearest pixel may be another one where a place's last digits are.
    fn absorb(&self, input: usize, maker: &dyn Op, _: &TensorType) -> Option<Arc<dyn Op>> {
        let grid: &AffineGrid = as_op(maker).filter(|_| input == 1)?;
        let alike = grid.align_corners == self.align_corners && self.mode != SampleMode::Nearest;
        alike.then(|| Arc::new(AffineSample { size: grid.size, sample: *self }) as Arc<dyn Op>)
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, input, grid) = (the_gradient(self.name(), output_grads)?, &inputs[0], &inputs[1]);
        let size = Hw::new(input.shape()[2], input.shape()[3]);
        let by_input = grid.apply1(GridSampleByInput { size, options: *self }, &[grad])?;
        let by_grid = match self.mode {
            SampleMode::Nearest => zeros(grid, grid.shape())?,
            SampleMode::Bilinear | SampleMode::Bicubic => input.apply1(GridSampleByGrid { options: *self }, &[grid, grad])?,
        };
        Ok(vec![Some(by_input), Some(by_grid)])
    }
}

impl GridSample {
    /// `input` read at `at(n, y, x)` = normalised (x, y) for each output pixel: the definition.
    pub(super) fn sample(self, input: &Array, size: Hw, at: impl Fn(usize, usize, usize) -> (f64, f64)) -> Result<Vec<Array>> {
        let (values, shape) = (input.values::<f32>()?, input.shape());
        let &[images, channels, h, w] = shape else {
            return Err(Error::shape("grid_sample", format!("input must be (N, C, H, W), it is {}", input.ty())));
        };
        let (rows, columns) = (Side::new(h, self.align_corners), Side::new(w, self.align_corners));
        let mut output = vec![0.0; images * channels * size.area()];
        for n in 0..images {
            for y in 0..size.h {
                for x in 0..size.w {
                    let (gx, gy) = at(n, y, x);
                    let across = columns.taps(columns.position(gx), self.mode, self.padding);
                    let down = rows.taps(rows.position(gy), self.mode, self.padding);
                    for c in 0..channels {
                        let plane = n * channels + c;
                        let pixel = |i: usize, j: usize| f64::from(values[(plane * h + i) * w + j]);
                        output[(plane * size.h + y) * size.w + x] =
                            down.iter().map(|&(i, wy)| across.iter().map(|&(j, wx)| wy * wx * pixel(i, j)).sum::<f64>()).sum();
                    }
                }
            }
        }
        Ok(vec![rounded(&[images, channels, size.h, size.w], output)?])
    }

    /// Launches with input 1 as the grid or, if `affine`, as the matrices (N, 2, 3) that make it.
    pub(super) fn launch_on(self, site: &Site<'_>, affine: bool) -> Result<Vec<Candidate>> {
        let (input, grid, output) = (site.inputs[0], site.inputs[1], site.outputs[0]);
        let [images, channels, h, w] = [0, 1, 2, 3].map(|i| input.shape[i]);
        let (out_h, out_w) = (output.shape[2], output.shape[3]);
        let span = |size: usize| Side::new(size, self.align_corners).span as f32;
        let (plane, out_plane) = (h * w, out_h * out_w);
        let grid_row = grid.elements() / images;
        let launch = |images: Range<usize>, channels: Range<usize>| {
            let window = |from: usize, to: usize| site.device.window(from as u64..to as u64, 4);
            // Of one image some planes, of several images all of them.
            let (first, end) = (images.start * input.shape[1] + channels.start, (images.end - 1) * input.shape[1] + channels.end);
            let [from, to] = [plane, out_plane].map(|plane| window(first * plane, end * plane));
            let at = window(images.start * grid_row, images.end * grid_row);
            let chunk = planes_per_thread(images.len() * out_plane, channels.len(), site.device);
            let chunks = channels.len().div_ceil(chunk);
            let count = images.len() * chunks * out_plane;
            let params = Params {
                input_size: [u32_of(w), u32_of(h)],
                output_size: [u32_of(out_w), u32_of(out_h)],
                span: [span(w), span(h)],
                output_span: [span(out_w), span(out_h)],
                low: Side::new(w, self.align_corners).low as f32,
                channels: u32_of(channels.len()),
                chunk: u32_of(chunk),
                chunks: u32_of(chunks),
                count: u32_of(count),
                input_skip: from.skip,
                // Rows are whole pairs and windows start at multiples of 8 bytes or at the row itself.
                grid_skip: at.skip / 2,
                output_skip: to.skip,
            };
            Launch::new(&GRID_SAMPLE, &params, groups(count, WORKGROUP))
                .turns(nested(&[chunk]))
                .notes(true)
                .constant("MODE", self.mode as u32)
                .constant("PADDING", self.padding as u32)
                .constant("AFFINE", u32::from(affine))
                .input_window(0, &from)
                .input_window(1, &at)
                .output_window(0, &to)
        };
        let bytes = [channels * plane, grid_row, channels * out_plane].map(|row| 4 * row as u64);
        let launches = if site.device.cut(images, &bytes).is_some() || bytes[1] > site.device.max_binding() {
            launch_rows("grid_sample", site.device, images, &bytes, |part| launch(part, 0..channels))?
        } else {
            let planes = [plane, out_plane].map(|plane| 4 * plane as u64);
            let of_image = |n| launch_rows("grid_sample", site.device, channels, &planes, |part| launch(n..n + 1, part));
            (0..images).map(of_image).collect::<Result<Vec<_>>>()?.concat()
        };
        Ok(vec![Candidate::of(launches)])
    }
}

/// The output type of sampling `input` at as many images' places as `places` has, `size` each; checks what both operators need.
pub(super) fn sampled(op: &'static str, input: &TensorType, places: (&str, &TensorType), size: Hw) -> Result<Vec<TensorType>> {
    check_rank(op, "input", input, 4, "(N, C, H, W)")?;
    check_dtype(op, "input", input, DType::F32)?;
    let (what, places) = places;
    if places.shape[0] != input.shape[0] {
        return Err(Error::shape(op, format!("{what} {places} is for {} images, input {input} has {}", places.shape[0], input.shape[0])));
    }
    if input.elements() == 0 {
        return Err(Error::shape(op, format!("input {input} has no pixels to sample")));
    }
    check_sides(op, &[input.shape[2], input.shape[3], size.h, size.w])?;
    let output = TensorType::f32([input.shape[0], input.shape[1], size.h, size.w]);
    output.checked_elements()?;
    Ok(vec![output])
}

/// Refuses images whose pixels f32 coordinates cannot tell apart.
pub(super) fn check_sides(op: &'static str, sides: &[usize]) -> Result<()> {
    match sides.iter().find(|&&side| side as f64 > FAR) {
        Some(side) => Err(Error::unsupported(op, format!("a side of {side} pixels; f32 coordinates tell at most 2^24 apart"))),
        None => Ok(()),
    }
}
