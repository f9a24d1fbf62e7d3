//! Torch: layers with biases that start between -1 and 1 over the root of their inputs, the mean of the losses, Adam with epsilon
//! beside the uncorrected root, and new random data for every step: there is nothing to learn, the loss stays about ln 10.

use crate::net::{SEED, Sizes, Trained, run};
use foveate::Result;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::fan_in_uniform;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, AdamForm, Optimiser, Parameter};
use foveate::plan::{Device, Plan};

/// Learning rate.
pub const RATE: f32 = 1e-3;

/// Weights (outputs, inputs) and biases.
pub fn start(sizes: Sizes) -> [(&'static str, Array); 4] {
    let Sizes { inputs, hidden, classes, .. } = sizes;
    let drawn = |name, shape: &[usize], fan_in| (name, fan_in_uniform(shape, fan_in, name, SEED));
    [
        drawn("1.weight", &[hidden, inputs], inputs),
        drawn("1.bias", &[hidden], inputs),
        drawn("3.weight", &[classes, hidden], hidden),
        drawn("3.bias", &[classes], hidden),
    ]
}

/// The data of a step.
pub fn data(sizes: Sizes, step: usize) -> Vec<(&'static str, Array)> {
    vec![("x", sizes.examples(&format!("x{step}"))), ("y", sizes.labels(&format!("y{step}")))]
}

/// The mean loss of x (N, D) and labels y (N).
pub fn loss(x: &Var, y: &Var, weights: [&Var; 4]) -> Result<Var> {
    let [w1, b1, w2, b2] = weights;
    let scores = x.linear(w1, Some(b1))?.relu()?.linear(w2, Some(b2))?;
    cross_entropy(&scores, y, &CrossEntropy::default())
}

/// So many updates, each on its own data.
pub fn train(device: &Device, sizes: Sizes, steps: usize) -> Result<Trained> {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([sizes.samples, sizes.inputs]))?;
    let y = graph.input("y", sizes.labels("y").ty())?;
    let parameters = start(sizes).into_iter().map(|(name, array)| Parameter::new(&graph, name, array)).collect::<Result<Vec<_>>>()?;
    let vars = [0, 1, 2, 3].map(|i| &parameters[i].var);
    let loss = loss(&x, &y, vars)?;
    let rate = graph.constant(Array::scalar(RATE))?;
    let adam = Adam { form: AdamForm::Torch, ..Adam::default() };
    Optimiser::Adam(adam).update(&parameters, &loss.gradient(&vars)?, &rate)?;
    run(&mut Plan::compile(device, &[&loss])?, &parameters, (0..steps).map(|step| data(sizes, step)))
}
