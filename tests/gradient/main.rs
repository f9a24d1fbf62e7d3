//! Gradients: every operator's against differences of its values, the walk through the graph, a network against PyTorch, training.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod attention;
mod differences;
mod elementwise;
mod movement;
mod network;
mod products;
mod recompute;
mod recurrent;
mod reductions;
mod sampling;
mod training;
mod walk;
mod windows;
