//! topk: the largest or smallest elements of an axis, in order; with all of them, sort and argsort.
//!
//! ```text
//! values[.., r, ..] = input[.., indices[.., r, ..], ..]      for r < k, in dimension axis
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any dtype but f16 and f64 |
//! | values | k in dimension `axis`, the input's in the others |
//! | indices | the same, i32: places along the axis |
//!
//! Of equal elements the one with the lower index comes first, 0 and -0 being equal. NaN stands above every number, as in PyTorch:
//! first of the largest, last of the smallest. The outputs are always sorted, so there is no attribute that asks for it.
//!
//! Up to 256 elements of a line each count how many come before them. Up to 2048 one workgroup sorts a line. Longer lines are
//! sorted in blocks of 2048: for k up to 1024 each block keeps its first k, and theirs are sorted again until one block is
//! left; else blocks are merged by bitonic steps, some log(n)^2 / 2 passes over 8 n bytes of scratch memory.
//!
//! Gradient: that of the values at their places, zeros elsewhere.
//!
//! ONNX: `TopK`. PyTorch: `topk`, `sort(stable=True)`, `argsort`.

use super::copy::picked;
use super::rows::Around;
use super::slices::nested;
use super::{Candidate, Op, ScatterReduction, Site, WORKGROUP, check_axis, check_inputs, groups, launch_rows, the_gradient, types};
use super::{u32_of, zeros};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;
use std::cmp::Ordering;

params! {
    struct RankParams { count: u32, columns: u32, inner: u32, k: u32, input_skip: u32, output_skip: u32 }
}
params! {
    struct LoadParams { count: u32, columns: u32, inner: u32, stride: u32, input_skip: u32 }
}
params! {
    struct BlockParams { blocks: u32, count: u32, given: u32, kept: u32 }
}
params! {
    struct StepParams { count: u32, half: u32 }
}
params! {
    struct StoreParams { count: u32, columns: u32, inner: u32, k: u32, stride: u32, input_skip: u32, output_skip: u32 }
}

static RANK: Kernel = kernel!("topk/rank", RankParams);
static LOAD: Kernel = kernel!("topk/load", LoadParams);
static BLOCK: Kernel = kernel!("topk/block", BlockParams);
static STEP: Kernel = kernel!("topk/step", StepParams);
static STORE: Kernel = kernel!("topk/store", StoreParams);
pub(super) const KERNELS: &[&Kernel] = &[&RANK, &LOAD, &BLOCK, &STEP, &STORE];

/// The longest line whose elements count each other.
const COUNTED: usize = 256;
/// Pairs that one workgroup sorts: 16 KiB.
const SPAN: usize = 2048;
/// The most elements that a block keeps, so that at least half of them go.
const KEPT: usize = SPAN / 2;

/// The first elements of an axis in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    /// How many.
    pub k: usize,
    /// The axis; from the end where negative.
    pub axis: isize,
    /// The largest first, else the smallest.
    pub largest: bool,
}

impl Var {
    /// The `k` largest elements along `axis`, or the smallest, in order, and where they are.
    ///
    /// # Errors
    /// If there is no such axis, `k` is 0 or more than it has, or the dtype is f16 or f64.
    pub fn topk(&self, k: usize, axis: isize, largest: bool) -> Result<(Self, Self)> {
        let outputs = self.apply_all(TopK { k, axis, largest }, &[])?;
        let [values, indices] =
            <[Self; 2]>::try_from(outputs).map_err(|v| Error::shape("topk", format!("has {} outputs, not two", v.len())))?;
        Ok((values, indices))
    }

    /// The elements along `axis` in order, smallest first unless `descending`, and where they were. Equal ones keep their order.
    ///
    /// # Errors
    /// If there is no such axis or the dtype is f16 or f64.
    pub fn sort(&self, axis: isize, descending: bool) -> Result<(Self, Self)> {
        let size = self.shape()[check_axis("sort", axis, self.ty())?];
        self.topk(size, axis, descending)
    }

    /// Where the elements along `axis` are in order: the second output of [`Var::sort`].
    ///
    /// # Errors
    /// As [`Var::sort`].
    pub fn argsort(&self, axis: isize, descending: bool) -> Result<Self> {
        Ok(self.sort(axis, descending)?.1)
    }
}

