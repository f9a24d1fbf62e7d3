//! The gradient of the largest of bins, by where their pixels lay.

use super::RoiAlign;
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;
use crate::ops::gather::picked_place;
use crate::ops::grid_sample::check_sides;
use crate::ops::max_roi_pool::at_places;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, the_gradient, u32_of};

params! {
    struct Params {
        input_size: [u32; 2],
        output_size: [u32; 2],
        images: u32,
        channels: u32,
        parts: u32,
        first: u32,
        count: u32,
        output_skip: u32,
        aligned: u32,
        spatial_scale: f32,
    }
}

pub(super) static GRADIENT: Kernel = kernel!("roi_align/largest_gradient", Params);

/// The gradient of images of whose parts bins have the largest weighted pixel: of rois, `batch_indices`, indices and the gradient of
/// the output times weights the gradient (N, C, H, W) of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlignMaxGradient {
    /// The operator.
    pub align: RoiAlign,
    /// How many images there are.
    pub images: usize,
    /// Their size.
    pub image: Hw,
}

impl Op for RoiAlignMaxGradient {
    fn name(&self) -> &'static str {
        "roi_align_max_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 4..=4)?;
        check_dtype(self.name(), "rois", inputs[0], DType::F32)?;
        check_dtype(self.name(), "batch_indices", inputs[1], DType::I32)?;
        check_dtype(self.name(), "indices", inputs[2], DType::I32)?;
        check_dtype(self.name(), "grad", inputs[3], DType::F32)?;
        self.align.check()?;
        check_sides(self.name(), &[self.image.h, self.image.w])?;
        let Hw { h, w } = self.align.size;
        match (&inputs[0].shape[..], &inputs[1].shape[..], &inputs[2].shape[..], &inputs[3].shape[..]) {
            (&[parts, 4], &[count], of_indices, of_grad @ &[of_parts, channels, y, x])
                if of_indices == of_grad && (count, of_parts, y, x) == (parts, parts, h, w) && self.images > 0 && self.image.area() > 0 =>
            {
                let output = TensorType::f32([self.images, channels, self.image.h, self.image.w]);
                output.checked_elements()?;
                Ok(vec![output])
            }
            _ => {
                let given = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let reason = format!("{given} must be (K, 4), (K) and twice (K, C, {h}, {w}), of at least one pixel");
                Err(Error::shape(self.name(), reason))
            }
        }
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (rois, images) = (inputs[0].to_f64(), inputs[1].values::<i32>()?);
        let (indices, grad) = (inputs[2].values::<i32>()?, inputs[3].values::<f32>()?);
        let (plane, bins) = (self.image.area(), self.align.size.area());
        let channels = inputs[3].shape().get(1).copied().unwrap_or(0);
        let mut output = vec![0.0f32; self.images * channels * plane];
        for (at, (&index, &value)) in indices.iter().zip(grad).enumerate() {
            let (k, channel) = (at / bins / channels, at / bins % channels);
            let (Some(corners), Ok(place)) = (self.align.corners(&rois[4 * k..][..4]), usize::try_from(index)) else { continue };
            // An index that is not of the part is dropped.
            if place < plane && self.reaches(corners, place) {
                output[(picked_place(images[k], self.images) * channels + channel) * plane + place] += value;
            }
        }
        Ok(vec![Array::new([self.images, channels, self.image.h, self.image.w], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (parts, channels) = (site.inputs[3].shape[0], site.inputs[3].shape[1]);
        let (plane, bins) = (self.image.area(), self.align.size);
        let launches = launch_rows(self.name(), site.device, self.images * channels, &[plane as u64 * 4], |planes| {
            let window = site.device.window((planes.start * plane) as u64..(planes.end * plane) as u64, 4);
            let params = Params {
                input_size: [u32_of(self.image.w), u32_of(self.image.h)],
                output_size: [u32_of(bins.w), u32_of(bins.h)],
                images: u32_of(self.images),
                channels: u32_of(channels),
                parts: u32_of(parts),
                first: u32_of(planes.start),
                count: u32_of(planes.len() * plane),
                output_skip: window.skip,
                aligned: u32::from(self.align.aligned),
                spatial_scale: self.align.spatial_scale,
            };
            let launch = Launch::new(&GRADIENT, &params, groups(planes.len() * plane, WORKGROUP)).turns(nested(&[parts, bins.area()]));
            launch.input(0).input(1).input(2).input(3).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    /// Of grad: what the output's gradient is where the largest lay.
    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let of_output = the_gradient(self.name(), output_grads)?;
        Ok(vec![None, None, None, Some(at_places(of_output, &inputs[1], &inputs[2])?)])
    }
}

impl RoiAlignMaxGradient {
    /// Whether samples of a part may have met the pixel at `place`. One is less than a pixel off those it lies between, or one where it
    /// is outside; the rest is for what rounding does.
    fn reaches(&self, [x1, y1, x2, y2]: [f64; 4], place: usize) -> bool {
        let near = |start: f64, end: f64, at: usize| {
            let end = if self.align.aligned { end } else { start + (end - start).max(1.0) };
            (start.min(end) - 2.0..=start.max(end) + 2.0).contains(&(at as f64))
        };
        near(x1, x2, place % self.image.w) && near(y1, y2, place / self.image.w)
    }
}
