//! `upsample_argmax`: case table. Indices are exact, but where two scores are as good as equal: the operator says when.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, DType, Hw};
use foveate::graph::Graph;
use foveate::ops::{ArgKind, ArgReduce, Coordinates, Op, Resize, ResizeMode, UpsampleArgmax};

fn classes(resize: Resize) -> UpsampleArgmax {
    UpsampleArgmax { resize, keepdims: false, select_last_index: false }
}

fn to(h: usize, w: usize) -> UpsampleArgmax {
    classes(Resize::bilinear(Hw::new(h, w)))
}

fn floats(array: &Array) -> Array {
    let values = array.to_f64();
    Array::from_fn(array.shape(), |i| values[i] as f32)
}

/// What `torch.argmax` makes of PyTorch's own enlarged images: the largest of a channel, all of which differ here.
#[test]
fn pytorch() {
    let numbers = fixture("resize");
    let argmax = ArgReduce { kind: ArgKind::Max, axis: 1, keepdims: false, select_last_index: false };
    let corners = |op: UpsampleArgmax| classes(Resize { coordinates: Coordinates::AlignCorners, ..op.resize });
    let scaled = |h, w, scale| classes(Resize { scales: Some((scale, scale)), ..to(h, w).resize });
    let rows = [
        ("double", "bilinear-half", to(8, 12)),
        ("double", "bilinear-corners", corners(to(8, 12))),
        ("triple", "bilinear-half", to(15, 9)),
        ("triple", "bilinear-corners", corners(to(15, 9))),
        ("odd", "bilinear-half", to(10, 13)),
        ("odd", "bilinear-corners", corners(to(10, 13))),
        ("1x1", "bilinear-half", to(3, 4)),
        ("mixed", "bilinear-half", to(13, 8)),
        ("scale", "bilinear-half-1.5", scaled(7, 10, 1.5)),
        ("scale", "bilinear-half-2.3", scaled(11, 16, 2.3)),
    ];
    let case = |(group, name, op): (&str, &str, UpsampleArgmax)| {
        let enlarged = &numbers[&format!("{group}/{name}")];
        let outside = argmax.reference(&[enlarged]).unwrap();
        Case::new(format!("{group}, {name}"), op, vec![numbers[&format!("{group}/input")].clone()], Bound::Exact).outputs(outside)
    };
    check(rows.into_iter().map(case).collect());
}

/// Scores that are small whole numbers, enlarged by powers of two, are exact: so ties are ties.
#[test]
fn of_equal_classes_the_first_or_the_last() {
    let scores = floats(&random_below(&[2, 5, 6, 7], 3, 3));
    let last = |op: UpsampleArgmax| UpsampleArgmax { select_last_index: true, keepdims: true, ..op };
    check(vec![
        Case::new("first", to(12, 14), vec![scores.clone()], Bound::Exact).kernel("upsample_argmax/tiles"),
        Case::new("last", last(to(24, 28)), vec![scores.clone()], Bound::Exact),
        Case::new("the same size, first", to(6, 7), vec![scores.clone()], Bound::Exact).kernel("upsample_argmax/pixels"),
        Case::new("the same size, last", last(to(6, 7)), vec![scores], Bound::Exact),
    ]);
}

#[test]
fn nan_wins_and_infinities_compare() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let mut values = vec![-inf; 4 * 9];
    values[9..18].copy_from_slice(&[1.0, 2.0, 3.0, 4.0, -0.0, 6.0, 7.0, inf, 9.0]);
    values[18..27].copy_from_slice(&[0.5, 2.5, 3.5, 0.0, 0.0, 0.0, nan, 0.0, 0.0]);
    let scores = vec![Array::new([1, 4, 3, 3], values).unwrap()];
    let asymmetric = classes(Resize { coordinates: Coordinates::Asymmetric, ..to(6, 6).resize });
    check(vec![
        Case::new("between", to(6, 6), scores.clone(), Bound::Exact),
        Case::new("on pixels", asymmetric, scores.clone(), Bound::Exact),
        Case::new("between, last", UpsampleArgmax { select_last_index: true, ..to(6, 6) }, scores, Bound::Exact),
    ]);
}

#[test]
fn sizes() {
    check(vec![
        Case::new("one class", to(9, 11), vec![random(&[1, 1, 3, 4], 1)], Bound::Exact),
        Case::new("an odd photo", to(75, 101), vec![random(&[1, 21, 25, 34], 2)], Bound::Exact).kernel("upsample_argmax/tiles"),
        Case::new("hardly larger", to(30, 41), vec![random(&[3, 7, 25, 34], 3)], Bound::Exact).kernel("upsample_argmax/pixels"),
        Case::new("higher and narrower", to(80, 20), vec![random(&[2, 3, 17, 33], 4)], Bound::Exact),
        Case::new("a long line", to(1, 40_001), vec![random(&[1, 2, 1, 30_000], 5)], Bound::Exact),
        Case::new("windows of images", Elsewhere::windows(to(14, 17)), vec![random(&[9, 5, 7, 7], 6)], Bound::Exact).dispatches(2),
    ]);
}

/// Two classes, the first by `lead` better.
fn expected(lead: f32, found: i32) -> i32 {
    let scores = Array::from_fn([1, 3, 2, 2], |i| [1.0, 1.0 - lead, 0.0][i / 4]);
    let found = Array::full([1, 4, 4], found);
    to(4, 4).expected(&[&scores], &[found]).unwrap()[0].values::<i32>().unwrap()[5]
}

#[test]
fn what_roundings_decide_may_be_either() {
    let near = 2f32.powi(-20);
    assert_eq!([expected(near, 0), expected(near, 1), expected(near, 2)], [0, 1, 0]);
    assert_eq!([expected(4.0 * near, 1), expected(near, -1), expected(near, 3)], [0, 0, 0]);
}

#[test]
fn refusals() {
    let scores = || vec![random(&[1, 3, 8, 8], 1)];
    let crop = Coordinates::TfCropAndResize { start: (0.0, 0.0), end: (1.0, 0.5), extrapolation: 0.0 };
    let inexact = classes(Resize { scales: Some((2.000_000_2, 2.000_000_2)), ..to(16, 16).resize });
    check(vec![
        Case::refused("nearest", classes(Resize { mode: ResizeMode::Nearest, ..to(16, 16).resize }), scores(), "it is bilinear"),
        Case::refused("antialias", classes(Resize::smooth(Hw::square(16))), scores(), "it is bilinear"),
        Case::refused("a part", classes(Resize { coordinates: crop, ..to(16, 16).resize }), scores(), "it is bilinear"),
        Case::refused("fewer pixels", to(7, 9), scores(), "fewer pixels than there are"),
        Case::refused("other positions", inexact, scores(), "no fractions of whole numbers"),
        Case::refused("rank", to(16, 16), vec![random(&[3, 8, 8], 1)], "(N, C, H, W)"),
    ]);
}

#[test]
fn method() {
    let graph = Graph::new();
    let scores = graph.input("scores", random(&[2, 3, 4, 5], 1).ty()).unwrap();
    let shape = |keepdims| scores.upsample_argmax(UpsampleArgmax { keepdims, ..to(8, 9) }).unwrap().ty().clone();
    assert_eq!((shape(false).shape, shape(true).shape), (vec![2, 8, 9], vec![2, 1, 8, 9]));
    assert_eq!(shape(true).dtype, DType::I32);
}
