//! The graph: a computation, built eagerly. Shapes are checked at the call, nothing runs.

mod gradient;
mod known;
mod recompute;
mod var;

pub(crate) use known::Known;
pub use var::Var;

use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::ops::Op;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A computation under construction. Clones are the same graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    inner: Arc<Mutex<Nodes>>,
}

/// What a graph holds: values, and the nodes that compute some of them, both in the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes {
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    /// The nodes of each part that gradients compute again, in the order of their ends.
    parts: Vec<Range<usize>>,
    /// Constants that all share who ask for them, by what they are filled with and their shapes.
    shared: HashMap<(Filling, Vec<usize>), usize>,
    /// What the nodes that are added now stem from.
    origin: Option<Arc<str>>,
}

/// What the numbers of a shared constant are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Filling {
    /// 0.
    Zeros,
    /// 0, 1, 2 and so on.
    Counted,
}

/// A tensor in the graph.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) ty: Arc<TensorType>,
    pub(crate) source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Given at every run.
    Input(String),
    /// Known now; what depends on constants alone is computed at compile time.
    Constant(Arc<Array>),
    /// Stays on the device from plan to plan.
    Parameter(Arc<Array>),
    /// Stays on the device from run to run; `next` replaces it at the end of each. Plans that hold it hold its `followers`.
    State { name: String, initial: Arc<Array>, next: Option<usize>, followers: Vec<usize> },
    /// Computed by the node of this index.
    Node(usize),
}

