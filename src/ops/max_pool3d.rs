//! `max_pool3d`: the largest value under each window of a volume.
//!
//! ```text
//! output[n, c, z, y, x] = max over kz, ky, kx of input[n, c, z * stride.d + kz * dilation.d - padding.front,
//!                                                            y * stride.h + ky * dilation.h - padding.top,
//!                                                            x * stride.w + kx * dilation.w - padding.left]
//! OD = floor((D + padding.front + padding.back - dilation.d * (kernel.d - 1) - 1) / stride.d) + 1
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, D, H, W); f32, i32 or u32 |
//! | output | (N, C, OD, OH, OW), the input's dtype |
//! | indices | i32 (N, C, OD, OH, OW), if asked for: where in its volume the value lay, (z * H + y) * W + x |
//!
//! A composition, exact: the largest of the planes' largest values is the largest. So [`MaxPool2d`] goes over planes (N, C D, H, W)
//! and then down the columns of (N, C, D, OH OW). Ties and NaN agree with scan order too, for z comes first in it: the first plane
//! that holds the largest value wins, in it the first place that does. Indices are those places, gathered from the winning planes.
//!
//! ONNX: `MaxPool`. PyTorch: `max_pool3d`.

use super::windows::{Windows, check_volume, pool_volume};
use super::{MaxPool2d, u32_of};
use crate::array::{Array, Dhw, Hw, Pads, Pads3};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The attributes of max pooling of volumes. The default halves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool3d {
    /// The window.
    pub kernel: Dhw,
    /// Inputs from a window to the next.
    pub stride: Dhw,
    /// Planes, rows and columns around the input that never win.
    pub padding: Pads3,
    /// Inputs from a tap of a window to the next.
    pub dilation: Dhw,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
}

impl Default for MaxPool3d {
    fn default() -> Self {
        let two = Dhw::cube(2);
        Self { kernel: two, stride: two, padding: Pads3::default(), dilation: Dhw::cube(1), ceil_mode: false }
    }
}

impl Var {
    /// The largest value under each window of (N, C, D, H, W): see [`MaxPool3d`].
    ///
    /// # Errors
    /// If a window meets no input.
    pub fn max_pool3d(&self, attributes: MaxPool3d) -> Result<Self> {
        let (planes, columns) = attributes.passes();
        pool_volume("max_pool3d", self, |s| attributes.windows(s), |x| x.max_pool2d(planes), |x| x.max_pool2d(columns))
    }

    /// The largest value under each window, and where in its volume it lay.
    ///
    /// # Errors
    /// As [`Var::max_pool3d`].
    pub fn max_pool3d_with_indices(&self, attributes: MaxPool3d) -> Result<(Self, Self)> {
        let ([n, channels, d, h, w], output) = check_volume("max_pool3d", self, |s| attributes.windows(s))?;
        let volume = d.saturating_mul(h * w);
        if i32::try_from(volume).is_err() {
            return Err(Error::shape("max_pool3d", format!("i32 indices do not reach all of a volume of {volume}")));
        }
        let (planes, columns) = attributes.passes();
        let plane = output.h * output.w;
        let (values, in_plane) = self.reshape([n, channels * d, h, w])?.max_pool2d_with_indices(planes)?;
        let (values, in_columns) = values.reshape([n, channels, d, plane])?.max_pool2d_with_indices(columns)?;
        // `in_columns` is z * plane + place: where in_plane tells of the winner, and from which plane it is.
        let integer = |value: usize| self.graph().constant(Array::scalar(u32_of(value).cast_signed()));
        let winners = in_columns.reshape([n * channels, output.d * plane])?;
        let place = in_plane.reshape([n * channels, d * plane])?.gather_elements(1, &winners)?;
        let indices = winners.div(&integer(plane)?)?.mul(&integer(h * w)?)?.add(&place)?;
        let shape = [n, channels, output.d, output.h, output.w];
        Ok((values.reshape(shape)?, indices.reshape(shape)?))
    }
}

impl MaxPool3d {
    fn windows(&self, shape: &[usize]) -> [Windows; 3] {
        Windows::volume(shape, self.kernel, self.stride, self.dilation, self.padding, self.ceil_mode)
    }

    /// Over planes, and down columns.
    fn passes(&self) -> (MaxPool2d, MaxPool2d) {
        let Self { kernel, stride, padding, dilation, ceil_mode } = *self;
        let planes = MaxPool2d { kernel: kernel.hw(), stride: stride.hw(), padding: padding.hw(), dilation: dilation.hw(), ceil_mode };
        let columns = MaxPool2d {
            kernel: Hw::new(kernel.d, 1),
            stride: Hw::new(stride.d, 1),
            padding: Pads { top: padding.front, bottom: padding.back, ..Pads::default() },
            dilation: Hw::new(dilation.d, 1),
            ceil_mode,
        };
        (planes, columns)
    }
}
