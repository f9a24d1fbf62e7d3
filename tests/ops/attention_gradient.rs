//! `attention_gradient`: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, on_the_host, random};
use foveate::array::Array;
use foveate::ops::{Attention, AttentionGradient};
use std::collections::HashMap;

/// Values in -1..1. As in attention's table a weight is off by 1e-5 of itself. It is multiplied with a sum of at most 132 products, less
/// a mean of such sums, together below 15 here, to which a few ulp of 15 (5e-6) are added: 1.6e-4 at most for all weights of a query,
/// which add up to 1, and as much for those of a key, where L and S are alike. Gradients by queries and keys have this times the scale,
/// at most an eighth where sums are so long; of short sums all is smaller, and those by values have no such factor.
const BOUND: Bound = Bound::Near { absolute: 2e-5, relative: 2e-5 };

/// Scale and causality of each case of the fixture.
const CASES: [(&str, Option<f32>, bool); 16] = [
    ("one", None, false),
    ("small", None, false),
    ("tiles", None, false),
    ("odd", Some(0.5), false),
    ("wide_value", None, false),
    ("shared", None, false),
    ("one_key_head", None, true),
    ("causal", None, true),
    ("causal_long_queries", None, true),
    ("bool", None, false),
    ("bool_keys", None, true),
    ("added", None, false),
    ("added_shared", None, false),
    ("head_64", None, false),
    ("head_odd", Some(0.2), false),
    ("head_256", None, false),
];

fn op(scale: Option<f32>, causal: bool) -> AttentionGradient {
    AttentionGradient { attention: Attention { scale, causal } }
}

fn of(arrays: &HashMap<String, Array>, name: &str, parts: &[&str]) -> Vec<Array> {
    parts.iter().filter_map(|part| arrays.get(&format!("{name}/{part}")).cloned()).collect()
}

fn inputs(arrays: &HashMap<String, Array>, name: &str) -> Vec<Array> {
    of(arrays, name, &["query", "key", "value", "output", "grad", "mask"])
}

fn outputs(arrays: &HashMap<String, Array>, name: &str) -> Vec<Array> {
    of(arrays, name, &["by_query", "by_key", "by_value"])
}

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("attention_gradient");
    let case = |(name, scale, causal)| {
        Case::new(name, op(scale, causal), inputs(&arrays, name), BOUND).outputs(outputs(&arrays, name)).dispatches(2)
    };
    check(CASES.map(case).into());
}

#[test]
fn kernels_of_gpus() {
    let arrays = fixture("attention_gradient");
    let names = ["tiles", "odd", "shared", "causal", "causal_long_queries", "bool", "added", "head_64", "head_odd", "head_256"];
    let case = |(name, scale, causal)| {
        Case::new(name, Elsewhere::gpu(op(scale, causal)), inputs(&arrays, name), BOUND).outputs(outputs(&arrays, name))
    };
    check(CASES.into_iter().filter(|(name, ..)| names.contains(name)).map(case).collect());
}

/// Inputs of an attention of `[batch, heads, key heads, queries, keys, head, value]`. What is called its output is not: the mean is of
/// whatever is given.
fn given([b, h, hk, l, s, d, dv]: [usize; 7]) -> Vec<Array> {
    vec![
        random(&[b, h, l, d], 1),
        random(&[b, hk, s, d], 2),
        random(&[b, hk, s, dv], 3),
        random(&[b, h, l, dv], 4),
        random(&[b, h, l, dv], 5),
    ]
}

#[test]
fn two_rows_an_invocation() {
    // So many rows that a GPU is busy with half of the invocations. Two keys are seen by 4096 queries: each sum of their gradients has
    // that many terms of random signs and a size of some 64 terms, below 64 and so off by 4e-6 with each, by 64 times as much in all.
    let bound = Bound::Near { absolute: 2.5e-4, relative: 1e-5 };
    let gpu = || Elsewhere::gpu(AttentionGradient::default());
    check(vec![
        Case::new("queries", gpu(), given([1, 16, 16, 4096, 2, 20, 18]), bound),
        Case::new("keys", gpu(), given([1, 16, 16, 2, 4096, 20, 18]), bound),
        Case::new("queries that share keys", gpu(), given([1, 32, 16, 4096, 2, 4, 3]), bound),
    ]);
}

