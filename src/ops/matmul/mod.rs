//! matmul and linear: products of matrices, of batches of them, and of matrices with vectors.
//!
//! ```text
//! output[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | (.., rows, depth) |
//! | b | (.., depth, columns), or (.., columns, depth) if it is [`transposed`](Matmul::transposed) |
//! | output | (.., rows, columns) |
//!
//! What stands in front of the matrices are batches, which broadcast as NumPy's do: their sizes are equal, or one of them
//! is 1 or missing. A vector `a` is one row and a vector `b` one column; the output then lacks that dimension.
//! [`MatmulInteger`] is the same on integers. [`Linear`] is the same with the second factor as layers store it, and a bias.
//!
//! Gradients: the output's times b transposed, and a transposed times the output's, summed over broadcast batches. A plan takes a
//! transposed b as it lies, where nothing else reads what the transposition made.
//!
//! ONNX: `MatMul`; `NumPy` and PyTorch: `matmul`.

mod integer;
mod launches;
mod linear;
mod products;

pub use integer::MatmulInteger;
pub(super) use integer::{ZeroPoints, centred, words};
pub(super) use launches::{KERNELS, candidates, rows_of_lanes, tile_bytes};
pub use linear::Linear;
pub(super) use products::{Channels, Operand, Product};

use super::{Candidate, Op, Site, Transpose, as_op, check_dtype, check_inputs, rounded, the_gradient, types, unbroadcast};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::graph::Var;
use std::sync::Arc;

/// The product of two matrices, or of batches of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matmul {
    /// Whether the second factor's matrices are transposed before they are multiplied with; they have two dimensions at least.
    pub transposed: bool,
}

impl Var {
    /// The matrix product of this tensor and `other`, as `NumPy` defines it.
    ///
    /// # Errors
    /// If a tensor is not f32 or has no dimensions, the depths differ or the batches do not broadcast.
    pub fn matmul(&self, other: &Self) -> Result<Self> {
        self.apply1(Matmul::default(), &[other])
    }

    /// The matrix product of this tensor and `other` (.., columns, depth) with its last two dimensions exchanged, which costs nothing.
    ///
    /// # Errors
    /// As [`Var::matmul`]; if `other` is a vector.
    pub fn matmul_transposed(&self, other: &Self) -> Result<Self> {
        self.apply1(Matmul { transposed: true }, &[other])
    }
}

/// What a product of two tensors amounts to.
#[derive(Debug)]
struct Sizes {
    rows: usize,
    columns: usize,
    depth: usize,
    /// The batches of a, of b and of the output, all of one rank.
    a_batch: Vec<usize>,
    b_batch: Vec<usize>,
    batch: Vec<usize>,
    /// The output's shape.
    output: Vec<usize>,
}

