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
//! Elements of lines of up to 256 count how many of their line come before them; longer lines are [sorted](super::sort) in passes.
//!
//! Gradient: that of the values at their places, zeros elsewhere.
//!
//! ONNX: `TopK`. PyTorch: `topk`, `sort(stable=True)`, `argsort`.

use super::copy::picked;
use super::rows::Around;
use super::sort::{BLOCK, LONG, MERGE, RUNS, SHORT, Sort};
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
    struct StoreParams { count: u32, columns: u32, inner: u32, k: u32, input_skip: u32, output_skip: u32 }
}

static RANK: Kernel = kernel!("topk/rank", RankParams);
static STORE: Kernel = kernel!("topk/store", StoreParams);
pub(super) const KERNELS: &[&Kernel] = &[&RANK, &RUNS, &BLOCK, &MERGE, &STORE];

/// The longest line whose elements count each other.
const COUNTED: usize = 256;

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
        // So that twice as many are counted by a u32.
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
        let counts = around.len <= COUNTED;
        let mut ways = vec![if counts { self.counted(site, around)? } else { self.sorted(site, around, LONG)? }];
        if around.len > SHORT {
            // A CPU compares so often while it merges.
            let often = site.inputs[0].elements().saturating_mul(around.len) > 1 << 18;
            let first = site.device.software && (often || !counts);
            ways.insert(usize::from(!first), self.sorted(site, around, SHORT)?);
        }
        Ok(ways)
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
    /// Each element counts those of its line that come before it.
    fn counted(&self, site: &Site<'_>, Around { outer, len, inner }: Around) -> Result<Candidate> {
        let row_bytes = [4 * (len * inner) as u64, 4 * (self.k * inner) as u64];
        Ok(Candidate::of(launch_rows(self.name(), site.device, outer, &row_bytes, |rows| {
            let window = |row: usize| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, 4);
            let (read, write) = (window(len * inner), window(self.k * inner));
            let count = rows.len() * len * inner;
            let params = RankParams {
                count: u32_of(count),
                columns: u32_of(len),
                inner: u32_of(inner),
                k: u32_of(self.k),
                input_skip: read.skip,
                output_skip: write.skip,
            };
            let launch = self.keyed(site, Launch::new(&RANK, &params, groups(count, WORKGROUP)).turns(len));
            launch.input_window(0, &read).output_window(0, &write).output_window(1, &write)
        })?))
    }

    /// Lines are sorted, `span` elements of them together at first.
    fn sorted(&self, site: &Site<'_>, around: Around, span: usize) -> Result<Candidate> {
        let Around { outer, len, inner } = around;
        let sort = Sort { around, span, k: self.k };
        let row_bytes = [4 * (len * inner) as u64, 4 * (self.k * inner) as u64, 8 * (sort.pairs() * inner) as u64];
        let (mut before, mut most) = (Vec::new(), 0);
        // What `launch_rows` collects is the last launch of each part; those before it are kept in `before`.
        let last = launch_rows(self.name(), site.device, outer, &row_bytes, |rows| {
            let window = |row: usize| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, 4);
            let (read, write) = (window(len * inner), window(self.k * inner));
            most = most.max(rows.len() * inner * sort.pairs());
            let part = Sort { around: Around { outer: rows.len(), ..around }, ..sort };
            let (passes, pairs) = part.launches(read.skip, |launch| self.keyed(site, launch).input_window(0, &read), [0, 1]);
            before.push(passes);
            let count = rows.len() * inner * self.k;
            let params = StoreParams {
                count: u32_of(count),
                columns: u32_of(len),
                inner: u32_of(inner),
                k: u32_of(self.k),
                input_skip: read.skip,
                output_skip: write.skip,
            };
            let store = Launch::new(&STORE, &params, groups(count, WORKGROUP)).input_window(0, &read).scratch(pairs);
            store.output_window(0, &write).output_window(1, &write)
        })?;
        let launches = before.into_iter().zip(last).flat_map(|(passes, last)| passes.into_iter().chain([last])).collect();
        Ok(Candidate { launches, scratch: vec![8 * most as u64; 2], ..Candidate::default() })
    }

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
