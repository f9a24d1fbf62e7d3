//! `qlinear_matmul`, `qlinear_conv` and `dynamic_quantize_linear`: what there is beside quantizing itself, as compositions.
//!
//! ```text
//! qlinear_matmul           y = saturate(round((a - a_zero) (b - b_zero) * (a_scale b_scale / y_scale)) + y_zero)
//! qlinear_conv             y = saturate(round((conv(x - x_zero, w - w_zero) + bias) * (x_scale w_scale / y_scale)) + y_zero)
//! dynamic_quantize_linear  scale = (max(x, 0) - min(x, 0)) / 255, or 1 / 255 if that is 0; zero = saturate(round(-min(x, 0) / scale))
//! ```
//!
//! The products are exact sums in 32 bits ([`Var::matmul_integer`], [`Var::conv_integer`]); they become f32 when they are scaled.
//!
//! ONNX: `QLinearMatMul`, `QLinearConv`, `DynamicQuantizeLinear`.

use super::{Conv1d, Conv2d, Granularity, QuantizeLinear, Quantized};
use crate::array::{Array, elements};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// What the integers of a quantized tensor mean: `(integer - zero_point) * scale`.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a> {
    /// f32: one number, or one for each row, column or output channel.
    pub scale: &'a Var,
    /// i32 or u32 like it; 0 if absent.
    pub zero_point: Option<&'a Var>,
}

impl Var {
    /// The matrix product of quantized tensors, this one's numbers scaled for each row and `other`'s for each column, or all alike.
    ///
    /// # Errors
    /// As [`Var::matmul_integer`] and [`Var::quantize_linear`].
    pub fn qlinear_matmul(
        &self,
        scale: Scale<'_>,
        other: &Self,
        other_scale: Scale<'_>,
        to: Quantized,
        to_scale: Scale<'_>,
    ) -> Result<Self> {
        let sums = self.matmul_integer(other, scale.zero_point, other_scale.zero_point)?;
        // A vector has no row, or no column, that its scale could be of.
        let rows = if other.shape().len() > 1 { 1 } else { 0 };
        let factor = along(scale.scale, rows)?.mul(&along(other_scale.scale, 0)?)?.quotient(&along(to_scale.scale, rows)?)?;
        let zero = to_scale.zero_point.map(|z| along(z, rows)).transpose()?;
        sums.quantized(QuantizeLinear { to, multiply: true }, &factor, zero.as_ref())
    }

    /// The convolution of quantized images with a quantized weight, whose numbers are scaled for each output or all alike; the bias
    /// is i32, of the scale of the products.
    ///
    /// # Errors
    /// As [`Var::conv_integer`] and [`Var::quantize_linear`].
    #[expect(clippy::too_many_arguments, reason = "three tensors with their scales")]
    pub fn qlinear_conv(
        &self,
        scale: Scale<'_>,
        weight: &Self,
        weight_scale: Scale<'_>,
        bias: Option<&Self>,
        to: Quantized,
        to_scale: Scale<'_>,
        attributes: Conv2d,
    ) -> Result<Self> {
        let mut sums = self.conv_integer(weight, scale.zero_point, weight_scale.zero_point, attributes)?;
        if let Some(bias) = bias {
            sums = sums.add(&along(bias, 2)?)?;
        }
        let factor = along(scale.scale, 0)?.mul(&along(weight_scale.scale, 2)?)?.quotient(&along(to_scale.scale, 2)?)?;
        let zero = to_scale.zero_point.map(|z| along(z, 2)).transpose()?;
        sums.quantized(QuantizeLinear { to, multiply: true }, &factor, zero.as_ref())
    }

    /// [`Var::qlinear_conv`] of sequences.
    ///
    /// # Errors
    /// As [`Var::qlinear_conv`].
    #[expect(clippy::too_many_arguments, reason = "three tensors with their scales")]
    pub fn qlinear_conv1d(
        &self,
        scale: Scale<'_>,
        weight: &Self,
        weight_scale: Scale<'_>,
        bias: Option<&Self>,
        to: Quantized,
        to_scale: Scale<'_>,
        attributes: Conv1d,
    ) -> Result<Self> {
        let conv = |input: &Self, weight: &Self, rows| input.qlinear_conv(scale, weight, weight_scale, bias, to, to_scale, rows);
        attributes.as_rows("qlinear_conv1d", self, weight, conv)
    }

    /// This as integers of 0 to 255 (u32), with the scale (f32) and the zero point (u32), both of shape [], that its range asks for.
    ///
    /// # Errors
    /// If this is not f32.
    pub fn dynamic_quantize_linear(&self) -> Result<(Self, Self, Self)> {
        let number = |value: f32| self.graph().constant(Array::scalar(value));
        let (zero, one) = (number(0.0)?, number(1.0)?);
        let (low, high) = (self.reduce_min(&[], false)?.minimum(&zero)?, self.reduce_max(&[], false)?.maximum(&zero)?);
        let range = high.sub(&low)?;
        let scale = range.equal(&zero)?.where_(&one, &range)?.quotient(&number(255.0)?)?;
        let zero_point = zero.sub(&low)?.quantize_linear(&scale, None, Quantized::U8, Granularity::default())?;
        let integers = self.quantize_linear(&scale, Some(&zero_point), Quantized::U8, Granularity::default())?;
        Ok((integers, scale, zero_point))
    }
}

/// A vector with so many dimensions after it, or one number without any; anything else as it is.
fn along(value: &Var, after: usize) -> Result<Var> {
    match value.shape() {
        shape if elements(shape) == 1 => value.reshape([]),
        &[count] => value.reshape([&[count], vec![1; after].as_slice()].concat()),
        _ => Ok(value.clone()),
    }
}
