//! reduce: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, on_the_host, random, random_below};
use foveate::array::Array;
use foveate::ops::{Reduce, ReduceKind};

const KINDS: [(&str, ReduceKind); 10] = [
    ("sum", ReduceKind::Sum),
    ("mean", ReduceKind::Mean),
    ("max", ReduceKind::Max),
    ("min", ReduceKind::Min),
    ("prod", ReduceKind::Prod),
    ("l1", ReduceKind::L1),
    ("l2", ReduceKind::L2),
    ("sum_square", ReduceKind::SumSquare),
    ("log_sum", ReduceKind::LogSum),
    ("log_sum_exp", ReduceKind::LogSumExp),
];

/// At most 65 roundings of 6e-8 (the product of 65 numbers), or a logarithm good to 2^-21.
const BOUND: Bound = Bound::Near { absolute: 1e-6, relative: 4e-6 };

fn reduce(kind: ReduceKind, axes: &[isize], keepdims: bool) -> Reduce {
    Reduce { kind, axes: axes.to_vec(), keepdims }
}

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("reduce");
    let of = |name: &str, part: &str| arrays[&format!("{name}/{part}")].clone();
    let mut cases = Vec::new();
    for (kind_name, kind) in KINDS {
        for (name, axes) in [
            ("rows", &[1][..]),
            ("across", &[-2]),
            ("channels", &[0, 2, 3]),
            ("middle", &[3, 1]),
            ("all", &[]),
            ("special", &[1]),
            ("integers", &[1]),
        ] {
            let Some(output) = arrays.get(&format!("{name}/{kind_name}")) else { continue };
            let bound = if matches!(kind, ReduceKind::Max | ReduceKind::Min) || name == "integers" { Bound::Exact } else { BOUND };
            let case = Case::new(format!("{name}, {kind_name}"), reduce(kind, axes, false), vec![of(name, "input")], bound);
            cases.push(case.outputs(vec![output.clone()]));
        }
    }
    assert_eq!(cases.len(), 57);
    check(cases);
}

/// Whole numbers whose sums are exact in any order: an element that is missed or counted twice shows.
fn whole(shape: &[usize], seed: u64) -> Array {
    let values = random_below(shape, seed, 16);
    let values = values.values::<i32>().unwrap();
    Array::from_fn(shape, |i| values[i] as f32)
}

#[test]
fn every_element_counts_once() {
    let sum = |axes: &[isize]| reduce(ReduceKind::Sum, axes, true);
    let case = |name: &str, axes: &[isize], shape: &[usize]| Case::new(name, sum(axes), vec![whole(shape, 1)], Bound::Exact);
    check(vec![
        case("one element", &[], &[1]),
        case("axes of size 1", &[0, 2], &[1, 5, 1]),
        case("an image, all", &[], &[16, 128, 128]),
        case("stages with a shorter last chunk", &[], &[9001]),
        case("stages of four with a shorter last chunk", &[], &[9004]),
        case("a long axis in front", &[0], &[5003, 3]),
        case("a long axis between", &[1], &[2, 3001, 4]),
        case("every second axis", &[0, 2, 4], &[3, 2, 5, 3, 7, 2]),
        Case::new("on a GPU, all", Elsewhere::gpu(sum(&[])), vec![whole(&[3, 12_345], 2)], Bound::Exact),
        Case::new("on a GPU, rows", Elsewhere::gpu(sum(&[1])), vec![whole(&[3, 300], 3)], Bound::Exact),
        Case::new("on a GPU, in front", Elsewhere::gpu(sum(&[0])), vec![whole(&[3000, 4], 4)], Bound::Exact),
        Case::new("windows, all", Elsewhere::windows(sum(&[])), vec![whole(&[9001], 5)], Bound::Exact),
        Case::new("windows, rows", Elsewhere::windows(sum(&[1])), vec![whole(&[90, 33], 6)], Bound::Exact),
        Case::new("windows, in front", Elsewhere::windows(sum(&[0])), vec![whole(&[21, 99], 8)], Bound::Exact),
        Case::new("windows, between", Elsewhere::windows(sum(&[1])), vec![whole(&[40, 9, 12], 7)], Bound::Exact),
    ]);
}

#[test]
fn special_numbers() {
    // Ordinary rows, and such with one NaN of either sign, one infinity, or nothing but -inf; along the axis or across it.
    let number = |row: usize, k: usize| match (row, k) {
        (1, 70) => f32::NAN,
        (2, 5) => -f32::NAN,
        (3, 199) => f32::INFINITY,
        (4, 64) | (5, _) => f32::NEG_INFINITY,
        (_, k) => (k % 11) as f32,
    };
    let (rows, columns) = (Array::from_fn([6, 300], |i| number(i / 300, i % 300)), Array::from_fn([200, 8], |i| number(i % 8, i / 8)));
    let mut cases = Vec::new();
    for (kind, bound) in [(ReduceKind::Max, Bound::Exact), (ReduceKind::Min, Bound::Exact), (ReduceKind::LogSumExp, BOUND)] {
        cases.push(Case::new(format!("rows, {kind:?}"), reduce(kind, &[1], false), vec![rows.clone()], bound));
        cases.push(Case::new(format!("rows on a GPU, {kind:?}"), Elsewhere::gpu(reduce(kind, &[1], false)), vec![rows.clone()], bound));
        cases.push(Case::new(format!("columns, {kind:?}"), reduce(kind, &[0], false), vec![columns.clone()], bound));
    }
    check(cases);
}

