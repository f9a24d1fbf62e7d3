//! Show, Attend and Tell (Xu et al. 2015) on scenes of two digits over textures: "a seven above a small two", by soft and by hard attention.
//!
//!     scripts/mnist.sh
//!     cargo run --release --example captions -- 2000 1
//!
//! trains both for 2000 steps with seed 1 and writes captions-soft.png and captions-hard.png: a scene, and where the network looked for each
//! word of its caption.
//!
//! The encoder is the FCN-8s that is part of the crate, as it is: 8 x 8 places of 160 features, computed once for all scenes, as in the paper;
//! beside them stands where a place is, which a caption needs to say "above". The encoder has learned what digits are, but not to say
//! anything; where to look the decoder learns from captions alone. Told in the end, of scenes made
//! of digits that neither has seen: captions that are right word by word, and how much of alpha lies in the box around the digit that is
//! named, beside what there would be if it were the same everywhere.

use foveate::array::{Array, Hw, TensorType, picture};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::digit_scenes::{self, CaptionedScenes, FIRST_DIGIT, LONGEST, WORDS, caption};
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::show_attend_tell::{
    Attention, Config, Decoder, annotations, caption_reward, doubly_stochastic, hard_attention_loss, sentence_loss, sheet,
};
use foveate::nn::loss::{Reinforce, moving_average};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Random, Weights};
use foveate::plan::Plan;
use foveate::train::{Arrays, Clip, Dataset, Loader, Objective, Trainer};
use foveate::{Error, Result};
use indicatif::ProgressBar;
use std::path::Path;
use std::sync::Arc;

const SIDE: usize = 128;
const GRID: Hw = Hw::square(SIDE / 16);
const BATCH: usize = 32;
const LEARNT: usize = 8192;
const TESTED: usize = 512;

/// Scenes of a part of MNIST as the encoder sees them.
struct Encoded {
    /// (scenes, places, features).
    features: Vec<f32>,
    /// Words, mask and boxes of [`CaptionedScenes`].
    rest: [Vec<f64>; 3],
    scenes: usize,
}

fn encoded(gpu: &Gpu, fcn: &NarrowFcn, weights: &Weights, part: &str, count: usize, seed: u64) -> Result<Encoded> {
    let scenes = Arc::new(CaptionedScenes::open(SIDE, Path::new("target/mnist"), part, count, seed)?);
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE]))?;
    let mut plan = Plan::compile(gpu, &[&annotations(&fcn.features(weights, &image)?)?])?;
    let mut all = Encoded { features: Vec::new(), rest: [const { Vec::new() }; 3], scenes: scenes.len() };
    let bar = ProgressBar::new(scenes.len() as u64);
    for batch in Loader::in_order(Arc::clone(&scenes) as Arc<dyn Dataset>, BATCH)? {
        let batch = batch?;
        let found = plan.run(&[("image", batch.get("image")?)])?;
        all.features.extend_from_slice(batch.counted(&found[0])?.values::<f32>()?);
        for (values, name) in all.rest.iter_mut().zip(["words", "mask", "boxes"]) {
            values.extend(batch.counted(batch.get(name)?)?.to_f64());
        }
        bar.inc(batch.count as u64);
    }
    bar.finish_and_clear();
    Ok(all)
}

impl Encoded {
    /// Mean and standard deviation of each feature.
    fn moments(&self, channels: usize) -> Vec<[f32; 2]> {
        let n = (self.features.len() / channels) as f64;
        let moments = |channel: usize| {
            let values = || self.features.iter().skip(channel).step_by(channels).map(|v| f64::from(*v));
            let mean = values().sum::<f64>() / n;
            let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            [mean as f32, variance.sqrt().max(1e-6) as f32]
        };
        (0..channels).map(moments).collect()
    }

    /// The annotations: each feature less its mean over its deviation, and where the place is, down and right, from -1 to 1.
    fn annotated(&self, moments: &[[f32; 2]]) -> Result<Arrays> {
        let (n, channels) = (self.scenes, moments.len());
        let place = |at: usize, side: usize| (2 * at + 1) as f32 / side as f32 - 1.0;
        let annotation = |i: usize| {
            let (at, channel) = (i / (channels + 2), i % (channels + 2));
            match moments.get(channel) {
                Some([mean, deviation]) => (self.features[at * channels + channel] - mean) / deviation,
                None if channel == channels => place(at % GRID.area() / GRID.w, GRID.h),
                None => place(at % GRID.w, GRID.w),
            }
        };
        let [words, mask, boxes] = &self.rest;
        let all = [
            ("annotations", Array::from_fn([n, GRID.area(), channels + 2], annotation)),
            ("words", Array::from_fn([n, LONGEST], |i| words[i] as i32)),
            ("mask", Array::from_fn([n, LONGEST], |i| mask[i] as f32)),
            ("boxes", Array::from_fn([n, 2, 4], |i| boxes[i] as i32)),
        ];
        Arrays::new(all.map(|(name, array)| (name.to_owned(), array)).to_vec())
    }
}

