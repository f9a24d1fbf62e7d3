//! conv2d and conv1d: convolution (without flipping, as networks mean it), dense, grouped or depthwise.
//!
//! ```text
//! output[n, o, y, x] = bias[o] + sum over c, ky, kx of
//!     weight[o, c, ky, kx] * input[n, g * I + c, y * stride.h + ky * dilation.h - padding.top,
//!                                                x * stride.w + kx * dilation.w - padding.left]
//!
//! I = C / groups input channels and O / groups output channels belong to each group; g = o / (O / groups).
//! Pixels outside the input are 0.
//! oh = (h + padding.top + padding.bottom - dilation.h * (kh - 1) - 1) / stride.h + 1, rounded down; ow likewise
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (n, C, h, w) |
//! | weight | (O, C / groups, kh, kw) |
//! | bias | (O), optional |
//! | output | (n, O, oh, ow) |
//!
//! Gradients: a transposed convolution, a convolution and sums; see `gradient`.
//!
//! ONNX: `Conv`. PyTorch: `nn.functional.conv2d`, `conv1d`.

mod conv1d;
mod gradient;
mod integer;
mod kinds;
mod launches;
mod parts;
mod points;
mod sizes;
mod strips;

pub use conv1d::Conv1d;
pub use integer::ConvInteger;
pub(super) use launches::{KERNELS, MOST_TAPS};
pub(super) use sizes::Sizes as ConvSizes;
pub(super) use strips::{Strips, vectors_for};

use super::{Candidate, Op, Pad, PadMode, Site, as_op, check_dtype, check_inputs, rounded, the_gradient, types};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::Result;
use crate::graph::Var;
use sizes::Sizes;
use std::sync::Arc;

/// How a two-dimensional convolution goes over its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Input pixels from one output pixel to the next.
    pub stride: Hw,
    /// Zeros around the input.
    pub padding: Pads,
    /// Input pixels from one weight to the next.
    pub dilation: Hw,
    /// Parts that the channels are divided in, each with its own weights; as many as channels for a depthwise convolution.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: Hw::square(1), padding: Pads::default(), dilation: Hw::square(1), groups: 1 }
    }
}

impl Var {
    /// Convolves `self` (n, channels, h, w) with `weight` (outputs, channels / groups, kh, kw) and adds `bias` (outputs).
    ///
    /// # Errors
    /// If a tensor is not f32, the sizes do not agree, or the kernel is larger than the padded input.
    pub fn conv2d(&self, weight: &Self, bias: Option<&Self>, attributes: Conv2d) -> Result<Self> {
        let others: Vec<&Self> = std::iter::once(weight).chain(bias).collect();
        self.apply1(attributes, &others)
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        for (what, ty) in ["input", "weight", "bias"].into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
        }
        let sizes = Sizes::of(self, inputs)?;
        Ok(vec![TensorType::f32([sizes.images, sizes.output_channels, sizes.output.h, sizes.output.w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let sizes = Sizes::of(self, &types.iter().collect::<Vec<_>>())?;
        let (input, weight) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let bias = inputs.get(2).map(|b| b.values::<f32>()).transpose()?;
        let start = |o: usize| bias.map_or(0.0, |b| f64::from(b[o]));
        let sums = self.sums(&sizes, start, |sum, at, tap| sum + f64::from(weight[tap]) * f64::from(input[at]));
        Ok(vec![rounded(&[sizes.images, sizes.output_channels, sizes.output.h, sizes.output.w], sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(self, site.inputs)?;
        Ok(launches::candidates(site, &sizes, (site.inputs.len() > 2).then_some(2)))
    }

    /// Zeros around an image are this operator's own padding.
    fn absorb(&self, input: usize, maker: &dyn Op, _: &TensorType) -> Option<Arc<dyn Op>> {
        let pad: &Pad = as_op(maker).filter(|_| input == 0)?;
        let sides = |all: &[isize]| match *all {
            [0, 0, h, w] => Some((usize::try_from(h).ok()?, usize::try_from(w).ok()?)),
            _ => None,
        };
        let ((top, left), (bottom, right)) = (sides(&pad.before)?, sides(&pad.after)?);
        let Pads { top: above, left: before, bottom: below, right: after } = self.padding;
        let [top, left, bottom, right] =
            [(above, top), (before, left), (below, bottom), (after, right)].map(|(own, more)| own.saturating_add(more));
        let padding = Pads { top, left, bottom, right };
        (pad.mode == PadMode::Constant(0.0)).then(|| Arc::new(Self { padding, ..*self }) as Arc<dyn Op>)
    }

    /// Each output adds up the weights of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        crate::ops::multiplied(outputs[0].elements(), &inputs[1].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        self.gradients(inputs, the_gradient(self.name(), output_grads)?)
    }
}

impl Conv2d {
    /// The definition: each output, from `start` of its channel on, with `add` of every input and weight that meet in it.
    fn sums<T>(&self, sizes: &Sizes, start: impl Fn(usize) -> T, add: impl Fn(T, usize, usize) -> T) -> Vec<T> {
        let (size, kernel) = (sizes.input, sizes.kernel);
        // Where tap k of an output coordinate lies in the input, if inside.
        let tap = |at: usize, stride: usize, k: usize, dilation: usize, padding: usize, size: usize| {
            (at * stride + k * dilation).checked_sub(padding).filter(|&i| i < size)
        };
        let mut sums = Vec::with_capacity(sizes.images * sizes.output_channels * sizes.output.area());
        for n in 0..sizes.images {
            for o in 0..sizes.output_channels {
                let first = o / sizes.group_outputs() * sizes.group_inputs();
                for y in 0..sizes.output.h {
                    for x in 0..sizes.output.w {
                        let mut sum = start(o);
                        for c in 0..sizes.group_inputs() {
                            let plane = (n * sizes.input_channels + first + c) * size.area();
                            for ky in 0..kernel.h {
                                let row = tap(y, self.stride.h, ky, self.dilation.h, self.padding.top, size.h);
                                let Some(row) = row else { continue };
                                for kx in 0..kernel.w {
                                    let column = tap(x, self.stride.w, kx, self.dilation.w, self.padding.left, size.w);
                                    let Some(column) = column else { continue };
                                    let weight = ((o * sizes.group_inputs() + c) * kernel.h + ky) * kernel.w + kx;
                                    sum = add(sum, plane + row * size.w + column, weight);
                                }
                            }
                        }
                        sums.push(sum);
                    }
                }
            }
        }
        sums
    }
}
