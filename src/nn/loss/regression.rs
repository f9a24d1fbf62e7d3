//! Losses of numbers.

use super::{Reduction, alike};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};

/// The squared difference (input - target)^2, of one shape. PyTorch: `mse_loss`; Caffe's `EuclideanLoss` is half of its
/// [`Reduction::BatchMean`].
///
/// # Errors
/// If they are not f32 of one shape.
pub fn mse_loss(input: &Var, target: &Var, reduction: Reduction) -> Result<Var> {
    alike("mse_loss", input, target)?;
    let difference = input.sub(target)?;
    reduction.of(&difference.mul(&difference)?, None)
}

/// A square near 0 and a line further away, of d = input - target.
///
/// ```text
/// loss = d^2 / (2 beta) where |d| < beta, else |d| - beta / 2
///      = c (|d| - c / 2) / beta with c the smaller of |d| and beta
/// ```
///
/// beta = 0 is |d|. PyTorch: `smooth_l1_loss`; Caffe's layer of that name has beta = 1 / sigma^2.
///
/// # Errors
/// If they are not f32 of one shape, or beta is negative or not finite.
pub fn smooth_l1_loss(input: &Var, target: &Var, beta: f32, reduction: Reduction) -> Result<Var> {
    alike("smooth_l1_loss", input, target)?;
    if !beta.is_finite() || beta < 0.0 {
        return Err(Error::shape("smooth_l1_loss", format!("beta is not negative and finite, it is {beta}")));
    }
    let distance = input.sub(target)?.abs()?;
    if beta == 0.0 {
        return reduction.of(&distance, None);
    }
    let near = distance.clip(None, Some(beta))?;
    let losses = near.mul(&distance.sub(&scaled(&near, 0.5)?)?)?.div(&number(&distance, beta)?)?;
    reduction.of(&losses, None)
}
