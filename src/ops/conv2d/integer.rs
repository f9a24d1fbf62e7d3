//! `conv_integer`: a convolution of integers.
//!
//! ```text
//! output[n, o, y, x] = sum over c, ky, kx of (weight[o, c, ky, kx] - weight_zero[o]) * (input[n, ..] - input_zero)    modulo 2^32
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (n, C, h, w), or (n, C, length) with [`Conv1d`]; i32 or u32 |
//! | weight | (O, C / groups, kh, kw), or (O, C / groups, size); i32 or u32 |
//! | `input_zero` | one number, optional |
//! | `weight_zero` | one number or (O), optional |
//! | output | (n, O, oh, ow), or (n, O, length); i32 |
//!
//! Which pixels meet is as in [`Conv2d`]; the padding has the value of `input_zero`. Exact where the result has 32 bits. Zero points
//! are subtracted before: a pass over that factor, none where it is a constant.
//!
//! ONNX: `ConvInteger`.

use super::launches::integer_candidates;
use super::{Conv1d, Conv2d, Sizes};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::matmul::{ZeroPoints, centred, words};
use crate::ops::{Candidate, Op, Site, check_inputs, check_integer, types};

/// [`Conv2d`] of integers, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConvInteger(pub Conv2d);

impl Var {
    /// Convolves `self` (n, channels, h, w) with `weight` (outputs, channels / groups, kh, kw), integers less their zero points: one
    /// for all, or for the weight one for each output.
    ///
    /// # Errors
    /// If a tensor is neither i32 nor u32, zero points do not broadcast, or as [`Var::conv2d`].
    pub fn conv_integer(&self, weight: &Self, zero: Option<&Self>, weight_zero: Option<&Self>, attributes: Conv2d) -> Result<Self> {
        if let Some(zero) = zero.filter(|z| z.ty().elements() != 1) {
            return Err(Error::shape("conv_integer", format!("the input's zero point must be one number, it is {}", zero.ty())));
        }
        let input = centred("conv_integer", self, zero, ZeroPoints::Outputs)?;
        let weight = centred("conv_integer", weight, weight_zero, ZeroPoints::Outputs)?;
        input.apply1(ConvInteger(attributes), &[&weight])
    }

    /// Convolves `self` (n, channels, length) with `weight` (outputs, channels / groups, size) as [`Var::conv_integer`] does images.
    ///
    /// # Errors
    /// As [`Var::conv_integer`].
    pub fn conv1d_integer(&self, weight: &Self, zero: Option<&Self>, weight_zero: Option<&Self>, attributes: Conv1d) -> Result<Self> {
        attributes.as_rows("conv1d_integer", self, weight, |input, weight, rows| input.conv_integer(weight, zero, weight_zero, rows))
    }
}

impl Op for ConvInteger {
    fn name(&self) -> &'static str {
        "conv_integer"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_integer(self.name(), "input", inputs[0])?;
        check_integer(self.name(), "weight", inputs[1])?;
        let sizes = Sizes::of(&self.0, inputs)?;
        Ok(vec![TensorType::new(DType::I32, [sizes.images, sizes.output_channels, sizes.output.h, sizes.output.w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let sizes = Sizes::of(&self.0, &types.iter().collect::<Vec<_>>())?;
        let (input, weight) = (words(inputs[0])?, words(inputs[1])?);
        let sums = self.0.sums(&sizes, |_| 0i32, |sum, at, tap| sum.wrapping_add(weight[tap].wrapping_mul(input[at])));
        Ok(vec![Array::new([sizes.images, sizes.output_channels, sizes.output.h, sizes.output.w], sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(integer_candidates(site.device, &Sizes::of(&self.0, site.inputs)?))
    }

    /// Each output adds up the weights of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        crate::ops::multiplied(outputs[0].elements(), &inputs[1].shape[1..])
    }
}
