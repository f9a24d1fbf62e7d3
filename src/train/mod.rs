//! Training: data in batches, a step as one plan, checkpoints, curves.
//!
//! ```text
//! Dataset --> Loader (threads, shuffled by seed and epoch) --> Trainer::step: forward, backward, optimiser in one submission
//!                                                                   |  states stay on the device
//!                                                       Checkpoint, Log (CSV and picture)
//! ```
//!
//! A run is decided by its seed: the order of examples, what distorts them and what the network draws depend on the seed and the number of the step
//! alone, so that a run that was stopped and goes on makes the same numbers as one that was not, on the same adapter.

mod dataset;
mod idx;
mod loader;
mod log;
mod trainer;

pub use dataset::{Arrays, Dataset};
pub use idx::read_idx;
pub use loader::{Batch, Loader};
pub use log::Log;
pub use trainer::{Clip, Objective, Progress, Trainer};
