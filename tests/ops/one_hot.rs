//! `one_hot`: case table, and hardmax, which is composed of it.

use crate::common::{Bound, Case, Elsewhere, check, fixture, on_the_host, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::OneHot;

#[test]
fn cases() {
    let numbers = fixture("indexing");
    let case = |name: &str, depth, axis| {
        let of = |part: &str| numbers[&format!("one_hot_{name}/{part}")].clone();
        Case::new(name, OneHot { depth, axis }, vec![of("input0"), of("input2")], Bound::Exact).outputs(vec![of("output0")])
    };
    let op = OneHot { depth: 3, axis: 1 };
    let (indices, values) = (|| random_below(&[2, 2], 1, 3), || random(&[2], 2));
    check(vec![
        case("0", 5, 0),
        case("1", 5, 1),
        case("2", 5, 2),
        case("-2", 5, 1),
        case("i32", 3, 1),
        Case::new("bool of a number", OneHot { depth: 3, axis: 0 }, vec![Array::scalar(-1), Array::from_fn([2], |i| i == 1)], Bound::Exact)
            .outputs(vec![Array::from_fn([3], |i| i == 2)]),
        Case::new("extremes", op, vec![Array::new([2], vec![i32::MIN, i32::MAX]).unwrap(), values()], Bound::Exact),
        Case::new("windows", Elsewhere::windows(op), vec![random_below(&[30, 50], 3, 3), values()], Bound::Exact).dispatches(2),
        Case::refused("f32 indices", op, vec![random(&[2], 1), values()], "indices must be i32"),
        Case::refused("values", op, vec![indices(), random(&[3], 1)], "values must be [2]"),
        Case::refused("f16", op, vec![indices(), Array::full([2], f16::ONE)], "cast them first"),
        Case::refused("no depth", OneHot { depth: 0, axis: 0 }, vec![indices(), values()], "depth 0"),
        Case::refused("axis", OneHot { depth: 2, axis: 3 }, vec![indices(), values()], "no place for a dimension 3"),
    ]);
}

#[test]
fn hardmax() {
    let numbers = fixture("indexing");
    for axis in [0, 1, -1] {
        let of = |part: &str| numbers[&format!("hardmax_{axis}/{part}")].clone();
        assert_eq!(on_the_host(&[of("input0")], |x| Ok(vec![x[0].hardmax(axis)?])), [of("output0")]);
    }
}
