//! softmax: case table.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, on_the_host, random};
use foveate::array::Array;
use foveate::ops::Softmax;

/// WGSL grants exp 3 + 2|x| ulp and log 2^-21 near 1; the rows here have numbers down to about 20 below their maximum.
const BOUND: Bound = Bound::Near { absolute: 2e-6, relative: 1e-5 };

/// The axis of each case of the fixture.
const CASES: [(&str, isize); 11] = [
    ("one", 1),
    ("vector", -1),
    ("rows", -1),
    ("rows4", 1),
    ("long", 1),
    ("channels", 1),
    ("channels4", -3),
    ("first", 0),
    ("narrow", 1),
    ("far", 1),
    ("infinite", 1),
];

#[test]
fn agrees_with_pytorch() {
    let arrays = fixture("softmax");
    let mut cases = Vec::new();
    for (name, axis) in CASES {
        for (log, output) in [(false, "output"), (true, "log")] {
            let of = |part: &str| arrays[&format!("{name}/{part}")].clone();
            let case = Case::new(format!("{name}, {output}"), Softmax { axis, log }, vec![of("input")], BOUND);
            cases.push(case.outputs(vec![of(output)]));
        }
    }
    check(cases);
}

#[test]
fn kernels_of_gpus() {
    let softmax = |axis| Elsewhere::gpu(Softmax { axis, log: false });
    let with_infinities = Array::from_fn([3, 300], |i| if i % 7 == 0 || i >= 600 { f32::NEG_INFINITY } else { (i % 11) as f32 });
    // Ordinary rows, and such with one NaN of either sign, one infinity, or nothing but -inf; along the axis or across it.
    let special = |shape: [usize; 2], row_of: fn(usize) -> (usize, usize)| {
        Array::from_fn(shape, move |i| match row_of(i) {
            (1, 70) => f32::NAN,
            (2, 5) => -f32::NAN,
            (3, 199) => f32::INFINITY,
            (4, 64) | (5, _) => f32::NEG_INFINITY,
            (_, k) => (k % 11) as f32,
        })
    };
    let (rows, columns) = (special([6, 300], |i| (i / 300, i % 300)), special([200, 8], |i| (i % 8, i / 8)));
    check(vec![
        Case::new("special rows", softmax(1), vec![rows.clone()], BOUND),
        Case::new("special rows, logarithms", Softmax { axis: 1, log: true }, vec![rows], BOUND),
        Case::new("special columns", softmax(0), vec![columns.clone()], BOUND),
        Case::new("special columns, logarithms", Softmax { axis: 0, log: true }, vec![columns], BOUND),
        Case::new("a team of 64", softmax(1), vec![random(&[3, 65], 1)], BOUND),
        Case::new("a team of 256", softmax(1), vec![random(&[2, 4096], 2)], BOUND),
        Case::new("small teams", softmax(1), vec![random(&[9000, 30], 3)], BOUND),
        Case::new("a long axis in front", softmax(0), vec![random(&[513, 3], 4)], BOUND),
        Case::new("-inf", softmax(1), vec![with_infinities], BOUND),
    ]);
}

#[test]
fn cut_into_windows() {
    let softmax = |axis, log| Elsewhere::windows(Softmax { axis, log });
    check(vec![
        Case::new("rows", softmax(1, false), vec![random(&[100, 65], 1)], BOUND),
        Case::new("rows of four", softmax(1, false), vec![random(&[100, 36], 1)], BOUND),
        Case::new("images", softmax(1, true), vec![random(&[5, 9, 5, 7], 2)], BOUND),
    ]);
}

#[test]
fn large_and_refused() {
    check(vec![
        Case::new("more than 65,535 workgroups", Softmax::default(), vec![random(&[65_535 * 64 + 1, 2], 1)], BOUND),
        Case::refused("no such axis", Softmax { axis: 2, log: false }, vec![random(&[2, 3], 1)], "no axis 2 in f32[2, 3]"),
        Case::refused("no such axis from the end", Softmax { axis: -3, log: true }, vec![random(&[2, 3], 1)], "no axis -3"),
        Case::refused("a scalar", Softmax::default(), vec![random(&[], 1)], "no axis -1"),
        Case::refused("integers", Softmax::default(), vec![Array::full([2], 1i32)], "cast it first"),
    ]);
}

#[test]
fn methods() {
    let x = Array::new([1, 2], vec![0.0, 3f32.ln()]).unwrap();
    let [soft, log] = &on_the_host(&[x], |x| Ok(vec![x[0].softmax(-1)?, x[0].log_softmax(1)?]))[..] else { panic!("two outputs") };
    let near = Bound::Near { absolute: 1e-6, relative: 0.0 };
    compare(soft, &Array::new([1, 2], vec![0.25f32, 0.75]).unwrap(), None, near).unwrap();
    compare(log, &Array::new([1, 2], vec![0.25f32.ln(), 0.75f32.ln()]).unwrap(), None, near).unwrap();
}
