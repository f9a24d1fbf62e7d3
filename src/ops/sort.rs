//! sort: the passes that sort lines, for operators that want elements in order.
//!
//! Elements are sorted as pairs of a key and their place along the line. A line is cut into runs: a workgroup sorts 2048 elements in its
//! shared memory; on a CPU, where barriers are dear, an invocation sorts 16 in its registers. Then two neighbouring runs at a time become
//! one, in parts that find by halving where they begin, until one is left. No run keeps more than its first k.

use super::rows::Around;
use super::slices::nested;
use super::{WORKGROUP, groups, u32_of};
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};

params! {
    struct RunsParams { count: u32, columns: u32, inner: u32, pairs: u32, length: u32, input_skip: u32 }
}
params! {
    struct MergeParams { count: u32, pairs: u32, length: u32, merged_pairs: u32, merged_length: u32 }
}

pub(super) static RUNS: Kernel = kernel!("sort/runs", RunsParams);
pub(super) static BLOCK: Kernel = kernel!("sort/block", RunsParams);
pub(super) static MERGE: Kernel = kernel!("sort/merge", MergeParams);

/// Elements that one invocation sorts.
pub(super) const SHORT: usize = 16;
/// Elements that one workgroup sorts: 16 KiB of pairs.
pub(super) const LONG: usize = 2048;
/// Pairs that one invocation merges.
const MERGED: usize = 8;

/// The elements of an axis in order.
#[derive(Clone, Copy)]
pub(super) struct Sort {
    /// The lines.
    pub around: Around,
    /// Elements that are sorted together before runs are merged: [`SHORT`], or up to [`LONG`].
    pub span: usize,
    /// How many are wanted of each line.
    pub k: usize,
}

impl Sort {
    /// By what suits the device.
    pub fn on(device: &Capabilities, around: Around, k: usize) -> Self {
        Self { around, span: if device.software { SHORT } else { LONG }, k }
    }

    /// The most pairs of a line that there are at a time, of eight bytes each.
    pub fn pairs(self) -> usize {
        self.runs().pairs
    }

    fn runs(self) -> Runs {
        Runs::of(self.around.len, self.span, self.k)
    }

    /// The passes, of which `read` binds the first to the input and says how numbers become keys, and the one of the two scratch buffers
    /// that has the pairs in the end: (outer, inner, k).
    pub fn launches(self, input_skip: u32, read: impl FnOnce(Launch) -> Launch, [mut from, mut to]: [usize; 2]) -> (Vec<Launch>, usize) {
        let lines = self.around.outer * self.around.inner;
        let mut runs = self.runs();
        let mut passes = vec![read(self.cut(runs, lines, input_skip)).scratch_mut(from)];
        while runs.pairs > runs.length {
            let (merge, merged) = runs.merge(lines, self.k);
            passes.push(merge.scratch(from).scratch_mut(to));
            (runs, from, to) = (merged, to, from);
        }
        (passes, from)
    }

    /// Makes the first runs.
    fn cut(self, runs: Runs, lines: usize, input_skip: u32) -> Launch {
        // Fewer elements are sorted in less shared memory.
        let span = self.span.min(self.around.len.next_power_of_two()).max(SHORT);
        let count = lines * self.around.len.div_ceil(span);
        let params = RunsParams {
            count: u32_of(count),
            columns: u32_of(self.around.len),
            inner: u32_of(self.around.inner),
            pairs: u32_of(runs.pairs),
            length: u32_of(runs.length),
            input_skip,
        };
        if span == SHORT {
            return Launch::new(&RUNS, &params, groups(count, WORKGROUP)).turns(nested(&[SHORT, SHORT]));
        }
        let (workgroup, sizes) = ((span / 2).clamp(32, 256), span.ilog2() as usize);
        let launch = Launch::new(&BLOCK, &params, count as u64).turns(nested(&[sizes, sizes, span / workgroup]));
        launch.constant("WORKGROUP", u32_of(workgroup)).constant("SPAN", u32_of(span))
    }
}

/// The sorted runs of a line, one behind the other.
#[derive(Clone, Copy)]
struct Runs {
    /// All of a line.
    pairs: usize,
    /// Those of a run; the last one may have fewer.
    length: usize,
}

impl Runs {
    /// A line of `pairs` cut every `span`, where `k` of each run are kept.
    fn of(pairs: usize, span: usize, k: usize) -> Self {
        let length = span.min(k);
        Self { pairs: pairs / span * length + (pairs % span).min(k), length }
    }

    /// Makes one run of two, and what is there then.
    fn merge(self, lines: usize, k: usize) -> (Launch, Self) {
        let merged = Self::of(self.pairs, 2 * self.length, k);
        let count = lines * merged.pairs.div_ceil(merged.length) * merged.length.div_ceil(MERGED);
        let params = MergeParams {
            count: u32_of(count),
            pairs: u32_of(self.pairs),
            length: u32_of(self.length),
            merged_pairs: u32_of(merged.pairs),
            merged_length: u32_of(merged.length),
        };
        let steps = self.length.ilog2() as usize + 1;
        let launch = Launch::new(&MERGE, &params, groups(count, WORKGROUP)).turns(steps + MERGED);
        (launch.constant("STEPS", u32_of(steps)), merged)
    }
}
