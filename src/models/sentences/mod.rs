//! Sentences: what they are made of, where they come from, and what all that write them have in common.
//!
//! Every sentence ends with word [`END`]; what follows is -1. [`UNKNOWN`] stands for words that are not among the most frequent.
//!
//! | file | what is in it |
//! |---|---|
//! | `language` | [`Language`]: words or letters, and their numbers |
//! | `pairs` | [`Pairs`]: sentences with their translations, out of a file |
//! | `picture` | [`alignment`]: where a network looked for each word |

mod language;
mod pairs;
mod picture;

pub use language::{Language, Side, Unit};
pub(super) use pairs::padded;
pub use pairs::{Lines, Pairs};
pub use picture::alignment;

use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::loss::{CrossEntropy, Reduction, cross_entropy};
use crate::ops::scaled;

/// The word that ends a sentence.
pub const END: i32 = 0;
/// The word that stands for all that have no number.
pub const UNKNOWN: i32 = 1;

/// The likeliest word after the likeliest word; what follows an [`END`] means nothing.
#[derive(Clone, Debug)]
pub struct Greedy {
    /// i32 (B, T).
    pub words: Var,
    /// The logarithm of each word's probability, (B, T).
    pub log_probabilities: Var,
    /// Where the network looked for each word, (B, T, S), if it does.
    pub alphas: Option<Var>,
}

/// What training makes small: the negative logarithm of a sentence's probability, the sum over its words and the mean over sentences.
/// Of scores (B, T, words) and what should stand there, i32 (B, T); -1 does not count.
///
/// # Errors
/// If the types do not belong together.
pub fn sentence_loss(scores: &Var, target: &Var) -> Result<Var> {
    let &[batch, steps, words] = scores.shape() else {
        return Err(Error::shape("sentences", format!("scores are (sentences, places, words), not {}", scores.ty())));
    };
    let options = CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() };
    let sum = cross_entropy(&scores.reshape([batch * steps, words])?, &target.reshape([batch * steps])?, &options)?;
    scaled(&sum, 1.0 / batch.max(1) as f32)
}

/// The vectors of words i32 (..) out of `all` (words, m), zeros for -1: (.., m).
pub(super) fn embedded(all: &Var, words: &Var) -> Result<Var> {
    let is_word = words.greater_or_equal(&words.graph().constant(Array::scalar(0i32))?)?;
    all.gather(0, words)?.mul(&is_word.cast(DType::F32)?.unsqueeze(-1)?)
}

/// Logarithms of probabilities (.., words) of which none says that a word is [`UNKNOWN`].
pub(super) fn known(logs: &Var) -> Result<Var> {
    let words = logs.shape().last().copied().unwrap_or(0);
    let forbidden = Array::from_fn([words], |word| if word == UNKNOWN as usize { f32::NEG_INFINITY } else { 0.0 });
    logs.add(&logs.graph().constant(forbidden)?)
}
