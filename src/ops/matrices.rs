//! Products on cooperative matrices: what `shaders/include/matrices.wgsl` is told, and the largest magnitudes that it scales by.

use super::slices::slices;
use super::{Precision, u32_of};
use crate::gpu::{Capabilities, Kernel, Launch, Slot, kernel, params};
use std::fmt::Write;

params! {
    struct Params {
        vectors: u32,
        last: u32,
        step: u32,
    }
}

pub(super) static LARGEST: Kernel = kernel!("largest", Params);

/// Bytes of shared memory that a kernel may take for itself.
pub(super) const SPARE: u32 = 5 << 10;
/// Whether the factors, whose largest magnitudes a launch binds in this order, are scaled: those that lie in memory as f16 need not be.
pub(crate) const SCALED: [&str; 2] = ["SCALED_A", "SCALED_B"];
/// Units of a large GPU, each of which computes a few workgroups at once.
const UNITS: usize = 128;
/// Slices of a sum at most.
const MOST_SLICES: usize = 16;

/// How a workgroup of 2 x 2 subgroups computes a tile of a product: each of them `down` x `across` matrices of `side` x `side`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matrices {
    side: u32,
    /// Invocations of a subgroup.
    subgroup: u32,
    down: u32,
    across: u32,
    /// Whether numbers are multiplied as two halves, exact enough for f32.
    split: bool,
}

/// What is to be computed: `count` products of matrices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) count: usize,
    /// Products of a sum.
    pub(crate) depth: usize,
    /// Products that a slice of a sum has at least, where sums may be cut.
    pub(crate) least: Option<usize>,
}

/// Which four sums a kernel stores at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Neighbours in a row.
    Rows,
    /// Neighbours in a column.
    Columns,
}

/// What a kernel on matrices is complete with, for the tests that read it: the include is the header of one of them.
pub(crate) const MATRICES: &str =
    "#import matrices_of_16\n#set BY_ROWS 1\n#set BY_COLUMNS 0\nalias Element = vec4<f32>;\n#import unfinished\n";

impl Matrices {
    /// The tiles for products of that extent, those first that should take the least time; none where subgroups do not multiply matrices.
    pub(crate) fn all(device: &Capabilities, precision: Precision, extent: Extent) -> Vec<Self> {
        let Some(side) = device.matrices else { return Vec::new() };
        let split = precision == Precision::F32;
        let of = |(down, across)| Self { side, subgroup: device.subgroup_sizes.0, down, across, split };
        // Of 128 x 128, 64 x 128 and 64 x 64 where matrices have 16 rows. Halves take the registers that 64 x 128 would need. Software
        // adapters unroll each product of matrices, and compile those of large tiles for minutes.
        let shapes: &[_] = match (device.software, split) {
            (true, _) => &[(1, 2), (1, 1)],
            (_, true) => &[(4, 4), (2, 2)],
            (_, false) => &[(4, 4), (2, 4), (2, 2)],
        };
        let fits = |m: &Self| m.shared_bytes() + SPARE <= device.limits.max_compute_workgroup_storage_size;
        let mut all: Vec<Self> = shapes.iter().copied().map(of).filter(fits).collect();
        all.sort_by_key(|m| m.cost(extent, m.slices(device, extent)));
        all
    }

    /// Slices that the sums are cut into, to take the least time.
    pub(crate) fn slices(&self, device: &Capabilities, extent: Extent) -> usize {
        let most = extent.least.map_or(1, |least| (extent.depth / least).clamp(1, MOST_SLICES));
        if device.software {
            return slices(device, self.tiles(extent), most, 1);
        }
        (1..=most).min_by_key(|&slices| self.cost(extent, slices)).unwrap_or(1)
    }

    fn tiles(&self, Extent { rows, columns, count, .. }: Extent) -> usize {
        rows.div_ceil(self.rows() as usize).saturating_mul(columns.div_ceil(self.columns() as usize)).saturating_mul(count)
    }

    /// Whether a convolution's `weights` may as well be brought into another order in each run, by which steps take fewer instructions: of
    /// 1059 for 128 x 128 by halves a twentieth, of 906, 912 and 746 for smaller tiles and those of `Fast` a sixth.
    pub(crate) fn order_pays(&self, extent: Extent, weights: usize) -> bool {
        let loaded = self.tiles(extent).saturating_mul(extent.depth).saturating_mul((self.rows() + self.columns()) as usize);
        let share = if self.split && self.down * self.across == 16 { 20 } else { 6 };
        (loaded / UNITS / share) as u64 > Self::copying(weights.saturating_mul(2))
    }

    /// What a launch takes that reads or writes so many `numbers`, as [`Matrices::cost`] counts.
    fn copying(numbers: usize) -> u64 {
        (numbers / UNITS + 10_000) as u64
    }

