//! MNIST addition (Jaderberg et al. 2015, appendix A.1) made small: two digits, each in a channel of its own, whose sum is to be said,
//! by a fully connected network behind no, one and two spatial transformers. All three have 200,000 parameters.
//!
//!     scripts/mnist.sh
//!     cargo run --release --example addition -- 3000
//!
//! Digits are 0, 1 and 2 at half their size, turned by up to 45 degrees, scaled by 0.7 to 1.2, anywhere in 21 x 21. Every transformer
//! sees and warps both channels; its look, of 14 x 14, begins at the centre. The first 400 steps are on digits as they are, in the
//! centre, so that transformers have something to bring the others back to.

use foveate::array::{Array, DType, Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::stn::{Layers, Localisation, Transform, Transformer};
use foveate::nn::Weights;
use foveate::nn::init::{Draws, fan_in_uniform};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::ops::concat;
use foveate::plan::Plan;
use foveate::train::{Dataset, Loader, Objective, Trainer, read_idx};
use foveate::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const SIDE: usize = 21;
const DIGIT: usize = 14;
const DIGITS: i32 = 3;
const SUMS: usize = 5;
const BATCH: usize = 32;
const PARAMETERS: usize = 200_000;
const FIRST: usize = 400;
const TESTED: usize = 1024;

/// Pairs of digits: `image` (2, 21, 21) and `label`, their sum.
#[derive(Clone)]
struct Sums {
    pixels: Arc<Vec<f32>>,
    labels: Vec<i32>,
    seed: u64,
    /// Whether digits are turned, scaled and moved.
    distorted: bool,
}

impl Sums {
    fn open(part: &str, seed: u64) -> Result<Self> {
        let file = |kind: &str| read_idx(Path::new("target/mnist").join(format!("{part}-{kind}-ubyte")));
        let (images, labels) = (file("images-idx3")?, file("labels-idx1")?);
        let (values, all) = (images.values::<i32>()?, labels.values::<i32>()?);
        let kept: Vec<usize> = (0..all.len()).filter(|&i| all[i] < DIGITS).collect();
        let mean = |digit: usize, i: usize| {
            let corner = digit * 784 + i / DIGIT * 56 + i % DIGIT * 2;
            [0, 1, 28, 29].map(|next| values[corner + next]).iter().sum::<i32>() as f32 / 1020.0
        };
        let pixels = kept.iter().flat_map(|&digit| (0..DIGIT * DIGIT).map(move |i| mean(digit, i))).collect();
        Ok(Self { pixels: Arc::new(pixels), labels: kept.iter().map(|&i| all[i]).collect(), seed, distorted: true })
    }

    /// Digit `index` on its canvas, as `draws` have it.
    fn canvas(&self, index: usize, draws: Draws) -> Vec<f32> {
        let centre = (DIGIT - 1) as f64 / 2.0;
        let room = (SIDE - DIGIT) as f64;
        let uniform = |place: usize| f64::from(draws.uniform(place));
        let (angle, scale, place) = if self.distorted {
            let place = [2, 3].map(|part| centre + room / 2.0 + room * (uniform(part) - 0.5));
            (((2.0 * uniform(0) - 1.0) * 45.0).to_radians(), 0.7 + (1.2 - 0.7) * uniform(1), place)
        } else {
            (0.0, 1.0, [centre + room / 2.0; 2])
        };
        let (sin, cos) = angle.sin_cos();
        let pixel = |y: f64, x: f64| {
            let inside = (0.0..DIGIT as f64).contains(&y) && (0.0..DIGIT as f64).contains(&x);
            if inside { self.pixels[(index * DIGIT + y as usize) * DIGIT + x as usize] } else { 0.0 }
        };
        let value = |i: usize| {
            let (dx, dy) = (((i % SIDE) as f64 - place[0]) / scale, ((i / SIDE) as f64 - place[1]) / scale);
            let (x, y) = (centre + cos * dx + sin * dy, centre - sin * dx + cos * dy);
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = ((x - left) as f32, (y - top) as f32);
            let row = |y: f64| (1.0 - fx) * pixel(y, left) + fx * pixel(y, left + 1.0);
            (1.0 - fy) * row(top) + fy * row(top + 1.0)
        };
        (0..SIDE * SIDE).map(value).collect()
    }
}

impl Dataset for Sums {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        vec![("image".to_owned(), TensorType::f32([2, SIDE, SIDE])), ("label".to_owned(), TensorType::new(DType::I32, []))]
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let draws = |name: &str| Draws::new(self.seed, &format!("{name} {index} {visit}"));
        let other = (draws("o").bits(0) % self.labels.len() as u64) as usize;
        let values = [self.canvas(index, draws("a")), self.canvas(other, draws("b"))].concat();
        Ok(vec![Array::new([2, SIDE, SIDE], values)?, Array::scalar(self.labels[index] + self.labels[other])])
    }
}

fn transformer() -> Transformer {
    let localisation = Localisation { stages: Vec::new(), hidden: vec![32; 2] };
    Transformer { transform: Transform::Affine, localisation, size: Some(Hw::square(DIGIT)) }
}

