//! Networks: named weights, what they start as, and how good a result is; later layers, losses and optimisers, built from operators alone.

pub mod init;
pub mod metrics;
mod weights;

pub use weights::Weights;
