//! conv1d: a convolution of sequences, as one of images of one row.

use super::Conv2d;
use crate::array::{Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;

/// How a one-dimensional convolution goes over its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1d {
    /// Input elements from one output element to the next.
    pub stride: usize,
    /// Zeros before and after the input.
    pub padding: (usize, usize),
    /// Input elements from one weight to the next.
    pub dilation: usize,
    /// Parts that the channels are divided in, each with its own weights.
    pub groups: usize,
}

impl Default for Conv1d {
    fn default() -> Self {
        Self { stride: 1, padding: (0, 0), dilation: 1, groups: 1 }
    }
}

impl Var {
    /// Convolves `self` (n, channels, length) with `weight` (outputs, channels / groups, size) and adds `bias` (outputs).
    ///
    /// # Errors
    /// As [`Var::conv2d`], which computes it on images of one row.
    pub fn conv1d(&self, weight: &Self, bias: Option<&Self>, attributes: Conv1d) -> Result<Self> {
        let (&[n, channels, length], &[outputs, inputs, size]) = (self.shape(), weight.shape()) else {
            let reason = format!("input and weight must be (n, channels, length), they are {} and {}", self.ty(), weight.ty());
            return Err(Error::shape("conv1d", reason));
        };
        let (left, right) = attributes.padding;
        let rows = Conv2d {
            stride: Hw::new(1, attributes.stride),
            padding: Pads { left, right, ..Default::default() },
            dilation: Hw::new(1, attributes.dilation),
            groups: attributes.groups,
        };
        let output = self.reshape([n, channels, 1, length])?.conv2d(&weight.reshape([outputs, inputs, 1, size])?, bias, rows)?;
        let &[n, outputs, _, length] = output.shape() else { return Ok(output) };
        output.reshape([n, outputs, length])
    }
}
