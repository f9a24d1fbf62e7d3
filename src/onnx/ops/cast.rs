//! Conversions between element types.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::{Node, wrap};
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[("Cast", cast), ("CastLike", cast_like)];

fn cast(node: &Node<'_>) -> Result<Vec<Value>> {
    // Version 1 names the type, later ones number it.
    let to = match node.opset {
        ..6 => node.text("to")?.and_then(|name| (1..=22).filter_map(Elem::of_code).find(|e| e.name().eq_ignore_ascii_case(&name))),
        _ => i32::try_from(node.required_int("to")?).ok().and_then(Elem::of_code),
    };
    convert(node, to.ok_or_else(|| node.wrong("attribute 'to' is no element type"))?)
}

fn cast_like(node: &Node<'_>) -> Result<Vec<Value>> {
    convert(node, node.elem(1)?)
}

fn convert(node: &Node<'_>, to: Elem) -> Result<Vec<Value>> {
    let saturate = node.flag("saturate", true)?;
    if node.elem(0)? == to {
        return Ok(vec![node.value(0)?.clone()]);
    }
    node.typed(to, converted(node, &node.var(0)?, to, saturate)?)
}

/// `var` as elements of type `to`.
pub(super) fn converted(node: &Node<'_>, var: &Var, to: Elem, _saturate: bool) -> Result<Var> {
    let held = to.held().ok_or_else(|| node.unsupported(format!("elements of type {to}")))?;
    // Four bits: rounded and saturated; what wider integers do with floats they cannot hold is left open.
    let (least, most) = if to == Elem::Int4 { (-8.0, 7.0) } else { (0.0, 15.0) };
    if to.bits() == 4 && var.dtype() == DType::F32 {
        return var.round()?.clip(Some(least), Some(most))?.cast(held);
    }
    let var = var.cast(held)?;
    match to {
        Elem::Float16 => var.cast(DType::F16)?.cast(DType::F32),
        _ if to.is_float() && !matches!(to, Elem::Float | Elem::Double) => Err(node.unsupported(format!("rounding to {to}"))),
        _ => wrap(to, &var),
    }
}
