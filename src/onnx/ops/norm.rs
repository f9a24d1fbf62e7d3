//! Normalisations, softmax among them.

use super::Table;
use crate::array::elements;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::BatchNorm;

pub(super) const TABLE: Table = &[
    ("BatchNormalization", batch_norm),
    ("LogSoftmax", |n| softmax(n, Var::log_softmax)),
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

fn batch_norm(node: &Node<'_>) -> Result<Vec<Value>> {
    let eps = node.float("epsilon", 1e-5)?;
    // Momentum is for training alone; what `is_test` and `spatial` say by default is what is computed.
    node.ignore(&["momentum", "consumed_inputs", "is_test"]);
    if !node.flag("spatial", true)? {
        return Err(node.unsupported("spatial = 0, statistics for each pixel"));
    }
    if node.flag("training_mode", false)? {
        return Err(node.unsupported("training_mode = 1"));
    }
    node.same(node.var(0)?.batch_norm(&node.var(1)?, &node.var(2)?, &node.var(3)?, &node.var(4)?, BatchNorm { eps })?)
}
