//! Operators that pick, place and order elements by index.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::ScatterReduction;

pub(super) const TABLE: Table = &[
    ("CumSum", cumsum),
    ("GatherND", gather_nd),
    ("Hardmax", |n| super::norm::softmax(n, Var::hardmax)),
    ("OneHot", one_hot),
    ("ReverseSequence", reverse_sequence),
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
    ("Tile", tile),
    ("TopK", topk),
    ("Trilu", trilu),
];

/// `axis` of input 0, as the engine's methods take it.
fn axis(node: &Node<'_>, axis: i64) -> Result<isize> {
    let found = node.axis(axis, node.shape(0)?.len())?;
    Ok(isize::try_from(found).unwrap_or(isize::MAX))
}

fn cumsum(node: &Node<'_>) -> Result<Vec<Value>> {
    let given = node.ints(1)?.first().copied().ok_or_else(|| node.wrong("the axis is missing"))?;
    node.wrapped(node.var(0)?.cumsum(axis(node, given)?, node.flag("exclusive", false)?, node.flag("reverse", false)?)?)
}

fn gather_nd(node: &Node<'_>) -> Result<Vec<Value>> {
    let batch_dims = node.size("batch_dims", node.int("batch_dims", 0)?)?;
    node.same(node.var(0)?.gather_nd(&node.var(1)?, batch_dims)?)
}

/// Indices may be of any number type; the depth is known.
fn one_hot(node: &Node<'_>) -> Result<Vec<Value>> {
    let indices = node.var(0)?.cast(DType::I32)?;
    let depth = node.floats(1)?.first().copied().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "a count; what is no count is refused below")]
    let depth = node.size("the depth", depth as i64)?;
    let axis = isize::try_from(node.int("axis", -1)?).map_err(|_| node.wrong("'axis' is out of range"))?;
    node.typed(node.elem(2)?, indices.one_hot(depth, axis, &node.var(2)?)?)
}

fn reverse_sequence(node: &Node<'_>) -> Result<Vec<Value>> {
    let (time, batch) = (node.int("time_axis", 0)?, node.int("batch_axis", 1)?);
    if !matches!((time, batch), (0, 1) | (1, 0)) {
        return Err(node.wrong(format!("time_axis {time} and batch_axis {batch} must be 0 and 1")));
    }
    node.same(node.var(0)?.reverse_sequence(&node.var(1)?, node.size("time_axis", time)?)?)
}

fn reduction(node: &Node<'_>) -> Result<ScatterReduction> {
    Ok(match node.choice("reduction", &["none", "add", "mul", "max", "min"])? {
        "add" => ScatterReduction::Add,
        "mul" => ScatterReduction::Mul,
        "max" => ScatterReduction::Max,
        "min" => ScatterReduction::Min,
        _ => ScatterReduction::None,
    })
}

fn scatter_elements(node: &Node<'_>) -> Result<Vec<Value>> {
    let axis = axis(node, node.int("axis", 0)?)?;
    node.wrapped(node.var(0)?.scatter_elements(axis, &node.var(1)?, &node.var(2)?, reduction(node)?)?)
}

fn scatter_nd(node: &Node<'_>) -> Result<Vec<Value>> {
    node.wrapped(node.var(0)?.scatter_nd(&node.var(1)?, &node.var(2)?, reduction(node)?)?)
}

/// Version 1 repeats one axis; later ones say how often for each.
fn tile(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let count = |v: i64| node.size("a repeat", v);
    let repeats = if node.opset < 6 {
        let first = |i: usize| -> Result<i64> { node.ints(i)?.first().copied().ok_or_else(|| node.wrong("tiles or axis are missing")) };
        let mut repeats = vec![1; input.shape().len()];
        repeats[node.axis(first(2)?, input.shape().len())?] = count(first(1)?)?;
        repeats
    } else {
        node.ints(1)?.into_iter().map(count).collect::<Result<Vec<_>>>()?
    };
    if repeats.contains(&0) {
        let shape = input.shape().iter().zip(&repeats).map(|(s, r)| s.saturating_mul(*r)).collect();
        return node.empty(node.elem(0)?, shape);
    }
    node.same(input.tile(&repeats)?)
}

/// k is an attribute before version 10, and an input from then on. Sorted is as good as unsorted.
fn topk(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["sorted"]);
    let k = if node.opset < 10 { node.required_int("k")? } else { node.ints(1)?.first().copied().unwrap_or(-1) };
    let (k, axis) = (node.size("k", k)?, axis(node, node.int("axis", -1)?)?);
    let (values, indices) = node.var(0)?.topk(k, axis, node.flag("largest", true)?)?;
    Ok(vec![Value::of(node.elem(0)?, values), Value::of(Elem::Int64, indices)])
}

fn trilu(node: &Node<'_>) -> Result<Vec<Value>> {
    let k = node.optional_ints(1)?.and_then(|k| k.first().copied()).unwrap_or(0);
    let upper = node.flag("upper", true)?;
    if node.is_empty(0)? {
        return Ok(vec![node.value(0)?.clone()]);
    }
    let input = node.var(0)?;
    node.same(if upper { input.triu(k)? } else { input.tril(k)? })
}
