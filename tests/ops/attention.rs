//! attention: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, on_the_host, random};
use foveate::array::Array;
use foveate::gpu::Capabilities;
use foveate::ops::Attention;
use std::collections::HashMap;

/// Values in -1..1. A score is off by a few ulp of its largest product sum (here up to 30: 4e-6), its exponential by as much
/// relatively, and means of the values by no more than that.
const BOUND: Bound = Bound::Near { absolute: 5e-6, relative: 1e-5 };

/// Scale and causality of each case of the fixture.
const CASES: [(&str, Option<f32>, bool); 17] = [
    ("one", None, false),
    ("small", None, false),
    ("tiles", None, false),
    ("odd", Some(0.5), false),
    ("wide_value", None, false),
    ("shared", None, false),
    ("one_key_head", None, false),
    ("causal", None, true),
    ("causal_long_keys", None, true),
    ("bool", None, false),
    ("bool_keys", None, true),
    ("added", None, false),
    ("added_shared", None, false),
    ("query", None, false),
    ("query_odd", Some(0.3), false),
    ("large_head", None, false),
    ("larger_scores", Some(4.0), false),
];

fn inputs(arrays: &HashMap<String, Array>, name: &str) -> Vec<Array> {
    ["query", "key", "value", "mask"].iter().filter_map(|part| arrays.get(&format!("{name}/{part}")).cloned()).collect()
}

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("attention");
    let case = |(name, scale, causal): (&str, _, _)| {
        let output = arrays[&format!("{name}/output")].clone();
        Case::new(name, Attention { scale, causal }, inputs(&arrays, name), BOUND).outputs(vec![output])
    };
    check(CASES.map(case).into());
}

#[test]
fn kernels_of_gpus() {
    let arrays = fixture("attention");
    let names = ["tiles", "odd", "causal", "bool", "added", "shared", "large_head", "query", "query_odd"];
    let case = |(name, scale, causal): (&str, _, _)| {
        let output = arrays[&format!("{name}/output")].clone();
        Case::new(name, Elsewhere::gpu(Attention { scale, causal }), inputs(&arrays, name), BOUND).outputs(vec![output])
    };
    check(CASES.into_iter().filter(|(name, ..)| names.contains(name)).map(case).collect());
}

fn qkv(b: usize, h: usize, l: usize, s: usize, d: usize, dv: usize) -> Vec<Array> {
    vec![random(&[b, h, l, d], 1), random(&[b, h, s, d], 2), random(&[b, h, s, dv], 3)]
}

/// A GPU whose bindings hold 1040 keys of 8 numbers once, and not twice.
fn one_head_at_a_time(device: &mut Capabilities) {
    device.software = false;
    device.limits.max_storage_buffer_binding_size = 40 << 10;
    device.limits.min_storage_buffer_offset_alignment = 256;
}

#[test]
fn large_and_cut() {
    let op = Attention::default();
    let with_mask = |mut inputs: Vec<Array>, shape: &[usize]| {
        let mask = random(shape, 4);
        let mask = mask.values::<f32>().unwrap();
        inputs.push(Array::from_fn(shape, |i| mask[i] > -0.5));
        inputs
    };
    check(vec![
        Case::new("a head too large for tiles", op, qkv(1, 1, 9, 5, 1030, 1028), BOUND),
        Case::new("several workgroups per query", op, qkv(1, 1, 2, 70, 4, 271), BOUND),
        Case::new("slices of keys", Elsewhere::gpu(op), qkv(1, 2, 1, 1500, 4, 8), BOUND),
        Case::new("slices of keys, odd and masked", Elsewhere::gpu(op), with_mask(qkv(2, 1, 3, 1100, 3, 5), &[2, 1, 3, 1100]), BOUND),
        Case::new("slices that no query sees", Elsewhere::gpu(Attention { causal: true, ..op }), qkv(1, 1, 2, 1030, 4, 4), BOUND),
        Case::new("windows of slices", Elsewhere::new(op, one_head_at_a_time), qkv(3, 1, 1, 1040, 8, 4), BOUND),
        Case::new("windows of tiles", Elsewhere::windows(op), with_mask(qkv(5, 1, 33, 20, 12, 12), &[5, 1, 33, 20]), BOUND),
        Case::new("windows of odd tiles", Elsewhere::windows(op), qkv(5, 3, 9, 20, 9, 7), BOUND),
        Case::new("windows of queries", Elsewhere::windows(op), with_mask(qkv(5, 3, 2, 20, 9, 7), &[5, 1, 1, 20]), BOUND),
        Case::new("more than 65,535 workgroups", op, qkv(1, 65_536, 1, 2, 4, 4), BOUND),
    ]);
}

