//! `lp_pool1d`, `lp_pool2d`, `lp_pool3d`: the p-norm of what lies under each window.
//!
//! ```text
//! output[n, c, y] = (sum over k of |input[n, c, y * stride + k * dilation - padding]|^p)^(1/p)     along every axis
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, L), (N, C, H, W) or (N, C, D, H, W) |
//! | output | the same with OL, OH, OW, OD as of [`AvgPool2d`] |
//!
//! A composition: powers, an average pool that divides by 1 and so adds, roots. Powers must not overflow. Padding adds
//! nothing, and what reaches over the edge with `ceil_mode` does not either; PyTorch scales such a window as if it were whole,
//! ONNX Runtime does as is done here.
//!
//! ONNX: `LpPool`. PyTorch: `lp_pool1d`, `lp_pool2d`, which have no padding.

use super::{AvgPool1d, AvgPool2d, AvgPool3d};
use crate::array::{Array, Dhw, Hw, Pads, Pads3};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

macro_rules! attributes {
    ($($name:ident $size:ty, $pads:ty, $two:expr, $one:expr, $none:expr, $average:ident, $doc:literal;)*) => { $(
        #[doc = concat!("The attributes of p-norm pooling of ", $doc, ". The default halves them, with the Euclidean norm.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name {
            /// The exponent: positive and finite.
            pub p: f32,
            /// The window.
            pub kernel: $size,
            /// Inputs from a window to the next.
            pub stride: $size,
            /// Zeros around the input.
            pub padding: $pads,
            /// Inputs from a tap of a window to the next.
            pub dilation: $size,
            /// Whether a last window may reach over the edge.
            pub ceil_mode: bool,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { p: 2.0, kernel: $two, stride: $two, padding: $none, dilation: $one, ceil_mode: false }
            }
        }

        impl $name {
            /// The sum under each window.
            fn sums(self) -> $average {
                let Self { p: _, kernel, stride, padding, dilation, ceil_mode } = self;
                $average { kernel, stride, padding, dilation, ceil_mode, count_include_pad: true, divisor_override: Some(1) }
            }
        }
    )* };
}
attributes! {
    LpPool1d usize, (usize, usize), 2, 1, (0, 0), AvgPool1d, "sequences";
    LpPool2d Hw, Pads, Hw::square(2), Hw::square(1), Pads::default(), AvgPool2d, "images";
    LpPool3d Dhw, Pads3, Dhw::cube(2), Dhw::cube(1), Pads3::default(), AvgPool3d, "volumes";
}

impl Var {
    /// The p-norm under each window of (N, C, L): see [`LpPool1d`].
    ///
    /// # Errors
    /// As [`Var::avg_pool1d`], and if p is not positive and finite.
    pub fn lp_pool1d(&self, attributes: LpPool1d) -> Result<Self> {
        norm("lp_pool1d", self, attributes.p, |x| x.avg_pool1d(attributes.sums()))
    }

    /// The p-norm under each window of (N, C, H, W): see [`LpPool2d`].
    ///
    /// # Errors
    /// As [`Var::avg_pool2d`], and if p is not positive and finite.
    pub fn lp_pool2d(&self, attributes: LpPool2d) -> Result<Self> {
        norm("lp_pool2d", self, attributes.p, |x| x.avg_pool2d(attributes.sums()))
    }

    /// The p-norm under each window of (N, C, D, H, W): see [`LpPool3d`].
    ///
    /// # Errors
    /// As [`Var::avg_pool3d`], and if p is not positive and finite.
    pub fn lp_pool3d(&self, attributes: LpPool3d) -> Result<Self> {
        norm("lp_pool3d", self, attributes.p, |x| x.avg_pool3d(attributes.sums()))
    }
}

/// The p-norm of `x`, where `sum` adds what belongs together.
pub(super) fn norm(op: &'static str, x: &Var, p: f32, sum: impl FnOnce(&Var) -> Result<Var>) -> Result<Var> {
    if !(p > 0.0 && p.is_finite()) {
        return Err(Error::shape(op, format!("p {p} must be positive and finite")));
    }
    let constant = |value: f32| x.graph().constant(Array::scalar(value));
    if p == 1.0 {
        sum(&x.abs()?)
    } else if p == 2.0 {
        sum(&x.mul(x)?)?.sqrt()
    } else {
        sum(&x.abs()?.pow(&constant(p)?)?)?.pow(&constant(1.0 / p)?)
    }
}
