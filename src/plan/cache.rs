//! Plans for inputs whose shapes change: one per combination of types, the most recent ones kept.

use super::{Device, Plan};
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
        let key = key(inputs);
        let (key, mut plan) = match self.plans.iter().position(|(k, _)| *k == key) {
            Some(found) => self.plans.remove(found),
            None => {
                let graph = Graph::new();
                let vars = key.iter().map(|(name, ty)| graph.input(name, ty.clone())).collect::<Result<Vec<_>>>()?;
                let outputs = (self.build)(&graph, &vars)?;
                let plan = Plan::compile(&self.device, &outputs.iter().collect::<Vec<_>>())?;
                (key, plan)
            }
        };
        // An input that the outputs do not depend on is no input of the plan.
        let used: Vec<_> = inputs.iter().copied().filter(|(name, _)| plan.inputs().any(|(n, _)| n == *name)).collect();
        let outputs = plan.run(&used);
        if self.plans.len() >= self.capacity {
            self.plans.remove(0);
        }
        self.plans.push((key, plan));
        outputs
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

fn key(inputs: &[(&str, &Array)]) -> Vec<(String, TensorType)> {
    inputs.iter().map(|(name, array)| ((*name).to_owned(), array.ty())).collect()
}
