//! Stages: a long reduction is several, each over the results of the one before.

use crate::array::elements;
use crate::gpu::Capabilities;
use crate::ops::{Around, lanes};
use std::ops::Range;

/// One pass over a tensor: every `chunk` elements along the axis become one, `parts` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) around: Around,
    pub(super) chunk: usize,
    pub(super) parts: usize,
}

/// The passes that reduce `shape`, the innermost neighbouring axes first.
pub(super) fn stages(shape: &[usize], reduced: &[bool], device: &Capabilities) -> Vec<Stage> {
    // Neighbouring dimensions with the same fate are one; those of size 1 have none.
    let mut merged: Vec<(usize, bool)> = Vec::new();
    for (&size, &gone) in shape.iter().zip(reduced).filter(|(size, _)| **size != 1) {
        match merged.last_mut() {
            Some((all, fate)) if *fate == gone => *all *= size,
            _ => merged.push((size, gone)),
        }
    }
    let mut stages = Vec::new();
    while let Some(at) = merged.iter().rposition(|(_, gone)| *gone) {
        let product = |dimensions: &[(usize, bool)]| dimensions.iter().map(|(size, _)| size).product();
        let mut around = Around { outer: product(&merged[..at]), len: merged[at].0, inner: product(&merged[at + 1..]) };
        loop {
            let chunk = chunk(around, device);
            let parts = around.len.div_ceil(chunk);
            stages.push(Stage { around, chunk, parts });
            if parts == 1 {
                break;
            }
            around.len = parts;
        }
        merged.remove(at);
    }
    if stages.is_empty() {
        stages.push(Stage { around: Around { outer: elements(shape), len: 1, inner: 1 }, chunk: 1, parts: 1 });
    }
    stages
}

/// Elements along the axis for one invocation (across rows) or one team (along them): few enough that rounding stays small, that
/// a device has enough to do in parallel and that a binding holds them with what lies beside them.
fn chunk(around: Around, device: &Capabilities) -> usize {
    let Around { outer, len, inner } = around;
    let (least, most, busy, others) = if inner == 1 {
        (1024, 8192, if device.software { 16 } else { 1024 }, outer)
    } else {
        (64, 1024, if device.software { 1 << 10 } else { 1 << 16 }, outer * (inner / lanes(inner)))
    };
    let wanted = if len <= 4 * least && len <= most {
        len
    } else {
        let parts = usize::div_ceil(busy, others.max(1)).max(len.div_ceil(most));
        len.div_ceil(parts).next_multiple_of(4).clamp(least, most)
    };
    let window = device.max_binding().saturating_sub(u64::from(device.limits.min_storage_buffer_offset_alignment));
    let fits = usize::try_from(window / (inner as u64 * 4)).unwrap_or(usize::MAX);
    // A chunk of one element would get nowhere: what does not fit in fours is refused where it is launched.
    if wanted > fits && fits >= 4 { fits / 4 * 4 } else { wanted }
}

/// The innermost run of neighbouring dimensions that go, which the first stage is along; those of size 1 count to either side.
pub(super) fn innermost(shape: &[usize], reduced: &[bool]) -> Option<Range<usize>> {
    let last = (0..shape.len()).rfind(|&d| reduced[d] && shape[d] != 1)?;
    let first = (0..last).rfind(|&d| !reduced[d] && shape[d] != 1).map_or(0, |kept| kept + 1);
    Some(first..last + 1)
}
