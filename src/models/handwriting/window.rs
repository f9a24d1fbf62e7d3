//! The soft window: Gaussians that move along a text, never back (section 5.1 of the paper).
//!
//! ```text
//! [a; b; k] = W h + bias, K of each     alpha = exp(a)   beta = exp(b)   kappa[t] = kappa[t-1] + exp(k)
//! phi[t, u] = sum over the K of alpha exp(-beta (kappa[t] - u)^2),  u = 1, 2 ..             they do not add up to 1
//! w[t] = sum over u of phi[t, u] onehot(text[u])
//! ```

use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::layers::{Affine, Fill, Layers};
use crate::ops::zeros;

/// What k begins as: a window goes on by a character in e^2.5 points, some twelve. From 0, a character in each point, it is at a text's
/// end before the second letter is written, and learning has to bring it back first.
const PACE: f32 = -2.5;

/// The layer that moves the windows.
#[derive(Clone, Debug)]
pub(super) struct Window {
    layer: Affine,
    gaussians: usize,
}

/// Where the windows of n lines are, and what they see.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// (n, K).
    pub(super) kappa: Var,
    /// w, (n, characters).
    pub(super) seen: Var,
}

impl Window {
    /// `window.weight` (3 K, units) and `window.bias`.
    pub(super) fn new(layers: &mut Layers<'_>, units: usize, gaussians: usize) -> Result<Self> {
        let bias: Vec<f32> = [0.0, 0.0, PACE].into_iter().flat_map(|first| std::iter::repeat_n(first, gaussians)).collect();
        let layer = layers.affine("window", [units, gaussians.saturating_mul(3)], [Fill::Uniform(units), Fill::Given(&bias)])?;
        Ok(Self { layer, gaussians })
    }

    /// Before the first point: in front of the text, and nothing is seen of `text` (n, U, characters).
    pub(super) fn begin(&self, text: &Var) -> Result<Place> {
        let (n, characters) = (text.shape()[0], text.shape()[2]);
        Ok(Place { kappa: zeros(text, &[n, self.gaussians])?, seen: zeros(text, &[n, characters])? })
    }

    /// Where the windows are by `h` (n, units), and phi (n, U).
    pub(super) fn step(&self, h: &Var, text: &Var, before: &Place) -> Result<(Place, Var)> {
        let parts = self.layer.of(h)?.exp()?.split(1, &[self.gaussians; 3])?;
        let [alpha, beta, step] = <[Var; 3]>::try_from(parts).map_err(|v| Error::shape("handwriting", format!("{} parts", v.len())))?;
        let kappa = before.kappa.add(&step)?;
        let characters = h.graph().constant(Array::from_fn([1, 1, text.shape()[1]], |u| (u + 1) as f32))?;
        let [tall, narrow, centre] = [alpha.unsqueeze(2)?, beta.unsqueeze(2)?, kappa.unsqueeze(2)?];
        let off = centre.sub(&characters)?;
        let phi = tall.mul(&off.mul(&off)?.mul(&narrow)?.neg()?.exp()?)?.reduce_sum(&[1], true)?;
        let seen = phi.matmul(text)?.squeeze(1)?;
        Ok((Place { kappa, seen }, phi.squeeze(1)?))
    }
}
