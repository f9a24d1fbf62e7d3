//! A training step as one plan, and what a checkpoint holds of it.

use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::waited;
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::nn::optimiser::{Optimiser, Parameter, clip_by_global_norm, clip_by_value};
use crate::nn::schedule::Schedule;
use crate::ops::number;
use crate::plan::{Device, Options, Plan, Profile};
use std::ops::ControlFlow;
use std::path::Path;

/// The name of the input that the learning rate comes in by.
const RATE: &str = "learning_rate";
/// The key of a checkpoint's metadata that says how many steps it has behind it.
const STEP: &str = "step";
/// The key that says what the losses that no report has counted add up to, and how many they are.
const LOSSES: &str = "losses";

/// What training makes small, and what it changes to do so.
#[derive(Clone, Debug)]
pub struct Objective {
    /// One f32 number.
    pub loss: Var,
    /// Other single numbers that a step reports, by name.
    pub metrics: Vec<(String, Var)>,
    /// What is changed; [`Weights::as_states`] makes parameters of a network's weights.
    pub parameters: Vec<Parameter>,
}

/// What keeps gradients small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// All together are scaled to this Euclidean norm if theirs is greater.
    Norm(f32),
    /// Each element is brought into plus or minus this.
    Value(f32),
}

/// What a step reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Its number, from 1.
    pub step: u64,
    /// The loss before it.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// The objective's metrics, in their order.
    pub metrics: Vec<f64>,
}

/// Forward, backward and optimiser in one plan, with parameters and optimiser on the device.
#[derive(Debug)]
pub struct Trainer {
    plan: Plan,
    parameters: Vec<String>,
    metrics: Vec<String>,
    schedule: Schedule,
    step: u64,
    /// The sum of the losses since their mean was taken, and their number.
    losses: (f64, u64),
    /// What checkpoints say beside their tensors and the step.
    about: Vec<(String, String)>,
}

impl Trainer {
    /// Of an objective whose inputs every step is given.
    ///
    /// If the loss is not a finite number, no state changes in that step.
    ///
    /// # Errors
    /// If an operator has no gradient, or the device cannot run the plan.
    pub fn new(
        device: impl Into<Device>,
        objective: &Objective,
        optimiser: &Optimiser,
        schedule: Schedule,
        clip: Option<Clip>,
    ) -> Result<Self> {
        waited(Self::new_async(device, objective, optimiser, schedule, clip))
    }

    /// [`Trainer::new`] for the browser, as [`Plan::compile_async`].
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub async fn new_async(
        device: impl Into<Device>,
        objective: &Objective,
        optimiser: &Optimiser,
        schedule: Schedule,
        clip: Option<Clip>,
    ) -> Result<Self> {
        let Objective { loss, metrics, parameters } = objective;
        let graph = loss.graph();
        let rate = graph.input(RATE, TensorType::f32([]))?;
        let vars: Vec<&Var> = parameters.iter().map(|p| &p.var).collect();
        let gradients = loss.gradient(&vars)?;
        let gradients = match clip {
            None => gradients,
            Some(Clip::Norm(most)) => clip_by_global_norm(&gradients, most)?.0,
            Some(Clip::Value(most)) => clip_by_value(&gradients, most)?,
        };
        optimiser.update(parameters, &gradients, &rate)?;
        keep_finite(graph, loss)?;
        let outputs: Vec<&Var> = std::iter::once(loss).chain(metrics.iter().map(|(_, var)| var)).collect();
        Ok(Self {
            plan: Plan::compile_async(device, &outputs, Options { tuned: false, ..Options::default() }).await?,
            parameters: parameters.iter().map(|p| p.name.clone()).collect(),
            metrics: metrics.iter().map(|(name, _)| name.clone()).collect(),
            schedule,
            step: 0,
            losses: (0.0, 0),
            about: Vec::new(),
        })
    }

