//! MNIST addition (Jaderberg et al. 2015, appendix A.1) made small: two digits, each in a channel of its own, whose sum is to be said,
//! by a fully connected network behind no, one and two spatial transformers. All three have 60,000 parameters.
//!
//!     scripts/mnist.sh
//!     cargo run --release --example addition -- 700 1
//!
//! trains each for 700 steps with seed 1.
//!
//! Digits are 0, 1 and 2 at half their size, each turned by up to 45 degrees, scaled by 0.7 to 1.2, anywhere in 24 x 24. Every
//! transformer sees both channels, at half their size, and warps both; its look, of 14 x 14, begins at the centre, as large as a digit.
//! Distortions grow from none to all over the first four tenths of the steps: so there is a place that digits are brought back to,
//! and it is never far. Of two transformers nothing says which is for which digit, and with some first weights they cannot agree for
//! long; so the classifier begins with weights half as large for what look k shows of another channel than k, also where there is one
//! look. `tests/train_digits/addition.rs` holds the errors to their order.

use foveate::array::{Array, DType, Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{Localisation, Stage, Transform, Transformer, Warp};
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

const SIDE: usize = 24;
const DIGIT: usize = 14;
const DIGITS: i32 = 3;
const SUMS: usize = 5;
const BATCH: usize = 64;
const PARAMETERS: usize = 60_000;
const TESTED: usize = 1024;

/// Pairs of digits: `image` (2, 24, 24), `label`, their sum, and `place` (2), by how many pixels each is right of the centre.
#[derive(Clone)]
struct Sums {
    pixels: Arc<Vec<f32>>,
    labels: Vec<i32>,
    seed: u64,
    /// How much of the distortion there is, 0 to 1.
    strength: f64,
}

impl Sums {
    fn open(folder: &Path, part: &str, seed: u64) -> Result<Self> {
        let file = |kind: &str| read_idx(folder.join(format!("{part}-{kind}-ubyte")));
        let (images, labels) = (file("images-idx3")?, file("labels-idx1")?);
        let (values, all) = (images.values::<i32>()?, labels.values::<i32>()?);
        let kept: Vec<usize> = (0..all.len()).filter(|&i| all[i] < DIGITS).collect();
        let mean = |digit: usize, i: usize| {
            let corner = digit * 784 + i / DIGIT * 56 + i % DIGIT * 2;
            [0, 1, 28, 29].map(|next| values[corner + next]).iter().sum::<i32>() as f32 / 1020.0
        };
        let pixels = kept.iter().flat_map(|&digit| (0..DIGIT * DIGIT).map(move |i| mean(digit, i))).collect();
        Ok(Self { pixels: Arc::new(pixels), labels: kept.iter().map(|&i| all[i]).collect(), seed, strength: 1.0 })
    }

    /// Digit `index` on its canvas, as `draws` have it, and how far right of the centre it is.
    fn canvas(&self, index: usize, draws: Draws) -> (Vec<f32>, f32) {
        let between = |place: usize, low: f64, high: f64| self.strength * (low + (high - low) * f64::from(draws.uniform(place)));
        let (sin, cos) = between(0, -45.0, 45.0).to_radians().sin_cos();
        let scale = 1.0 + between(1, -0.3, 0.2);
        let room = (SIDE - DIGIT) as f64 / 2.0;
        let moved = [2, 3].map(|part| between(part, -room, room));
        let [middle, centre] = [SIDE, DIGIT].map(|side| (side - 1) as f64 / 2.0);
        let pixel = |y: f64, x: f64| {
            let inside = (0.0..DIGIT as f64).contains(&y) && (0.0..DIGIT as f64).contains(&x);
            if inside { self.pixels[(index * DIGIT + y as usize) * DIGIT + x as usize] } else { 0.0 }
        };
        let value = |i: usize| {
            let [dx, dy] = [((i % SIDE) as f64 - middle - moved[0]) / scale, ((i / SIDE) as f64 - middle - moved[1]) / scale];
            let (x, y) = (centre + cos * dx + sin * dy, centre - sin * dx + cos * dy);
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = ((x - left) as f32, (y - top) as f32);
            let row = |y: f64| (1.0 - fx) * pixel(y, left) + fx * pixel(y, left + 1.0);
            (1.0 - fy) * row(top) + fy * row(top + 1.0)
        };
        ((0..SIDE * SIDE).map(value).collect(), moved[0] as f32)
    }
}

impl Dataset for Sums {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let types = [TensorType::f32([2, SIDE, SIDE]), TensorType::new(DType::I32, []), TensorType::f32([2])];
        ["image", "label", "place"].map(str::to_owned).into_iter().zip(types).collect()
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let draws = |name: &str| Draws::new(self.seed, &format!("{name} {index} {visit}"));
        let other = (draws("other").bits(0) % self.labels.len() as u64) as usize;
        let [(a, x), (b, u)] = [self.canvas(index, draws("first")), self.canvas(other, draws("second"))];
        let label = Array::scalar(self.labels[index] + self.labels[other]);
        Ok(vec![Array::new([2, SIDE, SIDE], [a, b].concat())?, label, Array::new([2], vec![x, u])?])
    }
}

