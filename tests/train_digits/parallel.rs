//! Parallel transformers whose first looks tile the image attend to different parts of it: each finds, and follows, the digit of its
//! own half.
//!
//! Scenes of 32 x 32 with two digits of MNIST at half their size, one in the left half and one in the right half, each at any height.
//! The network is asked for both names; as for the birds of the paper transformers may move alone, over half the image's width and
//! height. Nothing says which of them is for which digit, or where the digits are.

use super::common::gpu;
use super::mnist;
use super::upright::correlation;
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{Birds, Localisation, Stage, Transform, Transformer, Warp};
use foveate::nn::Weights;
use foveate::nn::init::{Draws, fan_in_uniform};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::ops::concat;
use foveate::plan::Plan;
use foveate::train::{Dataset, Loader, Objective, Trainer, read_idx};
use std::sync::Arc;

const SIDE: usize = 32;
/// A digit's side, and a crop's.
const DIGIT: usize = 14;
const BATCH: usize = 32;
const STEPS: usize = 300;
const UNITS: usize = 64;
const TESTED: usize = 512;

/// Two digits in one image: `image` (1, 32, 32), `label` (2), left and right, and `height` (2), the rows of their centres.
struct Pairs {
    pixels: Vec<f32>,
    labels: Vec<i32>,
    seed: u64,
}

impl Pairs {
    fn open(part: &str, most: usize, seed: u64) -> Self {
        let [images, labels] = ["images-idx3", "labels-idx1"].map(|kind| read_idx(mnist().join(format!("{part}-{kind}-ubyte"))).unwrap());
        let values = images.values::<i32>().unwrap();
        let mean = |i: usize| {
            let (digit, y, x) = (i / (DIGIT * DIGIT), i / DIGIT % DIGIT, i % DIGIT);
            let four = [0, 1, 28, 29].map(|next| values[digit * 784 + 56 * y + 2 * x + next]);
            four.iter().sum::<i32>() as f32 / 1020.0
        };
        let pixels = (0..most * DIGIT * DIGIT).map(mean).collect();
        Self { pixels, labels: labels.values::<i32>().unwrap()[..most].to_vec(), seed }
    }
}

impl Dataset for Pairs {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let of = |name: &str, ty| (name.to_owned(), ty);
        let image = of("image", TensorType::f32([1, SIDE, SIDE]));
        vec![image, of("label", TensorType::new(DType::I32, [2])), of("height", TensorType::f32([2]))]
    }

    fn example(&self, index: usize, visit: u64) -> foveate::Result<Vec<Array>> {
        let draws = Draws::new(self.seed, &format!("pair {index} visit {visit}"));
        let below = |place: usize, count: usize| (draws.bits(place) % count as u64) as usize;
        let digits = [index, below(0, self.labels.len())];
        let (mut canvas, mut heights) = (vec![0.0; SIDE * SIDE], Vec::new());
        for (k, digit) in digits.into_iter().enumerate() {
            let (left, top) = (k * SIDE / 2 + below(1 + k, 3), below(3 + k, SIDE - DIGIT + 1));
            heights.push(top as f32 + (DIGIT - 1) as f32 / 2.0);
            for i in 0..DIGIT * DIGIT {
                canvas[(top + i / DIGIT) * SIDE + left + i % DIGIT] = self.pixels[digit * DIGIT * DIGIT + i];
            }
        }
        let labels = digits.map(|digit| self.labels[digit]);
        Ok(vec![Array::new([1, SIDE, SIDE], canvas)?, Array::new([2], labels.to_vec())?, Array::new([2], heights)?])
    }
}

fn transformer() -> Transformer {
    let localisation = Localisation { stages: vec![Stage::AvgPool], hidden: vec![32] };
    Transformer { transform: Transform::Location { scale: 0.5 }, localisation, size: Some(Hw::square(DIGIT)) }
}

/// First weights, with transformers that look at these places.
fn initial(seed: u64, places: [[f32; 2]; 2]) -> Weights {
    let layer = |name: &str, units, inputs| (name.to_owned(), fan_in_uniform(&[units, inputs], inputs, name, seed));
    let classifier = [layer("fc1", UNITS, 2 * DIGIT * DIGIT), layer("fc2", 20, UNITS)];
    places.iter().enumerate().fold(Weights::from_arrays("first weights", classifier), |weights, (k, place)| {
        let name = format!("transformer{}", k + 1);
        let first = transformer().init(&name, TensorType::f32([1, 1, SIDE, SIDE]), seed + 1000 * k as u64).unwrap();
        let bias = Array::new([2], transformer().transform.at(*place)).unwrap();
        weights.joined(first.replaced("first weights", [(format!("{name}.theta.bias"), bias)])).unwrap()
    })
}

