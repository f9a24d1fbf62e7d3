//! Translators as recipes name them, and the sentences that they learn from: `[data]` of `kind = "pairs"`.

use super::experiment::{Experiment, Inputs};
use super::tally::Tally;
use foveate::array::{Array, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::luong::{self, Attention, Luong, Score, Window};
use foveate::models::rnnsearch::{self, RnnSearch};
use foveate::models::sentences::{END, Greedy, Language, Lines, Pairs, Side, Unit, alignment, sentence_loss};
use foveate::models::translator::System;
use foveate::nn::metrics::Sequences;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "rnnsearch"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RnnSearchRecipe {
    /// Numbers of a word's vector.
    embedding: usize,
    /// Units of a GRU.
    hidden: usize,
    /// Units that score how well a word fits; as many as a GRU has where nothing is said.
    alignment: Option<usize>,
    /// Units before the words' scores, each the larger of two.
    maxout: usize,
    /// Whether each word looks at all of the sentence, or `RNNencdec` is trained.
    #[serde(default = "yes")]
    searches: bool,
}

/// `system = "luong"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LuongRecipe {
    /// Numbers of a word's vector.
    embedding: usize,
    /// Units of a layer.
    hidden: usize,
    /// Layers that read, and as many that write.
    layers: usize,
    /// How well a word fits.
    attention: AttentionName,
    /// Which words are asked.
    #[serde(default)]
    window: WindowName,
    /// How many words to either side of its middle a window has.
    reach: Option<usize>,
    /// Whether a step is given what the one before it made of where it looked.
    #[serde(default = "yes")]
    feeding: bool,
    /// The share of what goes into layers that is dropped in training.
    #[serde(default)]
    dropout: f32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AttentionName {
    None,
    Dot,
    General,
    Concat,
    Location,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WindowName {
    #[default]
    Global,
    Monotonic,
    Predicted,
}

/// `kind = "pairs"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairsRecipe {
    /// Text files: a sentence, a tab and its translation on each line.
    train: PathBuf,
    test: PathBuf,
    /// What has a number in either language.
    source: UnitName,
    target: UnitName,
    /// Words that are known of either language, the most frequent.
    #[serde(default = "thirty_thousand")]
    words: usize,
    /// Sentences of more words, or with a translation of more, are left out.
    longest: usize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UnitName {
    Words,
    Letters,
}

impl From<UnitName> for Unit {
    fn from(name: UnitName) -> Self {
        match name {
            UnitName::Words => Self::Words,
            UnitName::Letters => Self::Letters,
        }
    }
}

fn yes() -> bool {
    true
}

fn thirty_thousand() -> usize {
    30_000
}

/// Sentences that have been read.
pub(super) struct Sentences {
    learnt: Arc<Pairs>,
    test: Arc<Pairs>,
    source: Language,
    target: Language,
    longest: usize,
}

impl PairsRecipe {
    /// The files in `folder`; the languages are those of what is learnt from.
    pub(super) fn open(&self, folder: &Path) -> Result<Sentences> {
        let (learnt, test) = (Lines::open(folder.join(&self.train))?, Lines::open(folder.join(&self.test))?);
        let source = Language::learnt(self.source.into(), learnt.texts(Side::Source), self.words)?;
        let target = Language::learnt(self.target.into(), learnt.texts(Side::Target), self.words)?;
        let pairs = |lines: &Lines| lines.pairs(&source, &target, self.longest).map(Arc::new);
        Ok(Sentences { learnt: pairs(&learnt)?, test: pairs(&test)?, source, target, longest: self.longest })
    }
}

impl RnnSearchRecipe {
    pub(super) fn on(&self, sentences: Sentences) -> Translating {
        let &Self { embedding, hidden, alignment, maxout, searches } = self;
        let alignment = if searches { alignment.unwrap_or(hidden) } else { 0 };
        let (source, target) = (sentences.source.words(), sentences.target.words());
        let system = System::RnnSearch(RnnSearch { source, target, embedding, hidden, alignment, maxout, searches });
        Translating { system, dropout: 0.0, sentences }
    }
}

impl LuongRecipe {
    /// # Errors
    /// If a window has a reach that it does not use, or none.
    pub(super) fn on(&self, sentences: Sentences) -> Result<Translating> {
        let &Self { embedding, hidden, layers, attention, window, reach, feeding, dropout } = self;
        let wrong = |reason: &str| Err(Error::model("the recipe", reason));
        let window = match (window, reach) {
            (WindowName::Global, None) => Window::Global,
            (WindowName::Monotonic, Some(reach)) => Window::Monotonic(reach),
            (WindowName::Predicted, Some(reach)) => Window::Predicted(reach),
            (WindowName::Global, Some(_)) => return wrong("has a 'reach', which a window has that is not \"global\""),
            (_, None) => return wrong("has a 'window' and no 'reach': how many words it has to either side of its middle"),
        };
        let score = match attention {
            AttentionName::None if matches!(window, Window::Global) => None,
            AttentionName::None => return wrong("has a 'window' for attention = \"none\""),
            AttentionName::Dot => Some(Score::Dot),
            AttentionName::General => Some(Score::General),
            AttentionName::Concat => Some(Score::Concat),
            AttentionName::Location => Some(Score::Location(sentences.longest)),
        };
        if !(0.0..1.0).contains(&dropout) {
            return wrong(&format!("has a 'dropout' of {dropout}: a share of 0 to 1, 1 left out"));
        }
        let (source, target) = (sentences.source.words(), sentences.target.words());
        let attention = score.map(|score| Attention { score, window });
        let system = System::Luong(Luong { source, target, embedding, hidden, layers, attention, feeds: feeding });
        Ok(Translating { system, dropout, sentences })
    }
}

/// A translator with its sentences.
pub(super) struct Translating {
    system: System,
    dropout: f32,
    sentences: Sentences,
}

impl Translating {
    /// The scores of what should be written.
    fn scores(&self, graph: &Graph, weights: &Weights, [source, target]: [&Var; 2], random: &mut Random) -> Result<Var> {
        let mut layers = Layers::load(graph, weights);
        let (scores, _) = match self.system {
            System::RnnSearch(sizes) => rnnsearch::Network::new(&mut layers, sizes)?.forced(source, target)?,
            System::Luong(sizes) => {
                let dropped = (self.dropout > 0.0).then_some((random, self.dropout));
                luong::Network::new(&mut layers, sizes)?.forced(source, target, dropped)?
            }
        };
        Ok(scores)
    }

    fn greedy(&self, graph: &Graph, weights: &Weights, source: &Var, steps: usize) -> Result<Greedy> {
        let mut layers = Layers::load(graph, weights);
        match self.system {
            System::RnnSearch(sizes) => rnnsearch::Network::new(&mut layers, sizes)?.greedy(source, steps),
            System::Luong(sizes) => luong::Network::new(&mut layers, sizes)?.greedy(source, steps),
        }
    }

    /// What it is called, and how large it is.
    fn described(&self) -> String {
        match self.system {
            System::RnnSearch(RnnSearch { embedding, hidden, maxout, searches, .. }) => {
                let way = if searches { "RNNsearch" } else { "RNNencdec" };
                format!("{way}, {embedding} numbers a word, {hidden} units, {maxout} maxout units")
            }
            System::Luong(Luong { embedding, hidden, layers, attention, feeds, .. }) => {
                let way = attention.map_or_else(
                    || "LSTMs without attention".to_owned(),
                    |Attention { score, window }| {
                        let (window, reach) = window.parts();
                        let reach = if reach > 0 { format!(" of {reach} to either side") } else { String::new() };
                        format!("LSTMs with attention ({}, {window}{reach})", score.name())
                    },
                );
                let feeding = if feeds { " with input feeding" } else { "" };
                let plural = if layers > 1 { "s" } else { "" };
                format!("{way}{feeding}, {embedding} numbers a word, {layers} layer{plural} of {hidden} units")
            }
        }
    }
}

impl Experiment for Translating {
    fn name(&self) -> String {
        let [source, target] = self.system.words();
        let units = [&self.sentences.source, &self.sentences.target].map(|language| language.unit().name());
        let longest = self.sentences.longest;
        format!("{}, from {source} {} to {target} {}, up to {longest} of either", self.described(), units[0], units[1])
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        match self.system {
            System::RnnSearch(sizes) => sizes.initial(seed),
            System::Luong(sizes) => sizes.initial(seed),
        }
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::<Pairs>::clone(&self.sentences.learnt), Arc::<Pairs>::clone(&self.sentences.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let target = inputs.get("target")?;
        let scores = self.scores(graph, weights, [inputs.get("source")?, target], random)?;
        Ok(Objective { loss: sentence_loss(&scores, target)?, metrics: Vec::new(), parameters: weights.states(graph) })
    }

    /// Words, and where the network looked.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let found = self.greedy(graph, weights, inputs.get("source")?, self.sentences.longest + 1)?;
        Ok([found.words].into_iter().chain(found.alphas).collect())
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Sentences(Sequences::default()))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let Sentences { source, target, .. } = &self.sentences;
        let way = match &self.system {
            System::RnnSearch(_) => Vec::new(),
            System::Luong(sizes) => sizes.metadata(),
        };
        source.metadata(Side::Source).into_iter().chain(target.metadata(Side::Target)).chain(way).collect()
    }

    /// The alignment of the first sentence.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [words, alphas] = answers else { return Ok(()) };
        let first = |array: &Array| array.shape()[1];
        let (read, written) = (batch.get("source")?.values::<i32>()?, words.values::<i32>()?);
        let read: Vec<i32> = read.iter().take(first(batch.get("source")?)).copied().take_while(|word| *word >= 0).collect();
        let written = &written[..first(words)];
        let written = &written[..written.iter().position(|word| *word == END).map_or(written.len(), |end| end + 1)];
        let places = alphas.shape()[2];
        let rows = alphas.values::<f32>()?.chunks(places).take(written.len());
        let shown = rows.flat_map(|row| &row[..read.len()]).copied().collect::<Vec<_>>();
        let (source, target) = (self.sentences.source.names(&read), self.sentences.target.names(written));
        let sheet = alignment(&source, &target, &Array::new([written.len(), read.len()], shown)?)?;
        picture::write_png(folder.join("alignment.png"), &sheet)
    }
}
