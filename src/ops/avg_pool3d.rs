//! `avg_pool3d`: the mean under each window of a volume.
//!
//! ```text
//! output[n, c, z, y, x] = sum over kz, ky, kx of input[n, c, z * stride.d + kz * dilation.d - padding.front,
//!                                                            y * stride.h + ky * dilation.h - padding.top,
//!                                                            x * stride.w + kx * dilation.w - padding.left] / divisor
//! OD = floor((D + padding.front + padding.back - dilation.d * (kernel.d - 1) - 1) / stride.d) + 1
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, D, H, W) |
//! | output | (N, C, OD, OH, OW) |
//!
//! A composition: [`AvgPool2d`] goes over planes (N, C D, H, W) and then down the columns of (N, C, D, OH OW). A window is a
//! box and so is what counts, the padded or the bare map, so their common positions are one too, and the divisor is a product
//! of a count for each axis that depends on this axis alone:
//!
//! ```text
//! sum over kz, ky, kx of v / (cz cy cx) = sum over kz of (sum over ky, kx of v / (cy cx)) / cz
//! ```
//!
//! That holds with and without `count_include_pad`, and with `ceil_mode`, which clips a last window along its own axis:
//! what reaches over the padding is never counted. `divisor_override` divides in the first pass, and the second one adds.
//!
//! ONNX: `AveragePool`, whose `count_include_pad` is 0 by default. PyTorch: `avg_pool3d`, which has no dilation.

use super::AvgPool2d;
use super::windows::{Windows, pool_volume};
use crate::array::{Dhw, Hw, Pads, Pads3};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The attributes of average pooling of volumes. The default halves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool3d {
    /// The window.
    pub kernel: Dhw,
    /// Inputs from a window to the next.
    pub stride: Dhw,
    /// Planes, rows and columns of zeros around the input.
    pub padding: Pads3,
    /// Inputs from a tap of a window to the next.
    pub dilation: Dhw,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count as values.
    pub count_include_pad: bool,
    /// What to divide by, whatever the window holds.
    pub divisor_override: Option<usize>,
}

impl Default for AvgPool3d {
    fn default() -> Self {
        let two = Dhw::cube(2);
        Self {
            kernel: two,
            stride: two,
            padding: Pads3::default(),
            dilation: Dhw::cube(1),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }
}

impl Var {
    /// The mean under each window of (N, C, D, H, W): see [`AvgPool3d`].
    ///
    /// # Errors
    /// If a window meets no input, or the divisor is 0.
    pub fn avg_pool3d(&self, attributes: AvgPool3d) -> Result<Self> {
        let AvgPool3d { kernel, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override } = attributes;
        let planes = AvgPool2d {
            kernel: kernel.hw(),
            stride: stride.hw(),
            padding: padding.hw(),
            dilation: dilation.hw(),
            ceil_mode,
            count_include_pad,
            divisor_override,
        };
        let columns = AvgPool2d {
            kernel: Hw::new(kernel.d, 1),
            stride: Hw::new(stride.d, 1),
            padding: Pads { top: padding.front, bottom: padding.back, ..Pads::default() },
            dilation: Hw::new(dilation.d, 1),
            divisor_override: divisor_override.map(|_| 1),
            ..planes
        };
        let windows = |shape: &[usize]| Windows::volume(shape, kernel, stride, dilation, padding, ceil_mode);
        pool_volume("avg_pool3d", self, windows, |x| x.avg_pool2d(planes), |x| x.avg_pool2d(columns))
    }
}
