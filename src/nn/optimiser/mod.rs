//! Optimisers: what becomes of parameters, given the gradients of a loss.
//!
//! An optimiser adds states and their updates to the graph of the loss, so that a training step, forward, backward and update, is one
//! plan and one submission:
//!
//! ```
//! use foveate::array::{Array, TensorType};
//! use foveate::graph::Graph;
//! use foveate::nn::optimiser::{Optimiser, Parameter, Sgd, clip_by_global_norm};
//! use foveate::plan::{Device, Plan};
//!
//! # fn main() -> foveate::Result<()> {
//! let graph = Graph::new();
//! let w = Parameter::new(&graph, "w", Array::new([2], vec![3.0f32, -4.0])?)?;
//! let loss = w.var.mul(&w.var)?.reduce_sum(&[], false)?;
//! let (gradients, norm) = clip_by_global_norm(&loss.gradient(&[&w.var])?, 5.0)?;
//! let rate = graph.input("learning_rate", TensorType::f32([]))?;
//! Optimiser::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }).update(&[w], &gradients, &rate)?;
//!
//! let mut plan = Plan::compile(Device::Cpu, &[&loss, &norm])?;
//! let outputs = plan.run(&[("learning_rate", &Array::scalar(0.5f32))])?;
//! assert_eq!([outputs[0].to_f64()[0], outputs[1].to_f64()[0]], [25.0, 10.0]);
//! assert_eq!(plan.state("w")?.to_f64(), [1.5, -2.0]);
//! # Ok(())
//! # }
//! ```
//!
//! The states of a parameter are called after it, `w/momentum`, so that a checkpoint can hold them beside it; `optimiser/step` counts
//! the updates that were made. They are in every plan that holds the parameter.
//!
//! Clipping is a function of gradients, and comes first; weight decay is added to what it leaves, as in Caffe and PyTorch. What
//! rates are at which step says [`schedule`](crate::nn::schedule).

mod ada_delta;
mod adam;
mod average;
mod clip;
mod rms_prop;
mod sgd;

pub use ada_delta::AdaDelta;
pub use adam::{Adam, AdamForm};
pub use average::{Averaging, average};
pub use clip::{clip_by_global_norm, clip_by_value};
pub use rms_prop::{GravesRmsProp, RmsProp};
pub use sgd::{MomentumForm, Sgd};

use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::ops::scaled;
use serde::Deserialize;
use std::sync::Arc;

/// What an optimiser changes: a state of a graph.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The state.
    pub var: Var,
    /// Its name, which those of its own states begin with.
    pub name: String,
    /// The learning rate is multiplied with this; 0 keeps the parameter as it is. Caffe: `lr_mult`.
    pub rate: f32,
    /// The weight decay is multiplied with this. Caffe: `decay_mult`.
    pub decay: f32,
}

impl Parameter {
    /// A parameter that is `initial` at first: the state called `name`, with multipliers of 1.
    ///
    /// # Errors
    /// If the array has no elements or the name is taken.
    pub fn new(graph: &Graph, name: &str, initial: impl Into<Arc<Array>>) -> Result<Self> {
        Ok(Self { var: graph.state(name, initial)?, name: name.to_owned(), rate: 1.0, decay: 1.0 })
    }

    /// The same with these multipliers of rate and decay.
    #[must_use]
    pub fn multiplied(self, rate: f32, decay: f32) -> Self {
        Self { rate, decay, ..self }
    }

    /// A state of this parameter, of its shape and 0 at first.
    fn state(&self, kind: &str) -> Result<Var> {
        self.var.graph().state(&format!("{}/{kind}", self.name), Array::full(self.var.shape(), 0.0f32))
    }
}

/// How parameters follow from gradients.
///
/// As recipes have it: `kind = "graves-rms-prop"`, and the numbers that are not as usual.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Optimiser {
    /// Down the gradient, with momentum or without.
    Sgd(Sgd),
    /// Mean gradients over the root of mean squares.
    Adam(Adam),
    /// Gradients over the root of mean squares.
    RmsProp(RmsProp),
    /// That of Graves, over the deviation.
    GravesRmsProp(GravesRmsProp),
    /// Steps as large as former ones.
    AdaDelta(AdaDelta),
}

