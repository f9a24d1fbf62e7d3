//! Operators about shapes: what a tensor's is, and the same elements under another.

use super::Table;
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::tensor::Tensor;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[("Constant", constant), ("Identity", identity), ("Reshape", reshape), ("Shape", shape)];

fn constant(node: &Node<'_>) -> Result<Vec<Value>> {
    if let Some(tensor) = node.tensor("value")? {
        return Ok(vec![Value::host(tensor)]);
    }
    let floats = |shape: Vec<usize>, values: &[f32]| -> Result<Vec<Value>> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Ok(vec![Value::host(Tensor::new(crate::onnx::Elem::Float, shape, bytes)?)])
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
    let sizes: Vec<i64> = shape.get(clamp(start)..clamp(end)).unwrap_or_default().iter().map(|&d| i64::try_from(d).unwrap_or(i64::MAX)).collect();
    Ok(vec![Value::ints([sizes.len()], &sizes)?])
}

fn reshape(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    let (input, allow_zero) = (node.var(0)?, node.flag("allowzero", false)?);
    let wanted = if node.opset >= 5 { Some(node.ints(1)?) } else { node.int_list("shape")? };
    let wanted = wanted.ok_or_else(|| node.wrong("attribute 'shape' is missing"))?;
    let from = input.shape();
    let wrong = || node.wrong(format!("{} does not take the shape {wanted:?}", input.ty()));
    let mut sizes: Vec<Option<usize>> = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        sizes.push(match size {
            -1 => None,
            0 if !allow_zero => Some(*from.get(axis).ok_or_else(wrong)?),
            size => Some(usize::try_from(size).map_err(|_| wrong())?),
        });
    }
    let rest = sizes.iter().flatten().try_fold(1usize, |n, &s| n.checked_mul(s)).filter(|&n| n > 0).ok_or_else(wrong)?;
    if sizes.iter().filter(|s| s.is_none()).count() > 1 {
        return Err(wrong());
    }
    let open = input.ty().elements() / rest;
    node.same(input.reshape(sizes.into_iter().map(|s| s.unwrap_or(open)).collect::<Vec<_>>())?)
}
