//! The gradients of a convolution, which are convolutions again.
//!
//! ```text
//! by the input    the transposed convolution of the output's gradient with the weight, its output as large as the input
//! by the weight   the convolution of the input with the output's gradient as weight, images and channels exchanged,
//!                 stride and dilation exchanged, and of its output the first kh rows and kw columns
//! by the bias     the sums of the output's gradient over images and pixels
//! ```

use super::{Conv2d, Sizes};
use crate::array::Hw;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::ConvTranspose2d;

impl Conv2d {
    pub(super) fn gradients(&self, inputs: &[Var], grad: &Var) -> Result<Vec<Option<Var>>> {
        let (input, weight) = (&inputs[0], &inputs[1]);
        // Rows and columns of the padded input that no tap reaches, fewer than the stride.
        let Sizes { padding, stride, .. } = Sizes::of(self, &inputs.iter().map(Var::ty).collect::<Vec<_>>())?;
        let (h, w) = (span(weight.shape()[2], self.dilation.h), span(weight.shape()[3], self.dilation.w));
        let output_padding = Hw {
            h: (input.shape()[2] + padding.top + padding.bottom - h) % stride.h,
            w: (input.shape()[3] + padding.left + padding.right - w) % stride.w,
        };
        let transposed =
            ConvTranspose2d { stride: self.stride, padding: self.padding, output_padding, dilation: self.dilation, groups: self.groups };
        let by_input = grad.conv_transpose2d(weight, None, transposed)?;
        let by_weight = self.by_weight(input, grad, Hw::new(weight.shape()[2], weight.shape()[3]))?;
        let mut gradients = vec![Some(by_input), Some(by_weight)];
        if inputs.len() > 2 {
            gradients.push(Some(grad.reduce_sum(&[0, 2, 3], false)?));
        }
        Ok(gradients)
    }

    /// The gradient (outputs, channels / groups, kh, kw) of the weight of this convolution of `input` from that of its output. Also
    /// that of a transposed convolution, which exchanges the two.
    pub(in crate::ops) fn by_weight(&self, input: &Var, grad: &Var, kernel: Hw) -> Result<Var> {
        let &[images, channels, h, w] = input.shape() else {
            return Err(Error::shape("conv2d", format!("input must be (n, channels, h, w), it is {}", input.ty())));
        };
        let (groups, each) = (self.groups, channels / self.groups);
        // (n, group, c, h, w) to (c, group, n, h, w): channels are images, and each group convolves its own.
        let input = input.reshape([images, groups, each, h, w])?.transpose([2, 1, 0, 3, 4])?.reshape([each, groups * images, h, w])?;
        let exchanged = Self { stride: self.dilation, padding: self.padding, dilation: self.stride, groups };
        let taps = input.conv2d(&grad.transpose([1, 0, 2, 3])?, None, exchanged)?;
        // Where a stride leaves pixels over there are taps that the kernel does not have.
        let taps = if taps.shape()[2..] == [kernel.h, kernel.w] { taps } else { taps.crop(0, 0, kernel)? };
        taps.transpose([1, 0, 2, 3])
    }
}

/// Pixels from the first to the last tap of a kernel that has passed `infer`.
fn span(kernel: usize, dilation: usize) -> usize {
    (kernel - 1) * dilation + 1
}
