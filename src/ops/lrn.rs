//! lrn: local response normalisation, each element over a mean of squares of the channels around it.
//!
//! ```text
//! output[n, c, p] = input[n, c, p] / (bias + alpha / size * sum of input[n, i, p]^2) ^ beta
//! i = max(0, c - floor((size - 1) / 2)) ..= min(C - 1, c + ceil((size - 1) / 2))
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, ...) |
//! | output | as input |
//!
//! Gradient: g / b^beta less 2 alpha beta / size x times the sum, over the channels c around whose means x is in, of g x / b^(beta + 1)
//! there; b are the bracketed terms, and the sums means of windows along the channels.
//!
//! ONNX: LRN. PyTorch: `local_response_norm` (which for even sizes has the longer half before c). Krizhevsky et al., 2012.

use super::slices::nested;
use super::{Around, AvgPool2d, Candidate, Op, Site, WORKGROUP, aliases, check_dtype, check_inputs, composed, groups, launch_rows};
use super::{number, rounded, scaled, u32_of};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        count: u32,
        channels: u32,
        inner: u32,
        before: u32,
        after: u32,
        skip: u32,
        factor: f32,
        beta: f32,
        bias: f32,
    }
}

static LRN: Kernel = kernel!("lrn", Params, header: "alias Element = f32;\nalias Word = u32;\nalias Int = i32;\nalias Flag = bool;\n");
pub(super) const KERNELS: &[&Kernel] = &[&LRN];

/// Local response normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lrn {
    /// How many channels count.
    pub size: usize,
    /// The weight of their mean of squares.
    pub alpha: f32,
    /// The exponent.
    pub beta: f32,
    /// What is added to the mean.
    pub bias: f32,
}

impl Lrn {
    /// ONNX's defaults for `size` channels.
    pub const fn new(size: usize) -> Self {
        Self { size, alpha: 1e-4, beta: 0.75, bias: 1.0 }
    }

    /// The channels that count for channel `c`.
    fn around(self, c: usize, channels: usize) -> std::ops::Range<usize> {
        let first = c.saturating_sub((self.size - 1) / 2);
        first..c.saturating_add(self.size / 2).saturating_add(1).min(channels)
    }
}

impl Var {
    /// Each element over a mean of squares of the channels around it: see [`Lrn`].
    ///
    /// # Errors
    /// If there are no channels, or an attribute makes no sense.
    pub fn lrn(&self, attributes: Lrn) -> Result<Self> {
        self.apply1(attributes, &[])
    }
}

impl Op for Lrn {
    fn name(&self) -> &'static str {
        "lrn"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if inputs[0].rank() < 2 {
            return Err(Error::shape(self.name(), format!("input must be (N, C, ...), it is {}", inputs[0])));
        }
        if self.size == 0 || ![self.alpha, self.beta, self.bias].iter().all(|v| v.is_finite()) {
            return Err(Error::shape(self.name(), format!("{self:?} must have a size and finite numbers")));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let Around { len: channels, inner, .. } = Around::axis(inputs[0].shape(), 1);
        let input = inputs[0].to_f64();
        let normalised = |(at, x): (usize, &f64)| {
            let c = at / inner % channels;
            let squares: f64 = self.around(c, channels).map(|i| input[at + i * inner - c * inner].powi(2)).sum();
            x / (f64::from(self.bias) + f64::from(self.alpha) / self.size as f64 * squares).powf(f64::from(self.beta))
        };
        Ok(vec![rounded(inputs[0].shape(), input.iter().enumerate().map(normalised).collect())?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let Around { outer, len: channels, inner } = Around::axis(&site.inputs[0].shape, 1);
        let row = channels * inner;
        let launches = launch_rows(self.name(), site.device, outer, &[row as u64 * 4], |part| {
            let window = site.device.window((part.start * row) as u64..(part.end * row) as u64, 4);
            let count = part.len() * row;
            let params = Params {
                count: u32_of(count),
                channels: u32_of(channels),
                inner: u32_of(inner),
                before: u32_of(((self.size - 1) / 2).min(channels)),
                after: u32_of((self.size / 2).min(channels)),
                skip: window.skip,
                factor: self.alpha / self.size as f32,
                beta: self.beta,
                bias: self.bias,
            };
            let launch = Launch::new(&LRN, &params, groups(count, WORKGROUP)).turns(nested(&[self.size.min(channels)]));
            let launch = launch.header(aliases(DType::F32, 1));
            launch.input_window(0, &window).output_window(0, &window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| {
            let x = &inputs[0];
            let Around { outer, len: channels, inner } = Around::axis(x.shape(), 1);
            let (before, after) = (((self.size - 1) / 2).min(channels), (self.size / 2).min(channels));
            let window = AvgPool2d {
                kernel: Hw::new(before + after + 1, 1),
                stride: Hw::square(1),
                padding: Pads { top: before, bottom: after, ..Pads::default() },
                ..AvgPool2d::default()
            };
            // A window larger than the channels has more zeros in it.
            let share = (before + after + 1) as f32 / self.size as f32;
            let means = x.mul(x)?.reshape([outer, 1, channels, inner])?.avg_pool2d(window)?.reshape(x.shape())?;
            let base = scaled(&means, self.alpha * share)?.add(&number(x, self.bias)?)?;
            Ok(vec![x.div(&base.pow(&number(x, self.beta)?)?)?])
        })
    }
}
