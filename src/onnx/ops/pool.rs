//! Pools: maxima, means and norms under windows.

use super::Table;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::onnx::window::{Window, lowered, raised};
use crate::ops::{AvgPool2d, MaxPool2d};

pub(super) const TABLE: Table = &[
    ("AveragePool", average),
    ("GlobalAveragePool", |n| global(n, Var::reduce_mean)),
    ("GlobalMaxPool", |n| global(n, Var::reduce_max)),
    ("MaxPool", max),
];

fn global(node: &Node<'_>, f: fn(&Var, &[isize], bool) -> Result<Var>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    let axes: Vec<isize> = (2..isize::try_from(input.shape().len()).unwrap_or(2)).collect();
    if axes.is_empty() {
        return Err(node.wrong(format!("{} has no spatial dimensions", input.ty())));
    }
    node.same(f(&input, &axes, true)?)
}

/// The input as the 2-d operators take it, the window, and whether the input was 1-d.
fn planes(node: &Node<'_>) -> Result<(Var, Window, bool)> {
    let input = node.var(0)?;
    let window = Window::of(node, None)?;
    if input.shape().len() != window.kernel.len() + 2 {
        return Err(node.wrong(format!("{} does not fit a kernel of {:?}", input.ty(), window.kernel)));
    }
    let mut window = window.resolve(&input.shape()[2..]);
    let input = window.cropped(&input)?;
    match window.kernel.len() {
        1 => Ok((raised(&input)?, window.widened(), true)),
        2 => Ok((input, window, false)),
        n => Err(node.unsupported(format!("{n} spatial dimensions"))),
    }
}

fn average(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, window, flat) = planes(node)?;
    if window.dilation.iter().any(|&d| d != 1) {
        return Err(node.unsupported("dilations"));
    }
    let attributes = AvgPool2d {
        kernel: Window::hw(&window.kernel),
        stride: Window::hw(&window.stride),
        padding: window.pads2(node)?,
        ceil_mode: node.flag("ceil_mode", false)?,
        count_include_pad: node.flag("count_include_pad", false)?,
        divisor_override: None,
    };
    let output = input.avg_pool2d(attributes)?;
    node.same(if flat { lowered(&output)? } else { output })
}

fn max(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, window, flat) = planes(node)?;
    let columns_first = node.flag("storage_order", false)?;
    let attributes = MaxPool2d {
        kernel: Window::hw(&window.kernel),
        stride: Window::hw(&window.stride),
        padding: window.pads2(node)?,
        dilation: Window::hw(&window.dilation),
        ceil_mode: node.flag("ceil_mode", false)?,
    };
    let lower = |var: Var| if flat { lowered(&var) } else { Ok(var) };
    // Whole numbers up to 2^24 are exact as floats, and 8 bits are all that the standard pools.
    let held = input.dtype();
    let floats = if held == DType::F32 { input } else { input.cast(DType::F32)? };
    if !node.wants(1) {
        return node.same(lower(floats.max_pool2d(attributes)?.cast(held)?)?);
    }
    let (values, indices) = floats.max_pool2d_with_indices(attributes)?;
    let indices = in_tensor(node, floats.shape(), &indices, columns_first)?;
    Ok(vec![Value::of(node.elem(0)?, lower(values.cast(held)?)?), Value::of(Elem::Int64, lower(indices)?)])
}

/// Places in a plane, y * W + x, as places in the whole tensor (N, C, H, W); `columns_first` counts x * H + y within the plane.
fn in_tensor(node: &Node<'_>, shape: &[usize], indices: &Var, columns_first: bool) -> Result<Var> {
    let (planes, area) = (shape[0] * shape[1], shape[2] * shape[3]);
    if i32::try_from(planes.saturating_mul(area)).is_err() {
        return Err(node.unsupported(format!("indices of {shape:?}, which pass 2^31")));
    }
    let number = |v: usize| node.scalar(DType::I32, v as f64);
    let in_plane = if columns_first {
        let (width, height) = (number(shape[3])?, number(shape[2])?);
        indices.remainder(&width)?.mul(&height)?.add(&indices.div(&width)?)?
    } else {
        indices.clone()
    };
    let first = Array::from_fn([shape[0], shape[1], 1, 1], |plane| i32::try_from(plane * area).unwrap_or(i32::MAX));
    in_plane.add(&node.constant(first)?)
}
