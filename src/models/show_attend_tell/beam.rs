//! Beam search, as published: of all continuations of all live captions the `k - ended` likeliest go on, those that end leave the
//! search with their score, and the search is over when k have ended, none lives, or there is no room. Captions are ranked afterwards
//! by their cost, or by their cost per word. (The published code stores `costs[ti]`, the cost at the parent's number, for a
//! continuation; the continuation's own, `costs[idx]`, is meant and taken here.)

use super::{Annotated, Attention, Config, Decoder, State};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::beam::{Beginning, Ended, Found, Network, Search, Step};
use crate::nn::Weights;
use crate::plan::{Device, Plan};

/// Plans that search captions of one image at a time; each word is one submission.
#[derive(Debug)]
pub struct BeamSearch {
    search: Search,
}

/// A caption that the search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The words; the last is [`END`](super::END) unless there was no room for it.
    pub words: Vec<i32>,
    /// The negative logarithm of the probability of all of them.
    pub cost: f32,
    /// Where the network looked for each of them, (words, L).
    pub alphas: Array,
}

impl BeamSearch {
    /// A search that keeps `width` captions, for images of so many `places`.
    ///
    /// # Errors
    /// As [`Decoder::new`]; if `width` is 0 or more than there are words, or `attention` is drawn.
    pub fn new(device: &Device, weights: &Weights, config: Config, places: usize, width: usize, attention: &Attention) -> Result<Self> {
        if attention.is_drawn() {
            return Err(Error::unsupported(Searched::NAME, "with places that are drawn"));
        }
        Ok(Self { search: Search::new(device, &Searched { weights, config, places, attention }, width)? })
    }

    /// Captions of no more than `longest` words for annotations (1, L, D), the best first: by cost per word if `per_word`, else by cost.
    ///
    /// # Errors
    /// If the annotations are of another type or the device fails.
    pub fn captions(&mut self, annotations: &Array, longest: usize, per_word: bool) -> Result<Vec<Hypothesis>> {
        self.search.sentences(annotations, longest, per_word)?.into_iter().map(hypothesis).collect()
    }

    /// The plan of a word, for people who want to know what it takes.
    pub fn step_plan(&self) -> &Plan {
        self.search.step_plan()
    }
}

fn hypothesis(found: Found) -> Result<Hypothesis> {
    let places = found.looked.len() / found.words.len().max(1);
    Ok(Hypothesis { alphas: Array::new([found.words.len(), places], found.looked)?, words: found.words, cost: found.cost })
}

struct Searched<'a> {
    weights: &'a Weights,
    config: Config,
    places: usize,
    attention: &'a Attention,
}

impl Network for Searched<'_> {
    const NAME: &'static str = "show_attend_tell beam";
    const START: i32 = -1;
    const ENDED: Ended = Ended::Leaves;

    fn words(&self) -> usize {
        self.config.words
    }

    fn source(&self) -> TensorType {
        TensorType::f32([1, self.places, self.config.features])
    }

    fn begin(&self, photo: &Var) -> Result<Beginning> {
        let (image, state) = Decoder::new(photo.graph(), self.weights, self.config)?.begin(photo)?;
        Ok(Beginning { source: vec![image.annotations, image.projected], states: vec![state.h, state.c] })
    }

    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step> {
        let ([annotations, projected], [h, c]) = (&at.source[..], &at.states[..]) else {
            return Err(Error::shape(Self::NAME, "its states are two of the image's and two of each caption's"));
        };
        let decoder = Decoder::new(graph, self.weights, self.config)?;
        // Every caption looks at the same image.
        let copies = [words.shape()[0], self.places, self.config.features];
        let image = Annotated { annotations: annotations.expand(copies)?, projected: projected.expand(copies)? };
        let previous = decoder.embedded(words)?;
        let state = State { h: h.clone(), c: c.clone() };
        let step = decoder.step(&image, &state, Some(&previous), self.attention, 0)?;
        let states = vec![step.state.h, step.state.c];
        Ok(Step { log_probabilities: step.log_probabilities, states, looked: Some(step.alpha) })
    }
}
