//! Lasagne: Glorot's uniform weights, biases 0, the mean of the losses, Nesterov's momentum at 0.01, always the same 64 examples.

use crate::net::{SEED, Sizes, Trained, run};
use foveate::Result;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::nn::init::glorot_uniform;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{MomentumForm, Optimiser, Parameter, Sgd};
use foveate::plan::{Device, Plan};

/// Nesterov's momentum, as Keras has it too.
pub const NESTEROV: Sgd = Sgd { momentum: 0.9, nesterov: true, form: MomentumForm::Lasagne, dampening: 0.0, weight_decay: 0.0 };

/// Weights (inputs, outputs) and biases.
pub fn start(sizes: Sizes) -> [(&'static str, Array); 4] {
    let [w1, w2] = sizes.shapes();
    [
        ("w1", glorot_uniform(&w1, 1.0, "w1", SEED)),
        ("b1", Array::full([sizes.hidden], 0.0f32)),
        ("w2", glorot_uniform(&w2, 1.0, "w2", SEED)),
        ("b2", Array::full([sizes.classes], 0.0f32)),
    ]
}

/// The scores of x (N, D).
pub fn scores(x: &Var, weights: [&Var; 4]) -> Result<Var> {
    let [w1, b1, w2, b2] = weights;
    x.matmul(w1)?.add(b1)?.relu()?.matmul(w2)?.add(b2)
}

/// So many updates.
pub fn train(device: &Device, sizes: Sizes, rate: f32, steps: usize) -> Result<Trained> {
    let graph = Graph::new();
    let x = graph.parameter(sizes.examples("x"))?;
    let y = graph.parameter(sizes.labels("y"))?;
    let parameters = start(sizes).into_iter().map(|(name, array)| Parameter::new(&graph, name, array)).collect::<Result<Vec<_>>>()?;
    let vars = [0, 1, 2, 3].map(|i| &parameters[i].var);
    let loss = cross_entropy(&scores(&x, vars)?, &y, &CrossEntropy::default())?;
    let rate = graph.constant(Array::scalar(rate))?;
    Optimiser::Sgd(NESTEROV).update(&parameters, &loss.gradient(&vars)?, &rate)?;
    run(&mut Plan::compile(device, &[&loss])?, &parameters, (0..steps).map(|_| Vec::new()))
}
