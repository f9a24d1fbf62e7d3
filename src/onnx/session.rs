//! An imported model, compiled for a device and run.

use super::elem::Elem;
use super::import;
use super::port::Port;
use super::refusal::{Refusal, none_refused};
use super::tensor::Tensor;
use super::value::Value;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::gpu::waited;
use crate::graph::Var;
use crate::plan::{Device, Options, Plan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A model as one graph of the engine, or why not.
pub struct Import {
    pub(super) source: String,
    /// The inputs with the shapes that were bound.
    pub(super) inputs: Vec<(Port, Vec<usize>)>,
    pub(super) values: BTreeMap<String, Arc<Tensor>>,
    pub(super) outcome: import::Outcome,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("source", &self.source).field("refusals", &self.outcome.refusals).finish_non_exhaustive()
    }
}

impl Import {
    /// Everything in the model that foveate does not do, in the order of its nodes.
    pub fn refusals(&self) -> &[Refusal] {
        &self.outcome.refusals
    }

    /// What a person should know: types that were narrowed, for instance.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.outcome.warnings.iter().map(String::as_str)
    }

    /// Inputs whose values were read because they decide shapes.
    pub fn pinned(&self) -> impl Iterator<Item = &str> {
        self.outcome.pinned.iter().map(String::as_str)
    }

    /// The inputs with the shapes that were bound.
    pub fn inputs(&self) -> impl Iterator<Item = (&Port, &[usize])> {
        self.inputs.iter().map(|(port, shape)| (port, shape.as_slice()))
    }

    /// The model ready to be compiled, if nothing of it was refused.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with every refusal.
    pub fn session(self) -> Result<Session> {
        none_refused(&self.source, &self.outcome.refusals)?;
        Ok(Session::new(self))
    }
}

/// A model whose every node became part of one graph.
#[derive(Debug)]
pub struct Session {
    inputs: Vec<(Port, Vec<usize>)>,
    outputs: Vec<Output>,
    /// The values that the import is for.
    pinned: BTreeMap<String, Arc<Tensor>>,
    plan: Option<Plan>,
}

#[derive(Debug)]
struct Output {
    name: String,
    elem: Elem,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Known before anything runs.
    Known(Arc<Tensor>),
    /// An input, unchanged.
    Input(String),
    /// The plan's.
    Plan(Var),
}

impl Session {
    pub(super) fn new(import: Import) -> Self {
        let pinned: BTreeSet<String> = import.outcome.pinned;
        let mut outputs = Vec::new();
        for (name, value) in import.outcome.outputs {
            flatten(name, value, &mut outputs);
        }
        let pinned = import.values.into_iter().filter(|(name, _)| pinned.contains(name)).collect();
        Self { inputs: import.inputs, outputs, pinned, plan: None }
    }

    /// The outputs that the graph computes: those that are not known from the start.
    pub fn vars(&self) -> Vec<&Var> {
        self.outputs.iter().filter_map(|o| if let Source::Plan(var) = &o.source { Some(var) } else { None }).collect()
    }

