//! Boxes in a graph: (n, m, 4) of x1, y1, x2, y2 in pixels, whose last ones belong to them, so that a box is x2 - x1 + 1 wide.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};

/// How much larger than what it is told from a box becomes at most, as a logarithm: 1000 pixels of 16. The published code has no bound, and
/// overflows where training does.
const MOST_GROWTH: f32 = 4.135_166_6;

/// Boxes of every size and shape around each place of a map whose places are `stride` pixels apart: x1, y1, x2, y2 of each, rows first, then
/// columns, then ratios of height and width, then scales.
///
/// A base box is `stride` pixels wide and high, brought to a ratio at the same area, rounded, and then to a scale, as `py-faster-rcnn` does.
pub(super) fn anchors(stride: usize, ratios: &[f32], scales: &[f32], map: Hw) -> Vec<f32> {
    let stride = stride as f32;
    let centre = (stride - 1.0) / 2.0;
    let sides = ratios.iter().flat_map(|ratio| {
        let w = (stride * stride / ratio).sqrt().round_ties_even();
        let h = (w * ratio).round_ties_even();
        scales.iter().map(move |scale| [w * scale, h * scale])
    });
    let sides: Vec<[f32; 2]> = sides.collect();
    let mut corners = Vec::with_capacity(4 * map.area() * sides.len());
    for (y, x) in (0..map.h).flat_map(|y| (0..map.w).map(move |x| (y as f32 * stride, x as f32 * stride))) {
        for [w, h] in &sides {
            let (left, top) = (x + centre - (w - 1.0) / 2.0, y + centre - (h - 1.0) / 2.0);
            corners.extend([left, top, left + w - 1.0, top + h - 1.0]);
        }
    }
    corners
}

/// The first corner (.., 2), x and y.
pub(super) fn first(boxes: &Var) -> Result<Var> {
    boxes.narrow(-1, 0, 2)
}

/// The last corner (.., 2).
pub(super) fn last(boxes: &Var) -> Result<Var> {
    boxes.narrow(-1, 2, 2)
}

/// Width and height (.., 2).
pub(super) fn sides(boxes: &Var) -> Result<Var> {
    last(boxes)?.sub(&first(boxes)?)?.add(&number(boxes, 1.0)?)
}

/// Pixels (..).
pub(super) fn areas(boxes: &Var) -> Result<Var> {
    product(&sides(boxes)?)
}

/// Of numbers (.., 2).
fn product(sides: &Var) -> Result<Var> {
    sides.narrow(-1, 0, 1)?.mul(&sides.narrow(-1, 1, 1)?)?.squeeze(-1)
}

fn centres(boxes: &Var, sides: &Var) -> Result<Var> {
    first(boxes)?.add(&scaled(sides, 0.5)?)
}

/// What `deltas` (dx, dy, dw, dh) make of boxes:
///
/// ```text
/// centre' = centre + d side      side' = side exp(d)      x1' = centre' - side' / 2      x2' = centre' + side' / 2
/// ```
///
/// without taking the 1 off x2 that is added to a side, as published.
pub(super) fn moved(boxes: &Var, deltas: &Var) -> Result<Var> {
    let before = sides(boxes)?;
    let centre = centres(boxes, &before)?.add(&first(deltas)?.mul(&before)?)?;
    let half = scaled(&before.mul(&last(deltas)?.clip(None, Some(MOST_GROWTH))?.exp()?)?, 0.5)?;
    crate::ops::concat(&[&centre.sub(&half)?, &centre.add(&half)?], -1)
}

/// The deltas that move boxes to others.
pub(super) fn deltas(boxes: &Var, to: &Var) -> Result<Var> {
    let (before, after) = (sides(boxes)?, sides(to)?);
    let shift = centres(to, &after)?.sub(&centres(boxes, &before)?)?.div(&before)?;
    crate::ops::concat(&[&shift, &after.div(&before)?.log()?], -1)
}

/// The part of boxes that lies in an image of `size`.
pub(super) fn clipped(boxes: &Var, size: Hw) -> Result<Var> {
    let [w, h] = [size.w, size.h].map(|side| side.saturating_sub(1) as f32);
    let most = boxes.graph().constant(Array::new([4], vec![w, h, w, h])?)?;
    boxes.maximum(&number(boxes, 0.0)?)?.minimum(&most)
}

