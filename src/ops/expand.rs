//! expand: a tensor repeated along dimensions of size 1.
//!
//! ```text
//! output[i, j, ..] = input[i or 0, j or 0, ..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | output | what the input's shape and `shape` broadcast to |
//!
//! ONNX: Expand. PyTorch: `expand`, `broadcast_to`.

use super::broadcast::{broadcast_shape, broadcast_walk};
use super::copy::{copy, flat, gathering, rearranged};
use super::{Candidate, Op, Site, check_inputs};
use crate::array::{Array, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

/// It moves elements with the kernel that [`Slice`](super::Slice) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Repeats along dimensions of size 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expand {
    /// What the input is broadcast with.
    pub shape: Vec<usize>,
}

impl Var {
    /// This tensor broadcast with `shape`.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn expand(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        self.apply1(Expand { shape: shape.into() }, &[])
    }
}

impl Op for Expand {
    fn name(&self) -> &'static str {
        "expand"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let shape = broadcast_shape(self.name(), &[&inputs[0].shape, &self.shape])?;
        let output = TensorType::new(inputs[0].dtype, shape);
        output.checked_elements()?;
        gathering(self.name(), output.dtype, &output.shape, broadcast_walk(&inputs[0].shape, &output.shape))?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let from = inputs[0].shape();
        let shape = broadcast_shape(self.name(), &[from, &self.shape])?;
        let missing = shape.len() - from.len();
        let place = |(&size, &at): (&usize, &usize)| if size == 1 { 0 } else { at };
        Ok(vec![rearranged(inputs[0], &shape, |at| flat(from, from.iter().zip(&at[missing..]).map(place)))?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, output) = (site.inputs[0], site.outputs[0]);
        let walk = broadcast_walk(&input.shape, &output.shape);
        copy(self.name(), site, &gathering(self.name(), input.dtype, &output.shape, walk)?)
    }
}
