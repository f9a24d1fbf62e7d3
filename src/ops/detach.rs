//! detach: the same numbers, through which no gradient flows.
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | output | the same |
//!
//! Costs nothing: the output is the input's buffer. Gradient: none. ONNX has no such operator. PyTorch: `detach`; `TensorFlow`:
//! `stop_gradient`; Theano: `disconnected_grad`.

use super::{Candidate, Op, Site, check_inputs};
use crate::array::{Array, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The same numbers, through which no gradient flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detach;

impl Var {
    /// These numbers as if they were given: a loss has no gradient through them.
    ///
    /// # Errors
    /// None that a value of a graph can cause.
    pub fn detach(&self) -> Result<Self> {
        self.apply1(Detach, &[])
    }
}

impl Op for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].clone()])
    }

    fn launch(&self, _: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }])
    }

    fn gradient(&self, _: &[Var], _: &[Var], _: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![None])
    }
}
