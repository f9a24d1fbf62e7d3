//! DRAW: networks that draw pictures stroke by stroke, and look at them glimpse by glimpse.
//!
//! ```text
//! for t = 1..T:   x^ = x - sigmoid(c[t-1])                                          what the drawing lacks
//!                 r = read(x, x^; window of d[t-1])                                 a glimpse of both
//!                 e[t] = LSTM([r; d[t-1]], e[t-1])
//!                 z ~ N(mean, deviation^2),  [mean; log deviation] = W e[t] + b     when a picture is made up: z ~ N(0, 1), and no e
//!                 d[t] = LSTM(z, d[t-1])
//!                 c[t] = c[t-1] + write(W d[t]; window of d[t])                     x ~ Bernoulli(sigmoid(c[T]))
//! ```
//!
//! Source: Gregor, Danihelka, Graves, Rezende, Wierstra, DRAW: A Recurrent Neural Network For Image Generation (ICML 2015,
//! arXiv 1502.04623). No weights were released; names are this crate's. What the paper leaves open: the first canvas and the LSTMs' first
//! outputs are learnt, their first cells are 0, and there are no peepholes.
//!
//! | file | what is in it |
//! |---|---|
//! | `window` | the grid of Gaussian filters that both networks look through |
//! | `generator` | [`Draw`]: nats of pictures, and pictures made up |
//! | `glimpses` | [`Glimpses`]: the network that reads alone, and names what it saw |
//! | `clutter` | the digits that it learns from |
//! | `cell` | the LSTM |
//! | `picture` | drawings with the windows in which they were made |

mod cell;
mod clutter;
mod generator;
mod glimpses;
mod picture;
mod window;

pub use clutter::Cluttered;
pub use generator::{Draw, Moment, Seen};
pub use glimpses::Glimpses;
pub use picture::framed;

use crate::error::Result;
use crate::nn::Weights;

/// The weights of a [`Draw`] that has learnt to draw MNIST's digits, which are part of the crate: 10 steps of 128 units, 16 numbers and
/// windows of 5 x 5.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, "digits_draw.safetensors")
}

const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/digits_draw.safetensors"));
