//! What hypercolumns learn from: boxes around things, and which parts of them belong to these.

use super::Network;
use super::network::Between;
use super::refiner::HOT;
use crate::array::{Array, DType, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::boxes::{areas, clipped, first, placed, points, rows, sides};
use crate::models::mnc::Truth;
use crate::ops::{GridSample, SampleMode, concat, number, only_where, scaled};
use crate::train::{CLASS, VOID};

/// The least probability whose logarithm is taken, as released: f32's smallest.
const LEAST: f32 = f32::MIN_POSITIVE;

/// What of an image is learnt from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Boxes around each thing.
    pub boxes: usize,
    /// How far their sides lie from a thing's own at most, in parts of its width and height. With 0.08 at the least 0.7 of a box overlap.
    pub shift: f32,
    /// The area in pixels from which on a box counts whole; smaller ones count by their share of it.
    pub whole: f32,
}

/// What a step makes small.
#[derive(Clone, Debug)]
pub struct Learnt {
    /// The logarithmic losses of all parts of a box, added up; the mean over boxes, in which small ones count less.
    pub loss: Var,
    /// The mean over all parts alike.
    pub of_part: Var,
}

impl Network {
    /// How many uniform numbers of 0..1 decide what of an image with places for `things` things is learnt from.
    pub fn noise(things: usize, sampling: Sampling) -> usize {
        things.saturating_mul(sampling.boxes).saturating_mul(4)
    }

    /// What training makes small: of an `image` (n, 3, h, w), of its `labels`, i32 (n, h, w), as [`Truth::of`] reads them, of as many `things`,
    /// and of `noise` (n, [`Network::noise`]). Pixels that are [`VOID`] are left out.
    ///
    /// `lower` stands behind what the trunk and fc6 and fc7 make, where a gradient may be held back; `dropped` behind fc6 and fc7.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn loss(
        &self,
        [image, labels, noise]: [&Var; 3],
        things: usize,
        sampling: Sampling,
        lower: Between<'_>,
        dropped: Between<'_>,
    ) -> Result<Learnt> {
        let (&[n, _, h, w], wanted) = (image.shape(), Self::noise(things, sampling)) else {
            return Err(Error::shape("hypercolumns", format!("an image is (n, 3, h, w), not {}", image.ty())));
        };
        let sound = sampling.boxes > 0 && sampling.shift >= 0.0 && sampling.whole > 0.0;
        if labels.shape() != [n, h, w] || noise.shape() != [n, wanted] || !sound {
            let reason =
                format!("labels {} and noise {} must be ({n}, {h}, {w}) and ({n}, {wanted}); {sampling:?}", labels.ty(), noise.ty());
            return Err(Error::shape("hypercolumns", reason));
        }
        let truth = Truth::of(labels, things)?;
        let boxes = shifted(&truth, noise, sampling, Hw::new(h, w))?;
        let m = things * sampling.boxes;
        let graph = image.graph();
        let thing = graph.constant(Array::from_fn([n, m], |i| i32::try_from(i % m / sampling.boxes).unwrap_or(0)))?;
        let classes = rows(&truth.classes, &thing)?;
        let targets = self.targets(&boxes, labels, &thing, &classes)?;
        let (zero, one) = (number(&targets, 0.0)?, number(&targets, 1.0)?);
        let known = targets.greater_or_equal(&zero)?;
        // p of what is, 1 - p of what is not: 1 - sigmoid(z) = sigmoid(-z), and shares add up to 1.
        let signs = targets.greater(&zero)?.where_(&one, &number(&targets, -1.0)?)?;
        let side = self.sizes.side;
        let scores = self.scores(image, &boxes, &classes, lower, dropped)?;
        let right = self.mixed(&scores.mul(&signs.reshape([n * m, 1, side, side])?)?.sigmoid()?)?.reshape([n, m, side, side])?;
        let wrong = only_where(&known, &right.maximum(&number(&right, LEAST)?)?.log()?.neg()?)?;

        let there = classes.greater(&graph.constant(Array::scalar(0i32))?)?.cast(DType::F32)?;
        let share = |sum: &Var, count: &Var| sum.reduce_sum(&[], false)?.div(&count.reduce_sum(&[], false)?.maximum(&number(sum, 1.0)?)?);
        let each = wrong.reduce_sum(&[2, 3], false)?.mul(&there)?;
        let weight = scaled(&areas(&boxes)?, 1.0 / sampling.whole)?.minimum(&one)?;
        let parts = known.cast(DType::F32)?.reduce_sum(&[2, 3], false)?.mul(&there)?;
        Ok(Learnt { loss: share(&each.mul(&weight)?, &there)?, of_part: share(&each, &parts)? })
    }

    /// What parts of boxes should be, (n, m, side, side): 1 of the thing, 0 of none or another, -1 where that does not matter; by the nearest
    /// pixel of `labels`, at so many places from a box's first pixel to its last.
    ///
    /// # Errors
    /// If shapes or dtypes are others.
    pub fn targets(&self, boxes: &Var, labels: &Var, thing: &Var, classes: &Var) -> Result<Var> {
        let (&[n, h, w], &[_, m, 4], side) = (labels.shape(), boxes.shape(), self.sizes.side) else {
            return Err(Error::shape(
                "hypercolumns",
                format!("labels {} and boxes {} are not (n, h, w), (n, m, 4)", labels.ty(), boxes.ty()),
            ));
        };
        // The middle of pixel x lies at (2 x + 1) / w - 1.
        let scale = [2.0 / w as f32, 2.0 / h as f32];
        let begin = placed(&first(boxes)?, scale, [1.0 / w as f32 - 1.0, 1.0 / h as f32 - 1.0])?;
        let to_last = placed(&sides(boxes)?, scale, scale.map(|s| -s))?;
        let grid = points(&begin, &to_last, side, |at| at as f32 / side.saturating_sub(1).max(1) as f32)?;
        let nearest = GridSample { mode: SampleMode::Nearest, ..GridSample::default() };
        let found = labels.cast(DType::F32)?.unsqueeze(1)?.grid_sample(&grid, nearest)?.reshape([n, m, side, side])?;
        let constant = |value: i32| boxes.graph().constant(Array::scalar(value));
        let own = classes.mul(&constant(CLASS)?)?.add(thing)?.add(&constant(1)?)?.cast(DType::F32)?.reshape([n, m, 1, 1])?;
        let (void, never) = (found.equal(&number(&found, f32::from(VOID))?)?, number(&found, -1.0)?);
        void.where_(&never, &found.equal(&own)?.cast(DType::F32)?)
    }
}

