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
//! ONNX defines; the first among equals, and a NaN before all.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | rois | (K, 4): x1, y1, x2, y2 |
//! | `batch_indices` | i32 (K): which image; from the end where negative, the nearest where there is none |
//! | output | (K, C, OH, OW) |
//! | indices, of `Max` | i32 (K, C, OH, OW): where in its H x W plane the pixel lay, y W + x; -1 where the value is the 0 outside |
//! | weights, of `Max` | (K, C, OH, OW): the pixel's |
//!
//! A part with a coordinate that is no number below 2^24 is 0. Samples that cannot meet the image are skipped, so the work for an
//! output has a bound however large its part is.
//!
//! Gradient, of means by input: a mean is `A image B^T` with what each bin takes of each row (A) and column (B), so it is `A^T grad B`, two
//! products of matrices for all parts together. Of `Max`: the pixel that won has the output's times its weight, added up part by part
//! ([`RoiAlignMaxGradient`]). None flows into rois.
//!
//! ONNX: `RoiAlign`. PyTorch: `torchvision.ops.roi_align` (the mean). Source: He et al., Mask R-CNN (2017).

mod largest;
mod weights;

pub use largest::RoiAlignMaxGradient;
pub use weights::RoiAlignWeights;

use super::gather::picked_place;
use super::grid_sample::{FAR, check_sides};
use super::slices::nested;
use super::u32_of;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, only_where, rounded};
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
        spatial_scale: f32,
    }
}

static MEANS: Kernel = kernel!("roi_align/means", Params);
static LARGEST: Kernel = kernel!("roi_align/largest", Params);
pub(super) const KERNELS: &[&Kernel] = &[&MEANS, &LARGEST, &largest::GRADIENT, &weights::WEIGHTS];

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

/// A bin's value, and the pixel that it is of where it is one's.
#[derive(Clone, Copy, Debug)]
struct Picked {
    value: f64,
    index: i32,
    weight: f64,
}

impl Picked {
    /// What there is outside of the image.
    const NONE: Self = Self { value: 0.0, index: -1, weight: 0.0 };
}

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
        let outputs = self.apply_all(attributes, &[rois, batch_indices])?;
        outputs.into_iter().next().ok_or_else(|| Error::shape(attributes.name(), "has an output"))
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
        Ok(match self.mode {
            RoiMode::Average => vec![output],
            RoiMode::Max => vec![output.clone(), TensorType::new(DType::I32, output.shape.clone()), output],
        })
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (values, rois, indices) = (inputs[0].values::<f32>()?, inputs[1].to_f64(), inputs[2].values::<i32>()?);
        let &[images, channels, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        let mut picked = Vec::new();
        for (roi, &index) in rois.chunks_exact(4).zip(indices) {
            let image = picked_place(index, images);
            let corners = self.corners(roi);
            for c in 0..channels {
                let pixel = |i: usize, j: usize| f64::from(values[((image * channels + c) * h + i) * w + j]);
                for (y, x) in (0..self.size.h).flat_map(|y| (0..self.size.w).map(move |x| (y, x))) {
                    picked.push(corners.map_or(Picked::NONE, |[x1, y1, x2, y2]| {
                        let (down, across) = (self.samples(y1, y2, self.size.h, y), self.samples(x1, x2, self.size.w, x));
                        self.bin(down, across, Hw::new(h, w), pixel)
                    }));
                }
            }
        }
        let shape = [indices.len(), channels, self.size.h, self.size.w];
        let of = |number: fn(&Picked) -> f64| rounded(&shape, picked.iter().map(number).collect());
        let output = of(|picked| picked.value)?;
        Ok(match self.mode {
            RoiMode::Average => vec![output],
            RoiMode::Max => {
                let indices = Array::new(shape, picked.iter().map(|picked| picked.index).collect::<Vec<i32>>())?;
                vec![output, indices, of(|picked| picked.weight)?]
            }
        })
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let row = channels * self.size.area();
        let kernel = if self.mode == RoiMode::Max { &LARGEST } else { &MEANS };
        let rows = vec![row as u64 * 4; site.outputs.len()];
        // Of adaptive samples only the parts know how many there are. A team shares those of a bin that could have too many for one.
        let turns = |team: usize| nested(&[(self.most(h) as usize).div_ceil(team), self.most(w) as usize]) + team;
        let team = if turns(1) > site.device.max_turns { WORKGROUP as usize } else { 1 };
        let launches = launch_rows(self.name(), site.device, site.outputs[0].shape[0], &rows, |part| {
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
                spatial_scale: self.spatial_scale,
            };
            let launch = Launch::new(kernel, &params, groups(count, WORKGROUP / u32_of(team))).constant("TEAM", u32_of(team));
            let launch = launch.turns(turns(team)).input(0).input(1).input(2);
            (0..site.outputs.len()).fold(launch, |launch, output| launch.output_window(output, &window))
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let Some(grad) = output_grads.first().and_then(Option::as_ref) else { return Ok(vec![None; 3]) };
        let rois = inputs[1].detach()?;
        let (&[n, c, h, w], &[parts, _, oh, ow]) = (inputs[0].shape(), grad.shape()) else { return Ok(vec![None; 3]) };
        if let [_, indices, weights] = outputs {
            let of_input = RoiAlignMaxGradient { align: *self, images: n, image: Hw::new(h, w) };
            return Ok(vec![Some(rois.apply1(of_input, &[&inputs[2], indices, &grad.mul(weights)?])?), None, None]);
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

    fn bin(self, down: Samples, across: Samples, size: Hw, pixel: impl Fn(usize, usize) -> f64) -> Picked {
        let (rows, all_rows) = down.taps(size.h);
        let (columns, all_columns) = across.taps(size.w);
        let samples = rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x)));
        let terms = samples.flat_map(|(y, x)| y.iter().flat_map(move |&y| x.iter().map(move |&x| (y, x))));
        let terms = terms.map(|((i, wy), (j, wx))| Picked {
            value: wy * wx * pixel(i, j),
            index: i32::try_from(i * size.w + j).unwrap_or(i32::MAX),
            weight: wy * wx,
        });
        match self.mode {
            RoiMode::Average => {
                let value = terms.map(|term| term.value).sum::<f64>() / (down.count * across.count).max(1.0);
                Picked { value, ..Picked::NONE }
            }
            RoiMode::Max => {
                // A sample outside is 0.
                let outside = (!(all_rows && all_columns)).then_some(Picked::NONE);
                let wins = |best: Picked, term: Picked| {
                    if term.value > best.value || (term.value.is_nan() && !best.value.is_nan()) { term } else { best }
                };
                terms.chain(outside).reduce(wins).unwrap_or(Picked::NONE)
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
