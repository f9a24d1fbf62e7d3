//! Functions of two or more numbers, element by element.

use super::Table;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("Add", |n| pair(n, Var::add)),
    ("Div", |n| pair(n, Var::div)),
    ("Mul", |n| pair(n, Var::mul)),
    ("Sub", |n| pair(n, Var::sub)),
];

fn pair(node: &Node<'_>, f: fn(&Var, &Var) -> Result<Var>) -> Result<Vec<Value>> {
    let (a, b) = operands(node)?;
    node.wrapped(f(&a, &b)?)
}

/// Both operands. Before version 7, `broadcast` lets the second one's dimensions meet the first one's from `axis` on.
pub(super) fn operands(node: &Node<'_>) -> Result<(Var, Var)> {
    let (a, b) = (node.var(0)?, node.var(1)?);
    if node.opset >= 7 {
        return Ok((a, b));
    }
    node.ignore(&["consumed_inputs"]);
    let (broadcast, axis) = (node.flag("broadcast", false)?, node.optional_int("axis")?);
    if !broadcast {
        if a.shape() != b.shape() {
            return Err(node.wrong(format!("{} and {} differ, and 'broadcast' is 0", a.ty(), b.ty())));
        }
        return Ok((a, b));
    }
    let Some(axis) = axis else { return Ok((a, b)) };
    let axis = node.axis(axis, a.shape().len())?;
    let behind = a.shape().len().checked_sub(axis + b.shape().len());
    let behind = behind.ok_or_else(|| node.wrong(format!("{} does not fit {} from dimension {axis} on", b.ty(), a.ty())))?;
    let shape: Vec<usize> = b.shape().iter().copied().chain(std::iter::repeat_n(1, behind)).collect();
    Ok((a, b.reshape(shape)?))
}
