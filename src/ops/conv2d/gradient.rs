//! The gradients of a convolution, which are convolutions again.
//!
//! ```text
//! by the input    the transposed convolution of the output's gradient with the weight, its output as large as the input; of stride 1
//!                 the convolution with the weight turned around, which has the faster kernels, or, where the output is much smaller than
//!                 the input and so most of that one's taps see padding, all products of weights and gradients, W^T dY, added up
//!                 where they lie (col2im)
//! by the weight   conv2d_weight
//! by the bias     the sums of the output's gradient over images and pixels
//! ```

use super::{Conv2d, Sizes};
use crate::array::{Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{Col2im, Conv2dWeight, ConvTranspose2d};

/// Products of weights and gradients that may lie in memory, 32 MiB of them: what a GPU's cache holds.
const MOST_PRODUCTS: usize = 1 << 23;

impl Conv2d {
    pub(super) fn gradients(&self, inputs: &[Var], grad: &Var) -> Result<Vec<Option<Var>>> {
        let (input, weight) = (&inputs[0], &inputs[1]);
        let by_input = self.by_input(input, weight, grad)?;
        let by_weight = self.by_weight(input, grad, Hw::new(weight.shape()[2], weight.shape()[3]))?;
        let mut gradients = vec![Some(by_input), Some(by_weight)];
        if inputs.len() > 2 {
            gradients.push(Some(grad.reduce_sum(&[0, 2, 3], false)?));
        }
        Ok(gradients)
    }

    /// The gradient of the input of this convolution with `weight` from that of its output.
    pub(in crate::ops) fn by_input(&self, input: &Var, weight: &Var, grad: &Var) -> Result<Var> {
        let Sizes { padding, stride, .. } = Sizes::of(self, &[input.ty(), weight.ty()])?;
        let (h, w) = (span(weight.shape()[2], self.dilation.h), span(weight.shape()[3], self.dilation.w));
        if stride == Hw::square(1) {
            let (few, many) = (grad.shape()[2] * grad.shape()[3], input.shape()[2] * input.shape()[3]);
            if many > few + few / 2
                && let Some(by_input) = self.by_columns(input, weight, grad)?
            {
                return Ok(by_input);
            }
            if padding.top.max(padding.bottom) < h && padding.left.max(padding.right) < w {
                return self.by_turned(padding, Hw::new(h, w), weight, grad);
            }
        }
        // Rows and columns of the padded input that no tap reaches, fewer than the stride.
        let output_padding = Hw {
            h: (input.shape()[2] + padding.top + padding.bottom - h) % stride.h,
            w: (input.shape()[3] + padding.left + padding.right - w) % stride.w,
        };
        let transposed =
            ConvTranspose2d { stride: self.stride, padding: self.padding, output_padding, dilation: self.dilation, groups: self.groups };
        grad.conv_transpose2d(weight, None, transposed)
    }

    /// The gradient by the input of a convolution of stride 1 whose taps span `span` pixels: with k' = kernel - 1 - k
    ///
    /// ```text
    /// dX[c, y] = sum over m, k of  W[m, c, k] dY[m, y + padding - k dilation]
    ///          = sum over m, k' of  W[m, c, kernel - 1 - k'] dY[m, y - (span - 1 - padding) + k' dilation]
    /// ```
    fn by_turned(&self, padding: Pads, span: Hw, weight: &Var, grad: &Var) -> Result<Var> {
        let &[m, c, kh, kw] = weight.shape() else {
            return Err(Error::shape("conv2d", format!("weight must be (outputs, channels / groups, kh, kw), it is {}", weight.ty())));
        };
        // The channels of each group are exchanged.
        let each = m / self.groups;
        let exchanged = match self.groups {
            1 => weight.swap_axes(0, 1)?,
            groups => weight.reshape([groups, each, c, kh, kw])?.swap_axes(1, 2)?.reshape([groups * c, each, kh, kw])?,
        };
        let turned = if kh * kw == 1 { exchanged } else { exchanged.flip(&[2, 3])? };
        let padding = Pads {
            top: span.h - 1 - padding.top,
            left: span.w - 1 - padding.left,
            bottom: span.h - 1 - padding.bottom,
            right: span.w - 1 - padding.right,
        };
        grad.conv2d(&turned, None, Self { padding, ..*self })
    }

    /// The gradient by the input from (n, c kh kw, oh ow) products, if these are few.
    fn by_columns(&self, input: &Var, weight: &Var, grad: &Var) -> Result<Option<Var>> {
        let (&[n, m, oh, ow], &[_, c, kh, kw]) = (grad.shape(), weight.shape()) else { return Ok(None) };
        let products = [n, c, kh, kw, oh, ow].into_iter().fold(1usize, usize::saturating_mul);
        if self.groups != 1 || products > MOST_PRODUCTS {
            return Ok(None);
        }
        let rows = weight.reshape([m, c * kh * kw])?.swap_axes(0, 1)?;
        rows.matmul(&grad.reshape([n, m, oh * ow])?)?.col2im(self.blocks(input, Hw::new(kh, kw))).map(Some)
    }

    /// What a kernel sees of the input at each pixel of the output.
    fn blocks(&self, input: &Var, kernel: Hw) -> Col2im {
        let Pads { top, left, bottom, right } = self.padding;
        Col2im {
            image: input.shape()[2..].to_vec(),
            block: vec![kernel.h, kernel.w],
            stride: vec![self.stride.h, self.stride.w],
            dilation: vec![self.dilation.h, self.dilation.w],
            before: vec![top, left],
            after: vec![bottom, right],
        }
    }

    /// The gradient (outputs, channels / groups, kh, kw) of the weight of this convolution of `input` from that of its output. Also
    /// that of a transposed convolution, which exchanges the two.
    pub(in crate::ops) fn by_weight(&self, input: &Var, grad: &Var, kernel: Hw) -> Result<Var> {
        input.conv2d_weight(grad, Conv2dWeight { convolution: *self, kernel })
    }
}

/// Pixels from the first to the last tap of a kernel that has passed `infer`.
fn span(kernel: usize, dilation: usize) -> usize {
    (kernel - 1) * dilation + 1
}
