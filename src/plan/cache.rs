//! Plans for inputs whose shapes change: one per combination of types, the most recent ones kept.

use super::{Device, Options, Plan};
use crate::array::{Array, TensorType};
use crate::error::Result;
use crate::graph::{Graph, Var};

/// Builds the outputs of a graph from its inputs, given in the order of the call.
type Build = dyn Fn(&Graph, &[Var]) -> Result<Vec<Var>> + Send;

/// A computation for inputs of any shape: compiles a plan for each new combination and keeps the last few.
///
/// Weights that the builder adds as parameters from the same `Arc` are on the device once for all plans.
pub struct PlanCache {
    device: Device,
    build: Box<Build>,
    capacity: usize,
    /// Most recently used last.
    plans: Vec<(Vec<(String, TensorType)>, Plan)>,
}

impl std::fmt::Debug for PlanCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanCache").field("device", &self.device.name()).field("plans", &self.plans.len()).finish_non_exhaustive()
    }
}

impl PlanCache {
    /// A cache of at most `capacity` plans for what `build` makes of its inputs.
    pub fn new(device: impl Into<Device>, capacity: usize, build: impl Fn(&Graph, &[Var]) -> Result<Vec<Var>> + Send + 'static) -> Self {
        Self { device: device.into(), build: Box::new(build), capacity: capacity.max(1), plans: Vec::new() }
    }

    /// Runs on `inputs`, compiling first if no kept plan takes inputs of these names and types.
    ///
    /// # Errors
    /// What the builder, [`Plan::compile`] or [`Plan::run`] refuse.
    pub fn run(&mut self, inputs: &[(&str, &Array)]) -> Result<Vec<Array>> {
        if !self.take(inputs) {
            let outputs = self.outputs(inputs)?;
            let plan = Plan::compile(&self.device, &outputs.iter().collect::<Vec<_>>())?;
            self.keep(inputs, plan);
        }
        let Some((_, plan)) = self.plans.last_mut() else { return Ok(Vec::new()) };
        plan.run(&used(plan, inputs))
    }

    /// [`PlanCache::run`] for callers with an executor, and for the browser, as [`Plan::compile_async`] and [`Plan::run_async`].
    ///
    /// # Errors
    /// As [`PlanCache::run`].
    pub async fn run_async(&mut self, inputs: &[(&str, &Array)]) -> Result<Vec<Array>> {
        if !self.take(inputs) {
            let outputs = self.outputs(inputs)?;
            let plan = Plan::compile_async(&self.device, &outputs.iter().collect::<Vec<_>>(), Options::default()).await?;
            self.keep(inputs, plan);
        }
        let Some((_, plan)) = self.plans.last_mut() else { return Ok(Vec::new()) };
        plan.run_async(&used(plan, inputs)).await
    }

    /// Makes the plan for such inputs the most recent one, if there is one.
    fn take(&mut self, inputs: &[(&str, &Array)]) -> bool {
        let key = key(inputs);
        let found = self.plans.iter().position(|(k, _)| *k == key);
        if let Some(found) = found {
            self.plans[found..].rotate_left(1);
        }
        found.is_some()
    }

    fn keep(&mut self, inputs: &[(&str, &Array)], plan: Plan) {
        if self.plans.len() >= self.capacity {
            self.plans.remove(0);
        }
        self.plans.push((key(inputs), plan));
    }

    /// What is made of such inputs.
    fn outputs(&self, inputs: &[(&str, &Array)]) -> Result<Vec<Var>> {
        let graph = Graph::new();
        let vars = inputs.iter().map(|(name, array)| graph.input(name, array.ty())).collect::<Result<Vec<_>>>()?;
        (self.build)(&graph, &vars)
    }

    /// Whether inputs of these names and types have a plan already.
    pub fn contains(&self, inputs: &[(&str, &Array)]) -> bool {
        let key = key(inputs);
        self.plans.iter().any(|(k, _)| *k == key)
    }

    /// How many plans are kept.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether nothing has run yet.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }
}

/// An input that the outputs do not depend on is no input of the plan.
fn used<'a>(plan: &Plan, inputs: &[(&'a str, &'a Array)]) -> Vec<(&'a str, &'a Array)> {
    inputs.iter().copied().filter(|(name, _)| plan.inputs().any(|(n, _)| n == *name)).collect()
}

fn key(inputs: &[(&str, &Array)]) -> Vec<(String, TensorType)> {
    inputs.iter().map(|(name, array)| ((*name).to_owned(), array.ty())).collect()
}
