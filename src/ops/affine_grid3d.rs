//! `affine_grid3d`: the places that an affine map sends a volume's voxels to.
//!
//! ```text
//! u = (2 (x - low) - span) / span                align_corners: low = 0, span = W - 1;  else low = -0.5, span = W
//! v likewise from y and H, w from z and D; each 0 where its span is 0
//! output[n, z, y, x, r] = theta[n, r] . (u, v, w, 1)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | theta | (N, 3, 4): output coordinates to input coordinates |
//! | output | (N, D, H, W, 3): x, y, z |
//!
//! Gradient: `theta[n]` gets the product of the output's (3, D H W) with the voxels' (u, v, w, 1), (D H W, 4).
//!
//! ONNX: `AffineGrid` (3-D). PyTorch: `torch.nn.functional.affine_grid`.

use super::affine_grid::by_theta;
use super::conv3d::voxels;
use super::grid_sample::{Side, check_sides};
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, rounded, the_gradient, u32_of};
use crate::array::{Array, DType, Dhw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params { size: [u32; 4], span: [f32; 4], low: f32, count: u32, theta_skip: u32, output_skip: u32 }
}

static AFFINE_GRID3D: Kernel = kernel!("affine_grid3d", Params);
pub(super) const KERNELS: &[&Kernel] = &[&AFFINE_GRID3D];

/// Which voxels an affine map is evaluated at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AffineGrid3d {
    /// The volume whose voxels are mapped.
    pub size: Dhw,
    /// Whether -1 and 1 are the centres of the corner voxels rather than the volume's faces.
    pub align_corners: bool,
}

impl Var {
    /// The grid (N, D, H, W, 3) that these matrices (N, 3, 4) map a volume's voxels to.
    ///
    /// # Errors
    /// If the shape or dtype does not fit.
    pub fn affine_grid3d(&self, options: AffineGrid3d) -> Result<Self> {
        self.apply1(options, &[])
    }
}

impl Op for AffineGrid3d {
    fn name(&self) -> &'static str {
        "affine_grid3d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let theta = inputs[0];
        check_dtype(self.name(), "theta", theta, DType::F32)?;
        if theta.rank() != 3 || theta.shape[1..] != [3, 4] {
            return Err(Error::shape(self.name(), format!("theta must be (N, 3, 4), it is {theta}")));
        }
        check_sides(self.name(), &[self.size.d, self.size.h, self.size.w])?;
        let output = TensorType::f32([theta.shape[0], self.size.d, self.size.h, self.size.w, 3]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (theta, Dhw { d, h, w }) = (inputs[0].values::<f32>()?, self.size);
        let mut output = Vec::with_capacity(3 * inputs[0].shape()[0] * self.size.volume());
        for matrix in theta.chunks_exact(12) {
            for (z, y, x) in voxels(self.size) {
                let coordinate = |size: usize, at: usize| Side::new(size, self.align_corners).coordinate(at);
                let at = [coordinate(w, x), coordinate(h, y), coordinate(d, z), 1.0];
                output.extend(matrix.chunks_exact(4).map(|row| row.iter().zip(at).map(|(&m, a)| f64::from(m) * a).sum::<f64>()));
            }
        }
        Ok(vec![rounded(&[inputs[0].shape()[0], d, h, w, 3], output)?])
    }

    fn exact(&self, _: Slot) -> bool {
        true
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let Dhw { d, h, w } = self.size;
        let span = |size: usize| Side::new(size, self.align_corners).span as f32;
        let row = [12, 3 * self.size.volume() as u64];
        let launches = launch_rows(self.name(), site.device, site.inputs[0].shape[0], &row.map(|r| r * 4), |part| {
            let [from, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * self.size.volume();
            let params = Params {
                size: [w, h, d, 0].map(u32_of),
                span: [span(w), span(h), span(d), 0.0],
                low: Side::new(w, self.align_corners).low as f32,
                count: u32_of(count),
                // Matrices are three whole vectors, windows start at whole ones.
                theta_skip: from.skip / 4,
                output_skip: to.skip,
            };
            Launch::new(&AFFINE_GRID3D, &params, groups(count, WORKGROUP)).input_window(0, &from).output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let Dhw { d, h, w } = self.size;
        by_theta(the_gradient(self.name(), output_grads)?, &[w, h, d], self.align_corners)
    }
}
