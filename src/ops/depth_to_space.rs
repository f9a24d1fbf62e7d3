//! `depth_to_space` and `space_to_depth`: blocks of channels become blocks of pixels, and back.
//!
//! ```text
//! output[n, c, y * b + i, x * b + j] = input[n, (i * b + j) * C + c, y, x]      DCR
//!                                    = input[n, (c * b + i) * b + j, y, x]      CRD
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C b b, H, W) |
//! | output | (N, C, H b, W b) |
//!
//! Composed of reshapes, which cost nothing, and one transposition. ONNX: `DepthToSpace`, `SpaceToDepth` (which undoes DCR).
//! PyTorch: `pixel_shuffle` is CRD, `pixel_unshuffle` undoes that.

use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[];

/// How channels are ordered that become pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DepthOrder {
    /// Depth, column, row: the places of a block outside, the channels that remain inside.
    #[default]
    Dcr,
    /// Column, row, depth: the channels that remain outside, the places of a block inside.
    Crd,
}

/// The sizes (n, c, h, w) of an image.
fn image(op: &'static str, x: &Var, block: usize) -> Result<[usize; 4]> {
    match x.shape() {
        &[n, c, h, w] if block > 0 && block.checked_mul(block).is_some() => Ok([n, c, h, w]),
        _ => Err(Error::shape(op, format!("blocks of {block} of {}: it must be (N, C, H, W), and blocks have a size", x.ty()))),
    }
}

impl Var {
    /// Blocks of `block * block` channels as blocks of pixels.
    ///
    /// # Errors
    /// If this is no image or the block does not divide its channels.
    pub fn depth_to_space(&self, block: usize, order: DepthOrder) -> Result<Self> {
        let [n, channels, h, w] = image("depth_to_space", self, block)?;
        let c = channels / (block * block);
        if !channels.is_multiple_of(block * block) {
            return Err(Error::shape("depth_to_space", format!("blocks of {block} x {block} do not divide the channels of {}", self.ty())));
        }
        let apart = match order {
            DepthOrder::Dcr => self.reshape([n, block, block, c, h, w])?.transpose([0, 3, 4, 1, 5, 2])?,
            DepthOrder::Crd => self.reshape([n, c, block, block, h, w])?.transpose([0, 1, 4, 2, 5, 3])?,
        };
        apart.reshape([n, c, h * block, w * block])
    }

    /// Blocks of `block * block` pixels as channels: the inverse of [`Var::depth_to_space`].
    ///
    /// # Errors
    /// If this is no image or the block does not divide its height and width.
    pub fn space_to_depth(&self, block: usize, order: DepthOrder) -> Result<Self> {
        let [n, c, h, w] = image("space_to_depth", self, block)?;
        if !h.is_multiple_of(block) || !w.is_multiple_of(block) {
            return Err(Error::shape("space_to_depth", format!("blocks of {block} x {block} do not divide {}", self.ty())));
        }
        let apart = self.reshape([n, c, h / block, block, w / block, block])?;
        let turned = match order {
            DepthOrder::Dcr => apart.transpose([0, 3, 5, 1, 2, 4])?,
            DepthOrder::Crd => apart.transpose([0, 1, 3, 5, 2, 4])?,
        };
        turned.reshape([n, c * block * block, h / block, w / block])
    }
}
