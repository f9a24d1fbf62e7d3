//! Operators whose numbers are random: the standard does not say which, so no result of them can be right or wrong.

use super::Table;
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("Bernoulli", refused),
    ("Multinomial", refused),
    ("RandomNormal", refused),
    ("RandomNormalLike", refused),
    ("RandomUniform", refused),
    ("RandomUniformLike", refused),
];

fn refused(node: &Node<'_>) -> Result<Vec<Value>> {
    Err(node.unsupported("its numbers are random, and the standard defines no generator; make them outside and give them as an input"))
}
