//! What a cascade has found as instances of an image: of each class the boxes that no likelier one covers, with masks by vote.

use super::targets::MASK;
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::nn::metrics::Precision;
use crate::ops::overlap;
use crate::train::{CLASS, VOID};

/// The overlap from which on, exclusively, a less likely box of the same class is left out.
const SUPPRESSED: f64 = 0.3;
/// The overlap from which on a box has a vote in another's mask.
const VOTES: f64 = 0.5;
/// Instances of an image at most.
const MOST: usize = 100;

/// A thing in an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its class, 1 or more.
    pub class: usize,
    /// How likely it is, 0 to 1.
    pub score: f32,
    /// The box that it was found in: x1, y1, x2, y2 in pixels, the last ones included.
    pub found_in: [f32; 4],
    /// The box around its mask.
    pub corners: [usize; 4],
    /// The image's pixels (h, w), row by row, that belong to it.
    pub mask: Vec<bool>,
}

/// What was found in an image of `size`, of one image's part of [`Found`](super::Found): `boxes` (m, 4), `masks` (m, s, s), `scores`
/// (m, classes). Instances less likely than `least` are left out; the likeliest comes first.
///
/// A mask is that of all boxes that overlap its own by half or more, each weighted by how likely it is of the class: pixels of 0.4 or more
/// belong to the thing.
///
/// # Errors
/// If shapes or dtypes are others.
pub fn instances(boxes: &Array, masks: &Array, scores: &Array, size: Hw, least: f32) -> Result<Vec<Instance>> {
    let wrong = || {
        let reason =
            format!("boxes {}, masks {} and scores {} are not (m, 4), (m, s, s) and (m, classes)", boxes.ty(), masks.ty(), scores.ty());
        Error::shape("mnc", reason)
    };
    let (&[m, 4], &[of_masks, side, across], &[of_scores, classes]) = (boxes.shape(), masks.shape(), scores.shape()) else {
        return Err(wrong());
    };
    if m != of_masks || m != of_scores || side != across || side == 0 || classes < 2 {
        return Err(wrong());
    }
    let (corners, parts, scores) = (boxes.to_f64(), masks.values::<f32>()?, scores.values::<f32>()?);
    let corners = |i: usize| &corners[4 * i..4 * i + 4];
    let mut kept: Vec<(usize, usize)> = Vec::new();
    for class in 1..classes {
        let score = |i: usize| scores[i * classes + class];
        let mut order: Vec<usize> = (0..m).filter(|&i| score(i) > 0.0 && score(i) >= least).collect();
        order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        let mut own: Vec<usize> = Vec::new();
        for i in order {
            if own.iter().all(|&better| overlap(corners(i), corners(better), 1.0) <= SUPPRESSED) {
                own.push(i);
            }
        }
        kept.extend(own.into_iter().map(|i| (i, class)));
    }
    let score = |&(i, class): &(usize, usize)| scores[i * classes + class];
    kept.sort_by(|a, b| score(b).total_cmp(&score(a)));
    kept.truncate(MOST);
    let voted = |of: (usize, usize)| {
        let (i, class) = of;
        let votes: Vec<(usize, f32)> = (0..m)
            .filter(|&j| overlap(corners(i), corners(j), 1.0) >= VOTES)
            .map(|j| (j, scores[j * classes + class]))
            .filter(|&(_, weight)| weight > 0.0)
            .collect();
        let all: f32 = votes.iter().map(|(_, weight)| weight).sum();
        let mut sum = vec![0.0f32; size.area()];
        for (j, weight) in votes {
            render(&parts[j * side * side..(j + 1) * side * side], side, corners(j), size, weight / all, &mut sum);
        }
        let mask: Vec<bool> = sum.iter().map(|&share| share >= MASK).collect();
        #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
        let found_in = [0, 1, 2, 3].map(|side| corners(i)[side] as f32);
        around(&mask, size).map(|corners| Instance { class, score: score(&of), found_in, corners, mask })
    };
    Ok(kept.into_iter().filter_map(voted).collect())
}

/// Counts the instances that were `found` in an image beside its things, by the image's `labels`: [`CLASS`] times a pixel's class, and the
/// number of the thing. Pixels that are [`VOID`] count for neither.
pub fn count(precision: &mut Precision, found: &[Instance], labels: &[i32]) {
    let mut things: Vec<i32> = labels.iter().copied().filter(|label| *label >= CLASS).collect();
    things.sort_unstable();
    things.dedup();
    let named: Vec<(usize, f32)> = found.iter().map(|instance| (instance.class, instance.score)).collect();
    let classes: Vec<usize> = things.iter().map(|label| usize::try_from(label / CLASS).unwrap_or(0)).collect();
    let void = i32::from(VOID);
    precision.add(&named, &classes, |i, j| {
        let pairs = found[i].mask.iter().zip(labels).filter(|(_, label)| **label != void);
        let (both, either) = pairs.fold((0u32, 0u32), |(both, either), (own, label)| {
            let there = *label == things[j];
            (both + u32::from(*own && there), either + u32::from(*own || there))
        });
        f64::from(both) / f64::from(either.max(1))
    });
}

