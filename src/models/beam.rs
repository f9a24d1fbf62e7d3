//! Beam search over networks that make a sentence word by word, a photo's caption or a translation: their states, the scores of the
//! sentences and the words stay on the device; each word is one submission and one readback of what the host keeps of it.
//!
//! ```text
//! score[p, w] = score[p] + log p(w | sentence p)      of every sentence p of the beam and every word w
//! ```
//!
//! The likeliest of all continuations become the beam. What becomes of a sentence that has ended differs, see [`Ended`].

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::plan::{Device, Plan};
use std::collections::HashSet;

/// The word that ends a sentence.
const END: i32 = 0;

/// The score of a place in the beam where no sentence lives: below every sum of log probabilities, and finite.
const NOBODY: f32 = -1e30;

/// A network to search with.
pub(super) trait Network {
    /// What errors call it.
    const NAME: &'static str;
    /// The word before the first.
    const START: i32;
    /// What becomes of a sentence that has ended.
    const ENDED: Ended;

    /// How many words there are.
    fn words(&self) -> usize;

    /// The type of what stands for one photo or sentence.
    fn source(&self) -> TensorType;

    /// What is computed once for it.
    ///
    /// # Errors
    /// If a parameter is missing or of another shape.
    fn begin(&self, source: &Var) -> Result<Beginning>;

    /// A word for each sentence of the beam; `words`, i32 (k), are those before. `at` has parts (1, ..) and states (k, size) of the
    /// types that [`Network::begin`] gave.
    ///
    /// # Errors
    /// As [`Network::begin`].
    fn step(&self, graph: &Graph, at: &Beginning, words: &Var) -> Result<Step>;
}

/// A translator of these sizes, to search with.
pub(super) struct Searched<'a, S> {
    pub(super) weights: &'a Weights,
    pub(super) sizes: S,
    /// Words that a sentence has room for.
    pub(super) places: usize,
    /// Whether it may not write that a word is unknown.
    pub(super) known_alone: bool,
}

/// What a network knows between two words.
pub(super) struct Beginning {
    /// What stays the same for it, (1, ..).
    pub(super) source: Vec<Var>,
    /// What each sentence has of its own: (1, size) at the beginning, (k, size) in a step.
    pub(super) states: Vec<Var>,
}

/// What a word makes.
pub(super) struct Step {
    /// (k, words).
    pub(super) log_probabilities: Var,
    /// (k, size) each.
    pub(super) states: Vec<Var>,
    /// Where the network looked, (k, L), if it says.
    pub(super) looked: Option<Var>,
}

/// What becomes of a sentence that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It leaves the search with its score, and its place with it: the beam of k gets narrower, and the search is over when k have ended.
    Leaves,
    /// It stays in the beam as its own only continuation, until likelier sentences push it out; the search is over when all have ended.
    Stays,
}

/// A sentence that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The words; the last is 0 unless there was no room for it.
    pub(super) words: Vec<i32>,
    /// The negative logarithm of the probability of all of them.
    pub(super) cost: f32,
    /// Where the network looked for each of them, word after word.
    pub(super) looked: Vec<f32>,
}

/// Plans that search sentences of one source at a time.
#[derive(Debug)]
pub(super) struct Search {
    name: &'static str,
    begin: Plan,
    step: Plan,
    /// How many outputs of `begin` are about the source; the others are states.
    source: usize,
    width: usize,
    words: usize,
    ended: Ended,
}

impl Search {
    /// A search that keeps `width` sentences.
    ///
    /// # Errors
    /// What the network refuses; if `width` is 0 or more than there are words.
    pub(super) fn new<N: Network>(device: &Device, network: &N, width: usize) -> Result<Self> {
        let words = network.words();
        if width == 0 || width > words {
            return Err(Error::shape(N::NAME, format!("{width} sentences at once of {words} words")));
        }
        let graph = Graph::new();
        let beginning = network.begin(&graph.input("source", network.source())?)?;
        let outputs: Vec<&Var> = beginning.source.iter().chain(&beginning.states).collect();
        let begin = Plan::compile(device, &outputs)?;
        let step = step(device, network, &beginning, width)?;
        Ok(Self { name: N::NAME, begin, step, source: beginning.source.len(), width, words, ended: N::ENDED })
    }

    /// Sentences of no more than `longest` words, the best first: by cost per word if `per_word`, else by cost.
    ///
    /// # Errors
    /// If the source is of another type or the device fails.
    pub(super) fn sentences(&mut self, source: &Array, longest: usize, per_word: bool) -> Result<Vec<Found>> {
        self.start(source)?;
        // What lives at each place of the beam on the device, and whether it has ended there.
        let mut beam: Vec<Option<(Found, bool)>> = vec![None; self.width];
        beam[0] = Some((Found::default(), false));
        let mut left: Vec<Found> = Vec::new();
        for _ in 0..longest {
            let room = self.width.saturating_sub(left.len());
            if room == 0 || beam.iter().flatten().all(|(_, over)| *over) {
                break;
            }
            let outputs = self.step.run(&[])?;
            let (Some(scores), Some(choices)) = (outputs.first(), outputs.get(1)) else {
                return Err(Error::shape(self.name, format!("a step has {} outputs", outputs.len())));
            };
            let (scores, choices) = (scores.values::<f32>()?, choices.values::<i32>()?);
            let looked = outputs.get(2).map_or(Ok(&[][..]), Array::values::<f32>)?;
            let places = looked.len() / self.width;
            let mut next = vec![None; self.width];
            for (rank, (score, choice)) in scores.iter().zip(choices).enumerate().take(room) {
                // Fewer continuations are possible than there is room for.
                if *score <= NOBODY / 2.0 {
                    continue;
                }
                let choice = choice.unsigned_abs() as usize;
                let (parent, word) = (choice / self.words, (choice % self.words) as i32);
                let Some(Some((before, over))) = beam.get(parent) else {
                    return Err(Error::shape(self.name, format!("a score of {score} at place {parent}, where no sentence lives")));
                };
                let mut sentence = before.clone();
                if !over {
                    sentence.words.push(word);
                    sentence.looked.extend(&looked[parent * places..][..places]);
                    sentence.cost = -score;
                }
                match self.ended {
                    Ended::Leaves if word == END => left.push(sentence),
                    _ => next[rank] = Some((sentence, word == END)),
                }
            }
            beam = next;
        }
        left.extend(beam.into_iter().flatten().map(|(sentence, _)| sentence).filter(|sentence| !sentence.words.is_empty()));
        let cost = |sentence: &Found| if per_word { sentence.cost / sentence.words.len() as f32 } else { sentence.cost };
        left.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        Ok(left)
    }

