//! `one_hot`: a new dimension that says where an index points.
//!
//! ```text
//! output[outer.., d, inner..] = values[1] if indices[outer.., inner..] is d or d - depth, else values[0]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | indices | `outer.., inner..`, i32 |
//! | values | (2), off and on; any dtype but f16 and f64 |
//! | output | `outer.., depth, inner..`, values' dtype |
//!
//! Negative indices count from the end; one out of range is hot nowhere. ONNX: `OneHot`. PyTorch: `one_hot`.
//!
//! [`Var::hardmax`] is this on `argmax`, two passes; NaN counts as the largest there. ONNX: Hardmax.

use super::copy::rearranged;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, u32_of};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { count: u32, depth: u32, inner: u32, indices_start: u32, output_start: u32 }
}

static ONE_HOT: Kernel = kernel!("one_hot", Params);
pub(super) const KERNELS: &[&Kernel] = &[&ONE_HOT];

/// Says where indices point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneHot {
    /// The size of the new dimension.
    pub depth: usize,
    /// Which of the output's dimensions it is.
    pub axis: usize,
}

impl Var {
    /// `values[1]` where these indices point along a new dimension `axis` of size `depth`, `values[0]` elsewhere.
    ///
    /// # Errors
    /// If this is not i32, `values` is not two numbers, or the output has no dimension `axis`.
    pub fn one_hot(&self, depth: usize, axis: isize, values: &Self) -> Result<Self> {
        let rank = self.shape().len() + 1;
        let at = if axis < 0 { rank.checked_sub(axis.unsigned_abs()) } else { Some(axis.unsigned_abs()) };
        let Some(axis) = at.filter(|&at| at < rank) else {
            return Err(Error::shape("one_hot", format!("{} has no place for a dimension {axis}", self.ty())));
        };
        self.apply1(OneHot { depth, axis }, &[values])
    }

    /// 1 where the largest element along `axis` is, the first of equal ones, and 0 elsewhere.
    ///
    /// # Errors
    /// If there is no such axis or the dtype is not f32.
    pub fn hardmax(&self, axis: isize) -> Result<Self> {
        let at = super::check_axis("hardmax", axis, self.ty())?;
        if self.dtype() != DType::F32 {
            return Err(Error::unsupported("hardmax", format!("of {}; cast it first", self.ty())));
        }
        let values = self.graph().constant(Array::new([2], vec![0.0f32, 1.0])?)?;
        self.argmax(axis, false, false)?.one_hot(self.shape()[at], axis, &values)
    }
}

impl Op for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (indices, values) = (inputs[0], inputs[1]);
        check_dtype(self.name(), "indices", indices, DType::I32)?;
        if values.shape != [2] {
            return Err(Error::shape(self.name(), format!("values must be [2], off and on, they are {values}")));
        }
        if !values.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {values}; cast them first")));
        }
        if self.depth == 0 || i32::try_from(self.depth).is_err() {
            return Err(Error::shape(self.name(), format!("depth {} is not in 1..2^31", self.depth)));
        }
        let mut shape = indices.shape.clone();
        if self.axis > shape.len() {
            return Err(Error::shape(self.name(), format!("{indices} has no place for a dimension {}", self.axis)));
        }
        shape.insert(self.axis, self.depth);
        let output = TensorType::new(values.dtype, shape);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let indices = inputs[0].values::<i32>()?;
        let mut shape = inputs[0].shape().to_vec();
        shape.insert(self.axis, self.depth);
        let (depth, inner) = (self.depth as i64, elements(&shape[self.axis + 1..]));
        let mut flat = 0;
        let output = rearranged(inputs[1], &shape, |at| {
            let index = i64::from(indices[flat / inner / self.depth * inner + flat % inner]);
            flat += 1;
            let place = at[self.axis] as i64;
            usize::from(index == place || index == place - depth)
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[0].shape;
        let (outer, inner) = (elements(&shape[..self.axis]), elements(&shape[self.axis..]));
        let slab = self.depth * inner;
        let launches = launch_rows(self.name(), site.device, outer, &[4 * inner as u64, 4 * slab as u64], |rows| {
            let window = |row: usize| site.device.window((rows.start * row) as u64..(rows.end * row) as u64, 4);
            let (indices, output) = (window(inner), window(slab));
            let count = rows.len() * slab;
            let params = Params {
                count: u32_of(count),
                depth: u32_of(self.depth),
                inner: u32_of(inner),
                indices_start: indices.skip,
                output_start: output.skip,
            };
            Launch::new(&ONE_HOT, &params, groups(count, WORKGROUP)).input_window(0, &indices).input(1).output_window(0, &output)
        })?;
        Ok(vec![Candidate::of(launches)])
    }
}