/// First weights of a network behind so many transformers, with as many units as parameters are left for.
fn initial(transformers: usize, seed: u64) -> Result<Weights> {
    let mut weights = Weights::from_arrays("first weights", []);
    for k in 0..transformers {
        let name = format!("transformer{}", k + 1);
        let first = transformer().init(&name, TensorType::f32([1, 2, SIDE, SIDE]), seed + 1000 * k as u64)?;
        // The look is as large as a digit, and the hidden layers begin twice as large as Torch's, which shrink what they are given.
        let bias = Array::new([6], vec![0.67f32, 0.0, 0.0, 0.0, 0.67, 0.0])?;
        let mut changed = vec![(format!("{name}.theta.bias"), bias)];
        for layer in first.names().filter(|name| name.contains(".fc")) {
            let array = first.get(layer)?;
            let values = array.values::<f32>()?;
            changed.push((layer.to_owned(), Array::from_fn(array.shape(), |i| 2.0 * values[i])));
        }
        weights = weights.joined(first.replaced("first weights", changed))?;
    }
    let inputs = if transformers == 0 { 2 * SIDE * SIDE } else { 2 * transformers * DIGIT * DIGIT };
    let fits = |units: &usize| weights.parameters() + inputs * units + units * units + units * SUMS <= PARAMETERS;
    let units = (1..2000).take_while(fits).last().unwrap_or(1);
    let layers = [("a", units, inputs), ("m", units, units), ("b", SUMS, units)];
    let layers = layers.map(|(name, units, inputs)| (name.to_owned(), fan_in_uniform(&[units, inputs], inputs, name, seed)));
    weights.joined(Weights::from_arrays("first weights", layers))
}

/// The scores of the sums.
fn network(graph: &Graph, weights: &Weights, transformers: usize, image: &Var) -> Result<Var> {
    let mut layers = Layers::load(graph, weights);
    let looks = (1..=transformers).map(|k| Ok(transformer().apply(&mut layers, &format!("transformer{k}"), image)?.image));
    let looks = looks.collect::<Result<Vec<Var>>>()?;
    let seen = if looks.is_empty() { image.clone() } else { concat(&looks.iter().collect::<Vec<_>>(), 1)? };
    let hidden = seen.flatten(1)?.linear(&weights.var(graph, "a")?, None)?.relu()?;
    hidden.linear(&weights.var(graph, "m")?, None)?.relu()?.linear(&weights.var(graph, "b")?, None)
}

fn main() -> Result<()> {
    let steps = match std::env::args().nth(1) {
        Some(text) => text.parse::<usize>().map_err(|_| Error::model("steps", format!("are a number, not '{text}'")))?,
        None => 3000,
    };
    let (gpu, seed) = (Gpu::new()?, 1);
    let (learnt, test) = (Sums::open("train", seed)?, Arc::new(Sums::open("t10k", 77)?));
    for transformers in 0..=2 {
        let begin = Instant::now();
        let (weights, graph) = (initial(transformers, seed)?.as_states(), Graph::new());
        let image = graph.input("image", TensorType::f32([BATCH, 2, SIDE, SIDE]))?;
        let label = graph.input("label", TensorType::new(DType::I32, [BATCH]))?;
        let loss = cross_entropy(&network(&graph, &weights, transformers, &image)?, &label, &CrossEntropy::default())?;
        let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
        let schedule = Schedule::Cosine { base: 4e-3, last: 0.0, warm_up: 20, steps: steps as u64 };
        let mut trainer = Trainer::new(&gpu, &objective, &Optimiser::Adam(Adam::default()), schedule, None)?;
        let plain = Sums { distorted: false, ..learnt.clone() };
        let first = Loader::shuffled(Arc::new(plain), BATCH, seed, 0)?.take(steps.min(FIRST));
        let then = Loader::shuffled(Arc::new(learnt.clone()), BATCH, seed, 0)?.take(steps.saturating_sub(FIRST));
        for batch in first.chain(then) {
            trainer.step(&batch?.inputs())?;
        }

        let graph = Graph::new();
        let image = graph.input("image", TensorType::f32([BATCH, 2, SIDE, SIDE]))?;
        let found = network(&graph, &trainer.weights()?, transformers, &image)?.argmax(1, false, false)?;
        let (mut plan, mut wrong) = (Plan::compile(&gpu, &[&found])?, 0);
        for batch in Loader::in_order(Arc::<Sums>::clone(&test), BATCH)?.take(TESTED / BATCH) {
            let batch = batch?;
            let found = plan.run(&[("image", batch.get("image")?)])?[0].to_f64();
            wrong += found.iter().zip(batch.get("label")?.to_f64()).filter(|(found, label)| **found != *label).count();
        }
        let error = 100.0 * wrong as f64 / TESTED as f64;
        let parameters = weights.parameters();
        println!("{transformers} transformers, {parameters} parameters: {error:.1} % of sums wrong, {:.0?}", begin.elapsed());
    }
    Ok(())
}
