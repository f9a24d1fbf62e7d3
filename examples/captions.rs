//! Show, Attend and Tell (Xu et al. 2015) on scenes of two digits over textures: "a seven above a small two", by soft and by hard attention.
//!
//!     scripts/mnist.sh
//!     cargo run --release --example captions
//!     cargo run --release --example captions -- --only hard --from captions-both.safetensors --steps 1200 --scenes 16000
//!
//! The first trains soft attention on 40,000 scenes; from what that has learnt, soft attention together with the encoder; and from what those
//! have, hard attention. Of each it writes captions-<which>.png, a scene and where the network looked for each word of its caption, and
//! captions-<which>.safetensors, its weights, from which the second goes on.
//!
//! The encoder is the FCN-8s that is part of the crate: 10 x 10 places of 208 features, each a mean over the 3 x 3 places around it, since hard
//! attention, which sees one place at a time, has to see a whole digit there; beside them stands where a place is, which a caption needs to
//! say "above". At first it stays as it is, as in the paper: it has learned what digits are, but not to say anything, and where it is
//! not learning its features are computed once for all scenes and kept in memory, 83 kB a scene. Where to look the decoder learns from
//! captions alone. Told in the end, of scenes made of digits that neither has seen: captions that are right word by word, and how much of
//! alpha lies in the box around the digit that is named, beside what there would be if it were the same everywhere.

use clap::{Parser, ValueEnum};
use foveate::array::{Array, Hw, Pads, TensorType, picture};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::digit_scenes::{self, CaptionedScenes, FIRST_DIGIT, LONGEST, WORDS, caption};
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::show_attend_tell::{
    Attention, Config, Decoder, annotations, doubly_stochastic, hard_attention_loss, rewards_to_go, sentence_loss, sheet,
};
use foveate::nn::loss::{Reinforce, moving_average};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Random, Weights};
use foveate::ops::{AvgPool2d, concat};
use foveate::plan::Plan;
use foveate::train::{Arrays, Clip, Dataset, Loader, Objective, Trainer};
use foveate::{Error, Result};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SIDE: usize = 160;
const GRID: Hw = Hw::square(SIDE / 16);
/// A number for each row and for each column of the grid.
const MARKS: usize = GRID.h + GRID.w;
/// Tensors that lie beside the parameters and are not learnt: by what features are brought to mean 0 and variance 1.
const MOMENTS: [&str; 2] = ["features_mean", "features_scale"];
const BATCH: usize = 32;
const TESTED: usize = 2048;

/// Scenes of so many digits of a part of MNIST.
fn scenes(part: &str, count: usize, seed: u64) -> Result<Arc<dyn Dataset>> {
    Ok(Arc::new(CaptionedScenes::open(SIDE, Path::new("target/mnist"), part, count, seed)?))
}

/// What the encoder makes of an image (B, 3, side, side): means of its features over 3 x 3 places, (B, places, channels).
fn features(fcn: &NarrowFcn, weights: &Weights, image: &Var) -> Result<Var> {
    let around =
        AvgPool2d { kernel: Hw::square(3), stride: Hw::square(1), padding: Pads::all(1), count_include_pad: false, ..AvgPool2d::default() };
    annotations(&fcn.features(weights, image)?.avg_pool2d(around)?)
}

