//! `batch_norm`: each channel scaled and shifted by statistics that training has left behind (inference).
//!
//! ```text
//! output[n, c, i] = (input[n, c, i] - mean[c]) / sqrt(variance[c] + eps) * scale[c] + bias[c]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, ...); i runs over the dimensions after the second |
//! | scale, bias, mean, variance | (C) each |
//! | output | as input |
//!
//! By statistics of the batch itself, as in training: [`Var::batch_norm_training`].
//!
//! Gradients of all five, with sums over all but the channels.
//!
//! ONNX: `BatchNormalization` with `training_mode` 0. PyTorch: `batch_norm` with `training=False`.
//! Ioffe, Szegedy: Batch Normalization, 2015.

use super::layer_norm::check_eps;
use super::{Around, Candidate, Expression, Op, Site, check_dtype, check_inputs, launch_elements, number, rounded, scaled, the_gradient};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Normalisation of each channel by given statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance, so that a constant channel does not divide by 0.
    pub eps: f32,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { eps: 1e-5 }
    }
}

impl Var {
    /// Each channel, the second dimension, less its mean, over its standard deviation, times `scale`, plus `bias`.
    ///
    /// # Errors
    /// If there is no second dimension, or the others do not have one element for each of its positions.
    pub fn batch_norm(&self, scale: &Self, bias: &Self, mean: &Self, variance: &Self, attributes: BatchNorm) -> Result<Self> {
        self.apply1(attributes, &[scale, bias, mean, variance])
    }
}

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 5..=5)?;
        check_eps(self.name(), self.eps)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        let Some(&channels) = inputs[0].shape.get(1) else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, ...), it is {}", inputs[0])));
        };
        for (what, ty) in ["scale", "bias", "mean", "variance"].into_iter().zip(&inputs[1..]) {
            check_dtype(self.name(), what, ty, DType::F32)?;
            if ty.shape != [channels] {
                return Err(Error::shape(self.name(), format!("{what} is {ty}, input {} has {channels} channels", inputs[0])));
            }
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let Around { len: channels, inner, .. } = Around::axis(inputs[0].shape(), 1);
        let [input, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map(|i| inputs[i].to_f64());
        let normalised = |(at, x): (usize, &f64)| {
            let c = at / inner % channels;
            (x - mean[c]) / (variance[c] + f64::from(self.eps)).sqrt() * scale[c] + bias[c]
        };
        Ok(vec![rounded(inputs[0].shape(), input.iter().enumerate().map(normalised).collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(Expression::new("(x - u) * (y / sqrt(v + alpha)) + z").numbers([self.eps, 0.0]).along(1))
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (x, [scale, mean, variance]) = (&inputs[0], [&inputs[1], &inputs[3], &inputs[4]]);
        // One number for each channel, as it broadcasts with the input, and sums over all else.
        let mut channel = vec![1; x.shape().len()];
        channel[1] = x.shape()[1];
        let others: Vec<isize> = (0..x.shape().len()).filter(|&d| d != 1).map(|d| d as isize).collect();
        let over = |v: &Var| v.reduce_sum(&others, false);
        let inverse = variance.add(&number(variance, self.eps)?)?.rsqrt()?;
        let factor = scale.mul(&inverse)?;
        let by_bias = over(grad)?;
        let by_scale = over(&grad.mul(&x.sub(&mean.reshape(channel.clone())?)?)?)?.mul(&inverse)?;
        let by_mean = by_bias.mul(&factor)?.neg()?;
        let by_variance = scaled(&by_scale.mul(&factor)?.mul(&inverse)?, -0.5)?;
        let by_input = grad.mul(&factor.reshape(channel)?)?;
        Ok(vec![Some(by_input), Some(by_scale), Some(by_bias), Some(by_mean), Some(by_variance)])
    }
}