    /// The same whose checkpoints say `value` under `key` in their metadata: what the classes are called, for instance.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.about.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Steps that were made.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The mean loss of the steps since it was last taken, those before a checkpoint among them; `None` if there were none.
    pub fn take_mean_loss(&mut self) -> Option<f64> {
        let (sum, count) = std::mem::take(&mut self.losses);
        (count > 0).then(|| sum / count as f64)
    }

    /// The names of the metrics that a step reports.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The plan of a step.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// One step on a batch.
    ///
    /// # Errors
    /// If an input is missing or of another type, the device fails, or the loss is not finite: then the error names the first node that
    /// made such a number of finite ones, and the states are those before the step.
    pub fn step(&mut self, inputs: &[(&str, &Array)]) -> Result<Progress> {
        let rate = self.rate();
        let all: Vec<(&str, &Array)> = inputs.iter().copied().chain([(RATE, &rate)]).collect();
        let made = self.plan.run(&all)?;
        self.progress(&all, &made)
    }

    /// [`Trainer::step`] for callers with an executor, and for the browser, as [`Plan::run_async`]. A browser is not told which node made a
    /// number that is not finite.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub async fn step_async(&mut self, inputs: &[(&str, &Array)]) -> Result<Progress> {
        let rate = self.rate();
        let all: Vec<(&str, &Array)> = inputs.iter().copied().chain([(RATE, &rate)]).collect();
        let made = self.plan.run_async(&all).await?;
        self.progress(&all, &made)
    }

    /// The rate of the next step.
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    fn rate(&self) -> Array {
        Array::scalar(self.schedule.rate(self.step) as f32)
    }

    /// Counts a step that made these numbers of these inputs.
    fn progress(&mut self, inputs: &[(&str, &Array)], made: &[Array]) -> Result<Progress> {
        let numbers: Vec<f64> = made.iter().filter_map(|a| a.to_f64().first().copied()).collect();
        let loss = numbers.first().copied().unwrap_or(f64::NAN);
        if !loss.is_finite() {
            return Err(self.blame(inputs, loss));
        }
        let rate = self.schedule.rate(self.step);
        self.step += 1;
        self.losses = (self.losses.0 + loss, self.losses.1 + 1);
        Ok(Progress { step: self.step, loss, rate, metrics: numbers.get(1..).unwrap_or_default().to_vec() })
    }

    /// The time of every dispatch of a step on a batch; no state changes.
    ///
    /// # Errors
    /// If an input is missing or of another type, the device has no timestamps, or it fails.
    pub fn profile(&mut self, inputs: &[(&str, &Array)]) -> Result<Profile> {
        let rate = Array::scalar(0.0f32);
        self.plan.profile(&inputs.iter().copied().chain([(RATE, &rate)]).collect::<Vec<_>>())
    }

    /// What the parameters are now, with the metadata that checkpoints have beside the step.
    ///
    /// # Errors
    /// If the device fails.
    pub fn weights(&mut self) -> Result<Weights> {
        let names = self.parameters.clone();
        let arrays = names.into_iter().map(|name| self.plan.state(&name).map(|array| (name, array))).collect::<Result<Vec<_>>>()?;
        Ok(self.described(Weights::from_arrays("the trained network", arrays)))
    }

    /// [`Trainer::weights`] for callers with an executor, and for the browser, as [`Plan::state_async`].
    ///
    /// # Errors
    /// As [`Trainer::weights`].
    pub async fn weights_async(&mut self) -> Result<Weights> {
        let mut arrays = Vec::with_capacity(self.parameters.len());
        for name in &self.parameters {
            arrays.push((name.clone(), self.plan.state_async(name).await?));
        }
        Ok(self.described(Weights::from_arrays("the trained network", arrays)))
    }

    /// Writes every state, those of the optimiser and of random numbers among them, the number of steps and the losses that no mean was taken of,
    /// to a `.safetensors` file, through a temporary one. The parameters have their own names in it, so that it loads as the network's weights too.
    ///
    /// # Errors
    /// If the device fails or the file cannot be written.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let names: Vec<String> = self.plan.states().map(|(name, _)| name.to_owned()).collect();
        let arrays = names.into_iter().map(|name| self.plan.state(&name).map(|array| (name, array))).collect::<Result<Vec<_>>>()?;
        let (sum, count) = self.losses;
        let weights = Weights::from_arrays("a checkpoint", arrays).with_metadata(STEP, &self.step.to_string());
        self.described(weights.with_metadata(LOSSES, &format!("{sum} {count}"))).save(path)
    }

    fn described(&self, weights: Weights) -> Weights {
        self.about.iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, value))
    }

    /// Goes on where [`Trainer::save`] stood.
    ///
    /// # Errors
    /// If the file is no checkpoint, or one of another network, optimiser or metadata; then nothing has changed.
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let saved = Weights::open(path)?;
        let wrong = |reason: String| Error::model(path.display().to_string(), reason);
        let text = saved.metadata().get(STEP).ok_or_else(|| wrong("is no checkpoint: its metadata have no step".to_owned()))?;
        let step = text.parse().map_err(|_| wrong(format!("says it is of step '{text}'")))?;
        let two = |text: &String| text.split_once(' ').and_then(|(sum, count)| sum.parse().ok().zip(count.parse().ok()));
        let losses = match saved.metadata().get(LOSSES) {
            Some(text) => two(text).ok_or_else(|| wrong(format!("says of losses '{text}', which are no sum and number")))?,
            None => (0.0, 0),
        };
        for (key, value) in &self.about {
            // What it is silent about it does not contradict.
            if let Some(found) = saved.metadata().get(key).filter(|found| *found != value) {
                return Err(wrong(format!("says of '{key}' {found}, this run {value}")));
            }
        }
        let states: Vec<(String, TensorType)> = self.plan.states().map(|(name, ty)| (name.to_owned(), ty.clone())).collect();
        for (name, ty) in &states {
            let found = saved.get(name)?.ty();
            if found != *ty {
                return Err(wrong(format!("has '{name}' as {found}, this run as {ty}")));
            }
        }
        if let Some(other) = saved.names().find(|n| states.iter().all(|(name, _)| name != n)) {
            return Err(wrong(format!("has '{other}', which this run has not: another network or optimiser")));
        }
        for (name, _) in &states {
            self.plan.set_state(name, saved.get(name)?)?;
        }
        (self.step, self.losses) = (step, losses);
        Ok(())
    }

    /// The error of a step whose loss is `loss`.
    fn blame(&mut self, inputs: &[(&str, &Array)], loss: f64) -> Error {
        let finite = |a: &Array| a.to_f64().iter().all(|v| v.is_finite());
        let mut culprit = None;
        for (name, array) in inputs {
            if !finite(array) {
                return Error::Device(format!("step {}: the loss is {loss}, since input '{name}' is not finite", self.step + 1));
            }
        }
        let found = self.plan.check(inputs, |checked| {
            if checked.inputs.iter().all(|a| finite(a)) && !checked.outputs.iter().all(finite) {
                culprit = Some(checked.node.to_owned());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        let by = match (found, culprit) {
            (Err(error), _) => format!("what made it so was not found: {error}"),
            (Ok(_), Some(node)) => format!("{node} is the first node that made such a number"),
            (Ok(_), None) => "its node makes finite numbers alone: the device does not repeat itself".to_owned(),
        };
        Error::Device(format!(
            "step {}: the loss is {loss}; {by}. Nothing was changed: lower the learning rate, or clip gradients",
            self.step + 1
        ))
    }
}

/// States stay as they are in a run whose loss is not finite.
fn keep_finite(graph: &Graph, loss: &Var) -> Result<()> {
    let finite = loss.abs()?.less_or_equal(&number(loss, f32::MAX)?)?.reshape([])?;
    for (state, next) in graph.updates() {
        graph.update(&state, &finite.where_(&next, &state)?)?;
    }
    Ok(())
}