    /// What a product takes of a large GPU, in numbers that a unit's busiest invocations load: beside that, what they multiply is little.
    ///
    /// Compilers make some 14 instructions of each number that is loaded, 24 where it becomes two halves, whatever the tile, and an
    /// invocation loads (rows + columns) depth / 128 of them a step: so large tiles are cheap. A unit is slower by the memory's answer, some
    /// 1000 cycles, where too few of its workgroups have anything else to do meanwhile.
    fn cost(&self, extent: Extent, slices: usize) -> u64 {
        let [rows, columns, depth] = [self.rows(), self.columns(), self.depth()].map(u64::from);
        let step = (rows + columns) * depth;
        let answer = if self.split { 3000 } else { 7000 };
        // Of a workgroup's registers so many fit a unit.
        let at_once: u64 = match self.down * self.across {
            16.. => 2,
            8.. => 3,
            _ => 4,
        };
        let steps = (extent.depth.div_ceil(slices) as u64).div_ceil(depth);
        let mut left = (self.tiles(extent).saturating_mul(slices)).div_ceil(UNITS) as u64;
        let whole = left / at_once;
        left %= at_once;
        let round = |workgroups: u64| if workgroups == 0 { 0 } else { (workgroups * step).max(step * 3 / 4 + answer) };
        let sums = steps.saturating_mul(whole.saturating_mul(round(at_once)).saturating_add(round(left)));
        let kept = (whole * at_once + left).saturating_mul(2 * rows * columns);
        // Copies are written and read, their sum is written, by a launch of its own.
        let outputs = extent.rows.saturating_mul(extent.columns).saturating_mul(extent.count);
        let copies = if slices > 1 { Self::copying(outputs.saturating_mul(2 * slices + 1)) } else { 0 };
        sums.saturating_add(kept).saturating_add(copies)
    }

    /// Rows of a tile.
    pub(crate) fn rows(&self) -> u32 {
        2 * self.down * self.side
    }

    /// Columns of a tile.
    pub(crate) fn columns(&self) -> u32 {
        2 * self.across * self.side
    }

    fn workgroup(&self) -> u32 {
        4 * self.subgroup
    }

    /// Steps of the sums that shared memory holds: so many that each invocation has a block of 4 x 4 of either factor to load.
    pub(crate) fn depth(&self) -> u32 {
        let least = if self.split { 16 } else { 32 };
        least.max(16 * self.workgroup() / self.rows().min(self.columns()))
    }

    fn shared_bytes(&self) -> u32 {
        let vectors = self.rows() * (self.depth() / 4 + 2) + self.depth() * (self.columns() / 4 + 2);
        let sums = 4 * self.side * self.across * self.side / 4;
        vectors * 8 * (1 + u32::from(self.split)) + sums * 16
    }

    /// What the shader's text begins with.
    pub(crate) fn header(&self, keeping: Keeping) -> String {
        let &Self { side, down, across, split, .. } = self;
        let (rows, columns, depth, workgroup) = (self.rows(), self.columns(), self.depth(), self.workgroup());
        let mut text = types(side);
        let constants = [("SIDE", side), ("DOWN", down), ("ACROSS", across), ("ROWS", rows), ("COLUMNS", columns)];
        for (name, value) in constants.into_iter().chain([("DEPTH", depth), ("WORKGROUP", workgroup)]) {
            let _ = writeln!(text, "const {name}: u32 = {value};");
        }
        let loads = [("LOADS_A", rows), ("LOADS_B", columns)].map(|(name, side)| (name, side * depth / 16 / workgroup));
        let times = [("DOWN", down), ("ACROSS", across), ("STEPS", depth / side), ("LOWS", u32::from(split))];
        let keeping = [("BY_ROWS", keeping == Keeping::Rows), ("BY_COLUMNS", keeping == Keeping::Columns)];
        let keeping = keeping.map(|(name, one)| (name, u32::from(one)));
        for (name, value) in times.into_iter().chain(loads).chain([("HIGHS_ALONE", u32::from(!split)), ("FOUR", 4)]).chain(keeping) {
            let _ = writeln!(text, "#set {name} {value}");
        }
        text
    }

    /// `launch` of a kernel on these matrices, with the operator's inputs `a` and `b` as factors: before what it finishes with is bound.
    pub(crate) fn launch(&self, launch: Launch, a: usize, b: usize, keeping: Keeping) -> Launch {
        let launch = SCALED.into_iter().fold(launch, |launch, name| launch.constant(name, true));
        launch.header(self.header(keeping)).bind(Slot::Largest(a), false, None).bind(Slot::Largest(b), false, None)
    }
}

