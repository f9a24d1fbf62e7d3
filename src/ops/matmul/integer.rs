//! `matmul_integer`: the product of matrices of integers.
//!
//! ```text
//! output[.., i, j] = sum over k of (a[.., i, k] - a_zero) * (b[.., k, j] - b_zero)     modulo 2^32
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | (.., rows, depth), i32 or u32 |
//! | b | (.., depth, columns), i32 or u32 |
//! | `a_zero` | one number, (rows), or what broadcasts to a; optional |
//! | `b_zero` | one number, (columns), or what broadcasts to b; optional |
//! | output | (.., rows, columns), i32 |
//!
//! Batches and vectors as in [`Matmul`](super::Matmul). Exact where the result has 32 bits: sums of 2^15 products of 8-bit numbers
//! do. u32 counts modulo 2^32 as i32 does, so a cast of the output to u32 is the product of u32, and costs nothing. Zero points are
//! subtracted before: a pass over that factor, none where it is a constant.
//!
//! ONNX: `MatMulInteger`; `MatMul` of integers.

use super::launches::integer_candidates;
use super::{Sizes, broadcast, products};
use crate::array::{Array, DType, Data, TensorType, elements};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{Candidate, Op, Site, check_inputs, check_integer, types};

/// The product of two matrices of integers, or of batches of them, modulo 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub struct MatmulInteger;

/// Along which dimension a vector of zero points lies.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum ZeroPoints {
    /// The last but one: the rows of a matrix.
    Rows,
    /// The last: its columns.
    Columns,
    /// The first: the outputs of a convolution's weight.
    Outputs,
}

impl Var {
    /// The matrix product of this tensor of integers and `other`, each less its zero points: one, or one for each of this one's rows
    /// or the other's columns.
    ///
    /// # Errors
    /// If a tensor is neither i32 nor u32 or has no dimensions, the depths differ, or batches or zero points do not broadcast.
    pub fn matmul_integer(&self, other: &Self, zero: Option<&Self>, other_zero: Option<&Self>) -> Result<Self> {
        let a = centred("matmul_integer", self, zero, ZeroPoints::Rows)?;
        let b = centred("matmul_integer", other, other_zero, ZeroPoints::Columns)?;
        a.apply1(MatmulInteger, &[&b])
    }
}

/// `x` less its zero points.
pub(in crate::ops) fn centred(op: &'static str, x: &Var, zero: Option<&Var>, along: ZeroPoints) -> Result<Var> {
    let Some(zero) = zero else { return Ok(x.clone()) };
    check_integer(op, "input", x.ty())?;
    check_integer(op, "zero point", zero.ty())?;
    let (rank, count) = (x.shape().len(), elements(zero.shape()));
    let after = match along {
        ZeroPoints::Rows => 1,
        ZeroPoints::Columns => 0,
        ZeroPoints::Outputs => rank.saturating_sub(1),
    };
    let zero = zero.cast(DType::I32)?;
    let zero = match zero.shape() {
        _ if count == 1 => zero.reshape([])?,
        [_] if rank > after => zero.reshape([&[count], vec![1; after].as_slice()].concat())?,
        _ => zero,
    };
    let centred = x.cast(DType::I32)?.sub(&zero)?;
    if centred.shape() != x.shape() {
        return Err(Error::shape(op, format!("zero points {} do not broadcast to {}", zero.ty(), x.ty())));
    }
    Ok(centred)
}

/// The integers of an array modulo 2^32.
pub(in crate::ops) fn words(array: &Array) -> Result<Vec<i32>> {
    Ok(match array.data() {
        Data::U32(v) => v.iter().map(|&x| x.cast_signed()).collect(),
        _ => array.values::<i32>()?.to_vec(),
    })
}

impl Op for MatmulInteger {
    fn name(&self) -> &'static str {
        "matmul_integer"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_integer(self.name(), "a", inputs[0])?;
        check_integer(self.name(), "b", inputs[1])?;
        Ok(vec![TensorType::new(DType::I32, Sizes::of(inputs[0], inputs[1], false)?.output)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let types = types(inputs);
        let Sizes { rows, columns, depth, a_batch, b_batch, batch, output } = Sizes::of(&types[0], &types[1], false)?;
        let (a, b) = (words(inputs[0])?, words(inputs[1])?);
        let mut sums = Vec::with_capacity(elements(&output));
        for matrix in 0..elements(&batch) {
            let a = &a[broadcast(matrix, &batch, &a_batch) * rows * depth..];
            let b = &b[broadcast(matrix, &batch, &b_batch) * depth * columns..];
            for i in 0..rows {
                for j in 0..columns {
                    let product = |k: usize| a[i * depth + k].wrapping_mul(b[k * columns + j]);
                    sums.push((0..depth).map(product).fold(0, i32::wrapping_add));
                }
            }
        }
        Ok(vec![Array::new(output, sums)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let sizes = Sizes::of(site.inputs[0], site.inputs[1], false)?;
        Ok(integer_candidates(site.device, &products::of_batches(&sizes, false)))
    }

    /// Each output adds up a row of `a`.
    fn multiply_adds(&self, inputs: &[&TensorType], outputs: &[&TensorType]) -> u64 {
        crate::ops::multiplied(outputs[0].elements(), &inputs[0].shape[inputs[0].rank().saturating_sub(1)..])
    }
}
