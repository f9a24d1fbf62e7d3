//! Beam search: the decoder's states, the scores of the live captions and the words stay on the device; each word is one submission
//! and one readback of what the host keeps of it.
//!
//! As published: of all continuations of all live captions the `k - ended` likeliest go on, those that end leave the search with their
//! score, and the search is over when k have ended, none lives, or there is no room. Captions are ranked afterwards by their cost, or
//! by their cost per word. (The published code stores `costs[ti]`, the cost at the parent's number, for a continuation; the
//! continuation's own, `costs[idx]`, is meant and taken here.)

use super::{Annotated, Attention, Config, Decoder, END, State};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::Weights;
use crate::plan::{Device, Plan};

const NAME: &str = "show_attend_tell beam";

/// The score of a place in the beam where no caption lives: below every sum of log probabilities, and finite.
const NOBODY: f32 = -1e30;

/// Plans that search captions of one image at a time.
#[derive(Debug)]
pub struct BeamSearch {
    begin: Plan,
    step: Plan,
    width: usize,
    words: usize,
}

/// A caption that the search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The words; the last is [`END`] unless there was no room for it.
    pub words: Vec<i32>,
    /// The negative logarithm of the probability of all of them.
    pub cost: f32,
    /// Where the network looked for each of them, (words, L).
    pub alphas: Array,
}

/// A caption that may go on.
#[derive(Clone, Debug, Default)]
struct Live {
    words: Vec<i32>,
    cost: f32,
    alphas: Vec<f32>,
}

impl BeamSearch {
    /// A search that keeps `width` captions, for images of so many `places`.
    ///
    /// # Errors
    /// As [`Decoder::new`]; if `width` is 0 or more than there are words, or `attention` is drawn.
    pub fn new(device: &Device, weights: &Weights, config: Config, places: usize, width: usize, attention: &Attention) -> Result<Self> {
        if width == 0 || width > config.words {
            return Err(Error::shape(NAME, format!("{width} captions at once of {} words", config.words)));
        }
        if matches!(attention, Attention::Sampled(_)) {
            return Err(Error::unsupported(NAME, "with places that are drawn"));
        }
        let image = TensorType::f32([1, places, config.features]);
        let graph = Graph::new();
        let (annotated, state) = Decoder::new(&graph, weights, config)?.begin(&graph.input("annotations", image)?)?;
        let begin = Plan::compile(device, &[&annotated.projected, &state.h, &state.c])?;
        let step = step(device, weights, config, places, width, attention)?;
        Ok(Self { begin, step, width, words: config.words })
    }

    /// Captions of no more than `longest` words for annotations (1, L, D), the best first: by cost per word if `per_word`, else by cost.
    ///
    /// # Errors
    /// If the annotations are of another type or the device fails.
    pub fn captions(&mut self, annotations: &Array, longest: usize, per_word: bool) -> Result<Vec<Hypothesis>> {
        self.start(annotations)?;
        // What lives at each place of the beam on the device.
        let mut live: Vec<Option<Live>> = vec![None; self.width];
        live[0] = Some(Live::default());
        let mut ended: Vec<Live> = Vec::new();
        for _ in 0..longest {
            let room = self.width.saturating_sub(ended.len());
            if room == 0 || live.iter().all(Option::is_none) {
                break;
            }
            let outputs = self.step.run(&[])?;
            let [scores, choices, alphas] = &outputs[..] else {
                return Err(Error::shape(NAME, format!("a step has {} outputs", outputs.len())));
            };
            let (scores, choices, alphas) = (scores.values::<f32>()?, choices.values::<i32>()?, alphas.values::<f32>()?);
            let places = alphas.len() / self.width;
            let mut next = vec![None; self.width];
            for (rank, (score, choice)) in scores.iter().zip(choices).enumerate().take(room) {
                let choice = choice.unsigned_abs() as usize;
                let (parent, word) = (choice / self.words, (choice % self.words) as i32);
                let Some(Some(before)) = live.get(parent) else {
                    return Err(Error::shape(NAME, format!("a score of {score} at place {parent}, where no caption lives")));
                };
                let mut caption = before.clone();
                caption.words.push(word);
                caption.alphas.extend(&alphas[parent * places..][..places]);
                caption.cost = -score;
                if word == END { ended.push(caption) } else { next[rank] = Some(caption) }
            }
            live = next;
        }
        ended.extend(live.into_iter().flatten().filter(|caption| !caption.words.is_empty()));
        let cost = |caption: &Live| if per_word { caption.cost / caption.words.len() as f32 } else { caption.cost };
        ended.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        ended.into_iter().map(Live::found).collect()
    }

