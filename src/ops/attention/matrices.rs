//! `attention/matrices`: how a workgroup of 4 subgroups that multiply matrices is laid out.

use super::{Params, Sizes};
use crate::gpu::{Capabilities, Kernel, Launch, Slot, kernel};
use crate::ops::Precision;
use crate::ops::matrices::{SPARE, types};
use crate::ops::slices::nested;
use std::fmt::Write;

pub(super) static ON_MATRICES: Kernel =
    kernel!("attention/matrices", Params, header: "#import attention_of_16\nalias Scalar = f32;\n#import vec4\n");

/// Matrices that a query or a value may be long: each takes registers throughout.
const LONGEST: usize = 8;

/// The layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Rows and columns of a matrix; each subgroup has as many queries.
    side: u32,
    /// Invocations of a subgroup, a multiple of `side`.
    subgroup: u32,
    /// Matrices that a query is long.
    steps: u32,
    /// Matrices that a value is long.
    values: u32,
    /// Matrices of keys that are in shared memory at a time.
    blocks: u32,
    /// Whether numbers are multiplied as two halves, exact enough for f32.
    split: bool,
}

impl Tile {
    /// `None` where subgroups do not multiply matrices, or queries are too long for registers.
    pub(super) fn of(s: Sizes, device: &Capabilities, precision: Precision) -> Option<Self> {
        let (side, subgroup) = (device.matrices?, device.subgroup_sizes.0);
        let [steps, values] = [s.head, s.value].map(|size| size.div_ceil(side as usize));
        if steps.max(values) > LONGEST || !subgroup.is_multiple_of(side) {
            return None;
        }
        let of = |blocks| {
            let [steps, values] = [steps, values].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            Self { side, subgroup, steps, values, blocks, split: precision == Precision::F32 }
        };
        // Software adapters unroll each product of matrices.
        let most: &[u32] = if device.software { &[1] } else { &[2, 1] };
        let memory = device.limits.max_compute_workgroup_storage_size;
        most.iter().copied().map(of).find(|tile| tile.shared_bytes() + SPARE <= memory)
    }

    /// Queries of a workgroup.
    pub(super) const fn rows(self) -> u32 {
        4 * self.side
    }

    const fn shared_bytes(self) -> u32 {
        let Self { side, subgroup, steps, values, blocks, split } = self;
        let (rows, keys, fours) = (self.rows(), blocks * side, side / 4);
        let halves = keys * (steps * fours + 2) + keys * (values * fours + 2) + rows * (keys / 4 + 2);
        let scores = rows * (keys / 4 + 1) + rows * fours;
        halves * 8 * (1 + split as u32) + scores * 16 + 4 * (4 * subgroup + rows + 1)
    }

    /// What the shader's text begins with.
    fn header(self) -> String {
        let Self { side, subgroup, steps, values, blocks, split } = self;
        let mut text = types(side);
        for (name, value) in [("SIDE", side), ("STEPS", steps), ("VALUES", values), ("KEYS", blocks * side), ("WORKGROUP", 4 * subgroup)] {
            let _ = writeln!(text, "const {name}: u32 = {value};");
        }
        let times =
            [("STEPS", steps), ("VALUES", values), ("BLOCKS", blocks), ("LOWS", u32::from(split)), ("HIGHS_ALONE", u32::from(!split))];
        for (name, value) in times {
            let _ = writeln!(text, "#set {name} {value}");
        }
        text
    }

    /// The launch, before what is bound.
    pub(super) fn launch(self, params: &Params) -> Launch {
        Launch::new(&ON_MATRICES, params, u64::from(params.groups)).turns(self.turns(params.keys)).notes(true).header(self.header())
    }

    /// Turns of an invocation's loops: for each tile of keys those that load it, look for the largest score, scale sums and weigh.
    fn turns(self, keys: u32) -> usize {
        let [side, subgroup, steps, values, blocks] = [self.side, self.subgroup, self.steps, self.values, self.blocks].map(|n| n as usize);
        let (tile, workgroup, fours) = (blocks * side, 4 * subgroup, side / 4);
        let parts = subgroup / side;
        let load = |size: usize| nested(&[(tile * size * fours).div_ceil(workgroup)]);
        let vectors = (tile / 4).div_ceil(parts);
        let scale = values * nested(&[(side * fours).div_ceil(subgroup)]);
        let each = load(steps) + load(values) + nested(&[vectors, 4]) + nested(&[parts]) + scale + nested(&[vectors]);
        nested(&[(keys as usize).div_ceil(tile), each])
    }
}

/// `launch` with what the kernel binds behind the output: the largest magnitudes of query, key and value.
pub(super) fn magnitudes(launch: Launch) -> Launch {
    (0..3).fold(launch, |launch, input| launch.bind(Slot::Largest(input), false, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::expand;

    const SIZES: Sizes = Sizes { batch: 8, heads: 16, key_heads: 16, queries: 1024, keys: 1024, head: 64, value: 64 };

    fn device() -> Capabilities {
        let mut device = Capabilities::common();
        device.limits.max_compute_workgroup_storage_size = 48 << 10;
        device.subgroup_sizes = (32, 32);
        Capabilities { matrices: Some(16), ..device }
    }

    #[test]
    fn the_header_for_tests_is_one_of_them() {
        let tile = Tile::of(Sizes { head: 32, value: 16, ..SIZES }, &device(), Precision::F32).unwrap();
        assert_eq!(expand(&tile.header(), ""), expand("#import attention_of_16\n", ""));
    }

    #[test]
    fn tiles_fit_shared_memory_and_registers() {
        let keys = |head, value, precision| Tile::of(Sizes { head, value, ..SIZES }, &device(), precision).map(|tile| tile.blocks * 16);
        assert_eq!(keys(64, 64, Precision::F32), Some(32));
        assert_eq!(keys(128, 128, Precision::F32), Some(16));
        assert_eq!(keys(128, 128, Precision::Fast), Some(32));
        assert_eq!(keys(129, 64, Precision::Fast), None);
        assert_eq!(Tile::of(SIZES, &Capabilities::common(), Precision::F32), None);
    }
}
