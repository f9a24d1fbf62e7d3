//! Optimisers and schedules as recipes name them. What is left out is as the library has it.

use foveate::nn::optimiser::{AdaDelta, Adam, AdamForm, GravesRmsProp, MomentumForm, Optimiser, RmsProp, Sgd};
use foveate::nn::schedule::Schedule;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum OptimiserRecipe {
    Sgd {
        #[serde(default)]
        momentum: f32,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        form: Form,
        #[serde(default)]
        dampening: f32,
        #[serde(default)]
        weight_decay: f32,
    },
    Adam {
        beta1: Option<f32>,
        beta2: Option<f32>,
        epsilon: Option<f32>,
        #[serde(default)]
        torch_2015: bool,
        #[serde(default)]
        weight_decay: f32,
        #[serde(default)]
        decoupled: bool,
    },
    RmsProp {
        smoothing: Option<f32>,
        momentum: Option<f32>,
        epsilon: Option<f32>,
        #[serde(default)]
        centred: bool,
        #[serde(default)]
        weight_decay: f32,
    },
    GravesRmsProp {
        smoothing: Option<f32>,
        momentum: Option<f32>,
        epsilon: Option<f32>,
        #[serde(default)]
        weight_decay: f32,
    },
    AdaDelta {
        smoothing: Option<f32>,
        epsilon: Option<f32>,
        #[serde(default)]
        weight_decay: f32,
    },
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    Caffe,
    Lasagne,
    #[default]
    Pytorch,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ScheduleRecipe {
    Fixed {
        base: f64,
    },
    Step {
        base: f64,
        gamma: f64,
        size: u64,
    },
    MultiStep {
        base: f64,
        gamma: f64,
        steps: Vec<u64>,
    },
    Exp {
        base: f64,
        gamma: f64,
    },
    Inv {
        base: f64,
        gamma: f64,
        power: f64,
    },
    /// Down to 0 at the run's end.
    Poly {
        base: f64,
        power: f64,
    },
    Sigmoid {
        base: f64,
        gamma: f64,
        size: u64,
    },
    Keras {
        base: f64,
        decay: f64,
    },
    /// Down to `last` at the run's end.
    Cosine {
        base: f64,
        #[serde(default)]
        last: f64,
        #[serde(default)]
        warm_up: u64,
    },
}

impl ScheduleRecipe {
    /// The schedule of a run of `steps`.
    pub(super) fn of(&self, steps: u64) -> Schedule {
        match self.clone() {
            Self::Fixed { base } => Schedule::Fixed { base },
            Self::Step { base, gamma, size } => Schedule::Step { base, gamma, size },
            Self::MultiStep { base, gamma, steps } => Schedule::MultiStep { base, gamma, steps },
            Self::Exp { base, gamma } => Schedule::Exp { base, gamma },
            Self::Inv { base, gamma, power } => Schedule::Inv { base, gamma, power },
            Self::Poly { base, power } => Schedule::Poly { base, power, steps },
            Self::Sigmoid { base, gamma, size } => Schedule::Sigmoid { base, gamma, size },
            Self::Keras { base, decay } => Schedule::Keras { base, decay },
            Self::Cosine { base, last, warm_up } => Schedule::Cosine { base, last, warm_up, steps },
        }
    }
}

impl OptimiserRecipe {
    pub(super) fn optimiser(&self) -> Optimiser {
        match *self {
            Self::Sgd { momentum, nesterov, form, dampening, weight_decay } => {
                let form = match form {
                    Form::Caffe => MomentumForm::Caffe,
                    Form::Lasagne => MomentumForm::Lasagne,
                    Form::Pytorch => MomentumForm::PyTorch,
                };
                Optimiser::Sgd(Sgd { momentum, nesterov, form, dampening, weight_decay })
            }
            Self::Adam { beta1, beta2, epsilon, torch_2015, weight_decay, decoupled } => {
                let usual = Adam::default();
                Optimiser::Adam(Adam {
                    beta1: beta1.unwrap_or(usual.beta1),
                    beta2: beta2.unwrap_or(usual.beta2),
                    epsilon: epsilon.unwrap_or(usual.epsilon),
                    form: if torch_2015 { AdamForm::Torch } else { AdamForm::Paper },
                    weight_decay,
                    decoupled,
                })
            }
            Self::RmsProp { smoothing, momentum, epsilon, centred, weight_decay } => {
                let usual = RmsProp::default();
                Optimiser::RmsProp(RmsProp {
                    smoothing: smoothing.unwrap_or(usual.smoothing),
                    momentum: momentum.unwrap_or(usual.momentum),
                    epsilon: epsilon.unwrap_or(usual.epsilon),
                    centred,
                    weight_decay,
                })
            }
            Self::GravesRmsProp { smoothing, momentum, epsilon, weight_decay } => {
                let usual = GravesRmsProp::default();
                Optimiser::GravesRmsProp(GravesRmsProp {
                    smoothing: smoothing.unwrap_or(usual.smoothing),
                    momentum: momentum.unwrap_or(usual.momentum),
                    epsilon: epsilon.unwrap_or(usual.epsilon),
                    weight_decay,
                })
            }
            Self::AdaDelta { smoothing, epsilon, weight_decay } => {
                let usual = AdaDelta::default();
                Optimiser::AdaDelta(AdaDelta {
                    smoothing: smoothing.unwrap_or(usual.smoothing),
                    epsilon: epsilon.unwrap_or(usual.epsilon),
                    weight_decay,
                })
            }
        }
    }
}
