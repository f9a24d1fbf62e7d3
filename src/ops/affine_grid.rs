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
use crate::gpu::{Kernel, Launch, kernel, params};
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
        let side = |size: usize| Side::new(size, self.align_corners);
        let (columns, rows, Hw { h, w }) = (side(self.size.w), side(self.size.h), self.size);
        let pixel = |y, x| [columns.coordinate(x), rows.coordinate(y), 1.0];
        let pixels = (0..h).flat_map(|y| (0..w).flat_map(move |x| pixel(y, x))).collect();
        Ok(vec![Some(by_theta(the_gradient(self.name(), output_grads)?, pixels)?)])
    }
}

/// The gradient (N, k, k + 1) of matrices from that of the grid (N, .., k) which they map pixels to; `pixels` are the pixels' k
/// coordinates, and 1.
pub(super) fn by_theta(grad: &Var, pixels: Vec<f64>) -> Result<Var> {
    let (images, last) = (grad.shape()[0], grad.shape()[grad.shape().len() - 1]);
    let count = pixels.len() / (last + 1);
    let pixels = grad.graph().constant(rounded(&[count, last + 1], pixels)?)?;
    grad.reshape([images, count, last])?.transpose([0, 2, 1])?.matmul(&pixels)
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
