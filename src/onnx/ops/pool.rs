//! Pools: maxima, means and norms under windows.

use super::Table;
use crate::array::{Array, DType, elements};
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::onnx::window::{Window, lowered, raised};
use crate::ops::{AvgPool2d, AvgPool3d, LpPool2d, LpPool3d, MaxPool2d, MaxPool3d};

pub(super) const TABLE: Table = &[
    ("AveragePool", average),
    ("GlobalAveragePool", |n| n.same(n.var(0)?.global_avg_pool()?)),
    ("GlobalLpPool", |n| n.same(n.var(0)?.global_lp_pool(exponent(n)?)?)),
    ("GlobalMaxPool", |n| n.same(n.var(0)?.global_max_pool()?)),
    ("LpPool", norm),
    ("MaxPool", max),
];

/// The input as the 2-d and 3-d operators take it, the window, and whether the input was 1-d.
fn windowed(node: &Node<'_>) -> Result<(Var, Window, bool)> {
    let input = node.var(0)?;
    let window = Window::of(node, None)?;
    if input.shape().len() != window.kernel.len() + 2 {
        return Err(node.wrong(format!("{} does not fit a kernel of {:?}", input.ty(), window.kernel)));
    }
    let mut window = window.resolve(&input.shape()[2..]);
    let input = window.cropped(&input)?;
    match window.kernel.len() {
        1 => Ok((raised(&input)?, window.widened(), true)),
        2 | 3 => Ok((input, window, false)),
        n => Err(node.unsupported(format!("{n} spatial dimensions"))),
    }
}

fn lower(flat: bool, var: Var) -> Result<Var> {
    if flat { lowered(&var) } else { Ok(var) }
}

fn average(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, window, flat) = windowed(node)?;
    let (ceil_mode, count_include_pad) = (node.flag("ceil_mode", false)?, node.flag("count_include_pad", false)?);
    let output = if window.kernel.len() == 2 {
        let (kernel, stride, dilation) = (Window::hw(&window.kernel), Window::hw(&window.stride), Window::hw(&window.dilation));
        let padding = window.pads2(node)?;
        input.avg_pool2d(AvgPool2d { kernel, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override: None })?
    } else {
        let (kernel, stride, dilation) = (Window::dhw(&window.kernel), Window::dhw(&window.stride), Window::dhw(&window.dilation));
        let padding = window.pads3(node)?;
        input.avg_pool3d(AvgPool3d { kernel, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override: None })?
    };
    node.same(lower(flat, output)?)
}

/// The exponent; a float in version 1, an integer since.
fn exponent(node: &Node<'_>) -> Result<f32> {
    if node.opset < 2 { node.float("p", 2.0) } else { Ok(node.int("p", 2)? as f32) }
}

fn norm(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, window, flat) = windowed(node)?;
    let (p, ceil_mode) = (exponent(node)?, node.flag("ceil_mode", false)?);
    let output = if window.kernel.len() == 2 {
        let (kernel, stride, dilation) = (Window::hw(&window.kernel), Window::hw(&window.stride), Window::hw(&window.dilation));
        input.lp_pool2d(LpPool2d { p, kernel, stride, padding: window.pads2(node)?, dilation, ceil_mode })?
    } else {
        let (kernel, stride, dilation) = (Window::dhw(&window.kernel), Window::dhw(&window.stride), Window::dhw(&window.dilation));
        input.lp_pool3d(LpPool3d { p, kernel, stride, padding: window.pads3(node)?, dilation, ceil_mode })?
    };
    node.same(lower(flat, output)?)
}

fn max(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, window, flat) = windowed(node)?;
    let (ceil_mode, columns_first) = (node.flag("ceil_mode", false)?, node.flag("storage_order", false)?);
    let wants = node.wants(1);
    let (values, indices) = if window.kernel.len() == 2 {
        let (kernel, stride, dilation) = (Window::hw(&window.kernel), Window::hw(&window.stride), Window::hw(&window.dilation));
        let attributes = MaxPool2d { kernel, stride, padding: window.pads2(node)?, dilation, ceil_mode };
        if wants { input.max_pool2d_with_indices(attributes).map(|(v, i)| (v, Some(i)))? } else { (input.max_pool2d(attributes)?, None) }
    } else {
        let (kernel, stride, dilation) = (Window::dhw(&window.kernel), Window::dhw(&window.stride), Window::dhw(&window.dilation));
        let attributes = MaxPool3d { kernel, stride, padding: window.pads3(node)?, dilation, ceil_mode };
        if wants { input.max_pool3d_with_indices(attributes).map(|(v, i)| (v, Some(i)))? } else { (input.max_pool3d(attributes)?, None) }
    };
    let mut outputs = node.same(lower(flat, values)?)?;
    if let Some(indices) = indices {
        let indices = in_tensor(node, input.shape(), &indices, columns_first)?;
        outputs.push(Value::of(Elem::Int64, lower(flat, indices)?));
    }
    Ok(outputs)
}

/// Places within each channel, (z * H + y) * W + x, as places in the whole tensor; `columns_first` counts (x * H + y) * D + z instead.
fn in_tensor(node: &Node<'_>, shape: &[usize], indices: &Var, columns_first: bool) -> Result<Var> {
    let (channels, sizes) = (shape[0].saturating_mul(shape[1]), &shape[2..]);
    let area = elements(sizes);
    if i32::try_from(channels.saturating_mul(area)).is_err() {
        return Err(node.unsupported(format!("indices of {shape:?}, which pass 2^31")));
    }
    let number = |v: usize| node.scalar(DType::I32, v as f64);
    let mut within = indices.clone();
    if columns_first {
        // Digits of the place, the last dimension's first, weighed anew.
        let (mut rest, mut weight) = (indices.clone(), area);
        within = number(0)?;
        for &size in sizes.iter().rev() {
            weight /= size;
            within = within.add(&rest.remainder(&number(size)?)?.mul(&number(weight)?)?)?;
            rest = rest.div(&number(size)?)?;
        }
    }
    let mut first = vec![1; shape.len()];
    first[..2].copy_from_slice(&shape[..2]);
    within.add(&node.constant(Array::from_fn(first, |channel| i32::try_from(channel * area).unwrap_or(i32::MAX)))?)
}
