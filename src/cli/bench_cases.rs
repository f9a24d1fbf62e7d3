//! The rows of `benches/cases.json` as graphs, with the work that each does.

use super::bench_networks::network;
use clap::Args;
use foveate::array::{Array, DType, Dhw, Hw, Pads, Pads3, elements};
use foveate::graph::{Graph, Var};
use foveate::ops::{
    AffineGrid, AffineSample, Attention, BatchNorm, Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d, Coordinates, GridSample, LayerNorm,
    Lstm, MaxPool2d, MaxUnpool2d, PaddingMode, RecurrentInputs, Resize, ResizeMode, SampleMode,
};
use foveate::{Error, Result};
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;

const BUILT_IN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cases.json"));

/// Which rows.
#[derive(Debug, Args)]
pub(super) struct CaseArgs {
    /// The rows to run; the built-in ones if not given
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

impl CaseArgs {
    /// # Errors
    /// If the file cannot be read, is not one of rows, or none of them is meant.
    pub(super) fn read(&self) -> Result<Vec<Case>> {
        let (name, text) = match &self.cases {
            Some(path) => (path.display().to_string(), std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?),
            None => ("the built-in cases".to_owned(), BUILT_IN.to_owned()),
        };
        let mut cases: Vec<Case> = serde_json::from_str(&text).map_err(|e| Error::model(name.clone(), e.to_string()))?;
        cases.retain(|c| c.name.contains(&self.only));
        if cases.is_empty() {
            return Err(Error::model(name, format!("has no row whose name contains '{}'", self.only)));
        }
        Ok(cases)
    }
}

/// One row; which fields it has depends on its operator.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Case {
    pub(super) name: String,
    op: String,
    input: Vec<usize>,
    weight: Vec<usize>,
    bias: bool,
    stride: Vec<usize>,
    padding: Vec<usize>,
    output_padding: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
    grid: Vec<usize>,
    theta: Vec<usize>,
    size: Vec<usize>,
    mode: String,
    padding_mode: String,
    align_corners: bool,
    query: Vec<usize>,
    key: Vec<usize>,
    value: Vec<usize>,
    causal: bool,
    features: Vec<usize>,
    projected: Vec<usize>,
    query_weight: Vec<usize>,
    score: Vec<usize>,
    axis: isize,
    a: Vec<usize>,
    b: Vec<usize>,
    kernel: Vec<usize>,
    network: String,
    hidden: usize,
    indices: bool,
    backward: bool,
}

/// A row ready to compile.
pub(super) struct Built {
    pub(super) outputs: Vec<Var>,
    /// Useful products and sums; 0 for operators that only move data.
    pub(super) flops: f64,
    /// Bytes of inputs and outputs, each once.
    pub(super) bytes: f64,
}

impl Case {
    /// The graph of this row.
    ///
    /// # Errors
    /// If the row's operator does not exist yet, or refuses the row.
    pub(super) fn build(&self) -> Result<Built> {
        let tensors = Tensors { graph: Graph::new(), bytes: Cell::new(0), made: RefCell::default() };
        let (mut outputs, mut flops) = self.outputs(&tensors)?;
        if self.backward {
            // The output, and from a gradient of it those of all inputs: each takes as much as the way forward.
            let inputs: Vec<Var> = tensors.made.borrow().iter().filter(|v| v.dtype() == DType::F32).cloned().collect();
            let first = outputs.first().ok_or_else(|| Error::shape("bench", "there is no output"))?;
            let loss = first.mul(&tensors.random(first.shape())?)?.reduce_sum(&[], false)?;
            outputs.extend(loss.gradient(&inputs.iter().collect::<Vec<_>>())?);
            flops *= 3;
        }
        let written: u64 = outputs.iter().map(|o| o.ty().device_bytes()).sum();
        Ok(Built { outputs, flops: flops as f64, bytes: (tensors.bytes.get() + written) as f64 })
    }

