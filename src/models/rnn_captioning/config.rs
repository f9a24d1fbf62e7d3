//! The equations and sizes, the parameters that follow from them, and what a weights file says of both.

use crate::array::{Array, elements};
use crate::error::{Error, Result};
use crate::nn::{Weights, init};

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
    /// The network that `weights` are of: the form by `Wih` or `We`, the sizes by the tensors'. `rnn_feed_once` has no parameters; it
    /// is what the file's metadata say, else false as in the published script.
    ///
    /// # Errors
    /// [`Error::Model`] if neither is there or both are, or a tensor is missing or of another shape, by name; [`Error::Unsupported`]
    /// for `rnn_relu_encoders` in the metadata.
    pub fn of(weights: &Weights) -> Result<Self> {
        let (form, image) = match (weights.contains("Wih"), weights.contains("We")) {
            (true, false) => (Form::Initial, "Wih"),
            (false, true) => (Form::NeuralTalk { once: weights.flag("rnn_feed_once")?.unwrap_or(false) }, "We"),
            (true, true) => return Err(Error::model(weights.source(), "has both 'We' of NeuralTalk and 'Wih' of the lecture's network")),
            _ => return Err(Error::model(weights.source(), "has neither 'We' of NeuralTalk nor 'Wih' of the lecture's network")),
        };
        if weights.flag("rnn_relu_encoders")? == Some(true) {
            return Err(Error::unsupported("rnn_captioning", "rnn_relu_encoders, a ReLU behind each encoder"));
        }
        let ([features, hidden], [words, embedding]) = (weights.sizes(image)?, weights.sizes("Ws")?);
        let config = Self { form, features, embedding, hidden, words };
        config.check(weights)?;
        Ok(config)
    }

    /// Refuses weights that are not this network's.
    ///
    /// # Errors
    /// [`Error::Model`] if a parameter is missing or of another shape, by name.
    pub fn check(&self, weights: &Weights) -> Result<()> {
        self.parameters().iter().try_for_each(|(name, shape)| weights.shaped(name, shape).map(drop))
    }

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
        self.parameters().iter().fold(0, |sum: usize, (_, shape)| sum.saturating_add(elements(shape)))
    }

    /// Parameters as training starts with them in `NeuralTalk`: uniform in -0.1 to 0.1, a tenth of that into the words' scores, biases
    /// 0. The numbers depend on `seed` and the names alone; the metadata say what the parameters do not.
    ///
    /// # Errors
    /// If there are more than 2^28 parameters.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        if self.parameter_count() > MOST {
            return Err(Error::shape("rnn_captioning", format!("{} parameters, 2^28 are the most", self.parameter_count())));
        }
        let arrays = self.parameters().into_iter().map(|(name, shape)| {
            let draws = init::Draws::new(seed, name);
            let most = match name {
                _ if shape.len() == 1 => 0.0,
                "Wd" | "Why" => 0.01,
                _ => 0.1,
            };
            (name.to_owned(), Array::from_fn(shape, |i| most * (2.0 * draws.uniform(i) - 1.0)))
        });
        let weights = Weights::from_arrays("initial parameters of rnn_captioning", arrays);
        Ok(match self.form {
            Form::Initial => weights,
            Form::NeuralTalk { once } => weights.with_metadata("rnn_feed_once", if once { "1" } else { "0" }),
        })
    }
}

/// The most numbers that are drawn: sizes are the caller's, memory is not.
const MOST: usize = 1 << 28;
