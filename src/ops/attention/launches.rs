//! The dispatches of attention: in tiles of queries, on a CPU's lanes, on matrices, and query by query.

use super::{Attention, LANES, MERGE, MergeParams, Params, QUERY, Sizes, TILE, item_lanes, matrices, on_lanes};
use crate::array::DType;
use crate::error::Result;
use crate::gpu::{Capabilities, Launch};
use crate::ops::slices::{least_slices, nested};
use crate::ops::{Candidate, Op, Site, item_header, launch_rows, u32_of};

impl Attention {
    /// A workgroup for each tile of queries.
    pub(super) fn tiles(&self, site: &Site<'_>, sizes: Sizes, tile: Tile) -> Result<Candidate> {
        let tiles = sizes.queries.div_ceil(tile.rows());
        self.cut(site, sizes, tiles, |params| {
            Launch::new(&TILE, &params, u64::from(params.groups))
                .notes(true)
                .turns(turns_of_row(&[tile.head, tile.value]) * sizes.keys)
                .header(tile.header())
        })
    }

    /// A workgroup for each tile of queries, on a CPU's lanes.
    pub(super) fn lanes(&self, site: &Site<'_>, sizes: Sizes, header: &str) -> Result<Candidate> {
        let tiles = sizes.queries.div_ceil(on_lanes::ROWS);
        self.cut(site, sizes, tiles, |params| {
            Launch::new(&LANES, &params, u64::from(params.groups)).turns(on_lanes::turns(sizes, 1, sizes.keys)).header(header)
        })
    }

    /// A workgroup for each tile of queries, on matrices.
    pub(super) fn on_matrices(&self, site: &Site<'_>, sizes: Sizes, tile: matrices::Tile) -> Result<Candidate> {
        let mut candidate = self.cut(site, sizes, sizes.queries.div_ceil(tile.rows() as usize), |params| tile.launch(&params))?;
        candidate.launches = candidate.launches.into_iter().map(matrices::magnitudes).collect();
        Ok(candidate)
    }

    /// A workgroup for each query, or several where values are long, or where queries are few and keys many.
    pub(super) fn queries(&self, site: &Site<'_>, sizes: Sizes) -> Result<Candidate> {
        let workgroup = if site.device.software { 64 } else { 256 };
        let lanes = item_lanes(sizes);
        let items = sizes.value / lanes;
        let columns = items.next_power_of_two().min(workgroup);
        let pieces = items.div_ceil(columns);
        let rows = sizes.batch * sizes.heads * sizes.queries;
        // For each `workgroup` of keys: a score's products, the largest score, and weighted values.
        let turns = |keys: usize| nested(&[keys.div_ceil(workgroup), sizes.head / lanes + workgroup.ilog2() as usize + columns + 3]);
        // A software adapter is busy with any number of workgroups.
        let wanted = if site.device.software { 1 } else { BUSY.div_ceil((rows * pieces).max(1)) };
        let slices = wanted.min(sizes.keys / (2 * workgroup)).max(least_slices(site.device, turns(sizes.keys)));
        let slice_keys = sizes.keys.div_ceil(slices).next_multiple_of(workgroup);
        let slices = sizes.keys.div_ceil(slice_keys).max(1);
        let mut merges = Vec::new(); // for each launch what would follow it
        let mut candidate = self.cut(site, sizes, sizes.queries * pieces * slices, |mut params| {
            params.pieces = u32_of(pieces);
            params.slice_keys = u32_of(slice_keys);
            let stored = u32_of(params.groups as usize / (pieces * slices) * items);
            let merge = MergeParams { items: stored, value_items: u32_of(items), slices: u32_of(slices), output_skip: params.output_skip };
            let groups = u64::from(stored.div_ceil(crate::ops::WORKGROUP));
            merges.push(Launch::new(&MERGE, &merge, groups).turns(2 * slices).notes(true).header(item_header(DType::F32, lanes)));
            Launch::new(&QUERY, &params, u64::from(params.groups))
                .notes(true)
                .turns(turns(slice_keys))
                .constant("WORKGROUP", u32_of(workgroup))
                .constant("COLUMNS", u32_of(columns))
                .constant("SLICES", u32_of(slices))
        })?;
        if slices > 1 {
            candidate.scratch.push((rows * slices * (items + 2) * lanes * 4) as u64);
            let pairs = std::mem::take(&mut candidate.launches).into_iter().zip(merges);
            candidate.launches = pairs.flat_map(|(launch, merge)| through_scratch(launch, merge)).collect();
        }
        Ok(candidate)
    }

