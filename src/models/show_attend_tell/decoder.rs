//! The decoder's equations: what is computed once per image, and what for each word.

use super::{Attention, Config};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::{Dropout, Random, Weights};
use crate::ops::LstmCell;
use std::collections::BTreeMap;

const NAME: &str = "show_attend_tell";

/// The decoder with its parameters in a graph.
#[derive(Clone, Debug)]
pub struct Decoder {
    graph: Graph,
    config: Config,
    parameters: BTreeMap<String, Var>,
    half: Var,
    /// What dropout keeps in training, 1, and what it drops, 0: (words, B, size) for each of [`Config::dropped`].
    kept: Option<Vec<Var>>,
    /// Whether gradients compute each word's step again.
    pub(super) recomputed: bool,
}

/// What is computed once per image.
#[derive(Clone, Debug)]
pub struct Annotated {
    /// a: (B, L, D).
    pub annotations: Var,
    /// P: (B, L, D).
    pub projected: Var,
}

/// What goes from word to word.
#[derive(Clone, Debug)]
pub struct State {
    /// (B, n).
    pub h: Var,
    /// (B, n).
    pub c: Var,
}

/// What one word makes.
#[derive(Clone, Debug)]
pub struct Step {
    /// The states after the word.
    pub state: State,
    /// The logarithm of each word's probability, (B, K).
    pub log_probabilities: Var,
    /// Where the network looks, (B, L): the softmax, whatever is made of it.
    pub alpha: Var,
    /// How much of it counts, (B, 1), if the network has a gate.
    pub beta: Option<Var>,
    /// The one place that it looks at, i32 (B, 1), unless attention is soft.
    pub place: Option<Var>,
}

impl Decoder {
    /// The decoder of `weights` in `graph`, whose states the parameters are after [`Weights::as_states`]: then training changes them.
    ///
    /// # Errors
    /// If a parameter is missing or of another shape, or there is a layer that `config` has not: all by name.
    pub fn new(graph: &Graph, weights: &Weights, config: Config) -> Result<Self> {
        let wanted = config.parameters();
        let ours = |name: &str| ["Wemb", "ff_", "decoder", "encoder"].iter().any(|start| name.starts_with(start));
        if let Some(name) = weights.names().find(|name| ours(name) && !wanted.iter().any(|(known, _)| known == name)) {
            return Err(Error::unsupported(NAME, format!("a parameter '{name}', for which {config:?} has no place")));
        }
        let parameters = wanted.into_iter().map(|(name, shape)| {
            weights.shaped(&name, &shape)?;
            let var = weights.var(graph, &name)?;
            Ok((name, var))
        });
        let parameters = parameters.collect::<Result<_>>()?;
        Ok(Self { graph: graph.clone(), config, parameters, half: graph.constant(Array::scalar(0.5f32))?, kept: None, recomputed: false })
    }

    /// The same in training, of `batch` images and up to `words` words: where [`Config::dropout`] says so half of the values are zeros,
    /// drawn for each word anew, instead of all of them halved.
    ///
    /// # Errors
    /// If there are no images or no words.
    pub fn in_training(mut self, random: &mut Random, batch: usize, words: usize) -> Result<Self> {
        if self.config.dropout {
            let one = self.graph.constant(Array::scalar(1.0f32))?;
            let kept = self.config.dropped().map(|(once, size)| {
                let all = one.expand([if once { 1 } else { words }, batch, size])?;
                random.dropout(&all, 0.5, Dropout::Standard)
            });
            self.kept = Some(kept.collect::<Result<_>>()?);
        }
        Ok(self)
    }

    /// The same, of whose unrolled words gradients keep the states alone and compute the rest again, word by word, as
    /// [`Graph::recomputed`] has it: for long captions and large vocabularies.
    #[must_use]
    pub fn recomputed(self) -> Self {
        Self { recomputed: true, ..self }
    }

