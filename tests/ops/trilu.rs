//! trilu: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random};
use foveate::array::{Array, f16};
use foveate::ops::Trilu;

#[test]
fn cases() {
    let numbers = fixture("indexing");
    let mut cases = Vec::new();
    for k in [-9, -2, 0, 1, 3, 9] {
        for upper in [false, true] {
            let name = format!("trilu_{k}_{}", u8::from(upper));
            let of = |part: &str| numbers[&format!("{name}/{part}")].clone();
            cases.push(Case::new(&name, Trilu { upper, k }, vec![of("input0")], Bound::Exact).outputs(vec![of("output0")]));
        }
    }
    let of = |part: &str| numbers[&format!("trilu_bool_1_1/{part}")].clone();
    let op = Trilu { upper: true, k: 1 };
    cases.push(Case::new("bool", op, vec![of("input0")], Bound::Exact).outputs(vec![of("output0")]));
    cases.push(Case::new("i32", op, vec![Array::from_fn([3, 4], |i| i as i32 - 5)], Bound::Exact));
    cases.push(Case::new("u32, k beyond i32", Trilu { upper: false, k: i64::MAX }, vec![Array::full([2, 2], 7u32)], Bound::Exact));
    cases.push(Case::new("k below i32", Trilu { upper: false, k: i64::MIN }, vec![Array::full([2, 2], 7u32)], Bound::Exact));
    cases.push(Case::new("windows", Elsewhere::windows(op), vec![random(&[50, 7, 5], 1)], Bound::Exact).dispatches(2));
    cases.push(Case::refused("vector", op, vec![random(&[3], 1)], "[.., rows, columns]"));
    cases.push(Case::refused("f16", op, vec![Array::full([3, 3], f16::ONE)], "f16"));
    check(cases);
}
