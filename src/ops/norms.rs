//! norms: normalisations that are other operators in a row. Nothing here has a kernel of its own.
//!
//! ```text
//! instance_norm                   (x - mean) / sqrt(variance + eps) * scale + bias       over each channel of each image
//! group_norm                      the same                                               over each group of channels of each image
//! rms_norm                        x / sqrt(mean of x^2 + eps) * weight                   over axis and those after it
//! mean_variance_normalization     (x - mean) / (deviation + 1e-9)                        over the axes named
//! lp_norm                         x / sum |x|, or x / sqrt(sum x^2)                      along one axis; 0 where that is 0
//! layer_norm_with_statistics      layer_norm, the means and 1 / sqrt(variance + eps)     over axis and those after it
//! ```
//!
//! ONNX: `InstanceNormalization`, `GroupNormalization`, `RMSNormalization`, `MeanVarianceNormalization`, `LpNormalization`,
//! `LayerNormalization` with all outputs. PyTorch: `instance_norm`, `group_norm`, `rms_norm`, `normalize`, `native_layer_norm`.

use super::layer_norm::check_eps;
use super::{LayerNorm, check_axis};
use crate::array::{Array, elements};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// Which norm `lp_norm` brings to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LpNorm {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    #[default]
    L2,
}

impl Var {
    /// Each channel of each image (N, C, ...) at mean 0 and variance 1, times `scale` (C), plus `bias` (C).
    ///
    /// # Errors
    /// If there are no channels, or scale or bias do not have a number for each.
    pub fn instance_norm(&self, scale: Option<&Self>, bias: Option<&Self>, eps: f32) -> Result<Self> {
        let channels = self.channels("instance_norm")?;
        self.group_norm(channels, scale, bias, eps)
    }

    /// Each of `groups` groups of channels of each image (N, C, ...) at mean 0 and variance 1, times `scale`, plus `bias`: (C) for
    /// a number for each channel, as PyTorch and ONNX since opset 21, or (groups) for one for each group, as ONNX before.
    ///
    /// # Errors
    /// If the channels are no whole groups, or scale or bias have another shape.
    pub fn group_norm(&self, groups: usize, scale: Option<&Self>, bias: Option<&Self>, eps: f32) -> Result<Self> {
        const NAME: &str = "group_norm";
        let channels = self.channels(NAME)?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(Error::shape(NAME, format!("{channels} channels of {} are not {groups} groups", self.ty())));
        }
        let shape = self.shape();
        let (per_group, inner) = (channels / groups, elements(&shape[2..]));
        let rows = self.reshape([shape[0] * groups, per_group * inner])?.layer_norm(None, None, LayerNorm { axis: 1, eps })?;
        // Four dimensions, in which numbers for channels and for groups broadcast alike.
        let mut output = rows.reshape([shape[0], groups, per_group, inner])?;
        let spread = |what: &str, given: &Self| match given.shape() {
            [n] if *n == channels => given.reshape([groups, per_group, 1]),
            [n] if *n == groups => given.reshape([groups, 1, 1]),
            _ => Err(Error::shape(NAME, format!("{what} is {}, it must have {channels} or {groups} numbers", given.ty()))),
        };
        if let Some(scale) = scale {
            output = output.mul(&spread("scale", scale)?)?;
        }
        if let Some(bias) = bias {
            output = output.add(&spread("bias", bias)?)?;
        }
        output.reshape(shape)
    }

    /// Rows, `axis` and the dimensions after it, over the root of their mean of squares, times `weight` of a row's shape.
    ///
    /// # Errors
    /// If there is no such axis, the weight does not broadcast to a row, or eps is negative.
    pub fn rms_norm(&self, weight: Option<&Self>, axis: isize, eps: f32) -> Result<Self> {
        check_eps("rms_norm", eps)?;
        let row = self.dimensions_from("rms_norm", axis)?;
        let squares = self.mul(self)?.reduce_mean(&row, true)?;
        let output = self.mul(&squares.add(&self.number(eps)?)?.rsqrt()?)?;
        match weight {
            Some(weight) if self.shape().ends_with(weight.shape()) && weight.shape().len() <= row.len() => output.mul(weight),
            Some(weight) => Err(Error::shape("rms_norm", format!("weight {} is no row of {} from axis {axis} on", weight.ty(), self.ty()))),
            None => Ok(output),
        }
    }

    /// Less the mean along `axes`, over the deviation and 1e-9: ONNX's formula.
    ///
    /// # Errors
    /// If an axis does not exist or is named twice.
    pub fn mean_variance_normalization(&self, axes: &[isize]) -> Result<Self> {
        let centred = self.sub(&self.reduce_mean(axes, true)?)?;
        let deviation = centred.mul(&centred)?.reduce_mean(axes, true)?.sqrt()?;
        centred.div(&deviation.add(&self.number(1e-9)?)?)
    }

    /// Each line along `axis` over its norm; a line of zeros stays one.
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn lp_norm(&self, axis: isize, norm: LpNorm) -> Result<Self> {
        let size = match norm {
            LpNorm::L1 => self.reduce_l1(&[axis], true)?,
            LpNorm::L2 => self.reduce_l2(&[axis], true)?,
        };
        self.div(&size.clip(Some(f32::MIN_POSITIVE), None)?)
    }

    /// [`Var::layer_norm`], the mean of each row, and 1 / sqrt(variance + eps) of each; these two have size 1 from `axis` on.
    ///
    /// # Errors
    /// As [`Var::layer_norm`].
    pub fn layer_norm_with_statistics(&self, weight: Option<&Self>, bias: Option<&Self>, attributes: LayerNorm) -> Result<[Self; 3]> {
        let output = self.layer_norm(weight, bias, attributes)?;
        let row = self.dimensions_from("layer_norm", attributes.axis)?;
        let mean = self.reduce_mean(&row, true)?;
        let centred = self.sub(&mean)?;
        let variance = centred.mul(&centred)?.reduce_mean(&row, true)?;
        let deviation = variance.add(&self.number(attributes.eps)?)?.rsqrt()?;
        Ok([output, mean, deviation])
    }

    /// The size of the second dimension.
    pub(super) fn channels(&self, op: &'static str) -> Result<usize> {
        self.shape().get(1).copied().ok_or_else(|| Error::shape(op, format!("input must be (N, C, ...), it is {}", self.ty())))
    }

    /// `axis` and all dimensions after it.
    pub(super) fn dimensions_from(&self, op: &'static str, axis: isize) -> Result<Vec<isize>> {
        Ok((check_axis(op, axis, self.ty())?..self.shape().len()).map(usize::cast_signed).collect())
    }

    /// A number that broadcasts with anything.
    fn number(&self, value: f32) -> Result<Self> {
        self.graph().constant(Array::full([], value))
    }
}