/// A decoder after its training.
fn trained(gpu: &Gpu, config: Config, data: &Arc<Arrays>, hard: bool, steps: u64, seed: u64) -> Result<Weights> {
    let start = config.initial(seed)?;
    let (weights, graph) = (start.clone().as_states(), Graph::new());
    let input = |name: &str| -> Result<Var> {
        let tensor = data.tensors().into_iter().find(|(n, _)| n == name);
        let (_, mut ty) = tensor.ok_or_else(|| Error::shape("captions", format!("there is no tensor '{name}'")))?;
        ty.shape.insert(0, BATCH);
        graph.input(name, ty)
    };
    let (a, words, mask) = (input("annotations")?, input("words")?, input("mask")?);
    // Hard attention as it was published: in half of the steps the expectation takes the place of draws.
    let attention = if hard { Attention::mixed(&mut Random::new(&graph, seed)?, BATCH, LONGEST, 0.5)? } else { Attention::Soft };
    let made = Decoder::new(&graph, &weights, config)?.forced(&a, &words, &mask, &attention)?;
    let entropy = sentence_loss(&made.log_probabilities, &mask)?;
    let of_attention = if hard {
        let baseline = moving_average("baseline", &caption_reward(&made.log_probabilities, &mask)?, 0.9)?;
        hard_attention_loss(&made, &mask, &baseline, Reinforce { reward: LONGEST as f32, entropy: 0.02 })?
    } else {
        doubly_stochastic(&made.alphas, 0.1)?
    };
    // The scalar bias of the scores changes no softmax, and is not part of the graph.
    let parameters = weights.states(&graph).into_iter().filter(|p| p.name != "decoder_c_tt").collect();
    let objective = Objective { loss: entropy.add(&of_attention)?, metrics: vec![("words".to_owned(), entropy)], parameters };
    let schedule = Schedule::Cosine { base: 4e-3, last: 0.0, warm_up: 50, steps };
    let mut trainer = Trainer::new(gpu, &objective, &Optimiser::Adam(Adam::default()), schedule, Some(Clip::Norm(5.0)))?;
    let bar = ProgressBar::new(steps);
    let mut sum = 0.0;
    for batch in Loader::shuffled(Arc::clone(data) as Arc<dyn Dataset>, BATCH, seed, 0)?.take(usize::try_from(steps).unwrap_or(usize::MAX))
    {
        let batch = batch?;
        let inputs: Vec<_> = batch.inputs().into_iter().filter(|(name, _)| *name != "boxes").collect();
        let progress = trainer.step(&inputs)?;
        sum += progress.metrics[0];
        bar.inc(1);
        if progress.step % 100 == 0 {
            bar.suspend(|| println!("  step {}: {:.3} nats a caption", progress.step, sum / 100.0));
            sum = 0.0;
        }
    }
    bar.finish_and_clear();
    let after = trainer.weights()?;
    let learnt: Vec<(String, Array)> =
        after.names().map(|name| Ok((name.to_owned(), Array::clone(after.get(name)?)))).collect::<Result<_>>()?;
    Ok(start.replaced("the trained decoder", learnt))
}

/// What a decoder says of scenes that it has not seen.
struct Said {
    /// (scenes, words).
    words: Vec<Vec<i32>>,
    /// (scenes, words, places).
    alphas: Vec<f64>,
}

fn said(gpu: &Gpu, config: Config, weights: &Weights, test: &Arc<Arrays>, attention: &Attention) -> Result<Said> {
    let graph = Graph::new();
    let a = graph.input("annotations", TensorType::f32([BATCH, GRID.area(), config.features]))?;
    let made = Decoder::new(&graph, weights, config)?.greedy(&a, LONGEST, attention)?;
    let mut plan = Plan::compile(gpu, &[&made.words, &made.alphas])?;
    let (mut words, mut alphas) = (Vec::new(), Vec::new());
    for batch in Loader::in_order(Arc::clone(test) as Arc<dyn Dataset>, BATCH)? {
        let batch = batch?;
        let found = plan.run(&[("annotations", batch.get("annotations")?)])?;
        words.extend(batch.counted(&found[0])?.values::<i32>()?.chunks(LONGEST).map(<[i32]>::to_vec));
        alphas.extend(batch.counted(&found[1])?.to_f64());
    }
    Ok(Said { words, alphas })
}

