//! reshape: the same elements, in the same order, under another shape.
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | output | `shape`, with as many elements |
//!
//! Costs nothing: the output is the input's buffer. Gradient: that of the output under the input's shape. ONNX: Reshape, Flatten, Squeeze, Unsqueeze. PyTorch: `reshape`.

use super::{Candidate, Op, Site, check_axis, check_inputs, the_gradient};
use crate::array::{Array, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The same elements under another shape.
#[derive(Clone, Debug)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Vec<usize>,
}

impl Var {
    /// The same elements under `shape`.
    ///
    /// # Errors
    /// If the shapes differ in their number of elements.
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        self.apply1(Reshape { shape: shape.into() }, &[])
    }

    /// Merges the dimensions from `first` on into one.
    ///
    /// # Errors
    /// If there is no dimension `first`.
    pub fn flatten(&self, first: usize) -> Result<Self> {
        let Some((kept, merged)) = self.shape().split_at_checked(first) else {
            return Err(Error::shape("flatten", format!("there is no dimension {first} in {}", self.ty())));
        };
        let mut shape = kept.to_vec();
        shape.push(elements(merged));
        self.reshape(shape)
    }

    /// Without dimension `axis`, whose size must be 1.
    ///
    /// # Errors
    /// If there is no such dimension or its size is another.
    pub fn squeeze(&self, axis: isize) -> Result<Self> {
        let axis = check_axis("squeeze", axis, self.ty())?;
        if self.shape()[axis] != 1 {
            return Err(Error::shape("squeeze", format!("dimension {axis} of {} has not size 1", self.ty())));
        }
        let mut shape = self.shape().to_vec();
        shape.remove(axis);
        self.reshape(shape)
    }

    /// With a dimension of size 1 put in as dimension `axis`.
    ///
    /// # Errors
    /// If the result has no such dimension.
    pub fn unsqueeze(&self, axis: isize) -> Result<Self> {
        let mut shape = self.shape().to_vec();
        // Counted among the dimensions of the result.
        let at = if axis < 0 { (shape.len() + 1).checked_sub(axis.unsigned_abs()) } else { Some(axis.unsigned_abs()) };
        let Some(at) = at.filter(|&at| at <= shape.len()) else {
            return Err(Error::shape("unsqueeze", format!("{} has no place for a dimension {axis}", self.ty())));
        };
        shape.insert(at, 1);
        self.reshape(shape)
    }
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let output = TensorType::new(inputs[0].dtype, self.shape.clone());
        if output.checked_elements()? != inputs[0].elements() {
            let (from, to) = (inputs[0].elements(), output.elements());
            return Err(Error::shape(self.name(), format!("{} has {from} elements, {:?} has {to}", inputs[0], self.shape)));
        }
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(vec![inputs[0].clone().reshaped(self.shape.clone())?])
    }

    fn launch(&self, _: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(grad.reshape(inputs[0].shape())?)])
    }
}
