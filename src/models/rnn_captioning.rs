//! Captions without attention: one vector of the photo, a recurrent network, and a word after the other.
//!
//! ```text
//! the lecture's picture                     NeuralTalk
//! h0 = F Wih + bih                          X  = F We + be,  h0 = 0
//! h  = tanh(x Wxh + h Whh + bhh)            h  = relu(X + x Wxh + bxh + h Whh + bhh)      X at every step, or at the first alone
//! y  = h Why + by                           y  = h Wd + bd
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | F | (B, D): of VGG the 4096 of fc7 |
//! | x | (B, e): row of Ws of the word before; word 0 starts a caption and ends it |
//! | h | (B, d) |
//! | y | (B, K): softmax gives the word's probabilities |
//!
//! Karpathy, Fei-Fei: Deep Visual-Semantic Alignments for Generating Image Descriptions, CVPR 2015, in the published code
//! (karpathy/neuraltalk), whose names the second form's parameters have. The first has no checkpoint; its names are its equations'.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::concat;

/// Which equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The image is the first state.
    Initial,
    /// `NeuralTalk`: the image goes into the state.
    NeuralTalk {
        /// At the first step alone, `rnn_feed_once`, as in the paper; the code's default is every step.
        once: bool,
    },
}

/// The sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The equations.
    pub form: Form,
    /// D: numbers that stand for a photo.
    pub features: usize,
    /// e: the size of a word's vector.
    pub embedding: usize,
    /// d: the size of the state, and of the image's code.
    pub hidden: usize,
    /// K: words, 0 among them.
    pub words: usize,
}

impl Config {
    /// Name and shape of every parameter.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        let Self { features, embedding: e, hidden: d, words, .. } = *self;
        match self.form {
            Form::Initial => vec![
                ("Wih", vec![features, d]),
                ("bih", vec![d]),
                ("Ws", vec![words, e]),
                ("Wxh", vec![e, d]),
                ("Whh", vec![d, d]),
                ("bhh", vec![d]),
                ("Why", vec![d, words]),
                ("by", vec![words]),
            ],
            Form::NeuralTalk { .. } => vec![
                ("We", vec![features, d]),
                ("be", vec![d]),
                ("Ws", vec![words, e]),
                ("Wxh", vec![e, d]),
                ("bxh", vec![d]),
                ("Whh", vec![d, d]),
                ("bhh", vec![d]),
                ("Wd", vec![d, words]),
                ("bd", vec![words]),
            ],
        }
    }

    /// How many numbers the parameters are.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().fold(0, |sum: usize, (_, shape)| sum.saturating_add(crate::array::elements(shape)))
    }
}

/// The likeliest words, i32 (B, `steps`), of photos with `features` (B, D), and the logarithms of their probabilities, (B, `steps`).
/// What follows a word 0 means nothing. All words are one plan: the state never leaves the device.
///
/// # Errors
/// If a parameter is missing or of another shape, by name; if `features` have another size or `steps` is 0.
pub fn greedy(graph: &Graph, weights: &Weights, config: Config, features: &Var, steps: usize) -> Result<(Var, Var)> {
    let &[batch, _] = features.shape() else {
        return Err(Error::shape("rnn_captioning", format!("features are (photos, {}), not {}", config.features, features.ty())));
    };
    // What is not used is refused all the same if its shape is wrong.
    config.parameters().iter().try_for_each(|(name, shape)| weights.shaped(name, shape).map(drop))?;
    let parameter = |name: &str| weights.var(graph, name);
    let affine = |x: &Var, weight: &str, bias: &str| x.matmul(&parameter(weight)?)?.add(&parameter(bias)?);
    let image = match config.form {
        Form::Initial => affine(features, "Wih", "bih")?,
        Form::NeuralTalk { .. } => affine(features, "We", "be")?,
    };
    let mut word = graph.constant(Array::full([batch, 1], 0i32))?;
    let mut state = (config.form == Form::Initial).then(|| image.clone());
    let (mut words, mut logs) = (Vec::new(), Vec::new());
    for t in 0..steps {
        let x = parameter("Ws")?.gather(0, &word.squeeze(1)?)?;
        let (h, y) = match config.form {
            Form::Initial => {
                let mut sum = affine(&x, "Wxh", "bhh")?;
                if let Some(h) = &state {
                    sum = sum.add(&h.matmul(&parameter("Whh")?)?)?;
                }
                let h = sum.tanh()?;
                let y = affine(&h, "Why", "by")?;
                (h, y)
            }
            Form::NeuralTalk { once } => {
                let mut sum = affine(&x, "Wxh", "bxh")?.add(&parameter("bhh")?)?;
                if !once || t == 0 {
                    sum = sum.add(&image)?;
                }
                // The first state is 0.
                if let Some(h) = &state {
                    sum = sum.add(&h.matmul(&parameter("Whh")?)?)?;
                }
                let h = sum.relu()?;
                let y = affine(&h, "Wd", "bd")?;
                (h, y)
            }
        };
        let log = y.log_softmax(-1)?;
        word = log.argmax(-1, true, false)?;
        logs.push(log.gather_elements(1, &word)?);
        words.push(word.clone());
        state = Some(h);
    }
    Ok((concat(&words.iter().collect::<Vec<_>>(), 1)?, concat(&logs.iter().collect::<Vec<_>>(), 1)?))
}
