//! Sequences and optionals: resolved while the model is imported, so that nothing of them is left in the graph.

use super::Table;
use crate::error::{Error, Result};
use crate::onnx::Elem;
use crate::onnx::node::Node;
use crate::onnx::tensor::Tensor;
use crate::onnx::value::Value;
use crate::ops::concat;

pub(super) const TABLE: Table = &[
    ("ConcatFromSequence", concat_from_sequence),
    ("Optional", optional),
    ("OptionalGetElement", get_element),
    ("OptionalHasElement", has_element),
    ("SequenceAt", at),
    ("SequenceConstruct", construct),
    ("SequenceEmpty", empty),
    ("SequenceErase", erase),
    ("SequenceInsert", insert),
    ("SequenceLength", length),
    ("SequenceMap", map),
    ("SplitToSequence", split),
];

/// The longest sequence: each that is made copies a list of this length.
const LONGEST: usize = 4096;
/// The most elements that are joined on the host rather than in the graph.
const HOST: usize = 1 << 16;

fn elements<'n>(node: &'n Node<'_>, index: usize) -> Result<&'n [Value]> {
    match node.value(index)? {
        Value::Sequence(values) => Ok(values),
        _ => Err(node.wrong(format!("input {index} is not a sequence"))),
    }
}

fn longest(node: &Node<'_>, count: usize) -> Result<()> {
    match count {
        0..=LONGEST => Ok(()),
        _ => Err(node.unsupported(format!("a sequence of {count} elements; the most are {LONGEST}"))),
    }
}

fn sequence(node: &Node<'_>, values: Vec<Value>) -> Result<Vec<Value>> {
    longest(node, values.len())?;
    Ok(vec![Value::sequence(values)])
}

/// The one integer of input `index`.
pub(super) fn integer(node: &Node<'_>, index: usize) -> Result<i64> {
    let values = node.ints(index)?;
    if let [value] = values[..] { Ok(value) } else { Err(node.wrong(format!("input {index} has {} elements, not 1", values.len()))) }
}

/// The place that input `index` gives, below `end`; negative ones count from `length`.
fn position(node: &Node<'_>, index: usize, length: usize, end: usize) -> Result<usize> {
    let given = integer(node, index)?;
    let front = if given < 0 { i64::try_from(length).ok().and_then(|n| given.checked_add(n)) } else { Some(given) };
    let found = front.and_then(|p| usize::try_from(p).ok()).filter(|&p| p < end);
    found.ok_or_else(|| node.wrong(format!("position {given} is not one in a sequence of {length} elements")))
}

fn construct(node: &Node<'_>) -> Result<Vec<Value>> {
    let values = (0..node.count()).map(|i| node.value(i).cloned()).collect::<Result<_>>()?;
    sequence(node, values)
}

fn empty(node: &Node<'_>) -> Result<Vec<Value>> {
    // A sequence knows its type by its elements.
    node.ignore(&["dtype"]);
    sequence(node, Vec::new())
}

fn insert(node: &Node<'_>) -> Result<Vec<Value>> {
    let mut values = elements(node, 0)?.to_vec();
    let place = if node.has(2) { position(node, 2, values.len(), values.len() + 1)? } else { values.len() };
    let value = node.value(1)?.clone();
    if let Some(first) = values.first()
        && first.elem()? != value.elem()?
    {
        return Err(node.wrong(format!("{} is inserted in a sequence of {}", value.elem()?, first.elem()?)));
    }
    values.insert(place, value);
    sequence(node, values)
}

fn erase(node: &Node<'_>) -> Result<Vec<Value>> {
    let mut values = elements(node, 0)?.to_vec();
    let last = values.len().checked_sub(1).ok_or_else(|| node.wrong("the sequence is empty"))?;
    values.remove(if node.has(1) { position(node, 1, values.len(), values.len())? } else { last });
    sequence(node, values)
}

fn at(node: &Node<'_>) -> Result<Vec<Value>> {
    let values = elements(node, 0)?;
    Ok(vec![values[position(node, 1, values.len(), values.len())?].clone()])
}

fn length(node: &Node<'_>) -> Result<Vec<Value>> {
    Ok(vec![Value::ints([], &[i64::try_from(elements(node, 0)?.len()).unwrap_or(i64::MAX)])?])
}

/// The body for each element; further inputs are sequences of the same length, or tensors for all.
fn map(node: &Node<'_>) -> Result<Vec<Value>> {
    let body = node.subgraph("body")?;
    let count = elements(node, 0)?.len();
    let mut outputs = vec![Vec::with_capacity(count); body.output.len()];
    for turn in 0..count {
        let input = |index| match node.value(index)? {
            Value::Sequence(values) => {
                values.get(turn).cloned().ok_or_else(|| node.wrong(format!("input {index} is shorter than input 0")))
            }
            value => Ok(value.clone()),
        };
        let inputs = (0..node.count()).map(input).collect::<Result<Vec<_>>>()?;
        let results = node.bodies.subgraph(node.body, body, inputs, &format!("{}[{turn}]", node.name))?;
        outputs.iter_mut().zip(results).for_each(|(output, value)| output.push(value));
    }
    Ok(outputs.into_iter().map(Value::sequence).collect())
}

