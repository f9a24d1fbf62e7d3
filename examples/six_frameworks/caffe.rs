//! Caffe: four steps and no code. Data are converted to a file with their mean, a net is defined by its layers, a solver by its
//! numbers, and the solver trains the net: momentum, weight decay, rates that fall, biases that learn twice as fast and do not decay.
//! Snapshots hold weights and the solver's state, from which training goes on as if nothing had been.

use crate::net::{SEED, Sizes, Trained};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::Weights;
use foveate::nn::init::fan_in_uniform;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{MomentumForm, Optimiser, Parameter, Sgd};
use foveate::nn::schedule::Schedule;
use foveate::plan::{Device, Plan};
use foveate::{Error, Result};
use std::path::Path;

/// Step 1: examples and labels to a file, and beside it the mean example.
pub fn convert(folder: &Path, sizes: Sizes) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let (data, label) = (sizes.examples("x"), sizes.labels("y"));
    let (values, n) = (data.to_f64(), sizes.samples as f64);
    let mean = Array::from_fn([sizes.inputs], |i| (values[i..].iter().step_by(sizes.inputs).sum::<f64>() / n) as f32);
    let file = |name: &str, arrays: Vec<(String, Array)>| Weights::from_arrays(name, arrays).save(folder.join(name));
    file("train.safetensors", vec![("data".to_owned(), data), ("label".to_owned(), label)])?;
    file("mean.safetensors", vec![("mean".to_owned(), mean)])
}

/// Step 2: a layer of the net, an inner product.
#[derive(Clone, Copy, Debug)]
pub struct InnerProduct {
    /// Its name, by which weights find it.
    pub name: &'static str,
    /// How many numbers it makes.
    pub outputs: usize,
    /// `lr_mult` and `decay_mult` of weight and bias.
    pub multipliers: [(f32, f32); 2],
}

/// Step 3: what the solver's file says.
#[derive(Clone, Debug)]
pub struct Solver {
    /// The layers, a rectifier behind each but the last.
    pub net: Vec<InnerProduct>,
    /// Examples of a batch, taken in order from the file, from its start again at its end.
    pub batch: usize,
    /// `base_lr`, `lr_policy` and what belongs to it.
    pub policy: Schedule,
    /// Momentum.
    pub momentum: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// How many updates.
    pub max_iter: u64,
    /// After how many updates files are written, never if 0.
    pub snapshot: u64,
}

impl Solver {
    /// `CaffeNet`'s numbers, with a tenth of the rate at half time.
    pub fn new(sizes: Sizes, max_iter: u64) -> Self {
        let layer = |name, outputs| InnerProduct { name, outputs, multipliers: [(1.0, 1.0), (2.0, 0.0)] };
        Self {
            net: vec![layer("fc1", sizes.hidden), layer("fc2", sizes.classes)],
            batch: 64.min(sizes.samples),
            policy: Schedule::Step { base: 0.01, gamma: 0.1, size: max_iter.div_ceil(2) },
            momentum: 0.9,
            weight_decay: 5e-4,
            max_iter,
            snapshot: max_iter.div_ceil(2),
        }
    }
}

/// The parameters of the net: those of `weights` that have their names, the others between -sqrt(3 / fan-in) and that (`xavier`), and 0.
pub fn parameters(graph: &Graph, net: &[InnerProduct], inputs: usize, weights: Option<&Weights>) -> Result<Vec<Parameter>> {
    let (mut made, mut fan_in) = (Vec::new(), inputs);
    for layer in net {
        let shapes = [vec![layer.outputs, fan_in], vec![layer.outputs]];
        for (shape, (kind, (rate, decay))) in shapes.iter().zip(["weight", "bias"].into_iter().zip(layer.multipliers)) {
            let name = format!("{}.{kind}", layer.name);
            let initial = match weights.filter(|w| w.contains(&name)) {
                Some(weights) => Array::clone(weights.shaped(&name, shape)?),
                None if kind == "bias" => Array::full(shape.as_slice(), 0.0f32),
                // Three inputs for one: the root of 3 over the fan-in.
                None => scaled(&fan_in_uniform(shape, fan_in, &name, SEED), 3f32.sqrt())?,
            };
            made.push(Parameter::new(graph, &name, initial)?.multiplied(rate, decay));
        }
        fan_in = layer.outputs;
    }
    Ok(made)
}