    /// Sets the device's states to those before the first word: one caption without words lives.
    fn start(&mut self, annotations: &Array) -> Result<()> {
        let mut initial = self.begin.run(&[("annotations", annotations)])?;
        let [projected, h, c] = &mut initial[..] else {
            return Err(Error::shape(NAME, format!("the beginning has {} outputs", initial.len())));
        };
        self.step.reset_states()?;
        self.step.set_state("annotations", annotations)?;
        self.step.set_state("projected", projected)?;
        for (name, row) in [("h", h), ("c", c)] {
            let values = row.values::<f32>()?;
            self.step.set_state(name, &Array::from_fn([self.width, values.len()], |i| values[i % values.len()]))?;
        }
        Ok(())
    }

    /// The plan of a word, for people who want to know what it takes.
    pub fn step_plan(&self) -> &Plan {
        &self.step
    }
}

impl Live {
    fn found(self) -> Result<Hypothesis> {
        let places = self.alphas.len() / self.words.len().max(1);
        Ok(Hypothesis { alphas: Array::new([self.words.len(), places], self.alphas)?, words: self.words, cost: self.cost })
    }
}

/// The plan of one word for a whole beam.
fn step(device: &Device, weights: &Weights, config: Config, places: usize, width: usize, attention: &Attention) -> Result<Plan> {
    let graph = Graph::new();
    let decoder = Decoder::new(&graph, weights, config)?;
    let too_many = || Error::shape(NAME, format!("{width} captions of {} words are more than an i32 counts", config.words));
    let (k, vocabulary) = (i32::try_from(width).map_err(|_| too_many())?, i32::try_from(config.words).map_err(|_| too_many())?);
    let zeros = |shape: &[usize]| Array::full(shape, 0.0f32);
    let image = [1, places, config.features];
    let (annotations, projected) = (graph.state("annotations", zeros(&image))?, graph.state("projected", zeros(&image))?);
    let (h, c) = (graph.state("h", zeros(&[width, config.hidden]))?, graph.state("c", zeros(&[width, config.hidden]))?);
    // Before the first word: no word, one caption, none has ended.
    let words = graph.state("words", Array::full([width], -1i32))?;
    let scores = graph.state("scores", Array::from_fn([width, 1], |i| if i == 0 { 0.0 } else { NOBODY }))?;
    let ended = graph.state("ended", Array::full([1], 0i32))?;

    // Every caption looks at the same image.
    let copies = [width, places, config.features];
    let image = Annotated { annotations: annotations.expand(copies)?, projected: projected.expand(copies)? };
    let previous = decoder.embedded(&words)?;
    let step = decoder.step(&image, &State { h: h.clone(), c: c.clone() }, Some(&previous), attention, 0)?;

    let continued = step.log_probabilities.add(&scores)?.reshape([width.checked_mul(config.words).ok_or_else(too_many)?])?;
    let (best, choice) = continued.topk(width, 0, true)?;
    let [vocabulary, width_, end] = [vocabulary, k, END].map(|value| graph.constant(Array::scalar(value)));
    let (vocabulary, width_, end) = (vocabulary?, width_?, end?);
    let parent = choice.div(&vocabulary)?;
    let word = choice.sub(&parent.mul(&vocabulary)?)?;
    // The places of the captions that have ended stay empty.
    let ranks = graph.constant(Array::from_fn([width], |i| i as i32))?;
    let has_room = ranks.less(&width_.sub(&ended)?)?;
    let ends = word.equal(&end)?;
    let goes_on = has_room.and(&word.not_equal(&end)?)?;
    let now_ended = ended.add(&has_room.and(&ends)?.cast(DType::I32)?.reduce_sum(&[0], true)?)?;
    let nobody = graph.constant(Array::scalar(NOBODY))?;
    graph.update(&scores, &goes_on.where_(&best, &nobody)?.unsqueeze(1)?)?;
    graph.update(&ended, &now_ended)?;
    graph.update(&words, &word)?;
    graph.update(&h, &step.state.h.gather(0, &parent)?)?;
    graph.update(&c, &step.state.c.gather(0, &parent)?)?;
    Plan::compile(device, &[&best, &choice, &step.alpha])
}
