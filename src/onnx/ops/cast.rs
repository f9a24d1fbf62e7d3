//! Conversions between element types.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::{Node, wrap};
use crate::onnx::value::Value;
use crate::ops::FloatFormat;

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
pub(super) fn converted(node: &Node<'_>, var: &Var, to: Elem, saturate: bool) -> Result<Var> {
    let held = node.context.held(to).ok_or_else(|| node.unsupported(format!("elements of type {to}")))?;
    // Four bits: rounded and saturated; what wider integers do with floats they cannot hold is left open.
    if to.bits() == 4 && var.dtype() == DType::F32 {
        return var.round()?.saturate_to(4, to == Elem::Int4);
    }
    let var = var.cast(held)?;
    match format(to) {
        Some(format) => var.round_to(format, saturate),
        None => wrap(to, &var),
    }
}

/// The format of floats that are narrower than what holds them.
pub(super) fn format(elem: Elem) -> Option<FloatFormat> {
    match elem {
        Elem::Float16 => Some(FloatFormat::F16),
        Elem::Bfloat16 => Some(FloatFormat::Bf16),
        Elem::Float8E4M3FN => Some(FloatFormat::F8E4M3Fn),
        Elem::Float8E4M3FNUZ => Some(FloatFormat::F8E4M3Fnuz),
        Elem::Float8E5M2 => Some(FloatFormat::F8E5M2),
        Elem::Float8E5M2FNUZ => Some(FloatFormat::F8E5M2Fnuz),
        _ => None,
    }
}
