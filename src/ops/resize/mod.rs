//! resize: images of another size.
//!
//! ```text
//! output[n, c, y, x] = sum over (i, j) of  w(py(y), i) w(px(x), j) input[n, c, i, j]
//! ```
//!
//! where `p` is the input position of an output pixel, for a side of I pixels resized to O, scale s = O / I or as given:
//!
//! | coordinates | p(x) |
//! |---|---|
//! | `HalfPixel` | (x + 1/2) / s - 1/2 |
//! | `PytorchHalfPixel` | the same; 0 if O = 1 |
//! | `HalfPixelSymmetric` | I/2 (1 - O / (s I)) + (x + 1/2) / s - 1/2 |
//! | `AlignCorners` | x (I - 1) / (s I - 1); 0 if O = 1 |
//! | Asymmetric | x / s |
//! | `TfHalfPixelForNn` | (x + 1/2) / s |
//! | `TfCropAndResize` | start (I - 1) + x (end - start) (I - 1) / (O - 1); (start + end) (I - 1) / 2 if O = 1 |
//!
//! | mode | weights w(p, i) |
//! |---|---|
//! | Nearest | 1 at p, rounded as `rounding` says |
//! | Bilinear | max(0, 1 - abs(p - i)) |
//! | Bicubic | Keys' cubic with `cubic_coefficient` at floor(p) - 1 .. floor(p) + 2 |
//!
//! Pixels outside are the nearest inside; bicubic with `exclude_outside` leaves them out and scales the other weights to sum 1.
//! (Nearest and bilinear would give the same either way.)
//!
//! With `antialias`, for an image that shrinks, the weights are `w((p - i) s)`, scaled to sum 1: as wide as the step between
//! output pixels, so that every input pixel counts. Pixels outside are the nearest inside, as ONNX has it, or with
//! `exclude_outside` left out, as PyTorch and Pillow do.
//!
//! A side that keeps its size, with no scale but 1, keeps its pixels whatever the coordinates; `TfCropAndResize` may move them.
//! [`Var::resize_axes`] resizes any axes of any tensor.
//!
//! Positions are fractions of whole numbers, and a kernel computes them as such: see [`line`]. A scale is read as the simplest
//! fraction that rounds to it.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | output | (N, C, size.h, size.w) |
//!
//! Gradient, of all modes: `input[n, c, i, j] = sum over (y, x) of w(py(y), i) w(px(x), j) g[n, c, y, x]`, along one side after the other.
//!
//! ONNX: Resize, Upsample. PyTorch: `torch.nn.functional.interpolate`: bilinear and bicubic are `HalfPixel` or `AlignCorners`,
//! `nearest` is Asymmetric with Floor, `nearest-exact` `HalfPixel` with `RoundPreferCeil`.

mod axes;
mod line;
mod positions;
mod smooth;

pub use axes::ResizeAxis;

use super::adjoint::adjoint;
use super::grid_sample::check_sides;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, planes_per_thread, rounded};
use super::{the_gradient, u32_of};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;
pub(super) use line::Line;
use smooth::ANTIALIAS;

params! {
    struct Params {
        x_whole: [u32; 4],
        x_real: [f32; 4],
        y_whole: [u32; 4],
        y_real: [f32; 4],
        input_size: [u32; 2],
        output_size: [u32; 2],
        planes: u32,
        chunk: u32,
        count: u32,
        input_skip: u32,
        output_skip: u32,
        rounding: u32,
        exclude_outside: u32,
        extrapolate: u32,
        extrapolation: f32,
        cubic_coefficient: f32,
    }
}

static GATHER: Kernel = kernel!("resize/gather", Params);
static UPSAMPLE: Kernel = kernel!("resize/upsample", Params);
pub(super) const KERNELS: &[&Kernel] = &[&ANTIALIAS, &GATHER, &UPSAMPLE];

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResizeMode {
    /// From the four pixels around.
    Bilinear,
    /// One pixel, chosen by [`NearestRounding`].
    Nearest,
    /// From sixteen pixels, by Keys' cubic.
    Bicubic,
}

