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

mod beam;
mod config;
mod network;

pub use beam::{BeamSearch, Hypothesis};
pub use config::{Config, Form};
pub use network::{forced, forced_recomputed, greedy};
