//! quotient: division rounded as IEEE 754 has it, on every device.
//!
//! ```text
//! output[i] = a[i] / b[i], to nearest, ties to even
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | any, f32 |
//! | b | any that broadcasts with a, f32 |
//! | output | the larger size of each dimension, f32 |
//!
//! Gradients: those of [`Var::div`], not rounded so.
//!
//! [`Var::div`] is faster and may be off by 2.5 units in the last place, which is enough to turn a tie that is rounded afterwards.
//! Quotients below 2^-126 count as 0.

use super::broadcast::{infer_pair, pairs};
use super::{Candidate, Expression, Op, Site, launch_elements, the_gradient, unbroadcast};
use crate::array::{Array, DType, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// a / b, rounded to nearest, ties to even.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quotient;

impl Var {
    /// `self / other`, broadcast, rounded to nearest and ties to even on every device.
    ///
    /// # Errors
    /// If the shapes do not broadcast or a tensor is not f32.
    pub fn quotient(&self, other: &Self) -> Result<Self> {
        self.apply1(Quotient, &[other])
    }
}

/// The definition.
pub(super) fn quotient(a: f32, b: f32) -> f32 {
    let quotient = a / b;
    if quotient.is_subnormal() { 0.0 } else { quotient }
}

impl Op for Quotient {
    fn name(&self) -> &'static str {
        "quotient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        infer_pair(self.name(), inputs, &[DType::F32], None)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(vec![pairs(self.name(), inputs[0], inputs[1], quotient)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        // It is there to be rounded to an integer next.
        Some(Expression::new("quotient(x, y)").import("quotient").jumping(true))
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (a, b) = (&inputs[0], &inputs[1]);
        let by_b = grad.mul(&outputs[0])?.div(b)?.neg()?;
        Ok(vec![Some(unbroadcast(&grad.div(b)?, a.shape())?), Some(unbroadcast(&by_b, b.shape())?)])
    }
}
