//! A grid of N x N Gaussian filters over an image, by five numbers (section 3.2 of the paper).
//!
//! ```text
//! (x~, y~, log variance, log stride~, log gain) = W h + b
//! x = (w + 1) / 2 (x~ + 1) - 1     y = (h + 1) / 2 (y~ + 1) - 1     stride = (max(h, w) - 1) / (N - 1) exp(log stride~)
//! mu_x[i] = x + (i - (N - 1) / 2) stride,  i = 0..N-1                                              pixels are counted from 0
//! F_x[i, a] = exp(-(a - mu_x[i])^2 / (2 variance)) / sum over a of it = softmax over a of -(a - mu_x[i])^2 / (2 variance)
//! read(X) = gain F_y X F_x^T           write(P) = 1 / gain F_y^T P F_x
//! ```
//!
//! As a softmax a filter has no sum that vanishes: one that lies far outside the image sees the nearest border pixel, which is the limit
//! of the formula, where programs that divide the exponentials see nothing, or 0 / 0.

use crate::array::{Array, Hw};
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::{Affine, Fill, Layers};
use crate::ops::{concat, number, scaled};

/// Shares of a filter up to this one are 0. Without, far pixels times far pixels are numbers below the normal ones, with which a CPU
/// multiplies ten times as slowly: a step of [`Glimpses::CLUTTERED`](super::Glimpses::CLUTTERED) took twice as long on lavapipe.
const NOTHING: f32 = 1e-12;

/// How many numbers a window is made of.
const NUMBERS: usize = 5;

/// The layer that says where a window is. At first it is over the whole image, whatever comes in, its filters of this `deviation`.
pub(super) fn layer(layers: &mut Layers<'_>, name: &str, hidden: usize, deviation: f32) -> Result<Affine> {
    layers.affine(name, [hidden, NUMBERS], [Fill::Zeros, Fill::Given(&[0.0, 0.0, 2.0 * deviation.ln(), 0.0, 0.0])])
}

/// The deviation of `side` x `side` filters over all of an image that together see all of it: half a stride, and a pixel at least.
pub(super) fn seeing_all(side: usize, size: Hw) -> f32 {
    // A single filter is as wide as one of two.
    (stride(side.max(2), size) / 2.0).max(1.0)
}

/// Of a window over the whole image. A single filter has none.
fn stride(side: usize, size: Hw) -> f32 {
    if side > 1 { size.h.max(size.w).saturating_sub(1) as f32 / (side - 1) as f32 } else { 0.0 }
}

/// A window for each image of a batch.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The filters of rows, (n, 1, N, h), and of columns, (n, 1, N, w).
    rows: Var,
    columns: Var,
    /// (n, 1, 1, 1).
    log_gain: Var,
    /// Where it is, (n, 4), in pixels: x and y of its centre, the stride, and the deviation of a filter.
    pub(super) place: Var,
}

impl Window {
    /// Of `numbers` (n, 5), with `side` x `side` filters over images of `size`.
    pub(super) fn new(numbers: &Var, side: usize, size: Hw) -> Result<Self> {
        let part = |i: usize| numbers.narrow(1, i, 1);
        let centre = |i: usize, length: usize| {
            let half = (length + 1) as f32 / 2.0;
            scaled(&part(i)?, half)?.add(&number(numbers, half - 1.0)?)
        };
        let (x, y) = (centre(0, size.w)?, centre(1, size.h)?);
        let log_deviation = scaled(&part(2)?, 0.5)?;
        let stride = scaled(&part(3)?.exp()?, stride(side, size))?;
        // 1 / (root of 2 deviation), so that exponents are squares.
        let sharpness = scaled(&log_deviation.neg()?.exp()?, std::f32::consts::FRAC_1_SQRT_2)?;
        let filters = |centre: &Var, length: usize| {
            let graph = numbers.graph();
            let grid = graph.constant(Array::from_fn([1, side], |i| i as f32 - (side as f32 - 1.0) / 2.0))?;
            let pixels = graph.constant(Array::from_fn([1, 1, length], |a| a as f32))?;
            let mu = grid.mul(&stride)?.add(centre)?.unsqueeze(2)?;
            let off = pixels.sub(&mu)?.mul(&sharpness.unsqueeze(2)?)?;
            off.mul(&off)?.neg()?.softmax(-1)?.thresholded_relu(NOTHING)?.unsqueeze(1)
        };
        Ok(Self {
            rows: filters(&y, size.h)?,
            columns: filters(&x, size.w)?,
            log_gain: part(4)?.reshape([numbers.shape()[0], 1, 1, 1])?,
            place: concat(&[&x, &y, &stride, &log_deviation.exp()?], 1)?,
        })
    }

    /// What is seen of `image` (n, c, h, w): (n, c, N, N).
    pub(super) fn read(&self, image: &Var) -> Result<Var> {
        self.rows.matmul(image)?.matmul_transposed(&self.columns)?.mul(&self.log_gain.exp()?)
    }

    /// `patch` (n, c, N, N) as it lies in an image: (n, c, h, w).
    pub(super) fn write(&self, patch: &Var) -> Result<Var> {
        let patch = patch.mul(&self.log_gain.neg()?.exp()?)?;
        self.rows.swap_axes(2, 3)?.matmul(&patch)?.matmul(&self.columns)
    }
}