impl Optimiser {
    /// Adds to the graph what makes a step of each parameter down its gradient in every run. `rate` is one f32 number, such as an
    /// input, so that it may change from run to run.
    ///
    /// # Errors
    /// If there is not one gradient of its type for each parameter, a parameter is no f32 state, the rate is no f32 number, two
    /// parameters have one name or the graph has an optimiser already, or hyper-parameters have no meaning.
    pub fn update(&self, parameters: &[Parameter], gradients: &[Var], rate: &Var) -> Result<()> {
        if rate.dtype() != DType::F32 || !rate.shape().is_empty() {
            return Err(Error::shape("optimiser", format!("the learning rate is f32[], it is {}", rate.ty())));
        }
        self.check()?;
        let changed = pairs(parameters, gradients)?;
        if changed.is_empty() {
            return Ok(());
        }
        let graph = rate.graph();
        let step = counter(graph, "optimiser/step", changed.iter().map(|(p, _)| *p))?;
        let shared = match self {
            Self::Adam(adam) => Some(adam.shared(rate)?),
            _ => None,
        };
        for (parameter, gradient) in changed {
            let gradient = decayed(parameter, gradient, self.coupled_decay())?;
            let next = match (self, &shared) {
                (Self::Sgd(sgd), _) => sgd.next(parameter, &gradient, rate, &step)?,
                (Self::Adam(adam), Some(shared)) => adam.next(parameter, &gradient, rate, shared)?,
                (Self::RmsProp(rms_prop), _) => rms_prop.next(parameter, &gradient, rate)?,
                (Self::GravesRmsProp(graves), _) => graves.next(parameter, &gradient, rate)?,
                (Self::AdaDelta(ada_delta), _) => ada_delta.next(parameter, &gradient, rate)?,
                (Self::Adam(_), None) => return Err(Error::shape("optimiser", "Adam has no corrections")),
            };
            graph.update(&parameter.var, &next)?;
        }
        Ok(())
    }

    /// The weight decay that is added to gradients.
    fn coupled_decay(&self) -> f32 {
        match self {
            Self::Sgd(sgd) => sgd.weight_decay,
            Self::Adam(adam) => {
                if adam.decoupled {
                    0.0
                } else {
                    adam.weight_decay
                }
            }
            Self::RmsProp(rms_prop) => rms_prop.weight_decay,
            Self::GravesRmsProp(graves) => graves.weight_decay,
            Self::AdaDelta(ada_delta) => ada_delta.weight_decay,
        }
    }

    /// Refuses hyper-parameters without meaning.
    fn check(&self) -> Result<()> {
        // Shares of former values, and numbers that are not negative.
        let (shares, others) = match self {
            Self::Sgd(o) => {
                o.check()?;
                ([o.momentum, 0.0, 0.0], [o.dampening, o.weight_decay])
            }
            Self::Adam(o) => ([o.beta1, o.beta2, 0.0], [o.epsilon, o.weight_decay]),
            Self::RmsProp(o) => ([o.smoothing, o.momentum, 0.0], [o.epsilon, o.weight_decay]),
            Self::GravesRmsProp(o) => ([o.smoothing, o.momentum, 0.0], [o.epsilon, o.weight_decay]),
            Self::AdaDelta(o) => ([o.smoothing, 0.0, 0.0], [o.epsilon, o.weight_decay]),
        };
        let fits = shares.iter().all(|s| (0.0..1.0).contains(s)) && others.iter().all(|o| o.is_finite() && *o >= 0.0);
        if fits {
            Ok(())
        } else {
            Err(Error::shape("optimiser", format!("{self:?}: shares are 0 to 1, 1 left out, and the rest is not negative")))
        }
    }
}

/// The parameters that change, each with its gradient.
fn pairs<'a>(parameters: &'a [Parameter], gradients: &'a [Var]) -> Result<Vec<(&'a Parameter, &'a Var)>> {
    if parameters.len() != gradients.len() {
        return Err(Error::shape("optimiser", format!("{} parameters have {} gradients", parameters.len(), gradients.len())));
    }
    for (p, gradient) in parameters.iter().zip(gradients) {
        if p.var.dtype() != DType::F32 || p.var.ty() != gradient.ty() {
            return Err(Error::shape("optimiser", format!("parameter '{}' is {}, its gradient {}", p.name, p.var.ty(), gradient.ty())));
        }
        if !p.rate.is_finite() || !p.decay.is_finite() {
            return Err(Error::shape("optimiser", format!("parameter '{}' has multipliers {} and {}", p.name, p.rate, p.decay)));
        }
    }
    Ok(parameters.iter().zip(gradients).filter(|(p, _)| p.rate != 0.0).collect())
}

/// A state that counts the runs of plans with any of these parameters; what it is before the run.
fn counter<'a>(graph: &Graph, name: &str, parameters: impl Iterator<Item = &'a Parameter>) -> Result<Var> {
    let step = graph.state(name, Array::scalar(0i32))?;
    graph.update(&step, &step.add(&graph.constant(Array::scalar(1i32))?)?)?;
    for parameter in parameters {
        graph.follow(&parameter.var, &step)?;
    }
    Ok(step)
}

/// g + decay w.
fn decayed(parameter: &Parameter, gradient: &Var, weight_decay: f32) -> Result<Var> {
    let decay = weight_decay * parameter.decay;
    if decay == 0.0 { Ok(gradient.clone()) } else { gradient.add(&scaled(&parameter.var, decay)?) }
}

/// The state `kind` of a parameter and what it becomes: share old + (1 - share) value.
fn smoothed(parameter: &Parameter, kind: &str, value: &Var, share: f32) -> Result<(Var, Var)> {
    let old = parameter.state(kind)?;
    let next = scaled(&old, share)?.add(&scaled(value, 1.0 - share)?)?;
    parameter.var.graph().update(&old, &next)?;
    Ok((old, next))
}
