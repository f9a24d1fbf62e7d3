//! `gather_sum`: case table. The same as a gather, a product and a sum.

use crate::common::{Bound, Case, Elsewhere, check, on_the_host, random, random_below};
use foveate::array::Array;
use foveate::ops::GatherSum;

#[test]
fn cases() {
    let case = |name: &str, axis: usize, input: &[usize], places: usize, most: usize| {
        let size = u32::try_from(input[axis]).unwrap();
        let inputs = vec![random(input, 1), random_below(&[places, most], 2, size), random(&[places, most], 3)];
        Case::new(name, GatherSum { axis }, inputs, Bound::Terms(most))
    };
    let axis = 0;
    let outside = vec![random(&[4, 3], 1), Array::new([2, 3], vec![-1, -9, 3, 4, i32::MIN, i32::MAX]).unwrap(), random(&[2, 3], 2)];
    let windows = vec![random(&[70, 9, 5], 1), random_below(&[7, 3], 2, 9), random(&[7, 3], 3)];
    check(vec![
        case("rows", 0, &[9, 3], 5, 4),
        case("the last dimension", 2, &[2, 3, 10], 7, 3),
        case("the middle, in fours", 1, &[3, 6, 8], 10, 2),
        case("one of one", 0, &[1], 1, 1),
        case("more than a workgroup", 1, &[5, 40, 3], 33, 6),
        Case::new("out of range", GatherSum { axis }, outside, Bound::Terms(3)),
        Case::new("windows", Elsewhere::windows(GatherSum { axis: 1 }), windows, Bound::Terms(3)).dispatches(4),
        Case::refused(
            "indices of f32",
            GatherSum { axis },
            vec![random(&[3], 1), random(&[2, 2], 1), random(&[2, 2], 1)],
            "indices must be i32",
        ),
        Case::refused(
            "i32",
            GatherSum { axis },
            vec![random_below(&[3], 1, 9), random_below(&[2, 2], 1, 3), random(&[2, 2], 1)],
            "must be f32",
        ),
        Case::refused(
            "shapes",
            GatherSum { axis },
            vec![random(&[3], 1), random_below(&[2, 2], 1, 3), random(&[2, 3], 1)],
            "a matrix each",
        ),
        Case::refused(
            "no such dimension",
            GatherSum { axis: 1 },
            vec![random(&[3], 1), random_below(&[2, 2], 1, 3), random(&[2, 2], 1)],
            "no dimension 1",
        ),
    ]);
}

/// What it replaces.
#[test]
fn as_gathered_weighted_and_added() {
    let inputs = [random(&[2, 6, 4], 1), random_below(&[5, 3], 2, 6), random(&[5, 3], 3)];
    let found = on_the_host(&inputs, |v| {
        let apart = v[0].gather(1, &v[1])?.mul(&v[2].reshape([5, 3, 1])?)?.reduce_sum(&[2], false)?;
        Ok(vec![v[0].gather_sum(1, &v[1], &v[2])?, apart])
    });
    let [together, apart] = [0, 1].map(|i| found[i].values::<f32>().unwrap());
    assert!(together.iter().zip(apart).all(|(a, b)| (a - b).abs() < 1e-6), "{together:?} {apart:?}");
}
