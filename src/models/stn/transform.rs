//! Transforms: from theta to the places where an output's pixels are read.
//!
//! Each maps output coordinates (x, y) in -1..1 to input coordinates (section 3.2):
//!
//! | transform | theta | (x', y') |
//! |---|---|---|
//! | attention | s, tx, ty | (s x + tx, s y + ty) |
//! | location | tx, ty | the same with a fixed s |
//! | affine | t1 .. t6 | (t1 x + t2 y + t3, t4 x + t5 y + t6) |
//! | projective | t1 .. t8 | (t1 x + t2 y + t3, t4 x + t5 y + t6) / (t7 x + t8 y + 1) |
//! | thin-plate spline | x, y of 16 points | see `spline` |
//!
//! Attention and location are affine with some entries given, `theta E + f` with E of zeros and ones; affine maps go through
//! [`Var::affine_sample`], which stores no grid.
//!
//! The projective grid is `B A^T`, where the constant B (pixels, 3) holds (x, y, 1) of each pixel and A (3, 3) is theta and a 1; its
//! first two columns are divided by the third. Where that is 0 the place is infinite, and reads 0. The spline's grid is the
//! product `M P` of `spline` with theta as P (16, 2). Both are one product for all images.

use super::spline;
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::{AffineGrid, AffineSample, GridSample, concat};

/// How the sampler reads: bilinear, zeros outside, -1 and 1 at the centres of the border pixels.
const SAMPLER: GridSample =
    GridSample { mode: crate::ops::SampleMode::Bilinear, padding: crate::ops::PaddingMode::Zeros, align_corners: true };

/// What a spatial transformer may do to its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transform {
    /// Scale and translation: 3 parameters (equation 2).
    Attention,
    /// Translation at a fixed scale: 2 parameters (section 4.3).
    Location {
        /// The part of the input's sides that is seen.
        scale: f32,
    },
    /// Any affine map: 6 parameters (equation 1).
    Affine,
    /// Any projective map with a last entry of 1: 8 parameters.
    Projective,
    /// A thin-plate spline of 4 x 4 control points on -1..1, whose source places are predicted: 32 parameters, x before y, row by row.
    ThinPlateSpline,
}

impl Transform {
    /// The number of parameters.
    pub fn parameters(self) -> usize {
        self.identity().len()
    }

    /// The parameters with which nothing moves, the first bias of a localisation's last layer.
    pub fn identity(self) -> Vec<f32> {
        self.at([0.0; 2])
    }

    /// The parameters that move everything by (x, y), so that the output's centre reads that place: first biases of transformers side
    /// by side, which otherwise all begin with the same look.
    pub fn at(self, [x, y]: [f32; 2]) -> Vec<f32> {
        match self {
            Self::Attention => vec![1.0, x, y],
            Self::Location { .. } => vec![x, y],
            Self::Affine => vec![1.0, 0.0, x, 0.0, 1.0, y],
            Self::Projective => vec![1.0, 0.0, x, 0.0, 1.0, y, 0.0, 0.0],
            Self::ThinPlateSpline => spline::controls().iter().flat_map(|[u, v]| [*u as f32 + x, *v as f32 + y]).collect(),
        }
    }

    /// The transforms of the transformers side by side that `weights` are of, `transformer1` and so on, by how many numbers each theta has.
    pub(super) fn of(weights: &Weights) -> Result<Vec<Self>> {
        let biases = (1..).map(|i| format!("transformer{i}.theta.bias")).take_while(|bias| weights.contains(bias));
        let of = |bias: String| {
            let [count] = weights.sizes(&bias)?;
            let all = [Self::Attention, Self::Affine, Self::Projective, Self::ThinPlateSpline];
            let wrong = || Error::model(weights.source(), format!("'{bias}' has {count} numbers; a transform has 3, 6, 8 or 32"));
            all.into_iter().find(|transform| transform.parameters() == count).ok_or_else(wrong)
        };
        biases.map(of).collect()
    }

