//! Sentences by beam search, one at a time.

use super::network::{Annotated, Network, Source};
use super::pairs::padded;
use super::{Language, RnnSearch, Side, UNKNOWN};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{self, Beginning, Ended, Search, Step};
use crate::models::layers::Layers;
use crate::nn::Weights;
use crate::plan::Device;
use std::collections::BTreeMap;

/// Translates sentences of any length.
#[derive(Debug)]
pub struct Translator {
    device: Device,
    weights: Weights,
    sizes: RnnSearch,
    source: Language,
    target: Language,
    width: usize,
    known_alone: bool,
    /// Searches by how many words a sentence may have; each is twice as long as the one before.
    searches: BTreeMap<usize, Search>,
}

/// A translation.
#[derive(Clone, Debug, PartialEq)]
pub struct Translation {
    /// The text.
    pub text: String,
    /// What it is made of, the end of the sentence among it if the network ended it.
    pub words: Vec<i32>,
    /// The logarithm of the probability of all words.
    pub log_probability: f32,
    /// Where the network looked for each word, (words, words of the sentence and its end); `None` for `RNNencdec`.
    pub alphas: Option<Array>,
}

impl Translator {
    /// The translator of `weights`, whose metadata have its languages. It follows `width` translations at once; `known_alone` forbids the
    /// word that stands for unknown ones ("No UNK" in the paper).
    ///
    /// # Errors
    /// If a weight is missing or of another shape, by name; if languages and weights differ in words; if `width` is 0 or more than there
    /// are words.
    pub fn new(device: &Device, weights: &Weights, width: usize, known_alone: bool) -> Result<Self> {
        let sizes = RnnSearch::of(weights)?;
        let [source, target] = [(Side::Source, sizes.source), (Side::Target, sizes.target)].map(|(side, words)| {
            let language = Language::of(weights, side)?;
            if language.words() != words {
                let reason = format!("its language {side:?} has {} words, its layers {words}", language.words());
                return Err(Error::model(weights.source(), reason));
            }
            Ok(language)
        });
        let mut made = Self {
            device: device.clone(),
            weights: weights.clone(),
            sizes,
            source: source?,
            target: target?,
            width,
            known_alone,
            searches: BTreeMap::new(),
        };
        made.search(1)?;
        Ok(made)
    }

    /// How large the network is.
    pub fn sizes(&self) -> RnnSearch {
        self.sizes
    }

    /// The language that is read.
    pub fn source(&self) -> &Language {
        &self.source
    }

    /// The language that is written.
    pub fn target(&self) -> &Language {
        &self.target
    }

    /// Translations of a text, the best first: by the logarithm of their probability per word if `per_word`, else by its sum. None has more
    /// than `longest` words.
    ///
    /// # Errors
    /// If the device fails.
    pub fn translate(&mut self, text: &str, longest: usize, per_word: bool) -> Result<Vec<Translation>> {
        let words = self.source.read(text);
        let (places, search) = self.search(words.len())?;
        let found = search.sentences(&padded(&words, places).reshaped([1, places])?, longest, per_word)?;
        let one = |found: beam::Found| {
            let alphas = (!found.looked.is_empty()).then(|| {
                let looked: Vec<f32> = found.looked.chunks(places).flat_map(|row| &row[..words.len()]).copied().collect();
                Array::new([found.words.len(), words.len()], looked)
            });
            Ok(Translation {
                text: self.target.write(&found.words),
                words: found.words,
                log_probability: -found.cost,
                alphas: alphas.transpose()?,
            })
        };
        found.into_iter().map(one).collect()
    }

    /// The search for sentences of so many words, and how many it has room for.
    fn search(&mut self, words: usize) -> Result<(usize, &mut Search)> {
        let places = words.max(16).next_power_of_two();
        if !self.searches.contains_key(&places) {
            let Self { weights, sizes, known_alone, .. } = self;
            let searched = Searched { weights, sizes: *sizes, places, known_alone: *known_alone };
            self.searches.insert(places, Search::new(&self.device, &searched, self.width)?);
        }
        let search = self.searches.get_mut(&places).ok_or_else(|| Error::shape("rnnsearch", "a search is missing"))?;
        Ok((places, search))
    }
}

struct Searched<'a> {
    weights: &'a Weights,
    sizes: RnnSearch,
    places: usize,
    known_alone: bool,
}

impl Searched<'_> {
    fn network(&self, graph: &Graph) -> Result<Network> {
        Network::new(&mut Layers::load(graph, self.weights), self.sizes)
    }
}

impl beam::Network for Searched<'_> {
    const NAME: &'static str = "rnnsearch beam";
    const START: i32 = -1;
    const ENDED: Ended = Ended::Leaves;

    fn words(&self) -> usize {
        self.sizes.target
    }

    fn source(&self) -> TensorType {
        TensorType::new(DType::I32, [1, self.places])
    }

    fn begin(&self, words: &Var) -> Result<Beginning> {
        let (source, state) = self.network(words.graph())?.read(words)?;
        let source = match source.annotated {
            Some(Annotated { annotations, projected, mask }) => vec![annotations, projected, mask],
            None => vec![source.last],
        };
        Ok(Beginning { source, states: vec![state] })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let network = self.network(graph)?;
        // Every translation is of the same sentence.
        let copies = |var: &Var| var.expand([&[words.shape()[0]], &var.shape()[1..]].concat());
        let given = at.source.iter().map(copies).collect::<Result<Vec<_>>>()?;
        let (source, state) = match (&given[..], &at.states[..]) {
            ([annotations, projected, mask], [state]) => {
                let [annotations, projected, mask] = [annotations, projected, mask].map(Var::clone);
                (Source { annotated: Some(Annotated { annotations, projected, mask }), last: state.clone() }, state)
            }
            ([last], [state]) => (Source { annotated: None, last: last.clone() }, state),
            _ => return Err(Error::shape(Self::NAME, "its states are three or one of the sentence's and one of each translation's")),
        };
        let previous = network.embedded(words)?;
        let step = network.step(&source, state, &previous)?;
        let mut logs = network.scores(state, &previous, &step.context)?.log_softmax(-1)?;
        if self.known_alone {
            let forbidden = Array::from_fn([1, self.sizes.target], |word| if word == UNKNOWN as usize { f32::NEG_INFINITY } else { 0.0 });
            logs = logs.add(&graph.constant(forbidden)?)?;
        }
        Ok(Step { log_probabilities: logs, states: vec![step.state], looked: step.alpha })
    }
}
