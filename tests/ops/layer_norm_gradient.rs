//! `layer_norm_gradient`: case table, and the gradients of `layer_norm` that are made of it. Outside numbers: PyTorch's autograd.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, gpu, random};
use foveate::array::Array;
use foveate::graph::Graph;
use foveate::ops::{LayerNorm, LayerNormGradient};
use foveate::plan::Plan;

/// As `layer_norm`'s, of numbers up to about 4, which two of three terms are products of.
const BOUND: Bound = Bound::Near { absolute: 2e-5, relative: 1e-5 };

/// The cases of both fixtures: axis, eps, and what they are held to.
const CASES: [(&str, isize, f32, Bound); 9] = [
    // One number has no variance, and its gradient is 0: what is left is a rounding times 1 / sqrt(eps).
    ("one", 1, 1e-5, Bound::Near { absolute: 1e-4, relative: 1e-5 }),
    ("plain", 1, 1e-5, BOUND),
    ("weight", 2, 1e-5, BOUND),
    ("both", -1, 1e-6, BOUND),
    ("planes", 1, 1e-5, BOUND),
    ("all", 0, 1e-3, BOUND),
    ("long", 1, 1e-5, BOUND),
    // The mean of numbers around 100 is half an ulp off, 4e-6.
    ("far", 1, 1e-5, Bound::Near { absolute: 5e-5, relative: 1e-5 }),
    // Everything times 1 / sqrt(eps), which is 316.
    ("constant", 1, 1e-5, Bound::Near { absolute: 2e-3, relative: 1e-5 }),
];

#[test]
fn as_pytorch() {
    let (forward, arrays) = (fixture("layer_norm"), fixture("layer_norm_gradient"));
    check(
        CASES
            .map(|(name, axis, eps, bound)| {
                let grad = &arrays[&format!("{name}/grad")];
                let mut inputs = vec![forward[&format!("{name}/input")].clone(), grad.clone()];
                inputs.extend(forward.get(&format!("{name}/weight")).cloned());
                let outputs = ["by_input", "mean", "inverse"].map(|part| arrays[&format!("{name}/{part}")].clone());
                Case::new(name, LayerNormGradient { norm: LayerNorm { axis, eps } }, inputs, bound).outputs(outputs.into())
            })
            .into(),
    );
}

/// Weight and bias, too, by the graph.
#[test]
fn every_gradient_as_pytorch() {
    let (forward, arrays) = (fixture("layer_norm"), fixture("layer_norm_gradient"));
    for (name, axis, eps, bound) in CASES {
        let graph = Graph::new();
        let given: Vec<(&str, &Array)> =
            ["input", "weight", "bias"].into_iter().filter_map(|part| Some((part, forward.get(&format!("{name}/{part}"))?))).collect();
        let vars: Vec<_> = given.iter().map(|(part, array)| graph.input(part, array.ty()).unwrap()).collect();
        let grad = &arrays[&format!("{name}/grad")];
        let y = vars[0].layer_norm(vars.get(1), vars.get(2), LayerNorm { axis, eps }).unwrap();
        let loss = y.mul(&graph.input("grad", grad.ty()).unwrap()).unwrap().reduce_sum(&[], false).unwrap();
        let gradients = loss.gradient(&vars.iter().collect::<Vec<_>>()).unwrap();
        let mut plan = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap();
        let taken: Vec<String> = plan.inputs().map(|(input, _)| input.to_owned()).collect();
        let all = given.iter().copied().chain([("grad", grad)]);
        let inputs: Vec<_> = all.filter(|(input, _)| taken.iter().any(|t| t == input)).collect();
        for ((part, _), got) in given.iter().zip(plan.run(&inputs).unwrap()) {
            compare(&got, &arrays[&format!("{name}/by_{part}")], None, bound).unwrap_or_else(|e| panic!("{name} by {part}: {e}"));
        }
    }
}

#[test]
fn other_devices() {
    let op = LayerNormGradient { norm: LayerNorm::default() };
    let weighted = |rows: &[usize], seed| vec![random(rows, seed), random(rows, seed + 1), random(&rows[rows.len() - 1..], seed + 2)];
    check(vec![
        Case::new("a team of 256", Elsewhere::gpu(op), weighted(&[2, 4096], 1), BOUND),
        Case::new("a team of 64", Elsewhere::gpu(op), weighted(&[3, 65], 2), BOUND),
        Case::new("without a weight", Elsewhere::gpu(op), weighted(&[70, 12], 3)[..2].to_vec(), BOUND),
        Case::new("windows", Elsewhere::windows(op), weighted(&[100, 66], 4), BOUND),
        Case::new("windows of four", Elsewhere::windows(op), weighted(&[100, 68], 5), BOUND),
    ]);
}

#[test]
fn refused() {
    let op = LayerNormGradient { norm: LayerNorm::default() };
    check(vec![
        Case::refused("another grad", op, vec![random(&[2, 3], 1), random(&[3], 2)], "grad is f32[3], input is f32[2, 3]"),
        Case::refused("another weight", op, vec![random(&[2, 3], 1), random(&[2, 3], 2), random(&[2], 3)], "weight is f32[2]"),
        Case::refused("no grad", op, vec![random(&[2, 3], 1)], "takes 2 to 3 inputs, 1 were given"),
    ]);
}
