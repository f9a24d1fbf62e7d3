//! Steps down the gradient, with momentum in the three forms that packages have.
//!
//! | form | velocity | step | step of Nesterov |
//! |---|---|---|---|
//! | Caffe | v <- mu v + rate g | w <- w - v | w <- w - (1 + mu) v + mu v before |
//! | Lasagne, Keras | v <- mu v - rate g | w <- w + v | w <- w + mu v - rate g |
//! | PyTorch | v <- mu v + (1 - dampening) g, g at first | w <- w - rate v | w <- w - rate (g + mu v) |
//!
//! In the first two the rate is part of the velocity: what was gathered under another rate keeps it. They make the same steps, from
//! velocities of opposite signs. In the third one the rate of now is that of all. While the rate stays the same, all three agree.
//! Without momentum there is no velocity: w <- w - rate g.
//!
//! Nesterov's gradient is taken at w itself, which is the point that the original looks ahead to. A parameter's multiplier belongs to
//! the rate. Sources: Caffe's `sgd_solver.cpp` and `nesterov_solver.cpp`, Lasagne's `updates.py`, Keras 0.3, PyTorch's `SGD`.

use super::Parameter;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};
use serde::Deserialize;

/// Whose velocity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MomentumForm {
    /// Caffe's, with the rate in it.
    Caffe,
    /// That of Lasagne and Keras, with the rate in it and turned around.
    Lasagne,
    /// PyTorch's, a sum of gradients.
    #[default]
    PyTorch,
}

/// Steps down the gradient. State: `<parameter>/momentum`, v, if there is momentum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// mu, how much of the velocity stays, 0 to 1.
    pub momentum: f32,
    /// Whether the step looks ahead.
    pub nesterov: bool,
    /// Whose velocity.
    pub form: MomentumForm,
    /// How much of a gradient does not enter PyTorch's velocity, but for the first one.
    pub dampening: f32,
    /// What part of the parameter is added to its gradient.
    pub weight_decay: f32,
}

impl Sgd {
    pub(super) fn check(&self) -> Result<()> {
        if self.dampening != 0.0 && (self.form != MomentumForm::PyTorch || self.nesterov) {
            return Err(Error::unsupported("sgd", format!("dampening but in PyTorch's momentum without Nesterov: {self:?}")));
        }
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::shape("sgd", "Nesterov's step needs momentum"));
        }
        Ok(())
    }

    /// What the parameter becomes.
    pub(super) fn next(&self, parameter: &Parameter, gradient: &Var, rate: &Var, step: &Var) -> Result<Var> {
        let (w, graph, mu) = (&parameter.var, parameter.var.graph(), self.momentum);
        let rated = |x: &Var| if parameter.rate == 1.0 { x.mul(rate) } else { scaled(x, parameter.rate)?.mul(rate) };
        if mu == 0.0 {
            return w.sub(&rated(gradient)?);
        }
        let v = parameter.state("momentum")?;
        let kept = scaled(&v, mu)?;
        match self.form {
            MomentumForm::Caffe => {
                let next = kept.add(&rated(gradient)?)?;
                graph.update(&v, &next)?;
                if self.nesterov { w.sub(&scaled(&next, 1.0 + mu)?.sub(&kept)?) } else { w.sub(&next) }
            }
            MomentumForm::Lasagne => {
                let next = kept.sub(&rated(gradient)?)?;
                graph.update(&v, &next)?;
                if self.nesterov { w.add(&scaled(&next, mu)?.sub(&rated(gradient)?)?) } else { w.add(&next) }
            }
            MomentumForm::PyTorch => {
                let entering = if self.dampening == 0.0 {
                    gradient.clone()
                } else {
                    let first = step.equal(&graph.constant(Array::scalar(0i32))?)?;
                    gradient.mul(&first.where_(&number(w, 1.0)?, &number(w, 1.0 - self.dampening)?)?)?
                };
                let next = kept.add(&entering)?;
                graph.update(&v, &next)?;
                w.sub(&rated(&if self.nesterov { gradient.add(&scaled(&next, mu)?)? } else { next })?)
            }
        }
    }
}
