//! The sizes of one convolution of volumes, checked once.

use super::Conv3d;
use crate::array::{Dhw, TensorType};
use crate::error::{Error, Result};
use crate::ops::check_rank;

/// All there is to know about a convolution but its numbers and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) images: usize,
    pub(super) input_channels: usize,
    pub(super) output_channels: usize,
    pub(super) groups: usize,
    pub(super) input: Dhw,
    pub(super) output: Dhw,
    pub(super) kernel: Dhw,
}

impl Sizes {
    /// The sizes, or what does not agree.
    pub(super) fn of(attributes: &Conv3d, inputs: &[&TensorType]) -> Result<Self> {
        let refused = |reason: String| Error::shape("conv3d", reason);
        let (input, weight) = (inputs[0], inputs[1]);
        check_rank("conv3d", "input", input, 5, "(n, channels, d, h, w)")?;
        check_rank("conv3d", "weight", weight, 5, "(outputs, channels / groups, kd, kh, kw)")?;
        let &Conv3d { stride, padding, dilation, groups } = attributes;
        let [images, input_channels, d, h, w] = [0, 1, 2, 3, 4].map(|i| input.shape[i]);
        let [output_channels, group_inputs, kd, kh, kw] = [0, 1, 2, 3, 4].map(|i| weight.shape[i]);
        if [groups, stride.d, stride.h, stride.w, dilation.d, dilation.h, dilation.w].contains(&0) {
            return Err(refused(format!("groups, stride and dilation must be at least 1: {attributes:?}")));
        }
        if input_channels % groups != 0 || output_channels % groups != 0 {
            return Err(refused(format!("{groups} groups do not divide {input_channels} input and {output_channels} output channels")));
        }
        if input_channels / groups != group_inputs {
            let given = input_channels / groups;
            return Err(refused(format!("weight {weight} wants {group_inputs} input channels per group, input {input} has {given}")));
        }
        if let Some(bias) = inputs.get(2).filter(|bias| bias.shape != [output_channels]) {
            return Err(refused(format!("bias must be f32[{output_channels}] with weight {weight}, it is {bias}")));
        }
        let along = |size: usize, before: usize, after: usize, kernel: usize, dilation: usize, stride: usize| {
            // The kernel computes coordinates modulo 2^32 and takes what is not below the size for padding.
            let padded = size.checked_add(before)?.checked_add(after).filter(|&p| u32::try_from(p).is_ok())?;
            let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            Some(padded.checked_sub(span)? / stride + 1)
        };
        let od = along(d, padding.front, padding.back, kd, dilation.d, stride.d);
        let oh = along(h, padding.top, padding.bottom, kh, dilation.h, stride.h);
        let ow = along(w, padding.left, padding.right, kw, dilation.w, stride.w);
        let (Some(od), Some(oh), Some(ow)) = (od, oh, ow) else {
            let kernel = format!("a kernel of {kd} x {kh} x {kw} with dilation {} x {} x {}", dilation.d, dilation.h, dilation.w);
            return Err(refused(format!("{kernel} does not fit in {d} x {h} x {w} voxels with {padding:?}")));
        };
        let (input, output, kernel) = (Dhw::new(d, h, w), Dhw::new(od, oh, ow), Dhw::new(kd, kh, kw));
        Ok(Self { images, input_channels, output_channels, groups, input, output, kernel })
    }

    pub(super) fn output_shape(&self) -> [usize; 5] {
        [self.images, self.output_channels, self.output.d, self.output.h, self.output.w]
    }

    /// Input channels of a group.
    pub(super) fn group_inputs(&self) -> usize {
        self.input_channels / self.groups
    }

    /// Output channels of a group.
    pub(super) fn group_outputs(&self) -> usize {
        self.output_channels / self.groups
    }
}