    /// Launches over parts of the batch that fit a binding, with `per_head` workgroups for each head.
    fn cut(&self, site: &Site<'_>, s: Sizes, per_head: usize, mut launch: impl FnMut(Params) -> Launch) -> Result<Candidate> {
        let (of_batch, mask) = (s.of_batch(), site.inputs.get(3).copied());
        let launches = launch_rows(self.name(), site.device, s.batch, &of_batch.map(|n| n as u64 * 4), |part| {
            let windows = of_batch.map(|n| site.device.window((part.start * n) as u64..(part.end * n) as u64, 4));
            let params = self.params(s, mask, (part.start, &windows), [per_head, part.len() * s.heads * per_head]);
            self.masked(launch(params), mask)
                .header(item_header(DType::F32, item_lanes(s)))
                .input_window(0, &windows[0])
                .input_window(1, &windows[1])
                .input_window(2, &windows[2])
                .optional_input(mask.map(|_| 3))
                .output_window(0, &windows[3])
        })?;
        Ok(Candidate::of(launches))
    }
}

/// Turns that a tile's loops take at most for each row that passes, if so many vec4s of it are gone over: drivers spell out loops of up to
/// 32 turns. 2.4 to 3.3 were seen of up to 32 vec4s, 146 of an attention and 266 of a gradient of 64.
pub(in crate::ops) fn turns_of_row(loops: &[usize]) -> usize {
    4 + loops.iter().filter(|&&vectors| vectors > 32).map(|vectors| vectors + 8).sum::<usize>()
}

/// Workgroups from which a large GPU is busy.
const BUSY: usize = 256;

/// `launch` with its output in scratch memory, and `merge` from there to where that would be.
fn through_scratch(mut launch: Launch, mut merge: Launch) -> [Launch; 2] {
    let output = launch.bindings.pop();
    merge = merge.scratch(0);
    merge.bindings.extend(output);
    [launch.scratch_mut(0), merge]
}

/// How a workgroup of the tile kernel is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Invocations that share queries: each has every `split`-th vec4 of them and of their outputs in registers.
    split: usize,
    /// Queries that they share.
    queries: usize,
    /// Keys that are in workgroup memory at a time.
    keys: usize,
    /// vec4s of a key, a multiple of `split`.
    head: usize,
    /// vec4s of a value, a multiple of `split`.
    value: usize,
}

impl Tile {
    /// `None` where a query does not fit registers, or not even one key and value fit workgroup memory.
    pub(super) fn of(s: Sizes, device: &Capabilities) -> Option<Self> {
        // A GPU with fewer invocations than this is idle in part; a software adapter is busy with any number, and its registers
        // are the stack, but it unrolls every loop over them.
        let (busy, registers) = if device.software { (0, 64) } else { (1 << 16, 16) };
        let memory = if device.software { device.limits.max_compute_workgroup_storage_size as usize } else { 16 << 10 };
        let rows = s.batch * s.heads * s.queries;
        let items = s.head.max(s.value).div_ceil(4);
        let mut split = 1;
        while split < crate::ops::WORKGROUP as usize && (items > registers * split || (items > 4 * split && rows * split < busy)) {
            if device.software {
                return None;
            }
            split *= 2;
        }
        // Each load of a key then serves two queries.
        let queries = if items <= 8 * split && rows * split >= 2 * busy { 2 } else { 1 };
        let padded = |size: usize| size.div_ceil(4).next_multiple_of(split);
        let (head, value) = (padded(s.head), padded(s.value));
        let exchanged = if split > 1 { queries * crate::ops::WORKGROUP as usize * 4 } else { 0 };
        // An exchange that is not needed still has one element, in memory that is counted by 16 bytes.
        let keys = [16, 8, 4, 2, 1].into_iter().find(|keys| keys * ((head + value) * 16 + exchanged) + 16 <= memory)?;
        Some(Self { split, queries, keys, head, value })
    }

    const fn rows(self) -> usize {
        crate::ops::WORKGROUP as usize / self.split * self.queries
    }

    fn header(self) -> String {
        let Self { split, queries, keys, head, value } = self;
        let products = if split > 1 { queries * keys * crate::ops::WORKGROUP as usize } else { 1 };
        let constants = [("HEAD", head), ("VALUE", value), ("SPLIT", split), ("QUERIES", queries), ("KEYS", keys), ("PRODUCTS", products)];
        constants.iter().map(|(name, value)| format!("const {name} = {value}u;\n")).collect()
    }
}