fn transformer() -> Transformer {
    let localisation = Localisation { stages: vec![Stage::AvgPool], hidden: vec![32] };
    Transformer { transform: Transform::Affine, localisation, size: Some(Hw::square(DIGIT)) }
}

/// First weights of a network behind so many transformers, with as many units as bring its parameters closest to [`PARAMETERS`].
fn initial(transformers: usize, seed: u64) -> Result<Weights> {
    let mut weights = Weights::from_arrays("first weights", []);
    for k in 0..transformers {
        let name = format!("transformer{}", k + 1);
        let first = transformer().init(&name, TensorType::f32([1, 2, SIDE, SIDE]), seed + 1000 * k as u64)?;
        // Pixels of the look as far apart as those of the image.
        let scale = (DIGIT - 1) as f32 / (SIDE - 1) as f32;
        let bias = Array::new([6], vec![scale, 0.0, 0.0, 0.0, scale, 0.0])?;
        weights = weights.joined(first.replaced("first weights", [(format!("{name}.theta.bias"), bias)]))?;
    }
    let inputs = if transformers == 0 { 2 * SIDE * SIDE } else { 2 * transformers * DIGIT * DIGIT };
    let each = inputs + SUMS;
    let units = (PARAMETERS - weights.parameters() + each / 2) / each;
    let layer = |name: &str, units, inputs| fan_in_uniform(&[units, inputs], inputs, name, seed);
    let (mut first, last) = (layer("fc1", units, inputs), layer("fc2", SUMS, units));
    if transformers > 0 {
        let values = first.values::<f32>()?;
        // Columns are looks of channels of pixels.
        let other = |column: usize| column / (2 * DIGIT * DIGIT) % 2 != column / (DIGIT * DIGIT) % 2;
        first = Array::from_fn([units, inputs], |i| if other(i % inputs) { 0.5 * values[i] } else { values[i] });
    }
    weights.joined(Weights::from_arrays("first weights", [("fc1".to_owned(), first), ("fc2".to_owned(), last)]))
}

/// The scores of the sums, and what transformers made of the images.
fn network(graph: &Graph, weights: &Weights, transformers: usize, image: &Var) -> Result<(Var, Vec<Warp>)> {
    let mut layers = Layers::load(graph, weights);
    let warps = (1..=transformers).map(|k| transformer().apply(&mut layers, &format!("transformer{k}"), image));
    let warps = warps.collect::<Result<Vec<Warp>>>()?;
    let looks: Vec<&Var> = warps.iter().map(|warp| &warp.image).collect();
    let seen = if looks.is_empty() { image.clone() } else { concat(&looks, 1)? };
    let hidden = seen.flatten(1)?.linear(&weights.var(graph, "fc1")?, None)?.relu()?;
    Ok((hidden.linear(&weights.var(graph, "fc2")?, None)?, warps))
}

