//! A GPU compute engine for the networks that look: hand-written WGSL kernels for convolution, transposed convolution,
//! grid sampling and attention, run through wgpu on any GPU, with CPU references that prove them.
//!
//! A computation is a [`graph::Graph`] of [`graph::Var`]s, built eagerly: each method checks its shapes and adds a node.
//! [`plan::Plan::compile`] makes it ready for a device, [`plan::Plan::run`] runs it, again and again.
//!
//! ```
//! use foveate::{array::{Array, TensorType}, gpu::Gpu, graph::Graph, plan::Plan};
//!
//! # fn main() -> foveate::Result<()> {
//! let graph = Graph::new();
//! let x = graph.input("x", TensorType::f32([2, 3]))?;
//! let y = x.relu()?.softmax(-1)?;
//! let mut plan = Plan::compile(&Gpu::new()?, &[&y])?;
//! let outputs = plan.run(&[("x", &Array::from_fn([2, 3], |i| i as f32))])?;
//! assert_eq!(outputs[0].shape(), [2, 3]);
//! # Ok(())
//! # }
//! ```
//!
//! Operators and their attributes are in [`ops`], published systems in [`models`], weights, losses and optimisers in [`nn`], training in [`train`].
#![deny(missing_docs)]

pub mod array;
pub mod error;
pub mod gpu;
pub mod graph;
pub mod models;
pub mod nn;
pub mod onnx;
pub mod ops;
pub mod plan;
pub mod train;

pub use error::{Error, Result};

/// The README's code, compiled and run with the other documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
