//! `RNNsearch`: a sentence of one language, word by word, out of a sentence of another; and where the network looked for each word.
//!
//! ```text
//! h[j]   = [forward GRU; backward GRU] over E x[1..S]                                annotations, (B, S, 2n)
//! s[0]   = tanh(Ws backward[1] + b)
//! for i = 1..T, of the word before, y[i-1], whose vector is 0 for the first:
//!   e[j] = v . tanh(Wa s[i-1] + Ua h[j] + b)      alpha = softmax over the words of x      c = sum over j of alpha[j] h[j]
//!   s[i] = GRU([E y[i-1]; c], s[i-1])
//!   p(y) = softmax(Wo t + b)      t[k] = the larger of r[2k], r[2k + 1]      r = [Uo Vo Co] [s[i-1]; E y[i-1]; c] + b
//! ```
//!
//! The score of a word is made of the state *before* it, as the paper prints and its code has it. A GRU applies r to the state before the
//! matrix, as published, but its z keeps the state (`h = (1 - z) candidate + z h`, [`gru`](crate::graph::Var::gru)) where the paper's lets
//! the candidate in: weights of the published code fit with z's rows and bias negated. Biases, which the paper leaves out, are there.
//! `RNNencdec`, what the paper compares with, has the forward GRU alone, and its last state is c for all words: [`RnnSearch::searches`].
//!
//! Source: Bahdanau, Cho, Bengio, Neural Machine Translation by Jointly Learning to Align and Translate (ICLR 2015, arXiv 1409.0473). No
//! weights were released; names are this crate's.
//!
//! | file | what is in it |
//! |---|---|
//! | `sizes` | [`RnnSearch`]: how large a network is |
//! | `network` | [`Network`]: the formulas above |
//! | `sentence` | all words in one graph: those that are given, and the likeliest |
//! | `search` | how a [`Translator`](super::translator::Translator) goes from word to word |

mod network;
mod search;
mod sentence;
mod sizes;

pub use network::{Annotated, Network, Source, Step};
pub use sizes::RnnSearch;

use crate::error::Result;
use crate::nn::Weights;

/// The weights of a network that has learnt from CMU's dictionary how English words are spoken, which are part of the crate: 96 units.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, "pronounce.safetensors")
}

const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/pronounce.safetensors"));
