//! `batch_norm_training`: `batch_norm` by the batch's own mean and variance.
//!
//! ```text
//! mean[c]         = sum over n, i of input[n, c, i] / M
//! variance[c]     = sum over n, i of (input[n, c, i] - mean[c])^2 / M
//! x[n, c, i]      = (input[n, c, i] - mean[c]) / sqrt(variance[c] + eps)
//! output[n, c, i] = x[n, c, i] * scale[c] + bias[c]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, ...); i runs over the dimensions after the second, n and i over M elements |
//! | scale, bias, mean, variance | (C) each |
//! | output | as input |
//!
//! It computes what [`BatchNorm`] does. That mean and variance are the input's makes its gradient another one: what goes back through
//! them is summed up in closed form, where each way by itself would read and write whole tensors.
//!
//! ```text
//! by bias  = sum over n, i of grad
//! by scale = sum over n, i of grad x
//! by input = scale / sqrt(variance + eps) * (grad - by bias / M - x * by scale / M)
//! ```
//!
//! ONNX: `BatchNormalization` with `training_mode` 1. PyTorch: `batch_norm` with `training=True`.
//! Ioffe, Szegedy: Batch Normalization, 2015.

use super::{BatchNorm, Candidate, Expression, Op, Site, number, scaled, the_gradient};
use crate::array::{Array, TensorType, elements};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// [`BatchNorm`] whose mean and variance are the input's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormTraining {
    /// What it computes.
    pub norm: BatchNorm,
}

impl Var {
    /// [`Var::batch_norm`] by the batch's own mean and variance, and the running mean and variance (C), of which a part
    /// `momentum` stays and the rest comes from the batch: ONNX's momentum, which is 1 less PyTorch's. The variance that comes
    /// from the batch is that of all its elements, as in ONNX; PyTorch divides by one less.
    ///
    /// # Errors
    /// As [`Var::batch_norm`].
    pub fn batch_norm_training(
        &self,
        scale: &Self,
        bias: &Self,
        mean: &Self,
        variance: &Self,
        momentum: f32,
        attributes: BatchNorm,
    ) -> Result<[Self; 3]> {
        self.channels("batch_norm_training")?;
        let (others, channel) = channelwise(self);
        let batch_mean = self.reduce_mean(&others, false)?;
        let centred = self.sub(&batch_mean.reshape(channel)?)?;
        let batch_variance = centred.mul(&centred)?.reduce_mean(&others, false)?;
        let output = self.apply1(BatchNormTraining { norm: attributes }, &[scale, bias, &batch_mean, &batch_variance])?;
        let running = |old: &Self, new: &Self| scaled(old, momentum)?.add(&scaled(new, 1.0 - momentum)?);
        Ok([output, running(mean, &batch_mean)?, running(variance, &batch_variance)?])
    }
}

/// All dimensions of `x` but the second, and the shape in which a number for each channel broadcasts with it.
fn channelwise(x: &Var) -> (Vec<isize>, Vec<usize>) {
    let others = (0..x.shape().len()).filter(|&d| d != 1).map(usize::cast_signed).collect();
    (others, x.shape().iter().enumerate().map(|(d, &size)| if d == 1 { size } else { 1 }).collect())
}

impl Op for BatchNormTraining {
    fn name(&self) -> &'static str {
        "batch_norm_training"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        self.norm.infer(inputs)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.norm.reference(inputs)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.norm.launch(site)
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        self.norm.expression(inputs)
    }

    /// Mean and variance have none: they are no others than the input's.
    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let [x, scale, _, mean, variance] = inputs else { return Ok(Vec::new()) };
        let (others, channel) = channelwise(x);
        let spread = |v: &Var| v.reshape(channel.clone());
        let each = channel[1] as f32 / elements(x.shape()) as f32;
        // Twice, so that each is computed where it is read.
        let centred = || x.sub(&spread(mean)?);
        let inverse = variance.add(&number(variance, self.norm.eps)?)?.rsqrt()?;
        let by_bias = grad.reduce_sum(&others, false)?;
        let by_scale = grad.mul(&centred()?)?.reduce_sum(&others, false)?.mul(&inverse)?;
        let (shift, slope) = (scaled(&by_bias, each)?, scaled(&by_scale.mul(&inverse)?, each)?);
        let less = grad.sub(&spread(&shift)?)?.sub(&centred()?.mul(&spread(&slope)?)?)?;
        let by_input = less.mul(&spread(&scale.mul(&inverse)?)?)?;
        Ok(vec![Some(by_input), Some(by_scale), Some(by_bias), None, None])
    }
}