fn split(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let axis = node.axis(node.int("axis", 0)?, shape.len())?;
    let (size, keepdims) = (shape[axis], node.flag("keepdims", true)? || node.has(1));
    let wrong = |given: &[i64]| node.wrong(format!("dimension {axis} of {shape:?} is not split into {given:?}"));
    let equal = |part: usize| -> Result<Vec<usize>> {
        longest(node, size.div_ceil(part))?;
        Ok((0..size).step_by(part).map(|at| part.min(size - at)).collect())
    };
    let sizes = if !node.has(1) {
        equal(1)?
    } else if node.shape(1)?.is_empty() {
        let given = integer(node, 1)?;
        equal(usize::try_from(given).ok().filter(|&p| p > 0).ok_or_else(|| wrong(&[given]))?)?
    } else {
        let given = node.ints(1)?;
        let sizes = given.iter().map(|&s| usize::try_from(s).map_err(|_| wrong(&given))).collect::<Result<Vec<_>>>()?;
        let total = sizes.iter().try_fold(0usize, |n, &s| n.checked_add(s));
        if total == Some(size) { sizes } else { return Err(wrong(&given)) }
    };
    longest(node, sizes.len())?;
    let (elem, mut start) = (node.elem(0)?, 0);
    let mut parts = Vec::with_capacity(sizes.len());
    for part in sizes {
        let mut shape = shape.clone();
        shape[axis] = part;
        if !keepdims {
            shape.remove(axis);
        }
        parts.push(if shape.contains(&0) {
            Value::host(Tensor::new(elem, shape, Vec::new())?)
        } else {
            Value::of(elem, node.var(0)?.narrow(axis.cast_signed(), start, part)?.reshape(shape)?)
        });
        start += part;
    }
    sequence(node, parts)
}

fn concat_from_sequence(node: &Node<'_>) -> Result<Vec<Value>> {
    let (axis, new_axis) = (node.required_int("axis")?, node.flag("new_axis", false)?);
    Ok(vec![join(node, elements(node, 0)?, axis, new_axis)?])
}

/// Tensors one after another along an axis, which is theirs or a new one.
pub(super) fn join(node: &Node<'_>, values: &[Value], axis: i64, new_axis: bool) -> Result<Value> {
    let first = values.first().ok_or_else(|| node.unsupported("to join a sequence without elements: their shape is not known"))?;
    let elem = first.elem()?;
    let axis = node.axis(axis, first.shape()?.len() + usize::from(new_axis))?;
    if let Some(tensor) = join_on_host(elem, values, axis, new_axis)? {
        return Ok(Value::host(tensor));
    }
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        if value.elem()? != elem {
            return Err(node.wrong(format!("{} and {elem} are joined", value.elem()?)));
        }
        // What has no elements adds none.
        if new_axis || !value.shape()?.contains(&0) {
            let part = node.context.var(value)?;
            parts.push(if new_axis { part.unsqueeze(axis.cast_signed())? } else { part });
        }
    }
    Ok(Value::of(elem, concat(&parts.iter().collect::<Vec<_>>(), axis.cast_signed())?))
}

/// [`join`] of small tensors that are known from the file: shapes mostly, and tensors without elements, which a graph cannot hold.
fn join_on_host(elem: Elem, values: &[Value], axis: usize, new_axis: bool) -> Result<Option<Tensor>> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Host { tensor, input: None, .. } if tensor.elem() == elem && elem.bits() >= 8 => parts.push(tensor),
            _ => return Ok(None),
        }
    }
    let total: usize = parts.iter().map(|p| p.len()).sum();
    if total > HOST {
        return Ok(None);
    }
    let Some(first) = parts.first() else { return Ok(None) };
    let mut shape = first.shape().to_vec();
    let differs = |p: &&std::sync::Arc<Tensor>| {
        p.shape().len() != shape.len() || p.shape().iter().zip(&shape).enumerate().any(|(d, (a, b))| a != b && (new_axis || d != axis))
    };
    if let Some(other) = parts.iter().find(|p| differs(p)) {
        return Err(Error::shape("onnx", format!("{:?} and {shape:?} are joined along dimension {axis}", other.shape())));
    }
    if new_axis {
        shape.insert(axis, parts.len());
    } else {
        let size = parts.iter().try_fold(0usize, |n, p| n.checked_add(p.shape()[axis]));
        shape[axis] = size.ok_or_else(|| Error::shape("onnx", format!("dimension {axis} of what is joined overflows")))?;
    }
    if total == 0 {
        return Tensor::new(elem, shape, Vec::new()).map(Some);
    }
    let outer: usize = shape[..axis].iter().product();
    let mut bytes = Vec::new();
    for row in 0..outer {
        for part in &parts {
            let length = part.bytes().len() / outer;
            bytes.extend_from_slice(&part.bytes()[row * length..(row + 1) * length]);
        }
    }
    Tensor::new(elem, shape, bytes).map(Some)
}

fn optional(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["type"]);
    Ok(vec![if node.has(0) { node.value(0)?.clone() } else { Value::Empty }])
}

fn has_element(node: &Node<'_>) -> Result<Vec<Value>> {
    let has = node.has(0) && !matches!(node.value(0)?, Value::Empty);
    Ok(vec![truth(has)?])
}

fn get_element(node: &Node<'_>) -> Result<Vec<Value>> {
    match node.value(0)? {
        Value::Empty => Err(node.wrong("the optional has no element")),
        value => Ok(vec![value.clone()]),
    }
}

/// A truth value known now.
pub(super) fn truth(value: bool) -> Result<Value> {
    Ok(Value::host(Tensor::new(Elem::Bool, [], vec![u8::from(value)])?))
}
