//! Beam search as `NeuralTalk` does it: a caption that has ended stays in the beam, where likelier ones may still push it out, and the
//! best is the likeliest as a whole, however long. (Its code grows captions of up to 20 words; how many is the caller's here.)

use super::network::Parameters;
use super::{Config, Form};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{Beginning, Ended, Network, Search, Step};
use crate::nn::Weights;
use crate::plan::{Device, Plan};

/// Plans that search captions of one photo at a time; each word is one submission.
#[derive(Debug)]
pub struct BeamSearch {
    search: Search,
}

/// A caption that the search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The words; the last is 0 unless there was no room for it.
    pub words: Vec<i32>,
    /// The negative logarithm of the probability of all of them.
    pub cost: f32,
}

impl BeamSearch {
    /// A search that keeps `width` captions.
    ///
    /// # Errors
    /// If a parameter is missing or of another shape, by name; if `width` is 0 or more than there are words.
    pub fn new(device: &Device, weights: &Weights, config: Config, width: usize) -> Result<Self> {
        Ok(Self { search: Search::new(device, &Searched { weights, config }, width)? })
    }

    /// Captions of no more than `longest` words for features (1, D), the best first: by cost per word if `per_word`, which is not in the
    /// published code, else by cost.
    ///
    /// # Errors
    /// If the features are of another type or the device fails.
    pub fn captions(&mut self, features: &Array, longest: usize, per_word: bool) -> Result<Vec<Hypothesis>> {
        let found = self.search.sentences(features, longest, per_word)?;
        Ok(found.into_iter().map(|found| Hypothesis { words: found.words, cost: found.cost }).collect())
    }

    /// The plan of a word, for people who want to know what it takes.
    pub fn step_plan(&self) -> &Plan {
        self.search.step_plan()
    }
}

struct Searched<'a> {
    weights: &'a Weights,
    config: Config,
}

impl Network for Searched<'_> {
    const NAME: &'static str = "rnn_captioning beam";
    const START: i32 = 0;
    const ENDED: Ended = Ended::Stays;

    fn words(&self) -> usize {
        self.config.words
    }

    fn source(&self) -> TensorType {
        TensorType::f32([1, self.config.features])
    }

    fn begin(&self, photo: &Var) -> Result<Beginning> {
        let image = Parameters::new(photo.graph(), self.weights, self.config)?.image(photo)?;
        Ok(match self.config.form {
            Form::Initial => Beginning { source: Vec::new(), states: vec![image] },
            Form::NeuralTalk { once } => {
                let zeros = photo.graph().constant(Array::full([1, self.config.hidden], 0.0f32))?;
                // What is fed once is a state that is zeros from then on.
                if once {
                    Beginning { source: Vec::new(), states: vec![zeros, image] }
                } else {
                    Beginning { source: vec![image], states: vec![zeros] }
                }
            }
        })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let parameters = Parameters::new(graph, self.weights, self.config)?;
        let Some((h, once)) = at.states.split_first() else {
            return Err(Error::shape(Self::NAME, "it has a state"));
        };
        let image = at.source.first().or(once.first());
        let (h, log_probabilities) = parameters.step(words, Some(h), image)?;
        let mut states = vec![h];
        if let Some(fed) = once.first() {
            states.push(graph.constant(Array::full(fed.shape(), 0.0f32))?);
        }
        Ok(Step { log_probabilities, states, looked: None })
    }
}
