//! binary: case tables.

use crate::common::{Bound, Case, check, fixture, random, random_below};
use foveate::array::Array;
use foveate::ops::Binary;

/// The names of `tests/fixtures/binary.npz` that `Binary` computes.
const KINDS: [(&str, Binary); 9] = [
    ("add", Binary::Add),
    ("sub", Binary::Sub),
    ("mul", Binary::Mul),
    ("div", Binary::Div),
    ("pow", Binary::Pow),
    ("minimum", Binary::Minimum),
    ("maximum", Binary::Maximum),
    ("remainder", Binary::Remainder),
    ("fmod", Binary::Fmod),
];

#[test]
fn functions() {
    let numbers = fixture("binary");
    let case = |name: &str, op: Binary, bound: Bound| {
        let [a, b, output] = ["a", "b", "output"].map(|part| numbers[&format!("{name}/{part}")].clone());
        Case::new(name, op, vec![a, b], bound).outputs(vec![output])
    };
    let mut cases = Vec::new();
    for (name, op) in KINDS {
        // WGSL divides to 2.5 units in the last place.
        let float = match op {
            Binary::Div => Bound::Near { absolute: 1e-37, relative: 3e-7 },
            Binary::Pow => Bound::Near { absolute: 1e-37, relative: 1e-5 },
            _ => Bound::Exact,
        };
        cases.push(case(&format!("{name}_special"), op, float));
        cases.push(case(&format!("{name}_i32"), op, Bound::Exact));
    }
    cases.push(case("remainder_far", Binary::Remainder, Bound::Exact));
    cases.push(case("fmod_far", Binary::Fmod, Bound::Exact));
    // |y ln x| up to 6 x 6.9: 2^-23 (8 + 41).
    cases.push(case("pow_range", Binary::Pow, Bound::Near { absolute: 1e-37, relative: 6e-6 }));
    cases.push(case("pow_whole", Binary::Pow, Bound::Near { absolute: 1e-37, relative: 1e-6 }));
    check(cases);
}

#[test]
fn integers_at_the_edges() {
    let a = Array::new([6, 1], vec![0, 5, -5, 1, -1, i32::MIN]).unwrap();
    let b = Array::new([7], vec![0, -1, 1, i32::MIN, i32::MAX, -3, 33]).unwrap();
    let mut cases: Vec<Case> = KINDS.map(|(name, op)| Case::new(name, op, vec![a.clone(), b.clone()], Bound::Exact)).into();
    let a = Array::new([5, 1], vec![0u32, 1, 7, 1 << 31, u32::MAX]).unwrap();
    let b = Array::new([5], vec![0u32, 1, 3, 1 << 31, u32::MAX]).unwrap();
    cases.extend(KINDS.map(|(name, op)| Case::new(format!("{name} of u32"), op, vec![a.clone(), b.clone()], Bound::Exact)));
    check(cases);
}

#[test]
fn shapes() {
    let numbers = fixture("binary");
    let mut names: Vec<&str> = numbers.keys().filter_map(|k| k.strip_prefix("shape_")?.strip_suffix("/a")).collect();
    names.sort_unstable();
    assert!(names.len() >= 11);
    let mut cases: Vec<Case> = names
        .iter()
        .map(|name| {
            let [a, b, output] = ["a", "b", "output"].map(|part| numbers[&format!("shape_{name}/{part}")].clone());
            Case::new(*name, Binary::Sub, vec![a, b], Bound::Exact).outputs(vec![output])
        })
        .collect();
    let sub = |name: &str, a: &[usize], b: &[usize]| Case::new(name, Binary::Sub, vec![random(a, 1), random(b, 2)], Bound::Exact);
    cases.push(sub("one workgroup", &[256], &[256]));
    cases.push(sub("one workgroup and one more", &[257], &[257]));
    cases.push(sub("two scalars", &[], &[]));
    cases.push(sub("more than 65,535 workgroups", &[65_536, 65], &[65_536, 1]));
    cases.push(sub("rank 9, one loop", &[1, 1, 2, 1, 3, 1, 1, 1, 5], &[1, 1, 2, 1, 3, 1, 1, 1, 5]));
    check(cases);
}

#[test]
fn refusals() {
    let alternating = |from: usize| (0..10).map(|i| if i % 2 == from { 2 } else { 1 }).collect::<Vec<_>>();
    check(vec![
        Case::refused("3 against 2", Binary::Sub, vec![random(&[3], 1), random(&[2], 2)], "3 against 2 in dimension 0"),
        Case::refused("one input", Binary::Sub, vec![random(&[3], 1)], "takes 2 inputs"),
        Case::refused("two dtypes", Binary::Sub, vec![random(&[3], 1), random_below(&[3], 2, 5)], "differ in dtype"),
        Case::refused("bool", Binary::Add, vec![Array::full([2], true), Array::full([2], true)], "cast them first"),
        Case::refused("10 loops", Binary::Add, vec![random(&alternating(0), 1), random(&alternating(1), 2)], "10 dimensions"),
    ]);
}

#[test]
fn powers_of_other_dtypes() {
    use crate::common::on_the_host;
    let arrays = [
        Array::new([3], vec![1f32, 2.0, 3.0]).unwrap(),
        Array::new([3], vec![4i32, 5, -1]).unwrap(),
        Array::new([3], vec![4u32, 5, 6]).unwrap(),
        Array::new([3], vec![2f32, 0.5, -1.0]).unwrap(),
    ];
    let powers = on_the_host(&arrays, |x| {
        Ok(vec![x[0].pow_mixed(&x[1])?, x[0].pow_mixed(&x[2])?, x[1].pow_mixed(&x[3])?, x[1].pow_mixed(&x[2])?, x[2].pow_mixed(&x[2])?])
    });
    assert_eq!(powers[0].values::<f32>().unwrap(), [1.0, 32.0, 1.0 / 3.0]);
    assert_eq!(powers[1].values::<f32>().unwrap(), [1.0, 32.0, 729.0]);
    assert_eq!(powers[2].values::<i32>().unwrap(), [16, 2, -1]);
    assert_eq!(powers[3].values::<i32>().unwrap(), [256, 3125, 1]);
    assert_eq!(powers[4].values::<u32>().unwrap(), [256, 3125, 46_656]);
    let graph = foveate::graph::Graph::new();
    let (x, flag) = (graph.constant(Array::scalar(1f32)).unwrap(), graph.constant(Array::scalar(true)).unwrap());
    assert!(x.pow_mixed(&flag).unwrap_err().to_string().contains("cast it first"));
}
