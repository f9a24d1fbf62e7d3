//! Normalisations, softmax among them.

use super::Table;
use crate::array::elements;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::{BatchNorm, LayerNorm, LpNorm, Lrn};

pub(super) const TABLE: Table = &[
    ("BatchNormalization", batch_norm),
    ("GroupNormalization", group_norm),
    ("InstanceNormalization", instance_norm),
    ("LRN", lrn),
    ("LayerNormalization", layer_norm),
    ("LogSoftmax", |n| softmax(n, Var::log_softmax)),
    ("LpNormalization", lp_norm),
    ("MeanVarianceNormalization", mean_variance),
    ("Softmax", |n| softmax(n, Var::softmax)),
];

/// Before version 13 all dimensions from `axis` on are one row.
pub(super) fn softmax(node: &Node<'_>, f: fn(&Var, isize) -> Result<Var>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let rank = input.shape().len();
    if node.opset >= 13 {
        let axis = node.axis(node.int("axis", -1)?, rank)?;
        return node.same(f(&input, isize::try_from(axis).unwrap_or(isize::MAX))?);
    }
    let axis = node.axis(node.int("axis", 1)?, rank)?;
    let (outer, inner) = input.shape().split_at(axis);
    let rows = f(&input.reshape([elements(outer), elements(inner)])?, -1)?;
    node.same(rows.reshape(input.shape().to_vec())?)
}

/// Before version 14 training has outputs of its own and goes by `is_test`; files are run for inference.
fn batch_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    let eps = node.float("epsilon", 1e-5)?;
    node.ignore(&["consumed_inputs", "is_test"]);
    let momentum = node.float("momentum", 0.9)?;
    if !node.flag("spatial", true)? {
        return Err(node.unsupported("spatial = 0, statistics for each pixel"));
    }
    let (input, scale, bias, mean, variance) = (node.var(0)?, node.var(1)?, node.var(2)?, node.var(3)?, node.var(4)?);
    if node.flag("training_mode", false)? {
        let outputs = input.batch_norm_training(&scale, &bias, &mean, &variance, momentum, BatchNorm { eps })?;
        let elems = [node.elem(0)?, node.elem(3)?, node.elem(4)?];
        return Ok(elems.into_iter().zip(outputs).map(|(elem, var)| Value::of(elem, var)).collect());
    }
    node.same(input.batch_norm(&scale, &bias, &mean, &variance, BatchNorm { eps })?)
}

fn instance_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    node.same(node.var(0)?.instance_norm(Some(&node.var(1)?), Some(&node.var(2)?), node.float("epsilon", 1e-5)?)?)
}

/// Version 18 has a scale and a bias for each group, version 21 for each channel.
fn group_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["stash_type"]);
    let (input, scale, bias) = (node.var(0)?, node.var(1)?, node.var(2)?);
    let groups = node.size("num_groups", node.required_int("num_groups")?)?;
    let channels = input.shape().get(1).copied().unwrap_or(0);
    let each = |var: Var| -> Result<Var> {
        if node.opset >= 21 || groups == 0 || var.shape() != [groups] {
            return Ok(var);
        }
        var.unsqueeze(1)?.expand([groups, channels / groups])?.flatten(0)
    };
    node.same(input.group_norm(groups, Some(&each(scale)?), Some(&each(bias)?), node.float("epsilon", 1e-5)?)?)
}

fn layer_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["stash_type"]);
    let (input, scale, bias) = (node.var(0)?, node.var(1)?, node.optional(2)?);
    let axis = node.axis(node.int("axis", -1)?, input.shape().len())?;
    let attributes = LayerNorm { axis: isize::try_from(axis).unwrap_or(isize::MAX), eps: node.float("epsilon", 1e-5)? };
    // A scale may be smaller than a row and broadcast to it.
    let row = input.shape()[axis..].to_vec();
    let (scale, bias) = (scale.expand(row.clone())?, bias.map(|b| b.expand(row)).transpose()?);
    if !node.wants(1) && !node.wants(2) {
        return node.same(input.layer_norm(Some(&scale), bias.as_ref(), attributes)?);
    }
    let [output, mean, deviation] = input.layer_norm_with_statistics(Some(&scale), bias.as_ref(), attributes)?;
    Ok(vec![Value::of(node.elem(0)?, output), Value::of(Elem::Float, mean), Value::of(Elem::Float, deviation)])
}

fn lrn(node: &Node<'_>) -> Result<Vec<Value>> {
    let size = node.size("size", node.required_int("size")?)?;
    let attributes =
        Lrn { alpha: node.float("alpha", 1e-4)?, beta: node.float("beta", 0.75)?, bias: node.float("bias", 1.0)?, ..Lrn::new(size) };
    node.same(node.var(0)?.lrn(attributes)?)
}

fn lp_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let axis = node.axis(node.int("axis", -1)?, input.shape().len())?;
    let norm = match node.int("p", 2)? {
        1 => LpNorm::L1,
        2 => LpNorm::L2,
        p => return Err(node.wrong(format!("p is {p}, not 1 or 2"))),
    };
    node.same(input.lp_norm(isize::try_from(axis).unwrap_or(isize::MAX), norm)?)
}

fn mean_variance(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let axes = node.int_list("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let axes = axes.into_iter().map(|a| Ok(isize::try_from(node.axis(a, input.shape().len())?).unwrap_or(isize::MAX)));
    node.same(input.mean_variance_normalization(&axes.collect::<Result<Vec<_>>>()?)?)
}