    /// The image (n, c, h, w) that these parameters (n, p) make of `input`, in `size`.
    ///
    /// # Errors
    /// If a shape or dtype does not fit.
    pub fn warp(self, input: &Var, theta: &Var, size: Hw) -> Result<Var> {
        match self.affine(theta)? {
            Some(matrices) => input.affine_sample(&matrices, AffineSample { size, sample: SAMPLER }),
            None => input.grid_sample(&self.grid(theta, size)?, SAMPLER),
        }
    }

    /// The places (n, h, w, 2), x before y, where these parameters (n, p) read an output of `size`.
    ///
    /// # Errors
    /// If theta is not f32 of (n, p), or the size is 0 or has more than 2^28 pixels.
    pub fn grid(self, theta: &Var, size: Hw) -> Result<Var> {
        if let Some(matrices) = self.affine(theta)? {
            return matrices.affine_grid(AffineGrid { size, align_corners: true });
        }
        let (graph, n) = (theta.graph(), theta.shape()[0]);
        if size.h.checked_mul(size.w).is_none_or(|pixels| pixels > 1 << 28) {
            return Err(Error::shape("stn", format!("a grid of {} x {} has more than 2^28 places", size.h, size.w)));
        }
        let places = if self == Self::Projective {
            let rows: Vec<f32> = lattice(size).flat_map(|[x, y]| [x as f32, y as f32, 1.0]).collect();
            let one = graph.constant(Array::scalar(1.0f32))?.expand([n, 1])?;
            let matrices = concat(&[theta, &one], 1)?.reshape([n, 3, 3])?;
            let homogeneous = constant(graph, [size.area(), 3], rows)?.matmul(&matrices.swap_axes(1, 2)?)?;
            homogeneous.narrow(2, 0, 2)?.div(&homogeneous.narrow(2, 2, 1)?)?
        } else {
            let rows: Vec<f32> = spline::weights(lattice(size)).as_flattened().iter().map(|&v| v as f32).collect();
            constant(graph, [size.area(), spline::POINTS], rows)?.matmul(&theta.reshape([n, spline::POINTS, 2])?)?
        };
        places.reshape([n, size.h, size.w, 2])
    }

    /// The matrices (n, 2, 3), if the transform is affine.
    fn affine(self, theta: &Var) -> Result<Option<Var>> {
        let (count, graph) = (self.parameters(), theta.graph());
        let n = match *theta.shape() {
            [n, p] if p == count => n,
            _ => {
                let wanted = format!("{self:?} takes theta of f32[n, {count}], it is {}", theta.ty());
                return Err(Error::shape("stn", wanted));
            }
        };
        let six = match self {
            Self::Affine => theta.clone(),
            Self::Attention => {
                let spread = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
                theta.matmul(&constant(graph, [3, 6], spread)?)?
            }
            Self::Location { scale: s } => {
                let spread = vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
                let fixed = constant(graph, [6], vec![s, 0.0, 0.0, 0.0, s, 0.0])?;
                theta.matmul(&constant(graph, [2, 6], spread)?)?.add(&fixed)?
            }
            Self::Projective | Self::ThinPlateSpline => return Ok(None),
        };
        six.reshape([n, 2, 3]).map(Some)
    }
}

/// (x, y) of every pixel, row by row; -1 and 1 are the border pixels' centres, a single pixel is at 0.
fn lattice(size: Hw) -> impl Iterator<Item = [f64; 2]> {
    let at = |i: usize, n: usize| if n > 1 { 2.0 * i as f64 / (n - 1) as f64 - 1.0 } else { 0.0 };
    (0..size.h).flat_map(move |y| (0..size.w).map(move |x| [at(x, size.w), at(y, size.h)]))
}

fn constant<const N: usize>(graph: &Graph, shape: [usize; N], values: Vec<f32>) -> Result<Var> {
    graph.constant(Array::new(shape, values)?)
}
