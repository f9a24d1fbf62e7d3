//! Adam: mean gradients over the root of mean squares, both corrected for having begun at 0 (Kingma, Ba 2015).
//!
//! ```text
//! m <- beta1 m + (1 - beta1) g            c1 = 1 - beta1^t
//! v <- beta2 v + (1 - beta2) g^2          c2 = 1 - beta2^t
//! Paper    w <- w - rate (m / c1) / (sqrt(v / c2) + epsilon)                algorithm 1; PyTorch
//! Torch    w <- w - rate sqrt(c2) / c1 m / (sqrt(v) + epsilon)              Torch's optim.adam of 2015, the paper's section 2
//! ```
//!
//! Torch's epsilon is sqrt(c2) times as large in the paper's terms: 0.03 times at the first step. Decoupled decay (`AdamW`:
//! Loshchilov, Hutter 2019) does not enter m and v: w loses rate times decay of itself beside the step.
//!
//! c1 and c2 are states, c <- beta c + (1 - beta): so they carry the roundings of beta that m and v carry, which cancel then.

use super::{Parameter, smoothed};
use crate::array::Array;
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, scaled};
use serde::Deserialize;

/// Where epsilon stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdamForm {
    /// Beside the corrected root: algorithm 1 of the paper, PyTorch.
    #[default]
    Paper,
    /// Beside the root as it is: Torch in 2015.
    Torch,
}

/// Mean gradients over the root of mean squares.
///
/// States: `<parameter>/first_moment` and `<parameter>/second_moment`, m and v; `optimiser/first_correction` and
/// `optimiser/second_correction`, c1 and c2.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// How much of the mean gradient stays, 0 to 1.
    pub beta1: f32,
    /// How much of the mean square stays, 0 to 1.
    pub beta2: f32,
    /// What keeps the divisor from 0.
    pub epsilon: f32,
    /// Where epsilon stands.
    pub form: AdamForm,
    /// What part of the parameter is added to its gradient, or lost where it is decoupled.
    pub weight_decay: f32,
    /// Whether the decay stays out of the moments: `AdamW`.
    pub decoupled: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, form: AdamForm::Paper, weight_decay: 0.0, decoupled: false }
    }
}

/// Numbers that all parameters share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The factor of m.
    step: Var,
    /// The factor of sqrt(v) in the divisor, if it has one.
    root: Option<Var>,
}

impl Adam {
    pub(super) fn shared(&self, rate: &Var) -> Result<Shared> {
        let graph = rate.graph();
        let correction = |name: &str, beta: f32| {
            let c = graph.state(name, Array::scalar(0.0f32))?;
            let next = scaled(&c, beta)?.add(&number(&c, 1.0 - beta)?)?;
            graph.update(&c, &next)?;
            Ok(next)
        };
        let first = correction("optimiser/first_correction", self.beta1)?;
        let root = correction("optimiser/second_correction", self.beta2)?.sqrt()?;
        Ok(match self.form {
            AdamForm::Paper => Shared { step: rate.div(&first)?, root: Some(number(&root, 1.0)?.div(&root)?) },
            AdamForm::Torch => Shared { step: rate.mul(&root)?.div(&first)?, root: None },
        })
    }

    /// What the parameter becomes.
    pub(super) fn next(&self, parameter: &Parameter, gradient: &Var, rate: &Var, shared: &Shared) -> Result<Var> {
        let w = &parameter.var;
        let (_, m) = smoothed(parameter, "first_moment", gradient, self.beta1)?;
        let (_, v) = smoothed(parameter, "second_moment", &gradient.mul(gradient)?, self.beta2)?;
        let root = match &shared.root {
            Some(factor) => v.sqrt()?.mul(factor)?,
            None => v.sqrt()?,
        };
        let rated = |x: &Var, factor: f32| if factor == 1.0 { Ok(x.clone()) } else { scaled(x, factor) };
        let step = rated(&m, parameter.rate)?.mul(&shared.step)?.div(&root.add(&number(w, self.epsilon)?)?)?;
        let lost = if self.decoupled { self.weight_decay * parameter.decay * parameter.rate } else { 0.0 };
        let kept = if lost == 0.0 { w.clone() } else { w.sub(&scaled(w, lost)?.mul(rate)?)? };
        kept.sub(&step)
    }
}
