//! `conv2d_weight`: the gradient of a convolution's weight.
//!
//! ```text
//! output[o, c, ky, kx] = sum over n, y, x of
//!     grad[n, o, y, x] * input[n, c, y * stride.h + ky * dilation.h - padding.top,
//!                                    x * stride.w + kx * dilation.w - padding.left]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (n, C, h, w) |
//! | grad | (n, O, oh, ow), the gradient of the convolution's output; rows and columns at its end may be missing |
//! | output | (O, C / groups, kh, kw) |
//!
//! A product of matrices, of O rows, C kh kw columns and a depth of n oh ow, which is long: it is cut into slices that are computed side
//! by side and added up in order. Of several groups output channel o sees the channels of its group alone, and there are C / groups of them.
//!
//! Gradients: by the input, that of the convolution's input with the output's gradient as its weight; by grad, the convolution with it.
//!
//! PyTorch: `nn.grad.conv2d_weight`.

mod launches;

pub(super) use launches::KERNELS;

use super::conv2d::ConvSizes as Sizes;
use super::{Candidate, Conv2d, Op, PadMode, Site, check_dtype, check_inputs, check_rank, rounded, the_gradient};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use launches::candidates;

/// The gradient of the weight of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dWeight {
    /// The convolution.
    pub convolution: Conv2d,
    /// Its kernel's size.
    pub kernel: Hw,
}

impl Var {
    /// The gradient (outputs, channels / groups, kh, kw) of the weight of a convolution of `self` (n, channels, h, w) whose output has the gradient
    /// `grad` (n, outputs, oh, ow).
    ///
    /// # Errors
    /// If a tensor is not f32, the groups do not divide the channels, or `grad` has more pixels than the convolution's output.
    pub fn conv2d_weight(&self, grad: &Self, attributes: Conv2dWeight) -> Result<Self> {
        self.apply1(attributes, &[grad])
    }
}

impl Conv2dWeight {
    /// The sizes of the convolution, whose output is as large as the gradient that is given.
    fn sizes(&self, inputs: &[&TensorType]) -> Result<Sizes> {
        let name = self.name();
        check_inputs(name, inputs, 2..=2)?;
        for (what, ty, form) in [("input", inputs[0], "(n, C, h, w)"), ("grad", inputs[1], "(n, O, oh, ow)")] {
            check_dtype(name, what, ty, DType::F32)?;
            check_rank(name, what, ty, 4, form)?;
        }
        let (input, grad) = (inputs[0], inputs[1]);
        let each = input.shape[1] / self.convolution.groups.max(1);
        let weight = TensorType::f32([grad.shape[1], each, self.kernel.h, self.kernel.w]);
        weight.checked_elements()?;
        let full = Sizes::of(&self.convolution, &[input, &weight])?;
        let given = Hw::new(grad.shape[2], grad.shape[3]);
        if grad.shape[0] != full.images || given.h > full.output.h || given.w > full.output.w {
            let Hw { h, w } = full.output;
            return Err(Error::shape(
                name,
                format!("grad is {grad}, input {input} has {} images of at most {h} x {w} outputs", full.images),
            ));
        }
        Ok(Sizes { output: given, ..full })
    }
}

impl Op for Conv2dWeight {
    fn name(&self) -> &'static str {
        "conv2d_weight"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let sizes = self.sizes(inputs)?;
        Ok(vec![TensorType::f32([sizes.output_channels, sizes.group_inputs(), sizes.kernel.h, sizes.kernel.w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let sizes = self.sizes(&[&inputs[0].ty(), &inputs[1].ty()])?;
        let (input, grad) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let Sizes { images, input_channels, output_channels, output, kernel, stride, dilation, padding, .. } = sizes;
        let place = |at: usize, stride: usize, tap: usize, dilation: usize, before: usize, size: usize| {
            (at * stride + tap * dilation).checked_sub(before).filter(|&i| i < size)
        };
        let (group_inputs, group_outputs) = (sizes.group_inputs(), sizes.group_outputs());
        let mut sums = vec![0.0f64; output_channels * sizes.taps()];
        for (index, sum) in sums.iter_mut().enumerate() {
            let (o, own) = (index / sizes.taps(), index / kernel.area() % group_inputs);
            let c = o / group_outputs * group_inputs + own;
            let (ky, kx) = (index % kernel.area() / kernel.w, index % kernel.w);
            for n in 0..images {
                for y in 0..output.h {
                    let Some(row) = place(y, stride.h, ky, dilation.h, padding.top, sizes.input.h) else { continue };
                    for x in 0..output.w {
                        let Some(column) = place(x, stride.w, kx, dilation.w, padding.left, sizes.input.w) else { continue };
                        let from = ((n * output_channels + o) * output.h + y) * output.w + x;
                        let seen = ((n * input_channels + c) * sizes.input.h + row) * sizes.input.w + column;
                        *sum += f64::from(grad[from]) * f64::from(input[seen]);
                    }
                }
            }
        }
        Ok(vec![rounded(&[output_channels, group_inputs, kernel.h, kernel.w], sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        Ok(candidates(site, &self.sizes(site.inputs)?.simplified()))
    }

    /// Each pixel of the gradient adds to every tap of its channel.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        super::multiplied(inputs[1].elements(), &outputs[0].shape[1..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (weight, grad) = (the_gradient(self.name(), output_grads)?, &inputs[1]);
        let output = inputs[0].conv2d(weight, None, self.convolution)?;
        let missing = [2, 3].map(|axis| output.shape()[axis] - grad.shape()[axis]);
        if missing == [0, 0] {
            return Ok(vec![Some(self.convolution.by_input(&inputs[0], weight, grad)?), Some(output)]);
        }
        let by_grad = output.crop(0, 0, Hw::new(grad.shape()[2], grad.shape()[3]))?;
        let whole = grad.pad([0; 4], [[0, 0], missing.map(usize::cast_signed)].concat(), PadMode::Constant(0.0))?;
        Ok(vec![Some(self.convolution.by_input(&inputs[0], weight, &whole)?), Some(by_grad)])
    }
}
