//! logical: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::Array;
use foveate::ops::Logical;

#[test]
fn cases() {
    let numbers = fixture("binary");
    let rows = [
        ("and_bool", Logical::And),
        ("or_bool", Logical::Or),
        ("xor_bool", Logical::Xor),
        ("and_i32", Logical::And),
        ("or_i32", Logical::Or),
        ("xor_i32", Logical::Xor),
        ("shift_left_i32", Logical::ShiftLeft),
        ("shift_right_i32", Logical::ShiftRight),
    ];
    let mut cases: Vec<Case> = rows
        .into_iter()
        .map(|(name, op)| {
            let [a, b, output] = ["a", "b", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
            Case::new(name, op, vec![a, b], Bound::Exact).outputs(vec![output])
        })
        .collect();
    let by = vec![Array::full([1], 0x8000_0001u32), Array::new([4], vec![0u32, 1, 32, u32::MAX]).unwrap()];
    let left = Array::new([4], vec![0x8000_0001u32, 2, 0, 0]).unwrap();
    let right = Array::new([4], vec![0x8000_0001u32, 0x4000_0000, 0, 0]).unwrap();
    cases.push(Case::new("u32 left", Logical::ShiftLeft, by.clone(), Bound::Exact).outputs(vec![left]));
    cases.push(Case::new("u32 right", Logical::ShiftRight, by, Bound::Exact).outputs(vec![right]));
    let by = vec![Array::full([1], -8), Array::new([3], vec![1, 32, -1]).unwrap()];
    let signs = Array::new([3], vec![-4, -1, -1]).unwrap();
    cases.push(Case::new("i32 too far", Logical::ShiftRight, by, Bound::Exact).outputs(vec![signs]));
    cases.push(Case::refused("floats", Logical::And, vec![random(&[2], 1), random(&[2], 2)], "cast them first"));
    let truth = vec![Array::full([2], true), Array::full([2], true)];
    cases.push(Case::refused("shift of bool", Logical::ShiftLeft, truth, "cast them first"));
    check(cases);
}
