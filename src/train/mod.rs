//! Training: data in batches, a step as one plan, checkpoints, curves.
//!
//! ```text
//! Dataset --> Augmented --> Loader (threads, shuffled by seed and epoch) --> Trainer::step: forward, backward, optimiser in one submission
//!                                                                                   |  states stay on the device
//!                                                                       Checkpoint, Log (CSV and picture)
//! ```
//!
//! | data | are |
//! |---|---|
//! | [`ImageFolder`] | pictures in a folder for each class |
//! | [`MaskFolder`] | pictures, and a mask of classes for each, and one of things if you like |
//! | [`Pictures`] | pictures of an `.npz` file or of IDX files |
//! | [`Arrays`] | arrays of any kind |
//!
//! A run is decided by its seed: the order of examples, what distorts them and what the network draws depend on the seed and the number of the step
//! alone, so that a run that was stopped and goes on makes the same numbers as one that was not, on the same adapter.

mod about;
mod augment;
#[cfg(not(target_arch = "wasm32"))]
mod curves;
mod dataset;
mod folders;
mod frame;
mod idx;
mod loader;
mod log;
mod mask;
mod numbers;
mod pictures;
mod trainer;

pub use about::About;
pub use augment::{Augmentation, Augmented};
pub use dataset::{Arrays, Dataset};
pub use folders::{CLASS, ImageFolder, MaskFolder};
pub use frame::{Fit, Frame, Part};
pub use idx::read_idx;
pub use loader::{Batch, Loader};
pub use log::Log;
pub use mask::VOID;
pub(crate) use numbers::Numbers;
pub use pictures::Pictures;
pub use trainer::{Clip, Objective, Progress, Trainer};
