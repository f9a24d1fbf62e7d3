//! `det`: determinants of square matrices.
//!
//! ```text
//! output[b] = det input[b, :, :]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (..., M, M), M at most 256 |
//! | output | (...) |
//!
//! Gaussian elimination with partial pivoting: of small matrices each invocation has one, of others a workgroup.
//!
//! Gradient: that of an output times the cofactors of its matrix, which are determinants of what is left without a row and a column; right
//! for singular matrices too, and M^5 products, so of matrices of 32 rows at most.
//!
//! ONNX: Det. PyTorch: `linalg.det`.

use super::slices::nested;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        count: u32,
        size: u32,
        input_skip: u32,
        output_skip: u32,
    }
}

static ONE: Kernel = kernel!("det/one", Params);
static TEAM: Kernel = kernel!("det/team", Params);
pub(super) const KERNELS: &[&Kernel] = &[&ONE, &TEAM];

/// Rows of the largest matrix.
const LARGEST: usize = 256;
/// Rows from which a workgroup shares a matrix.
const SHARED: usize = 24;
/// Invocations of that workgroup.
const SHARING: usize = 256;
/// Matrices that keep a device busy with an invocation each.
const MANY: usize = 1024;
/// Rows of the largest matrix whose cofactors are computed.
const LARGEST_LEARNT: usize = 32;

/// Determinants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Det;

impl Var {
    /// The determinant of each matrix (..., M, M).
    ///
    /// # Errors
    /// If the last two dimensions differ or are larger than 256.
    pub fn det(&self) -> Result<Self> {
        self.apply1(Det, &[])
    }
}

impl Op for Det {
    fn name(&self) -> &'static str {
        "det"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        match inputs[0].shape[..] {
            [.., rows, columns] if rows > LARGEST && rows == columns => {
                Err(Error::unsupported(self.name(), format!("matrices of {rows} rows; {LARGEST} are the most")))
            }
            [ref batch @ .., rows, columns] if rows == columns && rows > 0 => Ok(vec![TensorType::f32(batch)]),
            _ => Err(Error::shape(self.name(), format!("input must be (..., M, M), it is {}", inputs[0]))),
        }
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let [batch @ .., _, size] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (..., M, M), it is {}", inputs[0].ty())));
        };
        let values = inputs[0].to_f64();
        Ok(vec![rounded(batch, values.chunks_exact(size * size).map(|m| determinant(m.to_vec(), *size)).collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let size = site.inputs[0].shape.last().copied().unwrap_or(1);
        let matrices = elements(&site.outputs[0].shape);
        let row = [size * size, 1].map(|r| r as u64);
        let candidate = |kernel: &'static Kernel, sharing: usize| {
            // Elements below and to the right of each pivot, a third of size^3, and rows twice.
            let turns = nested(&[size, size.div_ceil(sharing) * 2 + 10])
                + size * size * size.div_ceil(3) / sharing
                + nested(&[size * size / sharing]);
            let mut largest = 0;
            let launches = launch_rows(self.name(), site.device, matrices, &row.map(|r| r * 4), |part| {
                let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
                largest = largest.max(part.len());
                let params = Params { count: u32_of(part.len()), size: u32_of(size), input_skip: from.skip, output_skip: to.skip };
                let launch = match sharing {
                    1 => Launch::new(kernel, &params, groups(part.len(), WORKGROUP)),
                    _ => Launch::new(kernel, &params, part.len() as u64).constant("WORKGROUP", u32_of(sharing)),
                };
                let launch = launch.turns(turns);
                launch.input_window(0, &from).scratch_mut(0).output_window(0, &to)
            })?;
            let bytes = (largest * size * size * 4).next_multiple_of(16) as u64;
            Ok(Candidate { launches, scratch: vec![bytes], ..Candidate::default() })
        };
        let (one, team) = (candidate(&ONE, 1)?, candidate(&TEAM, SHARING)?);
        Ok(if size >= SHARED && matrices < MANY { vec![team, one] } else { vec![one, team] })
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (input, grad) = (&inputs[0], the_gradient(self.name(), output_grads)?);
        let by_matrix = grad.unsqueeze(-1)?.unsqueeze(-1)?;
        Ok(vec![Some(match cofactors(input)? {
            Some(cofactors) => by_matrix.mul(&cofactors)?,
            None => by_matrix,
        })])
    }
}

/// The cofactor of each element of matrices (..., M, M); `None` of single numbers, where it is 1.
fn cofactors(matrices: &Var) -> Result<Option<Var>> {
    let [batch @ .., _, size] = matrices.shape() else { return Ok(None) };
    let (size, left) = (*size, size.saturating_sub(1));
    if size > LARGEST_LEARNT {
        return Err(Error::unsupported("det", format!("the gradient of matrices of {size} rows; {LARGEST_LEARNT} are the most")));
    }
    if left == 0 {
        return Ok(None);
    }
    // Element (r, c) of what is left without row i and column j.
    let element = |at: usize| {
        let (i, j, r, c) = (at / (left * left) / size, at / (left * left) % size, at / left % left, at % left);
        (r + usize::from(r >= i)) * size + c + usize::from(c >= j)
    };
    let graph = matrices.graph();
    let picked = graph.constant(Array::from_fn([size * size * left * left], |at| i32::try_from(element(at)).unwrap_or(0)))?;
    let signs = graph.constant(Array::from_fn([size, size], |at| if (at / size + at % size) % 2 == 0 { 1.0f32 } else { -1.0 }))?;
    let flat = matrices.reshape([batch, &[size * size]].concat())?.gather(-1, &picked)?;
    flat.reshape([batch, &[size, size, left, left]].concat())?.det()?.mul(&signs).map(Some)
}

/// The product of the pivots, its sign turned with each exchange of rows.
fn determinant(mut m: Vec<f64>, size: usize) -> f64 {
    let mut product = 1.0;
    for k in 0..size {
        let pivot = (k..size).fold(k, |best, row| if m[row * size + k].abs() > m[best * size + k].abs() { row } else { best });
        if pivot != k {
            (0..size).for_each(|j| m.swap(k * size + j, pivot * size + j));
            product = -product;
        }
        product *= m[k * size + k];
        for row in k + 1..size {
            if m[k * size + k] == 0.0 {
                break;
            }
            let factor = m[row * size + k] / m[k * size + k];
            (k..size).for_each(|j| m[row * size + j] -= factor * m[k * size + j]);
        }
    }
    product
}
