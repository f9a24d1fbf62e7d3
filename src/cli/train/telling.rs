//! Show, Attend and Tell as recipes name it.

use super::captions::CaptionSets;
use super::experiment::{Experiment, Inputs};
use super::tally::{Tally, Told};
use crate::cli::{bars, caption_sheet, trained};
use foveate::array::{Array, Hw, TensorType, picture};
use foveate::graph::{Graph, Var};
use foveate::models::captioning::{Encoder, Moments};
use foveate::models::show_attend_tell::{
    ATTENTION_KEY, Attention, Config, Decoder, END, Unrolled, caption_reward, doubly_stochastic, hard_attention_loss, panels,
    rewards_to_go, sentence_loss,
};
use foveate::models::vocabulary::{self, Vocabulary};
use foveate::nn::loss::{Reinforce, moving_average};
use foveate::nn::{Random, Weights};
use foveate::plan::{Device, Plan};
use foveate::train::{About, Arrays, Batch, Dataset, Loader, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pictures that an encoder sees at once before training.
const SEEN: usize = 32;
/// Pictures by which features are normalised.
const MEASURED: usize = 4096;
/// The bias of all scores, which changes no softmax.
const IDLE: &str = "decoder_c_tt";
/// How much the baseline keeps of what it was, as published.
const BASELINE: f32 = 0.9;

/// `system = "show-attend-tell"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowAttendTellRecipe {
    /// What it sees with, unless it goes on with that of `start`: a file of VGG's weights, or `digits`, the FCN-8s that is part of the program.
    encoder: Option<PathBuf>,
    /// Whether that learns too.
    #[serde(default)]
    learn_encoder: bool,
    /// Whether features are computed once, before training, and kept in memory.
    #[serde(default)]
    keep: bool,
    /// Numbers of a word's vector, and units of the LSTM.
    embedding: usize,
    hidden: usize,
    /// Layers of the initial states, of the annotations' projection and of the logits.
    #[serde(default = "one")]
    init_layers: usize,
    #[serde(default = "two")]
    attention_layers: usize,
    #[serde(default = "one")]
    output_layers: usize,
    /// Whether a gate says how much of the context counts.
    #[serde(default)]
    selector: bool,
    #[serde(default = "yes")]
    previous_to_output: bool,
    #[serde(default = "yes")]
    context_to_output: bool,
    #[serde(default = "yes")]
    dropout: bool,
    /// Matrices' deviation at first: 0.01 as published, or one over the root of their inputs.
    #[serde(default)]
    initial: InitialName,
    /// Whether gradients compute each word's step again, for long captions and large vocabularies.
    #[serde(default)]
    recompute: bool,
    /// What every place's share of a caption's attention, away from 1, costs: of soft attention.
    #[serde(default = "whole")]
    penalty: f32,
    /// Hard attention; soft where there is none.
    hard: Option<HardRecipe>,
    /// Weights to go on from, of the same sizes.
    start: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InitialName {
    #[default]
    Published,
    ByInputs,
}

/// How hard attention learns where to look.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HardRecipe {
    /// The share of steps whose places are drawn; the others take the expectation.
    #[serde(default = "half")]
    drawn: f32,
    /// What rewards and alpha's entropy count, as published where nothing is said.
    reward: Option<f32>,
    entropy: Option<f32>,
    /// Whether a word's place is rewarded by the words from it on, not by the whole caption.
    #[serde(default)]
    to_go: bool,
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn yes() -> bool {
    true
}

fn half() -> f32 {
    0.5
}

fn whole() -> f32 {
    1.0
}

impl ShowAttendTellRecipe {
    /// On data that are opened for an encoder, and are augmented or not.
    pub(super) fn on(&self, augmented: bool, open: impl FnOnce(&Weights) -> Result<(Encoder, CaptionSets)>) -> Result<Telling> {
        let wrong = |reason: &str| Err(Error::model("[network]", reason));
        if self.keep && self.learn_encoder {
            return wrong("keep = true: features that are kept are those of an encoder that does not learn; learn_encoder is true, too");
        }
        if self.keep && augmented {
            return wrong("keep = true: features are computed once, so augmentations would change nothing");
        }
        let start = self.start.as_deref().map(trained::start).transpose()?;
        let eyes = match (&self.encoder, &start) {
            (Some(path), _) => trained::start(path)?,
            (None, Some(start)) => start.clone(),
            (None, None) => return wrong("has neither an encoder nor a start whose encoder it goes on with"),
        };
        let (encoder, sets) = open(&eyes)?;
        if let Some(start) = &start {
            let known = Vocabulary::of(start)?;
            if known.is_some_and(|known| known.words() != sets.vocabulary.words()) {
                return Err(Error::model(start.source(), "has learnt other words than those of [data], or by other numbers"));
            }
        }
        let config = Config {
            words: sets.vocabulary.len(),
            embedding: self.embedding,
            hidden: self.hidden,
            features: encoder.size(),
            init_layers: self.init_layers,
            attention_layers: self.attention_layers,
            output_layers: self.output_layers,
            selector: self.selector,
            previous_to_output: self.previous_to_output,
            context_to_output: self.context_to_output,
            dropout: self.dropout,
        };
        Ok(Telling { recipe: self.clone(), config, encoder, eyes, start, sets })
    }
}

/// A captioner with its photos.
pub(super) struct Telling {
    recipe: ShowAttendTellRecipe,
    config: Config,
    encoder: Encoder,
    /// The encoder's weights, and where the decoder's begin.
    eyes: Weights,
    start: Option<Weights>,
    sets: CaptionSets,
}

impl Telling {
    /// The annotations of a batch's features, if they are kept, else of its images.
    fn annotations(&self, weights: &Weights, inputs: &Inputs) -> Result<Var> {
        let features = match inputs.get("features") {
            Ok(features) => features.clone(),
            Err(_) => self.encoder.features(weights, &self.encoder.seen(inputs.get("image")?)?)?,
        };
        self.encoder.annotations(weights, &features)
    }

    /// What teaches hard attention where to look.
    fn attention_loss(&self, hard: HardRecipe, made: &Unrolled, mask: &Var) -> Result<Var> {
        let of = if hard.to_go { rewards_to_go } else { caption_reward };
        let reward = of(&made.log_probabilities, mask)?;
        let baseline = moving_average("baseline", &reward, BASELINE)?;
        let usual = Reinforce::default();
        let weights = Reinforce { reward: hard.reward.unwrap_or(usual.reward), entropy: hard.entropy.unwrap_or(usual.entropy) };
        hard_attention_loss(made, mask, &reward, &baseline, weights)
    }
}

impl Experiment for Telling {
    fn name(&self) -> String {
        let Config { words, hidden, .. } = self.config;
        let attention = if self.recipe.hard.is_some() { "hard" } else { "soft" };
        let Hw { h, w } = self.encoder.grid();
        let learns = if self.recipe.learn_encoder { ", which learns too" } else { "" };
        format!(
            "Show, Attend and Tell of {words} words, {hidden} units, {attention} attention to {h} x {w} places of {}{learns}",
            self.encoder.name()
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let decoder = match (&self.start, self.recipe.initial) {
            (Some(start), _) => {
                let own = |(name, shape): (String, Vec<usize>)| Ok((name.clone(), Array::clone(start.shaped(&name, &shape)?)));
                let own = self.config.parameters().into_iter().map(own).collect::<Result<Vec<_>>>()?;
                Weights::from_arrays(start.source(), own)
            }
            (None, InitialName::Published) => self.config.initial(seed)?,
            (None, InitialName::ByInputs) => self.config.initial_by_inputs(seed)?,
        };
        let ours = |name: &str| self.encoder.uses(name) && !decoder.contains(name);
        let eyes = self.eyes.names().filter(|name| ours(name)).map(|name| Ok((name.to_owned(), Array::clone(self.eyes.get(name)?))));
        Ok(decoder.replaced(decoder.source(), eyes.collect::<Result<Vec<_>>>()?))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    /// What features are normalised by, and the features that are kept.
    fn begun(&self, device: &Device, weights: Weights, examples: Arc<dyn Dataset>) -> Result<(Weights, Arc<dyn Dataset>)> {
        let (keep, measure) = (self.recipe.keep, self.encoder.lacks_moments(&weights));
        if !keep && !measure {
            return Ok((weights, examples));
        }
        let graph = Graph::new();
        let Hw { h, w } = self.encoder.pictures();
        let image = graph.input("image", TensorType::f32([SEEN, 3, h, w]))?;
        let mut plan = Plan::compile(device, &[&self.encoder.features(&weights, &self.encoder.seen(&image)?)?])?;
        let count = if keep { examples.len() } else { examples.len().min(MEASURED) };
        let bar = bars::rated(count as u64).with_message("what is seen of each picture");
        let mut moments = Moments::new(self.encoder.channels());
        let (mut features, mut words, mut mask) = (Vec::new(), Vec::new(), Vec::new());
        for batch in Loader::in_order(Arc::clone(&examples), SEEN)? {
            let batch = batch?;
            let found = plan.run(&[("image", batch.get("image")?)])?;
            let found = batch.counted(&found[0])?;
            if measure && bar.position() < MEASURED as u64 {
                moments.add(&found)?;
            }
            if keep {
                features.extend_from_slice(found.values::<f32>()?);
                words.extend_from_slice(batch.counted(batch.get("words")?)?.values::<i32>()?);
                mask.extend_from_slice(batch.counted(batch.get("mask")?)?.values::<f32>()?);
            }
            bar.inc(batch.count as u64);
            if bar.position() >= count as u64 {
                break;
            }
        }
        bar.finish_and_clear();
        let weights = if measure { weights.replaced(weights.source(), moments.arrays()) } else { weights };
        if !keep {
            return Ok((weights, examples));
        }
        let (n, longest, places) = (examples.len(), self.sets.longest, self.encoder.grid().area());
        let kept = [
            ("features", Array::new([n, places, self.encoder.channels()], features)?),
            ("words", Array::new([n, longest], words)?),
            ("mask", Array::new([n, longest], mask)?),
        ];
        Ok((weights, Arc::new(Arrays::new(kept.map(|(name, array)| (name.to_owned(), array)).into())?)))
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let (words, mask) = (inputs.get("words")?, inputs.get("mask")?);
        let &[batch, longest] = words.shape() else { return Err(Error::shape("captions", format!("words are {}", words.ty()))) };
        let attention = match self.recipe.hard {
            Some(hard) => Attention::mixed(random, batch, longest, hard.drawn)?,
            None => Attention::Soft,
        };
        let decoder = Decoder::new(graph, weights, self.config)?.in_training(random, batch, longest)?;
        let decoder = if self.recipe.recompute { decoder.recomputed() } else { decoder };
        let made = decoder.forced(&self.annotations(weights, inputs)?, words, mask, &attention)?;
        let entropy = sentence_loss(&made.log_probabilities, mask)?;
        let of_attention = match self.recipe.hard {
            Some(hard) => self.attention_loss(hard, &made, mask)?,
            None => doubly_stochastic(&made.alphas, self.recipe.penalty)?,
        };
        let own: Vec<String> = self.config.parameters().into_iter().map(|(name, _)| name).filter(|name| name != IDLE).collect();
        let learnt = |name: &String| own.contains(name) || self.recipe.learn_encoder && self.encoder.learns(name);
        let parameters = weights.states(graph).into_iter().filter(|parameter| learnt(&parameter.name)).collect();
        Ok(Objective { loss: entropy.add(&of_attention)?, metrics: vec![("nats_a_caption".to_owned(), entropy)], parameters })
    }

    /// Words, where the network looked for them, and of the first photo what there is to draw: itself, and a panel for each word.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let attention = if self.recipe.hard.is_some() { Attention::Hard } else { Attention::Soft };
        let decoder = Decoder::new(graph, weights, self.config)?;
        let made = decoder.greedy(&self.annotations(weights, inputs)?, self.sets.longest, &attention)?;
        let first = self.encoder.seen(&inputs.get("image")?.narrow(0, 0, 1)?)?;
        let panels = panels(&first, &made.alphas.narrow(0, 0, 1)?.squeeze(0)?, self.encoder.grid())?;
        Ok(vec![made.words, made.alphas, first, panels])
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Captions(Told::new(self.encoder.grid(), self.sets.boxes)))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let words = serde_json::Value::from(self.sets.vocabulary.words()).to_string();
        let flags = [("prev2out", self.config.previous_to_output), ("use_dropout", self.config.dropout)];
        let flags = flags.map(|(name, flag)| (name, flag.to_string()));
        let attention = if self.recipe.hard.is_some() { "stochastic" } else { "deterministic" };
        let size = match self.encoder {
            Encoder::Vgg(_) => Vec::new(),
            Encoder::Fcn(_, size) => About { size: Some(size), ..About::new(3) }.metadata(),
        };
        [(vocabulary::KEY, words), (ATTENTION_KEY, attention.to_owned())]
            .into_iter()
            .chain(flags)
            .chain(size.into_iter().filter(|(key, _)| *key == "size"))
            .collect()
    }

    /// The first photo's caption, and where the network looked for each of its words.
    fn draw(&self, _: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [words, _, photo, panels] = answers else { return Ok(()) };
        let said = words.values::<i32>()?.iter().take(self.sets.longest).take_while(|word| **word != END);
        let said: Vec<String> = said.map(|word| self.sets.vocabulary.word(*word).unwrap_or("?").to_owned()).collect();
        picture::write_png(folder.join("caption.png"), &caption_sheet::sheet(photo, panels, &said)?)
    }
}
