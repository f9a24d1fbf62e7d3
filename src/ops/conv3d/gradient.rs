//! The gradients of a convolution of volumes, which are those of images with a side more: see [`conv2d`](crate::ops::Conv2d).

use super::{Conv3d, Sizes};
use crate::array::Dhw;
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{AxisRange, Conv2d, Conv2dWeight, ConvTranspose3d, PadMode, concat};

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
    ///
    /// Planes are images: those that tap k of the depth meets, `stride` apart from k * `dilation` on in the padded volume, are convolved by
    /// the tap's weights alone.
    pub(in crate::ops) fn by_weight(&self, input: &Var, grad: &Var, kernel: Dhw) -> Result<Var> {
        let Self { stride, padding, dilation, groups } = *self;
        let convolution = Conv2d { stride: stride.hw(), padding: padding.hw(), dilation: dilation.hw(), groups };
        let weight = Conv2dWeight { convolution, kernel: kernel.hw() };
        let [before, after] = [padding.front, padding.back].map(|planes| [0, 0, planes.cast_signed(), 0, 0]);
        let padded = input.pad(before, after, PadMode::Constant(0.0))?;
        // Volumes are the inner dimension, so that planes in a row are images in a row.
        let [input, grad] = [padded.transpose([2, 0, 1, 3, 4])?, grad.transpose([2, 0, 1, 3, 4])?];
        let images = |planes: &Var| {
            let shape = planes.shape();
            planes.reshape([&[shape[0] * shape[1]], &shape[2..]].concat())
        };
        let planes = (grad.shape()[0] - 1) * stride.d + 1;
        let taps = (0..kernel.d).map(|k| {
            let [start, end] = [k * dilation.d, k * dilation.d + planes].map(usize::cast_signed);
            let range = AxisRange { step: stride.d.cast_signed(), ..AxisRange::new(0, start, end) };
            let tap = images(&input.slice([range])?)?.conv2d_weight(&images(&grad)?, weight)?;
            let &[outputs, channels, kh, kw] = tap.shape() else { return Ok(tap) };
            tap.reshape([outputs, channels, 1, kh, kw])
        });
        concat(&taps.collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>(), 2)
    }
}

/// The first planes, rows and columns.
pub(in crate::ops) fn cropped(volume: &Var, size: Dhw) -> Result<Var> {
    if volume.shape()[2..] == [size.d, size.h, size.w] {
        return Ok(volume.clone());
    }
    volume.narrow(2, 0, size.d)?.narrow(3, 0, size.h)?.narrow(4, 0, size.w)
}
