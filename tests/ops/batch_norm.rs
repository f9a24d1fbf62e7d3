//! `batch_norm`: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, on_the_host, random};
use foveate::array::Array;
use foveate::ops::BatchNorm;

/// A root, a division and three roundings, on numbers up to 40 (variances from 0.01 on).
const BOUND: Bound = Bound::Near { absolute: 2e-5, relative: 2e-6 };

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("batch_norm");
    let cases = [("one", 1e-5), ("matrix", 1e-3), ("image", 1e-5), ("image4", 1e-5), ("one_pixel", 1e-5), ("line", 0.1)];
    check(
        cases
            .map(|(name, eps)| {
                let of = |part: &str| arrays[&format!("{name}/{part}")].clone();
                let inputs = ["input", "scale", "bias", "mean", "variance"].map(of).to_vec();
                Case::new(name, BatchNorm { eps }, inputs, BOUND).outputs(vec![of("output")])
            })
            .into(),
    );
}

fn inputs(shape: &[usize]) -> Vec<Array> {
    let c = shape[1];
    vec![random(shape, 1), random(&[c], 2), random(&[c], 3), random(&[c], 4), Array::full([c], 0.5f32)]
}

#[test]
fn large_and_cut() {
    let op = BatchNorm::default();
    check(vec![
        Case::new("more than 65,535 workgroups", op, inputs(&[3, 2, 699_051]), BOUND),
        Case::new("windows", Elsewhere::windows(op), inputs(&[9, 5, 7, 11]), BOUND),
        Case::new("windows of four", Elsewhere::windows(op), inputs(&[9, 5, 6, 10]), BOUND),
    ]);
}

#[test]
fn refused() {
    let op = BatchNorm::default();
    let mut other = inputs(&[2, 3, 4]);
    other[3] = random(&[4], 1);
    check(vec![
        Case::refused("another mean", op, other, "mean is f32[4], input f32[2, 3, 4] has 3 channels"),
        Case::refused("a vector", op, [vec![random(&[3], 1)], inputs(&[1, 3])[1..].to_vec()].concat(), "must be (N, C, ...)"),
        Case::refused("eps", BatchNorm { eps: f32::NAN }, inputs(&[1, 3]), "eps must be"),
    ]);
}

#[test]
fn method() {
    let of = |value: f32| Array::full([1], value);
    let inputs = [Array::full([1, 1], 5f32), of(3.0), of(7.0), of(1.0), of(3.0)];
    let op = BatchNorm { eps: 1.0 };
    let output = on_the_host(&inputs, |v| Ok(vec![v[0].batch_norm(&v[1], &v[2], &v[3], &v[4], op)?]));
    assert_eq!(output, [Array::full([1, 1], 13f32)]);
}
