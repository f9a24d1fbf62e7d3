//! reduce: the numbers along any set of axes become one.
//!
//! ```text
//! reduce_sum      sum x            reduce_l1           sum |x|
//! reduce_mean     sum x / count    reduce_l2           sqrt(sum x^2)
//! reduce_max      the largest x    reduce_sum_square   sum x^2
//! reduce_min      the smallest x   reduce_log_sum      log(sum x)
//! reduce_prod     product of x     reduce_log_sum_exp  log(sum exp(x)), without overflow
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; f32; i32 or u32 for sum, mean, max, min, prod, l1 and `sum_square`; bool for max and min |
//! | output | the input's without the reduced axes, or with size 1 there |
//!
//! Integers wrap. Their mean is the wrapped sum over the count, cut towards zero. Of truth values, max says whether any is true, min
//! whether all are.
//!
//! The order of additions is fixed by the shape and the device. No chain of them has more than 1024: longer reductions go in
//! stages, each over the results of the one before. A sum is within `1040 * stages * eps * sum |x|`; one stage does up to 4096
//! terms along rows or 256 across them, each further one at least 64 times as many. A NaN wins in max and min, as in PyTorch.
//! Gradients: see `gradient`.
//!
//! ONNX: `ReduceSum`, `ReduceMean`, `ReduceMax`, `ReduceMin`, `ReduceProd`, `ReduceL1`, `ReduceL2`, `ReduceSumSquare`, `ReduceLogSum`,
//! `ReduceLogSumExp`. PyTorch: `sum`, `mean`, `amax`, `amin`, `prod`, `norm`, `logsumexp`, `any`, `all`.

mod gradient;
mod stages;

use super::{
    Around, BEGIN_NUMBERS, Begun, Candidate, Op, Site, Team, UNBEGUN, WORKGROUP, begin_numbers, begun, check_axis, check_inputs, groups,
    item_header, lanes, launch_rows, rounded, the_gradient, u32_of,
};
use crate::array::{Array, DType, Data, TensorType, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;
use stages::{Stage, innermost, stages};

params! {
    struct Params {
        begin: [[u32; 4]; BEGIN_NUMBERS],
        first_row: u32,
        rows: u32,
        parts: u32,
        chunk: u32,
        len: u32,
        inner: u32,
        input_start: u32,
        output_start: u32,
        identity: u32,
        count: u32,
    }
}

const HEADER: &str = "alias Scalar = i32;\n#import vec4\n#import unbegun\n";
static ROWS: Kernel = kernel!("reduce/rows", Params, header: HEADER);
static POSITIONS: Kernel = kernel!("reduce/positions", Params, header: HEADER);
pub(super) const KERNELS: &[&Kernel] = &[&ROWS, &POSITIONS];

/// What becomes of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    /// sum x
    Sum,
    /// sum x / count
    Mean,
    /// the largest x
    Max,
    /// the smallest x
    Min,
    /// product of x
    Prod,
    /// sum |x|
    L1,
    /// sqrt(sum x^2); the squares must not overflow
    L2,
    /// sum x^2
    SumSquare,
    /// log(sum x)
    LogSum,
    /// log(sum exp(x)), without overflow
    LogSumExp,
}

/// One number from those along `axes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduce {
    /// What becomes of the numbers.
    pub kind: ReduceKind,
    /// The axes that go, each from the end where negative; none means all.
    pub axes: Vec<isize>,
    /// Whether they stay with size 1.
    pub keepdims: bool,
}

