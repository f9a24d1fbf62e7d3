//! `arg_reduce`: case table. Indices are exact.

use crate::common::{Bound, Case, Elsewhere, check, fixture, on_the_host, random, random_below};
use foveate::array::Array;
use foveate::ops::{ArgKind, ArgReduce};

fn arg(kind: ArgKind, axis: isize) -> ArgReduce {
    ArgReduce { kind, axis, keepdims: false, select_last_index: false }
}

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("arg_reduce");
    let cases = [
        ("one", 0),
        ("rows", 1),
        ("rows4", -1),
        ("channels", 1),
        ("channels4", -3),
        ("narrow", 1),
        ("ties", 1),
        ("ties_across", 0),
        ("special", 1),
        ("integers", 1),
    ];
    let mut table = Vec::new();
    for (name, axis) in cases {
        for (kind, output) in [(ArgKind::Max, "max"), (ArgKind::Min, "min")] {
            for (select_last_index, output) in [(false, output.to_owned()), (true, format!("{output}_last"))] {
                let of = |part: &str| arrays[&format!("{name}/{part}")].clone();
                let op = ArgReduce { select_last_index, ..arg(kind, axis) };
                let case = Case::new(format!("{name}, {output}"), op, vec![of("input")], Bound::Exact);
                table.push(case.outputs(vec![of(&output)]));
            }
        }
    }
    check(table);
}

#[test]
fn other_devices() {
    let (max, min) = (ArgKind::Max, ArgKind::Min);
    let last = ArgReduce { select_last_index: true, keepdims: true, ..arg(max, 1) };
    check(vec![
        Case::new("a team of 256", Elsewhere::gpu(arg(max, 1)), vec![random(&[2, 5000], 1)], Bound::Exact),
        Case::new("a team of 64, ties", Elsewhere::gpu(last), vec![random_below(&[3, 260], 2, 3)], Bound::Exact),
        Case::new("small teams", Elsewhere::gpu(arg(min, 1)), vec![random(&[9000, 30], 3)], Bound::Exact),
        Case::new("windows", Elsewhere::windows(arg(min, 1)), vec![random(&[100, 33], 4)], Bound::Exact),
        Case::new("windows of images", Elsewhere::windows(arg(max, 1)), vec![random(&[19, 5, 7, 3], 5)], Bound::Exact),
        Case::new("windows of four", Elsewhere::windows(arg(max, 1)), vec![random(&[9, 5, 7, 4], 6)], Bound::Exact),
    ]);
}

#[test]
fn unsigned() {
    let input = Array::new([2, 5], vec![7u32, 1 << 31, 0, u32::MAX, 3, 4, 4, 1 << 31, 1, 1]).unwrap();
    let case = |kind, output: Vec<i32>| {
        Case::new(format!("{kind:?}"), arg(kind, 1), vec![input.clone()], Bound::Exact).outputs(vec![Array::new([2], output).unwrap()])
    };
    let across = Case::new("across", arg(ArgKind::Max, 0), vec![input.clone()], Bound::Exact);
    let across = across.outputs(vec![Array::new([5], vec![0, 0, 1, 0, 0]).unwrap()]);
    check(vec![case(ArgKind::Max, vec![3, 2]), case(ArgKind::Min, vec![2, 3]), across]);
}

#[test]
fn refused() {
    check(vec![
        Case::refused("no such axis", arg(ArgKind::Max, -3), vec![random(&[2, 3], 1)], "no axis -3"),
        Case::refused("truth values", arg(ArgKind::Min, 0), vec![Array::full([2], true)], "cast it first"),
    ]);
}

#[test]
fn methods() {
    let x = Array::new([1, 4], vec![3, -2, 3, -2]).unwrap();
    let found = on_the_host(&[x], |x| {
        Ok(vec![x[0].argmax(1, false, false)?, x[0].argmax(1, false, true)?, x[0].argmin(-1, false, false)?, x[0].argmin(1, true, true)?])
    });
    let expected = [Array::full([1], 0), Array::full([1], 2), Array::full([1], 1), Array::full([1, 1], 3)];
    assert_eq!(found, expected);
}
