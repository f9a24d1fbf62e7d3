//! `non_max_suppression`: of boxes in the order of how good they are, those that no better one covers.
//!
//! ```text
//! kept = {};  for j in 0..B:  if iou(boxes[n, j], boxes[n, i]) <= threshold for all i in kept: kept += j      until `most` are kept
//! indices[n, k] = the k-th of kept, -1 where there are fewer
//!
//! side = max(0, min(b2, c2) - max(b1, c1) + edge)      edge = 1 where corners are pixels that belong to a box, else 0
//! iou  = side.x side.y / (area b + area c - side.x side.y), 0 where a box has no area or a corner that is NaN
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | boxes | (N, B, 4): x1, y1, x2, y2, the best first; f32 |
//! | indices | i32 (N, most) |
//!
//! How many are kept is a value, and shapes are static: `most` places, of which the last may be empty. One workgroup takes an image, and a
//! round of it a kept box: it crosses out what overlaps too much behind it, and finds the next. No gradient flows through indices; it
//! flows through the boxes that are gathered by them.
//!
//! ONNX's `NonMaxSuppression` has as many outputs as there are boxes left: [`crate::onnx`] knows it where boxes are known. PyTorch:
//! `torchvision.ops.nms`, whose boxes need no order.

use super::slices::nested;
use super::{Candidate, Op, Site, check_dtype, check_inputs, check_rank, launch_rows, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        boxes: u32,
        most: u32,
        first_round: u32,
        rounds: u32,
        images: u32,
        first_image: u32,
        boxes_skip: u32,
        output_skip: u32,
        edge: f32,
        threshold: f32,
    }
}

static NON_MAX_SUPPRESSION: Kernel = kernel!("non_max_suppression", Params);
pub(super) const KERNELS: &[&Kernel] = &[&NON_MAX_SUPPRESSION];

/// Boxes that no better one covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NonMaxSuppression {
    /// How many are kept of an image at most.
    pub most: usize,
    /// The intersection over union from which on, exclusively, a box is left out; 0 to 1.
    pub threshold: f32,
    /// Whether x2 and y2 are a box's last pixels, so that x2 = x1 is one pixel wide: as in Fast R-CNN and PASCAL VOC.
    pub inclusive: bool,
}

impl Var {
    /// Which of these boxes (N, B, 4), the best of each image first, no better one covers: see [`NonMaxSuppression`].
    ///
    /// # Errors
    /// If they are no boxes of f32, none or more than there are shall be kept, or the threshold is not in 0..1.
    pub fn non_max_suppression(&self, attributes: NonMaxSuppression) -> Result<Self> {
        self.apply1(attributes, &[])
    }
}

/// The intersection over union of two boxes.
pub(crate) fn overlap(a: &[f64], b: &[f64], edge: f64) -> f64 {
    let (&[ax, ay, az, aw], &[bx, by, bz, bw]) = (a, b) else { return 0.0 };
    if a.iter().chain(b).any(|corner| corner.is_nan()) {
        return 0.0;
    }
    let area = |x1: f64, y1: f64, x2: f64, y2: f64| (x2 - x1 + edge).max(0.0) * (y2 - y1 + edge).max(0.0);
    let common = area(ax.max(bx), ay.max(by), az.min(bz), aw.min(bw));
    if common > 0.0 { common / (area(ax, ay, az, aw) + area(bx, by, bz, bw) - common) } else { 0.0 }
}

/// How far an overlap in f32 is off, of itself: two roundings for a side, five for an area, so six for the sum of two; what is taken off it is
/// at most half, so the union has the 8 / 2^24 of a number twice as large, and what is shared has 5: 21, and three more for the threshold's product.
const OFF: f64 = 24.0 / (1 << 24) as f64;

