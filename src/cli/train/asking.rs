//! SMem-VQA as recipes name it, and its data: `[data]` of `kind = "questions"`, `"asked-digits"` and `"squares"`.

use super::experiment::{Experiment, InitialName, Inputs, continued};
use super::eyes::{Choice, Eyes};
use super::tally::Tally;
use crate::cli::{caption_sheet, trained};
use foveate::array::{Array, DType, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::digit_scenes::{self, AskedScenes};
use foveate::models::encoder::Encoder;
use foveate::models::sentences::Language;
use foveate::models::show_attend_tell::panels;
use foveate::models::smem_vqa::{self, Asked, Guide, Network, Questions, SmemVqa};
use foveate::models::squares::{self, Squares};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::{Random, Weights};
use foveate::plan::Device;
use foveate::train::{Batch, Dataset, Fit, Frame, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "smem-vqa"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmemVqaRecipe {
    /// What it sees with, unless it goes on with that of `start`: a file of an encoder's weights, `digits`, or
    /// `captioned-digits`, what the captioner that is part of the program sees with.
    encoder: Option<PathBuf>,
    /// Whether that learns too.
    #[serde(default)]
    learn_encoder: bool,
    /// Whether features are computed once, before training, and kept in memory.
    #[serde(default)]
    keep: bool,
    /// Numbers of a word's vector.
    embedding: usize,
    /// How often it looks.
    #[serde(default = "two")]
    hops: usize,
    /// What says where it looks first.
    #[serde(default)]
    guide: GuideName,
    /// The share of numbers that are dropped in training.
    #[serde(default = "published")]
    dropout: f32,
    /// Numbers at first: 0.08 at most, as published, or one over the root of their inputs.
    #[serde(default)]
    initial: InitialName,
    /// Weights to go on from, of the same sizes.
    start: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GuideName {
    #[default]
    Words,
    Question,
}

fn eight() -> usize {
    8
}

fn two() -> usize {
    2
}

fn published() -> f32 {
    SmemVqa::DROPOUT
}

/// `kind = "questions"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionsRecipe {
    /// Files of questions, of their answers where those are in another, and the folders of their photos.
    train: PathBuf,
    train_answers: Option<PathBuf>,
    train_photos: PathBuf,
    test: PathBuf,
    test_answers: Option<PathBuf>,
    test_photos: PathBuf,
    /// Words that are known, and answers, the most frequent.
    #[serde(default = "ten_thousand")]
    words: usize,
    #[serde(default = "thousand")]
    answers: usize,
    /// Words of a question at most.
    #[serde(default = "twenty_five")]
    longest: usize,
}

fn ten_thousand() -> usize {
    10_000
}

fn thousand() -> usize {
    1000
}

fn twenty_five() -> usize {
    SmemVqa::PUBLISHED.longest
}

/// `kind = "asked-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedDigits {
    /// Pixels of a scene's side.
    side: usize,
    /// Questions about each scene.
    #[serde(default = "eight")]
    questions: usize,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

/// `kind = "squares"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SquaresRecipe {
    /// Pixels of a scene's side.
    side: usize,
    train_examples: usize,
    test_examples: usize,
    /// Whether it is asked for squares beside a digit, not on a side of the scene.
    #[serde(default)]
    beside_digits: bool,
}

/// Questions that have been opened.
pub(super) struct QuestionSets {
    learnt: Arc<dyn Dataset>,
    test: Arc<dyn Dataset>,
    language: Language,
    answers: Vec<String>,
    longest: usize,
}

impl QuestionsRecipe {
    /// The files in `folder`; words and answers are those of what is learnt from.
    pub(super) fn open(&self, folder: &Path, weights: &Weights) -> Result<(Encoder, QuestionSets)> {
        let encoder = Encoder::of(weights)?;
        let frame = Frame::new(encoder.pictures(), 3, Fit::Crop)?;
        let read = |questions: &PathBuf, answers: &Option<PathBuf>, photos: &PathBuf| {
            let answers = answers.as_ref().map(|answers| folder.join(answers));
            Questions::open(&folder.join(questions), answers.as_deref(), &folder.join(photos))
        };
        let learnt = read(&self.train, &self.train_answers, &self.train_photos)?;
        let test = read(&self.test, &self.test_answers, &self.test_photos)?;
        let (language, answers, longest) = (learnt.language(self.words)?, learnt.answers(self.answers), self.longest);
        let learnt = Arc::new(learnt.to_learn(&language, &answers, frame, longest)?);
        let test = Arc::new(test.to_answer(&language, &answers, frame, longest)?);
        Ok((encoder, QuestionSets { learnt, test, language, answers, longest }))
    }
}

/// The encoder of `weights` for made scenes of a side.
fn of_scenes(weights: &Weights, side: usize) -> Result<Encoder> {
    let encoder = Encoder::seeing(weights, Hw::square(side))?;
    if encoder.pictures() == Hw::square(side) {
        return Ok(encoder);
    }
    Err(Error::model(weights.source(), format!("{} sees photos, not made scenes", encoder.name())))
}

impl AskedDigits {
    /// Scenes of MNIST's digits in `folder`.
    pub(super) fn open(&self, folder: &Path, seed: u64, weights: &Weights) -> Result<(Encoder, QuestionSets)> {
        let part = |part: &str, most: Option<usize>, seed| {
            AskedScenes::open(self.side, folder, part, most.unwrap_or(usize::MAX), seed, self.questions).map(Arc::new)
        };
        let sets = QuestionSets {
            learnt: part("train", self.train_examples, seed)?,
            test: part("t10k", self.test_examples, 0)?,
            language: Language::fixed(&digit_scenes::QUESTION_WORDS)?,
            answers: digit_scenes::ANSWERS.map(str::to_owned).into(),
            longest: digit_scenes::SLOTS,
        };
        Ok((of_scenes(weights, self.side)?, sets))
    }
}

impl SquaresRecipe {
    /// Made scenes, with the digits in `folder` if they have any.
    pub(super) fn open(&self, folder: &Path, seed: u64, weights: &Weights) -> Result<(Encoder, QuestionSets)> {
        let part = |part: &str, examples: usize, seed| {
            let scenes = if self.beside_digits {
                Squares::beside_digits(self.side, examples, seed, folder, part)
            } else {
                Squares::alone(self.side, examples, seed)
            };
            scenes.map(Arc::new)
        };
        let sets = QuestionSets {
            learnt: part("train", self.train_examples, seed)?,
            // Other scenes than any that are learnt from.
            test: part("t10k", self.test_examples, u64::MAX)?,
            language: Language::fixed(&squares::QUESTION_WORDS)?,
            answers: squares::ANSWERS.map(str::to_owned).into(),
            longest: squares::SLOTS,
        };
        Ok((of_scenes(weights, self.side)?, sets))
    }
}

impl SmemVqaRecipe {
    /// On data that are opened for an encoder, and are augmented or not.
    pub(super) fn on(&self, augmented: bool, open: impl FnOnce(&Weights) -> Result<(Encoder, QuestionSets)>) -> Result<Asking> {
        let start = self.start.as_deref().map(trained::start).transpose()?;
        let choice =
            Choice { encoder: self.encoder.as_deref(), start: start.as_ref(), learns: self.learn_encoder, keep: self.keep, augmented };
        let (eyes, sets) = Eyes::open(&choice, open)?;
        let sizes = SmemVqa {
            words: sets.language.words(),
            longest: sets.longest,
            places: eyes.encoder.grid().area(),
            features: eyes.encoder.size(),
            embedding: self.embedding,
            answers: sets.answers.len(),
            hops: self.hops,
            guide: match self.guide {
                GuideName::Words => Guide::Words,
                GuideName::Question => Guide::Question,
            },
        };
        if let Some(start) = &start {
            let known = smem_vqa::metadata(&sizes, &sets.language, &sets.answers);
            if known.iter().any(|(key, value)| start.metadata().get(*key).is_some_and(|own| own != value)) {
                let reason = "has learnt other words or answers than those of [data], or by other numbers, or is guided by something else";
                return Err(Error::model(start.source(), reason));
            }
        }
        Ok(Asking { recipe: self.clone(), sizes, eyes, start, sets })
    }
}

/// A network that answers questions, with its photos.
pub(super) struct Asking {
    recipe: SmemVqaRecipe,
    sizes: SmemVqa,
    eyes: Eyes,
    /// Where the network's weights begin.
    start: Option<Weights>,
    sets: QuestionSets,
}

/// The words of a batch's questions, one photo's after the other.
fn questions(inputs: &Inputs) -> Result<Var> {
    let words = inputs.get("words")?;
    let &[photos, each, longest] = words.shape() else { return Err(Error::shape("questions", format!("words are {}", words.ty()))) };
    words.reshape([photos * each, longest])
}

impl Asking {
    fn network(&self, graph: &Graph, weights: &Weights) -> Result<Network> {
        Network::new(&mut Layers::load(graph, weights), self.sizes)
    }
}

impl Experiment for Asking {
    fn name(&self) -> String {
        let SmemVqa { words, answers, embedding, hops, .. } = self.sizes;
        let Hw { h, w } = self.eyes.encoder.grid();
        let learns = if self.eyes.learns { ", which learns too" } else { "" };
        let s = if hops == 1 { "" } else { "s" };
        format!(
            "SMem-VQA of {words} words with {embedding} numbers, {answers} answers, {hops} hop{s}, {h} x {w} places of {}{learns}",
            self.eyes.encoder.name()
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let network = match (&self.start, self.recipe.initial) {
            (Some(start), _) => continued(start, self.sizes.tensors()?)?,
            (None, InitialName::Published) => self.sizes.initial(seed)?,
            (None, InitialName::ByInputs) => self.sizes.initial_by_inputs(seed)?,
        };
        self.eyes.with(&network)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    /// What features are normalised by, and the features that are kept.
    fn begun(&self, device: &Device, weights: Weights, examples: Arc<dyn Dataset>) -> Result<(Weights, Arc<dyn Dataset>)> {
        self.eyes.begun(device, weights, examples)
    }

    /// The cross-entropy of the answer that most people gave.
    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let (words, label) = (questions(inputs)?, inputs.get("references")?.narrow(2, 0, 1)?.flatten(0)?);
        let places = self.eyes.annotations(weights, inputs)?;
        let Asked { logits, .. } = self.network(graph, weights)?.asked_in_training(&places, &words, self.recipe.dropout, random)?;
        let loss = cross_entropy(&logits, &label, &CrossEntropy::default())?;
        let error = logits.argmax(1, false, false)?.not_equal(&label)?.cast(DType::F32)?.reduce_mean(&[], false)?;
        let own: Vec<String> = self.sizes.tensors()?.into_iter().map(|(name, _)| name).collect();
        let learnt = |name: &String| own.contains(name) || self.eyes.learn(name);
        let parameters = weights.states(graph).into_iter().filter(|parameter| learnt(&parameter.name)).collect();
        Ok(Objective { loss, metrics: vec![("batch_error".to_owned(), error)], parameters })
    }

    /// Answers; and of the first photo what there is to draw: itself, and a panel for each hop.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let places = self.eyes.annotations(weights, inputs)?;
        let Asked { logits, looked, .. } = self.network(graph, weights)?.asked(&places, &questions(inputs)?)?;
        let mut answers = vec![logits.argmax(1, false, false)?];
        if !looked.is_empty() {
            let first = self.eyes.encoder.seen(&inputs.get("image")?.narrow(0, 0, 1)?)?;
            let looked = looked.iter().map(|hop| hop.narrow(0, 0, 1)).collect::<Result<Vec<_>>>()?;
            let looked = foveate::ops::concat(&looked.iter().collect::<Vec<_>>(), 0)?;
            answers.extend([panels(&first, &looked, self.eyes.encoder.grid())?, first]);
        }
        Ok(answers)
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::answers())
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let own = smem_vqa::metadata(&self.sizes, &self.sets.language, &self.sets.answers);
        own.into_iter().chain(self.eyes.metadata()).collect()
    }

    /// The first photo with its first question and its answer, and where the network looked.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [found, panels, photo] = answers else { return Ok(()) };
        let words = batch.get("words")?.values::<i32>()?;
        let question = self.sets.language.write(words.get(..self.sets.longest).unwrap_or(words));
        let answer = found.values::<i32>()?.first().and_then(|number| self.sets.answers.get(usize::try_from(*number).ok()?));
        let title = format!("{question}? {}", answer.map_or("", String::as_str));
        let hops: Vec<String> = (1..=self.sizes.hops).map(|hop| format!("look {hop}")).collect();
        picture::write_png(folder.join("asked.png"), &caption_sheet::sheet(&title, photo, panels, &hops)?)
    }
}
