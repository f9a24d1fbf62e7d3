//! cumsum: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::Array;
use foveate::ops::CumSum;

#[test]
fn agrees_with_onnx_runtime() {
    let numbers = fixture("indexing");
    let mut cases = Vec::new();
    for (suffix, exclusive, reverse) in [("", false, false), ("_exclusive", true, false), ("_reverse", false, true), ("_both", true, true)]
    {
        for (name, axis) in [("0", 0), ("1", 1), ("2", -1), ("i32", -1)] {
            let of = |part: &str| numbers[&format!("cumsum_{name}{suffix}/{part}")].clone();
            let op = CumSum { axis, exclusive, reverse };
            let bound = if name == "i32" { Bound::Exact } else { Bound::Terms(70) };
            cases.push(Case::new(format!("{name}{suffix}"), op, vec![of("input0")], bound).outputs(vec![of("output0")]));
            let shared = Case::new(format!("{name}{suffix}, as on a GPU"), Elsewhere::gpu(op), vec![of("input0")], bound);
            cases.push(shared.outputs(vec![of("output0")]));
        }
    }
    check(cases);
}

#[test]
fn other_sizes() {
    let op = CumSum { axis: 1, ..CumSum::default() };
    let turned = CumSum { exclusive: true, reverse: true, ..op };
    let ones = Array::full([1, 5000], 1u32);
    let counted = vec![Array::from_fn([1, 5000], |i| i as u32 + 1)];
    check(vec![
        Case::new("several tiles", Elsewhere::gpu(op), vec![ones], Bound::Exact).outputs(counted).kernel("cumsum/scan"),
        Case::new("several tiles, turned", Elsewhere::gpu(turned), vec![random(&[3, 2000], 1)], Bound::Terms(2000)),
        Case::new("across", Elsewhere::gpu(op), vec![random(&[2, 300, 3], 2)], Bound::Terms(300)).kernel("cumsum/scan"),
        Case::new("windows", Elsewhere::windows(op), vec![random_below(&[50, 33], 1, 9)], Bound::Exact).dispatches(2),
        Case::new("one", op, vec![random(&[1, 1], 1)], Bound::Exact),
        Case::refused("axis", op, vec![random(&[3], 1)], "no axis 1"),
        Case::refused("bool", op, vec![Array::full([3, 2], true)], "cast it first"),
    ]);
}