    fn outputs(&self, t: &Tensors) -> Result<(Vec<Var>, usize)> {
        let one = |var: Var, flops: usize| Ok((vec![var], flops));
        match self.op.as_str() {
            "conv2d" => {
                let (x, w) = (t.random(&self.input)?, t.random(&self.weight)?);
                let bias = if self.bias { Some(t.random(&self.weight[..1])?) } else { None };
                let (stride, dilation) = (hw(&self.stride)?, hw(&self.dilation)?);
                let y = x.conv2d(&w, bias.as_ref(), Conv2d { stride, padding: pads(&self.padding)?, dilation, groups: self.groups })?;
                let flops = 2 * elements(y.shape()) * elements(&self.weight[1..]);
                one(y, flops)
            }
            "conv_transpose2d" => {
                let (x, w) = (t.random(&self.input)?, t.random(&self.weight)?);
                let attributes = ConvTranspose2d {
                    stride: hw(&self.stride)?,
                    padding: pads(&self.padding)?,
                    output_padding: hw(&self.output_padding)?,
                    dilation: hw(&self.dilation)?,
                    groups: self.groups,
                };
                one(x.conv_transpose2d(&w, None, attributes)?, 2 * elements(&self.input) * elements(&self.weight[1..]))
            }
            "conv3d" => {
                let (x, w) = (t.random(&self.input)?, t.random(&self.weight)?);
                let (stride, dilation, padding) = (dhw(&self.stride)?, dhw(&self.dilation)?, pads3(&self.padding)?);
                let y = x.conv3d(&w, None, Conv3d { stride, padding, dilation, groups: self.groups })?;
                let flops = 2 * elements(y.shape()) * elements(&self.weight[1..]);
                one(y, flops)
            }
            "conv_transpose3d" => {
                let (x, w) = (t.random(&self.input)?, t.random(&self.weight)?);
                let attributes = ConvTranspose3d {
                    stride: dhw(&self.stride)?,
                    padding: pads3(&self.padding)?,
                    output_padding: dhw(&self.output_padding)?,
                    dilation: dhw(&self.dilation)?,
                    groups: self.groups,
                };
                one(x.conv_transpose3d(&w, None, attributes)?, 2 * elements(&self.input) * elements(&self.weight[1..]))
            }
            "grid_sample" => {
                let (x, grid) = (t.random(&self.input)?, t.random(&self.grid)?);
                one(x.grid_sample(&grid, self.sampling()?)?, 0)
            }
            "affine_grid" => {
                let size = hw(self.size.get(2..).unwrap_or_default())?;
                one(t.theta(self.theta[0])?.affine_grid(AffineGrid { size, align_corners: self.align_corners })?, 0)
            }
            "affine_sample" => {
                let (x, theta) = (t.random(&self.input)?, t.theta(self.theta[0])?);
                let size = hw(self.size.get(2..).unwrap_or_default())?;
                let sample = GridSample { align_corners: self.align_corners, ..GridSample::default() };
                one(x.affine_sample(&theta, AffineSample { size, sample })?, 0)
            }
            "attention" => {
                let (q, k, v) = (t.random(&self.query)?, t.random(&self.key)?, t.random(&self.value)?);
                let pairs = elements(&self.query[..3]) * self.key[2] / if self.causal { 2 } else { 1 };
                let flops = 2 * pairs * (self.query[3] + self.value[3]);
                one(q.attention(&k, &v, None, Attention { causal: self.causal, ..Attention::default() })?, flops)
            }
            "additive_attention" => {
                let (features, projected) = (t.random(&self.features)?, t.random(&self.projected)?);
                let (query, weight) = (t.random(&self.query)?, t.random(&self.query_weight)?);
                let (context, alpha) = features.additive_attention(&projected, &query.matmul(&weight)?, &t.random(&self.score)?, None)?;
                // The projection, a sum and a product per projected value, the weighted sum.
                let flops = 2 * elements(&self.query) * self.query_weight[1] + 3 * elements(&self.projected) + 2 * elements(&self.features);
                Ok((vec![context, alpha], flops))
            }
            "softmax" => one(t.random(&self.input)?.softmax(self.axis)?, 0),
            "matmul" => {
                let y = t.random(&self.a)?.matmul(&t.random(&self.b)?)?;
                let flops = 2 * elements(y.shape()) * self.a.last().copied().unwrap_or(0);
                one(y, flops)
            }
            "max_pool2d" => {
                let attributes = MaxPool2d { kernel: hw(&self.kernel)?, stride: hw(&self.stride)?, ..MaxPool2d::default() };
                let x = t.random(&self.input)?;
                if !self.indices {
                    return one(x.max_pool2d(attributes)?, 0);
                }
                let (y, indices) = x.max_pool2d_with_indices(attributes)?;
                Ok((vec![y, indices], 0))
            }
            "max_unpool2d" => self.unpool(t),
            "batch_norm" => {
                let c = &self.input[1..2];
                let [scale, bias, mean, variance] = [t.random(c)?, t.random(c)?, t.random(c)?, t.positive(c)?];
                one(t.random(&self.input)?.batch_norm(&scale, &bias, &mean, &variance, BatchNorm::default())?, 0)
            }
            "batch_norm_training" => {
                let c = &self.input[1..2];
                let (x, [scale, bias, mean, variance]) =
                    (t.random(&self.input)?, [t.random(c)?, t.random(c)?, t.random(c)?, t.positive(c)?]);
                Ok((x.batch_norm_training(&scale, &bias, &mean, &variance, 0.9, BatchNorm::default())?.to_vec(), 0))
            }
            "layer_norm" => {
                let last = self.input.last().copied().unwrap_or(1);
                let (scale, bias) = (t.random(&[last])?, t.random(&[last])?);
                one(t.random(&self.input)?.layer_norm(Some(&scale), Some(&bias), LayerNorm::default())?, 0)
            }
            "resize" => {
                let mode = match self.mode.as_str() {
                    "bilinear" => ResizeMode::Bilinear,
                    "bicubic" => ResizeMode::Bicubic,
                    "nearest" => ResizeMode::Nearest,
                    other => return Err(Error::unsupported("bench", format!("resize mode '{other}'"))),
                };
                let coordinates = if self.align_corners { Coordinates::AlignCorners } else { Coordinates::HalfPixel };
                one(t.random(&self.input)?.resize(Resize { mode, coordinates, ..Resize::to(hw(&self.size)?) })?, 0)
            }
            "reduce_sum" => one(t.random(&self.input)?.reduce_sum(&[self.axis], false)?, 0),
            "relu" => one(t.random(&self.input)?.relu()?, 0),
            "lstm_cell" | "lstm" => self.lstm(t),
            "network" => {
                let (output, flops) = network(&self.network, &t.random(&self.input)?, |shape| noise(shape, -1.0))?;
                one(output, flops)
            }
            other => Err(Error::unsupported("bench", format!("there is no operator '{other}' yet"))),
        }
    }

