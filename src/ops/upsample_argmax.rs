//! `upsample_argmax`: the likeliest class of each pixel by scores of a smaller map.
//!
//! ```text
//! output = argmax(resize(input), axis 1)
//! ```
//!
//! What segmentation ends with. The enlarged scores are never stored: each pixel's are computed where they are compared, class after
//! class. That saves 4 bytes for each class and pixel, written and read, and the memory that they lie in.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W): scores of C classes |
//! | output | (N, OH, OW), or (N, 1, OH, OW) with `keepdims`; i32 |
//!
//! The resize is bilinear without antialias, to as many pixels or more, at positions that are fractions of whole numbers. Of equal
//! scores the first class wins, or the last with `select_last_index`; a NaN wins over every number. Nothing else of a score counts than
//! how it compares, so the gradient of the two is zero.
//!
//! Scores are computed as `resize` does, in the same order. A kernel's are off by less than 2^-20 of the largest magnitude m of a
//! class's four pixels. The whole part of a position is exact and its fraction off by 2^-23, so one side's two weights are off by 2^-23
//! and 3 2^-24 together 5 2^-24 m; two products and a sum add 2 2^-24 m. Rows are off by 7 2^-24 m, then, what is made of two
//! rows by twice that, 14 2^-24 m, and the reference's by its rounding, 2^-24 m. Which class wins where two scores are nearer than what
//! both may be off by, is up to the device: a check takes either ([`Op::expected`]).
//!
//! ONNX: Resize, then `ArgMax`. PyTorch: `interpolate(x, size, mode="bilinear").argmax(1)`.

use super::resize::Line;
use super::slices::nested;
use super::{ArgKind, ArgReduce, Candidate, Op, Resize, ResizeMode, Site, WORKGROUP, groups, launch_rows, u32_of};
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        x_whole: [u32; 4],
        x_real: [f32; 4],
        y_whole: [u32; 4],
        y_real: [f32; 4],
        input_size: [u32; 2],
        output_size: [u32; 2],
        classes: u32,
        count: u32,
        input_skip: u32,
        output_skip: u32,
    }
}

const ONE: &str = "alias Scalar = u32;\n#import scalar\n";
const FOUR: &str = "alias Scalar = u32;\n#import vec4\n";
static TILES: Kernel = kernel!("upsample_argmax/tiles", Params, header: FOUR);
static PIXELS: Kernel = kernel!("upsample_argmax/pixels", Params, header: ONE);
pub(super) const KERNELS: &[&Kernel] = &[&TILES, &PIXELS];

/// What a score may be off by for each unit of the largest magnitude among the pixels that it is made of: see the module.
const OFF: f64 = 1.0 / (1 << 20) as f64;

/// How scores are enlarged and compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpsampleArgmax {
    /// How they are enlarged: bilinear, without antialias.
    pub resize: Resize,
    /// Whether the classes' dimension stays with size 1.
    pub keepdims: bool,
    /// The last of equal classes instead of the first.
    pub select_last_index: bool,
}

impl Var {
    /// The class with the largest of these scores (N, C, H, W), enlarged, at each pixel.
    ///
    /// # Errors
    /// If the shape or the dtype does not fit, or the scores are not enlarged bilinearly.
    pub fn upsample_argmax(&self, options: UpsampleArgmax) -> Result<Self> {
        self.apply1(options, &[])
    }
}

