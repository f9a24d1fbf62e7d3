//! Stride 1: a convolution with the weight turned around. With k' = kernel - 1 - k and taps that span `span` = dilation (kernel - 1),
//!
//! ```text
//! output[m, y] = sum over c, k of   weight[c, m, k] input[c, y + before - k dilation]
//!              = sum over c, k' of  weight[c, m, kernel - 1 - k'] input[c, y - (span - before) + k' dilation]
//! ```

use super::another::of_another_weight;
use super::phases::Axis;
use super::{Candidate, Op, Problem, Site};
use crate::array::{Hw, Pads, TensorType};
use crate::ops::{Conv2d, Nest, Walk, copy, dense};

/// Pixels for which a weight is turned at least: that costs as much as multiplying it with some hundred of them.
const LEAST_PIXELS: usize = 128;

/// The best way of the convolution, behind a launch that turns the weight: on a CPU's lanes, where convolutions are four times as fast
/// as the tiles of transposed ones.
pub(super) fn candidate(problem: &Problem, site: &Site<'_>) -> Option<Candidate> {
    let Problem { batch, groups, channels, out_channels, y, x, .. } = *problem;
    let pixels = y.output * x.output;
    // The larger the output beside the input, the more products are with zeros around it: 16 to 1 was still three times as fast as tiles.
    let inputs = y.input * x.input;
    let worth = y.stride == 1 && x.stride == 1 && inputs > 1 && pixels <= 16 * inputs && batch * pixels >= LEAST_PIXELS;
    if !worth || !site.device.has_lanes() {
        return None;
    }
    let ((top, bottom), (left, right)) = (padding(y)?, padding(x)?);
    let dilation = Hw::new(y.dilation, x.dilation);
    let convolution = Conv2d { padding: Pads { top, left, bottom, right }, dilation, groups, ..Conv2d::default() };
    let weight = TensorType::f32([groups * out_channels, channels, y.kernel, x.kernel]);
    let inputs: Vec<&TensorType> = [site.inputs[0], &weight].into_iter().chain(site.inputs.get(2).copied()).collect();
    let mut found = convolution.launch(&Site { inputs: &inputs, ..*site }).ok()?;
    found.retain(|candidate| candidate.scratch.is_empty());
    let best = found.into_iter().next()?;

    let taps = y.kernel * x.kernel;
    let to = [groups, out_channels, channels, taps];
    let strides = [channels * out_channels * taps, taps, out_channels * taps].map(|s| i64::try_from(s).unwrap_or(i64::MAX));
    let from = Walk { start: i64::try_from(taps - 1).ok()?, strides: strides.into_iter().chain([-1]).collect() };
    let nest = Nest::new("conv_transpose2d", &to, [Walk::new(dense(&to)), from]).ok()?;
    let bytes = 4 * weight.elements() as u64;
    let turning = copy::to_scratch(site, 1, bytes, &nest)?;
    Some(Candidate { launches: of_another_weight(turning, best.launches), scratch: vec![bytes], ..best })
}

/// Zeros in front of and behind an axis of the convolution's input; `None` where the crop leaves out whole rows of it.
fn padding(axis: Axis) -> Option<(usize, usize)> {
    let span = axis.dilation * (axis.kernel - 1);
    let before = span.checked_sub(axis.before)?;
    Some((before, (axis.output + span).checked_sub(axis.input + before)?))
}
