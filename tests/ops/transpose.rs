//! transpose: case table.

use crate::common::{Bound, Case, Elsewhere, check, fixture, random, random_below};
use foveate::array::{Array, f16};
use foveate::ops::Transpose;

#[test]
fn cases() {
    let numbers = fixture("movement");
    let mut names: Vec<&str> = numbers.keys().filter_map(|k| k.strip_prefix("transpose_")?.strip_suffix("/perm")).collect();
    names.sort_unstable();
    assert!(names.len() >= 12);
    let mut cases: Vec<Case> = names
        .iter()
        .map(|name| {
            let [input, perm, output] = ["input", "perm", "output"].map(|part| numbers[&format!("transpose_{name}/{part}")].clone());
            let perm = perm.values::<i32>().unwrap().iter().map(|&p| p as usize).collect();
            (*name, Transpose { perm }, input, output)
        })
        .flat_map(|(name, op, input, output)| {
            // Tiles through workgroup memory are for GPUs, blocks in registers for CPUs: both run here.
            let tiled = Case::new(format!("{name}, as on a GPU"), Elsewhere::gpu(op.clone()), vec![input.clone()], Bound::Exact);
            [Case::new(name, op, vec![input], Bound::Exact).outputs(vec![output.clone()]), tiled.outputs(vec![output])]
        })
        .collect();
    let swap = |name: &str, input: Array| Case::new(name, Transpose { perm: vec![1, 0] }, vec![input], Bound::Exact);
    cases.push(swap("i32", random_below(&[3, 4], 1, 100)));
    cases.push(swap("bool", Array::from_fn([3, 4], |i| i % 5 == 0)));
    cases.push(swap("one column", random(&[9, 1], 1)));
    cases.push(swap("more than 65,535 workgroups", random(&[1_400_000, 3], 1)));
    let whole_rows = Transpose { perm: vec![1, 0, 2] };
    let halves = Array::from_fn([3, 2, 4], |i| f16::from_f32(i as f32));
    cases.push(Case::new("f16 in pairs", whole_rows, vec![halves.clone()], Bound::Exact));
    cases.push(Case::refused("f16 alone", Transpose { perm: vec![2, 1, 0] }, vec![halves], "cast it first"));
    cases.push(Case::refused("twice", Transpose { perm: vec![0, 0] }, vec![random(&[2, 2], 1)], "no order of the dimensions"));
    cases.push(Case::refused("too short", Transpose { perm: vec![0] }, vec![random(&[2, 2], 1)], "no order of the dimensions"));
    check(cases);
}