/// Which input position an output pixel has; the formulas are in ONNX's words and stand in [`Resize`]'s module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coordinates {
    /// Pixels are squares and the images' edges coincide.
    HalfPixel,
    /// [`Coordinates::HalfPixel`], but a single output pixel lies at 0.
    PytorchHalfPixel,
    /// [`Coordinates::HalfPixel`] about the centre, for scales that the sizes do not follow exactly.
    HalfPixelSymmetric,
    /// Pixels are points and the corner pixels coincide.
    AlignCorners,
    /// Pixels are points and the first ones coincide.
    Asymmetric,
    /// [`Coordinates::HalfPixel`] without the half pixel taken off again.
    TfHalfPixelForNn,
    /// A part of the image.
    TfCropAndResize {
        /// Its upper and left ends, 0 the first and 1 the last pixel.
        start: (f32, f32),
        /// Its lower and right ends.
        end: (f32, f32),
        /// The value of output pixels that lie outside the image.
        extrapolation: f32,
    },
}

/// Which pixel is nearest to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NearestRounding {
    /// The closest, of two the lower.
    RoundPreferFloor,
    /// The closest, of two the upper.
    RoundPreferCeil,
    /// The one below.
    Floor,
    /// The one above.
    Ceil,
}

/// How images are resized: [`Resize::to`] a size, and what differs from ONNX's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resize {
    /// The output's size.
    pub size: Hw,
    /// How values between pixels are found.
    pub mode: ResizeMode,
    /// Which input position an output pixel has.
    pub coordinates: Coordinates,
    /// Which pixel is nearest, for [`ResizeMode::Nearest`].
    pub rounding: NearestRounding,
    /// The `a` of [`ResizeMode::Bicubic`].
    pub cubic_coefficient: f32,
    /// Whether [`ResizeMode::Bicubic`] and `antialias` leave out pixels outside the image rather than repeating its border.
    pub exclude_outside: bool,
    /// The scales (vertical, horizontal) that positions follow where they are not the ratios of the sizes.
    pub scales: Option<(f32, f32)>,
    /// Whether bilinear and bicubic weights widen where the image shrinks. PyTorch then has a `cubic_coefficient` of -0.5, and
    /// `exclude_outside`.
    pub antialias: bool,
}

impl Resize {
    /// To `size` with ONNX's defaults: nearest, half-pixel coordinates, halves to the lower pixel, a = -0.75.
    pub const fn to(size: Hw) -> Self {
        Self {
            size,
            mode: ResizeMode::Nearest,
            coordinates: Coordinates::HalfPixel,
            rounding: NearestRounding::RoundPreferFloor,
            cubic_coefficient: -0.75,
            exclude_outside: false,
            scales: None,
            antialias: false,
        }
    }

    /// To `size`, bilinear, without antialiasing: PyTorch's `interpolate(mode="bilinear")`.
    pub const fn bilinear(size: Hw) -> Self {
        Self { mode: ResizeMode::Bilinear, ..Self::to(size) }
    }

    /// To `size`, bilinear with antialiasing: what photos are made smaller with.
    pub const fn smooth(size: Hw) -> Self {
        Self { antialias: true, exclude_outside: true, ..Self::bilinear(size) }
    }
}

impl Var {
    /// These images (N, C, H, W) at another size.
    ///
    /// # Errors
    /// If the shape, the dtype or an attribute does not fit.
    pub fn resize(&self, options: Resize) -> Result<Self> {
        self.apply1(options, &[])
    }
}

