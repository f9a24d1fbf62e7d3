//! Products on cooperative matrices: what `shaders/include/matrices.wgsl` is told, and the largest magnitudes that it scales by.

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
/// Tiles from which they keep a large GPU busy: two for each of 128 compute units.
const MANY: usize = 256;

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
    /// The tiles for `count` products of `rows` x `columns`, best guess first; none where subgroups do not multiply matrices.
    pub(crate) fn all(device: &Capabilities, precision: Precision, rows: usize, columns: usize, count: usize) -> Vec<Self> {
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
        let idles = |m: &Self| {
            let (height, width) = (m.rows() as usize, m.columns() as usize);
            let below = rows.next_multiple_of(height) - rows;
            rows.div_ceil(height) * columns.div_ceil(width) * count < MANY || below >= rows.min(height / 2)
        };
        // Those that leave much of a tile or of the device idle come last, and where all do the smallest do so least.
        if all.iter().all(idles) {
            all.sort_by_key(|m| m.rows() * m.columns())
        } else {
            all.sort_by_key(idles)
        }
        all
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
        let launch = Launch::new(&LARGEST, &params, groups as u64);
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
        let first = |precision, rows, columns| {
            let m = Matrices::all(&device(), precision, rows, columns, 1)[0];
            (m.rows(), m.columns())
        };
        for (rows, columns, exact, fast) in [
            (256, 128 * 128, (128, 128), (128, 128)), // VGG's third block at 512 x 512: 256 tiles
            (64, 512 * 512, (64, 64), (64, 128)),     // its first
            (512, 64 * 64, (64, 64), (64, 128)),      // its fourth
            (512, 32 * 32, (64, 64), (64, 64)),       // its fifth
        ] {
            assert_eq!((first(Precision::F32, rows, columns), first(Precision::Fast, rows, columns)), (exact, fast), "{rows} x {columns}");
        }
        assert!(Matrices::all(&Capabilities::common(), Precision::F32, 256, 256, 1).is_empty());
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
