//! Networks: named weights and what they start as, and later layers, losses and optimisers, built from operators alone.

pub mod init;
mod weights;

pub use weights::Weights;
