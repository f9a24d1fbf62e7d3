//! `conv_transpose3d`: transposed convolution of volumes.
//!
//! ```text
//! output[n, g*M + m, z, y, x] = bias[g*M + m] + sum of input[n, g*C + c, iz, iy, ix] * weight[g*C + c, m, kz, ky, kx]
//!     over c < C and all iz, iy, ix, kz, ky, kx with
//!     z = iz * stride.d + kz * dilation.d - padding.front
//!     y = iy * stride.h + ky * dilation.h - padding.top
//!     x = ix * stride.w + kx * dilation.w - padding.left
//! OD = (D - 1) * stride.d + dilation.d * (KD - 1) + 1 + output_padding.d - padding.front - padding.back
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, groups C, D, H, W) |
//! | weight | (groups C, M, KD, KH, KW) |
//! | bias | (groups M), optional |
//! | output | (N, groups M, OD, OH, OW) |
//!
//! Planes are images (`planes`): of each input plane `conv_transpose2d` makes what it adds to KD planes of the output, and those are added
//! up.
//!
//! Gradients: a convolution by the input, those of images by the weight, sums by the bias.
//!
//! ONNX: `ConvTranspose`. PyTorch: `conv_transpose3d`.

use super::conv_transpose2d::{TransposedAxis as Axis, check_channels, extent};
use super::conv3d::{cropped, voxels};
use super::planes::{Along, Planes};
use super::{Candidate, Conv3d, ConvTranspose2d, Op, Site, check_dtype, check_inputs, check_rank, rounded, the_gradient, types};
use crate::array::{Array, DType, Dhw, Pads3, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// The attributes of a transposed convolution of volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose3d {
    /// Outputs from one input's to the next one's.
    pub stride: Dhw,
    /// Planes, rows and columns cropped off the output's sides.
    pub padding: Pads3,
    /// Planes, rows and columns added behind, below and to the right; smaller than stride or dilation.
    pub output_padding: Dhw,
    /// Outputs from one tap of the kernel to the next.
    pub dilation: Dhw,
    /// Parts that the channels are divided into; each output channel sees the inputs of its part only.
    pub groups: usize,
}

impl Default for ConvTranspose3d {
    fn default() -> Self {
        let one = Dhw::cube(1);
        Self { stride: one, padding: Pads3::default(), output_padding: Dhw::cube(0), dilation: one, groups: 1 }
    }
}

impl Var {
    /// Transposed convolution of (N, C, D, H, W) with a weight (C, M / groups, KD, KH, KW) and a bias (M): see [`ConvTranspose3d`].
    ///
    /// # Errors
    /// If shapes and attributes do not fit each other, or the padding leaves no output.
    pub fn conv_transpose3d(&self, weight: &Self, bias: Option<&Self>, attributes: ConvTranspose3d) -> Result<Self> {
        let others: Vec<&Self> = std::iter::once(weight).chain(bias).collect();
        self.apply1(attributes, &others)
    }
}

