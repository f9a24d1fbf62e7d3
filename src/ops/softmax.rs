//! softmax and `log_softmax`: numbers along one axis as probabilities that add up to 1, or as their logarithms.
//!
//! ```text
//! m           = max over k of input[o, k, i]
//! softmax     = exp(input[o, k, i] - m) / sum over j of exp(input[o, j, i] - m)
//! log_softmax = input[o, k, i] - m - log(sum over j of exp(input[o, j, i] - m))
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any of rank 1 or more; k runs along `axis`, o and i along the dimensions before and after it |
//! | output | as input |
//!
//! The maximum is subtracted first, so that no finite input overflows. An input of -inf has probability 0. A row with +inf or
//! NaN, or of -inf alone, is NaN throughout, as in PyTorch.
//!
//! Gradients, sums along `axis`: y (g - sum g y) of softmax, g - exp(y) sum g of its logarithm.
//!
//! ONNX: Softmax and `LogSoftmax` from opset 13 on. PyTorch: `softmax`, `log_softmax`.

use super::{Around, Candidate, Op, Site, Team, WORKGROUP, check_axis, check_dtype, check_inputs, groups, item_header, lanes};
use super::{launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        rows: u32,
        columns: u32,
        inner: u32,
        skip: u32,
    }
}

const HEADER: &str = "alias Scalar = f32;\n#import vec4\n";
static ROWS: Kernel = kernel!("softmax/rows", Params, header: HEADER);
static POSITIONS: Kernel = kernel!("softmax/positions", Params, header: HEADER);
pub(super) const KERNELS: &[&Kernel] = &[&ROWS, &POSITIONS];

/// Probabilities along one axis, or their logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// The axis along which they add up to 1; from the end where negative.
    pub axis: isize,
    /// Their logarithms instead.
    pub log: bool,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { axis: -1, log: false }
    }
}

impl Var {
    /// Probabilities along `axis`, which counts from the end where it is negative.
    ///
    /// # Errors
    /// If there is no such axis or the dtype is not f32.
    pub fn softmax(&self, axis: isize) -> Result<Self> {
        self.apply1(Softmax { axis, log: false }, &[])
    }

    /// Logarithms of the probabilities along `axis`, which counts from the end where it is negative.
    ///
    /// # Errors
    /// If there is no such axis or the dtype is not f32.
    pub fn log_softmax(&self, axis: isize) -> Result<Self> {
        self.apply1(Softmax { axis, log: true }, &[])
    }
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        check_axis(self.name(), self.axis, inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let ty = inputs[0].ty();
        let around = Around::axis(&ty.shape, check_axis(self.name(), self.axis, &ty)?);
        let input = inputs[0].to_f64();
        let mut output = vec![0.0; input.len()];
        for start in around.starts() {
            let at = |k: usize| start + k * around.inner;
            let largest = (0..around.len).map(|k| input[at(k)]).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = (0..around.len).map(|k| (input[at(k)] - largest).exp()).sum();
            for k in 0..around.len {
                let above = input[at(k)] - largest;
                output[at(k)] = if self.log { above - total.ln() } else { above.exp() / total };
            }
        }
        Ok(vec![rounded(&ty.shape, output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let around = Around::axis(&site.inputs[0].shape, check_axis(self.name(), self.axis, site.inputs[0])?);
        let Around { outer, len, inner } = around;
        // A long axis with few positions beside it needs several invocations per row, as the last axis does.
        let rowwise = inner == 1 || (len >= 256 && outer * inner < 4096);
        let lanes = match (rowwise, inner) {
            (true, 1) => lanes(len),
            (true, _) => 1,
            (false, _) => lanes(inner),
        };
        let outer_bytes = (len * inner * 4) as u64;
        let launches = launch_rows(self.name(), site.device, outer, &[outer_bytes], |part| {
            let elements = |o: usize| (o * len * inner) as u64;
            let window = site.device.window(elements(part.start)..elements(part.end), 4);
            let skip = window.skip / u32_of(lanes);
            let launch = if rowwise {
                let (rows, columns) = (part.len() * inner, len / lanes);
                let team = Team::of(site.device, rows, columns);
                let params = Params { rows: u32_of(rows), columns: u32_of(columns), inner: u32_of(inner), skip };
                team.set(Launch::new(&ROWS, &params, team.groups(rows)), 2)
            } else {
                let inner = inner / lanes;
                let rows = part.len() * inner;
                let params = Params { rows: u32_of(rows), columns: u32_of(len), inner: u32_of(inner), skip };
                Launch::new(&POSITIONS, &params, groups(rows, WORKGROUP)).turns(2 * len)
            };
            launch
                .notes(true)
                .constant("LOG", u32::from(self.log))
                .header(item_header(DType::F32, lanes))
                .input_window(0, &window)
                .output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let y = &outputs[0];
        Ok(vec![Some(if self.log {
            grad.sub(&y.exp()?.mul(&grad.reduce_sum(&[self.axis], true)?)?)?
        } else {
            y.mul(&grad.sub(&grad.mul(y)?.reduce_sum(&[self.axis], true)?)?)?
        })])
    }
}
