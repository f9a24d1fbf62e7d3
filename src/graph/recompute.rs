//! Parts of a computation that the backward pass computes again instead of keeping what they made.
//!
//! ```text
//! forward    x -> part -> y                            what lies between x and y is free once y is there
//! backward   dy -> part again, from x -> dx            then what lies between is free again
//! ```
//!
//! The walk back through the graph applies a part's operators once more when it first comes to one of its nodes, and hands the new
//! values to the operators' gradients in place of the old ones. The old ones are then read by the forward pass alone. The new nodes
//! stand behind all that has led to the part, and plans run nodes in the order in which they were added: fusing and absorbing move them
//! to the back, nothing to the front. So no barrier is needed that would keep them from running at once.

use super::{Graph, Nodes, Source, Var};
use crate::error::Result;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

impl Graph {
    /// What `part` makes, of which gradients keep nothing but what is read outside: where they need a value between, they compute the
    /// part again. `PyTorch` calls this `checkpoint`, JAX `checkpoint` or `remat`.
    ///
    /// A part may be a step of a sequence or a stage of a network. Its inputs are whatever its nodes read of what was there before;
    /// these are kept, and so is what it makes for others. A sequence of T steps, each a part, needs memory for T states and one step
    /// in place of T steps; in parts of sqrt T steps each, for sqrt T states and as many steps. What is paid is one more forward pass for
    /// each depth of parts, at most: only what gradients need runs again.
    ///
    /// Parts may hold parts, which are computed once more for themselves. States, and with them random numbers, are in
    /// the second pass what they were in the first, and are updated once. Gradients are those of the same operators on the same
    /// values, added one by one where without parts those of a weight at many steps are one product. A plan may fuse or absorb in the
    /// first pass what without parts it has to keep: where a device rounds differently then, last digits differ. Second derivatives are
    /// right too, but are added in another order. A gradient that is taken inside a part keeps that part's values, since it is not
    /// complete by then.
    ///
    /// ```
    /// # fn main() -> foveate::Result<()> {
    /// # use foveate::{array::{Array, TensorType}, graph::Graph, plan::Cost};
    /// let working = |parts: bool| {
    ///     let graph = Graph::new();
    ///     let w = graph.input("w", TensorType::f32([8, 8]))?;
    ///     let mut h = graph.input("h", TensorType::f32([1000, 8]))?;
    ///     for _ in 0..32 {
    ///         let step = || h.matmul(&w)?.tanh()?.matmul(&w)?.tanh()?.matmul(&w)?.tanh();
    ///         h = if parts { graph.recomputed(step)? } else { step()? };
    ///     }
    ///     let loss = h.reduce_sum(&[], false)?;
    ///     Ok::<_, foveate::Error>(Cost::of(&[&loss.gradient(&[&w])?[0]])?.working)
    /// };
    /// // 32 states of 32 kB and what a step makes, in place of three times as many.
    /// assert!(working(true)? < 44 * 32_000 && working(false)? > 96 * 32_000);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `part`: then what it has added is no part.
    #[doc(alias = "checkpoint")]
    #[doc(alias = "remat")]
    pub fn recomputed<T>(&self, part: impl FnOnce() -> Result<T>) -> Result<T> {
        let first = self.node_count();
        let made = part()?;
        let mut nodes = self.lock();
        let end = nodes.nodes.len();
        nodes.parts.push(first..end);
        Ok(made)
    }
}

/// The values that gradients are computed from, while a walk goes backwards through the nodes.
pub(super) struct Recomputed<'a> {
    graph: &'a Graph,
    nodes: &'a Nodes,
    /// Parts that the walk has not come to, by their ends: the next one last, and those in another one before it.
    parts: &'a [Range<usize>],
    /// For each value whether it depends on more than constants; found when the first part is computed.
    vary: Vec<bool>,
    /// What stands for values of parts. Nodes before a part read none of its values, so that nothing need ever be put back.
    again: HashMap<usize, Var>,
}

impl<'a> Recomputed<'a> {
    /// As a walk begins.
    pub(super) fn of(graph: &'a Graph, nodes: &'a Nodes) -> Self {
        Self { graph, nodes, parts: &nodes.parts, vary: Vec::new(), again: HashMap::new() }
    }

    /// The walk needs the node of this number: the parts that it is in are computed again, the outermost first.
    pub(super) fn enter(&mut self, node: usize) -> Result<()> {
        while let Some((part, rest)) = self.parts.split_last().filter(|(part, _)| node < part.end) {
            self.parts = rest;
            // Else the walk has passed it: no gradient came there.
            if part.contains(&node) {
                self.compute(part.clone())?;
            }
        }
        Ok(())
    }

    /// These values, as gradients are to read them.
    pub(super) fn vars(&self, values: &[usize]) -> Vec<Var> {
        let kept = |v: usize| Var::new(self.graph.clone(), v, Arc::clone(&self.nodes.values[v].ty));
        values.iter().map(|v| self.again.get(v).cloned().unwrap_or_else(|| kept(*v))).collect()
    }

    fn compute(&mut self, part: Range<usize>) -> Result<()> {
        if self.vary.is_empty() {
            self.vary = self.nodes.vary();
        }
        for node in self.nodes.nodes.get(part).unwrap_or_default() {
            // What depends on constants alone is known when a plan is compiled.
            if !node.inputs.iter().any(|&v| self.vary[v]) {
                continue;
            }
            let origin = self.graph.set_origin(node.origin.clone());
            let outputs = self.graph.apply_dyn(Arc::clone(&node.op), &self.vars(&node.inputs).iter().collect::<Vec<_>>());
            self.graph.set_origin(origin);
            self.again.extend(node.outputs.iter().copied().zip(outputs?));
        }
        Ok(())
    }
}

impl Nodes {
    /// For each value whether it depends on more than constants.
    fn vary(&self) -> Vec<bool> {
        let given = |source: &Source| !matches!(source, Source::Constant(_) | Source::Node(_));
        let mut vary: Vec<bool> = self.values.iter().map(|value| given(&value.source)).collect();
        for node in &self.nodes {
            if node.inputs.iter().any(|&v| vary[v]) {
                node.outputs.iter().for_each(|&v| vary[v] = true);
            }
        }
        vary
    }
}
