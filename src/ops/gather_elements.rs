//! `gather_elements`: for each place one element of a dimension, picked by index.
//!
//! ```text
//! output[.., i, ..] = input[.., indices[.., i, ..], ..]      in dimension axis
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any dtype but f16 and f64 |
//! | indices | the input's rank, i32; no larger than the input but in dimension `axis` |
//! | output | the indices' |
//!
//! Gradient: that of the output added up where it was picked, in the order of the indices (`scatter_elements`). Where each row is picked
//! from once there is nothing to add up: an element has the gradient if it is the one, else 0, which others' kernels compute on the way.
//!
//! Negative indices count from the end, and those out of range pick the nearest element. ONNX: `GatherElements`. PyTorch: `gather`.

use super::copy::{check_dimension, flat, rearranged};
use super::gather::picked_place;
use super::{Candidate, Cut, Nest, Op, Part, ScatterReduction, Site, WORKGROUP, Walk, check_axis, check_dtype, check_inputs};
use super::{dense, groups, only_where, the_gradient, u32_of, zeros};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::{Filling, Var};

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        input_strides: [[u32; 4]; 2],
        count: u32,
        size: u32,
        axis_stride: u32,
        input_start: u32,
        start: u32,
    }
}

static GATHER_ELEMENTS: Kernel = kernel!("gather_elements", Params);
pub(super) const KERNELS: &[&Kernel] = &[&GATHER_ELEMENTS];

/// Picks one element of a dimension for each place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatherElements {
    /// The dimension.
    pub axis: usize,
}

impl Var {
    /// For each place of `indices`, the element of dimension `axis` that stands there.
    ///
    /// # Errors
    /// If there is no such dimension, the indices are not i32 or are larger than this tensor in another dimension.
    pub fn gather_elements(&self, axis: isize, indices: &Self) -> Result<Self> {
        self.apply1(GatherElements { axis: check_axis("gather_elements", axis, self.ty())? }, &[indices])
    }
}

/// The longest dimension along which numbers of elements are compared as floats: those that f16 tells apart, if a plan keeps them so.
const MOST_COMPARED: usize = 2048;

/// Which elements of a tensor of `shape` one index for each row of dimension `axis` picks. In floats, so that it and what is done with
/// it are one kernel.
fn picked(indices: &Var, axis: usize, shape: &[usize]) -> Result<Var> {
    let integer = |value: i32| indices.graph().constant(Array::scalar(value));
    let size = i32::try_from(shape[axis]).unwrap_or(i32::MAX);
    let counted = indices.less(&integer(0)?)?.where_(&indices.add(&integer(size)?)?, indices)?;
    let places = counted.clip_integers(Some(0), Some(i64::from(size) - 1))?.cast(DType::F32)?;
    let mut along = vec![1; shape.len()];
    along[axis] = shape[axis];
    indices.graph().shared(Filling::Counted, &along)?.equal(&places)
}

impl GatherElements {
    fn nest(&self, input: &[usize], indices: &[usize]) -> Result<Nest<2>> {
        let mut strides = dense(input);
        strides[self.axis] = 0;
        Nest::new(self.name(), indices, [Walk::new(dense(indices)), Walk::new(strides)])
    }
}

impl Op for GatherElements {
    fn name(&self) -> &'static str {
        "gather_elements"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (input, indices) = (inputs[0], inputs[1]);
        check_dimension(self.name(), input, self.axis)?;
        check_dtype(self.name(), "indices", indices, DType::I32)?;
        if !input.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {input}; cast it first")));
        }
        let reaches = |(d, (size, picks)): (usize, (&usize, &usize))| d == self.axis || picks <= size;
        if indices.rank() != input.rank() || !input.shape.iter().zip(&indices.shape).enumerate().all(reaches) {
            let reason = format!("indices {indices} reach outside {input} in a dimension that is not {}", self.axis);
            return Err(Error::shape(self.name(), reason));
        }
        self.nest(&input.shape, &indices.shape)?;
        Ok(vec![TensorType::new(input.dtype, indices.shape.clone())])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, indices) = (inputs[0], inputs[1]);
        let picks = indices.values::<i32>()?;
        let output = rearranged(input, indices.shape(), |at| {
            let index = picks[flat(indices.shape(), at.iter().copied())];
            let place = |(d, &at): (usize, &usize)| if d == self.axis { picked_place(index, input.shape()[d]) } else { at };
            flat(input.shape(), at.iter().enumerate().map(place))
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, indices, output) = (site.inputs[0], site.inputs[1], site.outputs[0]);
        let nest = self.nest(&input.shape, &indices.shape)?;
        // The input is bound whole: the indices may pick any of it.
        let launch = |part: &Part<2>| {
            let count = part.nest.count(1);
            let params = Params {
                sizes: part.nest.packed_sizes(1),
                input_strides: part.nest.packed_strides(1, 1),
                count: u32_of(count),
                size: u32_of(input.shape[self.axis]),
                axis_stride: u32_of(crate::array::strides(&input.shape)[self.axis]),
                input_start: part.nest.packed_start(1, 1),
                start: part.nest.packed_start(0, 1),
            };
            Launch::new(&GATHER_ELEMENTS, &params, groups(count, WORKGROUP))
                .constant("LOOPS", u32_of(part.nest.sizes.len()))
                .input(0)
                .input_window(1, &part.windows[0])
                .output_window(0, &part.windows[0])
        };
        Ok(vec![Candidate::of(
            nest.parts(self.name(), site.device, [output.device_bytes(), 0], Cut::Outermost)?.iter().map(launch).collect(),
        )])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, shape) = (the_gradient(self.name(), output_grads)?, inputs[0].shape());
        let mut once = shape.to_vec();
        once[self.axis] = 1;
        if inputs[1].shape() == once && shape[self.axis] <= MOST_COMPARED {
            return Ok(vec![Some(only_where(&picked(&inputs[1], self.axis, shape)?, grad)?), None]);
        }
        let nothing = zeros(grad, shape)?;
        Ok(vec![Some(nothing.scatter_elements(self.axis as isize, &inputs[1], grad, ScatterReduction::Add)?), None])
    }
}
