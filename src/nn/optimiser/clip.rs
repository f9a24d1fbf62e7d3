//! Gradients that have grown too large, made smaller.

use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{concat, number};

/// All gradients times the one factor that brings their common norm down to `most`, if it is larger, and that norm as it was.
///
/// ```text
/// norm = sqrt(sum of squares of all numbers of all gradients)        factor = most / max(norm, most)
/// ```
///
/// A factor of 1 changes no bit. The squares must not overflow: norms up to 1e19. Source: Pascanu, Mikolov, Bengio 2013, algorithm 1;
/// Caffe's `clip_gradients`; PyTorch's `clip_grad_norm_`, which adds 1e-6 to the norm.
///
/// # Errors
/// If there is no gradient, one is not f32, or `most` is not positive.
pub fn clip_by_global_norm(gradients: &[Var], most: f32) -> Result<(Vec<Var>, Var)> {
    let squares = gradients.iter().map(|g| g.reduce_sum_square(&[], false)?.reshape([1])).collect::<Result<Vec<_>>>()?;
    if squares.is_empty() || !most.is_finite() || most <= 0.0 {
        return Err(Error::shape("clip_by_global_norm", format!("{} gradients of norm {most} at most", gradients.len())));
    }
    let norm = concat(&squares.iter().collect::<Vec<_>>(), 0)?.reduce_sum(&[], false)?.sqrt()?;
    let most = number(&norm, most)?;
    let factor = most.div(&norm.maximum(&most)?)?;
    Ok((gradients.iter().map(|g| g.mul(&factor)).collect::<Result<_>>()?, norm))
}

/// Each number of the gradients brought between -`most` and `most`. PyTorch: `clip_grad_value_`.
///
/// # Errors
/// If a gradient is not f32, or `most` is not positive.
pub fn clip_by_value(gradients: &[Var], most: f32) -> Result<Vec<Var>> {
    if !most.is_finite() || most <= 0.0 {
        return Err(Error::shape("clip_by_value", format!("numbers of {most} at most")));
    }
    gradients.iter().map(|g| g.clip(Some(-most), Some(most))).collect()
}
