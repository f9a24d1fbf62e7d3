//! `conv3d`: convolution of volumes (without flipping, as networks mean it), dense, grouped or depthwise.
//!
//! ```text
//! output[n, o, z, y, x] = bias[o] + sum over c, kz, ky, kx of
//!     weight[o, c, kz, ky, kx] * input[n, g * I + c, z * stride.d + kz * dilation.d - padding.front,
//!                                                    y * stride.h + ky * dilation.h - padding.top,
//!                                                    x * stride.w + kx * dilation.w - padding.left]
//!
//! I = C / groups input channels and O / groups output channels belong to each group; g = o / (O / groups).
//! Voxels outside the input are 0.
//! od = (d + padding.front + padding.back - dilation.d * (kd - 1) - 1) / stride.d + 1, rounded down; oh, ow likewise
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (n, C, d, h, w) |
//! | weight | (O, C / groups, kd, kh, kw) |
//! | bias | (O), optional |
//! | output | (n, O, od, oh, ow) |
//!
//! Planes are images (`planes`): the tensor's, whose channels are the planes that one of the output needs, are convolved by `conv2d`, and
//! what comes of it is put in its place. The method takes a kernel of one row and column that goes over planes as they are, points among
//! them, to [`Conv2d`]: planes are rows of its images then.
//!
//! Gradients: a transposed convolution by the input, those of images by the weight, one for each tap of the depth, sums by the bias.
//!
//! ONNX: `Conv`. PyTorch: `nn.functional.conv3d`.

mod gradient;
mod sizes;

pub(super) use gradient::cropped;

use super::planes::{self, Along, Planes};
use super::{Candidate, Conv2d, Op, Site, check_dtype, check_inputs, rounded, the_gradient, types};
use crate::array::{Array, DType, Dhw, Hw, Pads, Pads3, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;
use sizes::Sizes;

pub(super) const KERNELS: &[&Kernel] = planes::KERNELS;

/// How a three-dimensional convolution goes over its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv3d {
    /// Input voxels from one output voxel to the next.
    pub stride: Dhw,
    /// Zeros around the input.
    pub padding: Pads3,
    /// Input voxels from one weight to the next.
    pub dilation: Dhw,
    /// Parts that the channels are divided in, each with its own weights; as many as channels for a depthwise convolution.
    pub groups: usize,
}

impl Default for Conv3d {
    fn default() -> Self {
        Self { stride: Dhw::cube(1), padding: Pads3::default(), dilation: Dhw::cube(1), groups: 1 }
    }
}

impl Var {
    /// Convolves `self` (n, channels, d, h, w) with `weight` (outputs, channels / groups, kd, kh, kw) and adds `bias` (outputs).
    ///
    /// # Errors
    /// If a tensor is not f32, the sizes do not agree, or the kernel is larger than the padded input.
    pub fn conv3d(&self, weight: &Self, bias: Option<&Self>, attributes: Conv3d) -> Result<Self> {
        let others: Vec<&Self> = std::iter::once(weight).chain(bias).collect();
        let output = attributes.infer(&std::iter::once(self).chain(others.iter().copied()).map(Self::ty).collect::<Vec<_>>())?;
        match (self.shape(), weight.shape(), output.first()) {
            (&[n, channels, d, h, w], &[outputs, inputs, kd, 1, 1], Some(output)) if attributes.keeps_planes() => {
                let Conv3d { stride, padding, dilation, groups } = attributes;
                let columns = Conv2d {
                    stride: Hw::new(stride.d, 1),
                    padding: Pads { top: padding.front, bottom: padding.back, ..Pads::default() },
                    dilation: Hw::new(dilation.d, 1),
                    groups,
                };
                let (x, weight) = (self.reshape([n, channels, d, h * w])?, weight.reshape([outputs, inputs, kd, 1])?);
                x.conv2d(&weight, bias, columns)?.reshape(output.shape.clone())
            }
            _ => self.apply1(attributes, &others),
        }
    }
}

impl Op for Conv3d {
    fn name(&self) -> &'static str {
        "conv3d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        for (what, ty) in ["input", "weight", "bias"].into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
        }
        let output = TensorType::f32(Sizes::of(self, inputs)?.output_shape());
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let sizes = Sizes::of(self, &types.iter().collect::<Vec<_>>())?;
        let (input, weight) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let bias = inputs.get(2).map(|b| b.values::<f32>()).transpose()?;
        let (size, kernel, output) = (sizes.input, sizes.kernel, sizes.output);
        // Where the taps of an output coordinate lie in the input, those inside: (tap, coordinate).
        let taps = |at: usize, stride: usize, kernel: usize, dilation: usize, padding: usize, size: usize| {
            (0..kernel).filter_map(move |k| Some((k, (at * stride + k * dilation).checked_sub(padding).filter(|&i| i < size)?)))
        };
        let mut sums = Vec::with_capacity(sizes.images * sizes.output_channels * output.volume());
        for n in 0..sizes.images {
            for o in 0..sizes.output_channels {
                let first = o / sizes.group_outputs() * sizes.group_inputs();
                for (z, y, x) in voxels(output) {
                    let mut sum = bias.map_or(0.0, |b| f64::from(b[o]));
                    for c in 0..sizes.group_inputs() {
                        let volume = (n * sizes.input_channels + first + c) * size.volume();
                        let factors = (o * sizes.group_inputs() + c) * kernel.volume();
                        for (kz, iz) in taps(z, self.stride.d, kernel.d, self.dilation.d, self.padding.front, size.d) {
                            for (ky, iy) in taps(y, self.stride.h, kernel.h, self.dilation.h, self.padding.top, size.h) {
                                for (kx, ix) in taps(x, self.stride.w, kernel.w, self.dilation.w, self.padding.left, size.w) {
                                    let factor = weight[factors + (kz * kernel.h + ky) * kernel.w + kx];
                                    sum += f64::from(factor) * f64::from(input[volume + (iz * size.h + iy) * size.w + ix]);
                                }
                            }
                        }
                    }
                    sums.push(sum);
                }
            }
        }
        Ok(vec![rounded(&sizes.output_shape(), sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(self, site.inputs)?;
        let Self { stride, padding, dilation, groups } = *self;
        let op = Conv2d { stride: stride.hw(), padding: padding.hw(), dilation: dilation.hw(), groups };
        let unfold = Along { taps: sizes.kernel.d, stride: stride.d, dilation: dilation.d, before: padding.front };
        Planes { name: self.name(), op: &op, images: sizes.output.d, unfold, fold: Along::ONE }.candidates(site)
    }

    /// Each output adds up the weights of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        crate::ops::multiplied(outputs[0].elements(), &inputs[1].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        self.gradients(inputs, the_gradient(self.name(), output_grads)?)
    }
}

impl Conv3d {
    /// Whether a kernel of one row and column leaves every place of a plane to itself.
    fn keeps_planes(&self) -> bool {
        self.stride.hw() == Hw::square(1) && self.padding.hw() == Pads::default()
    }
}

/// The coordinates of a volume in order.
pub(super) fn voxels(size: Dhw) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..size.d).flat_map(move |z| (0..size.h).flat_map(move |y| (0..size.w).map(move |x| (z, y, x))))
}