impl Op for ConvTranspose3d {
    fn name(&self) -> &'static str {
        "conv_transpose3d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        check_rank(self.name(), "input", inputs[0], 5, "(N, C, D, H, W)")?;
        check_rank(self.name(), "weight", inputs[1], 5, "(C, M / groups, KD, KH, KW)")?;
        for (what, ty) in ["input", "weight", "bias"].into_iter().zip(inputs) {
            check_dtype(self.name(), what, ty, DType::F32)?;
        }
        let channels = check_channels(self.name(), inputs, self.groups)?;
        let [z, y, x] = self.axes(&inputs[0].shape, &inputs[1].shape, &[]);
        let (padding, extra) = (self.padding, self.output_padding);
        let d = extent(self.name(), "depth", z, padding.back, extra.d)?;
        let h = extent(self.name(), "height", y, padding.bottom, extra.h)?;
        let w = extent(self.name(), "width", x, padding.right, extra.w)?;
        let output = TensorType::f32([inputs[0].shape[0], channels, d, h, w]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let output = self.infer(&types.iter().collect::<Vec<_>>())?.remove(0).shape;
        let (values, factors) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let axes @ [z, y, x] = self.axes(inputs[0].shape(), inputs[1].shape(), &output);
        let (channels, m, out_channels) = (inputs[0].shape()[1], inputs[1].shape()[1], output[1]);
        let [input, kernel, size] = [axes.map(|a| a.input), axes.map(|a| a.kernel), axes.map(|a| a.output)];
        let [input, kernel, size] = [input, kernel, size].map(|[d, h, w]| Dhw::new(d, h, w));
        let mut sums = vec![0.0; output.iter().product()];
        if let Some(bias) = inputs.get(2) {
            let bias = bias.values::<f32>()?;
            sums.chunks_exact_mut(size.volume()).enumerate().for_each(|(at, y)| y.fill(f64::from(bias[at % out_channels])));
        }
        // Every input is spread over the outputs under its kernel.
        let out = |a: Axis, i: usize, k: usize| (i * a.stride + k * a.dilation).checked_sub(a.before).filter(|&o| o < a.output);
        for (volume, values) in values.chunks_exact(input.volume()).enumerate() {
            let (n, c) = (volume / channels, volume % channels);
            for (value, (iz, iy, ix)) in values.iter().zip(voxels(input)) {
                for o in 0..m {
                    let to = (n * out_channels + c / (channels / self.groups) * m + o) * size.volume();
                    let factors = &factors[(c * m + o) * kernel.volume()..][..kernel.volume()];
                    for (factor, (kz, ky, kx)) in factors.iter().zip(voxels(kernel)) {
                        if let (Some(oz), Some(oy), Some(ox)) = (out(z, iz, kz), out(y, iy, ky), out(x, ix, kx)) {
                            sums[to + (oz * size.h + oy) * size.w + ox] += f64::from(*value) * f64::from(*factor);
                        }
                    }
                }
            }
        }
        Ok(vec![rounded(&output, sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [z, _, _] = self.axes(&site.inputs[0].shape, &site.inputs[1].shape, &site.outputs[0].shape);
        let Self { stride, padding, output_padding, dilation, groups } = *self;
        let op = ConvTranspose2d {
            stride: stride.hw(),
            padding: padding.hw(),
            output_padding: output_padding.hw(),
            dilation: dilation.hw(),
            groups,
        };
        let fold = Along { taps: z.kernel, stride: z.stride, dilation: z.dilation, before: z.before };
        Planes { name: self.name(), op: &op, images: z.input, unfold: Along::ONE, fold }.candidates(site)
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
        let convolution = Conv3d { stride, padding, dilation, groups };
        let volume = |v: &Var| Dhw::new(v.shape()[2], v.shape()[3], v.shape()[4]);
        let by_input = cropped(&grad.conv3d(weight, None, convolution)?, volume(input))?;
        let mut gradients = vec![Some(by_input), Some(convolution.by_weight(grad, input, volume(weight))?)];
        if inputs.len() > 2 {
            gradients.push(Some(grad.reduce_sum(&[0, 2, 3, 4], false)?));
        }
        Ok(gradients)
    }
}

impl ConvTranspose3d {
    /// Along z, y and x.
    fn axes(&self, input: &[usize], weight: &[usize], output: &[usize]) -> [Axis; 3] {
        let Self { stride, padding, dilation, .. } = *self;
        let axis = |i: usize, stride, dilation, before| {
            let of = |shape: &[usize]| shape.get(i).copied().unwrap_or(0);
            Axis { input: of(input), kernel: of(weight), stride, dilation, before, output: of(output) }
        };
        [
            axis(2, stride.d, dilation.d, padding.front),
            axis(3, stride.h, dilation.h, padding.top),
            axis(4, stride.w, dilation.w, padding.left),
        ]
    }
}
