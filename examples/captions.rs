//! Show, Attend and Tell (Xu et al. 2015) on scenes of two digits over textures: "a seven above a small two", by soft and by hard attention.
//!
//!     scripts/mnist.sh
//!     cargo run --release --example captions -- 2500 1 40000
//!
//! trains soft attention for 2500 steps with seed 1 on 40,000 scenes, then hard attention from what that has learnt, for a fifth as many, and
//! writes captions-soft.png and captions-hard.png: a scene, and where the network looked for each word of its caption.
//!
//! The encoder is the FCN-8s that is part of the crate, as it is: 10 x 10 places of 208 features, computed once for all scenes, as in the
//! paper, and kept in memory, 83 kB a scene; beside them stands where a place is, which a caption needs to say "above". The encoder has
//! learned what digits are, but not to say anything; where to look the decoder learns from captions alone. Told in the end, of scenes made
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
use foveate::ops::concat;
use foveate::plan::Plan;
use foveate::train::{Arrays, Clip, Dataset, Loader, Objective, Trainer};
use foveate::{Error, Result};
use indicatif::ProgressBar;
use std::path::Path;
use std::sync::Arc;

const SIDE: usize = 160;
const GRID: Hw = Hw::square(SIDE / 16);
const BATCH: usize = 32;
const TESTED: usize = 512;

/// Scenes of a part of MNIST as the encoder sees them: `features` (scenes, places, channels), and the words, mask and boxes of [`CaptionedScenes`].
fn encoded(gpu: &Gpu, fcn: &NarrowFcn, weights: &Weights, part: &str, count: usize, seed: u64) -> Result<Arrays> {
    let scenes: Arc<dyn Dataset> = Arc::new(CaptionedScenes::open(SIDE, Path::new("target/mnist"), part, count, seed)?);
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE]))?;
    let mut plan = Plan::compile(gpu, &[&annotations(&fcn.features(weights, &image)?)?])?;
    let each = GRID.area() * fcn.feature_channels();
    let (mut features, mut rest) = (Vec::with_capacity(scenes.len() * each), [const { Vec::new() }; 3]);
    let bar = ProgressBar::new(scenes.len() as u64);
    for batch in Loader::in_order(Arc::clone(&scenes), BATCH)? {
        let batch = batch?;
        let found = plan.run(&[("image", batch.get("image")?)])?;
        features.extend_from_slice(batch.counted(&found[0])?.values::<f32>()?);
        for (values, name) in rest.iter_mut().zip(["words", "mask", "boxes"]) {
            values.extend(batch.counted(batch.get(name)?)?.to_f64());
        }
        bar.inc(batch.count as u64);
    }
    bar.finish_and_clear();
    let (n, [words, mask, boxes]) = (scenes.len(), rest);
    let all = [
        ("features", Array::new([n, GRID.area(), fcn.feature_channels()], features)?),
        ("words", Array::from_fn([n, LONGEST], |i| words[i] as i32)),
        ("mask", Array::from_fn([n, LONGEST], |i| mask[i] as f32)),
        ("boxes", Array::from_fn([n, 2, 4], |i| boxes[i] as i32)),
    ];
    Arrays::new(all.map(|(name, array)| (name.to_owned(), array)).to_vec())
}

/// What makes annotations of features.
struct Annotator {
    /// Mean and one over the standard deviation of each feature.
    moments: [Array; 2],
    /// (1, places, rows + columns): 1 for the row and for the column of a place.
    places: Array,
}

impl Annotator {
    /// By the moments of some thousand scenes.
    fn new(data: &Arrays, channels: usize) -> Result<Self> {
        let (mut sums, mut squares, mut count) = (vec![0.0; channels], vec![0.0; channels], 0.0);
        for i in 0..data.len().min(4096) {
            for place in data.example(i, 0)?[0].values::<f32>()?.chunks(channels) {
                count += 1.0;
                for (c, v) in place.iter().map(|v| f64::from(*v)).enumerate() {
                    sums[c] += v;
                    squares[c] += v * v;
                }
            }
        }
        let mean = |c: usize| sums[c] / count;
        let deviation = |c: usize| (squares[c] / count - mean(c).powi(2)).sqrt().max(1e-6);
        let moments = [Array::from_fn([channels], |c| mean(c) as f32), Array::from_fn([channels], |c| (1.0 / deviation(c)) as f32)];
        let marks = GRID.h + GRID.w;
        let marked = |i: usize| [i / marks / GRID.w, GRID.h + i / marks % GRID.w].contains(&(i % marks));
        Ok(Self { moments, places: Array::from_fn([1, GRID.area(), marks], |i| f32::from(marked(i))) })
    }

    /// How many numbers an annotation has.
    fn size(&self) -> usize {
        self.moments[0].len() + GRID.h + GRID.w
    }

    /// The annotations (B, places, size) of features (B, places, channels): each feature less its mean over its deviation, and where the place is.
    fn annotations(&self, features: &Var) -> Result<Var> {
        let constant = |array: &Array| features.graph().constant(array.clone());
        let [mean, scale] = &self.moments;
        let places = constant(&self.places)?.expand([features.shape()[0], GRID.area(), GRID.h + GRID.w])?;
        concat(&[&features.sub(&constant(mean)?)?.mul(&constant(scale)?)?, &places], -1)
    }
}

