//! Of each bin's mean how much it takes of each pixel along one side: a mean of samples at the same places of all rows is a product with these.

use super::RoiAlign;
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::ops::grid_sample::check_sides;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, rounded, u32_of};

params! {
    struct Params {
        size: u32,
        bins: u32,
        most: u32,
        first: u32,
        count: u32,
        output_skip: u32,
        samples: u32,
        aligned: u32,
        across: u32,
        spatial_scale: f32,
    }
}

pub(super) static WEIGHTS: Kernel = kernel!("roi_align/weights", Params);

/// How much of each pixel along one side there is in each bin's mean: of rois (K, 4) numbers (K, bins, pixels).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlignWeights {
    /// The operator.
    pub align: RoiAlign,
    /// Pixels along the side.
    pub pixels: usize,
    /// Whether the side is x; else y.
    pub across: bool,
}

impl Op for RoiAlignWeights {
    fn name(&self) -> &'static str {
        "roi_align_weights"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "rois", inputs[0], DType::F32)?;
        self.align.check()?;
        check_sides(self.name(), &[self.pixels, self.bins()])?;
        match inputs[0].shape[..] {
            [parts, 4] if self.pixels > 0 => {
                let output = TensorType::f32([parts, self.bins(), self.pixels]);
                output.checked_elements()?;
                Ok(vec![output])
            }
            _ => Err(Error::shape(self.name(), format!("rois {} must be (K, 4), with {} pixels", inputs[0], self.pixels))),
        }
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let rois = inputs[0].to_f64();
        let (parts, bins) = (rois.len() / 4, self.bins());
        let mut output = vec![0.0; parts * bins * self.pixels];
        for (row, output) in output.chunks_exact_mut(self.pixels).enumerate() {
            let Some([x1, y1, x2, y2]) = self.align.corners(&rois[row / bins * 4..][..4]) else { continue };
            let (start, end) = if self.across { (x1, x2) } else { (y1, y2) };
            let samples = self.align.samples(start, end, bins, row % bins);
            for (pixel, weight) in samples.taps(self.pixels).0.into_iter().flatten() {
                output[pixel] += weight / samples.count.max(1.0);
            }
        }
        Ok(vec![rounded(&[parts, bins, self.pixels], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let row = self.bins() * self.pixels;
        let launches = launch_rows(self.name(), site.device, site.outputs[0].shape[0], &[row as u64 * 4], |part| {
            let window = site.device.window((part.start * row) as u64..(part.end * row) as u64, 4);
            let params = Params {
                size: u32_of(self.pixels),
                bins: u32_of(self.bins()),
                most: self.align.most(self.pixels),
                first: u32_of(part.start),
                count: u32_of(part.len() * row),
                output_skip: window.skip,
                samples: u32_of(self.align.sampling_ratio),
                aligned: u32::from(self.align.aligned),
                across: u32::from(self.across),
                spatial_scale: self.align.spatial_scale,
            };
            let launch = Launch::new(&WEIGHTS, &params, groups(part.len() * row, WORKGROUP));
            launch.turns(nested(&[params.most as usize])).input(0).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }
}

impl RoiAlignWeights {
    fn bins(&self) -> usize {
        if self.across { self.align.size.w } else { self.align.size.h }
    }
}
