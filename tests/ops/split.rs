//! split: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
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
        Case::new("whole vectors", split(0, &[1, 2, 1, 1, 1, 1, 1, 3]), vec![random(&[11, 3, 8], 2)], Bound::Exact),
        Case::new("small beside large", split(1, &[3, 9000, 1, 2, 5]), vec![random(&[2, 9011], 3)], Bound::Exact),
        Case::new("integers", split(1, &[3, 4]), vec![random_below(&[2, 7, 3], 4, 99)], Bound::Exact),
        Case::refused("no such dimension", split(3, &[2]), vec![input.clone()], "no dimension 3"),
        Case::refused("too little", split(1, &[4, 4]), vec![input.clone()], "do not add up"),
        Case::refused("an empty part", split(1, &[9, 0]), vec![input], "no elements"),
    ]);
}