/// The order of two numbers, NaN above all others and equal to itself.
fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl Op for TopK {
    fn name(&self) -> &'static str {
        "topk"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        let axis = check_axis(self.name(), self.axis, input)?;
        if !input.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {input}; cast it first")));
        }
        let size = input.shape[axis];
        if self.k == 0 || self.k > size {
            return Err(Error::shape(self.name(), format!("k = {} of the {size} elements along dimension {axis} of {input}", self.k)));
        }
        // Lines are filled up to a power of two, which a u32 must count.
        if size > 1 << 30 {
            return Err(Error::unsupported(self.name(), format!("dimension {axis} of {input} has more than 2^30 elements")));
        }
        input.checked_elements()?;
        let mut shape = input.shape.clone();
        shape[axis] = self.k;
        Ok(vec![TensorType::new(input.dtype, shape.clone()), TensorType::new(DType::I32, shape)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let around = Around::axis(inputs[0].shape(), check_axis(self.name(), self.axis, &inputs[0].ty())?);
        let input = inputs[0].to_f64();
        let output = Around { len: self.k, ..around };
        let (mut from, mut indices) = (vec![0; shape.iter().product()], vec![0; shape.iter().product()]);
        for (start, place) in around.starts().zip(output.starts()) {
            let at = |column: usize| start + column * around.inner;
            let mut columns: Vec<usize> = (0..around.len).collect();
            // Stable, so equal ones stay in the order of their indices.
            columns.sort_by(|&a, &b| {
                let order = order(input[at(a)], input[at(b)]);
                if self.largest { order.reverse() } else { order }
            });
            for (rank, &column) in columns[..self.k].iter().enumerate() {
                from[place + rank * around.inner] = at(column);
                indices[place + rank * around.inner] = i32::try_from(column).unwrap_or(i32::MAX);
            }
        }
        Ok(vec![Array::from_data(shape.clone(), picked(inputs[0], &from))?, Array::new(shape, indices)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let around = Around::axis(&site.inputs[0].shape, check_axis(self.name(), self.axis, site.inputs[0])?);
        let Around { outer, len, inner } = around;
        let counted = len <= COUNTED;
        // Scratch memory for a part holds this many pairs of a line.
        let stride = if len > SPAN && self.k > KEPT { len.next_power_of_two() } else { len };
        let mut row_bytes = vec![4 * (len * inner) as u64, 4 * (self.k * inner) as u64];
        row_bytes.extend((!counted).then(|| (stride as u64).saturating_mul(8 * inner as u64)));
        let (mut launches, mut most) = (Vec::new(), 0);
        // What `launch_rows` collects is the last launch of each part; those before it are kept in `before`.
        let mut before = Vec::new();
        let last = launch_rows(self.name(), site.device, outer, &row_bytes, |rows| {
            let window = |row: usize| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, 4);
            let (read, write) = (window(len * inner), window(self.k * inner));
            let part = Part { lines: rows.len() * inner, around: Around { outer: rows.len(), ..around }, input_skip: read.skip };
            let bind = |launch: Launch| launch.output_window(0, &write).output_window(1, &write);
            if counted {
                let count = rows.len() * len * inner;
                let params = RankParams {
                    count: u32_of(count),
                    columns: u32_of(len),
                    inner: u32_of(inner),
                    k: u32_of(self.k),
                    input_skip: read.skip,
                    output_skip: write.skip,
                };
                before.push(Vec::new());
                let launch = Launch::new(&RANK, &params, groups(count, WORKGROUP)).turns(len);
                return bind(self.keyed(site, launch).input_window(0, &read));
            }
            most = most.max(part.lines * stride);
            let count = part.lines * stride;
            let params = LoadParams {
                count: u32_of(count),
                columns: u32_of(len),
                inner: u32_of(inner),
                stride: u32_of(stride),
                input_skip: part.input_skip,
            };
            let load = Launch::new(&LOAD, &params, groups(count, WORKGROUP));
            let mut passes = vec![self.keyed(site, load).input_window(0, &read).scratch_mut(0)];
            let (pairs, slot) =
                if self.k > KEPT && len > SPAN { part.merges(stride, &mut passes) } else { part.rounds(self.k, &mut passes) };
            before.push(passes);
            let count = part.lines * self.k;
            let params = StoreParams {
                count: u32_of(count),
                columns: u32_of(len),
                inner: u32_of(inner),
                k: u32_of(self.k),
                stride: u32_of(pairs),
                input_skip: part.input_skip,
                output_skip: write.skip,
            };
            bind(Launch::new(&STORE, &params, groups(count, WORKGROUP)).input_window(0, &read).scratch(slot))
        })?;
        for (passes, last) in before.into_iter().zip(last) {
            launches.extend(passes);
            launches.push(last);
        }
        let scratch = if counted { Vec::new() } else { vec![8 * most as u64; 2] };
        Ok(vec![Candidate { launches, scratch, ..Candidate::default() }])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, axis) = (the_gradient(self.name(), output_grads)?, check_axis(self.name(), self.axis, inputs[0].ty())?);
        if self.k == inputs[0].shape()[axis] {
            // Where each element went: the order of the places.
            return Ok(vec![Some(grad.gather_elements(self.axis, &outputs[1].argsort(self.axis, false)?)?)]);
        }
        let nothing = zeros(grad, inputs[0].shape())?;
        Ok(vec![Some(nothing.scatter_elements(self.axis, &outputs[1], grad, ScatterReduction::None)?)])
    }
}

