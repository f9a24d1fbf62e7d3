//! Global and local attention: a translator whose every word looks at all words of a sentence, or at a few of them around a place.
//!
//! ```text
//! a[j], (c, h)   stacked LSTMs read the sentence from its last word to its first; a is the top layer's, (B, S, n), (c, h) each layer's last
//! for t = 1..T, of the word before, y[t-1], whose vector is 0 for the first, and what the step before made of where it looked:
//!   h[t]     = the top of stacked LSTMs, of [E y[t-1]; x[t-1]]        x[0] = 0; E y[t-1] alone without input feeding
//!   alpha[j] = softmax over j of score(h[t], a[j])                    c = sum over j of alpha[j] a[j]
//!   x[t]     = tanh(Wc [c; h[t]])                                     h[t] for a network that looks nowhere
//!   p(y)     = softmax(Ws x[t])
//!
//! score    dot       h . a[j]               general   (Wa h) . a[j]
//!          concat    v . tanh(Wa h + a[j])  location  (Wa h)[j]
//! window   global    every j
//!          monotonic |j - p| <= D           p = t, and the last word behind the end
//!          predicted |j - floor p| <= D     p = (S - 1) sigmoid(vp . tanh(Wp h)), and alpha[j] exp(-2 (j - p)^2 / D^2) behind the softmax
//! ```
//!
//! j and t count from 0, S are the words without the end of the sentence, at which nobody looks. The window's weights are not brought to a
//! sum of 1 again, and no gradient goes through its edges. The published formulas, which have no biases. `concat` is as in the published
//! code, whose half of Wa for `a[j]` is 1. The score is of the state *behind* the step, where [`rnnsearch`](crate::models::rnnsearch) takes
//! the one before it. Dropout is on what goes into each layer and into Ws.
//!
//! Source: Luong, Pham, Manning, Effective Approaches to Attention-based Neural Machine Translation (EMNLP 2015, arXiv 1508.04025), and
//! their code for MATLAB. No weights were released; names are this crate's.
//!
//! | file | what is in it |
//! |---|---|
//! | `sizes` | [`Luong`]: how large a network is, and how it looks |
//! | `network` | [`Network`]: what is read, and a step |
//! | `look` | where a step looks |
//! | `sentence` | all words in one graph: those that are given, and the likeliest |
//! | `search` | how a [`Translator`](super::translator::Translator) goes from word to word |

mod look;
mod network;
mod search;
mod sentence;
mod sizes;

pub use look::Source;
pub use network::{Network, State};
pub use sizes::{Attention, Luong, Score, Window};
