//! Which kernel computes a product here, and how it is cut where bindings are too small.

use super::{Channels, Product};
use crate::gpu::{Capabilities, Kernel, Launch, Slot, Window, kernel, params};
use crate::ops::matrices::{Extent, Keeping, LARGEST, MATRICES, Matrices};
use crate::ops::slices::{Whole, least_slices, slices, whole_steps};
use crate::ops::{Candidate, FINISH_NUMBERS, Finish, Items, Precision, Site, UNFINISHED_FOUR, finish_numbers, finished, groups, u32_of};
use std::ops::Range;

params! {
    struct Params {
        finish: [[u32; 4]; FINISH_NUMBERS],
        rows: u32,
        columns: u32,
        depth: u32,
        batches: u32,
        a_stride: u32,
        b_stride: u32,
        output_stride: u32,
        output_pitch: u32,
        a_skip: u32,
        b_skip: u32,
        bias_skip: u32,
        output_skip: u32,
        groups: u32,
        slice_depth: u32,
        slice_elements: u32,
    }
}

static REGISTER: Kernel = kernel!("matmul/register", Params, header: UNFINISHED_FOUR);
static LANES: Kernel = kernel!("matmul/lanes", Params, header: UNFINISHED_FOUR);
static GEMV: Kernel = kernel!("matmul/gemv", Params, header: UNFINISHED_FOUR);
static TILE: Kernel = kernel!("matmul/tile", Params, header: UNFINISHED_FOUR);
static ON_MATRICES: Kernel = kernel!("matmul/matrices", Params, header: MATRICES);
static INTEGER: Kernel = kernel!("matmul/integer", Params);
pub(crate) const KERNELS: &[&Kernel] = &[&REGISTER, &LANES, &GEMV, &TILE, &ON_MATRICES, &LARGEST, &INTEGER];

/// Bytes of an element, f32 or 32-bit integer.
const F32: u64 = 4;

/// Tiles of 128 x 128 from which they keep a large GPU busy: two for each of 128 compute units.
const MANY_TILES: usize = 256;

/// The kernels, with what distinguishes their pipelines.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// 8 x 16 elements a thread, no shared memory: for software adapters.
    Register,
    /// `rows` x 4 * `vectors` elements a thread, a from lane to lane: for software adapters with subgroups of 8.
    Lanes { rows: u32, vectors: u32 },
    /// Up to four rows: each element of b is used once, so all that counts is to read it well.
    Gemv { workgroup: u32, lanes: u32, rows: u32 },
    /// `size` x `size` elements a workgroup, `depth` steps at a time through shared memory: for GPUs.
    Tile { size: u32, depth: u32, sliced: bool },
    /// A tile a workgroup, by subgroups that multiply matrices of f16.
    Matrices(Matrices),
    /// 4 x 4 integers a thread, no shared memory.
    Integer,
}

/// Multiply-adds, some milliseconds of a CPU, up to which points are computed few at a time.
const SMALL: usize = 1 << 23;

/// Products of a slice at least.
const LEAST: usize = 256;

impl Kind {
    /// Slices that the sums of all elements are cut into, where there are few tiles.
    fn slices(self, device: &Capabilities, product: &Product) -> usize {
        let wanted = match self {
            Self::Tile { size, sliced: true, .. } => {
                let tiles = product.rows.div_ceil(size as usize) * product.columns.div_ceil(size as usize) * product.batches;
                slices(device, tiles, product.depth, LEAST)
            }
            Self::Tile { .. } => 1,
            Self::Matrices(m) => m.slices(device, extent(product)),
            _ => return 1,
        };
        wanted.max(least_slices(device, self.turns(product.depth)))
    }

    /// Turns that its loops take for sums of `depth` products.
    fn turns(self, depth: usize) -> usize {
        match self {
            Self::Register | Self::Integer => depth,
            Self::Lanes { .. } => depth.div_ceil(4),
            Self::Gemv { lanes, .. } => depth.div_ceil(4 * lanes as usize),
            // A turn for each product that is staged, and two for each stage.
            Self::Tile { .. } | Self::Matrices(_) => 2 * depth,
        }
    }
}