/// The weights after so many steps, tens of them: distortions are of one strength for a tenth of the steps.
pub fn trained(gpu: &Gpu, folder: &Path, transformers: usize, seed: u64, steps: usize) -> Result<Weights> {
    let (weights, graph) = (initial(transformers, seed)?.as_states(), Graph::new());
    let image = graph.input("image", TensorType::f32([BATCH, 2, SIDE, SIDE]))?;
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH]))?;
    let loss = cross_entropy(&network(&graph, &weights, transformers, &image)?.0, &label, &CrossEntropy::default())?;
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let schedule = Schedule::Cosine { base: 8e-3, last: 0.0, warm_up: 20, steps: steps as u64 };
    let mut trainer = Trainer::new(gpu, &objective, &Optimiser::Adam(Adam::default()), schedule, None)?;
    let (data, each) = (Sums::open(folder, "train", seed)?, steps / 10);
    for tenth in 0..10 {
        let data = Sums { strength: (tenth as f64 / 4.0).min(1.0), ..data.clone() };
        for batch in Loader::shuffled(Arc::new(data), BATCH, seed, (tenth * each) as u64)?.take(each) {
            let batch = batch?;
            trainer.step(&[("image", batch.get("image")?), ("label", batch.get("label")?)])?;
        }
    }
    trainer.weights()
}

/// What a network does on test pairs.
#[derive(Debug)]
pub struct Tested {
    /// The share of sums that are wrong.
    pub error: f64,
    /// For each transformer, how many pixels left or right of the first and of the second digit it looks, in the mean.
    pub misses: Vec<[f64; 2]>,
}

/// How the network with these weights does on pairs of test digits.
pub fn tested(gpu: &Gpu, folder: &Path, transformers: usize, weights: &Weights) -> Result<Tested> {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 2, SIDE, SIDE]))?;
    let (scores, warps) = network(&graph, weights, transformers, &image)?;
    let named = scores.argmax(1, false, false)?;
    let mut plan = Plan::compile(gpu, &[&named].into_iter().chain(warps.iter().map(|warp| &warp.theta)).collect::<Vec<_>>())?;
    let mut sums = Tested { error: 0.0, misses: vec![[0.0; 2]; transformers] };
    for batch in Loader::in_order(Arc::new(Sums::open(folder, "t10k", 77)?), BATCH)?.take(TESTED / BATCH) {
        let batch = batch?;
        let found: Vec<Vec<f64>> = plan.run(&[("image", batch.get("image")?)])?.iter().map(Array::to_f64).collect();
        let (labels, places) = (batch.get("label")?.to_f64(), batch.get("place")?.to_f64());
        sums.error += found[0].iter().zip(labels).filter(|(found, label)| **found != *label).count() as f64 / TESTED as f64;
        for (misses, theta) in sums.misses.iter_mut().zip(&found[1..]) {
            for (theta, places) in theta.chunks(6).zip(places.chunks(2)) {
                let look = theta[2] * (SIDE - 1) as f64 / 2.0;
                misses.iter_mut().zip(places).for_each(|(sum, place)| *sum += (look - place).abs() / TESTED as f64);
            }
        }
    }
    Ok(sums)
}

fn main() -> Result<()> {
    let number = |place: usize, usual: usize| match std::env::args().nth(place) {
        Some(text) => text.parse::<usize>().map_err(|_| Error::model("argument", format!("is a number, not '{text}'"))),
        None => Ok(usual),
    };
    let (steps, seed) = (number(1, 700)?, number(2, 1)? as u64);
    let (gpu, folder) = (Gpu::new()?, Path::new("target/mnist"));
    for transformers in 0..=2 {
        let begin = Instant::now();
        let weights = trained(&gpu, folder, transformers, seed, steps)?;
        let Tested { error, misses } = tested(&gpu, folder, transformers, &weights)?;
        let (parameters, percent) = (weights.parameters(), 100.0 * error);
        println!("{transformers} transformers, {parameters} parameters: {percent:.1} % of sums wrong, {:.0?}", begin.elapsed());
        misses.iter().for_each(|[first, second]| println!("  a look is {first:.1} pixels off the first digit, {second:.1} off the second"));
    }
    Ok(())
}
