//! `global_avg_pool2d` and `global_max_pool2d`: each plane's mean or largest value; `global_avg_pool`, `global_max_pool` and
//! `global_lp_pool` likewise of sequences, images and volumes.
//!
//! ```text
//! output[n, c, 0, 0] = mean or max over y, x of input[n, c, y, x]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | output | (N, C, 1, 1) |
//!
//! A NaN makes its plane's maximum NaN. Those of any rank, from (N, C, ..) to (N, C, 1, ..), are compositions: reductions along
//! all axes from the third on, in stages where there is much; the maximum also of i32.
//!
//! Gradients: of the mean the output's over the number of pixels, of the maximum shared evenly by the pixels that have it.
//!
//! ONNX: `GlobalAveragePool`, `GlobalMaxPool`, `GlobalLpPool`. PyTorch: `adaptive_avg_pool2d`, `adaptive_max_pool2d` and their
//! like with output size 1.

use super::lp_pool::norm;
use super::slices::nested;
use super::{Candidate, Op, Site, check_dtype, check_inputs, check_rank, groups, launch_rows, only_where, rounded, scaled, the_gradient};
use super::{types, u32_of};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { planes: u32, elements: u32, length: u32, input_skip: u32, output_skip: u32 }
}

const ONE_LANE: &str = "alias Lanes = f32;\nconst LANES = 1u;\nfn merged(lanes: f32) -> f32 { return lanes; }\n";
const FOUR_LANES: &str = "\
alias Lanes = vec4<f32>;
const LANES = 4u;
fn merged(lanes: vec4<f32>) -> f32 { return merge(merge(lanes.x, lanes.y), merge(lanes.z, lanes.w)); }
";
const AVERAGE: &str = "\
const IS_MAX = false;
fn merge(a: f32, b: f32) -> f32 { return a + b; }
fn merge_lanes(a: Lanes, b: Lanes) -> Lanes { return a + b; }
";
const ONE_MAX: &str = "\
const IS_MAX = true;
fn merge(a: f32, b: f32) -> f32 { return select(a, b, is_larger(b, a)); }
fn merge_lanes(a: f32, b: f32) -> f32 { return select(a, b, is_larger(b, a)); }
";
const FOUR_MAX: &str = "\
const IS_MAX = true;
fn merge(a: f32, b: f32) -> f32 { return select(a, b, is_larger(b, a)); }
fn merge_lanes(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> { return select(a, b, are_larger(b, a)); }
";
const DEFAULT: &str = "\
alias Lanes = f32;
const LANES = 1u;
fn merged(lanes: f32) -> f32 { return lanes; }
const IS_MAX = false;
fn merge(a: f32, b: f32) -> f32 { return a + b; }
fn merge_lanes(a: Lanes, b: Lanes) -> Lanes { return a + b; }
";

static GLOBAL: Kernel = kernel!("global_pool2d", Params, header: DEFAULT);
pub(super) const KERNELS: &[&Kernel] = &[&GLOBAL];

/// What becomes of a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GlobalPool2d {
    /// Its mean.
    Average,
    /// Its largest value.
    Max,
}

impl Var {
    /// The mean of each plane of (N, C, H, W), as (N, C, 1, 1).
    ///
    /// # Errors
    /// If it is not f32 of four dimensions.
    pub fn global_avg_pool2d(&self) -> Result<Self> {
        self.apply1(GlobalPool2d::Average, &[])
    }

    /// The largest value of each plane of (N, C, H, W), as (N, C, 1, 1).
    ///
    /// # Errors
    /// If it is not f32 of four dimensions.
    pub fn global_max_pool2d(&self) -> Result<Self> {
        self.apply1(GlobalPool2d::Max, &[])
    }
}

impl Var {
    /// The mean of each channel of (N, C, ..), as (N, C, 1, ..).
    ///
    /// # Errors
    /// If there are fewer than three dimensions, or it is not f32.
    pub fn global_avg_pool(&self) -> Result<Self> {
        self.reduce_mean(&spatial("global_avg_pool", self)?, true)
    }

