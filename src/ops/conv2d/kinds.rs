//! Which kernels compute a convolution here, and into how many slices they cut its sums.

use super::sizes::Sizes;
use crate::gpu::Capabilities;
use crate::ops::Precision;
use crate::ops::matmul;
use crate::ops::matrices::{Extent, Matrices};
use crate::ops::slices::{least_slices, nested, slices};

/// Channels that a thread of the register kernel computes.
pub(super) const ROWS: usize = 8;

/// The kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 8 channels of a strip of pixels a thread: for software adapters, and for few channels elsewhere.
    Register,
    /// 8 or 16 channels of a strip a thread, weights from lane to lane: for software adapters with subgroups of 8.
    Lanes,
    /// `size` channels x `size` pixels a workgroup, through shared memory: for GPUs.
    Tile { size: u32, depth: u32, sliced: bool },
    /// A tile a workgroup, by subgroups that multiply matrices of f16; the weights' taps first, then their channels, if they are brought
    /// into that order before.
    Matrices { tile: Matrices, by_taps: bool },
    /// A thread walks down a strip of one channel that has one input channel.
    Depthwise,
    /// 4 pixels a thread: whatever the others cannot do.
    Direct,
    /// The same on integers.
    Integer,
}

/// Products of a slice at least.
const LEAST: usize = 256;

impl Kind {
    /// Slices that the sums of all outputs are cut into, where there are few tiles.
    pub(super) fn slices(self, device: &Capabilities, sizes: &Sizes) -> usize {
        let wanted = match self {
            Self::Tile { size, sliced: true, .. } => {
                let size = size as usize;
                let tiles = blocks(sizes, sizes.output_channels, size) * sizes.output.area().div_ceil(size) * sizes.images;
                slices(device, tiles, sizes.taps(), LEAST)
            }
            Self::Tile { .. } => 1,
            Self::Matrices { tile, .. } => tile.slices(device, extent(sizes)),
            _ => return 1,
        };
        // A turn for each product that is staged, and two for each stage.
        wanted.max(least_slices(device, 2 * sizes.taps()))
    }
}

/// What kernels on matrices compute: a product for each group of each image.
fn extent(sizes: &Sizes) -> Extent {
    let (rows, columns, count) = (sizes.group_outputs(), sizes.output.area(), sizes.images * sizes.groups);
    Extent { rows, columns, count, depth: sizes.taps(), least: Some(LEAST) }
}

/// Best guess first; the last computes anything anywhere.
pub(super) fn kinds(device: &Capabilities, precision: Precision, sizes: &Sizes) -> Vec<Kind> {
    let matrices = || {
        let all = Matrices::all(device, precision, extent(sizes));
        let ways = |tile: Matrices| {
            // A step has one tap if it divides the channels.
            let fits = sizes.kernel.area() > 1 && sizes.group_inputs().is_multiple_of(tile.depth() as usize) && sizes.taps() < 1 << 20;
            let pays = tile.order_pays(extent(sizes), sizes.output_channels * sizes.taps());
            let ways = if fits && pays { [true, false] } else { [false, true] };
            ways.into_iter().filter(move |&by_taps| fits || !by_taps).map(move |by_taps| Kind::Matrices { tile, by_taps })
        };
        all.into_iter().filter(|_| sizes.group_outputs() >= ROWS).flat_map(ways)
    };
    let mut kinds = Vec::new();
    // From 8 channels on that share their one input channel, the other kernels read it less often.
    if fits_depthwise(sizes) && sizes.group_outputs() < ROWS {
        kinds.push(Kind::Depthwise);
    }
    if !device.software && sizes.group_outputs() >= ROWS {
        kinds.extend(matrices());
        kinds.extend(large_tile(device, sizes));
        let [sliced, whole] = [true, false].map(|sliced| Kind::Tile { size: 64, depth: 16, sliced });
        kinds.extend((sliced.slices(device, sizes) > 1).then_some(sliced));
        kinds.push(whole);
    }
    if device.has_lanes() {
        kinds.push(Kind::Lanes);
    }
    kinds.push(Kind::Register);
    if device.software {
        // There they are emulated.
        kinds.extend(matrices());
        // And loops may end too early: sums that are too long for the others are cut into slices.
        let long = nested(&[sizes.group_inputs(), sizes.kernel.h, sizes.kernel.w]) > device.max_turns;
        kinds.extend(long.then_some(Kind::Tile { size: 64, depth: 16, sliced: false }));
    }
    kinds.push(Kind::Direct);
    kinds
}

/// Whether the depthwise kernel, which holds the weights of a channel in 64 registers, can compute it.
fn fits_depthwise(sizes: &Sizes) -> bool {
    let &Sizes { kernel, stride, dilation, .. } = sizes;
    // Every row of weights that meets the same input row lies a stride after the one before.
    let rows = ((kernel.h - 1) / stride.h + 1).saturating_mul(stride.h);
    sizes.group_inputs() == 1 && dilation.h == 1 && kernel.h.max(kernel.w) <= 7 && rows.saturating_mul(kernel.w) <= 64
}

/// Tiles of 128 where there are enough to keep a large GPU busy: two for each of 128 compute units.
fn large_tile(device: &Capabilities, sizes: &Sizes) -> Option<Kind> {
    const MANY: usize = 256;
    let tiles = blocks(sizes, sizes.output_channels, 128) * sizes.output.area().div_ceil(128) * sizes.images;
    let depth = if matmul::tile_bytes(128, 16) <= device.limits.max_compute_workgroup_storage_size { 16 } else { 8 };
    (sizes.group_outputs() >= 128 && tiles >= MANY).then_some(Kind::Tile { size: 128, depth, sliced: false })
}

/// Blocks of `height` channels, none across groups, that cover `channels`: some of one group, or whole groups.
pub(super) fn blocks(sizes: &Sizes, channels: usize, height: usize) -> usize {
    let group = sizes.group_outputs();
    if channels <= group { channels.div_ceil(height) } else { channels / group * group.div_ceil(height) }
}
