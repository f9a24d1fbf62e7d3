//! Quantised tensors: there and back, and products of integers.

use super::Table;
use super::cast::format;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::onnx::window::{Window, lowered, raised};
use crate::ops::{Conv2d, Granularity, Quantized, Scale};

pub(super) const TABLE: Table = &[
    ("ConvInteger", conv_integer),
    ("DequantizeLinear", dequantize),
    ("DynamicQuantizeLinear", dynamic),
    ("MatMulInteger", matmul_integer),
    ("QLinearConv", qlinear_conv),
    ("QLinearMatMul", qlinear_matmul),
    ("QuantizeLinear", quantize),
];

/// What numbers become as elements of type `elem`.
fn quantized(node: &Node<'_>, elem: Elem, saturate: bool) -> Result<Quantized> {
    match (elem.narrow(), format(elem)) {
        (Some((bits, signed)), _) => Ok(Quantized::Integer { bits, signed }),
        (_, Some(format)) if elem.bits() == 8 => Ok(Quantized::Float { format, saturate }),
        _ => Err(node.unsupported(format!("quantising to {elem}"))),
    }
}

fn granularity(node: &Node<'_>) -> Result<Granularity> {
    let axis = isize::try_from(node.int("axis", 1)?).map_err(|_| node.wrong("'axis' is out of range"))?;
    let block = node.size("block_size", node.int("block_size", 0)?)?;
    Ok(Granularity { axis, block_size: (block > 0).then_some(block) })
}

fn quantize(node: &Node<'_>) -> Result<Vec<Value>> {
    let (granularity, saturate) = (granularity(node)?, node.flag("saturate", true)?);
    let named = i32::try_from(node.int("output_dtype", 0)?).ok().and_then(Elem::of_code);
    let elem = if node.has(2) { node.elem(2)? } else { named.unwrap_or(Elem::Uint8) };
    let zero = node.optional(2)?;
    let to = quantized(node, elem, saturate)?;
    node.typed(elem, node.var(0)?.quantize_linear(&node.var(1)?, zero.as_ref(), to, granularity)?)
}

fn dequantize(node: &Node<'_>) -> Result<Vec<Value>> {
    let zero = node.optional(2)?;
    let var = node.var(0)?.dequantize_linear(&node.var(1)?, zero.as_ref(), granularity(node)?)?;
    node.typed(node.elem(1)?, var)
}

fn dynamic(node: &Node<'_>) -> Result<Vec<Value>> {
    let (y, scale, zero) = node.var(0)?.dynamic_quantize_linear()?;
    Ok(vec![Value::of(Elem::Uint8, y), Value::of(Elem::Float, scale), Value::of(Elem::Uint8, zero)])
}

fn matmul_integer(node: &Node<'_>) -> Result<Vec<Value>> {
    let (a_zero, b_zero) = (node.optional(2)?, node.optional(3)?);
    node.typed(Elem::Int32, node.var(0)?.matmul_integer(&node.var(1)?, a_zero.as_ref(), b_zero.as_ref())?)
}

/// Inputs `at`, a scale, and behind it a zero point.
fn scale(node: &Node<'_>, at: usize) -> Result<(Var, Option<Var>)> {
    Ok((node.var(at)?, node.optional(at + 1)?))
}

fn qlinear_matmul(node: &Node<'_>) -> Result<Vec<Value>> {
    let (a, b, y) = (scale(node, 1)?, scale(node, 4)?, scale(node, 6)?);
    let elem = node.elem(7)?;
    let to = quantized(node, elem, true)?;
    let product = node.var(0)?.qlinear_matmul(borrowed(&a), &node.var(3)?, borrowed(&b), to, borrowed(&y))?;
    node.typed(elem, product)
}

fn borrowed((scale, zero): &(Var, Option<Var>)) -> Scale<'_> {
    Scale { scale, zero_point: zero.as_ref() }
}

/// Input and weight as the 2-d operators take them, the attributes, and whether they were 1-d.
fn planes(node: &Node<'_>, input: Var, weight: Var) -> Result<(Var, Var, Conv2d, bool)> {
    let groups = node.size("group", node.int("group", 1)?)?;
    let spatial = |var: &Var| var.shape().get(2..).unwrap_or_default().to_vec();
    let window = Window::of(node, Some(&spatial(&weight)))?.resolve(&spatial(&input));
    let flat = window.kernel.len() == 1;
    let (input, weight, window) = if flat { (raised(&input)?, raised(&weight)?, window.widened()) } else { (input, weight, window) };
    if window.kernel.len() != 2 {
        return Err(node.unsupported(format!("{} spatial dimensions", window.kernel.len())));
    }
    let (stride, dilation) = (Window::hw(&window.stride), Window::hw(&window.dilation));
    Ok((input, weight, Conv2d { stride, dilation, padding: window.pads2(node)?, groups }, flat))
}

fn conv_integer(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, weight, attributes, flat) = planes(node, node.var(0)?, node.var(1)?)?;
    let (zero, weight_zero) = (node.optional(2)?, node.optional(3)?);
    let output = input.conv_integer(&weight, zero.as_ref(), weight_zero.as_ref(), attributes)?;
    node.typed(Elem::Int32, if flat { lowered(&output)? } else { output })
}

fn qlinear_conv(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, weight, attributes, flat) = planes(node, node.var(0)?, node.var(3)?)?;
    let (x, w, y) = (scale(node, 1)?, scale(node, 4)?, scale(node, 6)?);
    let elem = node.elem(7)?;
    let (to, bias) = (quantized(node, elem, true)?, node.optional(8)?);
    let output = input.qlinear_conv(borrowed(&x), &weight, borrowed(&w), bias.as_ref(), to, borrowed(&y), attributes)?;
    node.typed(elem, if flat { lowered(&output)? } else { output })
}
