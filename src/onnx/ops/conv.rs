//! Convolutions and transposed convolutions.

use super::Table;
use crate::array::Hw;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::onnx::window::{Window, lowered, raised};
use crate::ops::{Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d};

pub(super) const TABLE: Table = &[("Conv", conv), ("ConvTranspose", conv_transpose)];

fn conv(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, weight, bias) = (node.var(0)?, node.var(1)?, node.optional(2)?);
    let (kernel, groups) = (spatial(node, &weight)?, node.size("group", node.int("group", 1)?)?);
    let mut window = Window::of(node, Some(&kernel))?.resolve(spatial(node, &input)?.as_slice());
    let input = window.cropped(&input)?;
    let conv2d = |input: &Var, weight: &Var, window: &Window| {
        let (stride, dilation) = (Window::hw(&window.stride), Window::hw(&window.dilation));
        input.conv2d(weight, bias.as_ref(), Conv2d { stride, dilation, padding: window.pads2(node)?, groups })
    };
    node.same(match kernel.len() {
        1 => lowered(&conv2d(&raised(&input)?, &raised(&weight)?, &window.widened())?)?,
        2 => conv2d(&input, &weight, &window)?,
        3 => {
            let (stride, dilation) = (Window::dhw(&window.stride), Window::dhw(&window.dilation));
            input.conv3d(&weight, bias.as_ref(), Conv3d { stride, dilation, padding: window.pads3(node)?, groups })?
        }
        n => return Err(node.unsupported(format!("{n} spatial dimensions"))),
    })
}

/// `output_shape` decides the pads; they may then be more than the kernel gives, which is output padding.
fn conv_transpose(node: &Node<'_>) -> Result<Vec<Value>> {
    let (input, weight, bias) = (node.var(0)?, node.var(1)?, node.optional(2)?);
    let (kernel, groups) = (spatial(node, &weight)?, node.size("group", node.int("group", 1)?)?);
    let rank = kernel.len();
    let sizes = spatial(node, &input)?;
    let mut window = Window::of(node, Some(&kernel))?;
    let mut extra = node.int_list("output_padding")?.unwrap_or_else(|| vec![0; rank]);
    let shape = node.int_list("output_shape")?;
    if extra.len() != rank || sizes.len() != rank || shape.as_ref().is_some_and(|s| s.len() < rank) {
        return Err(node.wrong(format!("output_padding {extra:?} or output_shape {shape:?} does not fit a kernel of {kernel:?}")));
    }
    for i in 0..rank {
        let (stride, size) = (i64::try_from(window.stride[i]).unwrap_or(i64::MAX), i64::try_from(sizes[i]).unwrap_or(i64::MAX));
        let full = (size - 1).saturating_mul(stride).saturating_add(window.reach(i)).saturating_add(extra[i]);
        let wanted = match (&shape, window.auto_pad) {
            // Some files give the batch and the channels too.
            (Some(shape), _) => shape[shape.len() - rank + i],
            (None, "SAME_UPPER" | "SAME_LOWER") => size.saturating_mul(stride),
            _ => continue,
        };
        let total = full - wanted;
        if total < 0 {
            // Nothing is taken off; what is missing is added at the end.
            extra[i] -= total;
        }
        let (less, more) = (total.max(0) / 2, total.max(0) - total.max(0) / 2);
        // The standard gives the odd one to the begin unless SAME_UPPER asks for the end.
        window.pads[i] = if window.auto_pad == "SAME_UPPER" { (less, more) } else { (more, less) };
    }
    let extra = extra.into_iter().map(|v| node.size("output_padding", v)).collect::<Result<Vec<_>>>()?;
    let conv2d = |input: &Var, weight: &Var, window: &Window, extra: &[usize]| {
        let (stride, dilation) = (Window::hw(&window.stride), Window::hw(&window.dilation));
        let padding = window.pads2(node)?;
        input.conv_transpose2d(
            weight,
            bias.as_ref(),
            ConvTranspose2d { stride, dilation, padding, output_padding: Hw::new(extra[0], extra[1]), groups },
        )
    };
    node.same(match rank {
        1 => lowered(&conv2d(&raised(&input)?, &raised(&weight)?, &window.widened(), &[0, extra[0]])?)?,
        2 => conv2d(&input, &weight, &window, &extra)?,
        3 => {
            let (stride, dilation) = (Window::dhw(&window.stride), Window::dhw(&window.dilation));
            let (padding, output_padding) = (window.pads3(node)?, Window::dhw(&extra));
            input.conv_transpose3d(&weight, bias.as_ref(), ConvTranspose3d { stride, dilation, padding, output_padding, groups })?
        }
        n => return Err(node.unsupported(format!("{n} spatial dimensions"))),
    })
}

/// The sizes of all dimensions but the first two.
fn spatial(node: &Node<'_>, var: &Var) -> Result<Vec<usize>> {
    let sizes = var.shape().get(2..).filter(|s| !s.is_empty());
    sizes.map(<[usize]>::to_vec).ok_or_else(|| node.wrong(format!("{} has no spatial dimensions", var.ty())))
}