    /// The largest value of each channel of (N, C, ..), as (N, C, 1, ..).
    ///
    /// # Errors
    /// If there are fewer than three dimensions, or it is neither f32 nor i32.
    pub fn global_max_pool(&self) -> Result<Self> {
        self.reduce_max(&spatial("global_max_pool", self)?, true)
    }

    /// The p-norm of each channel of (N, C, ..), as (N, C, 1, ..).
    ///
    /// # Errors
    /// If there are fewer than three dimensions, it is not f32, or p is not positive and finite.
    pub fn global_lp_pool(&self, p: f32) -> Result<Self> {
        let axes = spatial("global_lp_pool", self)?;
        norm("global_lp_pool", self, p, |x| x.reduce_sum(&axes, true))
    }
}

impl Op for GlobalPool2d {
    fn name(&self) -> &'static str {
        match self {
            Self::Average => "global_avg_pool2d",
            Self::Max => "global_max_pool2d",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        Ok(vec![TensorType::f32([inputs[0].shape[0], inputs[0].shape[1], 1, 1])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let output = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let shape = inputs[0].shape();
        let elements = (shape[2] * shape[3]).max(1);
        let pool = |plane: &[f32]| match self {
            Self::Average => plane.iter().map(|&v| f64::from(v)).sum::<f64>() / elements as f64,
            Self::Max => {
                plane.iter().map(|&v| f64::from(v)).fold(f64::NEG_INFINITY, |best, v| if v > best || v.is_nan() { v } else { best })
            }
        };
        Ok(vec![rounded(&output, inputs[0].values::<f32>()?.chunks_exact(elements).map(pool).collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[0].shape;
        let (planes, elements) = (shape[0] * shape[1], shape[2] * shape[3]);
        let launches = launch_rows(self.name(), site.device, planes, &[4 * elements as u64], |range| {
            let window = |size: usize| site.device.window((range.start * size) as u64..(range.end * size) as u64, 4);
            let (read, write) = (window(elements), window(1));
            let four = elements % 4 == 0 && read.skip % 4 == 0;
            let length = if four { elements / 4 } else { elements };
            // Invocations of a workgroup, and of those how many share a plane.
            let (workgroup, share) = match site.device.software {
                true => (64, if range.len() >= 64 && nested(&[length]) <= site.device.max_turns { 1 } else { 64 }),
                false => (256, if length >= 512 { 256 } else { 32 }),
            };
            let header = match (self, four) {
                (Self::Average, false) => [ONE_LANE, AVERAGE],
                (Self::Average, true) => [FOUR_LANES, AVERAGE],
                (Self::Max, false) => [ONE_LANE, ONE_MAX],
                (Self::Max, true) => [FOUR_LANES, FOUR_MAX],
            };
            let params = Params {
                planes: u32_of(range.len()),
                elements: u32_of(elements),
                length: u32_of(length),
                input_skip: read.skip,
                output_skip: write.skip,
            };
            let launch = Launch::new(&GLOBAL, &params, groups(range.len(), workgroup / share)).header(header.concat());
            let launch = launch.turns(nested(&[length.div_ceil(share as usize)])).constant("WORKGROUP", workgroup).constant("SHARE", share);
            launch.input_window(0, &read).output_window(0, &write)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let x = &inputs[0];
        Ok(vec![Some(match self {
            Self::Average => scaled(grad, 1.0 / x.shape()[2..].iter().product::<usize>() as f32)?.expand(x.shape())?,
            Self::Max => {
                let taken = x.equal(&outputs[0])?;
                only_where(&taken, &grad.div(&taken.cast(DType::F32)?.reduce_sum(&[2, 3], true)?)?)?
            }
        })])
    }
}

/// All axes but batch and channel.
fn spatial(op: &'static str, x: &Var) -> Result<Vec<isize>> {
    let rank = isize::try_from(x.shape().len()).unwrap_or(0);
    if rank < 3 {
        return Err(Error::shape(op, format!("input must be (N, C, ..), it is {}", x.ty())));
    }
    Ok((2..rank).collect())
}
