//! `conv_transpose2d` and `conv_transpose1d`: transposed convolution ("deconvolution"), which enlarges maps with learned filters.
//!
//! ```text
//! output[n, g*M + m, y, x] = bias[g*M + m] + sum of input[n, g*C + c, iy, ix] * weight[g*C + c, m, ky, kx]
//!     over c < C and all iy, ix, ky, kx with
//!     y = iy * stride.h + ky * dilation.h - padding.top
//!     x = ix * stride.w + kx * dilation.w - padding.left
//! OH = (H - 1) * stride.h + dilation.h * (KH - 1) + 1 + output_padding.h - padding.top - padding.bottom
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, groups C, H, W) |
//! | weight | (groups C, M, KH, KW) |
//! | bias | (groups M), optional |
//! | output | (N, groups M, OH, OW) |
//!
//! The kernels gather and visit only products that count: `stride.h * stride.w` times fewer than a convolution over an input
//! with zeros between, so a stride of 32 costs no more for each product than one of 8. See `phases`.
//!
//! Gradients: by the input the convolution of the output's gradient with the weight, its first H rows and W columns; by the weight
//! what it is for that convolution, input and output exchanged; by the bias sums over images and pixels.
//!
//! ONNX: `ConvTranspose`. PyTorch: `conv_transpose2d`, `conv_transpose1d`.

mod another;
mod classes;
mod conv_transpose1d;
mod disjoint;
mod lanes;
mod launches;
mod parts;
mod phases;
mod turned;
mod widened;

use super::{Candidate, Conv2d, Op, Site, check_dtype, check_inputs, check_rank, rounded, the_gradient, types};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
pub use conv_transpose1d::ConvTranspose1d;
pub(super) use launches::KERNELS;
use phases::Axis;
pub(super) use phases::Axis as TransposedAxis;

/// The attributes of a transposed convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose2d {
    /// Outputs from one input's to the next one's.
    pub stride: Hw,
    /// Rows and columns cropped off the output's sides.
    pub padding: Pads,
    /// Rows and columns added below and to the right; smaller than stride or dilation.
    pub output_padding: Hw,
    /// Outputs from one tap of the kernel to the next.
    pub dilation: Hw,
    /// Parts that the channels are divided into; each output channel sees the inputs of its part only.
    pub groups: usize,
}

impl Default for ConvTranspose2d {
    fn default() -> Self {
        let one = Hw::square(1);
        Self { stride: one, padding: Pads::default(), output_padding: Hw::square(0), dilation: one, groups: 1 }
    }
}

impl Var {
    /// Transposed convolution of (N, C, H, W) with a weight (C, M / groups, KH, KW) and a bias (M): see [`ConvTranspose2d`].
    ///
    /// # Errors
    /// If shapes and attributes do not fit each other, or the padding leaves no output.
    pub fn conv_transpose2d(&self, weight: &Self, bias: Option<&Self>, attributes: ConvTranspose2d) -> Result<Self> {
        let others: Vec<&Self> = std::iter::once(weight).chain(bias).collect();
        self.apply1(attributes, &others)
    }
}

/// Strides and output extents up to which the index arithmetic of the kernels is exact.
const MOST_STRIDE: usize = u16::MAX as usize;
const MOST_EXTENT: usize = i32::MAX as usize;

