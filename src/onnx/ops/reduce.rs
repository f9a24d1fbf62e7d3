//! Reductions: one number from those along some axes.

use super::Table;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("ArgMax", |n| position(n, Var::argmax)),
    ("ArgMin", |n| position(n, Var::argmin)),
    ("ReduceL1", |n| reduce(n, Var::reduce_l1, 0.0)),
    ("ReduceL2", |n| reduce(n, Var::reduce_l2, 0.0)),
    ("ReduceLogSum", |n| reduce(n, Var::reduce_log_sum, f32::NEG_INFINITY)),
    ("ReduceLogSumExp", |n| reduce(n, Var::reduce_log_sum_exp, f32::NEG_INFINITY)),
    ("ReduceMax", |n| reduce(n, Var::reduce_max, f32::NEG_INFINITY)),
    ("ReduceMean", |n| reduce(n, Var::reduce_mean, f32::NAN)),
    ("ReduceMin", |n| reduce(n, Var::reduce_min, f32::INFINITY)),
    ("ReduceProd", |n| reduce(n, Var::reduce_prod, 1.0)),
    ("ReduceSum", |n| reduce(n, Var::reduce_sum, 0.0)),
    ("ReduceSumSquare", |n| reduce(n, Var::reduce_sum_square, 0.0)),
];

type Function = fn(&Var, &[isize], bool) -> Result<Var>;

/// `nothing` is what a reduction of no elements gives.
fn reduce(node: &Node<'_>, f: Function, nothing: f32) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let since = if node.message.op_type == "ReduceSum" { 13 } else { 18 };
    let axes = node.axes(1, since)?.unwrap_or_default();
    let keepdims = node.flag("keepdims", true)?;
    let identity = node.opset >= since && node.flag("noop_with_empty_axes", false)? && axes.is_empty();
    let axes = axes.iter().map(|&a| node.axis(a, shape.len())).collect::<Result<Vec<usize>>>()?;
    // Each element by itself: what a formula does beside its sum is done, as ONNX Runtime and newer texts of version 18 have it.
    let more = matches!(node.message.op_type.as_str(), "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceSumSquare");
    if identity && (!more || shape.contains(&0)) {
        return Ok(vec![node.value(0)?.clone()]);
    }
    if shape.contains(&0) {
        return reduce_nothing(node, &shape, &axes, keepdims, nothing);
    }
    let input = node.var(0)?;
    if identity || shape.is_empty() && axes.is_empty() {
        // Of one number the function's formula remains. A dimension of size 1 lets it be computed.
        return node.wrapped(f(&input.reshape([&shape[..], &[1]].concat())?, &[-1], false)?);
    }
    let axes: Vec<isize> = axes.into_iter().map(|a| isize::try_from(a).unwrap_or(isize::MAX)).collect();
    if input.dtype() == DType::Bool {
        return node.same(f(&input.cast(DType::I32)?, &axes, keepdims)?.cast(DType::Bool)?);
    }
    node.wrapped(f(&input, &axes, keepdims)?)
}

fn reduce_nothing(node: &Node<'_>, shape: &[usize], axes: &[usize], keepdims: bool, nothing: f32) -> Result<Vec<Value>> {
    let gone = |axis: &usize| axes.is_empty() || axes.contains(axis);
    let left: Vec<usize> = match keepdims {
        true => shape.iter().enumerate().map(|(i, &d)| if gone(&i) { 1 } else { d }).collect(),
        false => shape.iter().enumerate().filter(|(i, _)| !gone(i)).map(|(_, &d)| d).collect(),
    };
    let elem = node.elem(0)?;
    if left.contains(&0) {
        return node.empty(elem, left);
    }
    if !elem.is_float() {
        return Err(node.unsupported(format!("a reduction of no {elem} elements")));
    }
    node.same(node.constant(Array::scalar(nothing))?.expand(left)?)
}

fn position(node: &Node<'_>, f: fn(&Var, isize, bool, bool) -> Result<Var>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let axis = isize::try_from(node.int("axis", 0)?).map_err(|_| node.wrong("'axis' is out of range"))?;
    node.typed(Elem::Int64, f(&input, axis, node.flag("keepdims", true)?, node.flag("select_last_index", false)?)?)
}
