//! The program of a plan: the steps that its outputs need, in order, with constants folded.

use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Nodes, Source, Var};
use crate::ops::Op;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Elements up to which a node of constants is computed at compile time, by its reference.
const FOLD_LIMIT: usize = 1 << 22;
/// Multiply-adds up to which it is: a reference takes some nanoseconds for each.
const FOLD_WORK: u64 = 1 << 26;

#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<Step>,
    /// Name and value of each input.
    pub(super) inputs: Vec<(String, usize)>,
    pub(super) outputs: Vec<usize>,
    pub(super) states: Vec<State>,
}

#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) ty: Arc<TensorType>,
    pub(super) kind: Kind,
    /// Whether it may lie on the device as f16.
    pub(super) half: bool,
}

/// What holds a value.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The input of this index.
    Input(usize),
    /// Known now; a step that needs nothing else is computed at compile time.
    Constant(Arc<Array>),
    /// A weight, on the device for all plans that use it.
    Parameter(Arc<Array>),
    /// The state of this index.
    State(usize),
    /// A step's output.
    Computed,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) op: Arc<dyn Op>,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
    /// The operator's name and its number, for people.
    pub(super) label: String,
    /// What it stems from, if the graph was told.
    pub(super) origin: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) value: usize,
    pub(super) initial: Arc<Array>,
    /// What it becomes at the end of a run.
    pub(super) next: Option<usize>,
}

impl Program {
    pub(super) fn of(outputs: &[&Var]) -> Result<Self> {
        let Some(first) = outputs.first() else {
            return Err(Error::shape("Plan::compile", "no outputs were asked for"));
        };
        if outputs.iter().any(|v| !v.graph().same(first.graph())) {
            return Err(Error::shape("Plan::compile", "the outputs belong to different graphs"));
        }
        let graph = first.graph().snapshot();
        let ids: Vec<usize> = outputs.iter().map(|v| v.id()).collect();
        let needed = reachable(&graph, &ids);
        let mut program = Self { values: Vec::new(), steps: Vec::new(), inputs: Vec::new(), outputs: Vec::new(), states: Vec::new() };
        let mut place = HashMap::new();
        for (id, value) in graph.values.iter().enumerate().filter(|(id, _)| needed[*id]) {
            place.insert(id, program.values.len());
            let kind = program.place(&value.source);
            program.values.push(Value { ty: Arc::clone(&value.ty), kind, half: false });
        }
        for node in graph.nodes.iter().filter(|n| n.outputs.iter().any(|o| needed[*o])) {
            program.step(
                Arc::clone(&node.op),
                node.inputs.iter().map(|i| place[i]).collect(),
                node.outputs.iter().map(|o| place[o]).collect(),
                node.origin.clone(),
            )?;
        }
        program.outputs = ids.iter().map(|id| place[id]).collect();
        for state in &mut program.states {
            state.next = state.next.map(|id| place[&id]);
        }
        Ok(program)
    }

    /// Notes an input or a state that goes to the next value; its `next` is still a graph id.
    fn place(&mut self, source: &Source) -> Kind {
        let value = self.values.len();
        match source {
            Source::Input(name) => {
                self.inputs.push((name.clone(), value));
                Kind::Input(self.inputs.len() - 1)
            }
            Source::Constant(array) => Kind::Constant(Arc::clone(array)),
            Source::Parameter(array) => Kind::Parameter(Arc::clone(array)),
            Source::State { name, initial, next, .. } => {
                self.states.push(State { name: name.clone(), value, initial: Arc::clone(initial), next: *next });
                Kind::State(self.states.len() - 1)
            }
            Source::Node(_) => Kind::Computed,
        }
    }

