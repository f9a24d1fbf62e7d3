//! What training makes small.

use crate::array::Array;
use crate::error::Result;
use crate::graph::Var;

/// `weight` times the sum over places of (1 - what the alphas of all words add up to there)^2, the mean of all images: section 4.2.1
/// with alphas (B, T, L), those of padded words among them. The published weight is 1.
///
/// # Errors
/// If the alphas have other dimensions.
pub fn doubly_stochastic(alphas: &Var, weight: f32) -> Result<Var> {
    let [one, weight] = [1.0, weight].map(|value| alphas.graph().constant(Array::scalar(value)));
    let rest = one?.sub(&alphas.reduce_sum(&[1], false)?)?;
    rest.reduce_sum_square(&[1], false)?.reduce_mean(&[], false)?.mul(&weight?)
}

/// The mean over images of the sum over words of -ln(p + 1e-8), where `mask` is 1: of log probabilities and mask (B, T).
///
/// # Errors
/// If they do not belong together.
pub fn sentence_loss(log_probabilities: &Var, mask: &Var) -> Result<Var> {
    let least = mask.graph().constant(Array::scalar(1e-8f32))?;
    log_probabilities.exp()?.add(&least)?.log()?.neg()?.mul(mask)?.reduce_sum(&[1], false)?.reduce_mean(&[], false)
}
