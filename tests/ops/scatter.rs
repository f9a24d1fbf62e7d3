//! `scatter_elements` and `scatter_nd`: case tables. Sums of a few updates are off by a rounding each.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::ScatterReduction::{Add, Max, Min, Mul, None};
use foveate::ops::{ScatterElements, ScatterNd, ScatterReduction};

/// Products round once per update, of which there are at most nine here.
const PRODUCT: Bound = Bound::Near { absolute: 0.0, relative: 9.0 / (1 << 23) as f64 };

const REDUCTIONS: [(&str, ScatterReduction, Bound); 4] =
    [("add", Add, Bound::Terms(9)), ("mul", Mul, PRODUCT), ("max", Max, Bound::Exact), ("min", Min, Bound::Exact)];

#[test]
fn elements() {
    let numbers = fixture("indexing");
    let case = |name: &str, axis, reduction, bound| {
        let of = |part: &str| numbers[&format!("scatter_elements_{name}/{part}")].clone();
        let inputs = vec![of("input0"), of("input1"), of("input2")];
        Case::new(name, ScatterElements { axis, reduction }, inputs, bound).outputs(vec![of("output0")])
    };
    let mut cases: Vec<Case> = (0..3).map(|axis| case(&axis.to_string(), axis, None, Bound::Exact)).collect();
    cases.push(case("whole", 1, Add, Bound::Terms(10)));
    cases.push(case("bool", 0, None, Bound::Exact));
    for (name, reduction, bound) in REDUCTIONS {
        cases.push(case(name, 2, reduction, bound));
        cases.push(case(&format!("i32_{name}"), 0, reduction, Bound::Exact));
    }
    let axis = 0;
    let indices = || Array::new([5], vec![-1, -9, 3, 4, i32::MIN]).unwrap();
    let last = Array::new([4], vec![5.0f32, 0.0, 0.0, 4.0]).unwrap();
    let updates = Array::new([5], vec![1.0f32, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let op = ScatterElements { axis, ..Default::default() };
    let zeros = || Array::full([4], 0.0f32);
    cases.push(Case::new("out of range, the last of many", op, vec![zeros(), indices(), updates], Bound::Exact).outputs(vec![last]));
    let wrapping = vec![Array::full([2], u32::MAX), Array::full([2], 0), Array::new([2], vec![3u32, 5]).unwrap()];
    let wrapped = vec![Array::new([2], vec![7, u32::MAX]).unwrap()];
    cases.push(Case::new("u32 wraps", ScatterElements { axis, reduction: Add }, wrapping, Bound::Exact).outputs(wrapped));
    let nan = vec![Array::full([1], f32::NAN), Array::full([1], 0), Array::full([1], 1.0f32)];
    cases
        .push(Case::new("NaN wins", ScatterElements { axis, reduction: Max }, nan, Bound::Exact).outputs(vec![Array::full([1], f32::NAN)]));
    let many = || vec![random(&[3, 20, 5], 1), random_below(&[3, 70, 5], 2, 20), random(&[3, 70, 5], 3)];
    cases.push(Case::new("many name a place, the last stands", ScatterElements { axis: 1, reduction: None }, many(), Bound::Exact));
    cases.push(Case::new("many name a place", ScatterElements { axis: 1, reduction: Add }, many(), Bound::Terms(20)));
    let wide = vec![random(&[40, 50, 3], 1), random_below(&[30, 9, 3], 2, 50), random(&[30, 9, 3], 3)];
    let op = ScatterElements { axis: 1, reduction: None };
    cases.push(Case::new("windows", Elsewhere::windows(op), wide, Bound::Exact).dispatches(4));
    check(cases);
}

/// Rows of more columns than a workgroup has invocations and of fewer; more updates than are looked at together, of which many name one row.
#[test]
fn rows_of_many_updates() {
    let mut cases = Vec::new();
    for (rows, columns, updates) in [(7, 16, 16), (5, 300, 40), (40, 33, 700), (3, 65, 257), (1, 17, 300)] {
        for (name, reduction) in [("none", None), ("add", Add), ("max", Max)] {
            let inputs = vec![random(&[rows, columns], 1), random_below(&[updates, 1], 2, rows as u32), random(&[updates, columns], 3)];
            // Up to all updates are added up, to a sum below 50.
            let bound =
                if reduction == Add { Bound::Near { absolute: 300.0 * 50.0 / (1 << 24) as f64, relative: 0.0 } } else { Bound::Exact };
            cases.push(Case::new(format!("{name} {rows} {columns} {updates}"), ScatterNd { reduction }, inputs, bound));
        }
    }
    let tuples = Array::from_fn([60, 2], |i| if i % 2 == 0 { i / 2 % 3 } else { i / 2 % 4 } as i32 - if i % 2 == 0 { 0 } else { 4 });
    let inputs = vec![random(&[3, 4, 20], 1), tuples, random(&[60, 20], 3)];
    cases.push(Case::new("tuples", ScatterNd { reduction: Add }, inputs, Bound::Terms(20)));
    let integers = |shape: &[usize], seed| random_below(shape, seed, 1000);
    let inputs = vec![integers(&[4, 20], 1), random_below(&[90, 1], 2, 4), integers(&[90, 20], 3)];
    cases.push(Case::new("integers", ScatterNd { reduction: Add }, inputs, Bound::Exact));
    let wide = vec![random(&[400, 20], 1), random_below(&[30, 1], 2, 400), random(&[30, 20], 3)];
    cases.push(Case::new("windows", Elsewhere::windows(ScatterNd { reduction: Add }), wide, Bound::Terms(5)));
    check(cases);
}

#[test]
fn slices() {
    let numbers = fixture("indexing");
    let case = |name: &str, reduction, bound| {
        let of = |part: &str| numbers[&format!("scatter_nd_{name}/{part}")].clone();
        Case::new(name, ScatterNd { reduction }, vec![of("input0"), of("input1"), of("input2")], bound).outputs(vec![of("output0")])
    };
    let mut cases: Vec<Case> = REDUCTIONS.map(|(name, reduction, bound)| case(name, reduction, bound)).into();
    cases.push(case("rows", None, Bound::Exact));
    cases.push(case("elements", None, Bound::Exact));
    let outside = vec![random(&[3, 4], 1), Array::new([2, 2], vec![-9, i32::MAX, 7, i32::MIN]).unwrap(), random(&[2], 2)];
    cases.push(Case::new("out of range", ScatterNd::default(), outside, Bound::Exact));
    let bools = vec![Array::full([3], false), Array::new([1, 1], vec![-1]).unwrap(), Array::full([1], true)];
    cases.push(Case::new("bool", ScatterNd::default(), bools, Bound::Exact));
    let wide = vec![random(&[70, 50], 1), random_below(&[9, 1], 2, 70), random(&[9, 50], 3)];
    cases.push(Case::new("windows", Elsewhere::windows(ScatterNd { reduction: Add }), wide, Bound::Terms(10)).dispatches(4));
    check(cases);
}

#[test]
fn refused() {
    let op = ScatterElements::default();
    let nd = ScatterNd::default();
    let add = ScatterElements { reduction: Add, ..op };
    let (x, i) = (|| random(&[3, 4], 1), || random_below(&[2, 4], 2, 3));
    let half = || Array::full([3, 4], f16::ONE);
    check(vec![
        Case::refused("shapes", op, vec![x(), i(), random(&[2, 3], 1)], "one index for each update"),
        Case::refused("wide", op, vec![x(), random_below(&[2, 5], 1, 3), random(&[2, 5], 1)], "reach outside"),
        Case::refused("f32 indices", op, vec![x(), x(), x()], "indices must be i32"),
        Case::refused("dtypes", op, vec![x(), i(), i()], "differ in dtype"),
        Case::refused("f16", op, vec![half(), i(), Array::full([2, 4], f16::ONE)], "cast it first"),
        Case::refused("bool sums", add, vec![Array::full([3], true), Array::full([1], 0), Array::full([1], true)], "Add of bool"),
        Case::refused("axis", ScatterElements { axis: 2, ..op }, vec![x(), i(), random(&[2, 4], 1)], "no dimension 2"),
        Case::refused("deep tuples", nd, vec![x(), random_below(&[2, 3], 1, 3), random(&[2], 1)], "tuples of 3"),
        Case::refused("slices", nd, vec![x(), random_below(&[2, 1], 1, 3), random(&[2, 3], 1)], "want [2, 4]"),
        Case::refused("no tuples", nd, vec![x(), Array::scalar(1), x()], "indices must be [.., k]"),
    ]);
}
