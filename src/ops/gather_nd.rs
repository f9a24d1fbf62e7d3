//! `gather_nd`: slices picked by tuples of indices.
//!
//! ```text
//! output[batches.., picks.., inner..] = input[batches.., indices[batches.., picks.., 0], .., indices[batches.., picks.., k - 1], inner..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | `batches.., indexed.., inner..`, `batch_dims` of the first and k of the second; any dtype but f16 and f64 |
//! | indices | `batches.., picks.., k`, i32 |
//! | output | `batches.., picks.., inner..` |
//!
//! Gradient: that of the output added up in the slices it was picked from, in the order of the tuples (`scatter_nd`; behind batches
//! `scatter_elements`, by the numbers of the slices).
//!
//! Negative indices count from the end, and those out of range pick the nearest element. ONNX: `GatherND`.
//! PyTorch: indexing with tensors.

use super::copy::{flat, rearranged};
use super::gather::picked_place;
use super::{Candidate, MAX_LOOPS, Op, ScatterReduction, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, pack};
use super::{the_gradient, u32_of, vector, zeros};
use crate::array::{Array, DType, TensorType, elements, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        strides: [[u32; 4]; 2],
        count: u32,
        inner: u32,
        picks: u32,
        slices: u32,
        row: u32,
        indices_start: u32,
        output_start: u32,
    }
}

static GATHER_ND: Kernel = kernel!("gather_nd", Params, header: "alias Element = vec4<u32>;\n");
pub(super) const KERNELS: &[&Kernel] = &[&GATHER_ND];

/// Picks slices by tuples of indices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatherNd {
    /// Leading dimensions that input and indices share.
    pub batch_dims: usize,
}

impl Var {
    /// The slices that the tuples along the last dimension of `indices` name, behind `batch_dims` dimensions that both share.
    ///
    /// # Errors
    /// If the indices are not i32, the tuples are longer than there are dimensions, or the batches differ.
    pub fn gather_nd(&self, indices: &Self, batch_dims: usize) -> Result<Self> {
        self.apply1(GatherNd { batch_dims }, &[indices])
    }
}

/// Tuples of indices into a tensor.
pub(super) struct Tuples {
    /// Indices of a tuple.
    pub depth: usize,
    /// Tuples of a batch.
    pub picks: usize,
    /// Slices of a batch.
    pub slices: usize,
    /// Elements of a slice.
    pub inner: usize,
    /// The sizes of the indexed dimensions, and their strides in slices.
    pub sizes: [[u32; 4]; 2],
    pub strides: [[u32; 4]; 2],
}

impl Tuples {
    /// Of types that have passed [`check_depth`].
    pub fn new(data: &[usize], indices: &[usize], batch_dims: usize) -> Self {
        let (picks, depth) = indices.split_at(indices.len() - 1);
        let depth = depth[0];
        let (indexed, inner) = data[batch_dims..].split_at(depth);
        Self {
            depth,
            picks: elements(&picks[batch_dims..]),
            slices: elements(indexed),
            inner: elements(inner),
            sizes: pack(indexed.iter().map(|&s| u32_of(s))),
            strides: pack(strides(indexed).into_iter().map(u32_of)),
        }
    }
}

/// How long the tuples are, or why they do not index `data` behind its batches.
pub(super) fn check_depth(op: &'static str, data: &TensorType, indices: &TensorType, batch_dims: usize) -> Result<usize> {
    let Some((&depth, picks)) = indices.shape.split_last() else {
        return Err(Error::shape(op, format!("indices must be [.., k], they are {indices}")));
    };
    let (Some(batches), Some(indexed)) = (picks.get(..batch_dims), data.shape.get(batch_dims..)) else {
        return Err(Error::shape(op, format!("{data} and indices {indices} do not share {batch_dims} dimensions")));
    };
    if batches != &data.shape[..batch_dims] {
        return Err(Error::shape(op, format!("{data} and indices {indices} differ in their first {batch_dims} dimensions")));
    }
    if depth == 0 || depth > indexed.len() {
        return Err(Error::shape(op, format!("tuples of {depth} in {indices} do not index {data} behind {batch_dims} dimensions")));
    }
    if depth > MAX_LOOPS {
        return Err(Error::unsupported(op, format!("tuples of {depth}; {MAX_LOOPS} are the most")));
    }
    Ok(depth)
}

