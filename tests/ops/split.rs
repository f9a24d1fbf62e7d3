//! split: case table.

use crate::common::{Bound, Case, check, fixture, random};
use foveate::ops::Split;

#[test]
fn cases() {
    let numbers = fixture("movement");
    let outputs = (0..3).map(|i| numbers[&format!("split/output{i}")].clone()).collect();
    let input = numbers["split/input"].clone();
    let split = |axis: usize, sizes: &[usize]| Split { axis, sizes: sizes.to_vec() };
    check(vec![
        Case::new("4 + 2 + 3", split(1, &[4, 2, 3]), vec![input.clone()], Bound::Exact).outputs(outputs),
        Case::new("the last dimension", split(2, &[1, 3]), vec![input.clone()], Bound::Exact),
        Case::new("one part", split(0, &[2]), vec![input.clone()], Bound::Exact),
        Case::new("one by one", split(1, &[1; 65]), vec![random(&[3, 65], 1)], Bound::Exact),
        Case::refused("no such dimension", split(3, &[2]), vec![input.clone()], "no dimension 3"),
        Case::refused("too little", split(1, &[4, 4]), vec![input.clone()], "do not add up"),
        Case::refused("an empty part", split(1, &[9, 0]), vec![input], "no elements"),
    ]);
}
