//! `affine_grid`: the places that an affine map sends an image's pixels to.
//!
//! ```text
//! u = (2 (x - low) - span) / span                align_corners: low = 0, span = W - 1;  else low = -0.5, span = W
//! v likewise from y and H; both 0 where span is 0
//! output[n, y, x] = (theta[n, 0] . (u, v, 1),  theta[n, 1] . (u, v, 1))
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | theta | (N, 2, 3): output coordinates to input coordinates |
//! | output | (N, H, W, 2): x before y |
//!
//! Gradient: `theta[n]` gets the product of the output's (2, H W) with the pixels' (u, v, 1), (H W, 3).
//!
//! ONNX: `AffineGrid` (2-D). PyTorch: `torch.nn.functional.affine_grid`. Source: Jaderberg et al., Spatial Transformer
//! Networks (2015), equation 1.

use super::grid_sample::{Side, check_sides};
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        size: [u32; 2],
        span: [f32; 2],
        low: f32,
        count: u32,
        theta_skip: u32,
        output_skip: u32,
    }
}

static AFFINE_GRID: Kernel = kernel!("affine_grid", Params);
pub(super) const KERNELS: &[&Kernel] = &[&AFFINE_GRID];

/// Which pixels an affine map is evaluated at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AffineGrid {
    /// The image whose pixels are mapped.
    pub size: Hw,
    /// Whether -1 and 1 are the centres of the corner pixels rather than the image's edges.
    pub align_corners: bool,
}

impl Var {
    /// The grid (N, H, W, 2) that these matrices (N, 2, 3) map an image's pixels to.
    ///
    /// # Errors
    /// If the shape or dtype does not fit.
    pub fn affine_grid(&self, options: AffineGrid) -> Result<Self> {
        self.apply1(options, &[])
    }
}

impl Op for AffineGrid {
    fn name(&self) -> &'static str {
        "affine_grid"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_theta(self.name(), inputs[0])?;
        check_sides(self.name(), &[self.size.h, self.size.w])?;
        let output = TensorType::f32([inputs[0].shape[0], self.size.h, self.size.w, 2]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let theta = inputs[0].values::<f32>()?;
        let images = inputs[0].shape()[0];
        let mut output = Vec::with_capacity(2 * images * self.size.area());
        for n in 0..images {
            for y in 0..self.size.h {
                for x in 0..self.size.w {
                    let (gx, gy) = self.place(theta, n, y, x);
                    output.extend([gx, gy]);
                }
            }
        }
        Ok(vec![rounded(&[images, self.size.h, self.size.w, 2], output)?])
    }

    fn exact(&self, _: Slot) -> bool {
        true
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let images = site.inputs[0].shape[0];
        let side = |size: usize| Side::new(size, self.align_corners);
        let row = [6, 2 * self.size.area() as u64];
        let launches = launch_rows(self.name(), site.device, images, &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * self.size.area();
            let params = Params {
                size: [u32_of(self.size.w), u32_of(self.size.h)],
                span: [side(self.size.w).span as f32, side(self.size.h).span as f32],
                low: side(self.size.w).low as f32,
                count: u32_of(count),
                // Rows are whole pairs and windows start at multiples of 8 bytes or at the row itself.
                theta_skip: from.skip / 2,
                output_skip: to.skip / 2,
            };
            Launch::new(&AFFINE_GRID, &params, groups(count, WORKGROUP)).input_window(0, &from).output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        by_theta(the_gradient(self.name(), output_grads)?, &[self.size.w, self.size.h], self.align_corners)
    }
}

/// The gradient (N, k, k + 1) of matrices from that of the grid (N, .., k) which they map pixels to, whose `sides` are given innermost
/// first.
///
/// It is the sum over all pixels of the grid's with each coordinate of the pixel, and with 1. Each coordinate changes along one side
/// alone: so along each side there are two sums, with its coordinate and with 1, of which those are kept that had 1 along all but one.
pub(super) fn by_theta(grad: &Var, sides: &[usize], align_corners: bool) -> Result<Vec<Option<Var>>> {
    let (images, maps) = (grad.shape()[0], sides.len());
    let (mut sums, mut each) = (grad.clone(), maps);
    for &size in sides {
        let side = Side::new(size, align_corners);
        let factors = (0..size).flat_map(|at| [side.coordinate(at), 1.0]).collect();
        let outer = sums.ty().elements() / (size * each);
        let factors = grad.graph().constant(rounded(&[size, 2], factors)?)?;
        sums = sums.reshape([outer, size, each])?.transpose([0, 2, 1])?.matmul(&factors)?;
        each *= 2;
    }
    // Bits of the last dimension, from the highest on: a side's is clear where the sum is with its coordinate.
    let ones = (1 << maps) - 1;
    let kept: Vec<i32> = (0..maps).rev().map(|bit| ones ^ (1 << bit)).chain([ones]).collect();
    let kept = grad.graph().constant(Array::new([maps + 1], kept)?)?;
    Ok(vec![Some(sums.reshape([images, maps, 1 << maps])?.gather(2, &kept)?)])
}

impl AffineGrid {
    /// Where pixel (y, x) goes under matrix `n` of `theta`: normalised (x, y).
    pub(super) fn place(self, theta: &[f32], n: usize, y: usize, x: usize) -> (f64, f64) {
        let side = |size: usize| Side::new(size, self.align_corners);
        let (u, v) = (side(self.size.w).coordinate(x), side(self.size.h).coordinate(y));
        let row = |r: usize| {
            let [a, b, c] = [0, 1, 2].map(|i| f64::from(theta[6 * n + 3 * r + i]));
            a * u + b * v + c
        };
        (row(0), row(1))
    }
}

/// Refuses what is not a list of 2 x 3 matrices.
pub(super) fn check_theta(op: &'static str, theta: &TensorType) -> Result<()> {
    check_dtype(op, "theta", theta, DType::F32)?;
    if theta.rank() != 3 || theta.shape[1..] != [2, 3] {
        return Err(Error::shape(op, format!("theta must be (N, 2, 3), it is {theta}")));
    }
    Ok(())
}