/// The intersection over union of each of `boxes` (n, m, 4) with each of `others` (n, g, 4): (n, m, g).
pub(super) fn overlaps(boxes: &Var, others: &Var) -> Result<Var> {
    let (a, b) = (boxes.unsqueeze(2)?, others.unsqueeze(1)?);
    let low = first(&a)?.maximum(&first(&b)?)?;
    let high = last(&a)?.minimum(&last(&b)?)?;
    let common = product(&high.sub(&low)?.add(&number(&low, 1.0)?)?.relu()?)?;
    let union = areas(&a)?.add(&areas(&b)?)?.sub(&common)?;
    common.div(&union)
}

/// The rows of `x` (n, m, k) or (n, m) that `indices` (n, r) name: (n, r, k) or (n, r).
pub(super) fn rows(x: &Var, indices: &Var) -> Result<Var> {
    match *x.shape() {
        [_, _, width] => {
            let [n, r] = [indices.shape()[0], indices.shape()[1]];
            x.gather_elements(1, &indices.unsqueeze(2)?.expand([n, r, width])?)
        }
        _ => x.gather_elements(1, indices),
    }
}

/// The features (n, c, h, w) in each of `boxes` (n, r, 4) as (n r, c, side, side), by bilinear samples:
///
/// ```text
/// x = (x1 + u / side (x2 - x1)) / stride      u = 0 .. side - 1      in places of the map; what lies outside of it is 0
/// ```
///
/// `pooled` times as many samples are taken each way, and the largest of each square of them is kept. The gradient flows into the features
/// and into the boxes' corners: eq. 4 to 6 of the paper. The released code rounds corners, which leaves none.
pub(super) fn warped(features: &Var, boxes: &Var, stride: usize, side: usize, pooled: usize) -> Result<Var> {
    let (&[n, channels, h, w], r) = (<&[usize; 4]>::try_from(features.shape()).unwrap_or(&[0; 4]), boxes.shape()[1]);
    let samples = side * pooled;
    // grid_sample's coordinates: -1 and 1 are the outer edges of a map's first and last places.
    let scale = |side: usize| 2.0 / (stride * side) as f32;
    let shift = |side: usize| 1.0 / side as f32 - 1.0;
    let corner = |corner: Var| placed(&corner, [scale(w), scale(h)], [shift(w), shift(h)]);
    let (begin, end) = (corner(first(boxes)?)?, corner(last(boxes)?)?);
    let grid = points(&begin, &end.sub(&begin)?, samples, |at| at as f32 / samples as f32)?;
    let mut sampled = features.grid_sample(&grid, crate::ops::GridSample::default())?;
    if pooled > 1 {
        sampled =
            sampled.max_pool2d(crate::ops::MaxPool2d { kernel: Hw::square(pooled), stride: Hw::square(pooled), ..Default::default() })?;
    }
    sampled.reshape([n, channels, r, side * side])?.transpose([0, 2, 1, 3])?.reshape([n * r, channels, side, side])
}

/// `scale` times (x, y) of `pairs` (.., 2), and `shift`.
pub(super) fn placed(pairs: &Var, scale: [f32; 2], shift: [f32; 2]) -> Result<Var> {
    let constant = |pair: [f32; 2]| pairs.graph().constant(Array::new([2], pair.to_vec())?);
    pairs.mul(&constant(scale)?)?.add(&constant(shift)?)
}