    /// A layer over a sequence (T, B, I), or one step over (B, I).
    fn lstm(&self, t: &Tensors) -> Result<(Vec<Var>, usize)> {
        let (steps, batch, inputs) = match self.input[..] {
            [batch, inputs] => (1, batch, inputs),
            [steps, batch, inputs] => (steps, batch, inputs),
            _ => return Err(Error::shape("bench", format!("an lstm takes (T, B, I) or (B, I), not {:?}", self.input))),
        };
        let gates = 4 * self.hidden;
        let x = t.random(&[steps, batch, inputs])?;
        let [w, r, b] = [&[1, gates, inputs][..], &[1, gates, self.hidden], &[1, 2 * gates]].map(|shape| t.random(shape));
        let (b, state) = (b?, [1, batch, self.hidden]);
        let (h, c) = if self.op == "lstm_cell" { (Some(t.random(&state)?), Some(t.random(&state)?)) } else { (None, None) };
        let others = RecurrentInputs { b: Some(&b), initial_h: h.as_ref(), initial_c: c.as_ref(), ..RecurrentInputs::default() };
        let (y, h, c) = x.lstm(&w?, &r?, others, &Lstm::default())?;
        Ok((vec![y, h, c], 2 * steps * batch * gates * (inputs + self.hidden)))
    }

