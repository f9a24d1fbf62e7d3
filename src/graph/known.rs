//! Values that are known before anything runs, because they depend on known values alone.

use super::{Nodes, Source, Var};
use crate::array::Array;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most elements that a value on the way may have.
const LIMIT: usize = 1 << 22;
/// The most elements and multiply-adds of all computed values together: a file cannot keep this busy for long.
const WORK: usize = 1 << 26;

/// A value, and the inputs that it depends on.
type Answer = (Arc<Array>, Arc<BTreeSet<String>>);

/// What has been computed of one graph's values, by the operators' references.
#[derive(Debug, Default)]
pub(crate) struct Known {
    values: HashMap<usize, Answer>,
    /// Values that were asked for and are not known.
    unknown: HashSet<usize>,
    work: usize,
}

impl Known {
    /// The value of `var` and the inputs it depends on, if constants and the inputs that `given` has determine it; `given` is the same
    /// every time. What was answered once costs nothing again, so that a loop may ask about a value that grows with its turns.
    pub(crate) fn of(&mut self, var: &Var, given: &HashMap<String, Arc<Array>>) -> Result<Option<Answer>> {
        let graph = var.graph().lock();
        let found = self.compute(&graph, var.id(), given)?;
        if found.is_none() {
            self.unknown.insert(var.id());
        }
        Ok(found)
    }

    fn compute(&mut self, graph: &Nodes, wanted: usize, given: &HashMap<String, Arc<Array>>) -> Result<Option<Answer>> {
        let (mut open, mut nodes) = (vec![wanted], BTreeSet::new());
        while let Some(id) = open.pop() {
            if self.values.contains_key(&id) {
                continue;
            }
            if self.unknown.contains(&id) || graph.values[id].ty.elements() > LIMIT {
                return Ok(None);
            }
            let (array, inputs) = match &graph.values[id].source {
                Source::Constant(array) | Source::Parameter(array) => (array, BTreeSet::new()),
                Source::Input(name) => match given.get(name) {
                    Some(array) => (array, BTreeSet::from([name.clone()])),
                    None => return Ok(None),
                },
                Source::State { .. } => return Ok(None),
                Source::Node(node) => {
                    if nodes.insert(*node) {
                        open.extend(&graph.nodes[*node].inputs);
                    }
                    continue;
                }
            };
            self.values.insert(id, (Arc::clone(array), Arc::new(inputs)));
        }
        // Nodes stand in the graph in an order in which each finds its inputs computed.
        for node in nodes.into_iter().map(|n| &graph.nodes[n]) {
            let types = |values: &[usize]| values.iter().map(|&v| &*graph.values[v].ty).collect::<Vec<_>>();
            let (from, to) = (types(&node.inputs), types(&node.outputs));
            let moved = from.iter().chain(&to).map(|ty| ty.elements()).sum::<usize>();
            self.work =
                self.work.saturating_add(moved).saturating_add(usize::try_from(node.op.multiply_adds(&from, &to)).unwrap_or(usize::MAX));
            if self.work > WORK {
                return Ok(None);
            }
            let known: Option<Vec<_>> = node.inputs.iter().map(|i| self.values.get(i)).collect();
            let known = known.ok_or_else(|| Error::shape("known", "an input is not computed"))?;
            let results = node.op.reference(&known.iter().map(|(array, _)| &**array).collect::<Vec<_>>())?;
            let inputs = Arc::new(known.iter().flat_map(|(_, inputs)| inputs.iter().cloned()).collect::<BTreeSet<_>>());
            self.values.extend(node.outputs.iter().copied().zip(results.into_iter().map(|array| (Arc::new(array), Arc::clone(&inputs)))));
        }
        Ok(self.values.get(&wanted).cloned())
    }
}