/// A grid (n, m side, side, 2) for `grid_sample`: of each of m boxes the points `begin` + `share(u)` `sides`, begin and sides (n, m, 2).
///
/// A row's pairs stand beside each other in one dimension, as long rows are what element-wise kernels are quick at.
pub(super) fn points(begin: &Var, sides: &Var, side: usize, share: impl Fn(usize) -> f32) -> Result<Var> {
    let &[n, m, _] = begin.shape() else { return Err(Error::shape("points", format!("{} are no corners (n, m, 2)", begin.ty()))) };
    let shares = Array::from_fn([side, 2 * side], |i| share(if i % 2 == 0 { i / 2 % side } else { i / 2 / side }));
    let row = |pair: &Var| pair.unsqueeze(2)?.expand([n, m, side, 2])?.reshape([n, m, 1, 2 * side]);
    let grid = row(begin)?.add(&row(sides)?.mul(&begin.graph().constant(shares)?)?)?;
    grid.reshape([n, m * side, side, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::TensorType;
    use crate::graph::Graph;
    use crate::plan::{Device, Plan};

    fn computed(inputs: &[Array], build: impl Fn(&[Var]) -> Result<Var>) -> Vec<f64> {
        let graph = Graph::new();
        let vars: Vec<Var> = inputs.iter().map(|array| graph.constant(array.clone()).unwrap()).collect();
        let mut plan = Plan::compile(Device::Cpu, &[&build(&vars).unwrap()]).unwrap();
        plan.run(&[]).unwrap()[0].to_f64()
    }

    #[test]
    fn anchors_are_those_of_the_released_code() {
        let corners = anchors(16, &[0.5, 1.0, 2.0], &[8.0, 16.0, 32.0], Hw::new(1, 2));
        let published = [
            [-84.0, -40.0, 99.0, 55.0],
            [-176.0, -88.0, 191.0, 103.0],
            [-360.0, -184.0, 375.0, 199.0],
            [-56.0, -56.0, 71.0, 71.0],
            [-120.0, -120.0, 135.0, 135.0],
            [-248.0, -248.0, 263.0, 263.0],
            [-36.0, -80.0, 51.0, 95.0],
            [-80.0, -168.0, 95.0, 183.0],
            [-168.0, -344.0, 183.0, 359.0],
        ];
        assert_eq!(corners[..36], published.concat()[..]);
        assert_eq!(corners[36..40], [-68.0, -40.0, 115.0, 55.0], "the next column");
    }

    #[test]
    fn deltas_move_boxes_to_their_targets() {
        let boxes = Array::new([1, 2, 4], vec![3.0, 5.0, 12.0, 8.0, 0.0, 0.0, 0.0, 0.0f32]).unwrap();
        let to = Array::new([1, 2, 4], vec![1.0, 5.0, 30.0, 9.0, 4.0, 4.0, 8.0, 9.0f32]).unwrap();
        let there = computed(&[boxes.clone(), to.clone()], |v| moved(&v[0], &deltas(&v[0], &v[1])?));
        // As published the last corner is one further.
        for (i, (there, to)) in there.iter().zip(to.to_f64()).enumerate() {
            let further = f64::from(u8::from(i % 4 > 1));
            assert!((there - to - further).abs() < 1e-5, "{there} for {to}");
        }
        let same = computed(&[boxes, Array::full([1, 2, 4], 0.0f32)], |v| moved(&v[0], &v[1]));
        assert_eq!(same, [3.0, 5.0, 13.0, 9.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn overlaps_count_pixels() {
        let boxes = Array::new([1, 1, 4], vec![0.0, 0.0, 9.0, 4.0f32]).unwrap();
        let others = Array::new([1, 3, 4], vec![5.0, 0.0, 9.0, 4.0, 10.0, 0.0, 12.0, 9.0, 0.0, 0.0, 9.0, 4.0f32]).unwrap();
        assert_eq!(computed(&[boxes, others], |v| overlaps(&v[0], &v[1])), [0.5, 0.0, 1.0]);
    }

    #[test]
    fn a_box_on_the_map_s_places_copies_them() {
        // Features 10 y + x of a map of 6 x 8 places, 4 pixels apart.
        let map = Array::from_fn([1, 1, 6, 8], |i| (10 * (i / 8) + i % 8) as f32);
        let boxes = Array::new([1, 2, 4], vec![4.0, 8.0, 16.0, 20.0, 20.0, 16.0, 44.0, 40.0f32]).unwrap();
        let found = computed(&[map.clone(), boxes.clone()], |v| warped(&v[0], &v[1], 4, 3, 1));
        let expected = [21.0, 22.0, 23.0, 31.0, 32.0, 33.0, 41.0, 42.0, 43.0, 45.0, 47.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
        }
        // The largest of four samples half a place apart.
        let pooled = computed(&[map, boxes], |v| warped(&v[0], &v[1], 4, 3, 2));
        assert!((pooled[0] - 26.5).abs() < 1e-4 && (pooled[8] - 48.5).abs() < 1e-4, "{pooled:?}");
    }

    #[test]
    fn parts_outside_are_cut_off() {
        let boxes = Array::new([1, 1, 4], vec![-3.0, 5.0, 80.0, 90.0f32]).unwrap();
        assert_eq!(computed(&[boxes], |v| clipped(&v[0], Hw::new(40, 60))), [0.0, 5.0, 59.0, 39.0]);
        let x = Graph::new().input("x", TensorType::f32([2, 3, 4])).unwrap();
        assert_eq!(areas(&x).unwrap().shape(), [2, 3]);
    }
}
