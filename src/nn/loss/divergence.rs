//! Losses of probabilities, apart from classes and labels.

use super::{Reduction, alike};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, only_where};

/// The cross entropy of questions of yes or no: of `logits` and `targets` of 0 to 1, of one shape.
///
/// ```text
/// loss = -t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)) = x (1[x >= 0] - t) + log(1 + exp(-|x|))
/// ```
///
/// The second form neither overflows nor cancels. Gradient: sigmoid(x) - t, at 0 too. The mean is over all numbers; Caffe's
/// `SigmoidCrossEntropyLoss` is [`Reduction::BatchMean`]. PyTorch: `binary_cross_entropy_with_logits`.
///
/// # Errors
/// If they are not f32 of one shape.
pub fn binary_cross_entropy_with_logits(logits: &Var, targets: &Var, reduction: Reduction) -> Result<Var> {
    alike("binary_cross_entropy_with_logits", logits, targets)?;
    let number = |value: f32| number(logits, value);
    let positive = logits.greater_or_equal(&number(0.0)?)?;
    // -|x|, with the slopes that it has on either side at 0 as well.
    let towards = positive.where_(&number(-1.0)?, &number(1.0)?)?;
    let shift = only_where(&positive, &number(1.0)?)?.sub(targets)?;
    let losses = logits.mul(&towards)?.softplus()?.add(&logits.mul(&shift)?)?;
    reduction.of(&losses, None)
}

/// The divergence of `targets` from `log_probabilities`, of one shape; where `log_targets` is set, of targets given as logarithms.
///
/// ```text
/// loss = t (log t - input), 0 where t is 0
/// ```
///
/// The mean is over all numbers, as in PyTorch; the divergence of distributions is [`Reduction::BatchMean`]. PyTorch: `kl_div`.
///
/// # Errors
/// If they are not f32 of one shape.
pub fn kl_div(log_probabilities: &Var, targets: &Var, log_targets: bool, reduction: Reduction) -> Result<Var> {
    alike("kl_div", log_probabilities, targets)?;
    let (t, log_t) = if log_targets {
        (targets.exp()?, targets.clone())
    } else {
        let positive = targets.greater(&number(targets, 0.0)?)?;
        (targets.clone(), positive.where_(targets, &number(targets, 1.0)?)?.log()?)
    };
    reduction.of(&t.mul(&log_t.sub(log_probabilities)?)?, None)
}

/// How near to 0 and 1 [`clipped_cross_entropy`] lets a probability come.
const CLIP: f32 = 1e-7;

/// Keras' categorical cross entropy, of `probabilities` and `targets` (N, C, ..).
///
/// ```text
/// q = p / sum over c of p        r = q brought between 1e-7 and 1 - 1e-7        loss[n, ..] = -sum over c of t log r
/// ```
///
/// No gradient flows where q was clipped: an example whose true class has lost all probability teaches nothing. Source: Keras 0.3,
/// `categorical_crossentropy` of its Theano backend, whose `_EPSILON` is 10e-8.
///
/// # Errors
/// If they are not f32 of one shape with classes.
pub fn clipped_cross_entropy(probabilities: &Var, targets: &Var, reduction: Reduction) -> Result<Var> {
    alike("clipped_cross_entropy", probabilities, targets)?;
    if probabilities.shape().len() < 2 {
        return Err(Error::shape("clipped_cross_entropy", format!("probabilities are (N, C, ..), they are {}", probabilities.ty())));
    }
    let normalised = probabilities.div(&probabilities.reduce_sum(&[1], true)?)?;
    let clipped = normalised.clip(Some(CLIP), Some(1.0 - CLIP))?;
    reduction.of(&clipped.log()?.mul(targets)?.reduce_sum(&[1], false)?.neg()?, None)
}
