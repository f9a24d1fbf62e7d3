//! `cofactors`: the cofactor of each element of square matrices, what a determinant's gradient is made of.
//!
//! ```text
//! output[b, i, j] = (-1)^(i + j) det (input[b] without row i and column j)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (..., M, M), M at most 256 |
//! | output | (..., M, M) |
//!
//! Of a regular matrix they are its determinant times its transposed inverse; of a singular one they may well not be 0. A workgroup for
//! each matrix finds them by exchange steps, M^3 products (`shaders/det/cofactors.wgsl`).
//!
//! Gradient: by the minors as determinants, M^5 products, so of matrices of 32 rows at most.

use super::{Params, batch, determinant};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel};
use crate::graph::Var;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, composed, launch_rows, rounded, u32_of};

pub(super) static COFACTORS: Kernel = kernel!("det/cofactors", Params);

/// Rows of the largest matrix whose minors are computed as determinants: they are few, and each is an invocation's.
const FEW: usize = 4;
/// Rows of the largest matrix whose cofactors have a gradient.
const LARGEST_LEARNT: usize = 32;

/// Cofactors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cofactors;

impl Var {
    /// The cofactor of each element of matrices (..., M, M).
    ///
    /// # Errors
    /// If the last two dimensions differ or are larger than 256.
    pub fn cofactors(&self) -> Result<Self> {
        match self.shape() {
            [.., 2..=FEW, size] if self.shape().ends_with(&[*size, *size]) => minors(self),
            _ => self.apply1(Cofactors, &[]),
        }
    }
}

impl Op for Cofactors {
    fn name(&self) -> &'static str {
        "cofactors"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        batch(self.name(), inputs)?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let size = inputs[0].shape().last().copied().unwrap_or(1);
        let values = inputs[0].to_f64();
        let of = |matrix: &[f64], i: usize, j: usize| {
            let left = (0..size * size).filter(|at| at / size != i && at % size != j).map(|at| matrix[at]);
            let minor = determinant(left.collect(), size - 1);
            if (i + j).is_multiple_of(2) { minor } else { -minor }
        };
        let all = values.chunks_exact(size * size).flat_map(|matrix| (0..size * size).map(move |at| of(matrix, at / size, at % size)));
        Ok(vec![rounded(inputs[0].shape(), all.collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let input = site.inputs[0];
        let size = input.shape.last().copied().unwrap_or(1);
        let matrices = input.elements() / (size * size);
        let row = (size * size) as u64;
        // What the invocations share in a step, and its tree; and all elements at the end.
        let sharing = (size * size / 16).next_power_of_two().clamp(16, 256);
        let turns = nested(&[size, (size * size.div_ceil(4) + size).div_ceil(sharing) + 10]) + (size * size).div_ceil(sharing) * 2;
        let mut largest = 0;
        let launches = launch_rows(self.name(), site.device, matrices, &[row * 4, row * 4], |part| {
            let window = site.device.window(part.start as u64 * row..part.end as u64 * row, 4);
            largest = largest.max(part.len());
            let params = Params { count: u32_of(part.len()), size: u32_of(size), input_skip: window.skip, output_skip: window.skip };
            let launch = Launch::new(&COFACTORS, &params, part.len() as u64).constant("WORKGROUP", u32_of(sharing)).turns(turns);
            launch.input_window(0, &window).scratch_mut(0).output_window(0, &window)
        })?;
        let bytes = (largest * size * size.div_ceil(4) * 16) as u64;
        Ok(vec![Candidate { launches, scratch: vec![bytes], ..Candidate::default() }])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        // The cofactor of a number is 1, whatever the number.
        let flat = inputs[0].shape().ends_with(&[1, 1]);
        if flat { Ok(vec![None]) } else { composed(inputs, output_grads, |inputs| Ok(vec![minors(&inputs[0])?])) }
    }
}

/// The same by determinants of what is left without a row and a column.
fn minors(matrices: &Var) -> Result<Var> {
    let [batch @ .., _, size] = matrices.shape() else {
        return Err(Error::shape("cofactors", format!("input must be (..., M, M), it is {}", matrices.ty())));
    };
    let (size, left) = (*size, size.saturating_sub(1));
    if size > LARGEST_LEARNT {
        return Err(Error::unsupported("cofactors", format!("the gradient of matrices of {size} rows; {LARGEST_LEARNT} are the most")));
    }
    // Element (r, c) of what is left without row i and column j.
    let element = |at: usize| {
        let (i, j, r, c) = (at / (left * left) / size, at / (left * left) % size, at / left % left, at % left);
        (r + usize::from(r >= i)) * size + c + usize::from(c >= j)
    };
    let graph = matrices.graph();
    let picked = graph.constant(Array::from_fn([size * size * left * left], |at| i32::try_from(element(at)).unwrap_or(0)))?;
    let signs = graph.constant(Array::from_fn([size, size], |at| if (at / size + at % size).is_multiple_of(2) { 1.0f32 } else { -1.0 }))?;
    let flat = matrices.reshape([batch, &[size * size]].concat())?.gather(-1, &picked)?;
    flat.reshape([batch, &[size, size, left, left]].concat())?.det()?.mul(&signs)
}
