//! Networks: named weights, what they start as, and how good a result is; losses, optimisers and learning rates for training them.
//! Built from operators alone.

pub mod init;
pub mod loss;
pub mod metrics;
pub mod optimiser;
pub mod schedule;
mod weights;

pub use weights::Weights;
