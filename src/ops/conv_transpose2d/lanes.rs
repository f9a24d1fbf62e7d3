//! Classes of phases on a CPU's lanes: which of them, and how.

use super::classes::{Class, How};
use super::parts::{Part, Target};
use super::{Candidate, Problem};
use crate::gpu::{Capabilities, Kernel, Launch, kernel};
use crate::ops::slices::nested;
use crate::ops::{Finish, Items, finished, u32_of};
use std::ops::Range;

/// Two neighbours of the output that are stored by themselves.
const SINGLES: &str = "#import singles\n";
/// Two that are one number of 64 bits.
const PAIRS: &str = "#import pairs\n";

pub(super) static LANES: Kernel =
    kernel!("conv_transpose2d/lanes", super::classes::Tile, header: "alias Element = f32;\n#import unfinished\n#import singles\n");

/// Rows that a workgroup computes: 8 of each lane.
const ROWS: usize = 64;
/// Lanes of a workgroup, each of which loads what four neighbouring places meet.
const LANES_OF_FOUR: usize = 8;
/// Rows computed for each that counts, up to which it is faster than tiles and steps; with fewer channels than so many a quarter of that.
const MOST_WASTE: usize = 16;
const FEW_CHANNELS: usize = 4;
/// Taps along x that a step spells out at most, and products.
const MOST_TAPS: usize = 4;
const MOST_PRODUCTS: usize = 6;

/// Matrix products over the classes of phases, where every class that has taps can be computed so.
pub(super) fn candidate(problem: &Problem, finish: Option<&Finish>, parts: &[Part], device: &Capabilities) -> Option<Candidate> {
    let [range] = &problem.channel_ranges(device)?[..] else { return None };
    let classes = Class::all(problem).filter(|_| device.has_lanes())?;
    let mut launches = Vec::new();
    for part in parts {
        let target = Target::Output(part.output(problem, device), finish);
        for class in &classes {
            let lanes = || class.lanes(problem, part, range, &target, device);
            let tile = || class.launch(problem, part, range, &target, How { slices: 1, matrices: None }, device);
            launches.push(if class.y.taps * class.x.taps > 0 { lanes()? } else { tile() });
        }
    }
    Some(Candidate::of(launches))
}

impl Class {
    /// The dispatch, or `None` where weights do not lie in pairs, inputs of neighbouring places are not neighbours, or taps are many.
    pub(super) fn lanes(
        &self,
        problem: &Problem,
        part: &Part,
        range: &Range<usize>,
        target: &Target<'_>,
        device: &Capabilities,
    ) -> Option<Launch> {
        let x = problem.x;
        let fours = part.batch.len().checked_mul(self.y.places)?.checked_mul(self.x.places.div_ceil(4))?;
        let tiles = [self.rows(part.channels.len()).div_ceil(ROWS), fours.div_ceil(LANES_OF_FOUR)];
        let params = self.params(problem, part, range, target, (1, tiles), device);
        let even = |numbers: &[usize]| numbers.iter().all(|n| n.is_multiple_of(2));
        let [weight_first, output_skip] = [params.weight_first, params.output_skip].map(|n| n as usize);
        let neighbours = x.dilation == 1 && self.x.lag == 0 && self.x.taps <= MOST_TAPS;
        let (rows, most) = (params.rows as usize, u32::MAX as usize - ROWS);
        if !neighbours || !even(&[self.x.count, x.kernel, x.steps().0, weight_first]) || fours > most / 4 || rows > most {
            return None;
        }
        let waste = if range.len() < FEW_CHANNELS { MOST_WASTE / 4 } else { MOST_WASTE };
        if rows * waste < tiles[0] * ROWS {
            return None;
        }
        let planes = (1..=4).rev().find(|&p| range.len().is_multiple_of(p) && p * self.x.taps <= MOST_PRODUCTS).unwrap_or(1);
        // Fours start at multiples of 4 from the first place, and so do rows of inputs if the width is one.
        let start = (params.input_skip as usize + self.x.first + 4 - (self.x.taps - 1)) % 4;
        let shift = if x.input.is_multiple_of(4) { start } else { 4 };
        let loads = (shift.min(3) + 3 + self.x.taps).div_ceil(4);
        let pairs = even(&[self.x.phase + x.before, x.output, x.stride, output_skip]);
        let launch = Launch::new(&LANES, &params, tiles[0] as u64 * tiles[1] as u64 * part.groups.len() as u64)
            .turns(nested(&[range.len() / planes, self.y.taps]))
            .header(if pairs { PAIRS } else { SINGLES })
            .constant("TAPS", u32_of(self.x.taps))
            .constant("PLANES", u32_of(planes))
            .constant("SHIFT", u32_of(shift))
            .constant("LOADS", u32_of(loads))
            .input_window(0, &part.input(problem, device))
            .input_window(1, &problem.weight_window(range, device))
            .optional_input(problem.bias().filter(|_| params.has_bias > 0));
        Some(finished(target.bind(launch), target.finish(), Items::One))
    }
}
