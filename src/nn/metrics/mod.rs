//! How good answers are: [`Confusion`] of labels, [`Sequences`] of words.

mod confusion;
mod sequences;

pub use confusion::Confusion;
pub use sequences::Sequences;
