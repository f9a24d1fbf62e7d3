//! Which boxes a cascade learns from, and what they should have been. Nothing here has a gradient.

use super::network::{Boxes, Proposing};
use crate::array::{Array, DType, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::boxes::{areas, deltas, first, last, overlaps, placed, points, rows, sides};
use crate::ops::{AvgPool2d, GridSample, SampleMode, concat, number, only_where, scaled};
use crate::train::CLASS;

/// A proposal that overlaps a thing this much is one of it.
const OF_A_THING: f32 = 0.5;
/// What overlaps less than the first is easy to tell from things.
const EASY: f32 = 0.1;
/// A box around a place is a thing from the second on, and none below the first.
const NEAR: [f32; 2] = [0.3, 0.7];
/// From which share on a part of a box is mask.
pub(super) const MASK: f32 = 0.4;
/// Points of a mask's target that are looked at along each side of a part.
const POINTS: usize = 2;

/// What is in images, as many places for things each.
#[derive(Clone, Debug)]
pub struct Truth {
    /// (n, g, 4): x1, y1, x2, y2 in pixels, the last ones included.
    pub boxes: Var,
    /// i32 (n, g); 0 where there is no thing.
    pub classes: Var,
    /// i32 (n, h, w): of each pixel the thing, from 1; else 0.
    pub instances: Var,
}

impl Truth {
    /// Of labels, i32 (n, h, w): [`CLASS`] times its class and the number of a thing, 1 to `things`, for each of its pixels. Other pixels and
    /// things are left out; what is less than [`CLASS`] has no class.
    ///
    /// # Errors
    /// If `labels` are others, or there is to be no thing or more than 254.
    pub fn of(labels: &Var, things: usize) -> Result<Self> {
        let (&[_, h, w], DType::I32, 1..=254) = (labels.shape(), labels.dtype(), things) else {
            return Err(Error::shape("mnc", format!("labels {} are not i32 (n, h, w), or {things} things not 1 to 254", labels.ty())));
        };
        let graph = labels.graph();
        let (whole, most) = (integer(labels, CLASS)?, integer(labels, things as i32)?);
        let known = labels.greater_or_equal(&whole)?;
        let named = labels.remainder(&whole)?;
        let instances = known.and(&named.less_or_equal(&most)?)?.where_(&named, &integer(labels, 0)?)?;
        let numbers = graph.constant(Array::from_fn([1, things, 1, 1], |i| i as i32 + 1))?;
        let own = instances.unsqueeze(1)?.equal(&numbers)?;
        let class = own.where_(&labels.div(&whole)?.unsqueeze(1)?, &integer(labels, 0)?)?;
        // Of each thing the rows, or columns, that it has a pixel in, and the first and the last of those.
        let ends = |across: isize, side: usize| {
            let has = own.cast(DType::F32)?.reduce_max(&[across], false)?.greater(&number(labels, 0.0)?)?;
            let place = graph.constant(Array::from_fn([side], |i| i as f32))?;
            let low = has.where_(&place, &number(labels, side as f32)?)?.reduce_min(&[2], true)?;
            let high = has.where_(&place, &number(labels, -1.0)?)?.reduce_max(&[2], true)?;
            Ok::<_, Error>([low, high])
        };
        let ([x1, x2], [y1, y2]) = (ends(2, w)?, ends(3, h)?);
        let classes = class.reduce_max(&[2, 3], false)?;
        let there = classes.greater(&integer(labels, 0)?)?.unsqueeze(2)?;
        let boxes = there.where_(&concat(&[&x1, &y1, &x2, &y2], 2)?, &number(labels, 0.0)?)?;
        Ok(Self { boxes, classes, instances })
    }

    /// # Errors
    /// If the three are not of `n` images of this size.
    pub(super) fn check(&self, n: usize, size: Hw) -> Result<()> {
        let (boxes, classes, instances) = (self.boxes.ty(), self.classes.ty(), self.instances.ty());
        let things = classes.shape.get(1).copied().unwrap_or(0);
        let fits = boxes.shape == [n, things, 4] && classes.shape == [n, things] && instances.shape == [n, size.h, size.w];
        let kinds = boxes.dtype == DType::F32 && classes.dtype == DType::I32 && instances.dtype == DType::I32;
        if fits && kinds && things > 0 {
            return Ok(());
        }
        let reason = format!(
            "boxes {boxes}, classes {classes} and instances {instances} are not f32 (n, g, 4), i32 (n, g) and i32 (n, h, w) of {n} images of {} x {}",
            size.h, size.w
        );
        Err(Error::shape("mnc", reason))
    }

    /// bool (n, g): where there is a thing.
    pub(super) fn there(&self) -> Result<Var> {
        self.classes.greater(&integer(&self.classes, 0)?)
    }

    /// The overlap of `boxes` (n, m, 4) or (1, m, 4) with each thing: (n, m, g), -1 where there is none.
    fn overlaps(&self, boxes: &Var) -> Result<Var> {
        let overlaps = overlaps(boxes, &self.boxes)?;
        self.there()?.unsqueeze(1)?.where_(&overlaps, &number(&overlaps, -1.0)?)
    }
}

/// `value`, which broadcasts with anything, in the graph of `beside`.
pub(super) fn integer(beside: &Var, value: i32) -> Result<Var> {
    beside.graph().constant(Array::scalar(value))
}

fn at_least(x: &Var, value: f32) -> Result<Var> {
    x.greater_or_equal(&number(x, value)?)
}

/// Boxes with the things that they overlap most.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    /// (n, m)
    pub(super) overlap: Var,
    /// i32 (n, m): which thing.
    pub(super) thing: Var,
    /// i32 (n, m): its class, 0 where it overlaps too little; -1 where there is no box.
    pub(super) class: Var,
    /// (n, m, 4): the deltas to it, of a box that learns to move.
    pub(super) deltas: Var,
}

