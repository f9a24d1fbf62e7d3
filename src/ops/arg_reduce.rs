//! argmax and argmin: where along one axis the largest or smallest element is.
//!
//! ```text
//! output[o, i] = the k for which input[o, k, i] is largest (argmax) or smallest (argmin)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any of rank 1 or more, f32, i32 or u32; k runs along `axis`, o and i along the dimensions before and after it |
//! | output | i32: the input's without `axis`, or with size 1 there |
//!
//! Of equal elements the first wins, or the last where asked for; 0 and -0 are equal. A NaN wins over every number, as in PyTorch.
//!
//! ONNX: `ArgMax`, `ArgMin`. PyTorch: `argmax`, `argmin`.

use super::{Around, Candidate, Op, Resize, Site, Team, UpsampleArgmax, WORKGROUP, as_op, check_axis, check_inputs, groups, item_header};
use super::{lanes, launch_rows, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;
use std::sync::Arc;

params! {
    struct Params {
        rows: u32,
        columns: u32,
        inner: u32,
        input_skip: u32,
        output_skip: u32,
    }
}

const HEADER: &str = "alias Scalar = u32;\n#import vec4\n";
static ROWS: Kernel = kernel!("arg_reduce/rows", Params, header: HEADER);
static POSITIONS: Kernel = kernel!("arg_reduce/positions", Params, header: HEADER);
pub(super) const KERNELS: &[&Kernel] = &[&ROWS, &POSITIONS];

/// Which element to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// The largest.
    Max,
    /// The smallest.
    Min,
}

/// Where along an axis an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgReduce {
    /// Which element to look for.
    pub kind: ArgKind,
    /// The axis to look along; from the end where negative.
    pub axis: isize,
    /// Whether the axis stays with size 1.
    pub keepdims: bool,
    /// The last of equal elements instead of the first.
    pub select_last_index: bool,
}

impl Var {
    /// Where along `axis` the largest element is: the first of equal ones, or the last with `select_last_index`.
    ///
    /// # Errors
    /// If there is no such axis, or the dtype is not f32, i32 or u32.
    pub fn argmax(&self, axis: isize, keepdims: bool, select_last_index: bool) -> Result<Self> {
        self.apply1(ArgReduce { kind: ArgKind::Max, axis, keepdims, select_last_index }, &[])
    }

    /// Where along `axis` the smallest element is: the first of equal ones, or the last with `select_last_index`.
    ///
    /// # Errors
    /// If there is no such axis, or the dtype is not f32, i32 or u32.
    pub fn argmin(&self, axis: isize, keepdims: bool, select_last_index: bool) -> Result<Self> {
        self.apply1(ArgReduce { kind: ArgKind::Min, axis, keepdims, select_last_index }, &[])
    }
}

impl Op for ArgReduce {
    fn name(&self) -> &'static str {
        match self.kind {
            ArgKind::Max => "argmax",
            ArgKind::Min => "argmin",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        if !matches!(inputs[0].dtype, DType::F32 | DType::I32 | DType::U32) {
            return Err(Error::unsupported(self.name(), format!("of {}; cast it first", inputs[0])));
        }
        let axis = check_axis(self.name(), self.axis, inputs[0])?;
        let mut shape = inputs[0].shape.clone();
        if i32::try_from(shape[axis]).is_err() {
            return Err(Error::unsupported(self.name(), format!("axis {axis} of {} is longer than an i32 counts", inputs[0])));
        }
        if self.keepdims {
            shape[axis] = 1;
        } else {
            shape.remove(axis);
        }
        Ok(vec![TensorType::new(DType::I32, shape)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let ty = inputs[0].ty();
        let around = Around::axis(&ty.shape, check_axis(self.name(), self.axis, &ty)?);
        let output = self.infer(&[&ty])?.remove(0);
        let input = inputs[0].to_f64();
        let found = around.starts().map(|start| {
            let at = |k: usize| input[start + k * around.inner];
            let best = (1..around.len).fold(0, |best, k| if self.better(at(k), at(best)) { k } else { best });
            i32::try_from(best).unwrap_or(i32::MAX)
        });
        Ok(vec![Array::new(output.shape, found.collect::<Vec<i32>>())?])
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
        let bytes = [(len * inner * 4) as u64, (inner * 4) as u64];
        let launches = launch_rows(self.name(), site.device, outer, &bytes, |part| {
            let window = |size: usize| site.device.window((part.start * size) as u64..(part.end * size) as u64, 4);
            let (read, write) = (window(len * inner), window(inner));
            let rows = part.len() * inner;
            let mut params = Params {
                rows: u32_of(rows),
                columns: u32_of(len),
                inner: u32_of(inner),
                input_skip: read.skip / u32_of(lanes),
                output_skip: write.skip,
            };
            let launch = if rowwise {
                params.columns = u32_of(len / lanes);
                let team = Team::of(site.device, rows, len / lanes);
                team.set(Launch::new(&ROWS, &params, team.groups(rows)), 1)
            } else {
                params.rows = u32_of(rows / lanes);
                params.inner = u32_of(inner / lanes);
                params.output_skip /= u32_of(lanes);
                Launch::new(&POSITIONS, &params, groups(rows / lanes, WORKGROUP)).turns(len)
            };
            launch
                .header(item_header(DType::U32, lanes))
                .constant("FLOAT", u32::from(site.inputs[0].dtype == DType::F32))
                .constant("UNSIGNED", u32::from(site.inputs[0].dtype == DType::U32))
                .constant("SMALLEST", u32::from(self.kind == ArgKind::Min))
                .constant("LAST", u32::from(self.select_last_index))
                .input_window(0, &read)
                .output_window(0, &write)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    /// Scores of classes need not lie there enlarged.
    fn absorb(&self, _: usize, maker: &dyn Op, made: &TensorType) -> Option<Arc<dyn Op>> {
        let resize: &Resize = as_op(maker)?;
        let Self { kind, axis, keepdims, select_last_index } = *self;
        let classes = kind == ArgKind::Max && check_axis(self.name(), axis, made).ok()? == 1;
        classes.then(|| Arc::new(UpsampleArgmax { resize: *resize, keepdims, select_last_index }) as Arc<dyn Op>)
    }
}

impl ArgReduce {
    /// Whether a later element takes the place of the best before it.
    fn better(self, later: f64, best: f64) -> bool {
        if later.is_nan() || best.is_nan() {
            return later.is_nan() && (self.select_last_index || !best.is_nan());
        }
        let further = match self.kind {
            ArgKind::Max => later > best,
            ArgKind::Min => later < best,
        };
        further || (self.select_last_index && later == best)
    }
}
