//! Attention: by heads, and additive by both of its outputs.

use super::differences::{around, check};
use crate::common::gpu;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::ops::{Attention, Candidate, Op, Site, concat};
use foveate::plan::{Cost, Plan};
use std::sync::Arc;

#[test]
fn additive_attention() {
    let tensors = [around(&[2, 3, 2], 1), around(&[2, 3, 4], 2), around(&[2, 4], 3), around(&[4], 4)];
    check("both outputs", &tensors, |v| {
        let (context, weights) = v[0].additive_attention(&v[1], &v[2], &v[3], None)?;
        concat(&[&context, &weights], 1)
    });
    check("the context", &tensors, |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], None)?.0));
    check("the weights", &tensors, |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], None)?.1));
    let masked = |mask: Array| [tensors.to_vec(), vec![mask]].concat();
    let allowed = Array::new([2, 3], vec![true, false, true, true, true, false]).unwrap();
    for (name, mask) in [("allowed", allowed), ("added", around(&[2, 3], 5))] {
        check(name, &masked(mask), |v| Ok(v[0].additive_attention(&v[1], &v[2], &v[3], Some(&v[4]))?.0));
    }
}

#[test]
fn attention() {
    // Two query heads share a key head.
    let tensors = [around(&[1, 4, 3, 2], 1), around(&[1, 2, 3, 2], 2), around(&[1, 2, 3, 3], 3)];
    let default = Attention::default();
    for (name, attributes) in
        [("plain", default), ("a scale", Attention { scale: Some(-1.5), ..default }), ("causal", Attention { causal: true, ..default })]
    {
        check(name, &tensors, |v| v[0].attention(&v[1], &v[2], None, attributes));
    }
    let few = [around(&[2, 1, 2, 2], 4), around(&[2, 1, 4, 2], 5), around(&[2, 1, 4, 1], 6)];
    check("more keys than queries", &few, |v| v[0].attention(&v[1], &v[2], None, Attention { causal: true, ..default }));
    // The second query of the first image sees nothing.
    let allowed = Array::new(
        [2, 1, 2, 4],
        vec![
            true, false, true, true, false, false, false, false, //
            true, true, true, false, false, true, false, false,
        ],
    );
    let forbidding = |i: usize| match i {
        1 => f32::NEG_INFINITY,
        5 => -1e30,
        _ => i as f32 / 8.0 - 0.5,
    };
    let added = Array::from_fn([2, 4], forbidding);
    for (name, mask) in [("allowed", allowed.unwrap()), ("added", added)] {
        let inputs = [few.to_vec(), vec![mask]].concat();
        for causal in [false, true] {
            check(name, &inputs, |v| v[0].attention(&v[1], &v[2], Some(&v[3]), Attention { causal, ..default }));
        }
    }
}

/// Attention with the gradient that it has where there are many queries and keys.
#[derive(Debug)]
struct ByKernels(Attention);

impl Op for ByKernels {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn infer(&self, inputs: &[&TensorType]) -> foveate::Result<Vec<TensorType>> {
        self.0.infer(inputs)
    }

    fn reference(&self, inputs: &[&Array]) -> foveate::Result<Vec<Array>> {
        self.0.reference(inputs)
    }

    fn launch(&self, site: &Site<'_>) -> foveate::Result<Vec<Candidate>> {
        self.0.launch(site)
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], grads: &[Option<Var>]) -> foveate::Result<Vec<Option<Var>>> {
        let grad = grads[0].as_ref().unwrap();
        let found = inputs[0].attention_gradient([&inputs[1], &inputs[2]], [&outputs[0], grad], inputs.get(3), self.0)?;
        Ok(found.into_iter().map(Some).chain(inputs.get(3).map(|_| None)).collect())
    }
}

#[test]
fn attention_by_kernels() {
    let by_kernels = |v: &[Var], attributes| {
        let outputs = v[0].graph().apply_dyn(Arc::new(ByKernels(attributes)), &v.iter().collect::<Vec<_>>())?;
        Ok(outputs[0].clone())
    };
    let tensors = [around(&[2, 4, 5, 2], 1), around(&[2, 2, 4, 2], 2), around(&[2, 2, 4, 3], 3)];
    let allowed = Array::from_fn([2, 1, 5, 4], |i| i % 3 != 1 && i / 4 != 7);
    for causal in [false, true] {
        let attributes = Attention { causal, ..Attention::default() };
        check("plain", &tensors, |v| by_kernels(v, attributes));
        check("allowed", &[tensors.to_vec(), vec![allowed.clone()]].concat(), |v| by_kernels(v, attributes));
    }
}

#[test]
fn second_derivatives_of_attention() {
    // Two query heads share a key head; output and its gradient are whatever is given.
    let tensors =
        [around(&[1, 2, 3, 2], 1), around(&[1, 1, 4, 2], 2), around(&[1, 1, 4, 3], 3), around(&[1, 2, 3, 3], 4), around(&[1, 2, 3, 3], 5)];
    let mask = Array::from_fn([3, 4], |i| i % 5 != 1 && i / 4 != 1);
    let inputs = [tensors.to_vec(), vec![mask]].concat();
    for causal in [false, true] {
        check("all of them", &inputs, |v| {
            let attributes = Attention { causal, ..Attention::default() };
            let found = v[0].attention_gradient([&v[1], &v[2]], [&v[3], &v[4]], (!causal).then_some(&v[5]), attributes)?;
            let flat = found.iter().map(|g| g.flatten(0)).collect::<foveate::Result<Vec<_>>>()?;
            concat(&flat.iter().collect::<Vec<_>>(), 0)
        });
    }
}

const LONG: usize = 256;

/// A loss of attention of so many queries and keys in four heads, and its gradients by these, the values and, if it is asked for, what is
/// added to the scores.
fn long(by_mask: bool) -> Vec<Var> {
    let graph = Graph::new();
    let input = |name: &str, shape: [usize; 4]| graph.input(name, TensorType::f32(shape)).unwrap();
    let [query, key, value] = ["query", "key", "value"].map(|name| input(name, [1, 4, LONG, 8]));
    let mask = input("mask", [1, 1, 1, LONG]);
    let output = query.attention(&key, &value, Some(&mask), Attention::default()).unwrap();
    let loss = output.mul(&output).unwrap().reduce_sum(&[], false).unwrap();
    let of = [&query, &key, &value, &mask];
    let of = if by_mask { &of[..] } else { &of[..3] };
    [vec![loss.clone()], loss.gradient(of).unwrap()].concat()
}

#[test]
fn gradients_of_attention_store_no_scores() {
    let matrix = (4 * LONG * LONG * 4) as u64;
    let working = |by_mask: bool| Cost::of(&long(by_mask).iter().collect::<Vec<_>>()).unwrap().working;
    // Outputs, gradients of outputs and of inputs have 32 KiB each.
    assert!(working(false) < matrix / 4, "{} bytes beside matrices of {matrix}", working(false));
    assert!(working(true) > matrix, "the gradient of what is added needs the scores: {} bytes", working(true));

    let plan = Plan::compile(gpu(), &long(false).iter().collect::<Vec<_>>()).unwrap();
    assert!(plan.describe().contains("attention_gradient/keys") && !plan.describe().contains("softmax"), "{}", plan.describe());
    assert!(plan.device_bytes() < matrix, "{} bytes", plan.device_bytes());
}
