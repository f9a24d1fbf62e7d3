//! The equations in a graph: what is computed once per photo, and what for each word.

use super::{Config, Form};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::concat;

/// The network's parameters in a graph.
pub(super) struct Parameters<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    pub(super) config: Config,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(graph: &'a Graph, weights: &'a Weights, config: Config) -> Result<Self> {
        // What is not used is refused all the same if its shape is wrong.
        config.check(weights)?;
        Ok(Self { graph, weights, config })
    }

    fn get(&self, name: &str) -> Result<Var> {
        self.weights.var(self.graph, name)
    }

    fn affine(&self, x: &Var, weight: &str, bias: &str) -> Result<Var> {
        x.matmul(&self.get(weight)?)?.add(&self.get(bias)?)
    }

    /// The image's code (B, d) of features (B, D).
    pub(super) fn image(&self, features: &Var) -> Result<Var> {
        let wanted = self.config.features;
        if !matches!(*features.shape(), [_, size] if size == wanted) {
            return Err(Error::shape("rnn_captioning", format!("features are (photos, {wanted}), not {}", features.ty())));
        }
        match self.config.form {
            Form::Initial => self.affine(features, "Wih", "bih"),
            Form::NeuralTalk { .. } => self.affine(features, "We", "be"),
        }
    }

    /// The state (B, d) and the logarithms of all words' probabilities (B, K) after `words`, i32 (B), of the state before, `None` for
    /// zeros, and of the image's code if it goes into this step.
    pub(super) fn step(&self, words: &Var, state: Option<&Var>, image: Option<&Var>) -> Result<(Var, Var)> {
        let x = self.get("Ws")?.gather(0, words)?;
        let mut sum = match self.config.form {
            Form::Initial => self.affine(&x, "Wxh", "bhh")?,
            Form::NeuralTalk { .. } => self.affine(&x, "Wxh", "bxh")?.add(&self.get("bhh")?)?,
        };
        if let Some(image) = image {
            sum = sum.add(image)?;
        }
        if let Some(state) = state {
            sum = sum.add(&state.matmul(&self.get("Whh")?)?)?;
        }
        let (h, y) = match self.config.form {
            Form::Initial => {
                let h = sum.tanh()?;
                let y = self.affine(&h, "Why", "by")?;
                (h, y)
            }
            Form::NeuralTalk { .. } => {
                let h = sum.relu()?;
                let y = self.affine(&h, "Wd", "bd")?;
                (h, y)
            }
        };
        Ok((h, y.log_softmax(-1)?))
    }
}

/// The likeliest words, i32 (B, `steps`), of photos with `features` (B, D), and the logarithms of their probabilities, (B, `steps`).
/// What follows a word 0 means nothing. All words are one plan: the state never leaves the device.
///
/// # Errors
/// If a parameter is missing or of another shape, by name; if `features` have another size or `steps` is 0.
pub fn greedy(graph: &Graph, weights: &Weights, config: Config, features: &Var, steps: usize) -> Result<(Var, Var)> {
    unroll(graph, weights, config, features, steps, None, false)
}

/// The logarithms of the probabilities of given `words`, i32 (B, T), each after those before it, (B, T): what training makes large.
/// The parameters are states of the graph after [`Weights::as_states`].
///
/// # Errors
/// If a parameter is missing or of another shape, by name; if `features` have another size or the words are not i32 (B, T).
pub fn forced(graph: &Graph, weights: &Weights, config: Config, features: &Var, words: &Var) -> Result<Var> {
    given(graph, weights, config, features, words, false)
}

/// [`forced`], of whose words gradients keep the states alone and compute the rest again, word by word, as [`Graph::recomputed`] has it:
/// for long captions and large vocabularies.
///
/// # Errors
/// As [`forced`].
pub fn forced_recomputed(graph: &Graph, weights: &Weights, config: Config, features: &Var, words: &Var) -> Result<Var> {
    given(graph, weights, config, features, words, true)
}

fn given(graph: &Graph, weights: &Weights, config: Config, features: &Var, words: &Var, recomputed: bool) -> Result<Var> {
    match (words.shape(), features.shape()) {
        (&[photos, steps], &[all, _]) if photos == all && words.dtype() == DType::I32 => {
            unroll(graph, weights, config, features, steps, Some(words), recomputed).map(|(_, logs)| logs)
        }
        _ => {
            let reason = format!("words are i32 (photos, words), not {} for features {}", words.ty(), features.ty());
            Err(Error::shape("rnn_captioning", reason))
        }
    }
}

fn unroll(
    graph: &Graph,
    weights: &Weights,
    config: Config,
    features: &Var,
    steps: usize,
    forced: Option<&Var>,
    recomputed: bool,
) -> Result<(Var, Var)> {
    let parameters = Parameters::new(graph, weights, config)?;
    let image = parameters.image(features)?;
    let mut word = graph.constant(Array::full([features.shape()[0], 1], 0i32))?;
    let mut state = (config.form == Form::Initial).then(|| image.clone());
    let (mut words, mut logs) = (Vec::new(), Vec::new());
    for t in 0..steps {
        let fed = match config.form {
            Form::Initial => false,
            Form::NeuralTalk { once } => !once || t == 0,
        };
        let one = || {
            let (h, log) = parameters.step(&word.squeeze(1)?, state.as_ref(), fed.then_some(&image))?;
            let next = match forced {
                Some(words) => words.narrow(1, t, 1)?,
                None => log.argmax(-1, true, false)?,
            };
            let log = log.gather_elements(1, &next)?;
            Ok((h, next, log))
        };
        let (h, next, log) = if recomputed { graph.recomputed(one)? } else { one()? };
        state = Some(h);
        logs.push(log);
        words.push(next.clone());
        word = next;
    }
    Ok((concat(&words.iter().collect::<Vec<_>>(), 1)?, concat(&logs.iter().collect::<Vec<_>>(), 1)?))
}
