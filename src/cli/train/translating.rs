//! `RNNsearch` as recipes name it, and the sentences that it learns from: `[data]` of `kind = "pairs"`.

use super::experiment::{Experiment, Inputs};
use super::tally::Tally;
use foveate::Result;
use foveate::array::{Array, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::rnnsearch::{END, Language, Lines, Network, Pairs, RnnSearch, Side, Unit, alignment, sentence_loss};
use foveate::nn::metrics::Sequences;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
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
        Translating { sizes: RnnSearch { source, target, embedding, hidden, alignment, maxout, searches }, sentences }
    }
}

/// A translator with its sentences.
pub(super) struct Translating {
    sizes: RnnSearch,
    sentences: Sentences,
}

impl Translating {
    fn network(&self, graph: &Graph, weights: &Weights) -> Result<Network> {
        Network::new(&mut Layers::load(graph, weights), self.sizes)
    }
}

impl Experiment for Translating {
    fn name(&self) -> String {
        let RnnSearch { source, target, embedding, hidden, maxout, searches, .. } = self.sizes;
        let way = if searches { "RNNsearch" } else { "RNNencdec" };
        let units = [&self.sentences.source, &self.sentences.target].map(|language| language.unit().name());
        format!(
            "{way} from {source} {} to {target} {}, {embedding} numbers a word, {hidden} units, {maxout} maxout units, up to {} of either",
            units[0], units[1], self.sentences.longest
        )
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        self.sizes.initial(seed)
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::<Pairs>::clone(&self.sentences.learnt), Arc::<Pairs>::clone(&self.sentences.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let target = inputs.get("target")?;
        let (scores, _) = self.network(graph, weights)?.forced(inputs.get("source")?, target)?;
        Ok(Objective { loss: sentence_loss(&scores, target)?, metrics: Vec::new(), parameters: weights.states(graph) })
    }

    /// Words, and where the network looked.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let found = self.network(graph, weights)?.greedy(inputs.get("source")?, self.sentences.longest + 1)?;
        Ok([found.words].into_iter().chain(found.alphas).collect())
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Sentences(Sequences::default()))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let Sentences { source, target, .. } = &self.sentences;
        source.metadata(Side::Source).into_iter().chain(target.metadata(Side::Target)).collect()
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
