//! `AdaDelta`: steps as large as former ones, so that they have the units of the parameters (Zeiler 2012, algorithm 1).
//!
//! ```text
//! n <- s n + (1 - s) g^2
//! d  = sqrt(u + epsilon) / sqrt(n + epsilon) g
//! u <- s u + (1 - s) d^2
//! w <- w - rate d                                rate 1 in the paper and in PyTorch
//! ```

use super::{Parameter, smoothed};
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, scaled};
use serde::Deserialize;

/// Steps as large as former ones. States: `<parameter>/square_average`, n, and `<parameter>/step_average`, u.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaDelta {
    /// s, how much of the means stays, 0 to 1.
    pub smoothing: f32,
    /// What the first steps are made of.
    pub epsilon: f32,
    /// What part of the parameter is added to its gradient.
    pub weight_decay: f32,
}

impl Default for AdaDelta {
    /// The paper's.
    fn default() -> Self {
        Self { smoothing: 0.95, epsilon: 1e-6, weight_decay: 0.0 }
    }
}

impl AdaDelta {
    /// What the parameter becomes.
    pub(super) fn next(&self, parameter: &Parameter, gradient: &Var, rate: &Var) -> Result<Var> {
        let (w, graph) = (&parameter.var, parameter.var.graph());
        let root = |x: &Var| x.add(&number(x, self.epsilon)?)?.sqrt();
        let (_, squares) = smoothed(parameter, "square_average", &gradient.mul(gradient)?, self.smoothing)?;
        let steps = parameter.state("step_average")?;
        let direction = gradient.mul(&root(&steps)?.div(&root(&squares)?)?)?;
        let square = direction.mul(&direction)?;
        graph.update(&steps, &scaled(&steps, self.smoothing)?.add(&scaled(&square, 1.0 - self.smoothing)?)?)?;
        let step = if parameter.rate == 1.0 { direction } else { scaled(&direction, parameter.rate)? };
        w.sub(&step.mul(rate)?)
    }
}
