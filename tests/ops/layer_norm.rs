//! `layer_norm`: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random};
use foveate::array::Array;
use foveate::ops::LayerNorm;

/// Sums of up to 3000 terms in chains of at most 100, a division and a root, each good to a few ulp.
const BOUND: Bound = Bound::Near { absolute: 5e-6, relative: 1e-5 };

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("layer_norm");
    let cases = [
        ("one", 1, 0, 1e-5, BOUND),
        ("plain", 1, 0, 1e-5, BOUND),
        ("weight", 2, 1, 1e-5, BOUND),
        ("both", -1, 2, 1e-6, BOUND),
        ("planes", 1, 2, 1e-5, BOUND),
        ("all", 0, 2, 1e-3, BOUND),
        ("long", 1, 2, 1e-5, BOUND),
        // Numbers around 100 with deviation 1: half an ulp of the mean, 4e-6, is an error of the output.
        ("far", 1, 0, 1e-5, Bound::Near { absolute: 2e-5, relative: 1e-5 }),
        // A deviation of 0 or half an ulp, divided by sqrt(eps).
        ("constant", 1, 2, 1e-5, Bound::Near { absolute: 1e-3, relative: 0.0 }),
    ];
    let case = |(name, axis, given, eps, bound): (&str, isize, usize, f32, Bound)| {
        let inputs: Vec<Array> =
            ["input", "weight", "bias"].iter().filter_map(|part| arrays.get(&format!("{name}/{part}")).cloned()).collect();
        assert_eq!(inputs.len(), 1 + given, "{name}");
        Case::new(name, LayerNorm { axis, eps }, inputs, bound).outputs(vec![arrays[&format!("{name}/output")].clone()])
    };
    check(cases.map(case).into());
}

#[test]
fn other_devices() {
    let op = LayerNorm::default();
    let affine = |rows: &[usize], seed| {
        let last = &rows[rows.len() - 1..];
        vec![random(rows, seed), random(last, seed + 1), random(last, seed + 2)]
    };
    check(vec![
        Case::new("a team of 256", Elsewhere::gpu(op), affine(&[2, 4096], 1), BOUND),
        Case::new("a team of 64", Elsewhere::gpu(op), affine(&[3, 65], 2), BOUND),
        Case::new("windows", Elsewhere::windows(op), affine(&[100, 66], 3), BOUND),
        Case::new("windows of four", Elsewhere::windows(op), affine(&[100, 68], 3), BOUND),
    ]);
}

#[test]
fn refused() {
    let op = LayerNorm::default();
    let inputs = |weight: &[usize]| vec![random(&[2, 3], 1), random(weight, 2)];
    check(vec![
        Case::refused("another weight", op, inputs(&[2]), "weight is f32[2], a row of f32[2, 3] from axis -1 on is [3]"),
        Case::refused("no such axis", LayerNorm { axis: 2, ..op }, inputs(&[3]), "no axis 2"),
        Case::refused("a negative eps", LayerNorm { eps: -1.0, ..op }, inputs(&[3]), "it is -1"),
        Case::refused("integers", op, vec![Array::full([2, 3], 1i32)], "cast it first"),
    ]);
    let graph = foveate::graph::Graph::new();
    let x = graph.input("x", random(&[2, 3], 1).ty()).unwrap();
    let bias = graph.input("bias", random(&[3], 1).ty()).unwrap();
    assert!(x.layer_norm(None, Some(&bias), op).unwrap_err().to_string().contains("bias without a weight"));
    assert!(x.layer_norm(None, None, op).is_ok());
}