fn scaled(array: &Array, factor: f32) -> Result<Array> {
    let values = array.values::<f32>()?;
    Ok(Array::from_fn(array.shape(), |i| factor * values[i]))
}

/// Step 4: `caffe train`. Begins with `weights`, if there are some, or goes on from the snapshot of that many updates.
pub fn train(device: &Device, folder: &Path, solver: &Solver, weights: Option<&Path>, from: Option<u64>) -> Result<Trained> {
    let (data, mean) = (Weights::open(folder.join("train.safetensors"))?, Weights::open(folder.join("mean.safetensors"))?);
    let [samples, inputs] = data.sizes("data")?;
    let graph = Graph::new();
    let x = graph.input("data", TensorType::f32([solver.batch, inputs]))?;
    let y = graph.input("label", TensorType::new(foveate::array::DType::I32, [solver.batch]))?;
    let rate = graph.input("rate", TensorType::f32([]))?;
    let weights = weights.map(Weights::open).transpose()?;
    let parameters = parameters(&graph, &solver.net, inputs, weights.as_ref())?;
    let mut scores = x.sub(&mean.var(&graph, "mean")?)?;
    for (i, pair) in parameters.chunks_exact(2).enumerate() {
        let input = if i == 0 { scores } else { scores.relu()? };
        scores = input.linear(&pair[0].var, Some(&pair[1].var))?;
    }
    let loss = cross_entropy(&scores, &y, &CrossEntropy::default())?;
    let vars: Vec<&Var> = parameters.iter().map(|p| &p.var).collect();
    let (momentum, weight_decay) = (solver.momentum, solver.weight_decay);
    let sgd = Sgd { momentum, weight_decay, form: MomentumForm::Caffe, ..Sgd::default() };
    Optimiser::Sgd(sgd).update(&parameters, &loss.gradient(&vars)?, &rate)?;
    let mut plan = Plan::compile(device, &[&loss])?;

    let learned: Vec<String> = parameters.iter().map(|p| p.name.clone()).collect();
    let history: Vec<String> = learned.iter().map(|n| format!("{n}/momentum")).chain(["optimiser/step".to_owned()]).collect();
    let file = |iter: u64, kind: &str| folder.join(format!("snapshot_iter_{iter}.{kind}.safetensors"));
    let kinds = [("caffemodel", &learned), ("solverstate", &history)];
    if let Some(iter) = from {
        for (kind, names) in kinds {
            let saved = Weights::open(file(iter, kind))?;
            names.iter().try_for_each(|name| plan.set_state(name, saved.get(name)?))?;
        }
    }
    let (examples, labels) = (data.get("data")?.values::<f32>()?, data.get("label")?.values::<i32>()?);
    let mut losses = Vec::new();
    for iter in from.unwrap_or(0)..solver.max_iter {
        let example = |row: usize| (iter as usize * solver.batch + row) % samples;
        let batch = Array::from_fn([solver.batch, inputs], |i| examples[example(i / inputs) * inputs + i % inputs]);
        let label = Array::from_fn([solver.batch], |row| labels[example(row)]);
        let rate = Array::scalar(solver.policy.rate(iter) as f32);
        losses.extend(plan.run(&[("data", &batch), ("label", &label), ("rate", &rate)])?[0].to_f64());
        if solver.snapshot > 0 && (iter + 1) % solver.snapshot == 0 {
            for (kind, names) in kinds {
                let arrays = names.iter().map(|name| Ok((name.clone(), plan.state(name)?))).collect::<Result<Vec<_>>>()?;
                Weights::from_arrays(kind, arrays).save(file(iter + 1, kind))?;
            }
        }
    }
    let states = learned.iter().map(|name| Ok((name.clone(), plan.state(name)?))).collect::<Result<_>>()?;
    let updates = plan.state("optimiser/step")?.values::<i32>()?[0];
    Ok(Trained { losses, parameters: states, updates })
}
