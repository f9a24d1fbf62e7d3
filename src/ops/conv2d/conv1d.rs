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
        attributes.as_rows("conv1d", self, weight, |input, weight, rows| input.conv2d(weight, bias, rows))
    }
}

impl Conv1d {
    /// The convolution of images of one row that `conv` computes, as one of sequences.
    pub(in crate::ops) fn as_rows(
        self,
        op: &'static str,
        input: &Var,
        weight: &Var,
        conv: impl FnOnce(&Var, &Var, Conv2d) -> Result<Var>,
    ) -> Result<Var> {
        let (&[n, channels, length], &[outputs, inputs, size]) = (input.shape(), weight.shape()) else {
            let reason = format!("input and weight must be (n, channels, length), they are {} and {}", input.ty(), weight.ty());
            return Err(Error::shape(op, reason));
        };
        let (left, right) = self.padding;
        let rows = Conv2d {
            stride: Hw::new(1, self.stride),
            padding: Pads { left, right, ..Default::default() },
            dilation: Hw::new(1, self.dilation),
            groups: self.groups,
        };
        let output = conv(&input.reshape([n, channels, 1, length])?, &weight.reshape([outputs, inputs, 1, size])?, rows)?;
        let &[n, outputs, _, length] = output.shape() else { return Ok(output) };
        output.reshape([n, outputs, length])
    }
}