impl Op for ConvTranspose2d {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        check_rank(self.name(), "weight", inputs[1], 4, "(C, M / groups, KH, KW)")?;
        for (what, ty) in ["input", "weight", "bias"].into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
        }
        let channels = check_channels(self.name(), inputs, self.groups)?;
        let (input, weight, Pads { top, left, bottom, right }) = (&inputs[0].shape, &inputs[1].shape, self.padding);
        let axis = |i: usize, of: fn(Hw) -> usize, before| Axis {
            input: input[i],
            kernel: weight[i],
            stride: of(self.stride),
            dilation: of(self.dilation),
            before,
            output: 0,
        };
        let h = extent(self.name(), "height", axis(2, |s| s.h, top), bottom, self.output_padding.h)?;
        let w = extent(self.name(), "width", axis(3, |s| s.w, left), right, self.output_padding.w)?;
        let output = TensorType::f32([input[0], channels, h, w]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let output = self.infer(&types.iter().collect::<Vec<_>>())?.remove(0).shape;
        let (x, w) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let ([_, channels, h, width], [_, m, kh, kw]) = (dims(inputs[0].shape()), dims(inputs[1].shape()));
        let (group_channels, [_, out_channels, oh, ow]) = (channels / self.groups, dims(&output));
        let mut sums = vec![0.0; output.iter().product()];
        if let Some(bias) = inputs.get(2) {
            let bias = bias.values::<f32>()?;
            sums.chunks_exact_mut(oh * ow).enumerate().for_each(|(plane, y)| y.fill(f64::from(bias[plane % out_channels])));
        }
        // Every input is spread over the outputs under its kernel.
        for (at, &value) in x.iter().enumerate() {
            let (n, c, iy, ix) = (at / width / h / channels, at / width / h % channels, at / width % h, at % width);
            for (tap, &factor) in w[c * m * kh * kw..][..m * kh * kw].iter().enumerate() {
                let (co, ky, kx) = (c / group_channels * m + tap / kw / kh, tap / kw % kh, tap % kw);
                let y = (iy * self.stride.h + ky * self.dilation.h).checked_sub(self.padding.top).filter(|&y| y < oh);
                let x = (ix * self.stride.w + kx * self.dilation.w).checked_sub(self.padding.left).filter(|&x| x < ow);
                if let (Some(y), Some(x)) = (y, x) {
                    sums[((n * out_channels + co) * oh + y) * ow + x] += f64::from(value) * f64::from(factor);
                }
            }
        }
        Ok(vec![rounded(&output, sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launches::candidates(&Problem::of(self, site), site)
    }

    /// Each input is multiplied by the weights of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        let _ = outputs;
        super::multiplied(inputs[0].elements(), &inputs[1].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (input, weight) = (&inputs[0], &inputs[1]);
        let Self { stride, padding, dilation, groups, .. } = *self;
        let convolution = Conv2d { stride, padding, dilation, groups };
        let size = Hw::new(input.shape()[2], input.shape()[3]);
        let by_input = grad.conv2d(weight, None, convolution)?.crop(0, 0, size)?;
        let by_weight = convolution.by_weight(grad, input, Hw::new(weight.shape()[2], weight.shape()[3]))?;
        let mut gradients = vec![Some(by_input), Some(by_weight)];
        if inputs.len() > 2 {
            gradients.push(Some(grad.reduce_sum(&[0, 2, 3], false)?));
        }
        Ok(gradients)
    }
}

/// Output channels of a transposed convolution, or what does not agree between its tensors; for any number of axes.
pub(in crate::ops) fn check_channels(op: &'static str, inputs: &[&TensorType], groups: usize) -> Result<usize> {
    let (input, weight) = (&inputs[0].shape, &inputs[1].shape);
    let wrong = |reason: String| Err(Error::shape(op, reason));
    if groups == 0 || input[1] % groups != 0 {
        return wrong(format!("{} input channels cannot be divided into {groups} groups", input[1]));
    }
    if weight[0] != input[1] {
        return wrong(format!("weight {} is for {} input channels, input {} has {}", inputs[1], weight[0], inputs[0], input[1]));
    }
    let Some(channels) = weight[1].checked_mul(groups) else {
        return wrong(format!("{} output channels in each of {groups} groups are too many", weight[1]));
    };
    if let Some(bias) = inputs.get(2)
        && bias.shape != [channels]
    {
        return wrong(format!("bias must be ({channels}), one for each output channel, it is {bias}"));
    }
    Ok(channels)
}

/// The output's size along an axis, cropped by `after` at its end and extended by `extra`, or why there is none.
pub(in crate::ops) fn extent(op: &'static str, what: &str, axis: Axis, after: usize, extra: usize) -> Result<usize> {
    let Axis { input, kernel, stride, dilation, before, .. } = axis;
    let wrong = |reason: String| Err(Error::shape(op, format!("{what}: {reason}")));
    if input == 0 || kernel == 0 || stride == 0 || dilation == 0 {
        return wrong(format!("input {input}, kernel {kernel}, stride {stride} and dilation {dilation} must be positive"));
    }
    if stride > MOST_STRIDE {
        return Err(Error::unsupported(op, format!("{what}: stride {stride}, above {MOST_STRIDE}")));
    }
    if extra >= stride.max(dilation) {
        return wrong(format!("output_padding {extra} must be smaller than stride {stride} or dilation {dilation}"));
    }
    let reach = (input - 1).checked_mul(stride).zip((kernel - 1).checked_mul(dilation)).and_then(|(i, k)| i.checked_add(k));
    let Some(full) = reach.and_then(|r| r.checked_add(extra + 1)).filter(|&f| f <= MOST_EXTENT && dilation <= MOST_EXTENT) else {
        return wrong(format!("input {input}, kernel {kernel}, stride {stride} and dilation {dilation} reach beyond 2^31"));
    };
    match before.checked_add(after).and_then(|c| full.checked_sub(c)) {
        Some(size) if size > 0 => Ok(size),
        _ => wrong(format!("padding {before} + {after} leaves nothing of an output of {full}")),
    }
}

/// An instance of the operator: its sizes by name.
#[derive(Clone, Copy, Debug)]
struct Problem {
    batch: usize,
    groups: usize,
    /// Input channels of a group.
    channels: usize,
    /// Output channels of a group.
    out_channels: usize,
    y: Axis,
    x: Axis,
    bias: bool,
}

impl Problem {
    fn of(op: &ConvTranspose2d, site: &Site<'_>) -> Self {
        let ([batch, channels, h, w], [_, out_channels, kh, kw]) = (dims(&site.inputs[0].shape), dims(&site.inputs[1].shape));
        let [_, _, oh, ow] = dims(&site.outputs[0].shape);
        Self {
            batch,
            groups: op.groups,
            channels: channels / op.groups,
            out_channels,
            y: Axis { input: h, kernel: kh, stride: op.stride.h, dilation: op.dilation.h, before: op.padding.top, output: oh },
            x: Axis { input: w, kernel: kw, stride: op.stride.w, dilation: op.dilation.w, before: op.padding.left, output: ow },
            bias: site.inputs.len() == 3,
        }
    }
}

/// A shape of four dimensions; what is missing is empty.
fn dims(shape: &[usize]) -> [usize; 4] {
    std::array::from_fn(|i| shape.get(i).copied().unwrap_or(0))
}