    /// Makes the model ready to run on `device`.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub fn compile(&mut self, device: impl Into<Device>, options: Options) -> Result<()> {
        waited(self.compile_async(device, options))
    }

    /// [`Session::compile`] for the browser, as [`Plan::compile_async`].
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub async fn compile_async(&mut self, device: impl Into<Device>, options: Options) -> Result<()> {
        let vars = self.vars();
        self.plan = if vars.is_empty() { None } else { Some(Plan::compile_async(device, &vars, options).await?) };
        Ok(())
    }

    /// The plan, once compiled; there is none where nothing is left to compute.
    pub fn plan(&mut self) -> Option<&mut Plan> {
        self.plan.as_mut()
    }

    /// Names of the inputs, with the shapes that the session is for.
    pub fn inputs(&self) -> impl Iterator<Item = (&Port, &[usize])> {
        self.inputs.iter().map(|(port, shape)| (port, shape.as_slice()))
    }

    /// The inputs as the plan takes them, for [`Plan::run`], [`Plan::profile`] or [`Plan::check`].
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn arrays(&self, given: &[(&str, &Tensor)]) -> Result<Vec<(String, Array)>> {
        let takes = || self.inputs.iter().map(|(p, s)| format!("{}: {}{s:?}", p.name, p.elem)).collect::<Vec<_>>().join(", ");
        let find = |name: &str| given.iter().find(|(n, _)| *n == name).map(|(_, t)| *t);
        if let Some((name, _)) = given.iter().find(|(name, _)| !self.inputs.iter().any(|(p, _)| p.name == *name)) {
            return Err(Error::shape("run", format!("there is no input '{name}'; the model takes {}", takes())));
        }
        for (port, shape) in &self.inputs {
            let Some(tensor) = find(&port.name) else {
                return Err(Error::shape("run", format!("input '{}' is missing; the model takes {}", port.name, takes())));
            };
            if tensor.elem() != port.elem || tensor.shape() != shape {
                let is = format!("{}{:?}", tensor.elem(), tensor.shape());
                return Err(Error::shape("run", format!("input '{}' is {is}; the model takes {}", port.name, takes())));
            }
            if self.pinned.get(&port.name).is_some_and(|p| **p != *tensor) {
                return Err(Error::shape("run", format!("input '{}' decides shapes: import the model again for this value", port.name)));
            }
        }
        let mut arrays: Vec<(String, Array)> = Vec::new();
        if let Some(plan) = &self.plan {
            for (name, ty) in plan.inputs() {
                let tensor = find(name).ok_or_else(|| Error::shape("run", format!("input '{name}' is missing")))?;
                arrays.push((name.to_owned(), tensor.to_array_of(ty.dtype)?));
            }
        } else if self.outputs.iter().any(|o| matches!(o.source, Source::Plan(_))) {
            return Err(Error::shape("run", "the session is not compiled"));
        }
        Ok(arrays)
    }

    /// Runs the model: inputs by name, outputs by name in the model's order. The elements of a sequence are `name[0]`, `name[1]`, ...;
    /// an empty optional is left out.
    ///
    /// # Errors
    /// If the session is not compiled, an input is unknown, missing, or of another type, or its value decided a shape at import and is
    /// another one now.
    pub fn run(&mut self, given: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let arrays = self.arrays(given)?;
        let computed = self.plan.as_mut().map(|plan| plan.run(&named(&arrays))).transpose()?;
        self.outputs(given, computed.unwrap_or_default())
    }

    /// [`Session::run`] for callers with an executor, and for the browser, as [`Plan::run_async`].
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn run_async(&mut self, given: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let arrays = self.arrays(given)?;
        let computed = match &mut self.plan {
            Some(plan) => plan.run_async(&named(&arrays)).await?,
            None => Vec::new(),
        };
        self.outputs(given, computed)
    }

    /// The model's outputs, of what the plan computed and what needs no plan.
    fn outputs(&self, given: &[(&str, &Tensor)], computed: Vec<Array>) -> Result<Vec<(String, Tensor)>> {
        let mut computed = computed.into_iter();
        let output = |output: &Output| {
            let tensor = match &output.source {
                Source::Known(tensor) => (**tensor).clone(),
                Source::Input(name) => {
                    let given = given.iter().find(|(n, _)| n == name).map(|(_, tensor)| (*tensor).clone());
                    given.ok_or_else(|| Error::shape("run", format!("input '{name}' is missing")))?
                }
                Source::Plan(_) => {
                    let array = computed.next().ok_or_else(|| Error::shape("run", "the plan gave too few outputs"))?;
                    Tensor::from_array(output.elem, &array)?
                }
            };
            Ok((output.name.clone(), tensor))
        };
        self.outputs.iter().map(output).collect()
    }
}

fn named(arrays: &[(String, Array)]) -> Vec<(&str, &Array)> {
    arrays.iter().map(|(name, array)| (name.as_str(), array)).collect()
}

/// A value as outputs: a sequence is one for each of its elements, an empty optional none.
fn flatten(name: String, value: Value, outputs: &mut Vec<Output>) {
    let source = match value {
        Value::Sequence(values) => {
            for (i, value) in values.iter().enumerate() {
                flatten(format!("{name}[{i}]"), value.clone(), outputs);
            }
            return;
        }
        Value::Empty => return,
        Value::Host { tensor, input, .. } => {
            let elem = tensor.elem();
            let source = input.map_or_else(|| Source::Known(tensor), |input| Source::Input(input.to_string()));
            Output { name, elem, source }
        }
        Value::Var { elem, var } => Output { name, elem, source: Source::Plan(var) },
    };
    outputs.push(source);
}
