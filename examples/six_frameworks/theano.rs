//! Theano: a function of weights that gives loss, scores and gradients. What becomes of the weights is left to who calls it.

use crate::net::{SEED, Sizes};
use foveate::Result;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::normal;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::plan::{Device, Plan};

/// The mean loss of x (N, D) and labels y (N), and the scores.
pub fn loss(x: &Var, y: &Var, w1: &Var, w2: &Var) -> Result<(Var, Var)> {
    let scores = x.matmul(w1)?.relu()?.matmul(w2)?;
    Ok((cross_entropy(&scores, y, &CrossEntropy::default())?, scores))
}

/// Loss, scores and gradients of normal weights, small ones, that are given with the data.
pub fn call(device: &Device, sizes: Sizes) -> Result<(f64, Array, [Array; 2])> {
    let graph = Graph::new();
    let arrays = [("x", sizes.examples("x")), ("y", sizes.labels("y"))];
    let [x, y] = [0, 1].map(|i| graph.input(arrays[i].0, arrays[i].1.ty()));
    let shapes = sizes.shapes();
    let [w1, w2] = [0, 1].map(|i| graph.input(["w1", "w2"][i], TensorType::f32(shapes[i])));
    let (x, y, w1, w2) = (x?, y?, w1?, w2?);
    let (loss, scores) = loss(&x, &y, &w1, &w2)?;
    let gradients = loss.gradient(&[&w1, &w2])?;
    let mut function = Plan::compile(device, &[&loss, &scores, &gradients[0], &gradients[1]])?;
    let weights = [0, 1].map(|i| normal(&shapes[i], 0.01, ["w1", "w2"][i], SEED));
    let mut found = function.run(&[("x", &arrays[0].1), ("y", &arrays[1].1), ("w1", &weights[0]), ("w2", &weights[1])])?;
    let [by_w2, by_w1, scores] = [found.remove(3), found.remove(2), found.remove(1)];
    Ok((found[0].to_f64()[0], scores, [by_w1, by_w2]))
}