impl Op for UpsampleArgmax {
    fn name(&self) -> &'static str {
        "upsample_argmax"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let enlarged = self.resize.infer(inputs)?.remove(0);
        let (input, size) = (size_of(inputs[0]), self.resize.size);
        if self.resize.mode != ResizeMode::Bilinear || self.resize.antialias || self.resize.extrapolation().is_some() {
            return Err(Error::unsupported(
                self.name(),
                format!("{:?}; it is bilinear, without antialias or a value outside", self.resize),
            ));
        }
        if size.area() < input.area() {
            let reason = format!("of {} to {}x{}: fewer pixels than there are", inputs[0], size.h, size.w);
            return Err(Error::unsupported(self.name(), reason));
        }
        if self.lines(input).iter().zip([size.h, size.w]).any(|(line, side)| !line.for_shader(side).is_exact()) {
            return Err(Error::unsupported(self.name(), format!("{:?}: positions that are no fractions of whole numbers", self.resize)));
        }
        self.argmax().infer(&[&enlarged])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let enlarged = self.resize.reference(inputs)?;
        self.argmax().reference(&enlarged.iter().collect::<Vec<_>>())
    }

    fn expected(&self, inputs: &[&Array], found: &[Array]) -> Result<Vec<Array>> {
        let enlarged = self.resize.reference(inputs)?;
        let best = self.argmax().reference(&enlarged.iter().collect::<Vec<_>>())?;
        let ([input, ..], [scores, ..], [best, ..], [found, ..]) = (inputs, &enlarged[..], &best[..], found) else { return Ok(best) };
        if found.ty() != best.ty() {
            return Ok(vec![best.clone()]);
        }
        let (size, own, classes) = (self.resize.size, size_of(&input.ty()), input.shape()[1]);
        let (pixels, scores) = (input.values::<f32>()?, scores.values::<f32>()?);
        let [rows, columns] = self.lines(own);
        let tied = |(at, (&best, &found)): (usize, (&i32, &i32))| {
            let Some(other) = usize::try_from(found).ok().filter(|&k| k < classes && found != best) else { return best };
            let (image, y, x) = (at / size.area(), at % size.area() / size.w, at % size.w);
            let taps = |line, at, side| self.resize.taps(line, 1.0, at, side).unwrap_or_default();
            let (down, across) = (taps(rows, y, own.h), taps(columns, x, own.w));
            let score = |k: usize| f64::from(scores[((image * classes + k) * size.h + y) * size.w + x]);
            let off = |k: usize| {
                let pixel = |i: usize, j: usize| f64::from(pixels[((image * classes + k) * own.h + i) * own.w + j]).abs();
                let largest = down.iter().flat_map(|&(i, _)| across.iter().map(move |&(j, _)| pixel(i, j))).fold(0.0, f64::max);
                OFF * largest + f64::from(f32::MIN_POSITIVE)
            };
            let first = usize::try_from(best).unwrap_or(0);
            if score(first) - score(other) <= off(first) + off(other) { found } else { best }
        };
        let labels = best.values::<i32>()?.iter().zip(found.values::<i32>()?).enumerate().map(tied).collect::<Vec<i32>>();
        Ok(vec![Array::new(best.shape(), labels)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, classes, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let size = self.resize.size;
        let [rows, columns] = self.lines(Hw::new(h, w));
        let (y, x) = (rows.for_shader(size.h), columns.for_shader(size.w));
        let row = [(classes * h * w) as u64, size.area() as u64];
        let candidate = |kernel: &'static Kernel, header: &'static str, items: usize| {
            let launches = launch_rows(self.name(), site.device, images, &row.map(|r| r * 4), |part| {
                let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
                let params = Params {
                    x_whole: x.whole,
                    x_real: x.real,
                    y_whole: y.whole,
                    y_real: y.real,
                    input_size: [u32_of(w), u32_of(h)],
                    output_size: [u32_of(size.w), u32_of(size.h)],
                    classes: u32_of(classes),
                    count: u32_of(part.len() * items),
                    input_skip: from.skip,
                    output_skip: to.skip,
                };
                Launch::new(kernel, &params, groups(part.len() * items, WORKGROUP))
                    .turns(nested(&[classes]))
                    .header(header)
                    .constant("LAST", u32::from(self.select_last_index))
                    .input_window(0, &from)
                    .output_window(0, &to)
            });
            launches.map(Candidate::of)
        };
        let tiles = rows.makes_tiles(y) && columns.makes_tiles(x);
        let tiles = tiles.then(|| candidate(&TILES, FOUR, size.w.div_ceil(4) * size.h.div_ceil(4)));
        tiles.into_iter().chain([candidate(&PIXELS, ONE, size.area())]).collect()
    }
}

impl UpsampleArgmax {
    fn argmax(&self) -> ArgReduce {
        ArgReduce { kind: ArgKind::Max, axis: 1, keepdims: self.keepdims, select_last_index: self.select_last_index }
    }

    fn lines(&self, input: Hw) -> [Line; 2] {
        self.resize.lines(input)
    }
}

/// The height and width of (N, C, H, W).
fn size_of(ty: &TensorType) -> Hw {
    let side = |d: usize| ty.shape.get(d).copied().unwrap_or(0);
    Hw::new(side(2), side(3))
}
