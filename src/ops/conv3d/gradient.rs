//! The gradients of a convolution of volumes, which are those of images with a side more: see [`conv2d`](crate::ops::Conv2d).

use super::{Conv3d, Sizes};
use crate::array::Dhw;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::ConvTranspose3d;

impl Conv3d {
    pub(super) fn gradients(&self, inputs: &[Var], grad: &Var) -> Result<Vec<Option<Var>>> {
        let (input, weight) = (&inputs[0], &inputs[1]);
        let Sizes { input: size, kernel, .. } = Sizes::of(self, &inputs.iter().map(Var::ty).collect::<Vec<_>>())?;
        // Planes, rows and columns of the padded input that no tap reaches, fewer than the stride.
        let over = |size: usize, pads: usize, kernel: usize, dilation: usize, stride: usize| {
            (size + pads - ((kernel - 1) * dilation + 1)) % stride
        };
        let (pads, dilation, stride) = (self.padding, self.dilation, self.stride);
        let output_padding = Dhw {
            d: over(size.d, pads.front + pads.back, kernel.d, dilation.d, stride.d),
            h: over(size.h, pads.top + pads.bottom, kernel.h, dilation.h, stride.h),
            w: over(size.w, pads.left + pads.right, kernel.w, dilation.w, stride.w),
        };
        let transposed = ConvTranspose3d { stride, padding: pads, output_padding, dilation, groups: self.groups };
        let by_input = grad.conv_transpose3d(weight, None, transposed)?;
        let mut gradients = vec![Some(by_input), Some(self.by_weight(input, grad, kernel)?)];
        if inputs.len() > 2 {
            gradients.push(Some(grad.reduce_sum(&[0, 2, 3, 4], false)?));
        }
        Ok(gradients)
    }

    /// The gradient (outputs, channels / groups, kd, kh, kw) of the weight of this convolution of `input` from that of its output. Also
    /// that of a transposed convolution, which exchanges the two.
    pub(in crate::ops) fn by_weight(&self, input: &Var, grad: &Var, kernel: Dhw) -> Result<Var> {
        let &[images, channels, d, h, w] = input.shape() else {
            return Err(Error::shape("conv3d", format!("input must be (n, channels, d, h, w), it is {}", input.ty())));
        };
        let (groups, each) = (self.groups, channels / self.groups);
        // (n, group, c, ..) to (c, group, n, ..): channels are images, and each group convolves its own.
        let input = input.reshape([images, groups, each, d, h, w])?.transpose([2, 1, 0, 3, 4, 5])?;
        let input = input.reshape([each, groups * images, d, h, w])?;
        let exchanged = Self { stride: self.dilation, padding: self.padding, dilation: self.stride, groups };
        let taps = input.conv3d(&grad.transpose([1, 0, 2, 3, 4])?, None, exchanged)?;
        // Where a stride leaves voxels over there are taps that the kernel does not have.
        cropped(&taps, kernel)?.transpose([1, 0, 2, 3, 4])
    }
}

/// The first planes, rows and columns.
pub(in crate::ops) fn cropped(volume: &Var, size: Dhw) -> Result<Var> {
    if volume.shape()[2..] == [size.d, size.h, size.w] {
        return Ok(volume.clone());
    }
    volume.narrow(2, 0, size.d)?.narrow(3, 0, size.h)?.narrow(4, 0, size.w)
}
