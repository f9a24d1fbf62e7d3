//! Images at other sizes, parts of them, and their pixels in another order.

use super::Table;
use crate::array::{DType, Hw};
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::onnx::window::Window;
use crate::ops::{
    CenterSize, Col2im, Coordinates, DeformConv2d, DepthOrder, MaxRoiPool, MaxUnpool, NearestRounding, Resize, ResizeAxis, ResizeMode,
    RoiAlign, RoiMode,
};

pub(super) const TABLE: Table = &[
    ("CenterCropPad", center_crop_pad),
    ("Col2Im", col2im),
    ("DeformConv", deform_conv),
    ("DepthToSpace", depth_to_space),
    ("MaxRoiPool", max_roi_pool),
    ("MaxUnpool", max_unpool),
    ("Resize", resize),
    ("RoiAlign", roi_align),
    ("SpaceToDepth", space_to_depth),
    ("Upsample", upsample),
];

/// Axes of a tensor of `rank`, all if none are named.
fn axes(node: &Node<'_>, rank: usize) -> Result<Vec<usize>> {
    match node.int_list("axes")? {
        Some(axes) => axes.into_iter().map(|a| node.axis(a, rank)).collect(),
        None => Ok((0..rank).collect()),
    }
}

fn signed(axis: usize) -> isize {
    isize::try_from(axis).unwrap_or(isize::MAX)
}

/// `size * scale` cut off, as the standard has it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes that a picture can have")]
fn scaled(size: usize, scale: f32) -> usize {
    (size as f32 * scale).floor().max(0.0) as usize
}

/// An axis at `scale` times its size.
fn by_scale(axis: usize, size: usize, scale: f32) -> ResizeAxis {
    ResizeAxis { scale: Some(scale), ..ResizeAxis::to(signed(axis), scaled(size, scale)) }
}

#[expect(clippy::cast_possible_truncation, reason = "scales and parts are floats in the file")]
fn floats(node: &Node<'_>, index: usize) -> Result<Vec<f32>> {
    Ok(if node.has(index) { node.floats(index)?.into_iter().map(|v| v as f32).collect() } else { Vec::new() })
}

/// Applies a resize to input 0; integers between pixels are computed as floats and cut.
fn apply(node: &Node<'_>, axes: &[ResizeAxis], options: Resize) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    if input.dtype() == DType::F32 || options.mode == ResizeMode::Nearest {
        return node.same(input.resize_axes(axes, options)?);
    }
    node.wrapped(input.cast(DType::F32)?.resize_axes(axes, options)?.cast(input.dtype())?)
}

/// Version 10 knows scales alone, and pixels as points.
fn resize(node: &Node<'_>) -> Result<Vec<Value>> {
    if node.opset < 11 {
        return upsample(node);
    }
    let shape = node.shape(0)?;
    let mode = match node.choice("mode", &["nearest", "linear", "cubic"])? {
        "linear" => ResizeMode::Bilinear,
        "cubic" => ResizeMode::Bicubic,
        _ => ResizeMode::Nearest,
    };
    let extrapolation = node.float("extrapolation_value", 0.0)?;
    let modes = [
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
        "tf_crop_and_resize",
        "tf_half_pixel_for_nn",
    ];
    let coordinates = match node.choice("coordinate_transformation_mode", &modes)? {
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_crop_and_resize" => Coordinates::TfCropAndResize { start: (0.0, 0.0), end: (1.0, 1.0), extrapolation },
        "tf_half_pixel_for_nn" => Coordinates::TfHalfPixelForNn,
        _ => Coordinates::HalfPixel,
    };
    let rounding = match node.choice("nearest_mode", &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])? {
        "round_prefer_ceil" => NearestRounding::RoundPreferCeil,
        "floor" => NearestRounding::Floor,
        "ceil" => NearestRounding::Ceil,
        _ => NearestRounding::RoundPreferFloor,
    };
    let options = Resize {
        mode,
        coordinates,
        rounding,
        cubic_coefficient: node.float("cubic_coeff_a", -0.75)?,
        exclude_outside: node.flag("exclude_outside", false)?,
        antialias: node.flag("antialias", false)? && mode != ResizeMode::Nearest,
        ..Resize::to(Hw::square(1))
    };
    let axes = axes(node, shape.len())?;
    let policy = node.choice("keep_aspect_ratio_policy", &["stretch", "not_larger", "not_smaller"])?;
    let scales = floats(node, 2)?;
    let sizes = if node.has(3) { node.ints(3)? } else { Vec::new() };
    let mut sides: Vec<ResizeAxis> = match (scales.len() == axes.len(), sizes.len() == axes.len()) {
        (true, false) => axes.iter().zip(&scales).map(|(&axis, &scale)| by_scale(axis, shape[axis], scale)).collect(),
        (false, true) => {
            let sizes = sizes.iter().map(|&s| node.size("a size", s)).collect::<Result<Vec<_>>>()?;
            by_sizes(&axes, &shape, &sizes, policy)
        }
        _ => {
            return Err(node
                .wrong(format!("scales {scales:?} or sizes {sizes:?}, one of them, must have a number for each of {} axes", axes.len())));
        }
    };
    if let Coordinates::TfCropAndResize { .. } = coordinates {
        let parts = floats(node, 1)?;
        if parts.len() != 2 * axes.len() {
            return Err(node.wrong(format!("roi {parts:?} must have a start and an end for each of {} axes", axes.len())));
        }
        for (i, side) in sides.iter_mut().enumerate() {
            side.part = (parts[i], parts[axes.len() + i]);
        }
    }
    apply(node, &sides, options)
}

