//! The layers of a cascade, and its stages.

use super::{DEVIATIONS, Mnc, SUPPRESSED};
use crate::array::{Array, DType, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::boxes::{anchors, clipped, moved, rows, sides, warped};
use crate::models::layers::{Affine, Fill, Layers};
use crate::models::trunk::{Conv, Trunk};
use crate::ops::{Coordinates, MaxPool2d, NonMaxSuppression, Resize, concat, number};

/// A cascade in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    pub(super) mnc: Mnc,
    trunk: Trunk,
    rpn: [Conv; 3],
    mask: [Affine; 2],
    boxed: [Affine; 2],
    masked: [Affine; 2],
    class: Affine,
    masked_class: Affine,
    moves: Affine,
}

/// What the first stage says of the boxes around each place of an image.
#[derive(Clone, Debug)]
pub(super) struct Proposing {
    /// (n, 2, boxes): that there is nothing, and that there is something.
    pub(super) scores: Var,
    /// (n, boxes, 4)
    pub(super) deltas: Var,
    /// (1, boxes, 4)
    pub(super) anchors: Var,
    /// The image's.
    pub(super) size: Hw,
}

/// Boxes of which some may be there only because a tensor has a place for them.
#[derive(Clone, Debug)]
pub(super) struct Boxes {
    /// (n, m, 4)
    pub(super) corners: Var,
    /// bool (n, m)
    pub(super) there: Var,
}

/// What the second and the third stage say of boxes.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// (n, m, 4)
    pub(super) corners: Var,
    /// (n, m, mask, mask) before the sigmoid.
    pub(super) masks: Var,
    /// (n, m, classes), by the box.
    pub(super) classes: Var,
    /// (n, m, classes), by the mask.
    pub(super) masked_classes: Var,
    /// (n, m, classes, 4), divided by their deviations.
    pub(super) deltas: Var,
}

/// What was found: of each box of stage 3, then of each of stage 5.
#[derive(Clone, Debug)]
pub struct Found {
    /// (n, m, 4): x1, y1, x2, y2 in pixels.
    pub boxes: Var,
    /// (n, m, mask, mask): how likely each part of a box is the thing.
    pub masks: Var,
    /// (n, m, classes): how likely it is of each class. All 0 where there was no box left to look at.
    pub scores: Var,
}

impl Network {
    /// With the weights that `layers` finds.
    ///
    /// # Errors
    /// If the sizes make no sense, or a weight is missing or of another shape.
    pub fn new(layers: &mut Layers<'_>, mnc: &Mnc) -> Result<Self> {
        mnc.check()?;
        let he = |inputs: usize| Fill::He(inputs);
        let trunk = Trunk::new(layers, &mnc.stages)?;
        let channels = mnc.stages.last().map_or(3, |&(_, channels)| channels);
        let (boxes, normal) = (mnc.ratios.len() * mnc.scales.len(), Fill::Normal(0.01));
        let rpn = [
            Conv::new(layers, "rpn_conv_3x3", [channels, mnc.proposing, 3], normal)?,
            Conv::new(layers, "rpn_cls_score", [mnc.proposing, 2 * boxes, 1], normal)?,
            Conv::new(layers, "rpn_bbox_pred", [mnc.proposing, 4 * boxes, 1], normal)?,
        ];
        let (window, half) = (channels * mnc.window * mnc.window, channels * mnc.window * mnc.window / 4);
        let mut affine = |name: &str, sizes: [usize; 2], fill: Fill<'_>| layers.affine(name, sizes, [fill, Fill::Zeros]);
        let mask = [
            affine("fc6_maskest", [window, mnc.mask_hidden], Fill::Normal(0.001))?,
            affine("mask_pred", [mnc.mask_hidden, mnc.mask * mnc.mask], Fill::Normal(0.001))?,
        ];
        let boxed = [affine("fc6", [half, mnc.hidden], he(half))?, affine("fc7", [mnc.hidden, mnc.hidden], he(mnc.hidden))?];
        let masked = [affine("fc6_mask", [half, mnc.hidden], he(half))?, affine("fc7_mask", [mnc.hidden, mnc.hidden], he(mnc.hidden))?];
        Ok(Self {
            class: affine("cls_score", [2 * mnc.hidden, mnc.classes], normal)?,
            masked_class: affine("seg_cls_score", [2 * mnc.hidden, mnc.classes], normal)?,
            moves: affine("bbox_pred", [2 * mnc.hidden, 4 * mnc.classes], Fill::Normal(0.001))?,
            mnc: mnc.clone(),
            trunk,
            rpn,
            mask,
            boxed,
            masked,
        })
    }

    /// The features (n, channels, h / stride, w / stride), rounded up, of an `image` (n, 3, h, w).
    pub(super) fn features(&self, image: &Var) -> Result<Var> {
        self.trunk.of(image)?.pop().ok_or_else(|| Error::shape("mnc", "the trunk has no stages"))
    }

    /// What is said of the boxes around the places of `features`.
    pub(super) fn proposing(&self, features: &Var, size: Hw) -> Result<Proposing> {
        let &[n, _, h, w] = features.shape() else { return Err(Error::shape("mnc", "features are (n, c, h, w)")) };
        let each = self.mnc.ratios.len() * self.mnc.scales.len();
        let boxes = each * h * w;
        let anchors = anchors(self.mnc.stride(), &self.mnc.ratios, &self.mnc.scales, Hw::new(h, w));
        let [conv, scores, deltas] = &self.rpn;
        let x = conv.of(features)?.relu()?;
        Ok(Proposing {
            // (n, 2, each, h, w): channels are all boxes' nothing, then all boxes' something.
            scores: scores.of(&x)?.reshape([n, 2, each, h * w])?.transpose([0, 1, 3, 2])?.reshape([n, 2, boxes])?,
            deltas: deltas.of(&x)?.reshape([n, 4 * each, h * w])?.transpose([0, 2, 1])?.reshape([n, boxes, 4])?,
            anchors: features.graph().constant(Array::new([1, boxes, 4], anchors)?)?,
            size,
        })
    }

