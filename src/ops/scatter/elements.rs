//! `scatter_elements`: for each update one element of a dimension, named by index.
//!
//! ```text
//! output = data;  output[.., indices[.., i, ..], ..] = updates[.., i, ..]      in dimension axis, for i in order
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | data | any; f32, i32, u32, without a reduction also bool |
//! | indices | data's rank, i32; no larger than the data but in dimension `axis` |
//! | updates | the indices', data's dtype |
//! | output | data's |
//!
//! Gradients: see [the room](super).
//!
//! ONNX: `ScatterElements`. PyTorch: `scatter`, `scatter_reduce`.

use super::super::copy::{check_dimension, flat};
use super::super::gather::picked_place;
use super::super::{Around, Candidate, Nest, Op, Site, Walk, check_axis, check_inputs, dense, the_gradient};
use super::gradient::Moves;
use super::{Lines, ScatterReduction};
use crate::array::{Array, TensorType, elements, strides};
use crate::error::{Error, Result};
use crate::gpu::Slot;
use crate::graph::Var;

/// Puts one element for each update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScatterElements {
    /// The dimension.
    pub axis: usize,
    /// What an update does to the element that it names.
    pub reduction: ScatterReduction,
}

impl Var {
    /// This tensor, with each update put to the element of dimension `axis` that its index names.
    ///
    /// # Errors
    /// If there is no such dimension, the indices are not i32, reach outside of this tensor in another dimension or differ in
    /// shape from the updates, or the dtypes do not go together.
    pub fn scatter_elements(&self, axis: isize, indices: &Self, updates: &Self, reduction: ScatterReduction) -> Result<Self> {
        let axis = check_axis("scatter_elements", axis, self.ty())?;
        self.apply1(ScatterElements { axis, reduction }, &[indices, updates])
    }
}

impl ScatterElements {
    /// The loops go over the box that the indices reach, with the whole of the axis.
    fn lines(&self, data: &[usize], indices: &[usize]) -> Lines {
        let (mut reached, mut counted) = (indices.to_vec(), indices.to_vec());
        (reached[self.axis], counted[self.axis]) = (data[self.axis], 1);
        // Along the axis the updates are gone through.
        let across = |mut walk: Vec<i64>| {
            walk[self.axis] = 0;
            walk
        };
        let mut place = vec![0; data.len()];
        place[self.axis] = 1;
        let around = Around::axis(indices, self.axis);
        Lines {
            whole: reached == data,
            sizes: reached,
            output: dense(data),
            update: across(dense(indices)),
            index: across(dense(indices)),
            line: across(dense(&counted)),
            place,
            indices: around,
            size: data[self.axis],
            update_step: around.inner,
            width: 1,
        }
    }
}

impl Op for ScatterElements {
    fn name(&self) -> &'static str {
        "scatter_elements"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        let (data, indices, updates) = (inputs[0], inputs[1], inputs[2]);
        check_dimension(self.name(), data, self.axis)?;
        for ty in inputs {
            ty.checked_elements()?;
        }
        self.reduction.check(self.name(), data, indices, updates)?;
        if indices.shape != updates.shape {
            return Err(Error::shape(self.name(), format!("indices {indices} and updates {updates} differ: one index for each update")));
        }
        let reaches = |(d, (size, picks)): (usize, (&usize, &usize))| d == self.axis || picks <= size;
        if indices.rank() != data.rank() || !data.shape.iter().zip(&indices.shape).enumerate().all(reaches) {
            let reason = format!("indices {indices} reach outside {data} in a dimension that is not {}", self.axis);
            return Err(Error::shape(self.name(), reason));
        }
        let lines = self.lines(&data.shape, &indices.shape);
        let walks = [&lines.output, &lines.index, &lines.line, &lines.place].map(|walk| Walk::new(walk.clone()));
        Nest::new(self.name(), &lines.sizes, walks)?;
        Ok(vec![data.clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (data, indices) = (inputs[0].shape(), inputs[1].shape());
        let picks = inputs[1].values::<i32>()?;
        let rows = strides(indices);
        let moves = (0..elements(indices)).map(|from| {
            let at = (0..data.len()).map(|d| if d == self.axis { picked_place(picks[from], data[d]) } else { from / rows[d] % indices[d] });
            (flat(data, at), from)
        });
        Ok(vec![self.reduction.applied(inputs[0], inputs[2], moves)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let lines = self.lines(&site.inputs[0].shape, &site.inputs[1].shape);
        let searched = Candidate::of(lines.searched(self.name(), self.reduction, site, Slot::Input(1))?);
        lines.ways(self.name(), self.reduction, site, &[lines.size], [None, Some(searched)])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (axis, indices) = (self.axis as isize, &inputs[1]);
        let scatter = |data: &Var, updates: &Var, reduction| data.scatter_elements(axis, indices, updates, reduction);
        let moves = Moves { picked: &|data| data.gather_elements(axis, indices), scattered: &scatter };
        moves.gradients(self.reduction, inputs, &outputs[0], the_gradient(self.name(), output_grads)?)
    }
}
