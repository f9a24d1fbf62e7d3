//! Updates sorted by the places that they name: an element finds its own one behind the other. That costs a search of a few steps for each
//! place, and some passes over the updates.

use super::places::places;
use super::{Lines, ScatterReduction};
use crate::array::elements;
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::ops::sort::Sort;
use crate::ops::{Candidate, Site, WORKGROUP, groups, u32_of};

params! {
    struct StartsParams { count: u32, updates: u32, size: u32 }
}

pub(super) static STARTS: Kernel = kernel!("scatter/starts", StartsParams);
pub(super) static SORTED: Kernel =
    kernel!("scatter/sorted", super::Params, header: "alias Scalar = f32;\n#import scalar\n#import reduction\n");

impl Lines {
    /// The candidate, with tuples of indices into dimensions of sizes `indexed`; none where there are more pairs than a binding shows.
    fn sorted(&self, op: &'static str, reduction: ScatterReduction, site: &Site<'_>, indexed: &[usize]) -> Result<Option<Candidate>> {
        let (around, lines) = (self.indices, self.indices.outer * self.indices.inner);
        let (updates, starts) = (lines * around.len, lines * (self.size + 1));
        if 8 * updates.max(starts.div_ceil(2)) as u64 > site.device.max_binding() {
            return Ok(None);
        }
        let sort = Sort::on(site.device, around, around.len);
        let read = |launch: Launch| launch.constant("KIND", 0u32).constant("DESCENDING", 0u32).scratch(0);
        let (passes, pairs) = sort.launches(0, read, [1, 2]);
        let steps = around.len.ilog2() + 1;
        let params = StartsParams { count: u32_of(starts), updates: u32_of(around.len), size: u32_of(self.size) };
        let found = Launch::new(&STARTS, &params, groups(starts, WORKGROUP)).turns(steps as usize).constant("STEPS", steps);
        let line = self.line.iter().map(|&step| step * around.len as i64).collect();
        let start = self.line.iter().zip(&self.place).map(|(&line, &place)| line * (self.size as i64 + 1) + place).collect();
        let bind = |launch: Launch| launch.scratch(pairs).scratch(3);
        let mut launches = self.rest(op, site)?;
        launches.push(places(indexed, updates));
        launches.extend(passes);
        launches.push(found.scratch(pairs).scratch_mut(3));
        launches.extend(self.launches(op, &SORTED, reduction, site, [line, start], bind)?);
        let scratch = [4 * updates, 8 * updates, 8 * updates, 4 * starts].map(|bytes| bytes as u64).into();
        Ok(Some(Candidate { launches, scratch, ..Candidate::default() }))
    }

    /// The ways, the one that looks to be the fastest first: by `rows`, by going through all updates for each item, and by sorting them.
    pub(super) fn ways(
        &self,
        op: &'static str,
        reduction: ScatterReduction,
        site: &Site<'_>,
        indexed: &[usize],
        [rows, searched]: [Option<Candidate>; 2],
    ) -> Result<Vec<Candidate>> {
        let sorted = self.sorted(op, reduction, site, indexed)?;
        let items = elements(&self.sizes) / self.width;
        // While the passes of sorting are launched a CPU compares some hundred thousand times, a GPU some ten million times. A row looks once for all
        // of its items, but barriers are dear on a CPU.
        let (ways, lookers, often) = match (site.device.software, &rows) {
            (true, _) => ([searched, rows], items, 1 << 17),
            (false, None) => ([searched, rows], items, 1 << 26),
            (false, Some(_)) => ([rows, searched], self.size, 1 << 26),
        };
        let ways = ways.into_iter().flatten();
        Ok(if lookers.saturating_mul(self.indices.len) > often {
            sorted.into_iter().chain(ways).collect()
        } else {
            ways.chain(sorted).collect()
        })
    }
}
