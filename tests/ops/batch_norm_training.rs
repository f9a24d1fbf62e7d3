//! `batch_norm_training`: values, running statistics and gradients. Outside numbers: PyTorch's, by autograd.

use crate::common::{Bound, compare, fixture, gpu};
use foveate::graph::Graph;
use foveate::ops::BatchNorm;
use foveate::plan::Plan;

/// Three sums of up to 400 numbers of about 1, over a deviation of about 1.
const BOUND: Bound = Bound::Near { absolute: 2e-5, relative: 1e-5 };

const CASES: [(&str, f32, Bound); 6] = [
    ("matrix", 1e-3, BOUND),
    ("image", 1e-5, BOUND),
    ("image4", 1e-5, BOUND),
    // Of six numbers the deviation may be small.
    ("one_pixel", 1e-5, Bound::Near { absolute: 1e-4, relative: 1e-5 }),
    ("line", 0.1, BOUND),
    // The mean of numbers around 100 is half an ulp off, 4e-6, and 65 gradients are multiplied by what is.
    ("far", 1e-5, Bound::Near { absolute: 1e-4, relative: 1e-5 }),
];

#[test]
fn all_outputs_and_gradients_as_pytorch() {
    let arrays = fixture("batch_norm_training");
    for (name, eps, bound) in CASES {
        let of = |part: &str| &arrays[&format!("{name}/{part}")];
        let graph = Graph::new();
        let names = ["input", "scale", "bias", "mean", "variance", "grad"];
        let [x, scale, bias, mean, variance, grad] = names.map(|part| graph.input(part, of(part).ty()).unwrap());
        let made = x.batch_norm_training(&scale, &bias, &mean, &variance, 0.8, BatchNorm { eps }).unwrap();
        let loss = made[0].mul(&grad).unwrap().reduce_sum(&[], false).unwrap();
        let gradients = loss.gradient(&[&x, &scale, &bias]).unwrap();
        let mut plan = Plan::compile(gpu(), &made.iter().chain(&gradients).collect::<Vec<_>>()).unwrap();
        let got = plan.run(&names.map(|part| (part, of(part)))).unwrap();
        for (part, got) in ["output", "new_mean", "new_variance", "by_input", "by_scale", "by_bias"].into_iter().zip(&got) {
            compare(got, of(part), None, bound).unwrap_or_else(|e| panic!("{name}, {part}: {e}"));
        }
    }
}

#[test]
fn refused() {
    let graph = Graph::new();
    let [x, vector, other] =
        [vec![2, 3, 4], vec![3], vec![4]].map(|shape| graph.input(&format!("{shape:?}"), foveate::array::TensorType::f32(shape)).unwrap());
    let refusal = |x: &foveate::graph::Var, scale, eps| {
        x.batch_norm_training(scale, &vector, &vector, &vector, 0.9, BatchNorm { eps }).unwrap_err().to_string()
    };
    for (message, part) in [
        (refusal(&vector, &vector, 1e-5), "must be (N, C, ...)"),
        (refusal(&x, &other, 1e-5), "scale is f32[4], input f32[2, 3, 4] has 3 channels"),
        (refusal(&x, &vector, -1.0), "eps must be"),
    ] {
        assert!(message.contains(part), "{message}");
    }
}