/// The intersection over union (n, m) of what is hot of boxes, by their `heat` (n, m, side, side), with what should be,
/// [`Network::targets`]; 0 of boxes without either.
///
/// # Errors
/// If shapes are others.
pub fn overlaps(heat: &Var, targets: &Var) -> Result<Var> {
    let zero = number(heat, 0.0)?;
    let (hot, own) = (heat.greater_or_equal(&number(heat, HOT)?)?, targets.greater(&zero)?);
    let known = targets.greater_or_equal(&zero)?;
    let count = |parts: &Var| parts.and(&known)?.cast(DType::F32)?.reduce_sum(&[2, 3], false);
    count(&hot.and(&own)?)?.div(&count(&hot.or(&own)?)?.maximum(&number(heat, 1.0)?)?)
}

/// Boxes (n, things boxes, 4) around things, each side of which lies somewhere around theirs.
fn shifted(truth: &Truth, noise: &Var, sampling: Sampling, size: Hw) -> Result<Var> {
    let &[n, things, _] = truth.boxes.shape() else { return Err(Error::shape("hypercolumns", "boxes are (n, g, 4)")) };
    let by = centred(noise, sampling.shift)?.reshape([n, things, sampling.boxes, 4])?;
    let sides = sides(&truth.boxes)?;
    let moved = truth.boxes.unsqueeze(2)?.add(&by.mul(&concat(&[&sides, &sides], 2)?.unsqueeze(2)?)?)?;
    clipped(&moved.reshape([n, things * sampling.boxes, 4])?, size)
}

/// Of -most to most, of numbers of 0 to 1.
fn centred(noise: &Var, most: f32) -> Result<Var> {
    scaled(&noise.sub(&number(noise, 0.5)?)?, 2.0 * most)
}
