//! gather: slices of a dimension picked by index.
//!
//! ```text
//! output[outer.., picks.., inner..] = input[outer.., indices[picks..], inner..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | `outer.., size, inner..`; any dtype, f16 in rows of even length |
//! | indices | any, i32 |
//! | output | the input's, with the indices' shape in place of dimension `axis` |
//!
//! Gradient: that of the output added up in the slices it was picked from, in the order of the indices (`scatter_nd`).
//!
//! Negative indices count from the end. Indices are data that nothing can refuse while a GPU runs: one that is out of range
//! picks the nearest element, -size - 1 the first and size the last. ONNX: Gather. PyTorch: `index_select`, `embedding`.

use super::copy::{check_dimension, flat, rearranged};
use super::{Candidate, Op, ScatterReduction, Site, WORKGROUP, check_axis, check_dtype, check_inputs, groups, launch_rows};
use super::{the_gradient, u32_of, vector, zeros};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        count: u32,
        inner: u32,
        picks: u32,
        size: u32,
        input_start: u32,
        output_start: u32,
    }
}

static GATHER: Kernel = kernel!("gather", Params, header: "alias Element = vec4<u32>;\n");
pub(super) const KERNELS: &[&Kernel] = &[&GATHER];

/// Picks slices of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gather {
    /// The dimension.
    pub axis: usize,
}

impl Var {
    /// The slices of dimension `axis` that `indices` name, in their order and shape.
    ///
    /// # Errors
    /// If there is no such dimension or the indices are not i32.
    pub fn gather(&self, axis: isize, indices: &Self) -> Result<Self> {
        self.apply1(Gather { axis: check_axis("gather", axis, self.ty())? }, &[indices])
    }
}

/// The element that an index picks out of `size`.
pub(super) fn picked_place(index: i32, size: usize) -> usize {
    let size = size as i64;
    let index = if index < 0 { i64::from(index) + size } else { i64::from(index) };
    index.clamp(0, size - 1).unsigned_abs() as usize
}

impl Gather {
    fn output(&self, input: &[usize], indices: &[usize]) -> Vec<usize> {
        [&input[..self.axis], indices, &input[self.axis + 1..]].concat()
    }
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (input, indices) = (inputs[0], inputs[1]);
        check_dimension(self.name(), input, self.axis)?;
        check_dtype(self.name(), "indices", indices, DType::I32)?;
        if input.dtype == DType::F16 && !elements(&input.shape[self.axis + 1..]).is_multiple_of(2) {
            return Err(Error::unsupported(self.name(), format!("rows of odd length of {input}; cast it first")));
        }
        let output = TensorType::new(input.dtype, self.output(&input.shape, &indices.shape));
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, indices) = (inputs[0], inputs[1]);
        let picks = indices.values::<i32>()?;
        let shape = self.output(input.shape(), indices.shape());
        let size = input.shape()[self.axis];
        let inner = self.axis + indices.shape().len();
        let output = rearranged(input, &shape, |at| {
            let place = picked_place(picks[flat(indices.shape(), at[self.axis..inner].iter().copied())], size);
            flat(input.shape(), at[..self.axis].iter().chain([&place]).chain(&at[inner..]).copied())
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, picks) = (site.inputs[0], site.inputs[1].elements());
        let size = input.shape[self.axis];
        let (outer, inner) = (elements(&input.shape[..self.axis]), elements(&input.shape[self.axis + 1..]));
        let words = match input.dtype {
            DType::F16 => inner / 2,
            DType::F64 => inner * 2,
            _ => inner,
        };
        let width = if words % 4 == 0 { 4 } else { 1 };
        let row_bytes = [4 * (size * words) as u64, 4 * (picks * words) as u64];
        let launches = launch_rows(self.name(), site.device, outer, &row_bytes, |rows| {
            let window = |row: usize| site.device.window((rows.start * row * words) as u64..(rows.end * row * words) as u64, 4);
            let (input_window, output_window) = (window(size), window(picks));
            let count = rows.len() * picks * words / width;
            let params = Params {
                count: u32_of(count),
                inner: u32_of(words / width),
                picks: u32_of(picks),
                size: u32_of(size),
                input_start: input_window.skip / width as u32,
                output_start: output_window.skip / width as u32,
            };
            Launch::new(&GATHER, &params, groups(count, WORKGROUP))
                .notes(site.outputs[0].dtype == DType::F32)
                .header(format!("alias Element = {};\n", vector("u32", width)))
                .input_window(0, &input_window)
                .input(1)
                .output_window(0, &output_window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        // (outer, picks, inner) with the picks first, added up in the rows that they name, and back.
        let (shape, indices) = (inputs[0].shape(), &inputs[1]);
        let (outer, size, inner) = (elements(&shape[..self.axis]), shape[self.axis], elements(&shape[self.axis + 1..]));
        let picks = indices.ty().elements();
        let updates = grad.reshape([outer, picks, inner])?.transpose([1, 0, 2])?.reshape([picks, outer * inner])?;
        let rows = zeros(grad, &[size, outer * inner])?.scatter_nd(&indices.reshape([picks, 1])?, &updates, ScatterReduction::Add)?;
        let input = rows.reshape([size, outer, inner])?.transpose([1, 0, 2])?.reshape(shape)?;
        Ok(vec![Some(input), None])
    }
}
