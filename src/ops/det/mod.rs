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
//! Gradient: that of an output times the [cofactors](Cofactors) of its matrix, right for singular matrices too.
//!
//! ONNX: Det. PyTorch: `linalg.det`.

mod cofactors;

pub use cofactors::Cofactors;

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
pub(super) const KERNELS: &[&Kernel] = &[&ONE, &TEAM, &cofactors::COFACTORS];

/// Rows of the largest matrix.
const LARGEST: usize = 256;
/// Rows from which a workgroup shares a matrix.
const SHARED: usize = 24;
/// Invocations of that workgroup.
const SHARING: usize = 256;
/// Matrices that keep a device busy with an invocation each.
const MANY: usize = 1024;

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
        Ok(vec![TensorType::f32(batch(self.name(), inputs)?)])
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
        let grad = the_gradient(self.name(), output_grads)?.unsqueeze(-1)?.unsqueeze(-1)?;
        Ok(vec![Some(grad.mul(&inputs[0].cofactors()?)?)])
    }
}

/// The dimensions before those of the matrices, which are square and not too large.
fn batch<'a>(op: &'static str, inputs: &[&'a TensorType]) -> Result<&'a [usize]> {
    check_inputs(op, inputs, 1..=1)?;
    check_dtype(op, "input", inputs[0], DType::F32)?;
    match inputs[0].shape[..] {
        [.., rows, columns] if rows > LARGEST && rows == columns => {
            Err(Error::unsupported(op, format!("matrices of {rows} rows; {LARGEST} are the most")))
        }
        [ref batch @ .., rows, columns] if rows == columns && rows > 0 => Ok(batch),
        _ => Err(Error::shape(op, format!("input must be (..., M, M), it is {}", inputs[0]))),
    }
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
