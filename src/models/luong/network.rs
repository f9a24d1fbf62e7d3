//! What is read, and a step.

use super::Luong;
use super::look::{Look, Source};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::layers::{Fill, Layers};
use crate::models::sentences::embedded;
use crate::nn::{Dropout, Random};
use crate::ops::{Direction, GateOrder, Lstm, LstmCell, Recurrent, RecurrentInputs, concat, number, zeros};

/// Uniform numbers that all weights begin with.
const FILL: Fill<'_> = Fill::Within(0.1);

/// A translator with its weights in a graph.
#[derive(Clone, Debug)]
pub struct Network {
    sizes: Luong,
    source: Var,
    /// Of each layer what is multiplied with its input, (1, 4 n, inputs), and with its state, (1, 4 n, n).
    encoder: Vec<[Var; 2]>,
    target: Var,
    /// Of each layer what is multiplied with its input and its state, (4 n, inputs + n).
    decoder: Vec<Var>,
    look: Option<Look>,
    attend: Option<Var>,
    output: Var,
}

/// What a sentence being written knows.
#[derive(Clone, Debug)]
pub struct State {
    /// h and c of each layer, (B, n).
    pub layers: Vec<[Var; 2]>,
    /// x, (B, n): what the last step made of where it looked.
    pub attended: Var,
    /// Words that were written, (B, 1).
    pub time: Var,
}

impl Network {
    /// The network of these sizes, whose weights are `encoder.embedding`, `encoder.<layer>.weight` and `.recurrent`, `decoder.embedding`,
    /// `decoder.<layer>.weight`, `align.weight`, `align.score`, `align.centre.weight` and `.score` where they are used, `attend.weight` and
    /// `output.weight`. Gates are i, f, g and o.
    ///
    /// # Errors
    /// If a size is 0, windows and scores do not go together, or a weight is missing or of another shape, by name.
    pub fn new(layers: &mut Layers<'_>, sizes: Luong) -> Result<Self> {
        sizes.check()?;
        let Luong { source, target, embedding: m, hidden: n, layers: depth, attention, feeds } = sizes;
        let four = n.saturating_mul(4);
        let (mut encoder, mut decoder) = (Vec::new(), Vec::new());
        let source = layers.tensor("encoder.embedding", &[source, m], FILL)?;
        for layer in 0..depth {
            let inputs = if layer == 0 { m } else { n };
            encoder.push([
                layers.tensor(&format!("encoder.{layer}.weight"), &[1, four, inputs], FILL)?,
                layers.tensor(&format!("encoder.{layer}.recurrent"), &[1, four, n], FILL)?,
            ]);
        }
        let words = layers.tensor("decoder.embedding", &[target, m], FILL)?;
        for layer in 0..depth {
            let inputs = match layer {
                0 if feeds => m.saturating_add(n),
                0 => m,
                _ => n,
            };
            decoder.push(layers.tensor(&format!("decoder.{layer}.weight"), &[four, inputs.saturating_add(n)], FILL)?);
        }
        let look = attention.map(|attention| Look::new(layers, &sizes, attention, FILL)).transpose()?;
        let attend = look.is_some().then(|| layers.tensor("attend.weight", &[n, n.saturating_mul(2)], FILL)).transpose()?;
        let output = layers.tensor("output.weight", &[target, n], FILL)?;
        Ok(Self { sizes, source, encoder, target: words, decoder, look, attend, output })
    }

    /// How large it is.
    pub fn sizes(&self) -> Luong {
        self.sizes
    }

    /// What `words`, i32 (B, S), say, and the first state. -1 stands behind the end of a sentence. Of what goes into layers a share of
    /// `dropped` is dropped.
    ///
    /// # Errors
    /// If the words are of another type.
    pub fn read(&self, words: &Var, mut dropped: Option<(&mut Random, f32)>) -> Result<(Source, State)> {
        let &[batch, places] = words.shape() else {
            return Err(Error::shape("luong", format!("words are i32 (sentences, words), not {}", words.ty())));
        };
        let integer = |value: i32| words.graph().constant(Array::scalar(value));
        // A sentence of an end alone has that for its word.
        let lens = words.greater(&integer(0)?)?.cast(DType::I32)?.reduce_sum(&[1], false)?.maximum(&integer(1)?)?;
        let common = Recurrent { direction: Direction::Reverse, batch_first: true, gates: GateOrder::Pytorch, ..Recurrent::default() };
        let lstm = Lstm { common, ..Lstm::default() };
        let mut x = self.source.gather(0, words)?;
        let mut layers = Vec::with_capacity(self.encoder.len());
        for [weight, recurrent] in &self.encoder {
            if let Some((random, rate)) = &mut dropped {
                x = random.dropout(&x, *rate, Dropout::Inverted)?;
            }
            let others = RecurrentInputs { sequence_lens: Some(&lens), ..RecurrentInputs::default() };
            let (all, h, c) = x.lstm(weight, recurrent, others, &lstm)?;
            x = all.squeeze(2)?;
            layers.push([h.squeeze(1)?, c.squeeze(1)?]);
        }
        let last = lens.cast(DType::F32)?.unsqueeze(1)?.sub(&number(words, 1.0)?)?;
        let ordinals = words.graph().constant(Array::from_fn([1, places], |j| j as f32))?;
        let mask = ordinals.less_or_equal(&last)?.where_(&number(words, 0.0)?, &number(words, f32::NEG_INFINITY)?)?;
        let state = State { layers, attended: zeros(words, &[batch, self.sizes.hidden])?, time: zeros(words, &[batch, 1])? };
        Ok((Source { annotations: x, mask, last }, state))
    }

    /// The vectors (.., m) of words i32 (..) that were written; zeros for -1.
    ///
    /// # Errors
    /// If the words are not i32.
    pub fn embedded(&self, words: &Var) -> Result<Var> {
        embedded(&self.target, words)
    }

    /// Numbers that go into a layer that writes, without its own state.
    pub(super) fn inputs(&self, layer: usize) -> usize {
        self.decoder[layer].shape()[1] - self.sizes.hidden
    }

    /// The state behind the word before, whose vectors are `previous` (B, m), and where the step looked, (B, S), if it does. `kept`, one
    /// for each layer, is multiplied with what goes into it.
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn step(&self, source: &Source, state: &State, previous: &Var, kept: Option<&[Var]>) -> Result<(State, Option<Var>)> {
        let mut x = if self.sizes.feeds { concat(&[previous, &state.attended], 1)? } else { previous.clone() };
        let mut layers = Vec::with_capacity(self.decoder.len());
        for (layer, (weight, [h, c])) in self.decoder.iter().zip(&state.layers).enumerate() {
            if let Some(kept) = kept.and_then(|kept| kept.get(layer)) {
                x = x.mul(kept)?;
            }
            let [h, c] = concat(&[&x, h], 1)?.linear(weight, None)?.lstm_cell(c, None, LstmCell::default())?;
            x = h.clone();
            layers.push([h, c]);
        }
        let (attended, alpha) = match (&self.look, &self.attend) {
            (Some(look), Some(attend)) => {
                let (context, alpha) = look.at(source, &x, &state.time)?;
                (concat(&[&context, &x], 1)?.linear(attend, None)?.tanh()?, Some(alpha))
            }
            _ => (x, None),
        };
        Ok((State { layers, attended, time: state.time.add(&number(&state.time, 1.0)?)? }, alpha))
    }

    /// What words score, (.., words), by x (.., n).
    ///
    /// # Errors
    /// If the shapes do not belong together.
    pub fn scores(&self, attended: &Var) -> Result<Var> {
        attended.linear(&self.output, None)
    }
}
