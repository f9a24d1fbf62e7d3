//! How good answers are: [`Confusion`] of labels, [`Sequences`] of words, [`Precision`] of detections.

mod confusion;
mod precision;
mod sequences;

pub use confusion::Confusion;
pub use precision::Precision;
pub use sequences::Sequences;
