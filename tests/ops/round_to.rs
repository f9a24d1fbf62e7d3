//! `round_to`: case table.

use crate::common::{Bound, Case, check, fixture, random_below};
use foveate::array::Array;
use foveate::ops::{FloatFormat, Op, RoundTo};

#[test]
fn agrees_with_ml_dtypes() {
    let numbers = fixture("round_to");
    let mut cases = Vec::new();
    for (name, format) in [
        ("f16", FloatFormat::F16),
        ("bf16", FloatFormat::Bf16),
        ("e4m3fn", FloatFormat::F8E4M3Fn),
        ("e4m3fnuz", FloatFormat::F8E4M3Fnuz),
        ("e5m2", FloatFormat::F8E5M2),
        ("e5m2fnuz", FloatFormat::F8E5M2Fnuz),
    ] {
        for saturate in [false, true] {
            let wide = numbers.get(&format!("{name}_saturated")).filter(|_| saturate);
            let output = wide.unwrap_or(&numbers[name]).clone();
            let case = Case::new(format!("{name}, {saturate}"), RoundTo { format, saturate }, vec![numbers["input"].clone()], Bound::Exact);
            cases.push(case.outputs(vec![output]));
        }
    }
    let op = RoundTo { format: FloatFormat::F16, saturate: false };
    cases.push(Case::refused("of integers", op, vec![random_below(&[2], 1, 3)], "input must be f32"));
    check(cases);
}

/// ONNX's own cases: infinities saturate in every 8-bit format.
#[test]
fn infinities_and_signs() {
    let x = Array::new([5], vec![f32::INFINITY, f32::NEG_INFINITY, 1e6, -0.0, -1e-7]).unwrap();
    let bits = |format, saturate| {
        let rounded = RoundTo { format, saturate }.reference(&[&x]).unwrap().remove(0);
        rounded.values::<f32>().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let of = |values: [f32; 5]| values.map(f32::to_bits);
    assert_eq!(bits(FloatFormat::F8E4M3Fn, true), of([448.0, -448.0, 448.0, -0.0, -0.0]));
    assert_eq!(bits(FloatFormat::F8E4M3Fnuz, true), of([240.0, -240.0, 240.0, 0.0, 0.0]));
    assert_eq!(bits(FloatFormat::F8E5M2, true), of([57344.0, -57344.0, 57344.0, -0.0, -0.0]));
    assert_eq!(bits(FloatFormat::F8E5M2Fnuz, true), of([57344.0, -57344.0, 57344.0, 0.0, 0.0]));
    assert_eq!(bits(FloatFormat::F8E5M2, false), of([f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY, -0.0, -0.0]));
}
