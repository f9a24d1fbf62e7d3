//! where: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::Array;
use foveate::ops::Where;

#[test]
fn cases() {
    let numbers = fixture("binary");
    let [condition, a, b, output] = ["condition", "a", "b", "output"].map(|part| numbers[&format!("where/{part}")].clone());
    let odd = |n: usize| Array::from_fn([n], |i| i % 2 == 1);
    check(vec![
        Case::new("broadcast", Where, vec![condition.clone(), a.clone(), b], Bound::Exact).outputs(vec![output]),
        Case::new("vec4", Where, vec![odd(8), random(&[3, 8], 1), random(&[3, 1], 2)], Bound::Exact),
        Case::new("flat", Where, vec![odd(257), random(&[257], 1), random(&[], 2)], Bound::Exact),
        Case::new("i32", Where, vec![odd(3), random_below(&[3], 1, 9), random_below(&[3], 2, 9)], Bound::Exact),
        Case::new("bool", Where, vec![odd(3), odd(3), odd(1)], Bound::Exact),
        Case::refused("two dtypes", Where, vec![odd(3), random(&[3], 1), random_below(&[3], 1, 9)], "differ in dtype"),
        Case::refused("f32 condition", Where, vec![a.clone(), a.clone(), a.clone()], "condition must be bool"),
        Case::refused("3 against 5", Where, vec![condition, random(&[3], 1), a], "do not broadcast"),
    ]);
}
