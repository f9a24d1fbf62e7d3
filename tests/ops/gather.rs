//! gather: case table.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::Gather;

#[test]
fn cases() {
    let numbers = fixture("movement");
    let case = |name: &str, axis: usize| {
        let [input, indices, output] = ["input", "indices", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, Gather { axis }, vec![input, indices], Bound::Exact).outputs(vec![output])
    };
    let indexing = fixture("indexing");
    let elsewhere = |name: &str| {
        let [input, indices, output] = ["input0", "input1", "output0"].map(|part| indexing[&format!("{name}/{part}")].clone());
        Case::new(name, Gather { axis: 1 }, vec![input, indices], Bound::Exact).outputs(vec![output])
    };
    let axis = 0;
    let outside = Array::new([4], vec![-7, 99, i32::MIN, i32::MAX]).unwrap();
    let table = random(&[6, 3], 1);
    let rows = table.values::<f32>().unwrap();
    let clamped = Array::from_fn([4, 3], |i| if i / 3 % 2 == 0 { rows[i % 3] } else { rows[15 + i % 3] });
    check(vec![
        case("gather_0", 0),
        case("gather_1", 1),
        case("gather_2", 2),
        case("gather_scalar", 1),
        Case::new("out of range", Gather { axis }, vec![table.clone(), outside], Bound::Exact).outputs(vec![clamped]),
        Case::new("i32", Gather { axis }, vec![random_below(&[9], 1, 100), random_below(&[5], 2, 9)], Bound::Exact),
        elsewhere("gather_scalar_bool"),
        Case::new("u32", Gather { axis: 1 }, vec![Array::from_fn([2, 3], |i| i as u32), Array::scalar(-1)], Bound::Exact),
        Case::new("bool", Gather { axis }, vec![Array::from_fn([5, 4], |i| i % 3 == 0), random_below(&[2, 2], 2, 5)], Bound::Exact),
        Case::new(
            "f16",
            Gather { axis },
            vec![Array::from_fn([3, 2], |i| f16::from_f32(i as f32)), random_below(&[5], 2, 3)],
            Bound::Exact,
        ),
        Case::new("many", Gather { axis: 1 }, vec![random(&[3, 1000], 1), random_below(&[1_400_001], 2, 1000)], Bound::Exact),
        Case::refused("f16 alone", Gather { axis }, vec![Array::full([3], f16::ONE), random_below(&[5], 2, 3)], "cast it first"),
        Case::refused("f32 indices", Gather { axis }, vec![table.clone(), random(&[5], 2)], "indices must be i32"),
        Case::refused("no such dimension", Gather { axis: 2 }, vec![table, random_below(&[5], 2, 3)], "no dimension 2"),
    ]);
}
