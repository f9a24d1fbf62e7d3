//! cumsum: running sums along an axis.
//!
//! ```text
//! output[.., i, ..] = sum over j <= i of input[.., j, ..]      exclusive: j < i; reverse: j >= i, or j > i
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; f32, i32 or u32 |
//! | output | the same |
//!
//! Integers wrap. Gradient: the running sums of the output's the other way. ONNX: `CumSum`. PyTorch: `cumsum`.

use super::rows::Around;
use super::{Candidate, Op, Site, WORKGROUP, check_axis, check_inputs, groups, launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { lines: u32, columns: u32, inner: u32, skip: u32 }
}

static LINES: Kernel = kernel!("cumsum/lines", Params, header: "alias Scalar = f32;\n");
static SCAN: Kernel = kernel!("cumsum/scan", Params, header: "alias Scalar = f32;\n");
pub(super) const KERNELS: &[&Kernel] = &[&LINES, &SCAN];

/// Running sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CumSum {
    /// The axis; from the end where negative.
    pub axis: isize,
    /// Whether an element is left out of its own sum.
    pub exclusive: bool,
    /// Whether sums run from the end.
    pub reverse: bool,
}

impl Var {
    /// The sums of everything up to each element along `axis`: see [`CumSum`].
    ///
    /// # Errors
    /// If there is no such axis, or the dtype is neither f32 nor a 32-bit integer.
    pub fn cumsum(&self, axis: isize, exclusive: bool, reverse: bool) -> Result<Self> {
        self.apply1(CumSum { axis, exclusive, reverse }, &[])
    }
}

impl CumSum {
    /// The definition, with `add` the sum of two numbers.
    fn sums<T: Copy + Default>(&self, around: Around, input: &[T], add: impl Fn(T, T) -> T) -> Vec<T> {
        let mut output = vec![T::default(); input.len()];
        for start in around.starts() {
            let mut sum = T::default();
            for i in 0..around.len {
                let at = start + if self.reverse { around.len - 1 - i } else { i } * around.inner;
                let before = sum;
                sum = add(sum, input[at]);
                output[at] = if self.exclusive { before } else { sum };
            }
        }
        output
    }
}

impl Op for CumSum {
    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_axis(self.name(), self.axis, inputs[0])?;
        match inputs[0].dtype {
            DType::F32 | DType::I32 | DType::U32 => Ok(vec![inputs[0].clone()]),
            _ => Err(Error::unsupported(self.name(), format!("of {}; cast it first", inputs[0]))),
        }
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = inputs[0].shape();
        let around = Around::axis(shape, check_axis(self.name(), self.axis, &inputs[0].ty())?);
        Ok(vec![match inputs[0].data() {
            Data::I32(v) => Array::new(shape, self.sums(around, v, i32::wrapping_add))?,
            Data::U32(v) => Array::new(shape, self.sums(around, v, u32::wrapping_add))?,
            _ => rounded(shape, self.sums(around, &inputs[0].to_f64(), |a, b| a + b))?,
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let input = site.inputs[0];
        let Around { outer, len, inner } = Around::axis(&input.shape, check_axis(self.name(), self.axis, input)?);
        // Lines beside each other are read together; a line alone, or a few long ones, are shared by a workgroup each. A
        // software adapter pays for the barriers and gains nothing, unless its loops end too early.
        let shared = if site.device.software { len > site.device.max_turns } else { len >= 64 && (inner == 1 || outer * inner < 4096) };
        let launches = launch_rows(self.name(), site.device, outer, &[4 * (len * inner) as u64], |rows| {
            let window = site.device.window((rows.start * len * inner) as u64..(rows.end * len * inner) as u64, 4);
            let lines = rows.len() * inner;
            let params = Params { lines: u32_of(lines), columns: u32_of(len), inner: u32_of(inner), skip: window.skip };
            let launch = if shared {
                let workgroup = len.div_ceil(4).next_power_of_two().clamp(32, 256);
                let turns = len.div_ceil(4 * workgroup) * (1 + workgroup.ilog2() as usize);
                Launch::new(&SCAN, &params, lines as u64).turns(turns).constant("WORKGROUP", u32_of(workgroup))
            } else {
                Launch::new(&LINES, &params, groups(lines, WORKGROUP)).turns(len)
            };
            launch
                .header(format!("alias Scalar = {};\n", input.dtype.wgsl()))
                .constant("EXCLUSIVE", u32::from(self.exclusive))
                .constant("REVERSE", u32::from(self.reverse))
                .input_window(0, &window)
                .output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(grad.cumsum(self.axis, self.exclusive, !self.reverse)?)])
    }
}