impl TopK {
    /// Tells `launch` how numbers become keys.
    fn keyed(&self, site: &Site<'_>, launch: Launch) -> Launch {
        let kind = match site.inputs[0].dtype {
            DType::F32 => 2u32,
            DType::I32 => 1,
            _ => 0,
        };
        launch.constant("KIND", kind).constant("DESCENDING", u32::from(self.largest))
    }
}

/// Lines that are sorted together.
struct Part {
    lines: usize,
    around: Around,
    input_skip: u32,
}

impl Part {
    /// Sorts blocks of `span` out of `given` pairs of each line and keeps `kept` of each block, from scratch `slot` to the other one.
    fn block(&self, span: usize, sort: bool, given: usize, kept: usize, slot: usize) -> Launch {
        let blocks = given.div_ceil(span);
        let count = blocks * self.lines;
        let params = BlockParams { blocks: u32_of(blocks), count: u32_of(count), given: u32_of(given), kept: u32_of(kept) };
        let (workgroup, sizes) = ((span / 2).clamp(32, 256), span.ilog2() as usize);
        Launch::new(&BLOCK, &params, count as u64)
            .turns(nested(&[sizes, sizes, span / workgroup]))
            .constant("SPAN", u32_of(span))
            .constant("WORKGROUP", u32_of(workgroup))
            .constant("SORT", u32::from(sort))
            .scratch(slot)
            .scratch_mut(1 - slot)
    }

    /// Sorts blocks, keeps the first `k` of each, and goes on with those until one block is left. Where the pairs end up, and
    /// how many of a line there are.
    fn rounds(&self, k: usize, passes: &mut Vec<Launch>) -> (usize, usize) {
        let (mut pairs, mut slot) = (self.around.len, 0);
        loop {
            let span = pairs.next_power_of_two().min(SPAN);
            passes.push(self.block(span, true, pairs, k, slot));
            slot = 1 - slot;
            // A block keeps at most half of what it sorts, but where it is the only one.
            let blocks = pairs.div_ceil(span);
            pairs = blocks * k;
            if blocks == 1 {
                return (pairs, slot);
            }
        }
    }

    /// Sorts blocks and merges them, doubling the sorted runs until they are `pairs` long.
    fn merges(&self, pairs: usize, passes: &mut Vec<Launch>) -> (usize, usize) {
        passes.push(self.block(SPAN, true, pairs, SPAN, 0));
        let (mut slot, mut size) = (1, 2 * SPAN);
        let count = self.lines * pairs / 2;
        while size <= pairs {
            let mut half = size / 2;
            while half >= SPAN {
                let params = StepParams { count: u32_of(count), half: u32_of(half) };
                let step = Launch::new(&STEP, &params, groups(count, WORKGROUP)).scratch_mut(slot);
                passes.push(step.constant("MIRRORED", u32::from(half == size / 2)));
                half /= 2;
            }
            passes.push(self.block(SPAN, false, pairs, SPAN, slot));
            slot = 1 - slot;
            size *= 2;
        }
        (pairs, slot)
    }
}
