//! `roi_align`: parts of images at one size, by samples between pixels.
//!
//! ```text
//! (x1, y1, x2, y2) = rois[k] * spatial_scale - offset          offset = 1/2 if aligned, else 0
//! bin = ((y2 - y1) / OH, (x2 - x1) / OW)                       a part is at least 1 high and wide unless aligned
//! S = sampling_ratio, or ceil(bin) where that is 0             along y and x
//! output[k, c, y, x] = mean over i < Sy, j < Sx of image(y1 + (y + (i + 1/2) / Sy) bin.y, x1 + (x + (j + 1/2) / Sx) bin.x)
//! ```
//!
//! where image is channel c of `input[batch_indices[k]]`, bilinear between pixels: positions up to one pixel outside count as on
//! the border, those further off are 0. `Max` takes the largest of all samples' weighted pixels, four to a sample, which is what
//! ONNX defines.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | rois | (K, 4): x1, y1, x2, y2 |
//! | `batch_indices` | i32 (K): which image; from the end where negative, the nearest where there is none |
//! | output | (K, C, OH, OW) |
//!
//! A part with a coordinate that is no number below 2^24 is 0. Samples that cannot meet the image are skipped, so the work for an
//! output has a bound however large its part is.
//!
//! Gradient, of means by input: a mean is `A image B^T` with what each bin takes of each row (A) and column (B), so it is `A^T grad B`, two
//! products of matrices for all parts together. `Max` has none yet, and none flows into rois.
//!
//! ONNX: `RoiAlign`. PyTorch: `torchvision.ops.roi_align` (the mean). Source: He et al., Mask R-CNN (2017).

mod weights;

pub use weights::RoiAlignWeights;

use super::gather::picked_place;
use super::grid_sample::{FAR, check_sides};
use super::u32_of;
use super::{
    Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, only_where, rounded, the_gradient,
};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        input_size: [u32; 2],
        output_size: [u32; 2],
        most: [u32; 2],
        images: u32,
        channels: u32,
        first: u32,
        count: u32,
        output_skip: u32,
        samples: u32,
        aligned: u32,
        largest: u32,
        spatial_scale: f32,
    }
}

static BINS: Kernel = kernel!("roi_align/bins", Params);
pub(super) const KERNELS: &[&Kernel] = &[&BINS, &weights::WEIGHTS];

/// Samples along one side that an attribute may ask for.
const MOST_SAMPLES: usize = 1024;

/// What becomes of a bin's samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoiMode {
    /// Their mean.
    #[default]
    Average,
    /// The largest of their weighted pixels.
    Max,
}

/// Parts of images at one size; the default is ONNX's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlign {
    /// The output's size.
    pub size: Hw,
    /// Samples along each side of a bin; 0 for one to a pixel, rounded up.
    pub sampling_ratio: usize,
    /// From the coordinates of parts to pixels.
    pub spatial_scale: f32,
    /// What becomes of a bin's samples.
    pub mode: RoiMode,
    /// Whether pixels are squares, so that coordinates are half a pixel less: ONNX's `half_pixel`.
    pub aligned: bool,
}

impl Default for RoiAlign {
    fn default() -> Self {
        Self { size: Hw::square(1), sampling_ratio: 0, spatial_scale: 1.0, mode: RoiMode::Average, aligned: true }
    }
}

/// Two pixels along one side and their weights.
type Tap = [(usize, f64); 2];

/// The samples of one bin along one side.
#[derive(Clone, Copy, Debug)]
struct Samples {
    first: f64,
    step: f64,
    count: f64,
    adaptive: bool,
}

impl Var {
    /// The parts `rois` (K, 4) of these images (N, C, H, W), each of image `batch_indices[k]`, at one size: see [`RoiAlign`].
    ///
    /// # Errors
    /// If shapes or dtypes do not fit.
    pub fn roi_align(&self, rois: &Self, batch_indices: &Self, attributes: RoiAlign) -> Result<Self> {
        self.apply1(attributes, &[rois, batch_indices])
    }
}

