//! compare: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::array::Array;
use foveate::ops::Compare;

const KINDS: [(&str, Compare); 6] = [
    ("equal", Compare::Equal),
    ("not_equal", Compare::NotEqual),
    ("less", Compare::Less),
    ("less_or_equal", Compare::LessOrEqual),
    ("greater", Compare::Greater),
    ("greater_or_equal", Compare::GreaterOrEqual),
];

#[test]
fn cases() {
    let numbers = fixture("binary");
    let mut cases: Vec<Case> = KINDS
        .iter()
        .flat_map(|(kind, op)| [(format!("{kind}_special"), *op), (format!("{kind}_i32"), *op)])
        .map(|(name, op)| {
            let [a, b, output] = ["a", "b", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
            Case::new(name, op, vec![a, b], Bound::Exact).outputs(vec![output])
        })
        .collect();
    let truth = vec![Array::new([2, 1], vec![true, false]).unwrap(), Array::new([2], vec![true, false]).unwrap()];
    let same = Array::new([2, 2], vec![true, false, false, true]).unwrap();
    cases.push(Case::new("bool", Compare::Equal, truth.clone(), Bound::Exact).outputs(vec![same]));
    let unsigned = vec![Array::full([1], u32::MAX), Array::full([3], 1u32)];
    cases.push(Case::new("u32", Compare::Greater, unsigned, Bound::Exact).outputs(vec![Array::full([3], true)]));
    cases.push(Case::refused("bool has no order", Compare::Less, truth, "cast them first"));
    cases.push(Case::refused("2 against 3", Compare::Less, vec![random(&[2], 1), random(&[3], 1)], "2 against 3"));
    check(cases);
}
