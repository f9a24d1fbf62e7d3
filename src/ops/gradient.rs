//! What the gradients of several operators are made of.

use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Filling, Var};

/// The gradient of an operator's one output.
pub(crate) fn the_gradient<'a>(op: &'static str, output_grads: &'a [Option<Var>]) -> Result<&'a Var> {
    output_grads.first().and_then(Option::as_ref).ok_or_else(|| Error::shape(op, "there is no gradient of its output"))
}

/// `value`, which broadcasts with anything, in the graph of `beside`.
pub(crate) fn number(beside: &Var, value: f32) -> Result<Var> {
    beside.graph().constant(Array::scalar(value))
}

/// Zeros of this shape, in the graph of `beside`.
pub(crate) fn zeros(beside: &Var, shape: &[usize]) -> Result<Var> {
    beside.graph().shared(Filling::Zeros, shape)
}

/// `x * factor`
pub(crate) fn scaled(x: &Var, factor: f32) -> Result<Var> {
    x.mul(&number(x, factor)?)
}

/// `gradient` where `condition` is true, 0 elsewhere.
pub(crate) fn only_where(condition: &Var, gradient: &Var) -> Result<Var> {
    condition.where_(gradient, &number(gradient, 0.0)?)
}

/// The gradient of a tensor of `shape` from that of the tensor it was broadcast to: the sum over all its copies.
pub(crate) fn unbroadcast(gradient: &Var, shape: &[usize]) -> Result<Var> {
    if gradient.shape() == shape {
        return Ok(gradient.clone());
    }
    let missing = gradient.shape().len().saturating_sub(shape.len());
    let repeated = |d: usize| d < missing || (shape[d - missing] == 1 && gradient.shape()[d] != 1);
    let axes: Vec<isize> = (0..gradient.shape().len()).filter(|&d| repeated(d)).map(|d| d as isize).collect();
    let summed = if axes.is_empty() { gradient.clone() } else { gradient.reduce_sum(&axes, true)? };
    if summed.shape() == shape { Ok(summed) } else { summed.reshape(shape) }
}

/// The gradients of an operator's f32 inputs from those of its outputs, for one that `build` composes of others: the composition is
/// added to the graph and its own gradients are taken. Of what it computes, only what these need is run.
pub(crate) fn composed(
    inputs: &[Var],
    output_grads: &[Option<Var>],
    build: impl FnOnce(&[Var]) -> Result<Vec<Var>>,
) -> Result<Vec<Option<Var>>> {
    let Some(graph) = inputs.first().map(Var::graph) else { return Ok(Vec::new()) };
    // The outputs' gradients may depend on the inputs, by nodes before these.
    let first = graph.node_count();
    let outputs = build(inputs)?.into_iter().zip(output_grads).filter_map(|(output, grad)| Some((output, grad.clone()?)));
    let floats: Vec<&Var> = inputs.iter().filter(|v| v.dtype() == DType::F32).collect();
    let mut gradients = graph.backwards(first, &outputs.collect::<Vec<_>>(), &floats)?.into_iter();
    Ok(inputs.iter().map(|v| if v.dtype() == DType::F32 { gradients.next().flatten() } else { None }).collect())
}
