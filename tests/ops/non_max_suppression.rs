//! `non_max_suppression`: case table. Indices are exact; the boxes are such that no overlap is near the threshold.

use crate::common::{Bound, Case, Elsewhere, check, fixture};
use foveate::array::{Array, DType, TensorType};
use foveate::ops::{NonMaxSuppression, Op};

fn op(most: usize, threshold: f32, inclusive: bool) -> NonMaxSuppression {
    NonMaxSuppression { most, threshold, inclusive }
}

fn boxes(values: &[[f32; 4]]) -> Array {
    Array::new([1, values.len(), 4], values.concat()).unwrap()
}

#[test]
fn agrees_with_onnx_runtime() {
    let numbers = fixture("non_max_suppression");
    let mut cases = Vec::new();
    for (name, most, threshold, inclusive) in
        [("few", 5, 0.3, false), ("crowded", 70, 0.5, false), ("pixels", 40, 0.7, true), ("wide", 300, 0.3, false)]
    {
        let of = |part: &str| numbers[&format!("{name}/{part}")].clone();
        let op = op(most, threshold, inclusive);
        cases.push(Case::new(name, op, vec![of("boxes")], Bound::Exact).outputs(vec![of("indices")]));
        cases.push(Case::new(format!("{name}, as a GPU"), Elsewhere::gpu(op), vec![of("boxes")], Bound::Exact));
        let few_turns = Elsewhere::new(op, |device| device.max_turns = 100);
        cases.push(Case::new(format!("{name}, some rounds at a time"), few_turns, vec![of("boxes")], Bound::Exact));
    }
    check(cases);
}

#[test]
fn what_is_no_box_covers_nothing() {
    let (nan, square) = (f32::NAN, [0.0, 0.0, 9.0, 9.0]);
    let odd = boxes(&[square, [nan, 0.0, 9.0, 9.0], [5.0, 5.0, 5.0, 5.0], square, [9.0, 9.0, 0.0, 0.0], [nan, 0.0, 9.0, 9.0]]);
    let indices = |values: [i32; 6]| vec![Array::new([1, 6], values.to_vec()).unwrap()];
    check(vec![
        // A point has no area, and corners the other way round have none.
        Case::new("areas", op(6, 0.0, false), vec![odd.clone()], Bound::Exact).outputs(indices([0, 1, 2, 4, 5, -1])),
        // As a pixel it has, of which all lies in the square; that is 1/100.
        Case::new("pixels", op(6, 0.0, true), vec![odd.clone()], Bound::Exact).outputs(indices([0, 1, 4, 5, -1, -1])),
        Case::new("a threshold above", op(6, 0.011, true), vec![odd.clone()], Bound::Exact).outputs(indices([0, 1, 2, 4, 5, -1])),
        Case::new("all that overlap less than wholly", op(6, 1.0, false), vec![odd], Bound::Exact).outputs(indices([0, 1, 2, 3, 4, 5])),
    ]);
}

#[test]
fn sizes() {
    let apart: Vec<[f32; 4]> = (0..257).map(|i| [i as f32, 0.0, i as f32 + 0.5, 1.0]).collect();
    let twice = [apart.clone(), apart.clone()].concat();
    let all = |count: i32, most: i32| vec![Array::from_fn([1, most as usize], |i| if (i as i32) < count { i as i32 } else { -1 })];
    check(vec![
        Case::new("one", op(1, 0.5, false), vec![boxes(&apart[..1])], Bound::Exact).outputs(all(1, 1)),
        Case::new("none overlap", op(257, 0.5, false), vec![boxes(&apart)], Bound::Exact).outputs(all(257, 257)),
        Case::new("each twice", op(300, 0.5, false), vec![boxes(&twice)], Bound::Exact).outputs(all(257, 300)),
        Case::new("as a GPU", Elsewhere::gpu(op(300, 0.5, false)), vec![boxes(&twice)], Bound::Exact),
    ]);
    let many = Array::from_fn([70, 3, 4], |i| [0.0, 0.0, 4.0, 4.0][i % 4] + (i / 12) as f32);
    let expected = vec![Array::from_fn([70, 2], |i| [0, -1][i % 2])];
    check(vec![
        Case::new("many images", op(2, 0.5, false), vec![many.clone()], Bound::Exact).outputs(expected),
        Case::new("in windows", Elsewhere::windows(op(2, 0.5, false)), vec![many], Bound::Exact),
    ]);
}

/// An overlap of a third, which no float is: whether it is more than the threshold that is its nearest float roundings decide.
#[test]
fn at_the_threshold_either_answer_is_right() {
    let third = 1.0f32 / 3.0;
    let pair = boxes(&[[0.1, 0.1, 2.1, 1.1], [1.1, 0.1, 3.1, 1.1]]);
    let op = op(2, third, false);
    for found in [vec![0, 1], vec![0, -1]] {
        let found = Array::new([1, 2], found).unwrap();
        assert_eq!(op.expected(&[&pair], std::slice::from_ref(&found)).unwrap(), [found]);
    }
    let wrong = Array::new([1, 2], vec![1, -1]).unwrap();
    assert_ne!(op.expected(&[&pair], std::slice::from_ref(&wrong)).unwrap(), [wrong], "the best is always kept");
    check(vec![Case::new("a third", op, vec![pair], Bound::Exact)]);
}

#[test]
fn refusals() {
    let given = |shape: &[usize]| vec![Array::full(shape, 0.0f32)];
    check(vec![
        Case::refused("no boxes", op(1, 0.5, false), given(&[1, 4]), "must be"),
        Case::refused("three corners", op(1, 0.5, false), given(&[1, 2, 3]), "boxes are (N, B, 4)"),
        Case::refused("more than there are", op(3, 0.5, false), given(&[1, 2, 4]), "3 of boxes"),
        Case::refused("none", op(0, 0.5, false), given(&[1, 2, 4]), "0 of boxes"),
        Case::refused("threshold", op(1, 1.5, false), given(&[1, 2, 4]), "threshold 1.5"),
        Case::refused("NaN", op(1, f32::NAN, false), given(&[1, 2, 4]), "threshold NaN"),
    ]);
    let types = [TensorType::new(DType::I32, [1, 2, 4])];
    let error = op(1, 0.5, false).infer(&types.iter().collect::<Vec<_>>()).unwrap_err().to_string();
    assert!(error.contains("boxes"), "{error}");
}