/// Axes at these sizes, or at the largest (smallest) of one scale that are not larger (smaller).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes that a picture can have")]
fn by_sizes(axes: &[usize], shape: &[usize], sizes: &[usize], policy: &str) -> Vec<ResizeAxis> {
    let ratios = axes.iter().zip(sizes).map(|(&axis, &size)| size as f64 / shape[axis] as f64);
    let scale = match policy {
        "not_larger" => ratios.fold(f64::INFINITY, f64::min),
        "not_smaller" => ratios.fold(0.0, f64::max),
        _ => return axes.iter().zip(sizes).map(|(&axis, &size)| ResizeAxis::to(signed(axis), size)).collect(),
    };
    let side = |&axis: &usize| {
        let size = (scale * shape[axis] as f64 + 0.5).floor() as usize;
        ResizeAxis { scale: Some(scale as f32), ..ResizeAxis::to(signed(axis), size) }
    };
    axes.iter().map(side).collect()
}

/// Scales are an attribute before version 9, two in version 1.
fn upsample(node: &Node<'_>) -> Result<Vec<Value>> {
    let shape = node.shape(0)?;
    let linear = matches!(node.choice("mode", &["nearest", "linear", "bilinear"])?, "linear" | "bilinear");
    let scales = match node.opset {
        ..7 => vec![1.0, 1.0, node.float("height_scale", 1.0)?, node.float("width_scale", 1.0)?],
        7 | 8 => node.float_list("scales")?.unwrap_or_default(),
        _ => floats(node, 1)?,
    };
    if scales.len() != shape.len() {
        return Err(node.wrong(format!("scales {scales:?} must have a number for each dimension of {shape:?}")));
    }
    let mode = if linear { ResizeMode::Bilinear } else { ResizeMode::Nearest };
    let options = Resize { mode, coordinates: Coordinates::Asymmetric, rounding: NearestRounding::Floor, ..Resize::to(Hw::square(1)) };
    let sides = scales.iter().enumerate().map(|(axis, &scale)| by_scale(axis, shape[axis], scale));
    // The text of version 10 does not say which point is nearest; ONNX's case and ONNX Runtime take the next one where an axis shrinks.
    let (down, up): (Vec<ResizeAxis>, Vec<ResizeAxis>) = sides.partition(|side| !linear && side.scale.is_some_and(|scale| scale < 1.0));
    if down.is_empty() {
        return apply(node, &up, options);
    }
    let larger = node.var(0)?.resize_axes(&up, options)?;
    node.same(larger.resize_axes(&down, Resize { rounding: NearestRounding::Ceil, ..options })?)
}

fn roi_align(node: &Node<'_>) -> Result<Vec<Value>> {
    let mode = if node.choice("mode", &["avg", "max"])? == "max" { RoiMode::Max } else { RoiMode::Average };
    // Before version 16 a pixel's place was its corner.
    let aligned = node.opset >= 16 && node.choice("coordinate_transformation_mode", &["half_pixel", "output_half_pixel"])? == "half_pixel";
    let size = |name| node.size(name, node.int(name, 1)?);
    let attributes = RoiAlign {
        size: Hw::new(size("output_height")?, size("output_width")?),
        sampling_ratio: node.size("sampling_ratio", node.int("sampling_ratio", 0)?)?,
        spatial_scale: node.float("spatial_scale", 1.0)?,
        mode,
        aligned,
    };
    node.same(node.var(0)?.roi_align(&node.var(1)?, &node.var(2)?, attributes)?)
}