impl Op for GatherNd {
    fn name(&self) -> &'static str {
        "gather_nd"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (input, indices) = (inputs[0], inputs[1]);
        check_dtype(self.name(), "indices", indices, DType::I32)?;
        if !input.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {input}; cast it first")));
        }
        input.checked_elements()?;
        indices.checked_elements()?;
        let depth = check_depth(self.name(), input, indices, self.batch_dims)?;
        let inner = &input.shape[self.batch_dims + depth..];
        let output = TensorType::new(input.dtype, [&indices.shape[..indices.rank() - 1], inner].concat());
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, indices) = (inputs[0], inputs[1]);
        let picks = indices.values::<i32>()?;
        let (&depth, lead) = indices.shape().split_last().unwrap_or((&0, &[]));
        let shape = [lead, &input.shape()[self.batch_dims + depth..]].concat();
        let output = rearranged(input, &shape, |at| {
            let tuple = flat(lead, at[..lead.len()].iter().copied()) * depth;
            let indexed = (0..depth).map(|d| picked_place(picks[tuple + d], input.shape()[self.batch_dims + d]));
            flat(input.shape(), at[..self.batch_dims].iter().copied().chain(indexed).chain(at[lead.len()..].iter().copied()))
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let tuples = Tuples::new(&site.inputs[0].shape, &site.inputs[1].shape, self.batch_dims);
        let Tuples { depth, picks, slices, inner, sizes, strides } = tuples;
        let batches = elements(&site.inputs[0].shape[..self.batch_dims]);
        let width = if inner % 4 == 0 { 4 } else { 1 };
        // The input is bound whole: the indices may pick any of it.
        let launches = launch_rows(self.name(), site.device, batches * picks, &[4 * depth as u64, 4 * inner as u64], |rows| {
            let window = |row: usize| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, 4);
            let (indices, output) = (window(depth), window(inner));
            let count = rows.len() * inner / width;
            let params = Params {
                sizes,
                strides,
                count: u32_of(count),
                inner: u32_of(inner / width),
                picks: u32_of(picks),
                slices: u32_of(slices),
                row: u32_of(rows.start),
                indices_start: indices.skip,
                output_start: output.skip / width as u32,
            };
            Launch::new(&GATHER_ND, &params, groups(count, WORKGROUP))
                .header(format!("alias Element = {};\n", vector("u32", width)))
                .constant("DEPTH", u32_of(depth))
                .input(0)
                .input_window(1, &indices)
                .output_window(0, &output)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, indices, shape) = (the_gradient(self.name(), output_grads)?, &inputs[1], inputs[0].shape());
        if self.batch_dims == 0 {
            return Ok(vec![Some(zeros(grad, shape)?.scatter_nd(indices, grad, ScatterReduction::Add)?), None]);
        }
        let Tuples { depth, picks, slices, inner, .. } = Tuples::new(shape, indices.shape(), self.batch_dims);
        let batches = elements(&shape[..self.batch_dims]);
        let sizes = &shape[self.batch_dims..self.batch_dims + depth];
        let number = |value: usize| grad.graph().constant(Array::scalar(i32::try_from(value).unwrap_or(i32::MAX)));
        let mut places: Option<Var> = None;
        let columns = indices.reshape([batches * picks, depth])?.split(1, &vec![1; depth])?;
        for ((index, &size), stride) in columns.iter().zip(sizes).zip(strides(sizes)) {
            let from_the_end = index.add(&number(size)?)?;
            let index = index.less(&number(0)?)?.where_(&from_the_end, index)?.clip_integers(Some(0), Some(size as i64 - 1))?;
            let along = index.mul(&number(stride)?)?;
            places = Some(places.map_or_else(|| Ok(along.clone()), |before| before.add(&along))?);
        }
        let places = places.ok_or_else(|| Error::shape(self.name(), "tuples have no indices"))?;
        let places = places.reshape([batches, picks, 1])?.expand([batches, picks, inner])?;
        let updates = grad.reshape([batches, picks, inner])?;
        let sums = zeros(grad, &[batches, slices, inner])?.scatter_elements(1, &places, &updates, ScatterReduction::Add)?;
        Ok(vec![Some(sums.reshape(shape)?), None])
    }
}
