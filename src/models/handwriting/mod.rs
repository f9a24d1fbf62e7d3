//! Handwriting: networks that write a text by hand, point by point, looking at the text through a window that moves along it.
//!
//! ```text
//! h1[t] = LSTM(x[t], w[t-1], h1[t-1])             w[t] = what the window of h1[t] sees of the text          see `window`
//! hl[t] = LSTM(x[t], w[t], hl-1[t], hl[t-1])      l = 2, 3
//! x[t+1] ~ a mixture of Gaussians and a coin by W [h1[t]; h2[t]; h3[t]] + b                                  see `mixture`
//! ```
//!
//! x is how far right and up the pen moves, and whether it leaves the paper there; the first is nothing but zeros. LSTMs have peepholes.
//!
//! Source: Graves, Generating Sequences With Recurrent Neural Networks (arXiv 1308.0850, 2013), sections 4 and 5. No weights were released;
//! names are this crate's. Left out: adaptive weight noise.
//!
//! | file | what is in it |
//! |---|---|
//! | `network` | [`Handwriting`], [`Network`]: nats of lines |
//! | `cell`, `window`, `mixture` | its parts |
//! | `pen`, `alphabet` | lines of strokes, the points and the characters that networks see |
//! | `lines`, `fonts`, `iam` | lines to learn from: made of fonts, or IAM-OnDB's |
//! | `writer` | [`Writer`]: texts written by hand |
//! | `picture` | ink on paper, SVG, and where the window was |

mod alphabet;
mod cell;
mod fonts;
mod iam;
mod lines;
mod mixture;
mod network;
mod pen;
mod picture;
mod window;
mod writer;

pub use alphabet::Alphabet;
pub use fonts::PenFont;
pub use iam::iam_lines;
pub use lines::{FontLines, Lines, Manner, Room};
pub use network::{Handwriting, Network, Read};
pub use pen::{Line, Point, Scale, Stroke};
pub use picture::{Paper, window_picture};
pub use writer::{Style, Writer, Written};

use crate::error::Result;
use crate::nn::Weights;

/// The weights of a [`Handwriting`] that has learnt to write two of Hershey's fonts by hand, which are part of the crate: three layers of 128
/// units, letters, digits and four marks.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, "handwriting.safetensors")
}

const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/handwriting.safetensors"));