#[test]
fn extreme_masks() {
    let mask = |values: [f32; 5]| Array::new([5], values.to_vec()).unwrap();
    let with = |mask: Array| [qkv(1, 1, 8, 5, 4, 4), vec![mask]].concat();
    let (op, lowest, inf) = (Attention::default(), f32::MIN, f32::INFINITY);
    check(vec![
        Case::new("the lowest number forbids", op, with(mask([lowest; 5])), BOUND).outputs(vec![Array::full([1, 1, 8, 4], 0.0f32)]),
        Case::new("-inf forbids", op, with(mask([-inf; 5])), BOUND).outputs(vec![Array::full([1, 1, 8, 4], 0.0f32)]),
        Case::new("a low number does not", op, with(mask([-64.0; 5])), BOUND),
        Case::new("one allowed", op, with(mask([-inf, -inf, 0.5, -inf, lowest])), BOUND),
    ]);
}

#[test]
fn refused() {
    let op = Attention::default();
    let [q, k, v] = [[2, 4, 9, 8], [2, 2, 7, 8], [2, 2, 7, 5]].map(|shape| random(&shape, 1));
    let with = |mask: Array| vec![q.clone(), k.clone(), v.clone(), mask];
    check(vec![
        Case::refused("a matrix", op, vec![random(&[9, 8], 1), k.clone(), v.clone()], "query must be (B, H, L, D)"),
        Case::refused("another D", op, vec![q.clone(), random(&[2, 2, 7, 9], 1), v.clone()], "another batch or last size"),
        Case::refused("heads", op, vec![q.clone(), random(&[2, 3, 7, 8], 1), v.clone()], "do not divide"),
        Case::refused("another S", op, vec![q.clone(), k.clone(), random(&[2, 2, 6, 5], 1)], "another batch, number of heads or length"),
        Case::refused("a mask of 3", op, with(Array::full([3], true)), "does not broadcast"),
        Case::refused("a mask of rank 5", op, with(Array::full([1, 2, 4, 9, 7], true)), "does not broadcast"),
        Case::refused("a mask of integers", op, with(Array::full([7], 1i32)), "must be bool or f32"),
        Case::refused("scale", Attention { scale: Some(f32::INFINITY), ..op }, vec![q.clone(), k.clone(), v.clone()], "scale is"),
    ]);
}

#[test]
fn method() {
    // Two keys at right angles to each other; the query points along the second with a score of ln 3.
    let query = Array::new([1, 1, 1, 2], vec![0.0, 3f32.ln()]).unwrap();
    let key = Array::new([1, 1, 2, 2], vec![1f32, 0.0, 0.0, 1.0]).unwrap();
    let value = Array::new([1, 1, 2, 1], vec![10f32, 20.0]).unwrap();
    let first = Array::new([2], vec![true, false]).unwrap();
    let op = Attention { scale: Some(1.0), ..Default::default() };
    let outputs = on_the_host(&[query, key, value, first], |v| {
        Ok(vec![v[0].attention(&v[1], &v[2], None, op)?, v[0].attention(&v[1], &v[2], Some(&v[3]), op)?])
    });
    for (output, expected) in outputs.iter().zip([17.5f32, 10.0]) {
        compare(output, &Array::full([1, 1, 1, 1], expected), None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap();
    }
}
