//! Attention that looks at one place, drawn by chance: what teaches it where to look.
//!
//! A draw has no gradient, but the expectation over all draws has one, which a draw estimates (Williams 1992; Xu et al. 2015, section
//! 4.1): with trajectories s of places, R(s) = log p(y | s) and any b that does not depend on s,
//!
//! ```text
//! d/dw sum over s of p(s) R(s) = E[dR(s)/dw + (R(s) - b) d log p(s)/dw]
//! ```
//!
//! The first term is the gradient of the usual loss, -R, given the draw. The second one is that of [`reinforce`], -(R - b) log p(s)
//! with R - b taken as given. A baseline b near the mean of R keeps the estimate's mean and takes most of its variance;
//! [`moving_average`] is the published one.
//!
//! A draw cannot change what came before it. So where R is a sum over steps, each draw may be held to the part from its own step on, the
//! reward to go, with a baseline for each step: the mean stays, and mostly the variance is less.
//!
//! ```
//! use foveate::array::TensorType;
//! use foveate::graph::Graph;
//! use foveate::nn::loss::{Reinforce, moving_average, reinforce};
//!
//! # fn main() -> foveate::Result<()> {
//! let graph = Graph::new();
//! let log_likelihood = graph.input("log p(y | s)", TensorType::f32([8]))?;
//! let log_probability = graph.input("log p(s)", TensorType::f32([8]))?;
//! let baseline = moving_average("baseline", &log_likelihood, 0.9)?;
//! let term = reinforce(&log_likelihood, &log_probability, None, &baseline, Reinforce::default())?;
//! let loss = term.sub(&log_likelihood.reduce_mean(&[], false)?)?;
//! assert_eq!(loss.gradient(&[&log_probability])?[0].shape(), [8]);
//! # Ok(())
//! # }
//! ```

use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::scaled;

/// How much the terms count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reinforce {
    /// `lambda_r`, the weight of the reward; 1 is the estimator itself.
    pub reward: f32,
    /// `lambda_e`, the weight of the entropy, which keeps the draws from settling too early. Below 0 it makes them settle.
    pub entropy: f32,
}

impl Default for Reinforce {
    /// The constants of the code that Xu et al. published.
    fn default() -> Self {
        Self { reward: 0.1, entropy: 0.002 }
    }
}

/// What has, made small, the expected reward made large: the mean over examples of `lambda_r` times the reward's term and `lambda_e`
/// times that of the entropy.
///
/// ```text
/// loss           = -mean over b of (lambda_r (R[b] - baseline) log p(s)[b] + lambda_e H[b])      R - baseline has no gradient
/// its gradient   = -mean over b of (lambda_r (R[b] - baseline) d log p(s)[b] + lambda_e dH[b])
/// ```
///
/// Rewards to go, (B, T), meet the log probabilities (B, T) of the draws of each step, and what they make is summed over steps.
///
/// | tensor | shape |
/// |---|---|
/// | `log_likelihood` | (B): R, log p(y \| s) of the whole answer given the draws; or (B, T): of what is left of it from each step on |
/// | `log_probability` | (B): log p(s), the sum over steps of those of the draws; or (B, T): those of the draws |
/// | `entropy` | (B): H, the sum over steps of [`entropy`]s, if it counts |
/// | `baseline` | one number; or (T): of each step |
///
/// # Errors
/// If the shapes are others or not f32.
pub fn reinforce(log_likelihood: &Var, log_probability: &Var, entropy: Option<&Var>, baseline: &Var, weights: Reinforce) -> Result<Var> {
    let shape = log_likelihood.shape();
    let is = |v: &Var, shape: &[usize]| v.dtype() == DType::F32 && v.shape() == shape;
    let known = matches!(shape.len(), 1 | 2) && is(log_likelihood, shape) && is(log_probability, shape);
    if !known || !entropy.is_none_or(|v| is(v, &shape[..1])) {
        let types = [Some(log_likelihood), Some(log_probability), entropy].map(|v| v.map(|v| v.ty().to_string()).unwrap_or_default());
        let reason =
            format!("rewards and log probabilities are f32 [examples] or [examples, steps], entropy [examples], not {}", types.join(" "));
        return Err(Error::shape("reinforce", reason));
    }
    let one = baseline.ty().elements() == 1;
    if baseline.dtype() != DType::F32 || !one && baseline.shape() != &shape[1..] {
        let reason = format!("the baseline is one f32 number or one for each step of {}, it is {}", log_likelihood.ty(), baseline.ty());
        return Err(Error::shape("reinforce", reason));
    }
    let baseline = if one { baseline.reshape([1])? } else { baseline.clone() };
    let advantage = log_likelihood.sub(&baseline)?.detach()?;
    let mut terms = scaled(&advantage.mul(log_probability)?, -weights.reward)?;
    if shape.len() == 2 {
        terms = terms.reduce_sum(&[1], false)?;
    }
    if let Some(entropy) = entropy {
        terms = terms.sub(&scaled(entropy, weights.entropy)?)?;
    }
    terms.reduce_mean(&[], false)
}

/// A state called `name`, 0 at first, which each run brings closer to the mean over examples of `values`, (B) or (B, T):
/// b <- decay b + (1 - decay) mean. What is returned is b as it is before that, one number or (T).
///
/// ```text
/// b[k] = 0.9 b[k - 1] + 0.1 log p(y | s[k])
/// ```
///
/// # Errors
/// If the values are not f32, there are no examples, the decay is not 0 to 1, or the name is taken.
pub fn moving_average(name: &str, values: &Var, decay: f32) -> Result<Var> {
    if !(0.0..=1.0).contains(&decay) {
        return Err(Error::shape("moving_average", format!("the decay is 0 to 1, it is {decay}")));
    }
    let graph = values.graph();
    let mean = values.reduce_mean(&[0], false)?;
    let average = graph.state(name, Array::full(mean.shape(), 0.0f32))?;
    graph.update(&average, &scaled(&average, decay)?.add(&scaled(&mean, 1.0 - decay)?)?)?;
    Ok(average)
}

/// The entropy -sum p log p along `axis` of log probabilities, all finite as those of `log_softmax` are.
///
/// Gradient of the logits: -p (log p + H).
///
/// # Errors
/// If there is no such axis or the dtype is not f32.
pub fn entropy(log_probabilities: &Var, axis: isize) -> Result<Var> {
    log_probabilities.exp()?.mul(log_probabilities)?.reduce_sum(&[axis], false)?.neg()
}
