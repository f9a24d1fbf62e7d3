//! Images read at given places.

use super::Table;
use crate::array::{Dhw, Hw};
use crate::error::Result;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::{AffineGrid, AffineGrid3d, GridSample, PaddingMode, SampleMode};

pub(super) const TABLE: Table = &[("AffineGrid", affine_grid), ("GridSample", grid_sample)];

/// The modes were renamed in version 20.
fn grid_sample(node: &Node<'_>) -> Result<Vec<Value>> {
    let mode =
        match node.choice("mode", if node.opset < 20 { &["bilinear", "nearest", "bicubic"] } else { &["linear", "nearest", "cubic"] })? {
            "nearest" => SampleMode::Nearest,
            "bicubic" | "cubic" => SampleMode::Bicubic,
            _ => SampleMode::Bilinear,
        };
    let padding = match node.choice("padding_mode", &["zeros", "border", "reflection"])? {
        "border" => PaddingMode::Border,
        "reflection" => PaddingMode::Reflection,
        _ => PaddingMode::Zeros,
    };
    let options = GridSample { mode, padding, align_corners: node.flag("align_corners", false)? };
    let (input, grid) = (node.var(0)?, node.var(1)?);
    node.same(if input.shape().len() == 5 { input.grid_sample3d(&grid, options)? } else { input.grid_sample(&grid, options)? })
}

fn affine_grid(node: &Node<'_>) -> Result<Vec<Value>> {
    let align_corners = node.flag("align_corners", false)?;
    let size = node.ints(1)?.into_iter().map(|s| node.size("the size", s)).collect::<Result<Vec<_>>>()?;
    let theta = node.var(0)?;
    node.same(match *size.as_slice() {
        [_, _, h, w] => theta.affine_grid(AffineGrid { size: Hw::new(h, w), align_corners })?,
        [_, _, d, h, w] => theta.affine_grid3d(AffineGrid3d { size: Dhw::new(d, h, w), align_corners })?,
        _ => return Err(node.wrong(format!("size {size:?} is neither N, C, H, W nor N, C, D, H, W"))),
    })
}
