//! Parts: what one launch computes where a tensor exceeds a binding.

use super::Problem;
use crate::gpu::{Capabilities, Launch, Window};
use crate::ops::Finish;
use std::ops::Range;

/// Images of the batch, groups of channels, and output channels of a group: neighbouring planes of the output.
///
/// Only one of the three is a true part: several images come whole, several groups of an image come whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub batch: Range<usize>,
    pub groups: Range<usize>,
    pub channels: Range<usize>,
}

impl Part {
    /// The fewest parts whose inputs and outputs fit bindings: images first, then groups, then channels.
    pub fn all(problem: &Problem, device: &Capabilities) -> Option<Vec<Self>> {
        let Problem { batch, groups, channels, out_channels, y, x, .. } = *problem;
        let input = 4 * (channels * y.input * x.input) as u64;
        let plane = 4 * (y.output * x.output) as u64;
        let output = plane * out_channels as u64;
        let all = |rows: usize| groups as u64 * rows as u64;
        if let Some(ranges) = device.cut(batch, &[input * all(1), output * all(1)]) {
            return Some(ranges.into_iter().map(|batch| Self { batch, groups: 0..groups, channels: 0..out_channels }).collect());
        }
        let images = (0..batch).map(|n| n..n + 1);
        if let Some(ranges) = device.cut(groups, &[input, output]) {
            let of = |batch: Range<usize>| {
                let part = move |groups| Self { batch: batch.clone(), groups, channels: 0..out_channels };
                ranges.clone().into_iter().map(part)
            };
            return Some(images.flat_map(of).collect());
        }
        let ranges = device.cut(out_channels, &[plane]).filter(|_| input <= device.max_binding())?;
        let of = |batch: Range<usize>| {
            let ranges = &ranges;
            (0..groups).flat_map(move |g| {
                let batch = batch.clone();
                ranges.iter().map(move |c| Self { batch: batch.clone(), groups: g..g + 1, channels: c.clone() })
            })
        };
        Some(images.flat_map(of).collect())
    }

    /// The window of the input that it reads.
    pub fn input(&self, problem: &Problem, device: &Capabilities) -> Window {
        let plane = problem.y.input * problem.x.input;
        let first = (self.batch.start * problem.groups + self.groups.start) * problem.channels;
        let end = ((self.batch.end - 1) * problem.groups + self.groups.end) * problem.channels;
        device.window((first * plane) as u64..(end * plane) as u64, 4)
    }

    /// The window of the output that it writes.
    pub fn output(&self, problem: &Problem, device: &Capabilities) -> Window {
        let plane = problem.y.output * problem.x.output;
        let first = (self.batch.start * problem.groups + self.groups.start) * problem.out_channels + self.channels.start;
        let end = ((self.batch.end - 1) * problem.groups + self.groups.end - 1) * problem.out_channels + self.channels.end;
        device.window((first * plane) as u64..(end * plane) as u64, 4)
    }
}

/// Where a launch writes.
#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    /// The output, finished.
    Output(Window, Option<&'a Finish>),
    /// Scratch memory, from this slice on.
    Slices(usize),
}

impl<'a> Target<'a> {
    /// Elements of the binding in front of the first one that is written.
    pub fn skip(&self, elements: usize) -> usize {
        match self {
            Self::Output(window, _) => window.skip as usize,
            Self::Slices(first) => first * elements,
        }
    }

    /// What is to be done before storing.
    pub fn finish(&self) -> Option<&'a Finish> {
        match self {
            Self::Output(_, finish) => *finish,
            Self::Slices(_) => None,
        }
    }

    pub fn bind(&self, launch: Launch) -> Launch {
        match self {
            Self::Output(window, _) => launch.output_window(0, window),
            Self::Slices(_) => launch.scratch_mut(0),
        }
    }
}