/// The types of matrices of `side` x `side`, with which a shader's text begins.
pub(super) fn types(side: u32) -> String {
    let mut text = "enable f16;\nenable wgpu_cooperative_matrix;\n".to_owned();
    for (name, dtype) in [("A", "f16"), ("B", "f16"), ("C", "f32")] {
        let _ = writeln!(text, "alias Matrix{name} = coop_mat{side}x{side}<{dtype}, {name}>;");
    }
    text
}

/// The launches that find the largest magnitude among the `elements` f32 numbers of input `index`, whose place holds 0 before.
pub(crate) fn largest(device: &Capabilities, index: usize, elements: usize) -> Vec<Launch> {
    const WORKGROUP: usize = 64;
    /// Workgroups that fill a large GPU.
    const MOST_GROUPS: usize = 2048;
    let align = u64::from(device.limits.min_storage_buffer_offset_alignment.max(16));
    let part = usize::try_from(device.max_binding() / align * align / 4).unwrap_or(usize::MAX).max(4);
    let of = |start: usize| {
        let end = elements.min(start.saturating_add(part));
        let vectors = (end - start).div_ceil(4);
        let groups = vectors.div_ceil(WORKGROUP).min(MOST_GROUPS);
        let params = Params { vectors: u32_of(vectors), last: u32_of((end - start) - 4 * (vectors - 1)), step: u32_of(groups * WORKGROUP) };
        let launch = Launch::new(&LARGEST, &params, groups as u64).turns(vectors.div_ceil(groups.max(1) * WORKGROUP));
        launch.input_window(index, &device.window(start as u64..end as u64, 4)).bind(Slot::Largest(index), true, None)
    };
    (0..elements).step_by(part).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::expand;
    use crate::ops::UNFINISHED_FOUR;

    fn device() -> Capabilities {
        let mut device = Capabilities::common();
        device.limits.max_compute_workgroup_storage_size = 48 << 10;
        Capabilities { matrices: Some(16), ..device }
    }

    #[test]
    fn the_header_for_tests_is_one_of_them() {
        let header = Matrices { side: 16, subgroup: 32, down: 2, across: 2, split: true }.header(Keeping::Rows);
        assert_eq!(expand(&(header + UNFINISHED_FOUR), ""), expand(MATRICES, ""));
    }

    #[test]
    fn every_block_is_loaded_by_one_invocation() {
        for (side, subgroup) in [(16, 32), (16, 64), (8, 8)] {
            for ((down, across), split) in
                [(4, 4), (2, 4), (2, 2), (1, 2), (1, 1)].into_iter().flat_map(|shape| [(shape, true), (shape, false)])
            {
                let m = Matrices { side, subgroup, down, across, split };
                for side in [m.rows(), m.columns()] {
                    assert_eq!(side * m.depth() / 16 % m.workgroup(), 0, "{m:?}");
                }
            }
        }
    }

    #[test]
    fn tiles_fit_the_product() {
        let extent = |rows, columns, depth| Extent { rows, columns, count: 1, depth, least: Some(256) };
        let first = |precision, extent| {
            let m = Matrices::all(&device(), precision, extent)[0];
            (m.rows(), m.columns(), m.slices(&device(), extent))
        };
        for (rows, columns, depth, exact, fast) in [
            (256, 128 * 128, 2304, (128, 128, 1), (128, 128, 1)), // VGG's third block at 512 x 512: 256 tiles of 128 x 128
            (64, 512 * 512, 576, (64, 64, 1), (64, 128, 1)),      // its first
            (512, 64 * 64, 4608, (128, 128, 2), (128, 128, 2)),   // its fourth
            (512, 32 * 32, 4608, (128, 128, 8), (128, 128, 8)),   // its fifth
            (512, 14 * 14, 4608, (128, 128, 16), (64, 128, 16)),  // its fifth at 224 x 224
            (1024, 1024, 1024, (128, 128, 2), (128, 128, 4)),
        ] {
            let extent = extent(rows, columns, depth);
            assert_eq!((first(Precision::F32, extent), first(Precision::Fast, extent)), (exact, fast), "{extent:?}");
        }
        assert!(Matrices::all(&Capabilities::common(), Precision::F32, extent(256, 256, 256)).is_empty());
    }

    #[test]
    fn every_element_is_looked_at_once() {
        let mut device = device();
        device.limits.max_storage_buffer_binding_size = 1 << 20;
        for elements in [1, 4, 7, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1_000_003] {
            let launches = largest(&device, 0, elements);
            let bytes: u64 = launches.iter().map(|l| l.bindings[0].bytes.clone().unwrap()).map(|b| b.end - b.start).sum();
            assert_eq!(bytes, (4 * elements as u64).next_multiple_of(16), "{elements}");
        }
    }
}
