//! The losses of all stages of a cascade.

use super::network::{Boxes, Network, Proposing, Seen, of_class};
use super::targets::{self, Matched, Truth, integer};
use super::{DEVIATIONS, Mnc};
use crate::array::{Array, DType, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::boxes::clipped;
use crate::nn::loss::{CrossEntropy, Reduction, binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss};
use crate::ops::{concat, number, only_where, scaled};

/// How much the losses of a stage count: of its mask, of its class by the box and by the mask, of where it is.
const WEIGHTS: [f32; 4] = [2.0, 1.0, 1.0, 1.0];
/// Where the loss of the first stage's deltas becomes a line: 1 / sigma^2 with sigma = 3.
const NEAR: f32 = 1.0 / 9.0;

/// What of an image is learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Boxes around places, half of them of things at most.
    pub anchors: usize,
    /// Proposals.
    pub boxes: usize,
}

impl Sampling {
    /// As published: 256 and 64.
    pub const PUBLISHED: Self = Self { anchors: 256, boxes: 64 };
}

/// The losses of a step, each a number.
#[derive(Clone, Debug)]
pub struct Losses {
    /// Their sum, masks counted twice.
    pub total: Var,
    /// That there is some thing; where it is; of stages 2 and 3 and then of 4 and 5: its mask, its class by the box, by the mask, and where
    /// it is.
    pub parts: Vec<(&'static str, Var)>,
}

const PARTS: [[&str; 4]; 2] = [["mask", "class", "masked_class", "box"], ["mask_5", "class_5", "masked_class_5", "box_5"]];

impl Mnc {
    /// How many uniform numbers of 0..1 decide what of an image of `size` with places for `things` things is learnt from.
    pub fn noise(&self, size: Hw, things: usize) -> usize {
        let anchors = self.anchors(size);
        anchors + self.proposals.min(self.candidates).min(anchors) + things
    }

    /// Boxes around all places of an image.
    fn anchors(&self, size: Hw) -> usize {
        let places = |side: usize| (1..self.stages.len()).fold(side, |side, _| side.div_ceil(2));
        places(size.h) * places(size.w) * self.ratios.len() * self.scales.len()
    }
}

impl Network {
    /// What training makes small: of an `image` (n, 3, h, w), of what is in it, and of `noise` (n, [`Mnc::noise`]).
    ///
    /// # Errors
    /// If shapes do not fit, or nothing is to be learnt from.
    pub fn losses(&self, image: &Var, truth: &Truth, noise: &Var, sampling: Sampling) -> Result<Losses> {
        let features = self.features(image)?;
        let (n, size) = (image.shape()[0], Hw::new(image.shape()[2], image.shape()[3]));
        truth.check(n, size)?;
        let wanted = [n, self.mnc.noise(size, truth.classes.shape()[1])];
        if noise.shape() != wanted || sampling.anchors < 2 || sampling.boxes == 0 {
            let reason =
                format!("noise {} must be {wanted:?}; of {sampling:?} there must be two boxes around places and one proposal", noise.ty());
            return Err(Error::shape("mnc", reason));
        }
        let proposing = self.proposing(&features, size)?;
        let anchors = proposing.scores.shape()[2];
        let [score, place] = proposal_losses(&proposing, truth, &noise.narrow(1, 0, anchors)?, sampling.anchors)?;
        let rest = noise.narrow(1, anchors, wanted[1] - anchors)?;
        let boxes = targets::sampled(&self.proposals(&proposing)?, truth, &rest, sampling.boxes)?;
        let (third, seen) = self.stage(&features, &boxes, truth)?;
        // A box moves as the likeliest thing would, however likely the background is.
        let class = seen.masked_classes.narrow(2, 1, self.mnc.classes - 1)?.argmax(2, false, false)?;
        let class = class.add(&integer(&class, 1)?)?;
        let moved = Boxes {
            corners: concat(&[&self.moved(&seen, &class, size)?, &clipped(&truth.boxes, size)?], 1)?,
            there: concat(&[&boxes.there, &truth.there()?], 1)?,
        };
        let (fifth, _) = self.stage(&features, &moved, truth)?;
        let mut total = score.add(&place)?;
        for (loss, weight) in third.iter().zip(WEIGHTS).chain(fifth.iter().zip(WEIGHTS)) {
            total = total.add(&scaled(loss, weight)?)?;
        }
        let stages = PARTS.into_iter().zip([third, fifth]).flat_map(|(names, losses)| names.into_iter().zip(losses));
        Ok(Losses { total, parts: [("proposal", score), ("proposal_box", place)].into_iter().chain(stages).collect() })
    }

    /// Masks and categories of boxes, and how far they are off.
    fn stage(&self, features: &Var, boxes: &Boxes, truth: &Truth) -> Result<([Var; 4], Seen)> {
        let seen = self.seen(features, &boxes.corners)?;
        let matched = Matched::new(boxes, truth)?;
        let positive = matched.positive()?;
        let targets = targets::masks(&boxes.corners.detach()?, &matched.thing, truth, self.mnc.mask)?;
        let wrong = binary_cross_entropy_with_logits(&seen.masks, &targets, Reduction::None)?.reduce_mean(&[2, 3], false)?;
        let mask = share(&only_where(&positive, &wrong)?, &positive.cast(DType::F32)?)?;
        let masked_class = targets::masked_class(boxes, &seen.masks.sigmoid()?, &targets, &matched, truth)?;
        let named = |scores: &Var, labels: &Var| {
            let &[n, m, classes] = scores.shape() else { return Err(Error::shape("mnc", "scores are (n, m, classes)")) };
            let options = CrossEntropy { ignore_index: Some(-1), ..CrossEntropy::default() };
            cross_entropy(&scores.reshape([n * m, classes])?, &labels.reshape([n * m])?, &options)
        };
        let own = of_class(&seen.deltas, &matched.class.maximum(&integer(&matched.class, 0)?)?)?;
        let to = matched.deltas.div(&own.graph().constant(Array::new([4], DEVIATIONS.to_vec())?)?)?;
        let far = smooth_l1_loss(&own, &to, 1.0, Reduction::None)?.reduce_sum(&[2], false)?;
        let place = share(&only_where(&positive, &far)?, &boxes.there.cast(DType::F32)?)?;
        let losses = [mask, named(&seen.classes, &matched.class)?, named(&seen.masked_classes, &masked_class)?, place];
        Ok((losses, seen))
    }
}

/// How far the first stage is off: of whether there is something, and of where.
fn proposal_losses(of: &Proposing, truth: &Truth, noise: &Var, count: usize) -> Result<[Var; 2]> {
    let (labels, to) = targets::proposing(of, truth, noise, count)?;
    let score = cross_entropy(&of.scores, &labels, &CrossEntropy { ignore_index: Some(-1), ..CrossEntropy::default() })?;
    let zero = integer(&labels, 0)?;
    let far = smooth_l1_loss(&of.deltas, &to, NEAR, Reduction::None)?.reduce_sum(&[2], false)?;
    let place = share(&only_where(&labels.greater(&zero)?, &far)?, &labels.greater_or_equal(&zero)?.cast(DType::F32)?)?;
    Ok([score, place])
}

/// The sum of `losses` over how many of `counted` there are, 0 of none.
fn share(losses: &Var, counted: &Var) -> Result<Var> {
    losses.reduce_sum(&[], false)?.div(&counted.reduce_sum(&[], false)?.maximum(&number(counted, 1.0)?)?)
}
