//! `clip_gradient`: the same numbers, whose gradient is brought between two bounds.
//!
//! | tensor | shape |
//! |---|---|
//! | input | any, f32 |
//! | output | the same |
//!
//! Costs nothing: the output is the input's buffer. Gradient: that of the output, brought between -bound and bound; NaN stays NaN. What
//! keeps a recurrent layer's gradient from growing without end on its way back through time, where a step's own is clipped rather than the
//! sum over all of them (Graves, Generating Sequences With Recurrent Neural Networks, arXiv 1308.0850, section 2.1). ONNX and PyTorch have
//! no such operator; Theano's and Lasagne's is `grad_clip`.

use super::{Candidate, Expression, Op, Site, check_dtype, check_inputs, the_gradient};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The same numbers, whose gradient is brought between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipGradient {
    /// The largest that a gradient's element may be, and less 0 the least.
    pub bound: f32,
}

impl Var {
    /// These numbers; what a loss changes by when they do is brought between -`bound` and `bound`, element by element.
    ///
    /// # Errors
    /// If the tensor is not f32, or the bound is not positive.
    pub fn clip_gradient(&self, bound: f32) -> Result<Self> {
        self.apply1(ClipGradient { bound }, &[])
    }
}

impl Op for ClipGradient {
    fn name(&self) -> &'static str {
        "clip_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if self.bound.is_nan() || self.bound <= 0.0 {
            return Err(Error::shape(self.name(), format!("a bound of {}; it must be positive", self.bound)));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].clone()])
    }

    fn launch(&self, _: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }])
    }

    /// Between operators that are put together it is not in their way.
    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(Expression::new("x"))
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        Ok(vec![Some(the_gradient(self.name(), output_grads)?.clip(Some(-self.bound), Some(self.bound))?)])
    }
}
