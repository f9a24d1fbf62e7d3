//! Training: losses and optimisers against PyTorch and loops in f64.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod losses;
mod optimisers;
mod reinforce;