    /// The likeliest boxes that no likelier one covers.
    pub(super) fn proposals(&self, of: &Proposing) -> Result<Boxes> {
        let &[n, _, count] = of.scores.shape() else { return Err(Error::shape("mnc", "scores are (n, 2, boxes)")) };
        let candidates = self.mnc.candidates.min(count);
        let corners = clipped(&moved(&of.anchors, &of.deltas)?, of.size)?;
        let something = of.scores.softmax(1)?.narrow(1, 1, 1)?.reshape([n, count])?;
        let large = sides(&corners)?.reduce_min(&[2], false)?.greater_or_equal(&number(&corners, self.mnc.least)?)?;
        let (likely, order) = large.where_(&something, &number(&corners, -1.0)?)?.topk(candidates, 1, true)?;
        let most = self.mnc.proposals.min(candidates);
        let attributes = NonMaxSuppression { most, threshold: SUPPRESSED, inclusive: true };
        let kept = rows(&corners.detach()?, &order)?.non_max_suppression(attributes)?;
        let zero = corners.graph().constant(Array::scalar(0i32))?;
        let rank = kept.maximum(&zero)?;
        let there = kept.greater_or_equal(&zero)?.and(&rows(&likely, &rank)?.greater_or_equal(&number(&corners, 0.0)?)?)?;
        // Gathered from all boxes at once, which is one small gradient.
        Ok(Boxes { corners: rows(&corners, &rows(&order, &rank)?)?, there })
    }

    /// Masks and categories of boxes.
    pub(super) fn seen(&self, features: &Var, corners: &Var) -> Result<Seen> {
        let Mnc { window, mask, classes, .. } = self.mnc;
        let &[n, m, _] = corners.shape() else { return Err(Error::shape("mnc", "boxes are (n, m, 4)")) };
        let inside = warped(features, corners, self.mnc.stride(), window, self.mnc.samples)?;
        let masks = self.mask[1].of(&self.mask[0].of(&inside.flatten(1)?)?.relu()?)?.reshape([n * m, 1, mask, mask])?;
        let resize = Resize { coordinates: Coordinates::Asymmetric, ..Resize::bilinear(Hw::square(window)) };
        let part = masks.sigmoid()?.resize(resize)?;
        let category = |x: &Var, [fc6, fc7]: &[Affine; 2]| {
            let pooled = x.max_pool2d(MaxPool2d { kernel: Hw::square(2), ..MaxPool2d::default() })?;
            fc7.of(&fc6.of(&pooled.flatten(1)?)?.relu()?)?.relu()
        };
        let joint = concat(&[&category(&inside.mul(&part)?, &self.masked)?, &category(&inside, &self.boxed)?], 1)?;
        Ok(Seen {
            corners: corners.clone(),
            masks: masks.reshape([n, m, mask, mask])?,
            classes: self.class.of(&joint)?.reshape([n, m, classes])?,
            masked_classes: self.masked_class.of(&joint)?.reshape([n, m, classes])?,
            deltas: self.moves.of(&joint)?.reshape([n, m, classes, 4])?,
        })
    }

    /// Where boxes are moved as `class` (n, m) of them.
    pub(super) fn moved(&self, seen: &Seen, class: &Var, size: Hw) -> Result<Var> {
        clipped(&moved(&seen.corners, &spread(&of_class(&seen.deltas, class)?)?)?, size)
    }

    /// What is in an `image` (n, 3, h, w).
    ///
    /// # Errors
    /// If it has another shape.
    pub fn found(&self, image: &Var) -> Result<Found> {
        let features = self.features(image)?;
        let size = Hw::new(image.shape()[2], image.shape()[3]);
        let proposals = self.proposals(&self.proposing(&features, size)?)?;
        let third = self.seen(&features, &proposals.corners)?;
        let likeliest = third.masked_classes.argmax(2, false, false)?;
        let fifth = self.seen(&features, &self.moved(&third, &likeliest, size)?)?;
        let there = proposals.there.cast(DType::F32)?.unsqueeze(2)?;
        let both = |of: fn(&Seen) -> Result<Var>| concat(&[&of(&third)?, &of(&fifth)?], 1);
        Ok(Found {
            boxes: both(|seen| Ok(seen.corners.clone()))?,
            masks: both(|seen| seen.masks.sigmoid())?,
            scores: both(|seen| seen.masked_classes.softmax(2))?.mul(&concat(&[&there, &there], 1)?)?,
        })
    }
}

/// The deltas (n, m, 4) of those of all classes (n, m, classes, 4).
pub(super) fn of_class(deltas: &Var, class: &Var) -> Result<Var> {
    let [n, m] = [class.shape()[0], class.shape()[1]];
    deltas.gather_elements(2, &class.reshape([n, m, 1, 1])?.expand([n, m, 1, 4])?)?.reshape([n, m, 4])
}

/// Deltas as they move boxes, of those that are learnt.
fn spread(deltas: &Var) -> Result<Var> {
    deltas.mul(&deltas.graph().constant(Array::new([4], DEVIATIONS.to_vec())?)?)
}