macro_rules! methods {
    ($($name:ident $kind:ident $doc:literal),* $(,)?) => {
        impl Var { $(
            #[doc = $doc]
            ///
            /// # Errors
            /// If an axis does not exist or is named twice, or the dtype is not supported.
            pub fn $name(&self, axes: &[isize], keepdims: bool) -> Result<Self> {
                self.apply1(Reduce { kind: ReduceKind::$kind, axes: axes.to_vec(), keepdims }, &[])
            }
        )* }
    };
}
methods! {
    reduce_sum Sum "The sum along `axes`, all if there are none.",
    reduce_mean Mean "The mean along `axes`, all if there are none.",
    reduce_max Max "The largest element along `axes`, all if there are none.",
    reduce_min Min "The smallest element along `axes`, all if there are none.",
    reduce_prod Prod "The product along `axes`, all if there are none.",
    reduce_l1 L1 "The sum of absolute values along `axes`, all if there are none.",
    reduce_l2 L2 "The Euclidean norm along `axes`, all if there are none.",
    reduce_sum_square SumSquare "The sum of squares along `axes`, all if there are none.",
    reduce_log_sum LogSum "The logarithm of the sum along `axes`, all if there are none.",
    reduce_log_sum_exp LogSumExp "The logarithm of the sum of exponentials along `axes`, all if there are none.",
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ReduceKind::Sum => "reduce_sum",
            ReduceKind::Mean => "reduce_mean",
            ReduceKind::Max => "reduce_max",
            ReduceKind::Min => "reduce_min",
            ReduceKind::Prod => "reduce_prod",
            ReduceKind::L1 => "reduce_l1",
            ReduceKind::L2 => "reduce_l2",
            ReduceKind::SumSquare => "reduce_sum_square",
            ReduceKind::LogSum => "reduce_log_sum",
            ReduceKind::LogSumExp => "reduce_log_sum_exp",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let extremes = matches!(self.kind, ReduceKind::Max | ReduceKind::Min);
        let roots = matches!(self.kind, ReduceKind::L2 | ReduceKind::LogSum | ReduceKind::LogSumExp);
        match inputs[0].dtype {
            DType::F32 => {}
            DType::I32 | DType::U32 if !roots => {}
            DType::Bool if extremes => {}
            _ => return Err(Error::unsupported(self.name(), format!("of {}; cast it first", inputs[0]))),
        }
        let reduced = self.reduced(inputs[0])?;
        let sizes = inputs[0].shape.iter().zip(reduced);
        let shape: Vec<usize> = sizes.filter_map(|(&d, gone)| if !gone { Some(d) } else { self.keepdims.then_some(1) }).collect();
        let output = TensorType::new(inputs[0].dtype, shape);
        let count = inputs[0].elements() / output.elements().max(1);
        if self.kind == ReduceKind::Mean && output.dtype == DType::I32 && i32::try_from(count).is_err() {
            return Err(Error::unsupported(self.name(), format!("of {}: i32 does not count that many", inputs[0])));
        }
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let ty = inputs[0].ty();
        let output = self.infer(&[&ty])?.remove(0);
        let reduced = self.reduced(&ty)?;
        let (kept, along) = (offsets(&ty.shape, |d| !reduced[d]), offsets(&ty.shape, |d| reduced[d]));
        let each = |x: &dyn Fn(usize) -> i64| {
            kept.iter().map(|start| self.integer(&along.iter().map(|a| x(start + a)).collect::<Vec<_>>(), ty.dtype)).collect::<Vec<_>>()
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the wrapping is the point")]
        match inputs[0].data() {
            Data::I32(x) => {
                let values = each(&|i| i64::from(x[i])).into_iter().map(|v| v as i32);
                return Ok(vec![Array::new(output.shape, values.collect::<Vec<_>>())?]);
            }
            Data::U32(x) => {
                let values = each(&|i| i64::from(x[i])).into_iter().map(|v| v as u32);
                return Ok(vec![Array::new(output.shape, values.collect::<Vec<_>>())?]);
            }
            Data::Bool(x) => {
                let values = each(&|i| i64::from(x[i])).into_iter().map(|v| v != 0);
                return Ok(vec![Array::new(output.shape, values.collect::<Vec<_>>())?]);
            }
            Data::F32(_) | Data::F16(_) | Data::F64(_) => {}
        }
        let input = inputs[0].to_f64();
        let values = kept.iter().map(|start| self.float(&|k| input[start + along[k]], along.len()));
        Ok(vec![rounded(&output.shape, values.collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let reduced = self.reduced(site.inputs[0])?;
        let shape = &site.inputs[0].shape;
        let begun = site.begin.map(|begin| begin.along(innermost(shape, &reduced)?));
        if let Some(None) = begun {
            return Ok(Vec::new());
        }
        let stages = stages(shape, &reduced, site.device);
        let last = stages.len() - 1;
        let mut candidate = Candidate::default();
        for (number, stage) in stages.iter().enumerate() {
            let input = if number == 0 { Slot::Input(0) } else { Slot::Scratch(number - 1) };
            let output = if number == last { Slot::Output(0) } else { Slot::Scratch(number) };
            let (convert, combine, finish) = self.steps();
            let steps = (if number == 0 { convert } else { 0 }, combine, if number == last { finish } else { 0 });
            let begun = begun.as_ref().and_then(Option::as_ref).filter(|_| number == 0);
            candidate.launches.extend(self.stage(site, stage, steps, begun, [input, output])?);
            if number != last {
                candidate.scratch.push((stage.around.outer * stage.parts * stage.around.inner * 4) as u64);
            }
        }
        Ok(vec![candidate])
    }

    fn begins(&self) -> bool {
        true
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        self.by_input(&inputs[0], &outputs[0], the_gradient(self.name(), output_grads)?)
    }
}

impl Reduce {
    /// Which of the dimensions go.
    fn reduced(&self, ty: &TensorType) -> Result<Vec<bool>> {
        let mut reduced = vec![self.axes.is_empty(); ty.rank()];
        for &axis in &self.axes {
            let dimension = check_axis(self.name(), axis, ty)?;
            if std::mem::replace(&mut reduced[dimension], true) {
                return Err(Error::shape(self.name(), format!("axes {:?} of {ty} name dimension {dimension} twice", self.axes)));
            }
        }
        Ok(reduced)
    }

    fn float(&self, x: &dyn Fn(usize) -> f64, count: usize) -> f64 {
        let all = || (0..count).map(x);
        let extreme = |better: fn(f64, f64) -> f64| all().reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { better(a, b) });
        match self.kind {
            ReduceKind::Sum => all().sum(),
            ReduceKind::Mean => all().sum::<f64>() / count as f64,
            ReduceKind::Max => extreme(f64::max).unwrap_or(f64::NEG_INFINITY),
            ReduceKind::Min => extreme(f64::min).unwrap_or(f64::INFINITY),
            ReduceKind::Prod => all().product(),
            ReduceKind::L1 => all().map(f64::abs).sum(),
            ReduceKind::L2 => all().map(|x| x * x).sum::<f64>().sqrt(),
            ReduceKind::SumSquare => all().map(|x| x * x).sum(),
            ReduceKind::LogSum => all().sum::<f64>().ln(),
            ReduceKind::LogSumExp => {
                let largest = all().fold(f64::NEG_INFINITY, f64::max);
                let shift = if largest.is_finite() { largest } else { 0.0 };
                shift + all().map(|x| (x - shift).exp()).sum::<f64>().ln()
            }
        }
    }

    /// What integers become, right modulo 2^32.
    fn integer(&self, values: &[i64], dtype: DType) -> i64 {
        let all = values.iter().copied();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the wrapping is the point")]
        let wrapped = |sum: i64| if dtype == DType::I32 { i64::from(sum as i32) } else { i64::from(sum as u32) };
        match self.kind {
            ReduceKind::Max => all.max().unwrap_or(i64::MIN),
            ReduceKind::Min => all.min().unwrap_or(i64::MAX),
            ReduceKind::Prod => all.fold(1, i64::wrapping_mul),
            ReduceKind::Mean => wrapped(all.fold(0, i64::wrapping_add)) / (values.len() as i64).max(1),
            ReduceKind::L1 => all.map(i64::abs).fold(0, i64::wrapping_add),
            ReduceKind::SumSquare => all.fold(0, |sum, x| sum.wrapping_add(x.wrapping_mul(x))),
            _ => all.fold(0, i64::wrapping_add),
        }
    }

    /// `CONVERT`, `COMBINE` and `FINISH` of the shaders.
    fn steps(&self) -> (u32, u32, u32) {
        match self.kind {
            ReduceKind::Sum => (0, 0, 0),
            ReduceKind::Mean => (0, 0, 1),
            ReduceKind::Max => (0, 2, 0),
            ReduceKind::Min => (0, 3, 0),
            ReduceKind::Prod => (0, 1, 0),
            ReduceKind::L1 => (1, 0, 0),
            ReduceKind::L2 => (2, 0, 2),
            ReduceKind::SumSquare => (2, 0, 0),
            ReduceKind::LogSum => (0, 0, 3),
            ReduceKind::LogSumExp => (0, 4, 0),
        }
    }

    /// Bits of the number that changes no other.
    fn identity(&self, dtype: DType) -> u32 {
        let of = |float: f32, signed: i32, unsigned: u32| match dtype {
            DType::F32 => float.to_bits(),
            DType::I32 => signed.cast_unsigned(),
            _ => unsigned,
        };
        match self.kind {
            ReduceKind::Max | ReduceKind::LogSumExp => of(f32::NEG_INFINITY, i32::MIN, 0),
            ReduceKind::Min => of(f32::INFINITY, i32::MAX, u32::MAX),
            ReduceKind::Prod => of(1.0, 1, 1),
            _ => 0,
        }
    }

    fn stage(
        &self,
        site: &Site<'_>,
        stage: &Stage,
        steps: (u32, u32, u32),
        beginning: Option<&Begun<'_>>,
        [input, output]: [Slot; 2],
    ) -> Result<Vec<Launch>> {
        let Stage { around: Around { outer, len, inner }, chunk, parts } = *stage;
        let dtype = site.inputs[0].dtype;
        let rowwise = inner == 1;
        let lanes = beginning.map_or_else(|| lanes(if rowwise { len } else { inner }), |begun| begun.lanes);
        // Of the sizes along and beside the axis, one is counted in items.
        let (along, beside) = if rowwise { (lanes, 1) } else { (1, lanes) };
        let count = site.inputs[0].elements() / site.outputs[0].elements();
        let bytes = [(chunk * inner * 4) as u64, (inner * 4) as u64];
        launch_rows(self.name(), site.device, outer * parts, &bytes, |rows| {
            let from = |row: usize| ((row / parts * len + row % parts * chunk) * inner) as u64;
            let to = |row: usize| (row * inner) as u64;
            let read = site.device.window(from(rows.start)..from(rows.end), 4);
            let write = site.device.window(to(rows.start)..to(rows.end), 4);
            let params = Params {
                begin: begin_numbers(beginning),
                first_row: u32_of(rows.start),
                rows: u32_of(rows.len()),
                parts: u32_of(parts),
                chunk: u32_of(chunk / along),
                len: u32_of(len / along),
                inner: u32_of(inner / beside),
                input_start: u32::try_from(read.bytes.start / (4 * lanes as u64)).unwrap_or(u32::MAX),
                output_start: u32::try_from(write.bytes.start / (4 * beside as u64)).unwrap_or(u32::MAX),
                identity: self.identity(dtype),
                count: u32_of(count),
            };
            let launch = if rowwise {
                let team = Team::of(site.device, rows.len(), chunk / lanes);
                team.set(Launch::new(&ROWS, &params, team.groups(rows.len())), 1)
            } else {
                Launch::new(&POSITIONS, &params, groups(rows.len() * inner / lanes, WORKGROUP)).turns(chunk)
            };
            let launch = launch
                .header(item_header(dtype, lanes))
                .constant("FLOAT", u32::from(dtype == DType::F32))
                .constant("CONVERT", steps.0)
                .constant("COMBINE", steps.1)
                .constant("FINISH", steps.2)
                .bind(output, true, Some(write.bytes));
            match beginning {
                Some(beginning) => begun(launch, beginning),
                None => launch.header(UNBEGUN).bind(input, false, Some(read.bytes)),
            }
        })
    }
}

/// The offset of every position in the dimensions that `of` chooses, in row-major order.
fn offsets(shape: &[usize], of: impl Fn(usize) -> bool) -> Vec<usize> {
    let steps = strides(shape);
    (0..shape.len()).filter(|&d| of(d)).fold(vec![0], |all, d| {
        all.iter().flat_map(|start| (0..shape[d]).map(move |k| (start, k))).map(|(start, k)| start + k * steps[d]).collect()
    })
}
