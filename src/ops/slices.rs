//! Long sums for few outputs, cut into slices: each computed by workgroups of its own to a copy of the output in scratch memory, and
//! then added up in order, so that the same bits come of it every time.

use super::{Candidate, FINISH_NUMBERS, Finish, Items, UNFINISHED, WORKGROUP, finish_numbers, finished, groups, u32_of};
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};

params! {
    struct Params { finish: [[u32; 4]; FINISH_NUMBERS], count: u32, slices: u32, plane: u32, channels: u32, has_bias: u32 }
}

pub(super) static SUM: Kernel = kernel!("sum_slices", Params, header: UNFINISHED);

/// The output that slices are added up to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    /// Its elements.
    pub(crate) count: usize,
    /// Elements from a channel to the next.
    pub(crate) plane: usize,
    pub(crate) channels: usize,
    /// The operator's input that holds a number for each channel, to add.
    pub(crate) bias: Option<usize>,
}

impl Whole {
    /// The way whose `launches` write `slices` copies to scratch memory: then their sum, the bias, and what finishes it.
    pub(crate) fn summed(self, finish: Option<&Finish>, mut launches: Vec<Launch>, slices: usize) -> Candidate {
        let Self { count, plane, channels, bias } = self;
        let params = Params {
            finish: finish_numbers(finish),
            count: u32_of(count),
            slices: u32_of(slices),
            plane: u32_of(plane),
            channels: u32_of(channels),
            has_bias: bias.is_some().into(),
        };
        let launch = Launch::new(&SUM, &params, groups(count, WORKGROUP)).turns(slices).scratch(0).optional_input(bias).output(0);
        launches.push(finished(launch, finish, Items::One));
        Candidate { launches, scratch: vec![4 * slices as u64 * count as u64], ..Candidate::default() }
    }
}

/// Turns that loops within each other take at most, the outermost first. Each takes up to two more to find that it is over: mostly one was
/// seen, two of the innermost loop of `conv2d/register`.
pub(crate) fn nested(loops: &[usize]) -> usize {
    loops.iter().rev().fold(0, |inner: usize, turns| turns.saturating_mul(inner.saturating_add(1)).saturating_add(2))
}

/// The fewest slices of a sum whose loops take `turns` turns in one piece. Slices are made of whole stages, so some are left for those.
pub(crate) const fn least_slices(device: &Capabilities, turns: usize) -> usize {
    turns.div_ceil(device.max_turns / 16 * 15)
}

/// Slices of a sum of `length` products, none shorter than `least`, for `workgroups` that alone would leave the device idle.
pub(crate) fn slices(device: &Capabilities, workgroups: usize, length: usize, least: usize) -> usize {
    let enough = if device.software { 8 } else { 512 };
    (enough / workgroups.max(1)).min(length / least).clamp(1, 16)
}

/// Whether a sum of `length` products is slices of `depth` without a rest, and these steps of `step`: then no kernel has to ask where it ends.
pub(crate) fn whole_steps(length: usize, depth: usize, step: u32) -> bool {
    length.is_multiple_of(depth) && depth.is_multiple_of(step as usize)
}
