//! `additive_attention`: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, on_the_host, random};
use foveate::array::Array;
use foveate::ops::AdditiveAttention;

/// An energy of up to 32 terms is off by 2e-7 for each tanh and a few ulp of the sum: a weight by 1e-5 of itself.
const BOUND: Bound = Bound::Near { absolute: 2e-6, relative: 1e-5 };

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("additive_attention");
    let case = |name: &str| {
        let of = |part: &str| arrays.get(&format!("{name}/{part}")).cloned();
        let inputs = ["features", "projected", "query", "score", "mask"].iter().filter_map(|part| of(part)).collect();
        Case::new(name, AdditiveAttention, inputs, BOUND).outputs(["context", "weights"].iter().filter_map(|part| of(part)).collect())
    };
    check(["one", "odd", "image", "long", "wide", "bool", "added", "saturated"].map(case).into());
}

fn inputs(b: usize, l: usize, d: usize, a: usize) -> Vec<Array> {
    vec![random(&[b, l, d], 1), random(&[b, l, a], 2), random(&[b, a], 3), random(&[a], 4)]
}

#[test]
fn other_devices() {
    let mask = |b: usize, l: usize| Array::from_fn([b, l], |i| i % 3 != 1 && i / l != 1);
    let masked = |b, l, d, a| [inputs(b, l, d, a), vec![mask(b, l)]].concat();
    check(vec![
        Case::new("on a GPU", Elsewhere::gpu(AdditiveAttention), masked(3, 196, 132, 64), BOUND),
        Case::new("on a GPU, odd", Elsewhere::gpu(AdditiveAttention), inputs(2, 300, 35, 9), BOUND),
        Case::new("windows", Elsewhere::windows(AdditiveAttention), masked(9, 20, 12, 8), BOUND),
        Case::new("windows, odd", Elsewhere::windows(AdditiveAttention), inputs(9, 21, 11, 7), BOUND),
    ]);
}

#[test]
fn refused() {
    let mut other = inputs(2, 3, 4, 5);
    other[2] = random(&[2, 6], 1);
    let masked = |mask: Array| [inputs(2, 3, 4, 5), vec![mask]].concat();
    check(vec![
        Case::refused("another query", AdditiveAttention, other, "query is f32[2, 6]"),
        Case::refused("another mask", AdditiveAttention, masked(Array::full([3], true)), "it must be [2, 3]"),
        Case::refused("a mask of integers", AdditiveAttention, masked(Array::full([2, 3], 1i32)), "must be bool or f32"),
        Case::refused("a matrix", AdditiveAttention, vec![random(&[3, 4], 1); 4], "features must be (B, L, D)"),
    ]);
}

#[test]
fn method() {
    // tanh saturates: energies are -1 and 1, weights 1 to e^2.
    let features = Array::new([1, 2, 1], vec![10f32, 20.0]).unwrap();
    let projected = Array::new([1, 2, 1], vec![-50f32, 50.0]).unwrap();
    let (query, score) = (Array::full([1, 1], 0.0f32), Array::full([1], 1.0f32));
    let outputs = on_the_host(&[features, projected, query, score], |v| {
        let (context, weights) = v[0].additive_attention(&v[1], &v[2], &v[3], None)?;
        Ok(vec![context, weights])
    });
    let second = 2f32.exp() / (1.0 + 2f32.exp());
    let near = Bound::Near { absolute: 1e-5, relative: 0.0 };
    compare(&outputs[0], &Array::full([1, 1], 10.0 + 10.0 * second), None, near).unwrap();
    compare(&outputs[1], &Array::new([1, 2], vec![1.0 - second, second]).unwrap(), None, near).unwrap();
}
