//! Gradients: the chain rule backwards through a graph, as new nodes of the same graph.

use super::recompute::Recomputed;
use super::{Filling, Graph, Node, Nodes, Var};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::ops::{sum_of, waits};

impl Var {
    /// The derivatives of this loss, one f32 number, with respect to each of `with_respect_to`, in their order and shapes.
    ///
    /// They are nodes of the same graph, so that a plan may compute loss, gradients and updates in one run. Only nodes on a way
    /// from one of `with_respect_to` to the loss are visited, the last one first; where several ways lead to a value, their
    /// gradients are added in that order, which depends on the graph alone, or together: those of a layer's weight at many steps of a
    /// sequence are one product. What the loss does not depend on has zeros.
    /// Integers and truth values carry no gradient: ways through them count as none.
    ///
    /// ```
    /// # fn main() -> foveate::Result<()> {
    /// # use foveate::{array::{Array, TensorType}, graph::Graph, plan::{Device, Plan}};
    /// let graph = Graph::new();
    /// let x = graph.input("x", TensorType::f32([3]))?;
    /// let loss = x.mul(&x)?.reduce_sum(&[], false)?;
    /// let gradients = loss.gradient(&[&x])?;
    /// let mut plan = Plan::compile(Device::Cpu, &[&gradients[0]])?;
    /// assert_eq!(plan.run(&[("x", &Array::from_fn([3], |i| i as f32))])?[0].to_f64(), [0.0, 2.0, 4.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If this is not one f32 number, a value is not f32 or of another graph, or an operator on the way has no gradient.
    pub fn gradient(&self, with_respect_to: &[&Self]) -> Result<Vec<Self>> {
        if self.dtype() != DType::F32 || self.ty().elements() != 1 {
            return Err(Error::shape("gradient", format!("the loss must be one f32 number, it is {}", self.ty())));
        }
        self.graph().own("gradient", with_respect_to)?;
        if let Some(value) = with_respect_to.iter().find(|v| v.dtype() != DType::F32) {
            return Err(Error::shape("gradient", format!("with respect to {}; only f32 has gradients", value.ty())));
        }
        let one = self.graph().constant(Array::full(self.shape(), 1.0f32))?;
        let found = self.graph().backwards(0, &[(self.clone(), one)], with_respect_to)?;
        let zeros = |value: &Self| self.graph().shared(Filling::Zeros, value.shape());
        found.into_iter().zip(with_respect_to).map(|(gradient, value)| gradient.map_or_else(|| zeros(value), Ok)).collect()
    }
}

impl Graph {
    /// How many nodes there are: the first that is added from now on has this number.
    pub(crate) fn node_count(&self) -> usize {
        self.lock().nodes.len()
    }

    /// From `outputs` with their gradients those of `with_respect_to`, through the nodes from number `first` on. What depends on
    /// none of the outputs has none.
    ///
    /// # Errors
    /// If an operator on the way has no gradient.
    pub(crate) fn backwards(&self, first: usize, outputs: &[(Var, Var)], with_respect_to: &[&Var]) -> Result<Vec<Option<Var>>> {
        // Nodes added on the way back stand behind these and are not visited.
        let nodes = self.snapshot();
        let visited = nodes.nodes.get(first..).unwrap_or_default();
        let carries = nodes.carries(visited, with_respect_to);
        let mut gradients: Vec<Sum> = vec![Sum::default(); nodes.values.len()];
        // In parts that are computed again, what a step leaves must not wait for the others.
        let at_once = !nodes.parts.is_empty();
        for (output, gradient) in outputs {
            gradients[output.id()].add(gradient.clone(), at_once)?;
        }
        let mut recomputed = Recomputed::of(self, &nodes);
        for (number, node) in visited.iter().enumerate().rev() {
            let reached = node.outputs.iter().any(|&v| gradients[v].is_some());
            if !reached || !node.inputs.iter().any(|&v| carries[v]) {
                continue;
            }
            recomputed.enter(first + number)?;
            let [inputs, outputs] = [&node.inputs, &node.outputs].map(|values| recomputed.vars(values));
            let output_grads = node.outputs.iter().map(|&v| gradients[v].all()).collect::<Result<Vec<_>>>()?;
            let found = node.op.gradient(&inputs, &outputs, &output_grads)?;
            if found.len() != inputs.len() {
                let reason = format!("has {} inputs and gradients for {}", inputs.len(), found.len());
                return Err(Error::shape(node.op.name(), reason));
            }
            for ((&value, input), gradient) in node.inputs.iter().zip(&inputs).zip(found) {
                let Some(gradient) = gradient.filter(|_| carries[value]) else { continue };
                if gradient.ty() != input.ty() {
                    let reason = format!("the gradient of an input {} is {}", input.ty(), gradient.ty());
                    return Err(Error::shape(node.op.name(), reason));
                }
                gradients[value].add(gradient, at_once)?;
            }
        }
        with_respect_to.iter().map(|v| gradients.get_mut(v.id()).map_or(Ok(None), Sum::all)).collect()
    }
}

/// The gradients that several ways have led to.
#[derive(Clone, Debug, Default)]
struct Sum {
    /// Of those that were added at once.
    sum: Option<Var>,
    /// Those that come to less work together.
    waiting: Vec<Var>,
}

impl Sum {
    fn is_some(&self) -> bool {
        self.sum.is_some() || !self.waiting.is_empty()
    }

    fn add(&mut self, gradient: Var, at_once: bool) -> Result<()> {
        if !at_once && waits(&gradient) {
            self.waiting.push(gradient);
            return Ok(());
        }
        self.sum = Some(match self.sum.take() {
            Some(before) => before.add(&gradient)?,
            None => gradient,
        });
        Ok(())
    }

    /// All of them, added up.
    fn all(&mut self) -> Result<Option<Var>> {
        if let Some(waited) = sum_of(&std::mem::take(&mut self.waiting))? {
            self.add(waited, true)?;
        }
        Ok(self.sum.clone())
    }
}

impl Nodes {
    /// For each value whether it depends on one of `sources` through floats and `nodes` alone, so that a gradient flows through it.
    fn carries(&self, nodes: &[Node], sources: &[&Var]) -> Vec<bool> {
        let mut carries = vec![false; self.values.len()];
        for source in sources {
            carries[source.id()] = true;
        }
        // A node stands behind those that compute its inputs.
        for node in nodes {
            if node.inputs.iter().any(|&v| carries[v]) {
                for &output in &node.outputs {
                    let float = matches!(self.values[output].ty.dtype, DType::F32 | DType::F16 | DType::F64);
                    carries[output] |= float;
                }
            }
        }
        carries
    }
}
