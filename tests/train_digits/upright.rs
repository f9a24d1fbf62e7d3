//! A transformer turns digits upright, though nothing but their names is said of them: task R, digits turned by up to 90 degrees to
//! either side, seen at half their size.
//!
//! A name alone does not say which way is up: turned by 90 degrees a 1 looks the same to either side, and whatever turn the classifier
//! is used to will do. So the first 100 of 2000 steps are on digits as they are, and that is how the others are then turned back.

use super::common::gpu;
use super::{digits, mnist};
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{Localisation, Task, Transform, Transformer};
use foveate::nn::Weights;
use foveate::nn::init::fan_in_uniform;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::ops::AvgPool2d;
use foveate::plan::Plan;
use foveate::train::{Arrays, Loader, Objective, Trainer, read_idx};
use std::sync::Arc;

const SIDE: usize = 14;
const BATCH: usize = 64;
const UPRIGHT: usize = 100;
const TURNED: usize = 1900;
const UNITS: usize = 20;
const TESTED: usize = 1024;

fn transformer() -> Transformer {
    Transformer { transform: Transform::Affine, localisation: Localisation::fcn(), size: Some(Hw::square(SIDE)) }
}

/// First weights of a transformer and of a classifier with one hidden layer. The localisation's three hidden layers begin twice as
/// large as [`Transformer::init`] has them, which makes what comes through them several times smaller at each.
fn initial(seed: u64) -> Weights {
    let first = transformer().init("transformer", TensorType::f32([1, 1, SIDE, SIDE]), seed).unwrap();
    let hidden: Vec<String> = first.names().filter(|name| name.contains(".fc")).map(str::to_owned).collect();
    let doubled = hidden.into_iter().map(|name| {
        let array = first.get(&name).unwrap();
        let values = array.values::<f32>().unwrap();
        let twice = Array::from_fn(array.shape(), |i| 2.0 * values[i]);
        (name, twice)
    });
    let classifier = [("fc1", UNITS, SIDE * SIDE), ("fc2", 10, UNITS)];
    let classifier = classifier.map(|(name, units, inputs)| (name.to_owned(), fan_in_uniform(&[units, inputs], inputs, name, seed)));
    first.replaced("first weights", doubled.collect::<Vec<_>>()).joined(Weights::from_arrays("first weights", classifier)).unwrap()
}

/// Scores (n, 10) of digits (n, 1, 28, 28), and the transform's parameters (n, 6).
fn network(graph: &Graph, weights: &Weights, image: &Var) -> (Var, Var) {
    let small = image.avg_pool2d(AvgPool2d::default()).unwrap();
    let warp = transformer().apply(&mut Layers::load(graph, weights), "transformer", &small).unwrap();
    let layer = |x: &Var, name: &str| x.linear(&weights.var(graph, name).unwrap(), None).unwrap();
    (layer(&layer(&warp.image.flatten(1).unwrap(), "fc1").relu().unwrap(), "fc2"), warp.theta)
}

/// The first digits for training as they are.
fn upright() -> Arrays {
    let files = ["images-idx3", "labels-idx1"].map(|kind| read_idx(mnist().join(format!("train-{kind}-ubyte"))).unwrap());
    let (pixels, count) = (files[0].values::<i32>().unwrap(), UPRIGHT * BATCH);
    let images = Array::from_fn([count, 1, 28, 28], |i| pixels[i] as f32 / 255.0);
    let labels = Array::new([count], files[1].values::<i32>().unwrap()[..count].to_vec()).unwrap();
    Arrays::new(vec![("image".to_owned(), images), ("label".to_owned(), labels)]).unwrap()
}

fn trained(seed: u64) -> Weights {
    let (weights, graph) = (initial(seed).as_states(), Graph::new());
    let image = graph.input("image", TensorType::f32([BATCH, 1, 28, 28])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH])).unwrap();
    let loss = cross_entropy(&network(&graph, &weights, &image).0, &label, &CrossEntropy::default()).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let schedule = Schedule::Cosine { base: 5e-3, last: 0.0, warm_up: 20, steps: (UPRIGHT + TURNED) as u64 };
    let mut trainer = Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), schedule, None).unwrap();
    let first = Loader::shuffled(Arc::new(upright()), BATCH, seed, 0).unwrap().take(UPRIGHT);
    let then = Loader::shuffled(digits(Task::Rotated, "train", 60_000), BATCH, seed, 0).unwrap().take(TURNED);
    for batch in first.chain(then) {
        trainer.step(&batch.unwrap().inputs()).unwrap();
    }
    trainer.weights().unwrap()
}

/// By how much the affine matrix `[a b tx; c d ty]` turns: the angle of the rotation that is nearest to it.
fn turn(theta: &[f64]) -> f64 {
    (theta[3] - theta[1]).atan2(theta[0] + theta[4])
}

pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let centred = |v: &[f64]| {
        let mean = v.iter().sum::<f64>() / v.len() as f64;
        v.iter().map(|x| x - mean).collect::<Vec<_>>()
    };
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (a, b) = (centred(a), centred(b));
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

#[test]
fn a_transformer_undoes_the_rotation() {
    let weights = trained(1);
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 1, 28, 28])).unwrap();
    let (logits, theta) = network(&graph, &weights, &image);
    let mut plan = Plan::compile(gpu(), &[&theta, &logits.argmax(1, false, false).unwrap()]).unwrap();
    let data = digits(Task::Rotated, "t10k", TESTED);
    let truth: Vec<f64> = (0..TESTED).map(|i| data.angle(i, 0).unwrap()).collect();
    let (mut turns, mut wrong) = (Vec::new(), 0);
    for batch in Loader::in_order(data, BATCH).unwrap() {
        let batch = batch.unwrap();
        let found = plan.run(&[("image", batch.get("image").unwrap())]).unwrap();
        // The matrix takes the output's places to those of the input: the picture itself is turned the other way.
        turns.extend(found[0].to_f64().chunks(6).map(|theta| -turn(theta)));
        let labels = batch.get("label").unwrap().to_f64();
        wrong += found[1].to_f64().iter().zip(labels).filter(|(found, label)| **found != *label).count();
    }
    let opposite: Vec<f64> = truth.iter().map(|angle| -angle).collect();
    let (correlation, error) = (correlation(&turns, &opposite), wrong as f64 / TESTED as f64);
    println!("correlation of the turn made with the opposite of the digit's: {correlation:.3}; {error:.3} of the digits are named wrongly");
    assert!(correlation > 0.9, "the correlation is {correlation}");
    assert!(error < 0.2, "{error} of the digits are named wrongly");
}