/// How much of a map over the grid lies within a box: pixels of a place count alike.
fn mass(alpha: &[f64], bounds: &[i32]) -> f64 {
    let covered = |place: usize, low: i32, high: i32| {
        let (from, to) = (16 * place as i32, 16 * place as i32 + 16);
        f64::from((to.min(high + 1) - from.max(low)).max(0)) / 16.0
    };
    let of = |(i, v): (usize, &f64)| v * covered(i / GRID.w, bounds[0], bounds[2]) * covered(i % GRID.w, bounds[1], bounds[3]);
    alpha.iter().enumerate().map(of).sum()
}

/// The share of captions that are right, and of alpha in the boxes of the digits that right captions name, with what it would be if all places
/// were alike.
fn scores(said: &Said, test: &Arrays) -> Result<[f64; 3]> {
    let uniform = vec![1.0 / GRID.area() as f64; GRID.area()];
    let (mut right, mut looks, mut here, mut everywhere) = (0usize, 0usize, 0.0, 0.0);
    for (i, found) in said.words.iter().enumerate() {
        let example = test.example(i, 0)?;
        let (wanted, boxes) = (example[1].values::<i32>()?, example[3].values::<i32>()?);
        if caption(found) != caption(wanted) {
            continue;
        }
        right += 1;
        let named = found.iter().enumerate().filter(|(_, word)| **word >= FIRST_DIGIT);
        for ((t, _), bounds) in named.zip(boxes.chunks(4)) {
            let alpha = &said.alphas[(i * LONGEST + t) * GRID.area()..][..GRID.area()];
            looks += 1;
            here += mass(alpha, bounds);
            everywhere += mass(&uniform, bounds);
        }
    }
    let looks = looks.max(1) as f64;
    Ok([right as f64 / said.words.len() as f64, here / looks, everywhere / looks])
}

/// The scene with the most words among the first, under what the network looked at.
fn draw(gpu: &Gpu, said: &Said, name: &str) -> Result<()> {
    let scenes = CaptionedScenes::open(SIDE, Path::new("target/mnist"), "t10k", TESTED, 0)?;
    let index = (0..16).max_by_key(|&i| said.words.get(i).map_or(0, |words| caption(words).len())).unwrap_or(0);
    let image = Array::new([1, 3, SIDE, SIDE], scenes.example(index, 0)?[0].values::<f32>()?.to_vec())?;
    let places = LONGEST * GRID.area();
    let alphas = Array::from_fn([LONGEST, GRID.area()], |i| said.alphas[index * places + i] as f32);
    let graph = Graph::new();
    let (photo, looked) = (graph.input("photo", image.ty())?, graph.input("alphas", alphas.ty())?);
    let drawn = Plan::compile(gpu, &[&sheet(&photo, &looked, GRID, 9)?])?.run(&[("photo", &image), ("alphas", &alphas)])?;
    picture::write_png(name, &drawn[0])?;
    println!("  {name}: {}", caption(&said.words[index]));
    Ok(())
}

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map_while(|argument| argument.parse().ok());
    let (steps, seed) = (numbers.next().unwrap_or(2000), numbers.next().unwrap_or(1));
    let gpu = Gpu::new()?;
    let encoder = digit_scenes::weights()?;
    let fcn = NarrowFcn::of(&encoder)?;
    println!("{LEARNT} scenes for learning, {TESTED} for tests through the encoder on {}", gpu.capabilities().name);
    let learnt = encoded(&gpu, &fcn, &encoder, "train", LEARNT, seed)?;
    let moments = learnt.moments(fcn.feature_channels());
    let data = Arc::new(learnt.annotated(&moments)?);
    let test = Arc::new(encoded(&gpu, &fcn, &encoder, "t10k", TESTED, 0)?.annotated(&moments)?);
    let config = Config {
        words: WORDS.len(),
        embedding: 32,
        hidden: 128,
        features: moments.len() + 2,
        init_layers: 1,
        attention_layers: 2,
        output_layers: 1,
        selector: false,
        previous_to_output: true,
        context_to_output: true,
        dropout: false,
    };
    for (name, hard) in [("soft", false), ("hard", true)] {
        println!("{name} attention, {} parameters", config.parameter_count());
        let weights = trained(&gpu, config, &data, hard, steps, seed)?;
        let attention = if hard { Attention::Hard } else { Attention::Soft };
        let said = said(&gpu, config, &weights, &test, &attention)?;
        let [exact, here, everywhere] = scores(&said, &test)?;
        println!(
            "  {:.1} % of the captions are right; {:.1} % of alpha in the box of the digit that is named, {:.1} % if it were the same everywhere",
            100.0 * exact,
            100.0 * here,
            100.0 * everywhere
        );
        draw(&gpu, &said, &format!("captions-{name}.png"))?;
    }
    Ok(())
}