/// Adds `weight` times a mask, bilinear between the middles of its parts, to the pixels in its box.
fn render(parts: &[f32], side: usize, corners: &[f64], size: Hw, weight: f32, sum: &mut [f32]) {
    let &[x1, y1, x2, y2] = corners else { return };
    let range = |from: f64, to: f64, side: usize| {
        // NaN is no pixel.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates")]
        let [from, to] = [from, to].map(|at| at.round().max(0.0) as usize);
        from..to.saturating_add(1).min(side)
    };
    let tap = |at: usize, from: f64, to: f64| {
        let place =
            ((at as f64 + 0.5 - from.round()) / (to.round() - from.round() + 1.0) * side as f64 - 0.5).clamp(0.0, side as f64 - 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0..side")]
        let low = place as usize;
        #[expect(clippy::cast_possible_truncation, reason = "a share")]
        let share = (place - low as f64) as f32;
        (low, (low + 1).min(side - 1), share)
    };
    for y in range(y1, y2, size.h) {
        let (top, bottom, down) = tap(y, y1, y2);
        for x in range(x1, x2, size.w) {
            let (left, right, along) = tap(x, x1, x2);
            let row = |row: usize| parts[row * side + left] * (1.0 - along) + parts[row * side + right] * along;
            sum[y * size.w + x] += weight * (row(top) * (1.0 - down) + row(bottom) * down);
        }
    }
}

/// The box around what is true of a mask.
pub(in crate::models) fn around(mask: &[bool], size: Hw) -> Option<[usize; 4]> {
    let inside = mask.iter().enumerate().filter(|(_, of)| **of).map(|(i, _)| [i % size.w, i / size.w]);
    inside.fold(None, |corners, [x, y]| {
        let [x1, y1, x2, y2] = corners.unwrap_or([x, y, x, y]);
        Some([x1.min(x), y1.min(y), x2.max(x), y2.max(y)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(boxes: &[[f32; 4]], masks: &[[f32; 4]], scores: &[[f32; 3]], least: f32) -> Vec<Instance> {
        let m = boxes.len();
        let array = |shape: &[usize], values: Vec<f32>| Array::new(shape, values).unwrap();
        let [boxes, masks, scores] = [array(&[m, 4], boxes.concat()), array(&[m, 2, 2], masks.concat()), array(&[m, 3], scores.concat())];
        instances(&boxes, &masks, &scores, Hw::new(8, 10), least).unwrap()
    }

    #[test]
    fn one_box_is_its_mask() {
        let all = found(&[[2.0, 1.0, 5.0, 4.0]], &[[1.0, 0.0, 1.0, 0.0]], &[[0.1, 0.2, 0.7]], 0.5);
        assert_eq!(all.len(), 1);
        // Between the middles of the two columns a mask falls from 1 to 0: at 1, 0.75, 0.25, 0 of four pixels.
        assert_eq!((all[0].class, all[0].score, all[0].corners), (2, 0.7, [2, 1, 3, 4]));
        assert_eq!(all[0].mask.iter().filter(|of| **of).count(), 8);
        assert_eq!(found(&[[2.0, 1.0, 5.0, 4.0]], &[[1.0; 4]], &[[0.1, 0.2, 0.7]], 0.0).len(), 2, "two classes");
    }

    #[test]
    fn boxes_that_overlap_vote_and_do_not_count_twice() {
        let boxes = [[0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 3.0, 3.0], [6.0, 4.0, 9.0, 7.0], [f32::NAN, 0.0, 3.0, 3.0]];
        let masks = [[1.0; 4], [0.0; 4], [1.0; 4], [1.0; 4]];
        let all = found(&boxes, &masks, &[[0.0, 0.6, 0.0], [0.0, 0.4, 0.0], [0.0, 0.9, 0.0], [0.0; 3]], 0.1);
        assert_eq!(all.iter().map(|i| i.corners).collect::<Vec<_>>(), [[6, 4, 9, 7], [0, 0, 3, 3]], "0.6 of the votes are enough");
        let all = found(&boxes, &masks, &[[0.0, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0; 3], [0.0; 3]], 0.1);
        assert!(all.is_empty(), "0.375 are not");
        let endless = [[f32::NEG_INFINITY, 0.0, f32::INFINITY, f32::MAX], [5.0, 5.0, 1.0, 1.0]];
        assert!(found(&endless, &masks[..2], &[[0.0, 0.9, 0.0]; 2], 0.1).len() <= 2, "boxes of any numbers");
    }

    #[test]
    fn masks_are_counted_beside_labels() {
        let labels = [2 * CLASS + 1, 2 * CLASS + 1, 255, 0, 2 * CLASS + 2, CLASS + 3];
        let instance = |class, mask: [u8; 6]| Instance {
            class,
            score: 0.5,
            found_in: [0.0; 4],
            corners: [0; 4],
            mask: mask.iter().map(|on| *on > 0).collect(),
        };
        // Two of three pixels of the first thing; of the third all, under another name.
        let found = [instance(2, [1, 1, 1, 1, 0, 0]), instance(2, [0, 0, 0, 0, 0, 1])];
        let mut precision = Precision::default();
        count(&mut precision, &found, &labels);
        // Of class 2 one of two things is found by the first of two; class 1 is not.
        assert_eq!(precision.mean(0.5), Some(0.25));
        assert_eq!(precision.mean(0.7), Some(0.0));
    }

    #[test]
    fn other_shapes_are_refused() {
        let array = |shape: &[usize]| Array::full(shape, 0.0f32);
        let error = instances(&array(&[2, 4]), &array(&[2, 3, 3]), &array(&[1, 3]), Hw::square(4), 0.0).unwrap_err().to_string();
        assert!(error.contains("[1, 3]"), "{error}");
    }
}