    /// The graph that this decoder is part of.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Its sizes and choices.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The parameters by name, in alphabetical order: what a loss has gradients with respect to.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.parameters.iter().map(|(name, var)| (name.as_str(), var))
    }

    fn parameter(&self, name: &str) -> Result<&Var> {
        self.parameters.get(name).ok_or_else(|| Error::shape(NAME, format!("there is no parameter '{name}'")))
    }

    /// x W + b.
    fn affine(&self, x: &Var, weight: &str, bias: &str) -> Result<Var> {
        x.matmul(self.parameter(weight)?)?.add(self.parameter(bias)?)
    }

    fn layer(&self, x: &Var, name: &str) -> Result<Var> {
        self.affine(x, &format!("{name}_W"), &format!("{name}_b"))
    }

    /// What dropout leaves of the values at one of [`Config::dropped`]'s places: half of them in training, for word `index`, else half of each.
    fn dropped(&self, x: &Var, place: usize, index: usize) -> Result<Var> {
        match self.kept.as_ref().and_then(|kept| kept.get(place)) {
            _ if !self.config.dropout => Ok(x.clone()),
            None => x.mul(&self.half),
            Some(kept) if index < kept.shape()[0] && kept.shape()[1..] == *x.shape() => x.mul(&kept.narrow(0, index, 1)?.squeeze(0)?),
            Some(kept) => {
                let reason = format!("word {index} of {} with dropout for (words, images, size) {:?}", x.ty(), kept.shape());
                Err(Error::shape(NAME, reason))
            }
        }
    }

    /// The projected annotations and the initial states of `annotations` (B, L, D).
    ///
    /// # Errors
    /// If they are not f32 (B, L, D).
    pub fn begin(&self, annotations: &Var) -> Result<(Annotated, State)> {
        let d = self.config.features;
        if annotations.dtype() != DType::F32 || !matches!(*annotations.shape(), [_, _, size] if size == d) {
            return Err(Error::shape(NAME, format!("annotations are f32 (images, places, {d}), not {}", annotations.ty())));
        }
        let mut mean = annotations.reduce_mean(&[1], false)?;
        for i in 1..self.config.init_layers {
            mean = self.dropped(&self.layer(&mean, &format!("ff_init_{i}"))?.relu()?, i - 1, 0)?;
        }
        let state = State { h: self.layer(&mean, "ff_state")?.tanh()?, c: self.layer(&mean, "ff_memory")?.tanh()? };
        let mut projected = self.affine(annotations, "decoder_Wc_att", "decoder_b_att")?;
        for i in 1..self.config.attention_layers {
            projected = self.affine(&projected, &format!("decoder_W_att_{i}"), &format!("decoder_b_att_{i}"))?.tanh()?;
        }
        Ok((Annotated { annotations: annotations.clone(), projected }, state))
    }

    /// The vectors (B, m) of words (B); zeros for those below 0.
    ///
    /// # Errors
    /// If the words are not i32.
    pub fn embedded(&self, words: &Var) -> Result<Var> {
        let zero = self.graph.constant(Array::scalar(0i32))?;
        let is_word = words.greater_or_equal(&zero)?.cast(DType::F32)?.unsqueeze(-1)?;
        self.parameter("Wemb")?.gather(0, words)?.mul(&is_word)
    }

    /// One word: `previous` (B, m) is the vector of the word before, `None` for the first; `index` counts words from 0.
    ///
    /// # Errors
    /// If the sizes do not belong together.
    pub fn step(&self, image: &Annotated, state: &State, previous: Option<&Var>, attention: &Attention, index: usize) -> Result<Step> {
        let State { h, c } = state;
        let (context, alpha, place) = self.attend(image, h, attention, index)?;
        let beta = if self.config.selector {
            let bias = self.parameter("decoder_b_sel")?;
            Some(h.matmul(self.parameter("decoder_W_sel")?)?.add(bias)?.sigmoid()?)
        } else {
            None
        };
        // Gated before both of its uses, in the cell and in the logits.
        let z = beta.as_ref().map_or_else(|| Ok(context.clone()), |beta| context.mul(beta))?;

        let mut gates = self.affine(h, "decoder_U", "decoder_b")?.add(&z.matmul(self.parameter("decoder_Wc")?)?)?;
        if let Some(x) = previous {
            gates = gates.add(&x.matmul(self.parameter("decoder_W")?)?)?;
        }
        // The gates are i, f, o, g.
        let [h, c] = gates.lstm_cell(c, None, LstmCell { places: [0, 1, 3, 2], ..LstmCell::default() })?;

        let log_probabilities = self.readout(&h, previous, &z, index)?.log_softmax(-1)?;
        Ok(Step { state: State { h, c }, log_probabilities, alpha, beta, place })
    }

    /// The context (B, D) before its gate, alpha (B, L), and the place (B, 1) if there is one. The bias `c_tt` of the scores changes no softmax and is left out.
    fn attend(&self, image: &Annotated, h: &Var, attention: &Attention, index: usize) -> Result<(Var, Var, Option<Var>)> {
        let Annotated { annotations, projected } = image;
        let query = h.matmul(self.parameter("decoder_Wd_att")?)?;
        let score = self.parameter("decoder_U_att")?.reshape([self.config.features])?;
        let (expected, alpha) = annotations.additive_attention(projected, &query, &score, None)?;
        let place = match attention {
            Attention::Soft => return Ok((expected, alpha, None)),
            Attention::Hard => alpha.argmax(-1, true, false)?,
            Attention::Sampled(numbers) | Attention::Mixed { numbers, .. } => self.draw(&alpha, numbers, index)?,
        };
        let seen = annotations.gather_nd(&place, 1)?;
        let context = match attention {
            Attention::Mixed { drawn, .. } if drawn.dtype() == DType::Bool && drawn.shape() == [1] => drawn.where_(&seen, &expected)?,
            Attention::Mixed { drawn, .. } => {
                return Err(Error::shape(NAME, format!("whether places are drawn is one truth value, bool[1], not {}", drawn.ty())));
            }
            _ => seen,
        };
        Ok((context, alpha, Some(place)))
    }

    /// The places (B, 1) that column `index` of `numbers` draws with the probabilities `alpha` (B, L).
    fn draw(&self, alpha: &Var, numbers: &Var, index: usize) -> Result<Var> {
        let (batch, places) = (alpha.shape()[0], alpha.shape()[1]);
        if numbers.dtype() != DType::F32 || !matches!(*numbers.shape(), [b, words] if b == batch && index < words) {
            let least = index.saturating_add(1);
            let reason = format!("word {index} of {batch} images takes numbers f32 ({batch}, {least} or more), not {}", numbers.ty());
            return Err(Error::shape(NAME, reason));
        }
        // As many places are passed as have sums no larger than the number; rounding may leave the last sum below it.
        let passed = alpha.cumsum(-1, false, false)?.less_or_equal(&numbers.narrow(1, index, 1)?)?;
        let last = self.graph.constant(Array::scalar(i32::try_from(places - 1).unwrap_or(i32::MAX)))?;
        passed.cast(DType::I32)?.reduce_sum(&[1], true)?.minimum(&last)
    }

    fn readout(&self, h: &Var, previous: Option<&Var>, z: &Var, index: usize) -> Result<Var> {
        // Dropout's places before these are the layers before the initial states.
        let first = self.config.init_layers.saturating_sub(1);
        let mut logits = self.layer(&self.dropped(h, first, index)?, "ff_logit_lstm")?;
        if let Some(x) = previous.filter(|_| self.config.previous_to_output) {
            logits = logits.add(x)?;
        }
        if self.config.context_to_output {
            logits = logits.add(&self.layer(z, "ff_logit_ctx")?)?;
        }
        logits = self.dropped(&logits.tanh()?, first + 1, index)?;
        for i in 1..self.config.output_layers {
            logits = self.dropped(&self.layer(&logits, &format!("ff_logit_h{i}"))?.relu()?, first + 1 + i, index)?;
        }
        self.layer(&logits, "ff_logit")
    }
}
