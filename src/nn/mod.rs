//! Networks: named weights, and later layers, losses and optimisers, built from operators alone.

mod weights;

pub use weights::Weights;
