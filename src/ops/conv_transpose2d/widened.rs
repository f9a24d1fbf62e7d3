//! An odd kernel under an even stride, as the even one with a column of zeros more: what a CPU's lanes take ([`lanes`]), whose weights lie in
//! pairs. A kernel of 3 columns does a third more products for it, and tiles took eight times as long.

use super::another::of_another_weight;
use super::{Candidate, Problem, lanes, parts::Part, phases::Axis};
use crate::array::TensorType;
use crate::gpu::Slot;
use crate::ops::{Finish, Op, Pad, PadMode, Site};

/// The products of the wider kernel, behind a launch that widens the weight.
pub(super) fn candidate(problem: &Problem, finish: Option<&Finish>, parts: &[Part], site: &Site<'_>) -> Option<Candidate> {
    let x = problem.x;
    if x.kernel.is_multiple_of(2) || !x.stride.is_multiple_of(2) || !site.device.has_lanes() {
        return None;
    }
    let wide = Problem { x: Axis { kernel: x.kernel + 1, ..x }, ..*problem };
    let found = lanes::candidate(&wide, finish, parts, site.device)?;

    let weight = site.inputs[1];
    let mut shape = weight.shape.clone();
    *shape.last_mut()? += 1;
    let wider = TensorType::f32(shape);
    let pad = Pad { before: vec![0; 4], after: vec![0, 0, 0, 1], mode: PadMode::Constant(0.0) };
    let widening = pad.launch(&Site { inputs: &[weight], outputs: &[&wider], finish: None, ..*site }).ok()?.into_iter().next()?;
    let [mut widening] = <[_; 1]>::try_from(widening.launches).ok()?;
    widening.notes = false;
    for binding in &mut widening.bindings {
        binding.slot = if binding.write { Slot::Scratch(0) } else { Slot::Input(1) };
    }
    Some(Candidate { launches: of_another_weight(widening, found.launches), scratch: vec![wider.device_bytes()], ..found })
}
