//! Gradients over the root of their mean squares.
//!
//! ```text
//! RmsProp          n <- s n + (1 - s) g^2        d = g / (sqrt(n) + epsilon)
//!                  centred: m <- s m + (1 - s) g, and n - m^2 in the place of n
//!                  w <- w - rate d;  with momentum  v <- mu v + d,  w <- w - rate v
//! GravesRmsProp    n <- s n + (1 - s) g^2        m <- s m + (1 - s) g
//!                  v <- mu v - rate g / sqrt(n - m^2 + epsilon)        w <- w + v
//! ```
//!
//! n - m^2 is a variance, not negative but for rounding, which must not make NaN of the root: 0 is the least taken. The mean squares
//! are `<parameter>/square_average`, the mean gradients `<parameter>/gradient_average`, v is `<parameter>/momentum`.
//!
//! Sources: Tieleman, Hinton, lecture 6.5; PyTorch's `RMSprop`; Graves, Generating sequences with recurrent neural networks, 2013,
//! equations 38 to 45.

use super::{Parameter, smoothed};
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, scaled};
use serde::Deserialize;

/// Gradients over the root of their mean squares.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// s, how much of the means stays, 0 to 1.
    pub smoothing: f32,
    /// What keeps the divisor from 0, beside the root.
    pub epsilon: f32,
    /// Whether the square of the mean gradient is taken off the mean square.
    pub centred: bool,
    /// mu, how much of the velocity stays, 0 to 1.
    pub momentum: f32,
    /// What part of the parameter is added to its gradient.
    pub weight_decay: f32,
}

impl Default for RmsProp {
    /// PyTorch's.
    fn default() -> Self {
        Self { smoothing: 0.99, epsilon: 1e-8, centred: false, momentum: 0.0, weight_decay: 0.0 }
    }
}

/// Graves' form: centred, epsilon inside the root, the rate in the velocity.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GravesRmsProp {
    /// s, how much of the means stays, 0 to 1.
    pub smoothing: f32,
    /// mu, how much of the velocity stays, 0 to 1.
    pub momentum: f32,
    /// What is added to the variance.
    pub epsilon: f32,
    /// What part of the parameter is added to its gradient.
    pub weight_decay: f32,
}

impl Default for GravesRmsProp {
    /// The published one, whose rate is 1e-4.
    fn default() -> Self {
        Self { smoothing: 0.95, momentum: 0.9, epsilon: 1e-4, weight_decay: 0.0 }
    }
}

/// x times the rate and the parameter's multiplier.
fn rated(parameter: &Parameter, x: &Var, rate: &Var) -> Result<Var> {
    if parameter.rate == 1.0 { x.mul(rate) } else { scaled(x, parameter.rate)?.mul(rate) }
}

/// n and, where it is `centred`, n - m^2.
fn spread(parameter: &Parameter, gradient: &Var, smoothing: f32, centred: bool) -> Result<Var> {
    let (_, squares) = smoothed(parameter, "square_average", &gradient.mul(gradient)?, smoothing)?;
    if !centred {
        return Ok(squares);
    }
    let (_, mean) = smoothed(parameter, "gradient_average", gradient, smoothing)?;
    squares.sub(&mean.mul(&mean)?)?.clip(Some(0.0), None)
}

impl RmsProp {
    /// What the parameter becomes.
    pub(super) fn next(&self, parameter: &Parameter, gradient: &Var, rate: &Var) -> Result<Var> {
        let w = &parameter.var;
        let root = spread(parameter, gradient, self.smoothing, self.centred)?.sqrt()?;
        let direction = gradient.div(&root.add(&number(w, self.epsilon)?)?)?;
        if self.momentum == 0.0 {
            return w.sub(&rated(parameter, &direction, rate)?);
        }
        let v = parameter.state("momentum")?;
        let next = scaled(&v, self.momentum)?.add(&direction)?;
        w.graph().update(&v, &next)?;
        w.sub(&rated(parameter, &next, rate)?)
    }
}

impl GravesRmsProp {
    /// What the parameter becomes.
    pub(super) fn next(&self, parameter: &Parameter, gradient: &Var, rate: &Var) -> Result<Var> {
        let w = &parameter.var;
        let variance = spread(parameter, gradient, self.smoothing, true)?;
        let direction = gradient.div(&variance.add(&number(w, self.epsilon)?)?.sqrt()?)?;
        let v = parameter.state("momentum")?;
        let next = scaled(&v, self.momentum)?.sub(&rated(parameter, &direction, rate)?)?;
        w.graph().update(&v, &next)?;
        w.add(&next)
    }
}
