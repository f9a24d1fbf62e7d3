//! `gather_nd`: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::GatherNd;

#[test]
fn cases() {
    let numbers = fixture("indexing");
    let case = |name: &str, batch_dims| {
        let of = |part: &str| numbers[&format!("gather_nd_{name}/{part}")].clone();
        Case::new(name, GatherNd { batch_dims }, vec![of("input0"), of("input1")], Bound::Exact).outputs(vec![of("output0")])
    };
    let op = GatherNd::default();
    let outside = vec![random(&[3, 4], 1), Array::new([2, 2], vec![-9, i32::MAX, 7, i32::MIN]).unwrap()];
    let large = vec![random(&[5, 30, 3], 1), random_below(&[5, 400, 1], 2, 30)];
    check(vec![
        case("elements", 0),
        case("slices", 0),
        case("rows", 0),
        case("batch_1", 1),
        case("batch_2", 2),
        Case::new("out of range", op, outside, Bound::Exact),
        Case::new("one tuple", op, vec![random(&[3, 4], 1), Array::new([1], vec![-1]).unwrap()], Bound::Exact),
        Case::new("bool", op, vec![Array::from_fn([7], |i| i % 3 == 0), random_below(&[9, 1], 1, 7)], Bound::Exact),
        Case::new("windows", Elsewhere::windows(GatherNd { batch_dims: 1 }), large, Bound::Exact).dispatches(4),
        Case::refused("f16", op, vec![Array::full([3], f16::ONE), random_below(&[1, 1], 1, 3)], "cast it first"),
        Case::refused("f32 indices", op, vec![random(&[3], 1), random(&[1, 1], 1)], "indices must be i32"),
        Case::refused("deep tuples", op, vec![random(&[3], 1), random_below(&[1, 2], 1, 3)], "tuples of 2"),
        Case::refused("other batches", GatherNd { batch_dims: 1 }, vec![random(&[3, 2], 1), random_below(&[2, 1], 1, 2)], "differ in"),
        Case::refused("too many", GatherNd { batch_dims: 2 }, vec![random(&[3, 2], 1), random_below(&[3, 1], 1, 2)], "do not share 2"),
        Case::refused("a number", op, vec![random(&[3], 1), Array::scalar(1)], "indices must be [.., k]"),
    ]);
}
