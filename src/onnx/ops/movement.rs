//! Operators that move elements: parts, joins, orders, repetitions.

use super::Table;
use crate::array::{DType, elements};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::{AxisRange, PadMode, concat};

pub(super) const TABLE: Table = &[
    ("Concat", join),
    ("Expand", expand),
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("Pad", pad),
    ("Slice", slice),
    ("Split", split),
    ("Transpose", transpose),
];

/// Dimensions of a tensor, as axes of the engine's methods.
fn signed(axis: usize) -> isize {
    isize::try_from(axis).unwrap_or(isize::MAX)
}

fn transpose(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let rank = input.shape().len();
    let perm = match node.int_list("perm")? {
        Some(perm) => perm.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).rev().collect(),
    };
    node.same(input.transpose(perm)?)
}

fn join(node: &Node<'_>) -> Result<Vec<Value>> {
    let rank = node.shape(0)?.len();
    let axis = node.axis(if node.opset < 4 { node.int("axis", 1)? } else { node.required_int("axis")? }, rank)?;
    // Pieces without elements add nothing.
    let full: Vec<usize> = (0..node.count()).filter(|&i| !node.is_empty(i).unwrap_or(false)).collect();
    if full.is_empty() {
        let mut shape = node.shape(0)?;
        shape[axis] = (0..node.count()).map(|i| node.shape(i).map(|s| s.get(axis).copied().unwrap_or(0))).sum::<Result<usize>>()?;
        return node.empty(node.elem(0)?, shape);
    }
    let vars = full.into_iter().map(|i| node.var(i)).collect::<Result<Vec<Var>>>()?;
    node.same(concat(&vars.iter().collect::<Vec<_>>(), signed(axis))?)
}

/// Ranges are attributes before version 10, and inputs from then on.
fn slice(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let missing = || node.wrong("starts or ends are missing");
    let (starts, ends, axes, steps) = if node.opset < 10 {
        let list = |name| node.int_list(name);
        (list("starts")?.ok_or_else(missing)?, list("ends")?.ok_or_else(missing)?, list("axes")?, None)
    } else {
        (node.ints(1)?, node.ints(2)?, node.optional_ints(3)?, node.optional_ints(4)?)
    };
    let count = starts.len();
    let axes = axes.unwrap_or_else(|| (0..i64::try_from(count).unwrap_or(0)).collect());
    let steps = steps.unwrap_or_else(|| vec![1; count]);
    if ends.len() != count || axes.len() != count || steps.len() != count {
        return Err(node.wrong(format!("{count} starts, {} ends, {} axes and {} steps", ends.len(), axes.len(), steps.len())));
    }
    let far = |v: i64| isize::try_from(v).unwrap_or(if v < 0 { isize::MIN } else { isize::MAX });
    let mut ranges = Vec::new();
    let mut left = shape.clone();
    for i in 0..count {
        let axis = node.axis(axes[i], shape.len())?;
        let range = AxisRange { axis, start: far(starts[i]), end: far(ends[i]), step: far(steps[i]) };
        if range.step == 0 {
            return Err(node.wrong(format!("the step in dimension {axis} is 0")));
        }
        left[axis] = range.count(shape[axis]);
        ranges.push(range);
    }
    if elements(&left) == 0 {
        return node.empty(node.elem(0)?, left);
    }
    node.same(node.var(0)?.slice(ranges)?)
}

/// Sizes are an attribute before version 13, and an input from then on; without them the parts are equal, the last perhaps smaller.
fn split(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let axis = node.axis(node.int("axis", 0)?, shape.len())?;
    let given = if node.opset < 13 && !node.has(1) { node.int_list("split")? } else { node.optional_ints(1)? };
    let outputs = node.message.output.len();
    let parts = node.optional_int("num_outputs")?.map_or(Ok(outputs), |n| node.size("num_outputs", n))?.clamp(1, outputs.max(1));
    let sizes = match given {
        Some(sizes) => sizes.into_iter().map(|s| node.size("a part", s)).collect::<Result<Vec<_>>>()?,
        None => {
            let part = shape[axis].div_ceil(parts);
            (0..parts).map(|i| shape[axis].saturating_sub(i * part).min(part)).collect()
        }
    };
    if sizes.iter().try_fold(0usize, |sum, &s| sum.checked_add(s)) != Some(shape[axis]) {
        return Err(node.wrong(format!("parts of {sizes:?} do not make up the {} of dimension {axis}", shape[axis])));
    }
    let elem = node.elem(0)?;
    let empty = |size: usize| -> Result<Value> {
        let mut part = shape.clone();
        part[axis] = size;
        Ok(node.empty(elem, part)?.remove(0))
    };
    if node.is_empty(0)? {
        return sizes.into_iter().map(empty).collect();
    }
    // Parts without elements stay out of the graph.
    let full: Vec<usize> = sizes.iter().copied().filter(|&s| s > 0).collect();
    let mut vars = node.var(0)?.split(signed(axis), &full)?.into_iter();
    let value = |size: usize| match size {
        0 => empty(0),
        _ => vars.next().map(|var| Value::of(elem, var)).ok_or_else(|| node.wrong("too few parts")),
    };
    sizes.into_iter().map(value).collect()
}