impl NonMaxSuppression {
    /// The boxes that are kept, where `covered` says of an image's candidate whether the largest overlap with those before it is too much.
    fn kept(&self, inputs: &[&Array], covered: impl Fn(usize, usize, f64) -> bool) -> Result<Vec<Array>> {
        let &[images, count, _] = inputs[0].shape() else { return Err(Error::shape(self.name(), "boxes are (N, B, 4)")) };
        let boxes = inputs[0].to_f64();
        let edge = f64::from(u8::from(self.inclusive));
        let mut indices = Vec::with_capacity(images * self.most);
        for (image, boxes) in boxes.chunks_exact(4 * count).enumerate() {
            let of = |i: usize| &boxes[4 * i..4 * i + 4];
            let mut kept: Vec<usize> = Vec::new();
            for candidate in 0..count {
                let largest = kept.iter().map(|&better| overlap(of(candidate), of(better), edge)).fold(0.0, f64::max);
                if kept.len() < self.most && (kept.is_empty() || !covered(image, candidate, largest)) {
                    kept.push(candidate);
                }
            }
            let places = kept.iter().map(|&i| i32::try_from(i).unwrap_or(i32::MAX)).chain(std::iter::repeat(-1));
            indices.extend(places.take(self.most));
        }
        Ok(vec![Array::new([images, self.most], indices)?])
    }
}

impl Op for NonMaxSuppression {
    fn name(&self) -> &'static str {
        "non_max_suppression"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let boxes = inputs[0];
        check_rank(self.name(), "boxes", boxes, 3, "(N, B, 4)")?;
        check_dtype(self.name(), "boxes", boxes, DType::F32)?;
        if boxes.shape[2] != 4 || self.most == 0 || self.most > boxes.shape[1] || !(0.0..=1.0).contains(&self.threshold) {
            let Self { most, threshold, .. } = self;
            let reason =
                format!("{most} of boxes {boxes} at threshold {threshold}: boxes are (N, B, 4), 1 to B are kept, and it is in 0..1");
            return Err(Error::shape(self.name(), reason));
        }
        boxes.checked_elements()?;
        Ok(vec![TensorType::new(DType::I32, [boxes.shape[0], self.most])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.kept(inputs, |_, _, overlap| overlap > f64::from(self.threshold))
    }

    /// Where an overlap is as near to the threshold as roundings are, a kernel may keep the box or leave it out.
    fn expected(&self, inputs: &[&Array], found: &[Array]) -> Result<Vec<Array>> {
        let found = found.first().and_then(|found| found.values::<i32>().ok()).unwrap_or_default();
        self.kept(inputs, |image, candidate, overlap| {
            let threshold = f64::from(self.threshold);
            if threshold == 0.0 || (overlap - threshold).abs() > OFF * threshold {
                return overlap > threshold;
            }
            let own = found.chunks(self.most).nth(image).unwrap_or_default();
            !own.iter().any(|&index| usize::try_from(index) == Ok(candidate))
        })
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, boxes, _] = [0, 1, 2].map(|d| site.inputs[0].shape[d]);
        // On a software adapter a barrier costs as much as a few boxes.
        let workgroup = boxes.next_power_of_two().clamp(1, if site.device.software { 16 } else { 256 });
        let round = boxes.div_ceil(workgroup) + 1;
        // A launch begins by crossing out again behind the box before its first round.
        let rounds = (site.device.max_turns / 16 * 15 / nested(&[1, round])).saturating_sub(2).clamp(1, self.most);
        let mut launches = Vec::new();
        for first in (0..self.most).step_by(rounds) {
            launches.extend(launch_rows(self.name(), site.device, images, &[16 * boxes as u64, 4 * self.most as u64], |rows| {
                let window = |row: usize, size: u64| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, size);
                let (read, write) = (window(boxes, 16), window(self.most, 4));
                let params = Params {
                    boxes: u32_of(boxes),
                    most: u32_of(self.most),
                    first_round: u32_of(first),
                    rounds: u32_of(rounds.min(self.most - first)),
                    images: u32_of(rows.len()),
                    first_image: u32_of(rows.start),
                    boxes_skip: read.skip,
                    output_skip: write.skip,
                    edge: f32::from(u8::from(self.inclusive)),
                    threshold: self.threshold,
                };
                Launch::new(&NON_MAX_SUPPRESSION, &params, rows.len() as u64)
                    .turns(nested(&[rounds + 1, round]))
                    .constant("WORKGROUP", u32_of(workgroup))
                    .input_window(0, &read)
                    .scratch_mut(0)
                    .output_window(0, &write)
            })?);
        }
        Ok(vec![Candidate { launches, scratch: vec![4 * (images * boxes) as u64], ..Candidate::default() }])
    }

    fn gradient(&self, _: &[Var], _: &[Var], _: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![None])
    }
}
