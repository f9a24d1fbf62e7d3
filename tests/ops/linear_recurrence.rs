//! `linear_recurrence`: case table.

use crate::common::{Bound, Case, check, random};
use foveate::array::Array;
use foveate::graph::Graph;
use foveate::ops::LinearRecurrence;
use foveate::plan::{Device, Plan};

/// Up to 300 steps whose factors are below 1: each rounds twice, to 2^-24 of a state below 1 / (1 - 0.9), and what was wrong gets less.
const BOUND: Bound = Bound::Near { absolute: 3e-5, relative: 0.0 };

fn given(shape: &[usize], axis: usize, initial: bool) -> Vec<Array> {
    let factor = random(shape, 2);
    let factor = Array::from_fn(shape, |i| 0.9 * factor.values::<f32>().unwrap()[i]);
    let state: Vec<usize> = shape.iter().enumerate().filter(|(d, _)| *d != axis).map(|(_, size)| *size).collect();
    [random(shape, 1), factor].into_iter().chain(initial.then(|| random(&state, 3))).collect()
}

#[test]
fn along_any_axis() {
    let mut cases = Vec::new();
    for (shape, axis) in [(&[7][..], 0), (&[2, 300, 5], 1), (&[3, 4, 6], -1), (&[1, 70, 1, 33], 0), (&[5, 1, 3], 1)] {
        let at = if axis < 0 { shape.len() - 1 } else { axis as usize };
        for (reverse, initial) in [(false, false), (false, true), (true, true)] {
            let name = format!("{shape:?} along {axis}, {reverse} {initial}");
            cases.push(Case::new(name, LinearRecurrence { axis, reverse }, given(shape, at, initial), BOUND));
        }
    }
    check(cases);
}

#[test]
fn refused() {
    let op = LinearRecurrence { axis: 1, reverse: false };
    let with = |at: usize, array: Array| {
        let mut given = given(&[2, 3], 1, true);
        given[at] = array;
        given
    };
    check(vec![
        Case::refused("an axis", LinearRecurrence { axis: 2, reverse: false }, given(&[2, 3], 1, true), "axis 2"),
        Case::refused("a factor", op, with(1, random(&[3], 1)), "factor must be f32[2, 3] for an input f32[2, 3], it is f32[3]"),
        Case::refused("a state", op, with(2, random(&[3], 1)), "initial must be f32[2] for an input f32[2, 3], it is f32[3]"),
        Case::refused("integers", op, with(0, Array::full([2, 3], 1i32)), "input"),
    ]);
}

/// Money at 100 %: 1, 1 + 2, 1 + 2 * 3.
#[test]
fn method() {
    let graph = Graph::new();
    let constant = |values: Vec<f32>| graph.constant(Array::new([3], values).unwrap()).unwrap();
    let (one, two) = (constant(vec![1.0; 3]), constant(vec![2.0; 3]));
    let y = one.linear_recurrence(&two, None, LinearRecurrence::default()).unwrap();
    let found = Plan::compile(Device::Cpu, &[&y]).unwrap().run(&[]).unwrap();
    assert_eq!(found[0].to_f64(), [1.0, 3.0, 7.0]);
}
