//! topk: case table. What is moved is exact.

use crate::common::{Bound, Case, Elsewhere, check, fixture, on_the_host, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::TopK;

#[test]
fn agrees_with_onnx_runtime() {
    let numbers = fixture("indexing");
    let mut cases = Vec::new();
    let table = [
        ("few", 2, 1),
        ("middle", 7, 1),
        ("first", 40, 0),
        ("ties", 20, -1),
        ("block", 280, 1),
        ("block_across", 5, 0),
        ("i32", 9, 1),
        ("rounds", 30, 1),
        ("merges", 1100, 1),
    ];
    for (name, k, axis) in table {
        for largest in [true, false] {
            let of = |part: &str| numbers[&format!("topk_{name}_{}/{part}", u8::from(largest))].clone();
            let case = Case::new(format!("{name}, {largest}"), TopK { k, axis, largest }, vec![of("input0")], Bound::Exact);
            cases.push(case.outputs(vec![of("output0"), of("output1")]));
        }
    }
    check(cases);
}

/// As PyTorch's stable sort: NaN above all, -0 = 0.
#[test]
fn special_numbers() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let x = || vec![Array::new([8], vec![0.0, nan, -0.0, -1.0, inf, -nan, -inf, 1e-42f32]).unwrap()];
    let outputs =
        |values: [f32; 8], indices: [i32; 8]| vec![Array::new([8], values.into()).unwrap(), Array::new([8], indices.into()).unwrap()];
    let down = outputs([nan, nan, inf, 1e-42, 0.0, -0.0, -1.0, -inf], [1, 5, 4, 7, 0, 2, 3, 6]);
    let up = outputs([-inf, -1.0, 0.0, -0.0, 1e-42, inf, nan, nan], [6, 3, 0, 2, 7, 4, 1, 5]);
    check(vec![
        Case::new("down", TopK { k: 8, axis: 0, largest: true }, x(), Bound::Exact).outputs(down),
        Case::new("up", TopK { k: 8, axis: 0, largest: false }, x(), Bound::Exact).outputs(up),
    ]);
}

#[test]
fn sizes() {
    let op = |k, largest| TopK { k, axis: 1, largest };
    let case = |name: &str, op, input| Case::new(name, op, vec![input], Bound::Exact);
    check(vec![
        case("one", op(1, true), random(&[3, 1], 1)),
        case("one more than is counted", op(257, false), random(&[2, 257], 2)),
        case("a whole block", op(2048, true), random(&[1, 2048], 3)),
        case("one more than a block", op(1, true), random(&[1, 2049], 4)),
        case("u32", op(3, true), Array::from_fn([2, 5], |i| u32::MAX - (i as u32 * 7) % 5)),
        case("bool", op(4, true), Array::from_fn([2, 5], |i| i % 2 == 1)),
        case("ties in blocks", op(600, false), random_below(&[1, 5000], 5, 7)),
        case("ties in merges", op(3000, true), random_below(&[1, 3000], 5, 7)),
        case("more than one run keeps", op(30, true), random(&[2, 400], 10)),
        case("the first of many runs", op(900, true), random(&[1, 9000], 6)).kernel("sort/merge"),
        case("merges of lines beside each other", TopK { k: 4500, axis: 0, largest: false }, random(&[4500, 2], 7)).kernel("sort/merge"),
        Case::new("windows, counted", Elsewhere::windows(op(3, true)), vec![random(&[90, 33], 8)], Bound::Exact).dispatches(2),
        Case::new("windows, sorted", Elsewhere::windows(op(3, true)), vec![random(&[5, 300], 9)], Bound::Exact).dispatches(4),
    ]);
}

#[test]
fn refused() {
    let op = |k, axis| TopK { k, axis, largest: true };
    check(vec![
        Case::refused("none", op(0, 0), vec![random(&[3], 1)], "k = 0"),
        Case::refused("too many", op(4, 0), vec![random(&[3], 1)], "k = 4 of the 3"),
        Case::refused("axis", op(1, 1), vec![random(&[3], 1)], "no axis 1"),
        Case::refused("f16", op(1, 0), vec![Array::full([3], f16::ONE)], "cast it first"),
    ]);
}

#[test]
fn methods() {
    let x = Array::new([2, 3], vec![3, 1, 2, 5, 5, 4]).unwrap();
    let found = on_the_host(&[x], |x| {
        let ((sorted, places), (top, _)) = (x[0].sort(-1, false)?, x[0].topk(1, 0, true)?);
        Ok(vec![sorted, places, top, x[0].argsort(1, true)?])
    });
    let rows = |values: [i32; 6]| Array::new([2, 3], values.into()).unwrap();
    let top = Array::new([1, 3], vec![5, 5, 4]).unwrap();
    assert_eq!(found, [rows([1, 2, 3, 4, 5, 5]), rows([1, 2, 0, 2, 0, 1]), top, rows([0, 2, 1, 0, 1, 2])]);
}