/// Parameters to begin with: the published deviation of 0.01 is for matrices ten times as large as these, whose inputs it would all but
/// silence; here it is one over the root of the inputs.
fn initial(config: Config, seed: u64) -> Result<Weights> {
    let start = config.initial(seed)?;
    let scaled = config.parameters().into_iter().filter_map(|(name, shape)| match *shape {
        // The states' own matrix is orthogonal, gate by gate.
        [inputs, outputs] if name == "decoder_Wc_att" || inputs != outputs && name != "decoder_U" => {
            let scale = 100.0 / (inputs as f64).sqrt();
            Some(start.get(&name).map(|array| {
                let values = array.to_f64();
                (name, Array::from_fn([inputs, outputs], |i| (scale * values[i]) as f32))
            }))
        }
        _ => None,
    });
    let scaled = scaled.collect::<Result<Vec<_>>>()?;
    Ok(start.replaced("the decoder at first", scaled))
}

/// How a decoder is trained.
#[derive(Clone, Copy)]
struct Lesson {
    name: &'static str,
    hard: bool,
    steps: u64,
    /// The rate after the first 50 steps; it falls to 0 along a cosine.
    rate: f64,
    seed: u64,
}

/// A decoder that began as `start`, after its training.
fn trained(gpu: &Gpu, config: Config, annotator: &Annotator, data: &Arc<Arrays>, lesson: Lesson, start: &Weights) -> Result<Weights> {
    let Lesson { hard, steps, rate, seed, .. } = lesson;
    let (weights, graph) = (start.clone().as_states(), Graph::new());
    let input = |name: &str| -> Result<Var> {
        let tensor = data.tensors().into_iter().find(|(n, _)| n == name);
        let (_, mut ty) = tensor.ok_or_else(|| Error::shape("captions", format!("there is no tensor '{name}'")))?;
        ty.shape.insert(0, BATCH);
        graph.input(name, ty)
    };
    let (features, words, mask) = (input("features")?, input("words")?, input("mask")?);
    let mut random = Random::new(&graph, seed)?;
    // Hard attention as it was published: in half of the steps the expectation takes the place of draws.
    let attention = if hard { Attention::mixed(&mut random, BATCH, LONGEST, 0.5)? } else { Attention::Soft };
    let decoder = Decoder::new(&graph, &weights, config)?.in_training(&mut random, BATCH, LONGEST)?;
    let made = decoder.forced(&annotator.annotations(&features)?, &words, &mask, &attention)?;
    let entropy = sentence_loss(&made.log_probabilities, &mask)?;
    let of_attention = if hard {
        let baseline = moving_average("baseline", &caption_reward(&made.log_probabilities, &mask)?, 0.9)?;
        hard_attention_loss(&made, &mask, &baseline, Reinforce { reward: LONGEST as f32, entropy: 0.0 })?
    } else {
        doubly_stochastic(&made.alphas, 0.1)?
    };
    // The scalar bias of the scores changes no softmax, and is not part of the graph.
    let parameters = weights.states(&graph).into_iter().filter(|p| p.name != "decoder_c_tt").collect();
    let objective = Objective { loss: entropy.add(&of_attention)?, metrics: vec![("words".to_owned(), entropy)], parameters };
    let schedule = Schedule::Cosine { base: rate, last: 0.0, warm_up: 50, steps };
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

fn said(gpu: &Gpu, config: Config, annotator: &Annotator, weights: &Weights, test: &Arc<Arrays>, attention: &Attention) -> Result<Said> {
    let graph = Graph::new();
    let features = graph.input("features", TensorType::f32([BATCH, GRID.area(), annotator.moments[0].len()]))?;
    let made = Decoder::new(&graph, weights, config)?.greedy(&annotator.annotations(&features)?, LONGEST, attention)?;
    let mut plan = Plan::compile(gpu, &[&made.words, &made.alphas])?;
    let (mut words, mut alphas) = (Vec::new(), Vec::new());
    for batch in Loader::in_order(Arc::clone(test) as Arc<dyn Dataset>, BATCH)? {
        let batch = batch?;
        let found = plan.run(&[("features", batch.get("features")?)])?;
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
    let (steps, seed) = (numbers.next().unwrap_or(2500), numbers.next().unwrap_or(1));
    let learnt = numbers.next().map_or(40_000, |scenes| usize::try_from(scenes).unwrap_or(usize::MAX));
    let gpu = Gpu::new()?;
    let encoder = digit_scenes::weights()?;
    let fcn = NarrowFcn::of(&encoder)?;
    println!("{learnt} scenes for learning, {TESTED} for tests through the encoder on {}", gpu.capabilities().name);
    let data = Arc::new(encoded(&gpu, &fcn, &encoder, "train", learnt, seed)?);
    let test = Arc::new(encoded(&gpu, &fcn, &encoder, "t10k", TESTED, 0)?);
    let annotator = Annotator::new(&data, fcn.feature_channels())?;
    let config = Config {
        words: WORDS.len(),
        embedding: 64,
        hidden: 256,
        features: annotator.size(),
        init_layers: 1,
        attention_layers: 2,
        output_layers: 1,
        selector: false,
        previous_to_output: true,
        context_to_output: true,
        dropout: true,
    };
    let soft = Lesson { name: "soft", hard: false, steps, rate: 3e-3, seed };
    let hard = Lesson { name: "hard", hard: true, steps: steps / 5, rate: 1e-3, seed };
    let mut weights = initial(config, seed)?;
    for lesson in [soft, hard] {
        let Lesson { name, hard, .. } = lesson;
        println!("{name} attention, {} parameters", config.parameter_count());
        weights = trained(&gpu, config, &annotator, &data, lesson, &weights)?;
        let attention = if hard { Attention::Hard } else { Attention::Soft };
        let said = said(&gpu, config, &annotator, &weights, &test, &attention)?;
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
