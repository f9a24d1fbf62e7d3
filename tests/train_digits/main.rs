//! Spatial transformers learn: on digits of MNIST that are turned, scaled and moved, a network with one makes fewer errors than the
//! same without, and what it learns is to undo what was done to the digit.
//!
//! `scripts/mnist.sh` fetches the digits.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod addition;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/mnist.rs"]
mod mnist;
mod parallel;
mod upright;

use common::gpu;
use foveate::array::{Array, DType, TensorType};
use foveate::graph::Graph;
use foveate::models::Layers;
use foveate::models::stn::{Classifier, Distorted, Mnist, Network, Task, Transform};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::plan::Plan;
use foveate::train::{Loader, Objective, Trainer};
use mnist::mnist;
use std::sync::Arc;

const TASK: Task = Task::RotatedTranslatedScaled;
const BATCH: usize = 32;
const STEPS: usize = 400;

/// At most so many digits of a part, `train` or `t10k`.
fn digits(task: Task, part: &str, most: usize) -> Arc<Distorted> {
    Arc::new(Distorted::open(task, &mnist(), part, most, 1).unwrap())
}

/// The share of test digits that a fully connected network of 100,000 parameters has wrong after a short training.
fn error(transforms: Vec<Transform>) -> f64 {
    let network = Mnist { task: TASK, transforms, classifier: Classifier::Fcn(1) }.fitted(100_000).unwrap();
    let weights = network.init(1).unwrap().as_states();
    let graph = Graph::new();
    let image = graph.input("image", network.input(BATCH)).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH])).unwrap();
    let logits = network.build(&mut Layers::load(&graph, &weights), &image).unwrap().logits;
    let loss = cross_entropy(&logits, &label, &CrossEntropy::default()).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let schedule = Schedule::Cosine { base: 2e-3, last: 0.0, warm_up: 20, steps: STEPS as u64 };
    let mut trainer = Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), schedule, None).unwrap();
    for batch in Loader::shuffled(digits(TASK, "train", 60_000), BATCH, 1, 0).unwrap().take(STEPS) {
        trainer.step(&batch.unwrap().inputs()).unwrap();
    }

    let graph = Graph::new();
    let image = graph.input("image", network.input(BATCH)).unwrap();
    let found = network.forward(&graph, &trainer.weights().unwrap(), &image).unwrap().logits.argmax(1, false, false).unwrap();
    let mut plan = Plan::compile(gpu(), &[&found]).unwrap();
    let mut confusion = Confusion::new(TASK.classes()).unwrap();
    for batch in Loader::in_order(digits(TASK, "t10k", 1000), BATCH).unwrap() {
        let batch = batch.unwrap();
        let found: Vec<Array> = plan.run(&[("image", batch.get("image").unwrap())]).unwrap();
        confusion.add(&batch.counted(batch.get("label").unwrap()).unwrap(), &batch.counted(&found[0]).unwrap()).unwrap();
    }
    1.0 - confusion.pixel_accuracy().unwrap()
}

#[test]
fn with_a_transformer_errors_are_fewer() {
    let (without, with) = (error(Vec::new()), error(vec![Transform::Affine]));
    println!("errors of 1000: {without} without, {with} with a transformer");
    assert!(with < 0.75 * without, "{with} with a transformer, {without} without");
}
