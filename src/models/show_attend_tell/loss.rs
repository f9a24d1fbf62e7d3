//! What training makes small.

use crate::array::Array;
use crate::error::Result;
use crate::graph::Var;

/// The mean over images of the sum over words of -ln(p + 1e-8), where `mask` is 1: of log probabilities and mask (B, T).
///
/// # Errors
/// If they do not belong together.
pub fn sentence_loss(log_probabilities: &Var, mask: &Var) -> Result<Var> {
    let least = mask.graph().constant(Array::scalar(1e-8f32))?;
    log_probabilities.exp()?.add(&least)?.log()?.neg()?.mul(mask)?.reduce_sum(&[1], false)?.reduce_mean(&[], false)
}