impl Matched {
    pub(super) fn new(boxes: &Boxes, truth: &Truth) -> Result<Self> {
        let corners = boxes.corners.detach()?;
        let overlaps = truth.overlaps(&corners)?;
        let (overlap, thing) = (overlaps.reduce_max(&[2], false)?, overlaps.argmax(2, false, false)?);
        let zero = integer(&thing, 0)?;
        let class = at_least(&overlap, OF_A_THING)?.where_(&rows(&truth.classes, &thing)?, &zero)?;
        Ok(Self {
            class: boxes.there.where_(&class, &integer(&thing, -1)?)?,
            deltas: deltas(&corners, &rows(&truth.boxes, &thing)?)?,
            overlap,
            thing,
        })
    }

    /// bool (n, m): boxes of things.
    pub(super) fn positive(&self) -> Result<Var> {
        self.class.greater(&integer(&self.class, 0)?)
    }
}

/// What the first stage should say: i32 (n, boxes), 1 for some thing, 0 for none, -1 where it does not matter; and deltas (n, boxes, 4).
pub(super) fn proposing(of: &Proposing, truth: &Truth, noise: &Var, count: usize) -> Result<(Var, Var)> {
    let anchors = &of.anchors;
    let size = anchors.graph().constant(Array::new([2], vec![of.size.w as f32 - 1.0, of.size.h as f32 - 1.0])?)?;
    let (low, high) = (at_least(&first(anchors)?, 0.0)?, last(anchors)?.less_or_equal(&size)?);
    let inside = low.and(&high)?.cast(DType::F32)?.reduce_min(&[2], false)?;
    let inside = at_least(&inside, 0.5)?;
    let overlaps = inside.unsqueeze(2)?.where_(&truth.overlaps(anchors)?, &number(anchors, -1.0)?)?;
    let best = overlaps.reduce_max(&[2], false)?;
    // Of each thing the box nearest to it counts, however far that is.
    let nearest = overlaps.equal(&overlaps.reduce_max(&[1], true)?)?.and(&overlaps.greater(&number(anchors, 0.0)?)?)?;
    let nearest = at_least(&nearest.cast(DType::F32)?.reduce_max(&[2], false)?, 0.5)?;
    let something = at_least(&best, NEAR[1])?.or(&nearest)?;
    let nothing = best.less(&number(&best, NEAR[0])?)?.and(&inside)?.and(&something.not()?)?;
    let boxes = best.shape()[1];
    let (count, half) = (count.min(boxes), (count / 2).clamp(1, boxes));
    let something = drawn(&something, noise, half, None)?;
    let few = something.cast(DType::I32)?.reduce_sum(&[1], true)?;
    let nothing = drawn(&nothing, noise, count, Some(&few))?;
    let void = integer(&few, -1)?;
    let labels = something.where_(&integer(&few, 1)?, &nothing.where_(&integer(&few, 0)?, &void)?)?;
    let thing = overlaps.argmax(2, false, false)?;
    let shape = [thing.shape()[0], boxes, 4];
    Ok((labels, deltas(&anchors.expand(shape)?, &rows(&truth.boxes, &thing)?)?))
}

/// Of those of `which` (n, m) `count` less `taken` (n, 1), the ones with the largest `noise` (n, m) in 0..1; all if there are fewer.
fn drawn(which: &Var, noise: &Var, count: usize, taken: Option<&Var>) -> Result<Var> {
    let keys = only_where(which, &noise.add(&number(noise, 1.0)?)?)?;
    let largest = keys.topk(count, 1, true)?.0;
    let least = match taken {
        None => largest.narrow(1, count - 1, 1)?,
        Some(taken) => largest.gather_elements(1, &integer(taken, i32::try_from(count).unwrap_or(i32::MAX) - 1)?.sub(taken)?)?,
    };
    which.and(&keys.greater_or_equal(&least)?)
}

