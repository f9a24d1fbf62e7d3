//! Show, Attend and Tell as recipes name it.

use super::captions::CaptionSets;
use super::experiment::{Experiment, InitialName, Inputs, continued};
use super::eyes::{Choice, Eyes};
use super::tally::{Tally, Told};
use crate::cli::{caption_sheet, trained};
use foveate::array::{Array, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::encoder::Encoder;
use foveate::models::show_attend_tell::{
    ATTENTION_KEY, Attention, Config, Decoder, END, Unrolled, caption_reward, doubly_stochastic, hard_attention_loss, panels,
    rewards_to_go, sentence_loss,
};
use foveate::models::vocabulary::{self, Vocabulary};
use foveate::nn::loss::{Reinforce, moving_average};
use foveate::nn::{Random, Weights};
use foveate::plan::Device;
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let start = self.start.as_deref().map(trained::start).transpose()?;
        let choice =
            Choice { encoder: self.encoder.as_deref(), start: start.as_ref(), learns: self.learn_encoder, keep: self.keep, augmented };
        let (eyes, sets) = Eyes::open(&choice, open)?;
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
            features: eyes.encoder.size(),
            init_layers: self.init_layers,
            attention_layers: self.attention_layers,
            output_layers: self.output_layers,
            selector: self.selector,
            previous_to_output: self.previous_to_output,
            context_to_output: self.context_to_output,
            dropout: self.dropout,
        };
        Ok(Telling { recipe: self.clone(), config, eyes, start, sets })
    }
}

/// A captioner with its photos.
pub(super) struct Telling {
    recipe: ShowAttendTellRecipe,
    config: Config,
    eyes: Eyes,
    /// Where the decoder's weights begin.
    start: Option<Weights>,
    sets: CaptionSets,
}

impl Telling {
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
        let Hw { h, w } = self.eyes.encoder.grid();
        let learns = if self.eyes.learns { ", which learns too" } else { "" };
        format!(
            "Show, Attend and Tell of {words} words, {hidden} units, {attention} attention to {h} x {w} places of {}{learns}",
            self.eyes.encoder.name()
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let decoder = match (&self.start, self.recipe.initial) {
            (Some(start), _) => continued(start, self.config.parameters())?,
            (None, InitialName::Published) => self.config.initial(seed)?,
            (None, InitialName::ByInputs) => self.config.initial_by_inputs(seed)?,
        };
        self.eyes.with(&decoder)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    /// What features are normalised by, and the features that are kept.
    fn begun(&self, device: &Device, weights: Weights, examples: Arc<dyn Dataset>) -> Result<(Weights, Arc<dyn Dataset>)> {
        self.eyes.begun(device, weights, examples)
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
        let made = decoder.forced(&self.eyes.annotations(weights, inputs)?, words, mask, &attention)?;
        let entropy = sentence_loss(&made.log_probabilities, mask)?;
        let of_attention = match self.recipe.hard {
            Some(hard) => self.attention_loss(hard, &made, mask)?,
            None => doubly_stochastic(&made.alphas, self.recipe.penalty)?,
        };
        let own: Vec<String> = self.config.parameters().into_iter().map(|(name, _)| name).filter(|name| name != IDLE).collect();
        let learnt = |name: &String| own.contains(name) || self.eyes.learn(name);
        let parameters = weights.states(graph).into_iter().filter(|parameter| learnt(&parameter.name)).collect();
        Ok(Objective { loss: entropy.add(&of_attention)?, metrics: vec![("nats_a_caption".to_owned(), entropy)], parameters })
    }

    /// Words, where the network looked for them, and of the first photo what there is to draw: itself, and a panel for each word.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let attention = if self.recipe.hard.is_some() { Attention::Hard } else { Attention::Soft };
        let decoder = Decoder::new(graph, weights, self.config)?;
        let made = decoder.greedy(&self.eyes.annotations(weights, inputs)?, self.sets.longest, &attention)?;
        let first = self.eyes.encoder.seen(&inputs.get("image")?.narrow(0, 0, 1)?)?;
        let panels = panels(&first, &made.alphas.narrow(0, 0, 1)?.squeeze(0)?, self.eyes.encoder.grid())?;
        Ok(vec![made.words, made.alphas, first, panels])
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Captions(Told::new(self.eyes.encoder.grid(), self.sets.boxes)))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let words = serde_json::Value::from(self.sets.vocabulary.words()).to_string();
        let flags = [("prev2out", self.config.previous_to_output), ("use_dropout", self.config.dropout)];
        let flags = flags.map(|(name, flag)| (name, flag.to_string()));
        let attention = if self.recipe.hard.is_some() { "stochastic" } else { "deterministic" };
        [(vocabulary::KEY, words), (ATTENTION_KEY, attention.to_owned())].into_iter().chain(flags).chain(self.eyes.metadata()).collect()
    }

    /// The first photo's caption, and where the network looked for each of its words.
    fn draw(&self, _: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [words, _, photo, panels] = answers else { return Ok(()) };
        let said = words.values::<i32>()?.iter().take(self.sets.longest).take_while(|word| **word != END);
        let said: Vec<String> = said.map(|word| self.sets.vocabulary.word(*word).unwrap_or("?").to_owned()).collect();
        picture::write_png(folder.join("caption.png"), &caption_sheet::sheet(&said.join(" "), photo, panels, &said)?)
    }
}
