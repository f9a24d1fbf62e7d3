//! The sizes of one convolution: checked once, and simplified for the kernels.

use super::Conv2d;
use crate::array::{Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::ops::check_rank;

/// All there is to know about a convolution but its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Sizes {
    pub(in crate::ops) images: usize,
    pub(in crate::ops) input_channels: usize,
    pub(in crate::ops) output_channels: usize,
    pub(in crate::ops) groups: usize,
    pub(in crate::ops) input: Hw,
    pub(in crate::ops) output: Hw,
    pub(in crate::ops) kernel: Hw,
    pub(in crate::ops) stride: Hw,
    pub(in crate::ops) dilation: Hw,
    pub(in crate::ops) padding: Pads,
}

impl Sizes {
    /// The sizes, or what does not agree.
    pub(in crate::ops) fn of(attributes: &Conv2d, inputs: &[&TensorType]) -> Result<Self> {
        let refused = |reason: String| Error::shape("conv2d", reason);
        let (input, weight) = (inputs[0], inputs[1]);
        check_rank("conv2d", "input", input, 4, "(n, channels, h, w)")?;
        check_rank("conv2d", "weight", weight, 4, "(outputs, channels / groups, kh, kw)")?;
        let &Conv2d { stride, padding, dilation, groups } = attributes;
        let [images, input_channels, h, w] = [0, 1, 2, 3].map(|i| input.shape[i]);
        let [output_channels, group_inputs, kh, kw] = [0, 1, 2, 3].map(|i| weight.shape[i]);
        if [groups, stride.h, stride.w, dilation.h, dilation.w].contains(&0) {
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
            // Kernels compute coordinates modulo 2^32 and take what is not below the size for padding.
            let padded = size.checked_add(before)?.checked_add(after).filter(|&p| u32::try_from(p).is_ok())?;
            let span = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
            Some(padded.checked_sub(span)? / stride + 1)
        };
        let oh = along(h, padding.top, padding.bottom, kh, dilation.h, stride.h);
        let ow = along(w, padding.left, padding.right, kw, dilation.w, stride.w);
        let (Some(oh), Some(ow)) = (oh, ow) else {
            let sizes = format!("a kernel of {kh} x {kw} with dilation {} x {}", dilation.h, dilation.w);
            return Err(refused(format!("{sizes} does not fit in {h} x {w} pixels with {padding:?}")));
        };
        let (input, output, kernel) = (Hw::new(h, w), Hw::new(oh, ow), Hw::new(kh, kw));
        Ok(Self { images, input_channels, output_channels, groups, input, output, kernel, stride, dilation, padding })
    }

    /// Input channels of a group.
    pub(in crate::ops) fn group_inputs(&self) -> usize {
        self.input_channels / self.groups
    }

    /// Output channels of a group.
    pub(in crate::ops) fn group_outputs(&self) -> usize {
        self.output_channels / self.groups
    }

    /// Weights of an output channel: the products in each of its pixels.
    pub(in crate::ops) fn taps(&self) -> usize {
        self.group_inputs() * self.kernel.area()
    }

    /// Neighbours along a row from a pixel's first tap to its last.
    pub(super) fn span(&self) -> usize {
        (self.kernel.w - 1) * self.dilation.w + 1
    }

    /// Whether every output pixel sees the whole input and there is but one of each channel: a fully connected layer.
    pub(in crate::ops) fn is_linear(&self) -> bool {
        self.groups == 1 && self.kernel == self.input && self.padding == Pads::default()
    }

    /// The same convolution as kernels like it best: no dilation or stride that has no effect, and where each pixel is on
    /// its own, images of one row.
    pub(in crate::ops) fn simplified(mut self) -> Self {
        let without = |effect: bool, value: usize| if effect { value } else { 1 };
        self.dilation = Hw::new(without(self.kernel.h > 1, self.dilation.h), without(self.kernel.w > 1, self.dilation.w));
        self.stride = Hw::new(without(self.output.h > 1, self.stride.h), without(self.output.w > 1, self.stride.w));
        if self.kernel.area() == 1 && self.padding == Pads::default() && self.output == self.input {
            self.input = Hw::new(1, self.input.area());
            self.output = self.input;
            self.stride = Hw::square(1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(attributes: Conv2d, input: [usize; 4], weight: [usize; 4]) -> Sizes {
        Sizes::of(&attributes, &[&TensorType::f32(input), &TensorType::f32(weight)]).unwrap()
    }

    #[test]
    fn points_become_one_row() {
        let row = sizes(Conv2d::default(), [2, 3, 7, 5], [4, 3, 1, 1]).simplified();
        assert_eq!((row.input, row.output), (Hw::new(1, 35), Hw::new(1, 35)));
        let dilated = Conv2d { dilation: Hw::square(3), ..Default::default() };
        assert_eq!(sizes(dilated, [2, 3, 7, 5], [4, 3, 1, 1]).simplified().output, Hw::new(1, 35));
        for kept in [
            Conv2d { stride: Hw::new(1, 2), ..Default::default() },
            Conv2d { padding: Pads { right: 1, ..Default::default() }, ..Default::default() },
            Conv2d { padding: Pads::all(1), stride: Hw::new(1, 2), ..Default::default() },
            Conv2d { padding: Pads::symmetric(3, 2), stride: Hw::square(2), ..Default::default() }, // 7 x 5 again
        ] {
            assert!(sizes(kept, [2, 3, 7, 5], [4, 3, 1, 1]).simplified().output.h >= 7, "{kept:?}");
        }
    }

    #[test]
    fn one_pixel_has_no_stride() {
        let attributes = Conv2d { stride: Hw::square(4), ..Default::default() };
        let one = sizes(attributes, [1, 3, 4, 5], [4, 3, 3, 3]).simplified();
        assert_eq!((one.output, one.stride), (Hw::square(1), Hw::square(1)));
    }

    #[test]
    fn a_kernel_as_large_as_the_input_is_a_layer() {
        assert!(sizes(Conv2d::default(), [2, 3, 7, 5], [4, 3, 7, 5]).is_linear());
        assert!(
            sizes(Conv2d { stride: Hw::square(9), dilation: Hw::square(9), ..Default::default() }, [2, 3, 1, 1], [4, 3, 1, 1]).is_linear()
        );
        assert!(!sizes(Conv2d::default(), [2, 3, 7, 5], [4, 3, 7, 4]).is_linear());
        assert!(!sizes(Conv2d { groups: 3, ..Default::default() }, [2, 3, 1, 1], [6, 1, 1, 1]).is_linear());
        assert!(!sizes(Conv2d { padding: Pads::all(1), ..Default::default() }, [2, 3, 3, 3], [4, 3, 3, 3]).is_linear());
    }
}