impl Op for RoiAlign {
    fn name(&self) -> &'static str {
        "roi_align"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        let (input, rois, indices) = (inputs[0], inputs[1], inputs[2]);
        check_rank(self.name(), "input", input, 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", input, DType::F32)?;
        check_dtype(self.name(), "rois", rois, DType::F32)?;
        check_dtype(self.name(), "batch_indices", indices, DType::I32)?;
        let parts = match (&rois.shape[..], &indices.shape[..]) {
            (&[parts, 4], &[count]) if parts == count => parts,
            _ => return Err(Error::shape(self.name(), format!("rois {rois} and batch_indices {indices} must be (K, 4) and (K)"))),
        };
        if input.elements() == 0 {
            return Err(Error::shape(self.name(), format!("input {input} has no pixels")));
        }
        self.check()?;
        check_sides(self.name(), &[input.shape[2], input.shape[3], self.size.h, self.size.w])?;
        let output = TensorType::f32([parts, input.shape[1], self.size.h, self.size.w]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (values, rois, indices) = (inputs[0].values::<f32>()?, inputs[1].to_f64(), inputs[2].values::<i32>()?);
        let &[images, channels, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        let mut output = Vec::new();
        for (roi, &index) in rois.chunks_exact(4).zip(indices) {
            let image = picked_place(index, images);
            let corners = self.corners(roi);
            for c in 0..channels {
                let pixel = |i: usize, j: usize| f64::from(values[((image * channels + c) * h + i) * w + j]);
                for y in 0..self.size.h {
                    for x in 0..self.size.w {
                        output.push(corners.map_or(0.0, |[x1, y1, x2, y2]| {
                            let (down, across) = (self.samples(y1, y2, self.size.h, y), self.samples(x1, x2, self.size.w, x));
                            self.bin(down, across, Hw::new(h, w), pixel)
                        }));
                    }
                }
            }
        }
        Ok(vec![rounded(&[indices.len(), channels, self.size.h, self.size.w], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let row = channels * self.size.area();
        let launches = launch_rows(self.name(), site.device, site.outputs[0].shape[0], &[row as u64 * 4], |part| {
            let window = site.device.window((part.start * row) as u64..(part.end * row) as u64, 4);
            let count = part.len() * row;
            let params = Params {
                input_size: [u32_of(w), u32_of(h)],
                output_size: [u32_of(self.size.w), u32_of(self.size.h)],
                most: [self.most(w), self.most(h)],
                images: u32_of(images),
                channels: u32_of(channels),
                first: u32_of(part.start),
                count: u32_of(count),
                output_skip: window.skip,
                samples: u32_of(self.sampling_ratio),
                aligned: u32::from(self.aligned),
                largest: u32::from(self.mode == RoiMode::Max),
                spatial_scale: self.spatial_scale,
            };
            Launch::new(&BINS, &params, groups(count, WORKGROUP)).input(0).input(1).input(2).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, rois) = (the_gradient(self.name(), output_grads)?, inputs[1].detach()?);
        let (&[n, c, h, w], &[parts, _, oh, ow]) = (inputs[0].shape(), grad.shape()) else { return Ok(vec![None; 3]) };
        if self.mode == RoiMode::Max {
            return Err(Error::unsupported(self.name(), "the gradient of Max"));
        }
        let weights = |pixels, across| rois.apply1(RoiAlignWeights { align: *self, pixels, across }, &[]);
        // Columns: (K, C OH, OW) by (K, OW, W). A part's bins of all rows become rows of one matrix (K OH, C W).
        let columns = grad.reshape([parts, c * oh, ow])?.matmul(&weights(w, true)?)?;
        let columns = columns.reshape([parts, c, oh, w])?.transpose([0, 2, 1, 3])?.reshape([parts * oh, c * w])?;
        // Rows: of each image those bins (H, K OH) whose part is of it.
        let integer = |value: usize| grad.graph().constant(Array::scalar(i32::try_from(value).unwrap_or(i32::MAX)));
        let (zero, count) = (integer(0)?, integer(n)?);
        let place = inputs[2].less(&zero)?.where_(&inputs[2].add(&count)?, &inputs[2])?.maximum(&zero)?.minimum(&integer(n - 1)?)?;
        let images = grad.graph().constant(Array::from_fn([n, 1], |i| i32::try_from(i).unwrap_or(i32::MAX)))?;
        let own = images.equal(&place)?.reshape([n, parts, 1, 1])?;
        let rows = only_where(&own, &weights(h, false)?.unsqueeze(0)?.expand([n, parts, oh, h])?)?;
        let rows = rows.transpose([0, 3, 1, 2])?.reshape([n * h, parts * oh])?;
        Ok(vec![Some(rows.matmul(&columns)?.reshape([n, h, c, w])?.transpose([0, 2, 1, 3])?), None, None])
    }
}

impl RoiAlign {
    fn check(self) -> Result<()> {
        if self.size.h == 0 || self.size.w == 0 || self.sampling_ratio > MOST_SAMPLES || !self.spatial_scale.is_finite() {
            let reason = format!("{self:?}: the size must be positive, sampling_ratio at most {MOST_SAMPLES}, spatial_scale finite");
            return Err(Error::shape(self.name(), reason));
        }
        Ok(())
    }

    /// Samples of a bin that can meet a side of `pixels`. Adaptive ones are more than half a pixel apart where there are several.
    fn most(self, pixels: usize) -> u32 {
        u32_of(if self.sampling_ratio > 0 { self.sampling_ratio } else { 2 * pixels + 6 })
    }

    /// Of a part, in pixels; `None` if one is no number below 2^24.
    fn corners(self, roi: &[f64]) -> Option<[f64; 4]> {
        let corner = |v: &f64| v * f64::from(self.spatial_scale) - if self.aligned { 0.5 } else { 0.0 };
        let corners = <&[f64; 4]>::try_from(roi).ok()?.each_ref().map(corner);
        corners.iter().all(|c| c.abs() < FAR).then_some(corners)
    }

    fn samples(self, start: f64, end: f64, bins: usize, bin: usize) -> Samples {
        let part = if self.aligned { end - start } else { (end - start).max(1.0) };
        let length = part / bins as f64;
        let count = if self.sampling_ratio > 0 { self.sampling_ratio as f64 } else { length.ceil().max(0.0) };
        let step = length / count.max(1.0);
        let adaptive = self.sampling_ratio == 0 && count > 0.0;
        Samples { first: start + bin as f64 * length + 0.5 * step, step, count, adaptive }
    }

    fn bin(self, down: Samples, across: Samples, size: Hw, pixel: impl Fn(usize, usize) -> f64) -> f64 {
        let (rows, all_rows) = down.taps(size.h);
        let (columns, all_columns) = across.taps(size.w);
        let terms = || rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x)));
        let product = |(i, wy): (usize, f64), (j, wx): (usize, f64)| wy * wx * pixel(i, j);
        match self.mode {
            RoiMode::Average => {
                let sample = |(y, x): (&Tap, &Tap)| y.iter().map(|&y| x.iter().map(|&x| product(y, x)).sum::<f64>()).sum::<f64>();
                terms().map(sample).sum::<f64>() / (down.count * across.count).max(1.0)
            }
            RoiMode::Max => {
                let all = terms().flat_map(|(y, x)| y.iter().flat_map(move |&y| x.iter().map(move |&x| (y, x))));
                let largest = all.map(|(y, x)| product(y, x)).reduce(f64::max);
                let inside = all_rows && all_columns;
                largest.map_or(0.0, |value| if inside { value } else { value.max(0.0) })
            }
        }
    }
}

impl Samples {
    /// Two pixels and weights for each sample that meets a side of `size` pixels, and whether all do.
    fn taps(self, size: usize) -> (Vec<Tap>, bool) {
        let last = size as f64 - 1.0;
        // Samples to one pixel go forwards; those that lie pixels away are skipped, since there may be millions.
        let near = |position: f64| ((position - self.first) / self.step).floor().clamp(0.0, self.count);
        let (first, end) = if self.adaptive { (near(-2.0), (near(last + 2.0) + 2.0).min(self.count)) } else { (0.0, self.count) };
        let mut taps = Vec::new();
        let mut i = first;
        while i < end {
            let position = self.first + i * self.step;
            if (-1.0..=size as f64).contains(&position) {
                let position = position.clamp(0.0, last);
                let (low, part) = (position.floor(), position - position.floor());
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole numbers from 0 to the side's last pixel"
                )]
                let (low, high) = (low as usize, (low + 1.0).min(last) as usize);
                taps.push([(low, 1.0 - part), (high, part)]);
            }
            i += 1.0;
        }
        let all = taps.len() as f64 == self.count;
        (taps, all)
    }
}
