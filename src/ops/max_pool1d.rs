//! `max_pool1d`: the largest value under each window of a sequence, as [`MaxPool2d`] of images of one row.
//!
//! ```text
//! output[n, c, x] = max over k of input[n, c, x * stride + k * dilation - padding.0]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, L); f32, i32 or u32 |
//! | output | (N, C, OL), the input's dtype |
//! | indices | i32 (N, C, OL), if asked for: where in its sequence the value lay |
//!
//! ONNX: `MaxPool`. PyTorch: `max_pool1d`.

use super::MaxPool2d;
use super::windows::pool_rows;
use crate::array::{Hw, Pads};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The attributes of max pooling of sequences. The default halves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool1d {
    /// The window.
    pub kernel: usize,
    /// Inputs from a window to the next.
    pub stride: usize,
    /// Elements before and after the input that never win.
    pub padding: (usize, usize),
    /// Inputs from a tap of a window to the next.
    pub dilation: usize,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
}

impl Default for MaxPool1d {
    fn default() -> Self {
        Self { kernel: 2, stride: 2, padding: (0, 0), dilation: 1, ceil_mode: false }
    }
}

impl Var {
    /// The largest value under each window of (N, C, L): see [`MaxPool1d`].
    ///
    /// # Errors
    /// As [`Var::max_pool2d`], which computes it.
    pub fn max_pool1d(&self, attributes: MaxPool1d) -> Result<Self> {
        let pooled = pool_rows("max_pool1d", self, |x| Ok(vec![x.max_pool2d(attributes.rows())?]))?;
        pooled.into_iter().next().ok_or_else(|| Error::shape("max_pool1d", "has no output"))
    }

    /// The largest value under each window, and where in its sequence it lay.
    ///
    /// # Errors
    /// As [`Var::max_pool2d_with_indices`], which computes it.
    pub fn max_pool1d_with_indices(&self, attributes: MaxPool1d) -> Result<(Self, Self)> {
        let pooled = pool_rows("max_pool1d", self, |x| x.max_pool2d_with_indices(attributes.rows()).map(|(y, i)| vec![y, i]))?;
        let [values, indices] = <[Self; 2]>::try_from(pooled).map_err(|_| Error::shape("max_pool1d", "has two outputs"))?;
        Ok((values, indices))
    }
}

impl MaxPool1d {
    fn rows(self) -> MaxPool2d {
        let (left, right) = self.padding;
        MaxPool2d {
            kernel: Hw::new(1, self.kernel),
            stride: Hw::new(1, self.stride),
            padding: Pads { left, right, ..Pads::default() },
            dilation: Hw::new(1, self.dilation),
            ceil_mode: self.ceil_mode,
        }
    }
}
