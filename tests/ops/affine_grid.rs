//! `affine_grid`: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::{Array, Hw};
use foveate::ops::AffineGrid;

/// Two products of numbers up to 2 and coordinates up to 1, and two sums up to 6: 5 roundings and the coordinate's division.
const BOUND: Bound = Bound::Near { absolute: 3.0e-6, relative: 0.0 };

#[test]
fn pytorch() {
    let numbers = fixture("grid_sample");
    let mut cases = Vec::new();
    for (h, w) in [(5, 6), (1, 1), (1, 4), (3, 1)] {
        for (name, align_corners) in [("corners", true), ("edges", false)] {
            let op = AffineGrid { size: Hw::new(h, w), align_corners };
            let output = numbers[&format!("affine/{h}x{w}-{name}")].clone();
            cases.push(Case::new(format!("{h}x{w} {name}"), op, vec![numbers["affine/theta"].clone()], BOUND).outputs(vec![output]));
        }
    }
    check(cases);
}

#[test]
fn more_than_65535_workgroups() {
    let op = AffineGrid { size: Hw::new(2049, 2048), align_corners: false };
    check(vec![Case::new("large", op, vec![random(&[1, 2, 3], 1)], BOUND)]);
}

#[test]
fn refusals() {
    let op = |h, w| AffineGrid { size: Hw::new(h, w), align_corners: false };
    check(vec![
        Case::refused("3 x 3", op(2, 2), vec![random(&[1, 3, 3], 1)], "theta must be (N, 2, 3), it is f32[1, 3, 3]"),
        Case::refused("one matrix", op(2, 2), vec![random(&[2, 3], 1)], "theta must be (N, 2, 3)"),
        Case::refused("integers", op(2, 2), vec![Array::full([1, 2, 3], 1i32)], "must be f32"),
        Case::refused("a long side", op(1, (1 << 24) + 1), vec![random(&[1, 2, 3], 1)], "a side of 16777217 pixels"),
        Case::refused("too large", op(1 << 20, 1 << 20), vec![random(&[1, 2, 3], 1)], "more than 2^32 - 1 elements"),
    ]);
}