    /// Every input goes to the first place of its window.
    fn unpool(&self, t: &Tensors) -> Result<(Vec<Var>, usize)> {
        let (kernel, stride) = (hw(&self.kernel)?, hw(&self.stride)?);
        let [_, _, h, w] = self.input[..] else {
            return Err(Error::shape("bench", format!("an unpooled input is (n, c, h, w), not {:?}", self.input)));
        };
        let row = (w - 1) * stride.w + kernel.w;
        let indices = Array::from_fn(self.input.clone(), |i| i32::try_from(i / w % h * stride.h * row + i % w * stride.w).unwrap_or(0));
        let attributes = MaxUnpool2d { kernel, stride, ..MaxUnpool2d::default() };
        Ok((vec![t.random(&self.input)?.max_unpool2d(&t.add(indices)?, attributes)?], 0))
    }

    fn sampling(&self) -> Result<GridSample> {
        let unknown = |what: &str, value: &str| Error::unsupported("bench", format!("{what} '{value}'"));
        let mode = match self.mode.as_str() {
            "bilinear" => SampleMode::Bilinear,
            "nearest" => SampleMode::Nearest,
            "bicubic" => SampleMode::Bicubic,
            other => return Err(unknown("mode", other)),
        };
        let padding = match self.padding_mode.as_str() {
            "zeros" => PaddingMode::Zeros,
            "border" => PaddingMode::Border,
            "reflection" => PaddingMode::Reflection,
            other => return Err(unknown("padding mode", other)),
        };
        Ok(GridSample { mode, padding, align_corners: self.align_corners })
    }
}

/// The row's inputs: parameters, so that they are uploaded once.
struct Tensors {
    graph: Graph,
    bytes: Cell<u64>,
    made: RefCell<Vec<Var>>,
}

impl Tensors {
    fn add(&self, array: Array) -> Result<Var> {
        self.bytes.set(self.bytes.get() + array.ty().device_bytes());
        let var = self.graph.parameter(array)?;
        self.made.borrow_mut().push(var.clone());
        Ok(var)
    }

    /// Values in -1..1, cheap to make and the same in every run.
    fn random(&self, shape: &[usize]) -> Result<Var> {
        self.add(noise(shape, -1.0))
    }

    /// Values in 0..2.
    fn positive(&self, shape: &[usize]) -> Result<Var> {
        self.add(noise(shape, 0.0))
    }

    /// Rotations by 0.1.
    fn theta(&self, n: usize) -> Result<Var> {
        let (sin, cos) = 0.1f32.sin_cos();
        let rotation = [cos, -sin, 0.05, sin, cos, -0.05];
        self.add(Array::from_fn([n, 2, 3], |i| rotation[i % 6]))
    }
}

fn noise(shape: &[usize], from: f32) -> Array {
    let mut state = 1u32;
    Array::from_fn(shape, |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        from + (state >> 8) as f32 / (1 << 23) as f32
    })
}

fn hw(values: &[usize]) -> Result<Hw> {
    match *values {
        [h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("bench", format!("expected a height and a width, got {values:?}"))),
    }
}

/// Top, left, bottom, right.
fn pads(values: &[usize]) -> Result<Pads> {
    match *values {
        [top, left, bottom, right] => Ok(Pads { top, left, bottom, right }),
        _ => Err(Error::shape("bench", format!("expected four paddings, got {values:?}"))),
    }
}

fn dhw(values: &[usize]) -> Result<Dhw> {
    match *values {
        [d, h, w] => Ok(Dhw::new(d, h, w)),
        _ => Err(Error::shape("bench", format!("expected a depth, a height and a width, got {values:?}"))),
    }
}

/// Front, top, left, back, bottom, right.
fn pads3(values: &[usize]) -> Result<Pads3> {
    match *values {
        [front, top, left, back, bottom, right] => Ok(Pads3 { front, top, left, back, bottom, right }),
        _ => Err(Error::shape("bench", format!("expected six paddings, got {values:?}"))),
    }
}
