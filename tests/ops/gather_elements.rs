//! `gather_elements`: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::Array;
use foveate::ops::GatherElements;

#[test]
fn cases() {
    let numbers = fixture("movement");
    let mut cases: Vec<Case> = (0..3)
        .map(|axis| {
            let part = |part: &str| numbers[&format!("gather_elements_{axis}/{part}")].clone();
            let inputs = vec![part("input"), part("indices")];
            Case::new(format!("axis {axis}"), GatherElements { axis }, inputs, Bound::Exact).outputs(vec![part("output")])
        })
        .collect();
    let indexing = fixture("indexing");
    let of = |part: &str| indexing[&format!("gather_elements_bool/{part}")].clone();
    let bools = Case::new("bool, from the end", GatherElements { axis: 1 }, vec![of("input0"), of("input1")], Bound::Exact);
    cases.push(bools.outputs(vec![of("output0")]));
    let words = vec![Array::from_fn([3, 2], |i| u32::MAX - i as u32), random_below(&[5, 2], 2, 3)];
    cases.push(Case::new("u32", GatherElements { axis: 0 }, words, Bound::Exact));
    let outside = vec![random(&[4], 1), Array::new([5], vec![-1, -9, 3, 4, i32::MIN]).unwrap()];
    cases.push(Case::new("out of range", GatherElements { axis: 0 }, outside, Bound::Exact));
    let wide = vec![random(&[2, 4], 1), random_below(&[3, 4], 2, 2)];
    cases.push(Case::refused("wider than the input", GatherElements { axis: 1 }, wide, "reach outside"));
    let floats = vec![random(&[4], 1), random(&[4], 2)];
    cases.push(Case::refused("f32 indices", GatherElements { axis: 0 }, floats, "indices must be i32"));
    check(cases);
}