fn expand(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let wanted = node.ints(1)?.into_iter().map(|d| node.size("a dimension", d)).collect::<Result<Vec<_>>>()?;
    // Either shape may be 1 where the other is more.
    let rank = wanted.len().max(input.shape().len());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let shape: Vec<usize> = (0..rank).map(|i| if at(&wanted, i) == 1 { at(input.shape(), i) } else { at(&wanted, i) }).collect();
    if shape.contains(&0) {
        return node.empty(node.elem(0)?, shape);
    }
    node.same(input.expand(shape)?)
}

fn gather(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let axis = node.axis(node.int("axis", 0)?, shape.len())?;
    if node.is_empty(1)? {
        let picked = [&shape[..axis], &node.shape(1)?, &shape[axis + 1..]].concat();
        return node.empty(node.elem(0)?, picked);
    }
    node.same(node.var(0)?.gather(signed(axis), &node.var(1)?)?)
}

fn gather_elements(node: &Node<'_>) -> Result<Vec<Value>> {
    let axis = node.axis(node.int("axis", 0)?, node.shape(0)?.len())?;
    node.same(node.var(0)?.gather_elements(signed(axis), &node.var(1)?)?)
}

/// Pads are an attribute before version 11, and an input from then on; `axes` from version 18.
fn pad(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let rank = input.shape().len();
    let modes: &[&str] = if node.opset < 19 { &["constant", "reflect", "edge"] } else { &["constant", "reflect", "edge", "wrap"] };
    let mode = node.choice("mode", modes)?;
    let (pads, value) = if node.opset < 11 {
        let pads = node.int_list(if node.opset < 2 { "paddings" } else { "pads" })?;
        (pads.ok_or_else(|| node.wrong("attribute 'pads' is missing"))?, Some(f64::from(node.float("value", 0.0)?)))
    } else {
        let known = if node.has(2) { node.constants(2)?.map(|v| v.first().copied().unwrap_or(0.0)) } else { Some(0.0) };
        (node.ints(1)?, known)
    };
    let axes = node.optional_ints(3)?.unwrap_or_else(|| (0..i64::try_from(rank).unwrap_or(0)).collect());
    if pads.len() != 2 * axes.len() {
        return Err(node.wrong(format!("pads {pads:?} are not a begin and an end for each of {} dimensions", axes.len())));
    }
    let (mut before, mut after) = (vec![0isize; rank], vec![0isize; rank]);
    let narrow = |v: i64| isize::try_from(v).map_err(|_| node.wrong(format!("a pad of {v}")));
    for (i, &axis) in axes.iter().enumerate() {
        let axis = node.axis(axis, rank)?;
        (before[axis], after[axis]) = (narrow(pads[i])?, narrow(pads[axes.len() + i])?);
    }
    let mode = match (mode, value) {
        ("reflect", _) => PadMode::Reflect,
        ("edge", _) => PadMode::Edge,
        ("wrap", _) => PadMode::Wrap,
        (_, Some(value)) => PadMode::Constant(value),
        (_, None) => return padded_with_input(node, &input, before, after),
    };
    let held = if input.dtype() == DType::Bool && mode == PadMode::Constant(1.0) {
        input.not()?.pad(before, after, PadMode::Constant(0.0))?.not()?
    } else {
        input.pad(before, after, mode)?
    };
    node.same(held)
}

/// With a value that is known only when the model runs: zeros where the input is, ones around it, choose.
fn padded_with_input(node: &Node<'_>, input: &Var, before: Vec<isize>, after: Vec<isize>) -> Result<Vec<Value>> {
    let inside =
        node.scalar(DType::I32, 1.0)?.expand(input.shape().to_vec())?.pad(before.clone(), after.clone(), PadMode::Constant(0.0))?;
    let padded = input.pad(before, after, PadMode::Constant(0.0))?;
    let value = node.var(2)?.reshape(Vec::new())?;
    node.same(inside.cast(DType::Bool)?.where_(&padded, &value)?)
}