impl Sizes {
    fn of(a: &TensorType, b: &TensorType, transposed: bool) -> Result<Self> {
        if transposed {
            let mut turned = b.clone();
            match &mut turned.shape[..] {
                [.., columns, depth] => std::mem::swap(columns, depth),
                _ => return Err(Error::shape("matmul", format!("{a} by the transpose of {b}, which is no matrix"))),
            }
            return Self::of(a, &turned, false);
        }
        let (Some((&depth, a_front)), Some((&b_last, b_front))) = (a.shape.split_last(), b.shape.split_last()) else {
            return Err(Error::shape("matmul", format!("{a} by {b}: a tensor without dimensions is no matrix")));
        };
        // The last dimension of b is its columns, unless it is a vector: then it is its depth.
        let (b_batch, b_depth, columns) = match b_front.split_last() {
            Some((&b_depth, batch)) => (batch, b_depth, b_last),
            None => (b_front, b_last, 1),
        };
        let (a_batch, rows) = match a_front.split_last() {
            Some((&rows, batch)) => (batch, rows),
            None => (a_front, 1),
        };
        if depth != b_depth {
            return Err(Error::shape("matmul", format!("{a} by {b}: {depth} columns meet {b_depth} rows")));
        }
        let rank = a_batch.len().max(b_batch.len());
        let padded = |batch: &[usize]| [vec![1; rank - batch.len()], batch.to_vec()].concat();
        let (a_batch, b_batch) = (padded(a_batch), padded(b_batch));
        let one = |(&x, &y): (&usize, &usize)| match (x, y) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            (x, y) => Err(Error::shape("matmul", format!("{a} by {b}: batches of {x} and {y} do not broadcast"))),
        };
        let batch = a_batch.iter().zip(&b_batch).map(one).collect::<Result<Vec<_>>>()?;
        let mut output = batch.clone();
        output.extend((a.rank() > 1).then_some(rows));
        output.extend((b.rank() > 1).then_some(columns));
        Ok(Self { rows, columns, depth, a_batch, b_batch, batch, output })
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_dtype(self.name(), "a", inputs[0], DType::F32)?;
        check_dtype(self.name(), "b", inputs[1], DType::F32)?;
        Ok(vec![TensorType::f32(Sizes::of(inputs[0], inputs[1], self.transposed)?.output)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let Sizes { rows, columns, depth, a_batch, b_batch, batch, output } = Sizes::of(&types[0], &types[1], self.transposed)?;
        let [down, across] = if self.transposed { [1, depth] } else { [columns, 1] };
        let (a, b) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let mut sums = Vec::with_capacity(elements(&output));
        for matrix in 0..elements(&batch) {
            let a = &a[broadcast(matrix, &batch, &a_batch) * rows * depth..];
            let b = &b[broadcast(matrix, &batch, &b_batch) * depth * columns..];
            for i in 0..rows {
                for j in 0..columns {
                    sums.push((0..depth).map(|k| f64::from(a[i * depth + k]) * f64::from(b[k * down + j * across])).sum::<f64>());
                }
            }
        }
        Ok(vec![rounded(&output, sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(site.inputs[0], site.inputs[1], self.transposed)?;
        // A single column lies as a row does.
        let transposed = self.transposed && sizes.columns > 1;
        let products = products::of_batches(&sizes, transposed);
        // A vector times a matrix has its columns last, a matrix times a vector its rows.
        let columns = site.inputs[1].rank() > 1 && products.iter().all(|p| p.transposed == transposed);
        let axis = if columns { site.outputs[0].rank().checked_sub(1) } else { None };
        let finish = site.finish.filter(|f| f.fits(axis.unwrap_or(usize::MAX)));
        Ok(candidates(site, &products, finish))
    }

    fn absorb(&self, input: usize, maker: &dyn Op, made: &TensorType) -> Option<Arc<dyn Op>> {
        let turn: &Transpose = as_op(maker).filter(|_| input == 1)?;
        turn.swaps_last(made.rank()).then(|| Arc::new(Self { transposed: !self.transposed }) as Arc<dyn Op>)
    }

    /// Each output adds up a row of `a`.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        super::multiplied(outputs[0].elements(), &inputs[0].shape[inputs[0].rank().saturating_sub(1)..])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let [a, b] = [matrix(&inputs[0], true)?, matrix(&inputs[1], false)?];
        let sizes = Sizes::of(inputs[0].ty(), inputs[1].ty(), self.transposed)?;
        let grad = grad.reshape([&sizes.batch[..], &[sizes.rows, sizes.columns]].concat())?;
        let by_a = if self.transposed { grad.matmul(&b)? } else { grad.matmul_transposed(&b)? };
        // Of b, or of its transpose.
        let by = |a: &Var, grad: &Var| if self.transposed { grad.swap_axes(-1, -2)?.matmul(a) } else { a.swap_axes(-1, -2)?.matmul(grad) };
        let by_b = if b.shape().len() == 2 {
            // All batches are rows of one product, which adds them up.
            let rows = a.ty().elements() / sizes.depth;
            let grad = unbroadcast(&grad, &[a.shape().split_last().map_or(&[][..], |(_, front)| front), &[sizes.columns]].concat())?;
            by(&a.reshape([rows, sizes.depth])?, &grad.reshape([rows, sizes.columns])?)?
        } else {
            unbroadcast(&by(&a, &grad)?, b.shape())?
        };
        let by_a = unbroadcast(&by_a, a.shape())?;
        Ok(vec![Some(by_a.reshape(inputs[0].shape())?), Some(by_b.reshape(inputs[1].shape())?)])
    }
}

/// Which of the matrices of an operand of shape `own` belongs to matrix `index` of a batch of shape `batch`.
fn broadcast(index: usize, batch: &[usize], own: &[usize]) -> usize {
    let (mut rest, mut stride, mut found) = (index, 1, 0);
    for (&size, &own) in batch.iter().zip(own).rev() {
        found += if own == 1 { 0 } else { rest % size * stride };
        rest /= size;
        stride *= own;
    }
    found
}

/// An operand as matrices: a vector is one row where it stands in `front`, else one column.
fn matrix(operand: &Var, front: bool) -> Result<Var> {
    match operand.shape() {
        &[depth] => operand.reshape(if front { [1, depth] } else { [depth, 1] }),
        _ => Ok(operand.clone()),
    }
}