impl Op for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        check_rank(self.name(), "input", input, 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", input, DType::F32)?;
        if self.antialias && self.mode == ResizeMode::Nearest {
            return Err(Error::shape(self.name(), "antialias has no meaning for Nearest"));
        }
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| input.shape[i]);
        if input.elements() == 0 {
            return Err(Error::shape(self.name(), format!("input {input} has no pixels to resize")));
        }
        check_sides(self.name(), &[h, w, self.size.h, self.size.w])?;
        let output = TensorType::f32([n, c, self.size.h, self.size.w]);
        output.checked_elements()?;
        self.check_attributes(Hw::new(h, w))?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let values = inputs[0].values::<f32>()?;
        let &[n, c, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        let [rows, columns] = self.lines(Hw::new(h, w));
        let [tall, wide] = self.widenings(Hw::new(h, w));
        let down: Vec<_> = (0..self.size.h).map(|y| self.taps(rows, tall, y, h)).collect();
        let across: Vec<_> = (0..self.size.w).map(|x| self.taps(columns, wide, x, w)).collect();
        let mut output = Vec::with_capacity(n * c * self.size.area());
        for plane in 0..n * c {
            let pixel = |i: usize, j: usize| f64::from(values[(plane * h + i) * w + j]);
            for y in &down {
                for x in &across {
                    output.push(match (y, x) {
                        (Some(y), Some(x)) => y.iter().map(|&(i, wy)| x.iter().map(|&(j, wx)| wy * wx * pixel(i, j)).sum::<f64>()).sum(),
                        _ => f64::from(self.extrapolation().unwrap_or(0.0)),
                    });
                }
            }
        }
        Ok(vec![rounded(&[n, c, self.size.h, self.size.w], output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        if self.antialias {
            return self.launch_smooth(site);
        }
        let [n, c, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let [rows, columns] = self.lines(Hw::new(h, w));
        let (y, x) = (rows.for_shader(self.size.h), columns.for_shader(self.size.w));
        let extrapolation = self.extrapolation();
        let tiles = self.mode == ResizeMode::Bilinear && self.size.w.is_multiple_of(4) && extrapolation.is_none();
        let tiles = tiles && rows.makes_tiles(y) && columns.makes_tiles(x);

        let items = if tiles { self.size.w / 4 * self.size.h.div_ceil(4) } else { self.size.area() };
        let row = [(h * w) as u64, self.size.area() as u64];
        let launches = launch_rows(self.name(), site.device, n * c, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let chunk = planes_per_thread(items, part.len(), site.device);
            let count = items * part.len().div_ceil(chunk);
            let params = Params {
                x_whole: x.whole,
                x_real: x.real,
                y_whole: y.whole,
                y_real: y.real,
                input_size: [u32_of(w), u32_of(h)],
                output_size: [u32_of(self.size.w), u32_of(self.size.h)],
                planes: u32_of(part.len()),
                chunk: u32_of(chunk),
                count: u32_of(count),
                input_skip: from.skip,
                output_skip: if tiles { to.skip / 4 } else { to.skip },
                rounding: self.rounding as u32,
                exclude_outside: u32::from(self.exclude_outside),
                extrapolate: u32::from(extrapolation.is_some()),
                extrapolation: extrapolation.unwrap_or(0.0),
                cubic_coefficient: self.cubic_coefficient,
            };
            let kernel = if tiles { &UPSAMPLE } else { &GATHER };
            let launch = Launch::new(kernel, &params, groups(count, WORKGROUP)).turns(chunk).notes(true);
            let launch = launch.input_window(0, &from).output_window(0, &to);
            if tiles { launch } else { launch.constant("MODE", self.mode as u32) }
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (h, w) = (inputs[0].shape()[2], inputs[0].shape()[3]);
        let [rows, columns] = self.lines(Hw::new(h, w));
        let [tall, wide] = self.widenings(Hw::new(h, w));
        // What is extrapolated depends on nothing.
        let across: Vec<_> = (0..self.size.w).map(|x| self.taps(columns, wide, x, w).unwrap_or_default()).collect();
        let down: Vec<_> = (0..self.size.h).map(|y| self.taps(rows, tall, y, h).unwrap_or_default()).collect();
        let (by_rows, by_columns) = (|v: &Var| adjoint(v, 2, h, &down), |v: &Var| adjoint(v, 3, w, &across));
        // Whole vectors are added up along rows, so columns are the pass that is to have fewer numbers.
        Ok(vec![Some(if h < self.size.h { by_columns(&by_rows(grad)?)? } else { by_rows(&by_columns(grad)?)? })])
    }
}
