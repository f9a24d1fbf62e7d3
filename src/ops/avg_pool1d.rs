//! `avg_pool1d`: the mean under each window of a sequence, as [`AvgPool2d`] of images of one row.
//!
//! ```text
//! output[n, c, x] = sum over k of input[n, c, x * stride + k * dilation - padding.0] / divisor
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, L) |
//! | output | (N, C, OL) |
//!
//! ONNX: `AveragePool`, whose `count_include_pad` is 0 by default. PyTorch: `avg_pool1d`, which has no dilation.

use super::AvgPool2d;
use super::windows::pool_rows;
use crate::array::{Hw, Pads};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The attributes of average pooling of sequences. The default halves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool1d {
    /// The window.
    pub kernel: usize,
    /// Inputs from a window to the next.
    pub stride: usize,
    /// Zeros before and after the input.
    pub padding: (usize, usize),
    /// Inputs from a tap of a window to the next.
    pub dilation: usize,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count as values.
    pub count_include_pad: bool,
    /// What to divide by, whatever the window holds.
    pub divisor_override: Option<usize>,
}

impl Default for AvgPool1d {
    fn default() -> Self {
        Self { kernel: 2, stride: 2, padding: (0, 0), dilation: 1, ceil_mode: false, count_include_pad: true, divisor_override: None }
    }
}

impl Var {
    /// The mean under each window of (N, C, L): see [`AvgPool1d`].
    ///
    /// # Errors
    /// As [`Var::avg_pool2d`], which computes it.
    pub fn avg_pool1d(&self, attributes: AvgPool1d) -> Result<Self> {
        let pooled = pool_rows("avg_pool1d", self, |x| Ok(vec![x.avg_pool2d(attributes.rows())?]))?;
        pooled.into_iter().next().ok_or_else(|| Error::shape("avg_pool1d", "has no output"))
    }
}

impl AvgPool1d {
    fn rows(self) -> AvgPool2d {
        let (left, right) = self.padding;
        AvgPool2d {
            kernel: Hw::new(1, self.kernel),
            stride: Hw::new(1, self.stride),
            padding: Pads { left, right, ..Pads::default() },
            dilation: Hw::new(1, self.dilation),
            ceil_mode: self.ceil_mode,
            count_include_pad: self.count_include_pad,
            divisor_override: self.divisor_override,
        }
    }
}
