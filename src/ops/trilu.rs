//! trilu: the upper or lower triangle of matrices, zeros elsewhere.
//!
//! ```text
//! output[.., i, j] = input[.., i, j] if j - i >= k (upper) or j - i <= k (lower), else 0
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (.., rows, columns); any dtype but f16 and f64 |
//! | output | the same |
//!
//! Gradient: the same triangle of the output's.
//!
//! ONNX: Trilu. PyTorch: `triu`, `tril`.

use super::copy::{flat, rearranged};
use super::{Candidate, Op, Site, WORKGROUP, check_inputs, groups, launch_rows, the_gradient, u32_of};
use crate::array::{Array, Data, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { count: u32, rows: u32, columns: u32, k: i32, skip: u32 }
}

static TRILU: Kernel = kernel!("trilu", Params);
pub(super) const KERNELS: &[&Kernel] = &[&TRILU];

/// Keeps a triangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trilu {
    /// The upper triangle, else the lower one.
    pub upper: bool,
    /// The diagonal where it ends, itself included: 0 the main one, positive above it, negative below.
    pub k: i64,
}

impl Var {
    /// The upper triangle of the last two dimensions, from diagonal `k` on, zeros below.
    ///
    /// # Errors
    /// If there are fewer than two dimensions or the dtype is f16 or f64.
    pub fn triu(&self, k: i64) -> Result<Self> {
        self.apply1(Trilu { upper: true, k }, &[])
    }

    /// The lower triangle of the last two dimensions, up to diagonal `k`, zeros above.
    ///
    /// # Errors
    /// If there are fewer than two dimensions or the dtype is f16 or f64.
    pub fn tril(&self, k: i64) -> Result<Self> {
        self.apply1(Trilu { upper: false, k }, &[])
    }
}

impl Op for Trilu {
    fn name(&self) -> &'static str {
        "trilu"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        let [.., rows, columns] = input.shape[..] else {
            return Err(Error::shape(self.name(), format!("input must be [.., rows, columns], it is {input}")));
        };
        if !input.dtype.is_word() || i32::try_from(rows).is_err() || i32::try_from(columns).is_err() {
            return Err(Error::unsupported(
                self.name(),
                format!("of {input}; f16 and f64 are to be cast, and an i32 counts rows and columns"),
            ));
        }
        Ok(vec![input.clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = inputs[0].shape();
        let zero = elements(shape);
        // The input with a zero behind it, which everything else is.
        let extended = match inputs[0].data() {
            Data::F32(v) => Array::new([zero + 1], [v.as_slice(), &[0.0]].concat())?,
            Data::I32(v) => Array::new([zero + 1], [v.as_slice(), &[0]].concat())?,
            Data::U32(v) => Array::new([zero + 1], [v.as_slice(), &[0]].concat())?,
            Data::Bool(v) => Array::new([zero + 1], [v.as_slice(), &[false]].concat())?,
            Data::F16(_) | Data::F64(_) => return Err(Error::unsupported(self.name(), format!("of {}; cast it first", inputs[0].ty()))),
        };
        let output = rearranged(&extended, shape, |at| {
            let diagonal = at[at.len() - 1] as i64 - at[at.len() - 2] as i64;
            let kept = if self.upper { diagonal >= self.k } else { diagonal <= self.k };
            if kept { flat(shape, at.iter().copied()) } else { zero }
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[0].shape;
        let (batch, matrix) = shape.split_at(shape.len() - 2);
        let (rows, columns) = (matrix[0], matrix[1]);
        // Beyond the last diagonal there is nothing left to decide.
        let k = i32::try_from(self.k.clamp(-(rows as i64), columns as i64)).unwrap_or(0);
        let size = rows * columns;
        let launches = launch_rows(self.name(), site.device, elements(batch), &[4 * size as u64], |part| {
            let window = site.device.window((part.start * size) as u64..(part.end * size) as u64, 4);
            let count = part.len() * size;
            let params = Params { count: u32_of(count), rows: u32_of(rows), columns: u32_of(columns), k, skip: window.skip };
            Launch::new(&TRILU, &params, groups(count, WORKGROUP))
                .constant("UPPER", u32::from(self.upper))
                .input_window(0, &window)
                .output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(grad.apply1(*self, &[])?)])
    }
}
