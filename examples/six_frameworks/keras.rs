//! Keras: as Lasagne, but with epochs of shuffled batches, the rate lr / (1 + decay t), and a loss of clipped probabilities.
//!
//! The last batch of an epoch is smaller. The plan is for full ones: the rest are examples of zeros without a target, whose losses and
//! gradients are 0, and the mean is over those that are there.

use crate::lasagne::{NESTEROV, scores, start};
use crate::net::{SEED, Sizes, Trained, run};
use foveate::Result;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::Draws;
use foveate::nn::loss::{Reduction, clipped_cross_entropy};
use foveate::nn::optimiser::{Optimiser, Parameter};
use foveate::nn::schedule::Schedule;
use foveate::plan::{Device, Plan};

/// The mean loss of x (N, D) and one-hot targets y (N, C), of which `count` are there.
pub fn loss(x: &Var, y: &Var, count: &Var, weights: [&Var; 4]) -> Result<Var> {
    clipped_cross_entropy(&scores(x, weights)?.softmax(1)?, y, Reduction::Sum)?.div(count)
}

/// The examples of each batch of an epoch, in the order that it is shuffled to.
pub fn batches(samples: usize, batch: usize, epoch: usize) -> Vec<Vec<usize>> {
    let draws = Draws::new(SEED, &format!("epoch {epoch}"));
    let mut order: Vec<usize> = (0..samples).collect();
    // Fisher and Yates: each place from the end on gets one of those before it, or its own.
    for place in (1..samples).rev() {
        order.swap(place, (draws.bits(place) % (place as u64 + 1)) as usize);
    }
    order.chunks(batch).map(<[usize]>::to_vec).collect()
}

/// So many epochs.
pub fn train(device: &Device, sizes: Sizes, batch: usize, rate: f64, epochs: usize) -> Result<Trained> {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([batch, sizes.inputs]))?;
    let y = graph.input("y", TensorType::f32([batch, sizes.classes]))?;
    let count = graph.input("count", TensorType::f32([]))?;
    let learning_rate = graph.input("rate", TensorType::f32([]))?;
    let parameters = start(sizes).into_iter().map(|(name, array)| Parameter::new(&graph, name, array)).collect::<Result<Vec<_>>>()?;
    let vars = [0, 1, 2, 3].map(|i| &parameters[i].var);
    let loss = loss(&x, &y, &count, vars)?;
    Optimiser::Sgd(NESTEROV).update(&parameters, &loss.gradient(&vars)?, &learning_rate)?;

    let (examples, targets) = (sizes.examples("x"), sizes.one_hot("y")?);
    let (examples, targets) = (examples.values::<f32>()?, targets.values::<f32>()?);
    let schedule = Schedule::Keras { base: rate, decay: 0.0 };
    let rows = |values: &[f32], width: usize, picked: &[usize]| {
        Array::from_fn([batch, width], |i| picked.get(i / width).map_or(0.0, |row| values[row * width + i % width]))
    };
    let inputs = (0..epochs).flat_map(|epoch| batches(sizes.samples, batch, epoch)).enumerate().map(|(step, picked)| {
        vec![
            ("x", rows(examples, sizes.inputs, &picked)),
            ("y", rows(targets, sizes.classes, &picked)),
            ("count", Array::scalar(picked.len() as f32)),
            ("rate", Array::scalar(schedule.rate(step as u64) as f32)),
        ]
    });
    run(&mut Plan::compile(device, &[&loss])?, &parameters, inputs)
}