    /// Adds a step, or computes it now if all it needs is known and small.
    fn step(&mut self, op: Arc<dyn Op>, inputs: Vec<usize>, outputs: Vec<usize>, origin: Option<Arc<str>>) -> Result<()> {
        let known: Option<Vec<&Array>> = inputs
            .iter()
            .map(|&i| match &self.values[i].kind {
                Kind::Constant(array) => Some(&**array),
                _ => None,
            })
            .collect();
        let types = |values: &[usize]| values.iter().map(|&v| self.ty(v)).collect::<Vec<_>>();
        let small = outputs.iter().chain(&inputs).all(|&v| self.ty(v).elements() <= FOLD_LIMIT)
            && (known.is_none() || op.multiply_adds(&types(&inputs), &types(&outputs)) <= FOLD_WORK);
        if let Some(known) = known.filter(|_| small) {
            let results = op.reference(&known)?;
            for (&output, array) in outputs.iter().zip(results) {
                self.values[output].kind = Kind::Constant(Arc::new(array));
            }
            return Ok(());
        }
        let label = format!("{}#{}", op.name(), self.steps.len());
        self.steps.push(Step { op, inputs, outputs, label, origin });
        Ok(())
    }

    pub(super) fn ty(&self, value: usize) -> &TensorType {
        &self.values[value].ty
    }

    /// Whether a value is the same in every run.
    pub(super) fn is_known(&self, value: usize) -> bool {
        matches!(self.values[value].kind, Kind::Constant(_) | Kind::Parameter(_))
    }

    pub(super) fn state(&self, name: &str) -> Result<usize> {
        self.states.iter().position(|s| s.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.states.iter().map(|s| s.name.as_str()).collect();
            Error::shape("state", format!("there is no state '{name}'; the plan has {names:?}"))
        })
    }

    /// The given arrays in the order of the program's inputs.
    pub(super) fn bind<'a>(&self, given: &[(&str, &'a Array)]) -> Result<Vec<&'a Array>> {
        let expected = || self.inputs.iter().map(|(n, v)| format!("'{n}' {}", self.ty(*v))).collect::<Vec<_>>().join(", ");
        if let Some((name, _)) = given.iter().find(|(name, _)| !self.inputs.iter().any(|(n, _)| n == name)) {
            return Err(Error::shape("run", format!("there is no input '{name}'; the plan takes {}", expected())));
        }
        self.inputs
            .iter()
            .map(|(name, value)| {
                let Some((_, array)) = given.iter().find(|(n, _)| n == name) else {
                    return Err(Error::shape("run", format!("input '{name}' is missing; the plan takes {}", expected())));
                };
                if array.ty() != *self.ty(*value) {
                    return Err(Error::shape("run", format!("input '{name}' is {}, the plan takes {}", array.ty(), self.ty(*value))));
                }
                Ok(*array)
            })
            .collect()
    }

    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let _ = writeln!(text, "{:24} {}", step.label, self.signature(step));
        }
        text
    }

    /// Input and output types of a step: `f32[1, 3] f32[3] -> f32[1, 3]`.
    pub(super) fn signature(&self, step: &Step) -> String {
        step.signature(|value| self.ty(value))
    }
}

impl Step {
    /// Input and output types, as `ty` has them of values.
    pub(super) fn signature<'a>(&self, ty: impl Fn(usize) -> &'a TensorType) -> String {
        let list = |values: &[usize]| values.iter().map(|&v| ty(v).to_string()).collect::<Vec<_>>().join(" ");
        format!("{} -> {}", list(&self.inputs), list(&self.outputs))
    }
}

/// Which values the outputs need, through nodes, through the updates of states that are read, and through what follows these.
fn reachable(graph: &Nodes, outputs: &[usize]) -> Vec<bool> {
    let mut needed = vec![false; graph.values.len()];
    let mut open = outputs.to_vec();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut needed[id], true) {
            continue;
        }
        match &graph.values[id].source {
            Source::Node(node) => open.extend(graph.nodes[*node].inputs.iter().chain(&graph.nodes[*node].outputs)),
            Source::State { next, followers, .. } => open.extend(next.iter().chain(followers)),
            _ => {}
        }
    }
    needed
}