/// An operator applied to values.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<usize>,
    /// What it stems from, for people: the node of a file.
    pub(crate) origin: Option<Arc<str>>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tensor that every run is given under `name`.
    ///
    /// # Errors
    /// If the type has no elements or the name is taken.
    pub fn input(&self, name: &str, ty: TensorType) -> Result<Var> {
        let mut nodes = self.lock();
        let taken = nodes.values.iter().any(|v| matches!(&v.source, Source::Input(n) if n == name));
        if taken {
            return Err(Error::shape("input", format!("the graph has an input '{name}' already")));
        }
        self.add(&mut nodes, "input", ty, Source::Input(name.to_owned()))
    }

    /// A tensor known now. Whatever depends on constants alone is computed when a plan is compiled.
    ///
    /// # Errors
    /// If the array has no elements.
    pub fn constant(&self, array: impl Into<Arc<Array>>) -> Result<Var> {
        let array = array.into();
        self.add(&mut self.lock(), "constant", array.ty(), Source::Constant(array))
    }

    /// One constant for all who ask for this filling and shape. The steps of a sequence do, each for its part of a gradient.
    pub(crate) fn shared(&self, filling: Filling, shape: &[usize]) -> Result<Var> {
        let mut nodes = self.lock();
        let key = (filling, shape.to_vec());
        if let Some(&id) = nodes.shared.get(&key) {
            return Ok(Var::new(self.clone(), id, Arc::clone(&nodes.values[id].ty)));
        }
        let array = Arc::new(match filling {
            Filling::Zeros => Array::full(shape, 0.0f32),
            Filling::Counted => Array::from_fn(shape, |i| i as f32),
        });
        let var = self.add(&mut nodes, "constant", array.ty(), Source::Constant(array))?;
        nodes.shared.insert(key, var.id());
        Ok(var)
    }

    /// A weight: uploaded once per device for all plans that use the same `Arc`.
    ///
    /// # Errors
    /// If the array has no elements.
    pub fn parameter(&self, array: impl Into<Arc<Array>>) -> Result<Var> {
        let array = array.into();
        self.add(&mut self.lock(), "parameter", array.ty(), Source::Parameter(array))
    }

    /// A tensor that stays on the device from run to run, `initial` at first. See [`Graph::update`].
    ///
    /// # Errors
    /// If the array has no elements or the name is taken.
    pub fn state(&self, name: &str, initial: impl Into<Arc<Array>>) -> Result<Var> {
        let initial = initial.into();
        let mut nodes = self.lock();
        let taken = nodes.values.iter().any(|v| matches!(&v.source, Source::State { name: n, .. } if n == name));
        if taken {
            return Err(Error::shape("state", format!("the graph has a state '{name}' already")));
        }
        self.add(&mut nodes, "state", initial.ty(), Source::State { name: name.to_owned(), initial, next: None, followers: Vec::new() })
    }

    /// At the end of every run, `state` becomes `next`.
    ///
    /// # Errors
    /// If `state` is no state of this graph, or the types differ.
    pub fn update(&self, state: &Var, next: &Var) -> Result<()> {
        self.own("update", &[state, next])?;
        if state.ty() != next.ty() {
            return Err(Error::shape("update", format!("the state is {}, its next value {}", state.ty(), next.ty())));
        }
        match &mut self.lock().values[state.id()].source {
            Source::State { next: slot, .. } => {
                *slot = Some(next.id());
                Ok(())
            }
            _ => Err(Error::shape("update", "the first argument is not a state")),
        }
    }

    /// Wherever a plan holds `state`, it holds `follower` too and updates it, though nothing else may read that: a count of runs, a mean.
    ///
    /// # Errors
    /// If one of them is no state of this graph.
    pub fn follow(&self, state: &Var, follower: &Var) -> Result<()> {
        self.own("follow", &[state, follower])?;
        let mut nodes = self.lock();
        let is_state = matches!(nodes.values[follower.id()].source, Source::State { .. });
        match &mut nodes.values[state.id()].source {
            Source::State { followers, .. } if is_state => {
                followers.push(follower.id());
                Ok(())
            }
            _ => Err(Error::shape("follow", "only states follow states")),
        }
    }

    /// What `state` is at first, and what it becomes at the end of a run if it was told; `None` of what is no state of this graph.
    pub(crate) fn course(&self, state: &Var) -> Option<(Arc<Array>, Option<Var>)> {
        let nodes = self.lock();
        let Source::State { initial, next, .. } = &nodes.values.get(state.id()).filter(|_| state.graph().same(self))?.source else {
            return None;
        };
        let next = next.map(|id| Var::new(self.clone(), id, Arc::clone(&nodes.values[id].ty)));
        Some((Arc::clone(initial), next))
    }

    /// The states that become something else at the end of a run, and what, in the order they were added.
    pub(crate) fn updates(&self) -> Vec<(Var, Var)> {
        let nodes = self.lock();
        let var = |id: usize| Var::new(self.clone(), id, Arc::clone(&nodes.values[id].ty));
        let update = |(id, value): (usize, &Value)| match value.source {
            Source::State { next: Some(next), .. } => Some((var(id), var(next))),
            _ => None,
        };
        nodes.values.iter().enumerate().filter_map(update).collect()
    }

    /// The state called `name`, if there is one.
    pub fn find_state(&self, name: &str) -> Option<Var> {
        let nodes = self.lock();
        let id = nodes.values.iter().position(|v| matches!(&v.source, Source::State { name: n, .. } if n == name))?;
        Some(Var::new(self.clone(), id, Arc::clone(&nodes.values[id].ty)))
    }

    /// Applies `op` to `inputs`: infers the outputs' types and adds a node.
    ///
    /// # Errors
    /// What the operator's `infer` refuses; inputs of another graph; outputs without elements.
    pub fn apply(&self, op: impl Op + 'static, inputs: &[&Var]) -> Result<Vec<Var>> {
        self.apply_dyn(Arc::new(op), inputs)
    }

    /// [`Graph::apply`] for an operator that is shared already.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn apply_dyn(&self, op: Arc<dyn Op>, inputs: &[&Var]) -> Result<Vec<Var>> {
        let name = op.name();
        self.own(name, inputs)?;
        let types: Vec<&TensorType> = inputs.iter().map(|v| v.ty()).collect();
        let outputs = op.infer(&types)?;
        let mut nodes = self.lock();
        let node = nodes.nodes.len();
        let vars = outputs.into_iter().map(|ty| self.add(&mut nodes, name, ty, Source::Node(node))).collect::<Result<Vec<_>>>()?;
        let (inputs, outputs) = (inputs.iter().map(|v| v.id()).collect(), vars.iter().map(Var::id).collect());
        let origin = nodes.origin.clone();
        nodes.nodes.push(Node { op, inputs, outputs, origin });
        Ok(vars)
    }

    /// Says what the nodes added from now on stem from, for reports about them; gives what was said before.
    pub fn set_origin(&self, origin: Option<Arc<str>>) -> Option<Arc<str>> {
        std::mem::replace(&mut self.lock().origin, origin)
    }

    /// A copy of the nodes as they stand.
    pub(crate) fn snapshot(&self) -> Nodes {
        self.lock().clone()
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn own(&self, op: &'static str, vars: &[&Var]) -> Result<()> {
        match vars.iter().position(|v| !v.graph().same(self)) {
            Some(i) => Err(Error::shape(op, format!("argument {i} belongs to another graph"))),
            None => Ok(()),
        }
    }

    fn add(&self, nodes: &mut Nodes, op: &'static str, ty: TensorType, source: Source) -> Result<Var> {
        if ty.checked_elements()? == 0 {
            return Err(Error::shape(op, format!("{ty} has no elements")));
        }
        let ty = Arc::new(ty);
        nodes.values.push(Value { ty: Arc::clone(&ty), source });
        Ok(Var::new(self.clone(), nodes.values.len() - 1, ty))
    }

    fn lock(&self) -> MutexGuard<'_, Nodes> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
