//! Networks: named weights, what they start as, and how good a result is; losses, optimisers and learning rates for training them.
//! Built from operators alone.

pub mod init;
pub mod loss;
pub mod metrics;
pub mod optimiser;
mod random;
pub mod schedule;
mod weights;

pub use random::{Dropout, Random, STEP as RANDOM_STEP};
pub use weights::Weights;