/// `count` boxes to learn from, of proposals and of things themselves: three of ten of things, the others of none, most of which
/// overlap one. `noise` (n, proposals + things) in 0..1 decides.
pub(super) fn sampled(proposals: &Boxes, truth: &Truth, noise: &Var, count: usize) -> Result<Boxes> {
    let all = Boxes { corners: concat(&[&proposals.corners, &truth.boxes], 1)?, there: concat(&[&proposals.there, &truth.there()?], 1)? };
    let matched = Matched::new(&all, truth)?;
    let far = matched.overlap.less(&number(&matched.overlap, EASY)?)?;
    let thing = matched.positive()?;
    let hard = thing.or(&far)?.not()?;
    // Boxes that are not there come last.
    let base = all.there.where_(noise, &noise.sub(&number(noise, 1.0)?)?)?;
    let most = noise.shape()[1];
    let things = count * 3 / 10;
    let near = (count - things) * 85 / 100;
    let mut picked = Vec::new();
    for (which, count) in [(thing, things), (hard, near), (far, count - things - near)] {
        if count > 0 {
            picked.push(base.add(&which.cast(DType::F32)?)?.topk(count.min(most), 1, true)?.1);
        }
    }
    let picked = concat(&picked.iter().collect::<Vec<_>>(), 1)?;
    let there = rows(&all.there.cast(DType::F32)?, &picked)?;
    Ok(Boxes { corners: rows(&all.corners, &picked)?, there: at_least(&there, 0.5)? })
}

/// What masks should be, 0 or 1 (n, m, mask, mask): which parts of `corners` (n, m, 4) belong to the `thing` (n, m) of each.
pub(super) fn masks(corners: &Var, thing: &Var, truth: &Truth, mask: usize) -> Result<Var> {
    let &[n, h, w] = truth.instances.shape() else { return Err(Error::shape("mnc", "instances are (n, h, w)")) };
    let (m, each) = (corners.shape()[1], mask * POINTS);
    // The middle of point u lies at x1 + (u + 1/2) / points side - 1/2; -1 and 1 are the image's edges.
    let scale = [2.0 / w as f32, 2.0 / h as f32];
    let (begin, sides) = (placed(&first(corners)?, scale, [-1.0; 2])?, placed(&sides(corners)?, scale, [0.0; 2])?);
    let grid = points(&begin, &sides, each, |at| (at as f32 + 0.5) / each as f32)?;
    let nearest = GridSample { mode: SampleMode::Nearest, ..GridSample::default() };
    let found = truth.instances.cast(DType::F32)?.unsqueeze(1)?.grid_sample(&grid, nearest)?.reshape([n, m, each, each])?;
    let own = thing.cast(DType::F32)?.add(&number(corners, 1.0)?)?.reshape([n, m, 1, 1])?;
    let hits = found.equal(&own)?.cast(DType::F32)?;
    let size = Hw::square(POINTS);
    at_least(&hits.avg_pool2d(AvgPool2d { kernel: size, stride: size, ..AvgPool2d::default() })?, MASK)?.cast(DType::F32)
}

/// The classes (n, m) of boxes by the masks that were found of them, `masks` (n, m, mask, mask) in 0..1: 0 where a mask overlaps the thing's
/// too little.
pub(super) fn masked_class(boxes: &Boxes, masks: &Var, targets: &Var, matched: &Matched, truth: &Truth) -> Result<Var> {
    let parts = (masks.shape()[2] * masks.shape()[3]) as f32;
    let found = at_least(&masks.detach()?, MASK)?.cast(DType::F32)?;
    let pixels = scaled(&areas(&boxes.corners.detach()?)?, 1.0 / parts)?;
    let counted = |x: &Var| x.reduce_sum(&[2, 3], false)?.mul(&pixels);
    let both = counted(&found.mul(targets)?)?;
    let things = truth.classes.shape()[1];
    let numbers = truth.instances.graph().constant(Array::from_fn([1, things, 1, 1], |i| i32::try_from(i + 1).unwrap_or(i32::MAX)))?;
    let sizes = truth.instances.unsqueeze(1)?.equal(&numbers)?.cast(DType::F32)?.reduce_sum(&[2, 3], false)?;
    let union = counted(&found)?.add(&rows(&sizes, &matched.thing)?)?.sub(&both)?;
    let enough = both.greater_or_equal(&scaled(&union, OF_A_THING)?)?.and(&matched.positive()?)?;
    let background = matched.class.minimum(&integer(&matched.class, 0)?)?;
    enough.where_(&matched.class, &background)
}