#[test]
fn cut() {
    let with_mask = |mut inputs: Vec<Array>, shape: &[usize]| {
        let mask = random(shape, 6);
        let mask = mask.values::<f32>().unwrap();
        inputs.push(Array::from_fn(shape, |i| mask[i] > -0.5));
        inputs
    };
    let windows = |causal| Elsewhere::windows(op(None, causal));
    check(vec![
        Case::new("windows", windows(false), with_mask(given([5, 2, 2, 12, 9, 12, 12]), &[5, 1, 12, 9]), BOUND).dispatches(4),
        Case::new("windows, shared and odd", windows(true), given([5, 4, 2, 9, 11, 7, 5]), BOUND).dispatches(4),
        Case::new("more than 65,535 workgroups", op(None, false), given([1, 65_536, 65_536, 1, 2, 4, 4]), BOUND),
    ]);
}

#[test]
fn extreme_masks() {
    let with = |mask: [f32; 5]| [given([1, 1, 1, 8, 5, 4, 4]), vec![Array::new([5], mask.to_vec()).unwrap()]].concat();
    let zeros = || [[1, 1, 8, 4], [1, 1, 5, 4], [1, 1, 5, 4]].map(|shape| Array::full(shape, 0.0f32)).to_vec();
    let (op, lowest, inf) = (AttentionGradient::default(), f32::MIN, f32::INFINITY);
    check(vec![
        Case::new("the lowest number forbids", op, with([lowest; 5]), BOUND).outputs(zeros()),
        Case::new("-inf forbids", op, with([-inf; 5]), BOUND).outputs(zeros()),
        Case::new("a low number does not", op, with([-64.0; 5]), BOUND),
        Case::new("one allowed", op, with([-inf, -inf, 0.5, -inf, lowest]), BOUND),
    ]);
}

#[test]
fn refused() {
    let op = AttentionGradient::default();
    let with = |at: usize, shape: &[usize]| {
        let mut inputs = given([2, 4, 2, 9, 7, 8, 5]);
        inputs[at] = random(shape, 1);
        inputs
    };
    let large = |head, value| given([1, 1, 1, 2, 2, head, value]);
    check(vec![
        Case::refused("what attention refuses", op, with(1, &[2, 3, 7, 8]), "do not divide"),
        Case::refused("another output", op, with(3, &[2, 4, 9, 8]), "output is f32[2, 4, 9, 8]"),
        Case::refused("another grad", op, with(4, &[2, 4, 7, 5]), "grad is f32[2, 4, 7, 5]"),
        Case::refused("no grad", op, with(3, &[2, 4, 9, 5])[..4].to_vec(), "takes 5 to 6 inputs"),
        Case::refused("long queries", op, large(260, 4), "at most"),
        Case::refused("long values", op, large(4, 257), "at most"),
    ]);
}

#[test]
fn method() {
    // Two keys at right angles to each other; the query points along the second with a score of ln 3: weights of 1/4 and 3/4, an output
    // of 17.5, from which the values differ by -7.5 and 2.5.
    let ln3 = 3f32.ln();
    let query = Array::new([1, 1, 1, 2], vec![0.0, ln3]).unwrap();
    let key = Array::new([1, 1, 2, 2], vec![1f32, 0.0, 0.0, 1.0]).unwrap();
    let value = Array::new([1, 1, 2, 1], vec![10f32, 20.0]).unwrap();
    let (output, grad) = (Array::full([1, 1, 1, 1], 17.5f32), Array::full([1, 1, 1, 1], 1.0f32));
    let attention = Attention { scale: Some(1.0), ..Default::default() };
    let outputs = on_the_host(&[query, key, value, output, grad], |v| {
        Ok(v[0].attention_gradient([&v[1], &v[2]], [&v[3], &v[4]], None, attention)?.to_vec())
    });
    let slope = 1.875f32;
    let expected = [vec![-slope, slope], vec![0.0, -slope * ln3, 0.0, slope * ln3], vec![0.25, 0.75]];
    for (output, expected) in outputs.iter().zip(expected) {
        let expected = Array::new(output.shape(), expected).unwrap();
        compare(output, &expected, None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap();
    }
}