/// Scores of both digits of each image, (2 n, 10), and what the transformers saw.
fn network(graph: &Graph, weights: &Weights, image: &Var) -> (Var, Vec<Warp>) {
    let mut layers = Layers::load(graph, weights);
    let warps: Vec<Warp> = (1..=2).map(|k| transformer().apply(&mut layers, &format!("transformer{k}"), image).unwrap()).collect();
    let seen = concat(&[&warps[0].image, &warps[1].image], 1).unwrap().flatten(1).unwrap();
    let layer = |x: &Var, name: &str| x.linear(&weights.var(graph, name).unwrap(), None).unwrap();
    let scores = layer(&layer(&seen, "fc1").relu().unwrap(), "fc2").reshape([2 * image.shape()[0], 10]).unwrap();
    (scores, warps)
}

fn trained(seed: u64, places: [[f32; 2]; 2]) -> Weights {
    let (weights, graph) = (initial(seed, places).as_states(), Graph::new());
    let image = graph.input("image", TensorType::f32([BATCH, 1, SIDE, SIDE])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH, 2])).unwrap();
    let scores = network(&graph, &weights, &image).0;
    let loss = cross_entropy(&scores, &label.reshape([2 * BATCH]).unwrap(), &CrossEntropy::default()).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let schedule = Schedule::Cosine { base: 3e-3, last: 0.0, warm_up: 20, steps: STEPS as u64 };
    let mut trainer = Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), schedule, None).unwrap();
    for batch in Loader::shuffled(Arc::new(Pairs::open("train", 20_000, seed)), BATCH, seed, 0).unwrap().take(STEPS) {
        let batch = batch.unwrap();
        trainer.step(&["image", "label"].map(|name| (name, batch.get(name).unwrap()))).unwrap();
    }
    trainer.weights().unwrap()
}

/// For each transformer, where it looks in the mean, x of -1 to 1, and how far the height of its look goes with those of the left and of
/// the right digit. And the share of digits that are named rightly.
fn looks(weights: &Weights) -> ([(f64, [f64; 2]); 2], f64) {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 1, SIDE, SIDE])).unwrap();
    let (scores, warps) = network(&graph, weights, &image);
    let mut plan = Plan::compile(gpu(), &[&scores.argmax(1, false, false).unwrap(), &warps[0].theta, &warps[1].theta]).unwrap();
    let (mut right, mut places, mut heights) = (0, [Vec::new(), Vec::new()], Vec::new());
    for batch in Loader::in_order(Arc::new(Pairs::open("t10k", TESTED, 0)), BATCH).unwrap() {
        let batch = batch.unwrap();
        let found = plan.run(&[("image", batch.get("image").unwrap())]).unwrap();
        let labels = batch.get("label").unwrap().to_f64();
        right += found[0].to_f64().iter().zip(labels).filter(|(found, label)| **found == *label).count();
        places.iter_mut().zip(&found[1..]).for_each(|(all, theta)| all.extend(theta.to_f64()));
        heights.extend(batch.get("height").unwrap().to_f64());
    }
    let every_other = |values: &[f64], first: usize| values.iter().skip(first).step_by(2).copied().collect::<Vec<_>>();
    let of = |places: Vec<f64>| {
        let [x, y] = [0, 1].map(|part| every_other(&places, part));
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        (mean, [0, 1].map(|digit| correlation(&y, &every_other(&heights, digit))))
    };
    (places.map(of), right as f64 / (2 * TESTED) as f64)
}

#[test]
fn parallel_transformers_attend_to_different_parts() {
    let tiles = Birds::new(2).places();
    for seed in [1, 2] {
        let ([(left, of_left), (right, of_right)], named) = looks(&trained(seed, [[tiles[0], tiles[1]], [tiles[2], tiles[3]]]));
        println!("seed {seed}: means of x {left:.2}, {right:.2}; {named:.3} named rightly");
        println!("correlations of heights with the left and the right digit's: {of_left:.2?}, {of_right:.2?}");
        assert!(left < -0.3 && right > 0.3, "seed {seed}: looks at {left} and {right}");
        for (own, other) in [(of_left[0], of_left[1]), (of_right[1], of_right[0])] {
            assert!(own > 0.7 && other.abs() < 0.3, "seed {seed}: follows its own digit by {own}, the other one by {other}");
        }
        assert!(named > 0.25, "seed {seed}: {named} of the digits are named rightly, 0.1 by chance");
    }
}