/// A part of a product whose windows fit the device's bindings.
#[derive(Clone, Debug)]
struct Part {
    batches: Range<usize>,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The ways to compute `products`, which have their sizes in common.
pub(crate) fn candidates(site: &Site<'_>, products: &[Product], finish: Option<&Finish>) -> Vec<Candidate> {
    of_kinds(site.device, products, finish, |product| kinds(site.device, site.precision, product))
}

/// The way to compute `products` of 32-bit integers, modulo 2^32.
pub(crate) fn integer_candidates(device: &Capabilities, products: &[Product]) -> Vec<Candidate> {
    of_kinds(device, products, None, |_| vec![Kind::Integer])
}

fn of_kinds(
    device: &Capabilities,
    products: &[Product],
    finish: Option<&Finish>,
    kinds: impl FnOnce(&Product) -> Vec<Kind>,
) -> Vec<Candidate> {
    let Some(first) = products.first() else { return Vec::new() };
    let parts = parts(device, first);
    // A finish counts elements of the whole output.
    let finish = finish.filter(|_| products.len() == 1 && parts.len() == 1);
    let launches = |kind: Kind| {
        // Slices are the first scratch buffer.
        if let ([product], [part]) = (products, &parts[..])
            && [product.a.slot, product.b.slot].iter().all(|slot| matches!(slot, Slot::Input(_)))
            && kind.slices(device, product) > 1
        {
            let slices = kind.slices(device, product);
            let &Product { rows, columns, batches, bias, .. } = product;
            // What is done at the end is done where slices are added up.
            let plain = Product { bias: None, ..product.clone() };
            let launch = launch(device, kind, &plain, part, None, slices)?;
            let whole = Whole { count: rows * columns * batches, plane: 1, channels: columns, bias };
            return Some(whole.summed(finish, vec![launch], slices).finishing(finish.is_some()));
        }
        let each = products.iter().flat_map(|product| parts.iter().map(move |part| launch(device, kind, product, part, finish, 1)));
        Some(Candidate::of(each.collect::<Option<Vec<_>>>()?).finishing(finish.is_some()))
    };
    kinds(first).into_iter().filter_map(launches).collect()
}

/// What kernels on matrices compute.
fn extent(&Product { rows, columns, depth, batches, .. }: &Product) -> Extent {
    Extent { rows, columns, count: batches, depth, least: Some(LEAST) }
}

/// Best guess first; the last serves everywhere.
fn kinds(device: &Capabilities, precision: Precision, product: &Product) -> Vec<Kind> {
    let &Product { rows, columns, depth, batches, transposed, .. } = product;
    let matrices = Matrices::all(device, precision, extent(product)).into_iter().map(Kind::Matrices);
    let [sliced, baseline] = [true, false].map(|sliced| Kind::Tile { size: 64, depth: 16, sliced });
    let lanes = device.has_lanes().then(|| lanes(product));
    if product.channels == Channels::Rows {
        return lanes.into_iter().collect();
    }
    if rows <= 4 {
        let rows = u32_of(rows);
        if device.software {
            return lanes.into_iter().chain([Kind::Gemv { workgroup: 8, lanes: 1, rows }, baseline]).collect();
        }
        // Neighbouring threads read along depth if b is transposed, else along columns; a lane's step is 4 deep.
        let most = if transposed { 64 } else { 8 };
        let useful = u32_of(depth / 4).clamp(1, most);
        return vec![Kind::Gemv { workgroup: 64, lanes: 1 << useful.ilog2(), rows }, baseline];
    }
    if device.software {
        // There the matrices are emulated.
        return lanes.into_iter().chain([Kind::Register]).chain(matrices).chain([baseline]).collect();
    }
    let large = rows >= 128 && columns >= 128 && rows.div_ceil(128) * columns.div_ceil(128) * batches >= MANY_TILES;
    let sliced = (sliced.slices(device, product) > 1).then_some(sliced);
    matrices.chain(large.then(|| large_tile(device))).chain(sliced).chain([baseline]).collect()
}

/// The lanes kernel with as many rows and columns a thread as fit the product. A transposed b is read along depth, where many columns
/// at a time are many places of memory at a time.
fn lanes(product: &Product) -> Kind {
    let &Product { rows, columns, transposed, .. } = product;
    // A quarter of the text where a driver would take longer to compile the whole than layers so small ever save.
    let work = [rows, columns, product.depth, product.batches].into_iter().fold(1, usize::saturating_mul);
    let small = product.channels == Channels::Rows && work < SMALL;
    let tall = rows_of_lanes(rows);
    Kind::Lanes {
        rows: if small { tall.min(16) } else { tall },
        vectors: if !transposed && !small && twice(columns.div_ceil(32)) { 2 } else { 1 },
    }
}

/// Rows that a thread of a kernel on lanes computes of so many.
pub(crate) fn rows_of_lanes(rows: usize) -> u32 {
    match rows {
        0..=4 => u32_of(rows),
        5..=8 => 8,
        _ if twice(rows.div_ceil(16)) => 32,
        _ => 16,
    }
}

/// Whether twice as much at a time leaves little of it idle.
const fn twice(blocks: usize) -> bool {
    blocks > 4 || blocks.is_multiple_of(2)
}

/// Tiles of 128 with as deep a step as shared memory allows.
fn large_tile(device: &Capabilities) -> Kind {
    let depth = if tile_bytes(128, 16) <= device.limits.max_compute_workgroup_storage_size { 16 } else { 8 };
    Kind::Tile { size: 128, depth, sliced: false }
}

/// Shared memory of a tile kernel: `depth` rows of `size` numbers and a vector of padding, for both factors.
pub(crate) fn tile_bytes(size: u32, depth: u32) -> u32 {
    2 * depth * (size / 4 + 1) * 16
}

/// Batches where single matrices fit a binding, else rows of a and the output and, if b is transposed, rows of b.
/// What still does not fit is left whole: the plan then refuses it with the numbers.
fn parts(device: &Capabilities, product: &Product) -> Vec<Part> {
    let &Product { rows, columns, depth, batches, transposed, .. } = product;
    let whole = Part { batches: 0..batches, rows: 0..rows, columns: 0..columns };
    let matrices = [rows * depth, depth * columns, rows * columns];
    let strides = [product.a.stride, product.b.stride, product.output.1];
    let bytes = |elements: usize| elements as u64 * F32;
    let cut_batches = || {
        // Each range must hold one matrix even where all batches share it.
        device.cut(1, &matrices.map(bytes)).and_then(|_| device.cut(batches, &strides.map(bytes)))
    };
    if matrices.iter().all(|&m| bytes(m) <= device.max_binding())
        && let Some(ranges) = cut_batches()
    {
        return ranges.into_iter().map(|batches| Part { batches, ..whole.clone() }).collect();
    }
    let Some(row_ranges) = device.cut(rows, &[bytes(depth), bytes(columns)]) else { return vec![whole] };
    // Columns of b that is not transposed do not lie together.
    let column_bytes = if transposed { bytes(depth) } else { 0 };
    let Some(column_ranges) = device.cut(columns, &[column_bytes]) else { return vec![whole] };
    let mut parts = Vec::new();
    for batch in 0..batches {
        for rows in &row_ranges {
            let of = |columns: &Range<usize>| Part { batches: batch..batch + 1, rows: rows.clone(), columns: columns.clone() };
            parts.extend(column_ranges.iter().map(of));
        }
    }
    parts
}

/// The windows of a, b and the output that `part` touches.
fn windows(device: &Capabilities, product: &Product, part: &Part) -> [Window; 3] {
    let window = |start: usize, stride: usize, first: usize, end: usize| {
        let (from, to) = (start + part.batches.start * stride + first, start + (part.batches.end - 1) * stride + end);
        device.window(from as u64..to as u64, F32)
    };
    let &Product { columns, depth, a, b, output, .. } = product;
    let b_range = if product.transposed { part.columns.start * depth..part.columns.end * depth } else { 0..depth * columns };
    let last_row = (part.rows.end - 1) * columns;
    [
        window(a.start, a.stride, part.rows.start * depth, part.rows.end * depth),
        window(b.start, b.stride, b_range.start, b_range.end),
        window(output.0, output.1, part.rows.start * columns + part.columns.start, last_row + part.columns.end),
    ]
}

/// The dispatch for `part`, or `None` if `kind` cannot compute it on this device.
fn launch(device: &Capabilities, kind: Kind, product: &Product, part: &Part, finish: Option<&Finish>, slices: usize) -> Option<Launch> {
    let [a, b, output] = windows(device, product, part);
    let (rows, columns, batches) = (part.rows.len(), part.columns.len(), part.batches.len());
    let (transposed, by_rows) = (product.transposed, product.channels == Channels::Rows);
    // What must divide by 4 for whole vectors to be read from a and b, and to be written.
    let multiples = |numbers: &[usize]| numbers.iter().all(|n| n.is_multiple_of(4));
    let a_aligned = multiples(&[product.depth, product.a.stride, a.skip as usize]);
    let b_aligned = multiples(&[if transposed { product.depth } else { columns }, product.b.stride, b.skip as usize]);
    let output_aligned = multiples(&[columns, product.columns, product.output.1, output.skip as usize]);

    let slices64 = slices as u64;
    let (kernel, count) = match kind {
        Kind::Register => (&REGISTER, groups(rows.div_ceil(8) * columns.div_ceil(16) * batches, 8)),
        Kind::Lanes { rows: tall, vectors } => (&LANES, groups(columns, 32 * vectors) * groups(rows, tall) * batches as u64),
        Kind::Gemv { workgroup, lanes, rows: tall } => {
            (&GEMV, groups(columns, 4 * workgroup / lanes) * groups(rows, tall) * batches as u64)
        }
        Kind::Integer => (&INTEGER, groups(rows, 32) * groups(columns, 32) * batches as u64),
        Kind::Tile { size, .. } => (&TILE, groups(rows, size) * groups(columns, size) * batches as u64 * slices64),
        Kind::Matrices(m) => (&ON_MATRICES, groups(rows, m.rows()) * groups(columns, m.columns()) * batches as u64 * slices64),
    };
    // Whole steps of every kernel that has slices, but for the last.
    let slice_depth = product.depth.min(product.depth.div_ceil(slices).next_multiple_of(32));
    let params = Params {
        finish: finish_numbers(finish),
        rows: u32_of(rows),
        columns: u32_of(columns),
        depth: u32_of(product.depth),
        batches: u32_of(batches),
        a_stride: u32_of(product.a.stride),
        b_stride: u32_of(product.b.stride),
        output_stride: u32_of(product.output.1),
        output_pitch: u32_of(product.columns),
        a_skip: a.skip,
        b_skip: b.skip,
        bias_skip: u32_of(if by_rows { part.rows.start } else { part.columns.start }),
        output_skip: output.skip,
        groups: u32::try_from(count).unwrap_or(u32::MAX),
        slice_depth: u32_of(slice_depth),
        slice_elements: u32_of(product.rows * product.columns * product.batches),
    };
    let launch = Launch::new(kernel, &params, count).turns(kind.turns(slice_depth)).constant("TRANSPOSE_B", transposed);
    let launch = launch.bind(product.a.slot, false, Some(a.bytes)).bind(product.b.slot, false, Some(b.bytes));
    if let Kind::Integer = kind {
        return Some(launch.output_window(0, &output));
    }
    let launch = launch.constant("HAS_BIAS", product.bias.is_some()).optional_input(product.bias);
    let launch = if slices > 1 { launch.scratch_mut(0) } else { launch.output_window(0, &output) };
    let launch = match (kind, product.a.slot, product.b.slot) {
        (Kind::Matrices(m), Slot::Input(a), Slot::Input(b)) => m.launch(launch, a, b, Keeping::Rows),
        (Kind::Matrices(_), ..) => return None,
        _ => launch,
    };
    let launch = finished(launch, finish, if by_rows { Items::Row { whole: output_aligned } } else { Items::Channels });
    if matches!(kind, Kind::Register | Kind::Lanes { .. }) && !output_aligned && !device.stores_components() {
        return None;
    }
    Some(match kind {
        Kind::Integer => launch,
        Kind::Register => launch.constant("ALIGNED_B", b_aligned).constant("ALIGNED_OUTPUT", output_aligned),
        Kind::Lanes { rows, vectors } => {
            let launch = launch.constant("ROWS", rows).constant("VECTORS", vectors).constant("WHOLE", product.depth.is_multiple_of(4));
            let launch = launch.constant("CHANNELS_ARE_ROWS", by_rows);
            launch.constant("ALIGNED_A", a_aligned).constant("ALIGNED_B", b_aligned).constant("ALIGNED_OUTPUT", output_aligned)
        }
        Kind::Gemv { workgroup, lanes, rows } => launch
            .constant("WORKGROUP", workgroup)
            .constant("LANES", lanes)
            .constant("ROWS", rows)
            .constant("ALIGNED", a_aligned && b_aligned),
        Kind::Tile { size, depth, .. } => launch
            .constant("TILE", size)
            .constant("DEPTH", depth)
            .constant("WORKGROUP", (size / 8) * (size / 8))
            .constant("ALIGNED_A", a_aligned)
            .constant("ALIGNED_B", b_aligned)
            .constant("WHOLE", whole_steps(product.depth, slice_depth, depth)),
        Kind::Matrices(m) => launch
            .constant("ALIGNED_A", a_aligned)
            .constant("ALIGNED_B", b_aligned)
            .constant("WHOLE", whole_steps(product.depth, slice_depth, m.depth())),
    })
}
