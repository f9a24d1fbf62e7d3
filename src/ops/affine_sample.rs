//! `affine_sample`: an image read through an affine map.
//!
//! ```text
//! output = grid_sample(input, affine_grid(theta))
//! ```
//!
//! The grid is never stored: each pixel's place is computed where it is read. That saves its 16 bytes for each output
//! pixel, which is a quarter of the traffic for three channels.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | theta | (N, 2, 3): output coordinates to input coordinates |
//! | output | (N, C, OH, OW) |
//!
//! Gradients: those of the two, for which the grid is stored.
//!
//! PyTorch: `grid_sample(input, affine_grid(theta, size))`. Source: Jaderberg et al., Spatial Transformer Networks (2015).

use super::affine_grid::check_theta;
use super::grid_sample::sampled;
use super::{AffineGrid, Candidate, GridSample, Op, Site, check_inputs};
use crate::array::{Array, Hw, TensorType};
use crate::error::Result;
use crate::gpu::{Kernel, Slot};
use crate::graph::Var;

/// It runs `grid_sample`'s.
pub(super) const KERNELS: &[&Kernel] = &[];

/// How an image is read through an affine map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AffineSample {
    /// The output's size.
    pub size: Hw,
    /// How the image is read; its `align_corners` holds for the grid, too.
    pub sample: GridSample,
}

impl Var {
    /// Reads these images (N, C, H, W) through the affine maps `theta` (N, 2, 3).
    ///
    /// # Errors
    /// If shapes or dtypes do not fit.
    pub fn affine_sample(&self, theta: &Self, options: AffineSample) -> Result<Self> {
        self.apply1(options, &[theta])
    }
}

impl Op for AffineSample {
    fn name(&self) -> &'static str {
        "affine_sample"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_theta(self.name(), inputs[1])?;
        sampled(self.name(), inputs[0], ("theta", inputs[1]), self.size)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let theta = inputs[1].values::<f32>()?;
        let grid = AffineGrid { size: self.size, align_corners: self.sample.align_corners };
        self.sample.sample(inputs[0], self.size, |n, y, x| grid.place(theta, n, y, x))
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.sample.launch_on(site, true)
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (input, theta) = (&inputs[0], &inputs[1]);
        let affine = AffineGrid { size: self.size, align_corners: self.sample.align_corners };
        let grid = theta.affine_grid(affine)?;
        let by_grid = self.sample.gradient(&[input.clone(), grid.clone()], outputs, output_grads)?;
        let [by_input, by_grid] = <[Option<Var>; 2]>::try_from(by_grid).unwrap_or_default();
        let by_theta = affine.gradient(std::slice::from_ref(theta), &[grid], &[by_grid])?;
        Ok([vec![by_input], by_theta].concat())
    }
}