    /// Sets the device's states to those before the first word: one sentence without words lives.
    fn start(&mut self, source: &Array) -> Result<()> {
        let initial = self.begin.run(&[("source", source)])?;
        self.step.reset_states()?;
        // A step may have no use for one of them.
        let used: HashSet<String> = self.step.states().map(|(name, _)| name.to_owned()).collect();
        for (i, array) in initial.iter().enumerate() {
            let name = if i < self.source { source_name(i) } else { state_name(i - self.source) };
            if !used.contains(&name) {
                continue;
            }
            if i < self.source {
                self.step.set_state(&name, array)?;
            } else {
                let row = array.values::<f32>()?;
                let rows = Array::from_fn([self.width, row.len()], |at| row[at % row.len()]);
                self.step.set_state(&name, &rows)?;
            }
        }
        Ok(())
    }

    /// The plan of a word.
    pub(super) fn step_plan(&self) -> &Plan {
        &self.step
    }
}

fn source_name(i: usize) -> String {
    format!("source {i}")
}

fn state_name(i: usize) -> String {
    format!("state {i}")
}

/// The plan of one word for a whole beam.
fn step<N: Network>(device: &Device, network: &N, beginning: &Beginning, width: usize) -> Result<Plan> {
    let graph = Graph::new();
    let all = network.words();
    let too_many = || Error::shape(N::NAME, format!("{width} sentences of {all} words are more than an i32 counts"));
    let continuations = width.checked_mul(all).filter(|count| i32::try_from(*count).is_ok()).ok_or_else(too_many)?;
    let (k, vocabulary) = (i32::try_from(width).map_err(|_| too_many())?, i32::try_from(all).map_err(|_| too_many())?);
    let source = |(i, var): (usize, &Var)| graph.state(&source_name(i), Array::full(var.shape(), 0.0f32));
    let state = |(i, var): (usize, &Var)| {
        let rows = [&[width], &var.shape()[1..]].concat();
        graph.state(&state_name(i), Array::full(rows, 0.0f32))
    };
    let fixed = beginning.source.iter().enumerate().map(source).collect::<Result<_>>()?;
    let states = beginning.states.iter().enumerate().map(state).collect::<Result<_>>()?;
    let at = Beginning { source: fixed, states };
    // Before the first word: one sentence, which has no words and has not ended.
    let words = graph.state("words", Array::full([width], N::START))?;
    let scores = graph.state("scores", Array::from_fn([width, 1], |i| if i == 0 { 0.0 } else { NOBODY }))?;

    let made = network.step(&graph, &at, &words)?;
    let constant = |value: i32| graph.constant(Array::scalar(value));
    let (vocabulary, end, nobody) = (constant(vocabulary)?, constant(END)?, graph.constant(Array::scalar(NOBODY))?);
    let mut logs = made.log_probabilities;
    let over = (N::ENDED == Ended::Stays).then(|| graph.state("over", Array::full([width, 1], false))).transpose()?;
    if let Some(over) = &over {
        // What has ended ends again, at no cost.
        let itself = graph.constant(Array::from_fn([1, all], |word| if word == END as usize { 0.0 } else { NOBODY }))?;
        logs = over.where_(&itself, &logs)?;
    }
    let (best, choice) = logs.add(&scores)?.reshape([continuations])?.topk(width, 0, true)?;
    let parent = choice.div(&vocabulary)?;
    let word = choice.sub(&parent.mul(&vocabulary)?)?;
    let ends = word.equal(&end)?;
    let next = match over {
        Some(over) => {
            graph.update(&over, &ends.unsqueeze(1)?)?;
            best.clone()
        }
        None => {
            // The places of the sentences that have ended stay empty.
            let left = graph.state("left", Array::full([1], 0i32))?;
            let ranks = graph.constant(Array::from_fn([width], |i| i as i32))?;
            let lives = best.greater(&graph.constant(Array::scalar(NOBODY / 2.0))?)?;
            let has_room = ranks.less(&constant(k)?.sub(&left)?)?.and(&lives)?;
            let goes_on = has_room.and(&word.not_equal(&end)?)?;
            let leaving = has_room.and(&ends)?.cast(DType::I32)?.reduce_sum(&[0], true)?;
            graph.update(&left, &left.add(&leaving)?)?;
            goes_on.where_(&best, &nobody)?
        }
    };
    graph.update(&scores, &next.unsqueeze(1)?)?;
    graph.update(&words, &word)?;
    for (before, after) in at.states.iter().zip(&made.states) {
        graph.update(before, &after.gather(0, &parent)?)?;
    }
    Plan::compile(device, &[&best, &choice].into_iter().chain(&made.looked).collect::<Vec<_>>())
}
