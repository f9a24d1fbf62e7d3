//! `affine_grid3d`: case table.

use crate::common::{Bound, Case, check, check_on, fixture, narrow_gpu, random};
use foveate::array::Dhw;
use foveate::ops::AffineGrid3d;

/// Three products of numbers up to 4 and coordinates up to 1, and three sums up to 16: seven roundings and the coordinate's.
const BOUND: Bound = Bound::Near { absolute: 1e-5, relative: 0.0 };

#[test]
fn pytorch() {
    let numbers = fixture("volume");
    let mut cases = Vec::new();
    for (d, h, w) in [(3, 5, 6), (1, 1, 1), (4, 1, 2)] {
        for (name, align_corners) in [("corners", true), ("edges", false)] {
            let op = AffineGrid3d { size: Dhw::new(d, h, w), align_corners };
            let output = numbers[&format!("affine_grid3d/{d}x{h}x{w}-{name}")].clone();
            let theta = vec![numbers["affine_grid3d/theta"].clone()];
            cases.push(Case::new(format!("{d}x{h}x{w} {name}"), op, theta, BOUND).outputs(vec![output]));
        }
    }
    let op = AffineGrid3d { size: Dhw::new(5, 920, 920), align_corners: false };
    cases.push(Case::new("more than 65,535 workgroups", op, vec![random(&[1, 3, 4], 1)], BOUND));
    check(cases);
    let op = AffineGrid3d { size: Dhw::new(5, 5, 7), align_corners: true };
    check_on(&narrow_gpu(4096), vec![Case::new("windows", op, vec![random(&[7, 3, 4], 1)], BOUND).dispatches(4)]);
}

#[test]
fn refusals() {
    let op = |d, h, w| AffineGrid3d { size: Dhw::new(d, h, w), align_corners: false };
    check(vec![
        Case::refused("2 x 3", op(2, 2, 2), vec![random(&[1, 2, 3], 1)], "theta must be (N, 3, 4), it is f32[1, 2, 3]"),
        Case::refused("a long side", op((1 << 24) + 1, 1, 1), vec![random(&[1, 3, 4], 1)], "a side of 16777217 pixels"),
        Case::refused("too large", op(1 << 12, 1 << 12, 1 << 12), vec![random(&[1, 3, 4], 1)], "more than 2^32 - 1 elements"),
    ]);
}
