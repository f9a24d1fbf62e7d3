//! Values that are known before anything runs, because they depend on known values alone.

use super::{Source, Var};
use crate::array::Array;
use crate::error::{Error, Result};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The most elements that a value on the way may have.
const LIMIT: usize = 1 << 22;
/// The most elements that all computed values may have together: a file cannot keep this busy for long.
const WORK: usize = 1 << 26;

/// What has been computed of one graph's values, by the operators' references.
#[derive(Debug, Default)]
pub(crate) struct Known {
    values: HashMap<usize, Arc<Array>>,
    work: usize,
}

impl Known {
    /// The value of `var` and the inputs it depends on, if constants and the inputs that `given` has determine it.
    pub(crate) fn of(&mut self, var: &Var, given: &HashMap<String, Arc<Array>>) -> Result<Option<(Arc<Array>, BTreeSet<String>)>> {
        let graph = var.graph().lock();
        let (mut open, mut seen, mut nodes, mut inputs) = (vec![var.id()], BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match &graph.values[id].source {
                Source::Constant(array) | Source::Parameter(array) => drop(self.values.insert(id, Arc::clone(array))),
                Source::Input(name) => {
                    let Some(array) = given.get(name) else { return Ok(None) };
                    inputs.insert(name.clone());
                    self.values.insert(id, Arc::clone(array));
                }
                Source::State { .. } => return Ok(None),
                Source::Node(node) => {
                    nodes.insert(*node);
                    open.extend(&graph.nodes[*node].inputs);
                }
            }
            if graph.values[id].ty.elements() > LIMIT {
                return Ok(None);
            }
        }
        // Nodes stand in the graph in an order in which each finds its inputs computed.
        for node in nodes.into_iter().map(|n| &graph.nodes[n]) {
            if node.outputs.iter().all(|o| self.values.contains_key(o)) {
                continue;
            }
            self.work += node.inputs.iter().chain(&node.outputs).map(|&v| graph.values[v].ty.elements()).sum::<usize>();
            if self.work > WORK {
                return Ok(None);
            }
            let known: Option<Vec<&Array>> = node.inputs.iter().map(|i| self.values.get(i).map(|a| &**a)).collect();
            let results = node.op.reference(&known.ok_or_else(|| Error::shape("known", "an input is not computed"))?)?;
            self.values.extend(node.outputs.iter().copied().zip(results.into_iter().map(Arc::new)));
        }
        Ok(self.values.get(&var.id()).map(|array| (Arc::clone(array), inputs)))
    }
}
