//! Cutting a convolution where bindings are too small for its tensors.

use super::sizes::Sizes;
use crate::gpu::{Capabilities, Window};
use std::ops::Range;

/// Bytes of an element.
const F32: u64 = 4;

/// Images and output channels that one dispatch computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) images: Range<usize>,
    /// All, whole groups, or some of the only group.
    pub(super) channels: Range<usize>,
}

/// What a part sees of the tensors, and what its kernel adds to indices of the whole tensors, modulo 2^32.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    pub(super) input: (Window, u32),
    pub(super) weight: (Window, u32),
    pub(super) output: (Window, u32),
}

impl Part {
    pub(super) fn whole(sizes: &Sizes) -> Self {
        Self { images: 0..sizes.images, channels: 0..sizes.output_channels }
    }

    /// The fewest parts that fit: images together as far as they go, output channels as far as their weights do. Where a
    /// single image is too large, channels are cut until their planes fit too.
    ///
    /// What cannot be cut so, one image of a dense convolution, is left whole: the plan refuses it with the numbers.
    pub(super) fn all(device: &Capabilities, sizes: &Sizes) -> Vec<Self> {
        let bytes = |elements: usize| elements as u64 * F32;
        // Channels are cut in whole groups if there are several.
        let (units, channels) = if sizes.groups > 1 { (sizes.groups, sizes.group_outputs()) } else { (sizes.output_channels, 1) };
        let [input, output] = [sizes.input_channels * sizes.input.area(), sizes.output_channels * sizes.output.area()].map(bytes);
        let weight = bytes(channels * sizes.taps());
        let planes = bytes(channels * sizes.output.area());
        let group = if sizes.groups > 1 { bytes(sizes.group_inputs() * sizes.input.area()) } else { 0 };
        let cut = match (device.cut(sizes.images, &[input, output]), device.cut(units, &[weight])) {
            (Some(images), Some(units)) => Some((images, units)),
            _ => device.cut(units, &[weight, planes, group]).map(|units| ((0..sizes.images).map(|n| n..n + 1).collect(), units)),
        };
        let Some((images, units)) = cut else { return vec![Self::whole(sizes)] };
        let with = |images: &Range<usize>| {
            let images = images.clone();
            let part = move |unit: &Range<usize>| Self { images: images.clone(), channels: unit.start * channels..unit.end * channels };
            units.iter().map(part).collect::<Vec<_>>()
        };
        images.iter().flat_map(with).collect()
    }

    pub(super) fn windows(&self, device: &Capabilities, sizes: &Sizes) -> Windows {
        let window = |start: usize, end: usize| {
            let window = device.window(start as u64..end as u64, F32);
            #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
            let skip = window.skip.wrapping_sub(start as u32);
            (window, skip)
        };
        // From the first channel in question of the first image to the last of the last.
        let planes = |channels: Range<usize>, of: usize, area: usize| {
            window((self.images.start * of + channels.start) * area, ((self.images.end - 1) * of + channels.end) * area)
        };
        let groups = self.channels.start / sizes.group_outputs()..self.channels.end.div_ceil(sizes.group_outputs());
        let inputs = groups.start * sizes.group_inputs()..groups.end * sizes.group_inputs();
        Windows {
            input: planes(inputs, sizes.input_channels, sizes.input.area()),
            weight: window(self.channels.start * sizes.taps(), self.channels.end * sizes.taps()),
            output: planes(self.channels.clone(), sizes.output_channels, sizes.output.area()),
        }
    }
}
