//! Operators about shapes: what a tensor's is, and the same elements under another.

use super::Table;
use crate::array::{DType, elements};
use crate::error::Result;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::tensor::Tensor;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("Constant", constant),
    ("Dropout", dropout),
    ("Flatten", flatten),
    ("Identity", identity),
    ("Reshape", reshape),
    ("Shape", shape),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
];

fn constant(node: &Node<'_>) -> Result<Vec<Value>> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(vec![Value::host(tensor)]);
    }
    let floats = |shape: Vec<usize>, values: &[f32]| -> Result<Vec<Value>> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Ok(vec![Value::host(Tensor::new(Elem::Float, shape, bytes)?)])
    };
    if let Some(value) = node.optional_float("value_float")? {
        return floats(vec![], &[value]);
    }
    if let Some(values) = node.float_list("value_floats")? {
        return floats(vec![values.len()], &values);
    }
    if let Some(value) = node.optional_int("value_int")? {
        return Ok(vec![Value::ints([], &[value])?]);
    }
    if let Some(values) = node.int_list("value_ints")? {
        return Ok(vec![Value::ints([values.len()], &values)?]);
    }
    Err(node.unsupported("a constant that is neither a dense tensor, numbers nor a number"))
}

fn identity(node: &Node<'_>) -> Result<Vec<Value>> {
    Ok(vec![node.value(0)?.clone()])
}

fn shape(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    let (start, end) = (node.int("start", 0)?, node.int("end", rank)?);
    let clamp = |at: i64| usize::try_from((if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank)).unwrap_or(0);
    let sizes: Vec<i64> =
        shape.get(clamp(start)..clamp(end)).unwrap_or_default().iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect();
    Ok(vec![Value::ints([sizes.len()], &sizes)?])
}

fn reshape(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    let (from, allow_zero) = (node.shape(0)?, node.flag("allowzero", false)?);
    let wanted = if node.opset >= 5 { Some(node.ints(1)?) } else { node.int_list("shape")? };
    let wanted = wanted.ok_or_else(|| node.wrong("attribute 'shape' is missing"))?;
    let wrong = || node.wrong(format!("{from:?} does not take the shape {wanted:?}"));
    let mut sizes: Vec<Option<usize>> = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        sizes.push(match size {
            -1 => None,
            0 if !allow_zero => Some(*from.get(axis).ok_or_else(wrong)?),
            size => Some(usize::try_from(size).map_err(|_| wrong())?),
        });
    }
    let rest = sizes.iter().flatten().try_fold(1usize, |n, &s| n.checked_mul(s)).ok_or_else(wrong)?;
    if sizes.iter().filter(|s| s.is_none()).count() > 1 {
        return Err(wrong());
    }
    let open = elements(&from).checked_div(rest).unwrap_or(0);
    reshaped(node, sizes.into_iter().map(|s| s.unwrap_or(open)).collect())
}

fn flatten(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let rank = input.shape().len();
    let axis = node.int("axis", 1)?;
    let axis = if axis == i64::try_from(rank).unwrap_or(-1) { rank } else { node.axis(axis, rank)? };
    let (outer, inner) = input.shape().split_at(axis);
    node.same(input.reshape([elements(outer), elements(inner)])?)
}

/// Axes are an attribute before version 13, and an input from then on.
fn squeeze(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let axes = match node.axes(1, 13)? {
        Some(axes) => axes.into_iter().map(|a| node.axis(a, shape.len())).collect::<Result<Vec<_>>>()?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&a| shape[a] != 1) {
        return Err(node.wrong(format!("dimension {axis} of {shape:?} is not 1")));
    }
    let left: Vec<usize> = (0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect();
    reshaped(node, left)
}

fn unsqueeze(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let axes = node.axes(1, 13)?.ok_or_else(|| node.wrong("axes are missing"))?;
    let rank = shape.len() + axes.len();
    let axes = axes.into_iter().map(|a| node.axis(a, rank)).collect::<Result<Vec<_>>>()?;
    let mut sizes = shape.iter();
    let made: Vec<usize> = (0..rank).map(|i| if axes.contains(&i) { 1 } else { sizes.next().copied().unwrap_or(1) }).collect();
    reshaped(node, made)
}

/// Input 0 under another shape; a tensor known now stays known to the last bit.
fn reshaped(node: &Node<'_>, shape: Vec<usize>) -> Result<Vec<Value>> {
    if let Value::Host { tensor, input: None, .. } = node.value(0)? {
        return Ok(vec![Value::host(tensor.reshaped(shape)?)]);
    }
    node.same(node.var(0)?.reshape(shape)?)
}

/// In inference nothing is dropped.
fn dropout(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["ratio", "seed", "consumed_inputs"]);
    let training =
        if node.opset < 7 { !node.flag("is_test", false)? } else { node.optional_ints(2)?.is_some_and(|v| v.first() != Some(&0)) };
    // Files of version 1 and 6 without is_test are exported for training, and run for inference by everyone.
    if training && node.opset >= 7 && (!node.has(1) || node.floats(1)?.first() != Some(&0.0)) {
        return Err(node.unsupported("training_mode, which drops at random"));
    }
    let shape = node.shape(0)?;
    let mut outputs = vec![node.value(0)?.clone()];
    if node.wants(1) {
        // Before version 10 the mask is of the input's type.
        let (elem, ones) =
            if node.opset < 10 { (node.elem(0)?, node.scalar(DType::F32, 1.0)?) } else { (Elem::Bool, node.scalar(DType::Bool, 1.0)?) };
        outputs.push(Value::of(elem, ones.expand(shape)?));
    }
    Ok(outputs)
}