/// Parts (K, 5) begin with the map's number.
fn max_roi_pool(node: &Node<'_>) -> Result<Vec<Value>> {
    let rois = node.var(1)?;
    let &[parts, 5] = rois.shape() else { return Err(node.wrong(format!("rois {} are not (K, 5)", rois.ty()))) };
    let size = node.int_list("pooled_shape")?.unwrap_or_default();
    let &[h, w] = &size[..] else { return Err(node.wrong(format!("pooled_shape has {} numbers, not 2", size.len()))) };
    let size = Hw::new(node.size("pooled_shape", h)?, node.size("pooled_shape", w)?);
    let attributes = MaxRoiPool { size, spatial_scale: node.float("spatial_scale", 1.0)? };
    let maps = rois.narrow(1, 0, 1)?.reshape([parts])?.cast(DType::I32)?;
    node.same(node.var(0)?.max_roi_pool(&rois.narrow(1, 1, 4)?, &maps, attributes)?)
}

fn deform_conv(node: &Node<'_>) -> Result<Vec<Value>> {
    let weight = node.var(1)?;
    let window = Window::of(node, weight.shape().get(2..))?;
    if window.kernel.len() != 2 {
        return Err(node.unsupported(format!("{} spatial dimensions", window.kernel.len())));
    }
    let attributes = DeformConv2d {
        stride: Window::hw(&window.stride),
        padding: window.pads2(node)?,
        dilation: Window::hw(&window.dilation),
        groups: node.size("group", node.int("group", 1)?)?,
        offset_groups: node.size("offset_group", node.int("offset_group", 1)?)?,
    };
    let (bias, mask) = (node.optional(3)?, node.optional(4)?);
    node.same(node.var(0)?.deform_conv2d(&weight, &node.var(2)?, bias.as_ref(), mask.as_ref(), attributes)?)
}

fn col2im(node: &Node<'_>) -> Result<Vec<Value>> {
    let sizes = |list: Vec<i64>| list.into_iter().map(|v| node.size("a size", v)).collect::<Result<Vec<_>>>();
    let (image, block) = (sizes(node.ints(1)?)?, sizes(node.ints(2)?)?);
    let mut attributes = Col2im::new(image, block);
    let rank = attributes.block.len();
    if let Some(strides) = node.int_list("strides")? {
        attributes.stride = sizes(strides)?;
    }
    if let Some(dilations) = node.int_list("dilations")? {
        attributes.dilation = sizes(dilations)?;
    }
    if let Some(pads) = node.int_list("pads")? {
        let pads = sizes(pads)?;
        if pads.len() != 2 * rank {
            return Err(node.wrong(format!("pads {pads:?} are not a begin and an end for each of {rank} dimensions")));
        }
        (attributes.before, attributes.after) = (pads[..rank].to_vec(), pads[rank..].to_vec());
    }
    node.same(node.var(0)?.col2im(attributes)?)
}

fn order(node: &Node<'_>) -> Result<DepthOrder> {
    Ok(if node.choice("mode", &["DCR", "CRD"])? == "CRD" { DepthOrder::Crd } else { DepthOrder::Dcr })
}

fn depth_to_space(node: &Node<'_>) -> Result<Vec<Value>> {
    let block = node.size("blocksize", node.required_int("blocksize")?)?;
    node.same(node.var(0)?.depth_to_space(block, order(node)?)?)
}

fn space_to_depth(node: &Node<'_>) -> Result<Vec<Value>> {
    let block = node.size("blocksize", node.required_int("blocksize")?)?;
    node.same(node.var(0)?.space_to_depth(block, DepthOrder::Dcr)?)
}

fn center_crop_pad(node: &Node<'_>) -> Result<Vec<Value>> {
    let axes = axes(node, node.shape(0)?.len())?;
    let sizes = node.ints(1)?.into_iter().map(|s| node.size("a size", s)).collect::<Result<Vec<_>>>()?;
    if sizes.len() != axes.len() {
        return Err(node.wrong(format!("sizes {sizes:?} are not one for each of {} axes", axes.len())));
    }
    let sizes: Vec<CenterSize> = axes.into_iter().zip(sizes).map(|(axis, size)| CenterSize { axis: signed(axis), size }).collect();
    node.same(node.var(0)?.center_crop_pad(&sizes)?)
}

fn max_unpool(node: &Node<'_>) -> Result<Vec<Value>> {
    let window = Window::of(node, None)?;
    let sizes = |list: Vec<i64>| list.into_iter().map(|v| node.size("a size", v)).collect::<Result<Vec<_>>>();
    let (before, after): (Vec<i64>, Vec<i64>) = window.pads.iter().copied().unzip();
    let output_shape = node.optional_ints(2)?.map(sizes).transpose()?;
    let attributes = MaxUnpool { kernel: window.kernel, stride: window.stride, before: sizes(before)?, after: sizes(after)?, output_shape };
    node.same(node.var(0)?.max_unpool(&node.var(1)?, &attributes)?)
}
