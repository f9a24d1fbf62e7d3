//! clip: case table.

use crate::common::{Bound, Case, check, fixture, random_below};
use foveate::array::Array;
use foveate::ops::{Clip, ClipIntegers};

#[test]
fn cases() {
    let numbers = fixture("unary");
    let case = |name: &str, min, max| {
        let [input, output] = ["input", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, Clip { min, max }, vec![input], Bound::Exact).outputs(vec![output])
    };
    check(vec![
        case("clip", Some(-1.25), Some(2.0)),
        case("clip_below", Some(0.5), None),
        case("clip_crossed", Some(2.0), Some(1.0)),
        Case::refused("NaN", Clip { min: Some(f32::NAN), max: None }, vec![numbers["clip/input"].clone()], "bounds are"),
        Case::refused("i32", Clip::default(), vec![random_below(&[3], 1, 5)], "cast it first"),
    ]);
}

#[test]
fn integers() {
    let signed = Array::new([7], vec![0, -5, 5, 127, 128, i32::MIN, i32::MAX]).unwrap();
    let unsigned = Array::new([5], vec![0u32, 5, 200, 1 << 31, u32::MAX]).unwrap();
    let case = |min, max, input: &Array, output| {
        Case::new(format!("{min:?} to {max:?}"), ClipIntegers { min, max }, vec![input.clone()], Bound::Exact).outputs(vec![output])
    };
    check(vec![
        case(Some(-4), Some(127), &signed, Array::new([7], vec![0, -4, 5, 127, 127, -4, 127]).unwrap()),
        case(None, None, &signed, signed.clone()),
        case(Some(i64::MIN), Some(i64::MAX), &signed, signed.clone()),
        // Crossed bounds: everything becomes the greatest.
        case(Some(9), Some(2), &signed, Array::full([7], 2)),
        case(Some(-3), Some(200), &unsigned, Array::new([5], vec![0u32, 5, 200, 200, 200]).unwrap()),
        case(Some(1 << 31), None, &unsigned, Array::new([5], vec![1u32 << 31, 1 << 31, 1 << 31, 1 << 31, u32::MAX]).unwrap()),
        Case::refused("f32", ClipIntegers::default(), vec![Array::full([2], 1f32)], "must be i32 or u32"),
    ]);
}
