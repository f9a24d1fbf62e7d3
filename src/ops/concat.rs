//! concat: tensors laid one after another along a dimension.
//!
//! ```text
//! output[.., offset of k + i, ..] = input k[.., i, ..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | inputs | the same but for dimension `axis`; any number of them |
//! | output | in dimension `axis` the sum of theirs |
//!
//! Gradients: the parts of the output's. Large inputs are one launch each, so that their number meets no limit on bindings, of small ones up
//! to six share one. ONNX: Concat. PyTorch: `cat`.

use super::copy::{check_dimension, flat, words};
use super::parts::{JOIN, Layout};
use super::{Candidate, Nest, Op, Site, Walk, check_axis, dense, the_gradient};
use crate::array::{Array, Data, TensorType, elements, f16};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// What is not small is moved by the kernel that [`Slice`](super::Slice) lists.
pub(super) const KERNELS: &[&Kernel] = &[&JOIN];

/// Joins tensors along a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concat {
    /// The dimension.
    pub axis: usize,
}

/// `inputs` one after another along dimension `axis`, counted from the end where it is negative.
///
/// # Errors
/// If there are none, or they differ in dtype or in another dimension.
pub fn concat(inputs: &[&Var], axis: isize) -> Result<Var> {
    let Some((first, others)) = inputs.split_first() else {
        return Err(Error::shape("concat", "there are no tensors to join"));
    };
    first.apply1(Concat { axis: check_axis("concat", axis, first.ty())? }, others)
}

/// `inputs` one after another along a new dimension `axis`, counted from the end of the output's where it is negative.
///
/// # Errors
/// If there are none, or they differ in dtype or shape.
pub fn stack(inputs: &[Var], axis: isize) -> Result<Var> {
    let each = inputs.iter().map(|input| input.unsqueeze(axis)).collect::<Result<Vec<_>>>()?;
    concat(&each.iter().collect::<Vec<_>>(), axis)
}

/// The nest that moves between a tensor of shape `part` and its place, from `offset` on along `axis`, in one of shape `whole`;
/// the part first.
pub(super) fn beside(op: &'static str, part: &[usize], whole: &[usize], axis: usize, offset: usize) -> Result<Nest<2>> {
    let place = dense(whole);
    let start = offset as i64 * place.get(axis).copied().unwrap_or(0);
    Nest::new(op, part, [Walk::new(dense(part)), Walk { start, strides: place }])
}

impl Concat {
    /// For each input the nest that moves it to its place.
    fn nests(&self, inputs: &[&TensorType], output: &[usize]) -> Result<Vec<Nest<2>>> {
        let mut offset = 0;
        let nest = |input: &&TensorType| {
            let Nest { sizes, walks: [part, whole] } = beside(self.name(), &input.shape, output, self.axis, offset)?;
            offset += input.shape[self.axis];
            words(self.name(), input.dtype, Nest { sizes, walks: [whole, part] })
        };
        inputs.iter().map(nest).collect()
    }
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let Some(first) = inputs.first() else {
            return Err(Error::shape(self.name(), "there are no tensors to join"));
        };
        check_dimension(self.name(), first, self.axis)?;
        let mut output = TensorType::clone(first);
        for ty in &inputs[1..] {
            let alike = |(i, (a, b)): (usize, (&usize, &usize))| i == self.axis || a == b;
            let fits = ty.dtype == first.dtype && ty.rank() == first.rank();
            if !fits || !first.shape.iter().zip(&ty.shape).enumerate().all(alike) {
                return Err(Error::shape(self.name(), format!("{first} and {ty} cannot be joined along dimension {}", self.axis)));
            }
            output.shape[self.axis] = output.shape[self.axis].saturating_add(ty.shape[self.axis]);
        }
        output.checked_elements()?;
        self.nests(inputs, &output.shape)?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let mut shape = inputs[0].shape().to_vec();
        shape[self.axis] = inputs.iter().map(|a| a.shape()[self.axis]).sum();
        let joined = match inputs[0].data() {
            Data::F32(_) => Data::F32(self.join::<f32>(inputs, &shape)?),
            Data::F16(_) => Data::F16(self.join::<f16>(inputs, &shape)?),
            Data::F64(_) => Data::F64(self.join::<f64>(inputs, &shape)?),
            Data::I32(_) => Data::I32(self.join::<i32>(inputs, &shape)?),
            Data::U32(_) => Data::U32(self.join::<u32>(inputs, &shape)?),
            Data::Bool(_) => Data::Bool(self.join::<bool>(inputs, &shape)?),
        };
        Ok(vec![Array::from_data(shape, joined)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (whole, nests) = (site.outputs[0], self.nests(site.inputs, &site.outputs[0].shape)?);
        let sizes = site.inputs.iter().map(|part| part.shape[self.axis]).collect();
        Ok(vec![Candidate::of(Layout { op: self.name(), joins: true, whole, axis: self.axis, sizes, nests }.launches(site)?)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        if inputs.len() > 2 {
            let sizes: Vec<usize> = inputs.iter().map(|input| input.shape()[self.axis]).collect();
            return Ok(grad.split(self.axis as isize, &sizes)?.into_iter().map(Some).collect());
        }
        let mut start = 0;
        let part = |input: &Var| {
            let size = input.shape()[self.axis];
            start += size;
            Ok(Some(grad.narrow(self.axis as isize, start - size, size)?))
        };
        inputs.iter().map(part).collect()
    }
}

impl Concat {
    fn join<T: crate::array::Element + Default>(&self, inputs: &[&Array], shape: &[usize]) -> Result<Vec<T>> {
        let mut output = vec![T::default(); elements(shape)];
        let mut offset = 0;
        for input in inputs {
            // The dimensions before the axis, the axis, and those after it, as three.
            let size = input.shape()[self.axis];
            let inner = elements(&shape[self.axis + 1..]);
            for (i, &value) in input.values::<T>()?.iter().enumerate() {
                let (outer, at, x) = (i / inner / size, i / inner % size, i % inner);
                output[flat(&[0, shape[self.axis], inner], [outer, offset + at, x])] = value;
            }
            offset += size;
        }
        Ok(output)
    }
}
