//! `conv_transpose1d`: a transposed convolution of sequences, as one of images of one row.

use super::ConvTranspose2d;
use crate::array::{Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;

/// The attributes of a transposed convolution of sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose1d {
    /// Outputs from one input's to the next one's.
    pub stride: usize,
    /// Elements cropped off the output's start and end.
    pub padding: (usize, usize),
    /// Elements added at the end; smaller than stride or dilation.
    pub output_padding: usize,
    /// Outputs from one tap of the kernel to the next.
    pub dilation: usize,
    /// Parts that the channels are divided into; each output channel sees the inputs of its part only.
    pub groups: usize,
}

impl Default for ConvTranspose1d {
    fn default() -> Self {
        Self { stride: 1, padding: (0, 0), output_padding: 0, dilation: 1, groups: 1 }
    }
}

impl Var {
    /// Transposed convolution of (N, C, L) with a weight (C, M / groups, K) and a bias (M): see [`ConvTranspose1d`].
    ///
    /// # Errors
    /// As [`Var::conv_transpose2d`], which computes it on images of one row.
    pub fn conv_transpose1d(&self, weight: &Self, bias: Option<&Self>, attributes: ConvTranspose1d) -> Result<Self> {
        let (&[n, channels, length], &[inputs, outputs, size]) = (self.shape(), weight.shape()) else {
            let reason = format!("input must be (N, C, L) and weight (C, M / groups, K), they are {} and {}", self.ty(), weight.ty());
            return Err(Error::shape("conv_transpose1d", reason));
        };
        let (left, right) = attributes.padding;
        let rows = ConvTranspose2d {
            stride: Hw::new(1, attributes.stride),
            padding: Pads { left, right, ..Pads::default() },
            output_padding: Hw::new(0, attributes.output_padding),
            dilation: Hw::new(1, attributes.dilation),
            groups: attributes.groups,
        };
        let (x, weight) = (self.reshape([n, channels, 1, length])?, weight.reshape([inputs, outputs, 1, size])?);
        x.conv_transpose2d(&weight, bias, rows)?.squeeze(2)
    }
}
