//! `scatter_nd`: for each tuple of indices a slice.
//!
//! ```text
//! output = data;  output[indices[p, 0], .., indices[p, k - 1]] = updates[p]      for p in order
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | data | `indexed.., inner..`, the first k dimensions are indexed; f32, i32, u32, without a reduction also bool |
//! | indices | `picks.., k`, i32 |
//! | updates | `picks.., inner..`, data's dtype |
//! | output | data's |
//!
//! Gradients: see [the room](super).
//!
//! Each tuple becomes the number of a slice, then every slice looks for its updates, once for many of its elements where there are many.
//! ONNX: `ScatterND`. PyTorch: `index_put`.

use super::super::gather::picked_place;
use super::super::gather_nd::{Tuples, check_depth};
use super::super::{Around, Candidate, Op, Site, check_inputs, lanes, the_gradient};
use super::gradient::Moves;
use super::places::places;
use super::{Lines, ScatterReduction, rows};
use crate::array::{Array, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Launch, Slot};
use crate::graph::Var;

/// Puts slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScatterNd {
    /// What an update does to the slice that it names.
    pub reduction: ScatterReduction,
}

impl Var {
    /// This tensor, with each update put to the slice that its tuple of indices names.
    ///
    /// # Errors
    /// If the indices are not i32 or longer than this tensor has dimensions, the updates have another shape than the slices, or
    /// the dtypes do not go together.
    pub fn scatter_nd(&self, indices: &Self, updates: &Self, reduction: ScatterReduction) -> Result<Self> {
        self.apply1(ScatterNd { reduction }, &[indices, updates])
    }
}

impl ScatterNd {
    /// The output is (slices, inner); each of its columns is a line, and all lines have the same indices.
    fn lines(tuples: &Tuples) -> Lines {
        Lines {
            sizes: vec![tuples.slices, tuples.inner],
            output: vec![tuples.inner as i64, 1],
            update: vec![0, 1],
            index: vec![0, 0],
            line: vec![0, 0],
            place: vec![1, 0],
            whole: true,
            indices: Around { outer: 1, len: tuples.picks, inner: 1 },
            size: tuples.slices,
            update_step: tuples.inner,
            width: lanes(tuples.inner),
        }
    }
}

impl Op for ScatterNd {
    fn name(&self) -> &'static str {
        "scatter_nd"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        let (data, indices, updates) = (inputs[0], inputs[1], inputs[2]);
        for ty in inputs {
            ty.checked_elements()?;
        }
        self.reduction.check(self.name(), data, indices, updates)?;
        let depth = check_depth(self.name(), data, indices, 0)?;
        let expected = [&indices.shape[..indices.rank() - 1], &data.shape[depth..]].concat();
        if updates.shape != expected {
            let reason = format!("updates are {updates}, tuples {indices} into {data} want {expected:?}");
            return Err(Error::shape(self.name(), reason));
        }
        Ok(vec![data.clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (data, indices) = (inputs[0].shape(), inputs[1].shape());
        let depth = indices.last().copied().unwrap_or(0);
        let picks = inputs[1].values::<i32>()?;
        let inner = elements(&data[depth..]);
        let moves = picks.chunks_exact(depth.max(1)).enumerate().flat_map(|(p, tuple)| {
            let slice = tuple.iter().zip(data).fold(0, |slice, (&index, &size)| slice * size + picked_place(index, size));
            (0..inner).map(move |i| (slice * inner + i, p * inner + i))
        });
        Ok(vec![self.reduction.applied(inputs[0], inputs[2], moves)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (data, indices) = (&site.inputs[0].shape, &site.inputs[1].shape);
        let tuples = Tuples::new(data, indices, 0);
        let (lines, indexed) = (Self::lines(&tuples), &data[..tuples.depth]);
        let named = tuples.depth > 1;
        let slot = if named { Slot::Scratch(0) } else { Slot::Input(1) };
        let candidate = |launches: Vec<Launch>| {
            if !named {
                return Candidate::of(launches);
            }
            let launches = [places(indexed, tuples.picks)].into_iter().chain(launches).collect();
            Candidate { launches, scratch: vec![4 * tuples.picks as u64], ..Candidate::default() }
        };
        let by_rows = rows::launches(self.name(), self.reduction, site, slot, [tuples.slices, tuples.inner, tuples.picks])?;
        let searched = lines.searched(self.name(), self.reduction, site, slot)?;
        let searched = [by_rows, Some(searched)].map(|launches| launches.map(candidate));
        lines.ways(self.name(), self.reduction, site, indexed, searched)
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let indices = &inputs[1];
        let scatter = |data: &Var, updates: &Var, reduction| data.scatter_nd(indices, updates, reduction);
        let moves = Moves { picked: &|data| data.gather_nd(indices, 0), scattered: &scatter };
        moves.gradients(self.reduction, inputs, &outputs[0], the_gradient(self.name(), output_grads)?)
    }
}
