//! split: a tensor cut into parts along a dimension.
//!
//! ```text
//! output k[.., i, ..] = input[.., offset of k + i, ..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | outputs | as many as there are `sizes`; the input's but for dimension `axis` |
//!
//! Gradient: those of the outputs one after another, zeros for those that have none.
//!
//! ONNX: Split. PyTorch: `split`, `chunk`.

use super::concat::{beside, concat};
use super::copy::{check_dimension, flat, rearranged, words};
use super::parts::{CUT, Layout};
use super::{Candidate, Nest, Op, Site, check_axis, check_inputs, zeros};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// What is not small is moved by the kernel that [`Slice`](super::Slice) lists.
pub(super) const KERNELS: &[&Kernel] = &[&CUT];

/// Cuts along a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The dimension.
    pub axis: usize,
    /// The size of each part.
    pub sizes: Vec<usize>,
}

impl Var {
    /// Parts of `sizes` along dimension `axis`, counted from the end where it is negative.
    ///
    /// # Errors
    /// If the sizes do not add up to the dimension, or one of them is 0.
    pub fn split(&self, axis: isize, sizes: &[usize]) -> Result<Vec<Self>> {
        let axis = check_axis("split", axis, self.ty())?;
        self.apply_all(Split { axis, sizes: sizes.to_vec() }, &[])
    }
}

impl Split {
    fn shapes<'a>(&'a self, input: &'a [usize]) -> impl Iterator<Item = Vec<usize>> + 'a {
        self.sizes.iter().map(move |&size| {
            let mut shape = input.to_vec();
            shape[self.axis] = size;
            shape
        })
    }

    /// For each part the nest that fills it.
    fn nests(&self, input: &TensorType) -> Result<Vec<Nest<2>>> {
        let mut offset = 0;
        let nest = |shape: Vec<usize>| {
            let nest = beside(self.name(), &shape, &input.shape, self.axis, offset)?;
            offset += shape[self.axis];
            words(self.name(), input.dtype, nest)
        };
        self.shapes(&input.shape).map(nest).collect()
    }
}

impl Op for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        input.checked_elements()?;
        check_dimension(self.name(), input, self.axis)?;
        let sum = self.sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size));
        if sum != Some(input.shape[self.axis]) {
            let reason = format!("parts of {:?} do not add up to dimension {} of {input}", self.sizes, self.axis);
            return Err(Error::shape(self.name(), reason));
        }
        self.nests(input)?;
        Ok(self.shapes(&input.shape).map(|shape| TensorType::new(input.dtype, shape)).collect())
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let input = inputs[0];
        let mut offset = 0;
        let part = |shape: Vec<usize>| {
            let place = |(i, &at): (usize, &usize)| if i == self.axis { offset + at } else { at };
            let part = rearranged(input, &shape, |at| flat(input.shape(), at.iter().enumerate().map(place)));
            offset += shape[self.axis];
            part
        };
        self.shapes(input.shape()).map(part).collect()
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (whole, nests, sizes) = (site.inputs[0], self.nests(site.inputs[0])?, self.sizes.clone());
        Ok(vec![Candidate::of(Layout { op: self.name(), joins: false, whole, axis: self.axis, sizes, nests }.launches(site)?)])
    }

    fn gradient(&self, _: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let part = |(grad, output): (&Option<Var>, &Var)| grad.clone().map_or_else(|| zeros(output, output.shape()), Ok);
        let parts = output_grads.iter().zip(outputs).map(part).collect::<Result<Vec<_>>>()?;
        Ok(vec![Some(concat(&parts.iter().collect::<Vec<_>>(), self.axis as isize)?)])
    }
}
