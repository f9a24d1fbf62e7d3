//! `reverse_sequence`: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::ReverseSequence;

#[test]
fn cases() {
    let numbers = fixture("indexing");
    let case = |name: &str, time_axis| {
        let of = |part: &str| numbers[&format!("reverse_sequence_{name}/{part}")].clone();
        let inputs = vec![of("input0"), of("input1")];
        Case::new(name, ReverseSequence { time_axis }, inputs, Bound::Exact).outputs(vec![of("output0")])
    };
    let op = ReverseSequence { time_axis: 1 };
    let outside = vec![Array::from_fn([4, 3], |i| i as i32), Array::new([4], vec![-1, i32::MAX, i32::MIN, 0]).unwrap()];
    let turned = Array::new([4, 3], vec![0, 1, 2, 5, 4, 3, 6, 7, 8, 9, 10, 11]).unwrap();
    check(vec![
        case("time", 0),
        case("batch", 1),
        Case::new("lengths out of range", op, outside, Bound::Exact).outputs(vec![turned]),
        Case::new("bool", op, vec![Array::from_fn([2, 5], |i| i % 3 == 0), random_below(&[2], 1, 6)], Bound::Exact),
        Case::refused("lengths", op, vec![random(&[4, 3], 1), random_below(&[3], 1, 3)], "lengths are i32[3]"),
        Case::refused("f32 lengths", op, vec![random(&[4, 3], 1), random(&[4], 1)], "lengths must be i32"),
        Case::refused("time", ReverseSequence { time_axis: 2 }, vec![random(&[4, 3, 2], 1), random_below(&[3], 1, 3)], "time axis 2"),
        Case::refused("vector", op, vec![random(&[4], 1), random_below(&[4], 1, 3)], "at least 2"),
        Case::refused("f16", op, vec![Array::full([4, 2], f16::ONE), random_below(&[4], 1, 3)], "f16"),
    ]);
}
