//! Networks: named weights, what they start as, and how good a result is; later layers, losses and optimisers, built from operators alone.

pub mod init;
pub mod metrics;
mod random;
mod weights;

pub use random::{Dropout, Random, STEP as RANDOM_STEP};
pub use weights::Weights;