#[test]
fn long_sums_stay_accurate() {
    // The derived bound has 1040 terms for each stage, of which this takes two; what is seen is far less.
    let tight = Bound::Near { absolute: 1e-6, relative: 1e-6 };
    let positive = Array::from_fn([1 << 20], |i| 0.1 + (i % 3) as f32 * 0.1);
    let signed = random(&[300_000], 1);
    check(vec![
        Case::new("a million", reduce(ReduceKind::Sum, &[], false), vec![positive.clone()], tight),
        Case::new("the mean of a million", reduce(ReduceKind::Mean, &[], false), vec![positive], tight),
        Case::new("signs", reduce(ReduceKind::Sum, &[], false), vec![signed.clone()], Bound::Terms(2080)),
        Case::new(
            "in stages, log_sum_exp",
            reduce(ReduceKind::LogSumExp, &[], false),
            vec![signed],
            Bound::Near { absolute: 1e-5, relative: 0.0 },
        ),
    ]);
}

#[test]
fn integers_and_truth() {
    let signed = Array::new([2, 4], vec![7, -7, 3, -8, i32::MAX, 1, i32::MIN, i32::MIN]).unwrap();
    let unsigned = Array::new([2, 4], vec![7u32, 0, 3, 9, u32::MAX, 1, 70_000, 5]).unwrap();
    let truth = Array::new([2, 4], vec![true, true, true, true, false, true, false, true]).unwrap();
    let case = |kind, input: &Array, output| {
        let name = format!("{kind:?} of {}", input.dtype());
        Case::new(name, reduce(kind, &[1], false), vec![input.clone()], Bound::Exact).outputs(vec![output])
    };
    let (i, u) = (|v: [i32; 2]| Array::new([2], v.to_vec()).unwrap(), |v: [u32; 2]| Array::new([2], v.to_vec()).unwrap());
    let flags = |v: [bool; 2]| Array::new([2], v.to_vec()).unwrap();
    // numpy's numbers of int32 and uint32: sums wrap, and -5 / 4 is cut to -1.
    let mut cases = vec![
        case(ReduceKind::Sum, &signed, i([-5, i32::MIN])),
        case(ReduceKind::Mean, &signed, i([-1, i32::MIN / 4])),
        case(ReduceKind::L1, &signed, i([25, i32::MIN])),
        case(ReduceKind::SumSquare, &signed, i([171, 2])),
        case(ReduceKind::Sum, &unsigned, u([19, 70_005])),
        case(ReduceKind::Mean, &unsigned, u([4, 17_501])),
        case(ReduceKind::Prod, &unsigned, u([0, 4_294_617_296])),
        case(ReduceKind::Max, &unsigned, u([9, u32::MAX])),
        case(ReduceKind::Min, &unsigned, u([0, 1])),
        case(ReduceKind::L1, &unsigned, u([19, 70_005])),
        case(ReduceKind::SumSquare, &unsigned, u([139, 605_032_731])),
        case(ReduceKind::Max, &truth, flags([true, true])),
        case(ReduceKind::Min, &truth, flags([true, false])),
    ];
    for kind in [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::L1, ReduceKind::Max, ReduceKind::Min, ReduceKind::Prod] {
        let words = |n: usize| Array::from_fn([n], |i| (i as u32).wrapping_mul(2_654_435_769));
        cases.push(Case::new(format!("{kind:?} in stages"), reduce(kind, &[], false), vec![words(9004)], Bound::Exact));
        let across = words(900).reshaped([300, 3]).unwrap();
        cases.push(Case::new(format!("{kind:?} across"), reduce(kind, &[0], false), vec![across], Bound::Exact));
    }
    check(cases);
}

#[test]
fn refused() {
    let input = || vec![random(&[2, 3], 1)];
    let integers = || vec![Array::full([2, 3], 1i32)];
    check(vec![
        Case::refused("no such axis", reduce(ReduceKind::Sum, &[2], false), input(), "no axis 2 in f32[2, 3]"),
        Case::refused("an axis twice", reduce(ReduceKind::Max, &[1, -1], false), input(), "name dimension 1 twice"),
        Case::refused("the norm of integers", reduce(ReduceKind::L2, &[], false), integers(), "reduce_l2 is not supported"),
        Case::refused("truth values", reduce(ReduceKind::Sum, &[], false), vec![Array::full([2], true)], "cast it first"),
    ]);
}

#[test]
fn methods() {
    let x = Array::new([1, 2], vec![3f32, -2.0]).unwrap();
    let outputs = on_the_host(&[x], |x| {
        let x = &x[0];
        Ok(vec![
            x.reduce_sum(&[1], false)?,
            x.reduce_mean(&[1], false)?,
            x.reduce_max(&[1], false)?,
            x.reduce_min(&[1], false)?,
            x.reduce_prod(&[1], false)?,
            x.reduce_l1(&[1], false)?,
            x.reduce_l2(&[1], false)?,
            x.reduce_sum_square(&[1], false)?,
            x.reduce_log_sum(&[1], false)?,
            x.reduce_log_sum_exp(&[1], false)?,
        ])
    });
    let expected = [1.0, 0.5, 3.0, -2.0, -6.0, 5.0, 13f32.sqrt(), 13.0, 0.0, (3f32.exp() + (-2f32).exp()).ln()];
    for (output, expected) in outputs.iter().zip(expected) {
        compare(output, &Array::full([1], expected), None, Bound::Near { absolute: 1e-6, relative: 0.0 }).unwrap();
    }
    let x = random(&[2, 3, 4], 1);
    let shapes =
        on_the_host(&[x], |x| Ok(vec![x[0].reduce_sum(&[], false)?, x[0].reduce_sum(&[], true)?, x[0].reduce_sum(&[0, -1], true)?]));
    assert_eq!(shapes.iter().map(Array::shape).collect::<Vec<_>>(), [&[][..], &[1, 1, 1], &[1, 3, 1]]);
}
