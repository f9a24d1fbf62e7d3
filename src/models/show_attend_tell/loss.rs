//! What training makes small.
//!
//! Soft attention is trained by [`sentence_loss`] and [`doubly_stochastic`](super::doubly_stochastic). Hard attention,
//! [`Attention::Sampled`](super::Attention::Sampled) by uniform numbers, by [`sentence_loss`] given the draws and
//! [`hard_attention_loss`], which teaches it where to look. [`Attention::mixed`](super::Attention::mixed) is the published mixture of both.

use super::Unrolled;
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::loss::{Reinforce, reinforce};
use crate::ops::scaled;

/// The mean over images of the sum over words of -ln(p + 1e-8), where `mask` is 1: of log probabilities and mask (B, T).
///
/// # Errors
/// If they do not belong together.
pub fn sentence_loss(log_probabilities: &Var, mask: &Var) -> Result<Var> {
    let least = mask.graph().constant(Array::scalar(1e-8f32))?;
    log_probabilities.exp()?.add(&least)?.log()?.neg()?.mul(mask)?.reduce_sum(&[1], false)?.reduce_mean(&[], false)
}

/// What a caption was worth, (B): the mean over its T words of ln p, 0 where `mask` is 0: of log probabilities and mask (B, T). The
/// published code rewards the mean, not the sum. [`moving_average`](crate::nn::loss::moving_average) of it with a decay of 0.9 is the
/// published baseline.
///
/// # Errors
/// If they do not belong together.
pub fn caption_reward(log_probabilities: &Var, mask: &Var) -> Result<Var> {
    log_probabilities.mul(mask)?.reduce_mean(&[1], false)
}

/// What the words of a caption were worth from each on, (B, T): the sum over it and those behind it of what [`caption_reward`] takes the mean
/// of, over T too. Where the decoder looked for a word has no part in the words before it.
///
/// ```text
/// R[b, t] = sum over u >= t of mask ln p(word u) / T
/// ```
///
/// # Errors
/// If they do not belong together.
pub fn rewards_to_go(log_probabilities: &Var, mask: &Var) -> Result<Var> {
    let words = log_probabilities.mul(mask)?.cumsum(1, false, true)?;
    let each = 1.0 / words.shape().get(1).copied().unwrap_or(1).max(1) as f32;
    scaled(&words, each)
}

/// What is small where places were likely whose captions were worth more than `baseline`: the term of
/// [`reinforce`](crate::nn::loss::reinforce), whose gradient teaches where to look.
///
/// ```text
/// R[b]       = mean over t of mask ln p(word)                          caption_reward, no gradient
/// log p(s)   = sum over t of mask ln alpha[b, t, place[b, t]]
/// H[b]       = -sum over t of mask sum over i of alpha ln alpha
/// loss       = -mean over b of (lambda_r (R - baseline) log p(s) + lambda_e H)
/// ```
///
/// `reward` is R as [`caption_reward`] has it, which was published, with one number as `baseline`. With [`rewards_to_go`] and a baseline for
/// each word, both [`moving_average`](crate::nn::loss::moving_average)s, the sum over t is of `(R[b, t] - baseline[t]) mask ln alpha`: the
/// same gradient in the mean, and mostly less variance.
///
/// Alphas below 1e-8 count as that, and have no gradient. In a step of [`Attention::Mixed`](super::Attention::Mixed) whose places were
/// not looked at there is nothing to reward: log p(s) counts as 0, and alpha's gradient comes through the expectation.
///
/// # Errors
/// If attention is soft, or the shapes do not belong together.
pub fn hard_attention_loss(made: &Unrolled, mask: &Var, reward: &Var, baseline: &Var, weights: Reinforce) -> Result<Var> {
    let Some(places) = &made.places else {
        return Err(Error::shape("hard_attention_loss", "attention is soft: there is no place that it looked at"));
    };
    if mask.shape() != places.shape() || mask.dtype() != DType::F32 {
        return Err(Error::shape("hard_attention_loss", format!("mask {} of places {}", mask.ty(), places.ty())));
    }
    let logs = made.alphas.clip(Some(1e-8), None)?.log()?;
    let of_caption = |of_words: &Var| of_words.mul(mask)?.reduce_sum(&[1], false);
    let mut log_probability = logs.gather_elements(2, &places.unsqueeze(2)?)?.squeeze(2)?.mul(mask)?;
    if reward.shape().len() == 1 {
        log_probability = log_probability.reduce_sum(&[1], false)?;
    }
    if let Some(drawn) = &made.drawn {
        log_probability = log_probability.mul(&drawn.cast(DType::F32)?)?;
    }
    let entropy = of_caption(&made.alphas.mul(&logs)?.reduce_sum(&[2], false)?.neg()?)?;
    reinforce(reward, &log_probability, Some(&entropy), baseline, weights)
}