/// Scenes as the encoder sees them: `features` (scenes, places, channels), and the words, mask and boxes of [`CaptionedScenes`].
fn encoded(gpu: &Gpu, fcn: &NarrowFcn, weights: &Weights, scenes: &Arc<dyn Dataset>) -> Result<Arrays> {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE]))?;
    let mut plan = Plan::compile(gpu, &[&features(fcn, weights, &image)?])?;
    let each = GRID.area() * fcn.feature_channels();
    let (mut features, mut rest) = (Vec::with_capacity(scenes.len() * each), [const { Vec::new() }; 3]);
    let bar = ProgressBar::new(scenes.len() as u64);
    for batch in Loader::in_order(Arc::clone(scenes), BATCH)? {
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

/// The network, but for its weights: the encoder, and the decoder of its annotations.
struct Captioner {
    encoder: NarrowFcn,
    decoder: Config,
}

/// Mean of each feature and one over its standard deviation, by some thousand scenes.
fn moments(data: &Arrays, channels: usize) -> Result<[(String, Array); 2]> {
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
    let of = |name: &str, value: &dyn Fn(usize) -> f64| (name.to_owned(), Array::from_fn([channels], |c| value(c) as f32));
    Ok([of(MOMENTS[0], &mean), of(MOMENTS[1], &|c| 1.0 / deviation(c))])
}

impl Captioner {
    fn new(encoder: NarrowFcn) -> Self {
        let decoder = Config {
            words: WORDS.len(),
            embedding: 64,
            hidden: 256,
            features: encoder.feature_channels() + MARKS,
            init_layers: 1,
            attention_layers: 2,
            output_layers: 1,
            selector: false,
            previous_to_output: true,
            context_to_output: true,
            dropout: true,
        };
        Self { encoder, decoder }
    }

    /// The annotations (B, places, size) of features (B, places, channels): each feature less its mean over its deviation, and 1 for the row and
    /// for the column where the place is.
    fn annotations(&self, weights: &Weights, features: &Var) -> Result<Var> {
        let constant = |array: Array| features.graph().constant(array);
        let [mean, scale] = MOMENTS.map(|name| weights.shaped(name, &[self.encoder.feature_channels()]));
        let marked = |i: usize| [i / MARKS / GRID.w, GRID.h + i / MARKS % GRID.w].contains(&(i % MARKS));
        let places = constant(Array::from_fn([1, GRID.area(), MARKS], |i| f32::from(marked(i))))?;
        let places = places.expand([features.shape()[0], GRID.area(), MARKS])?;
        let features = features.sub(&constant(Array::clone(mean?))?)?.mul(&constant(Array::clone(scale?))?)?;
        concat(&[&features, &places], -1)
    }

    /// Those of an image (B, 3, side, side).
    fn seen(&self, weights: &Weights, image: &Var) -> Result<Var> {
        self.annotations(weights, &features(&self.encoder, weights, image)?)
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

/// How the network is trained.
#[derive(Clone, Copy)]
struct Lesson {
    name: &'static str,
    hard: bool,
    steps: u64,
    /// The rate after the first 50 steps; it falls to 0 along a cosine.
    rate: f64,
    seed: u64,
}

/// The weights that began as `start`, after training: the decoder's if `data` has features, the encoder's too if it has images.
fn trained(gpu: &Gpu, captioner: &Captioner, data: &Arc<dyn Dataset>, lesson: Lesson, start: &Weights) -> Result<Weights> {
    let Lesson { hard, steps, rate, seed, .. } = lesson;
    let (weights, graph) = (start.clone().as_states(), Graph::new());
    let input = |name: &str| -> Result<Option<Var>> {
        let found = data.tensors().into_iter().find(|(n, _)| n == name);
        let batch = |ty: TensorType| graph.input(name, TensorType::new(ty.dtype, [&[BATCH], &*ty.shape].concat()));
        found.map(|(_, ty)| batch(ty)).transpose()
    };
    let needed = |name: &str| input(name)?.ok_or_else(|| Error::shape("captions", format!("there is no tensor '{name}'")));
    let annotations = match input("image")? {
        Some(image) => captioner.seen(&weights, &image)?,
        None => captioner.annotations(&weights, &needed("features")?)?,
    };
    let (words, mask) = (needed("words")?, needed("mask")?);
    let mut random = Random::new(&graph, seed)?;
    // Hard attention as it was published, but that the expectation takes the place of draws in a quarter of the steps instead of half, that
    // rewards are to go, and that entropy is not wanted: it comes from soft attention, which has enough of it.
    let attention = if hard { Attention::mixed(&mut random, BATCH, LONGEST, 0.25)? } else { Attention::Soft };
    let decoder = Decoder::new(&graph, &weights, captioner.decoder)?.in_training(&mut random, BATCH, LONGEST)?;
    let made = decoder.forced(&annotations, &words, &mask, &attention)?;
    let entropy = sentence_loss(&made.log_probabilities, &mask)?;
    let of_attention = if hard {
        let reward = rewards_to_go(&made.log_probabilities, &mask)?;
        let baseline = moving_average("baseline", &reward, 0.9)?;
        hard_attention_loss(&made, &mask, &reward, &baseline, Reinforce { reward: LONGEST as f32, entropy: -0.1 })?
    } else {
        doubly_stochastic(&made.alphas, 0.1)?
    };
    // The scalar bias of the scores changes no softmax, and what names the pixels is not looked at: neither is part of the loss.
    let used = |name: &str| name != "decoder_c_tt" && !name.contains("score");
    let parameters = weights.states(&graph).into_iter().filter(|p| used(&p.name)).collect();
    let objective = Objective { loss: entropy.add(&of_attention)?, metrics: vec![("words".to_owned(), entropy)], parameters };
    let schedule = Schedule::Cosine { base: rate, last: 0.0, warm_up: 50, steps };
    let mut trainer = Trainer::new(gpu, &objective, &Optimiser::Adam(Adam::default()), schedule, Some(Clip::Norm(5.0)))?;
    let bar = ProgressBar::new(steps);
    let mut sum = 0.0;
    for batch in Loader::shuffled(Arc::clone(data), BATCH, seed, 0)?.take(usize::try_from(steps).unwrap_or(usize::MAX)) {
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
    Ok(start.replaced("the trained captioner", learnt))
}

/// What a network says of scenes that it has not seen.
struct Said {
    /// (scenes, words).
    words: Vec<Vec<i32>>,
    /// (scenes, words, places).
    alphas: Vec<f64>,
}

fn said(gpu: &Gpu, captioner: &Captioner, weights: &Weights, test: &Arc<dyn Dataset>, attention: &Attention) -> Result<Said> {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE]))?;
    let made = Decoder::new(&graph, weights, captioner.decoder)?.greedy(&captioner.seen(weights, &image)?, LONGEST, attention)?;
    let mut plan = Plan::compile(gpu, &[&made.words, &made.alphas])?;
    let (mut words, mut alphas) = (Vec::new(), Vec::new());
    let bar = ProgressBar::new(test.len() as u64);
    for batch in Loader::in_order(Arc::clone(test), BATCH)? {
        let batch = batch?;
        let found = plan.run(&[("image", batch.get("image")?)])?;
        words.extend(batch.counted(&found[0])?.values::<i32>()?.chunks(LONGEST).map(<[i32]>::to_vec));
        alphas.extend(batch.counted(&found[1])?.to_f64());
        bar.inc(batch.count as u64);
    }
    bar.finish_and_clear();
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
fn scores(said: &Said, test: &dyn Dataset) -> Result<[f64; 3]> {
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
fn draw(gpu: &Gpu, said: &Said, test: &dyn Dataset, name: &str) -> Result<()> {
    let index = (0..16).max_by_key(|&i| said.words.get(i).map_or(0, |words| caption(words).len())).unwrap_or(0);
    let image = Array::new([1, 3, SIDE, SIDE], test.example(index, 0)?[0].values::<f32>()?.to_vec())?;
    let places = LONGEST * GRID.area();
    let alphas = Array::from_fn([LONGEST, GRID.area()], |i| said.alphas[index * places + i] as f32);
    let graph = Graph::new();
    let (photo, looked) = (graph.input("photo", image.ty())?, graph.input("alphas", alphas.ty())?);
    let drawn = Plan::compile(gpu, &[&sheet(&photo, &looked, GRID, 9)?])?.run(&[("photo", &image), ("alphas", &alphas)])?;
    picture::write_png(name, &drawn[0])?;
    println!("  {name}: {}", caption(&said.words[index]));
    Ok(())
}

/// Soft and hard attention on scenes of two digits over textures, told in captions.
#[derive(Parser)]
struct Arguments {
    /// Steps of the first kind of training; a fifth of them with the encoder, three fifths of hard attention. Of the only kind: all
    #[arg(long, default_value_t = 2500)]
    steps: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Scenes to learn from
    #[arg(long, default_value_t = 40_000)]
    scenes: usize,
    /// Trains only so
    #[arg(long)]
    only: Option<Kind>,
    /// Weights to go on from, as this wrote them
    #[arg(long, value_name = "captions-....safetensors")]
    from: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// The decoder, with soft attention
    Soft,
    /// Decoder and encoder, with soft attention
    Both,
    /// The decoder, with hard attention
    Hard,
}

impl Kind {
    fn lesson(self, Arguments { steps, seed, only, .. }: &Arguments) -> Lesson {
        let (name, fifths, rate) = match self {
            Self::Soft => ("soft", 5, 3e-3),
            Self::Both => ("both", 1, 1e-3),
            Self::Hard => ("hard", 3, 2e-3),
        };
        Lesson { name, hard: self == Self::Hard, steps: if only.is_some() { *steps } else { steps * fifths / 5 }, rate, seed: *seed }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let gpu = Gpu::new()?;
    let encoder = digit_scenes::weights()?;
    let captioner = Captioner::new(NarrowFcn::of(&encoder)?);
    let learning = scenes("train", arguments.scenes, arguments.seed)?;
    let test = scenes("t10k", TESTED, 0)?;
    println!("{} scenes for learning, {TESTED} for tests on {}", learning.len(), gpu.capabilities().name);
    let mut weights = match &arguments.from {
        Some(file) => Weights::open(file)?,
        None if arguments.only == Some(Kind::Both) => {
            return Err(Error::shape("captions", "--only both goes on from what --only soft has learnt: --from captions-soft.safetensors"));
        }
        None => initial(captioner.decoder, arguments.seed)?.joined(encoder)?,
    };
    for kind in [Kind::Soft, Kind::Both, Kind::Hard].into_iter().filter(|kind| arguments.only.is_none_or(|only| only == *kind)) {
        let lesson = kind.lesson(&arguments);
        println!("{}: a decoder of {} parameters, {} steps", lesson.name, captioner.decoder.parameter_count(), lesson.steps);
        let mut data = Arc::clone(&learning);
        if kind != Kind::Both {
            let features = encoded(&gpu, &captioner.encoder, &weights, &learning)?;
            if weights.get(MOMENTS[0]).is_err() {
                weights = weights.replaced("the captioner at first", moments(&features, captioner.encoder.feature_channels())?);
            }
            data = Arc::new(features);
        }
        weights = trained(&gpu, &captioner, &data, lesson, &weights)?;
        weights.save(format!("captions-{}.safetensors", lesson.name))?;
        let attention = if lesson.hard { Attention::Hard } else { Attention::Soft };
        let said = said(&gpu, &captioner, &weights, &test, &attention)?;
        let [exact, here, everywhere] = scores(&said, &*test)?.map(|share| 100.0 * share);
        println!(
            "  {exact:.1} % of the captions are right; {here:.1} % of alpha in the box of the digit that is named, {everywhere:.1} % if it were the same everywhere"
        );
        draw(&gpu, &said, &*test, &format!("captions-{}.png", lesson.name))?;
    }
    Ok(())
}
