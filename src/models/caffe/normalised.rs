//! Layers of the Caffe that `DeconvNet` was trained with: batch normalisation, deconvolution, pooling with switches, unpooling.
//!
//! ```text
//! Learn       y = scale (x - mean) / sqrt(variance + 1e-9) + shift        of the batch, variance = E[x^2] - mean^2 over n, h, w
//! Inference   y = scale x + shift                                         scale and shift with the averages of many batches in them
//! unpooling   out[switch[i]] = in[i], 0 elsewhere
//! ```
//!
//! There are no running averages: a network that learns sees its batch alone, and a pass of its own makes the weights of inference.
//! The variance is computed as the mean of (x - mean)^2, which is the same number and cannot fall below 0 by rounding.

use super::{Initial, Layer, Net, Switches, Window};
use crate::array::{Array, Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{BatchNorm, Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d};

/// Added to a variance.
pub(in crate::models) const EPS: f32 = 1e-9;

/// By what a layer is normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalisation {
    /// The statistics of the batch itself.
    Learn,
    /// Nothing but scale and shift, which have the statistics in them.
    Inference,
}

/// The statistics by which a layer's batch was normalised.
#[derive(Clone, Debug)]
pub struct Moments {
    /// The normalisation's name: `bn1_1`.
    pub name: String,
    /// The mean of each channel, (c).
    pub mean: Var,
    /// The variance of each channel, (c): the mean of the squared distances from the mean.
    pub variance: Var,
    /// Of how many values of each channel: n h w.
    pub values: usize,
}

/// A layer's own name and its normalisation's.
#[derive(Clone, Copy, Debug)]
pub(in crate::models) struct Names<'a> {
    pub layer: &'a str,
    pub normalisation: &'a str,
}

impl Net<'_> {
    /// A convolution of the classifier that the network is made of, normalised, and its `ReLU`.
    pub(in crate::models) fn conv_bn_relu(
        &mut self,
        names: Names<'_>,
        x: &Layer,
        outputs: usize,
        window: Window,
        by: Normalisation,
    ) -> Result<Layer> {
        let (output, grid) = self.conv(names.layer, x, outputs, window, [Initial::Trunk; 2])?;
        let output = self.normalise(names.normalisation, x, &output, by)?;
        Ok(self.add(names.layer, output.relu()?, grid))
    }

    /// A deconvolution by 1, whose weight is (inputs, outputs, k, k), normalised, and its `ReLU`.
    pub(in crate::models) fn deconv_bn_relu(
        &mut self,
        names: Names<'_>,
        x: &Layer,
        outputs: usize,
        window: Window,
        by: Normalisation,
    ) -> Result<Layer> {
        let Names { layer: name, normalisation } = names;
        let Window { kernel, padding, .. } = window;
        let shape = [x.output.shape()[1], outputs, kernel, kernel];
        let weight = self.parameter(x, &format!("{name}.weight"), &shape, GAUSSIAN)?;
        let bias = self.parameter(x, &format!("{name}.bias"), &[outputs], Initial::Zero)?;
        let output = match (kernel - 1).checked_sub(padding) {
            // The same sums as a convolution's with the kernels turned by half; its shaders are faster.
            Some(around) if padding > 0 => {
                let turned = weight.transpose([1, 0, 2, 3])?.flip(&[2, 3])?;
                x.output.conv2d(&turned, Some(&bias), Conv2d { padding: Pads::all(around), ..Default::default() })?
            }
            _ => {
                let attributes = ConvTranspose2d { padding: Pads::all(padding), ..Default::default() };
                x.output.conv_transpose2d(&weight, Some(&bias), attributes)?
            }
        };
        let grid = x.grid.upsampled(kernel as i64, 1, padding as i64).unwrap_or(x.grid);
        let output = self.normalise(normalisation, x, &output, by)?;
        Ok(self.add(name, output.relu()?, grid))
    }

    /// Pooling by 2 that keeps its switches. Of equal values the first counts, row by row.
    pub(in crate::models) fn max_pool_with_switches(&mut self, name: &str, x: &Layer) -> Result<Layer> {
        let attributes = MaxPool2d { ceil_mode: true, ..Default::default() };
        let (output, indices) = x.output.max_pool2d_with_indices(attributes)?;
        let size = Hw::new(x.output.shape()[2], x.output.shape()[3]);
        let switches = Some(Switches { indices, size });
        Ok(self.push(Layer { name: name.to_owned(), output, offset: None, switches, grid: x.grid.windows(2, 2, 0) }))
    }

    /// The values of `x` where `pool` found its own, in a map as large as what was pooled.
    pub(in crate::models) fn unpool(&mut self, name: &str, x: &Layer, pool: &Layer) -> Result<Layer> {
        let Some(Switches { indices, size }) = &pool.switches else {
            return Err(Error::shape("unpool", format!("'{name}': '{}' keeps no switches", pool.name)));
        };
        let attributes = MaxUnpool2d { output_size: Some(*size), ..Default::default() };
        let output = x.output.max_unpool2d(indices, attributes)?;
        let grid = x.grid.upsampled(2, 2, 0);
        let grid = grid.ok_or_else(|| Error::unsupported("unpool", format!("'{name}' by 2 beyond the data's resolution")))?;
        Ok(self.add(name, output, grid))
    }

    fn normalise(&mut self, name: &str, x: &Layer, y: &Var, by: Normalisation) -> Result<Var> {
        let [n, channels, h, w] = *y.shape() else {
            return Err(Error::shape("normalise", format!("'{name}' takes (n, c, h, w), not {}", y.ty())));
        };
        let scale = self.parameter(x, &format!("{name}.weight"), &[channels], Initial::Start(1.0))?;
        let shift = self.parameter(x, &format!("{name}.bias"), &[channels], Initial::Start(0.001))?;
        if by == Normalisation::Inference {
            let spread = |v: &Var| v.reshape([1, channels, 1, 1]);
            return y.mul(&spread(&scale)?)?.add(&spread(&shift)?);
        }
        // Nothing of the running averages stays, so the new ones are the batch's own.
        let none = y.graph().constant(Array::full([channels], 0.0f32))?;
        let [output, mean, variance] = y.batch_norm_training(&scale, &shift, &none, &none, 0.0, BatchNorm { eps: EPS })?;
        self.built.moments.push(Moments { name: name.to_owned(), mean, variance, values: n * h * w });
        Ok(output)
    }
}

/// What the decoder's kernels start as.
pub(in crate::models) const GAUSSIAN: Initial = Initial::Gaussian(0.01);
