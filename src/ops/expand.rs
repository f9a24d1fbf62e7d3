//! expand: a tensor repeated along dimensions of size 1; tile, one repeated whole along any.
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
//! [`Var::tile`] is composed and exact: a repeated dimension `d` is `(1, d)`, expanded to `(n, d)` and merged again. One pass, or
//! more where more than three dimensions of a tensor are repeated.
//!
//! Gradient: that of the output, summed over all copies.
//!
//! ONNX: Expand, Tile. PyTorch: `expand`, `broadcast_to`; `repeat`, `tile`.

use super::broadcast::{broadcast_shape, broadcast_walk};
use super::copy::{copy, flat, gathering, rearranged};
use super::{Candidate, Expression, Op, Site, check_inputs, the_gradient, unbroadcast};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It moves elements with the kernel that [`Slice`](super::Slice) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Dimensions that one pass tiles: each takes two loops and may have one before and one after it.
const TOGETHER: usize = 3;

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

    /// This tensor `repeats[i]` times along dimension `i`. More repeats than dimensions are of dimensions of size 1 in front.
    ///
    /// # Errors
    /// If there are fewer repeats than dimensions, one is 0, or the result is too large.
    pub fn tile(&self, repeats: &[usize]) -> Result<Self> {
        let Some(missing) = repeats.len().checked_sub(self.shape().len()) else {
            return Err(Error::shape("tile", format!("{} repeats are fewer than the dimensions of {}", repeats.len(), self.ty())));
        };
        let mut shape = [vec![1; missing], self.shape().to_vec()].concat();
        let sizes = shape.iter().zip(repeats).map(|(size, n)| size.checked_mul(*n)).collect::<Option<Vec<_>>>();
        let Some(sizes) = sizes.filter(|_| !repeats.contains(&0)) else {
            return Err(Error::shape("tile", format!("repeats {repeats:?} of {} are 0 or too many", self.ty())));
        };
        TensorType::new(self.dtype(), sizes).checked_elements()?;
        let mut output = self.reshape(shape.clone())?;
        let repeated: Vec<usize> = (0..shape.len()).filter(|&d| repeats[d] > 1).collect();
        for together in repeated.chunks(TOGETHER) {
            let split = |n: &dyn Fn(usize) -> usize| -> Vec<usize> {
                let pair = |d: usize| if together.contains(&d) { vec![n(d), shape[d]] } else { vec![shape[d]] };
                (0..shape.len()).flat_map(pair).collect()
            };
            let (apart, repeated) = (split(&|_| 1), split(&|d| repeats[d]));
            output = output.reshape(apart)?.expand(repeated)?;
            together.iter().for_each(|&d| shape[d] *= repeats[d]);
            output = output.reshape(shape.clone())?;
        }
        Ok(output)
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

    /// For what is computed with the copies: an element-wise operator reads the one that there is.
    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(Expression::new("x"))
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(unbroadcast(grad, inputs[0].shape())?)])
    }
}
