//! `Var`: a handle to a value of a graph. Its operator methods live in the operators' own files.

use super::{Graph, Source};
use crate::array::{DType, TensorType};
use crate::error::{Error, Result};
use crate::ops::Op;
use std::sync::Arc;

/// A tensor in a [`Graph`]: known by its type, not yet by its values. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Var {
    graph: Graph,
    id: usize,
    ty: Arc<TensorType>,
}

impl Var {
    pub(super) fn new(graph: Graph, id: usize, ty: Arc<TensorType>) -> Self {
        Self { graph, id, ty }
    }

    pub(crate) fn id(&self) -> usize {
        self.id
    }

    /// The operator whose only output this is, and its inputs.
    pub(crate) fn maker(&self) -> Option<(Arc<dyn Op>, Vec<Self>)> {
        let nodes = self.graph.lock();
        let Source::Node(node) = nodes.values.get(self.id)?.source else { return None };
        let node = nodes.nodes.get(node).filter(|node| node.outputs.len() == 1)?;
        let var = |&id: &usize| Self::new(self.graph.clone(), id, Arc::clone(&nodes.values[id].ty));
        Some((Arc::clone(&node.op), node.inputs.iter().map(var).collect()))
    }

    /// The graph this value belongs to.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Dtype and shape.
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// The size of each dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.ty.dtype
    }

    /// Applies an operator with one output to this value and `others`.
    pub(crate) fn apply1(&self, op: impl Op + 'static, others: &[&Self]) -> Result<Self> {
        let name = op.name();
        let outputs = self.apply_all(op, others)?;
        let [output] = <[Self; 1]>::try_from(outputs).map_err(|v| Error::shape(name, format!("has {} outputs, not one", v.len())))?;
        Ok(output)
    }

    /// Applies an operator to this value and `others`.
    pub(crate) fn apply_all(&self, op: impl Op + 'static, others: &[&Self]) -> Result<Vec<Self>> {
        let inputs: Vec<&Self> = std::iter::once(self).chain(others.iter().copied()).collect();
        self.graph.apply(op, &inputs)
    }
}
