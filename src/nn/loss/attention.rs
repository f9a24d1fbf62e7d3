//! Losses of attention that is a weighted mean.

use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};

/// `weight` times the sum over places of (1 - what the alphas of all words add up to there)^2, the mean of all images.
///
/// ```text
/// loss = weight / B * sum over b, i of (1 - sum over t of alpha[b, t, i])^2        alphas (B, T, L)
/// ```
///
/// It has the network look at every place about once in a caption: the doubly stochastic attention, or coverage penalty, of Xu et al.
/// 2015, section 4.2.1. The published weight is 1, and the alphas of padded words are among those that are added up.
///
/// # Errors
/// If the alphas have other dimensions.
pub fn doubly_stochastic(alphas: &Var, weight: f32) -> Result<Var> {
    let [_, _, _] = *alphas.shape() else {
        return Err(Error::shape("doubly_stochastic", format!("alphas are (images, words, places), they are {}", alphas.ty())));
    };
    let rest = number(alphas, 1.0)?.sub(&alphas.reduce_sum(&[1], false)?)?;
    scaled(&rest.reduce_sum_square(&[1], false)?.reduce_mean(&[], false)?, weight)
}
