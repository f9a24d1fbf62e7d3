//! `TensorFlow`: weights of deviation 1, no biases, the sum of the losses, plain descent at 0.01, always the same 64 examples.
//!
//! The example computes -sum(y log softmax(s)), which its weights make infinite: scores have a deviation of some 220, so that most
//! probabilities are 0 in f32. Here the same loss is computed from the scores in one.

use crate::net::{SEED, Sizes, Trained, run};
use foveate::Result;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::nn::init::normal;
use foveate::nn::loss::{Reduction, cross_entropy_with_probabilities};
use foveate::nn::optimiser::{Optimiser, Parameter, Sgd};
use foveate::plan::{Device, Plan};

/// Learning rate.
pub const RATE: f32 = 0.01;

/// W1 and W2.
pub fn start(sizes: Sizes) -> [(&'static str, Array); 2] {
    let [w1, w2] = sizes.shapes();
    [("w1", normal(&w1, 1.0, "w1", SEED)), ("w2", normal(&w2, 1.0, "w2", SEED))]
}

/// The sum of the losses of x (N, D) and one-hot targets y (N, C).
pub fn loss(x: &Var, y: &Var, w1: &Var, w2: &Var) -> Result<Var> {
    let scores = x.matmul(w1)?.relu()?.matmul(w2)?;
    cross_entropy_with_probabilities(&scores, y, Reduction::Sum)
}

/// So many updates.
pub fn train(device: &Device, sizes: Sizes, steps: usize) -> Result<Trained> {
    let graph = Graph::new();
    let x = graph.parameter(sizes.examples("x"))?;
    let y = graph.parameter(sizes.one_hot("y")?)?;
    let parameters = start(sizes).into_iter().map(|(name, array)| Parameter::new(&graph, name, array)).collect::<Result<Vec<_>>>()?;
    let [w1, w2] = [&parameters[0].var, &parameters[1].var];
    let loss = loss(&x, &y, w1, w2)?;
    let rate = graph.constant(Array::scalar(RATE))?;
    Optimiser::Sgd(Sgd::default()).update(&parameters, &loss.gradient(&[w1, w2])?, &rate)?;
    run(&mut Plan::compile(device, &[&loss])?, &parameters, (0..steps).map(|_| Vec::new()))
}
