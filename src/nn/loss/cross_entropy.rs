//! Cross entropy: how surprised a classifier is by the truth.
//!
//! ```text
//! p[n, c, ..] = softmax along c of logits[n, c, ..]        y = labels[n, ..]
//! loss[n, ..] = -(1 - s) w[y] log p[n, y, ..] - s / C * sum over c of w[c] log p[n, c, ..]
//! Sum         = sum of loss        BatchMean = sum of loss / N        Mean = sum of loss / sum of w[y]
//! ```
//!
//! with s the label smoothing, 0 at first, and w the weights of the classes, 1 at first. What is ignored has loss and gradient 0, and
//! no part in the mean.
//!
//! Gradient of the logits, for s = 0 and w = 1: (p - onehot(y)) over what the reduction divides by. Log probabilities are computed by
//! `log_softmax`, so that no finite logit overflows or gives log 0.
//!
//! Sources: PyTorch's `cross_entropy` and `nll_loss`; Caffe's `SoftmaxWithLoss`, whose `normalize` chooses between the means.

use super::Reduction;
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, only_where, scaled};

/// How labels count.
#[derive(Clone, Debug, Default)]
pub struct CrossEntropy {
    /// A label that says nothing, such as 255 around objects.
    pub ignore_index: Option<i32>,
    /// What becomes of the losses of all places.
    pub reduction: Reduction,
    /// s, the share of the truth that is spread over all classes, 0 to 1.
    pub label_smoothing: f32,
    /// w, a weight for each class: f32 (C).
    pub weight: Option<Var>,
}

/// The cross entropy of `logits` (N, C, ..) and `labels` (N, ..), i32.
///
/// Labels are data that nothing can refuse while a GPU runs: one that is no class, negative or C and more, counts as ignored.
///
/// # Errors
/// If the shapes do not belong together, the dtypes are others, or the smoothing is not 0 to 1.
pub fn cross_entropy(logits: &Var, labels: &Var, options: &CrossEntropy) -> Result<Var> {
    check("cross_entropy", logits, labels, options)?;
    of_log_probabilities(&logits.log_softmax(1)?, labels, options)
}

/// [`cross_entropy`] of log probabilities (N, C, ..) that are there already.
///
/// # Errors
/// As [`cross_entropy`].
pub fn nll_loss(log_probabilities: &Var, labels: &Var, options: &CrossEntropy) -> Result<Var> {
    check("nll_loss", log_probabilities, labels, options)?;
    of_log_probabilities(log_probabilities, labels, options)
}

/// The cross entropy -sum over c of target log p of `logits` and `targets`, probabilities of one shape (N, C, ..): the mean is over
/// N and what lies inside the classes.
///
/// Targets are multiplied with finite numbers, so that one that is 0 counts as nothing, however improbable the class: what
/// `-sum(y * log(softmax))` would make NaN of is defined here.
///
/// # Errors
/// If they are not f32 of one shape with classes.
pub fn cross_entropy_with_probabilities(logits: &Var, targets: &Var, reduction: Reduction) -> Result<Var> {
    super::alike("cross_entropy_with_probabilities", logits, targets)?;
    let losses = logits.log_softmax(1)?.mul(targets)?.reduce_sum(&[1], false)?.neg()?;
    reduction.of(&losses, None)
}

fn check(op: &'static str, scores: &Var, labels: &Var, options: &CrossEntropy) -> Result<()> {
    let without: Vec<usize> = scores.shape().iter().enumerate().filter(|(d, _)| *d != 1).map(|(_, size)| *size).collect();
    if scores.dtype() != DType::F32 || labels.dtype() != DType::I32 || scores.shape().len() < 2 || labels.shape() != without {
        let reason = format!("scores are f32 (N, C, ..) and labels i32 (N, ..), they are {} and {}", scores.ty(), labels.ty());
        return Err(Error::shape(op, reason));
    }
    if !(0.0..=1.0).contains(&options.label_smoothing) {
        return Err(Error::shape(op, format!("label smoothing is 0 to 1, it is {}", options.label_smoothing)));
    }
    let classes = scores.shape()[1];
    match &options.weight {
        Some(w) if w.dtype() != DType::F32 || w.shape() != [classes] => {
            Err(Error::shape(op, format!("class weights are f32 [{classes}], they are {}", w.ty())))
        }
        _ => Ok(()),
    }
}

fn of_log_probabilities(log_probabilities: &Var, labels: &Var, options: &CrossEntropy) -> Result<Var> {
    let classes = log_probabilities.shape()[1];
    let integer = |value: i32| labels.graph().constant(Array::scalar(value));
    let mut counts = labels.greater_or_equal(&integer(0)?)?.and(&labels.less(&integer(i32::try_from(classes).unwrap_or(i32::MAX))?)?)?;
    if let Some(ignored) = options.ignore_index {
        counts = counts.and(&labels.not_equal(&integer(ignored)?)?)?;
    }
    // What is out of range picks something near, which does not count then.
    let mut losses = log_probabilities.gather_elements(1, &labels.unsqueeze(1)?)?.squeeze(1)?.neg()?;
    let mut count = counts.cast(DType::F32)?;
    if let Some(weight) = &options.weight {
        let of_labels = weight.gather(0, labels)?;
        losses = losses.mul(&of_labels)?;
        count = only_where(&counts, &of_labels)?;
    }
    if options.label_smoothing > 0.0 {
        let weighted = match &options.weight {
            Some(weight) => {
                let mut shape = vec![1; log_probabilities.shape().len()];
                shape[1] = classes;
                log_probabilities.mul(&weight.reshape(shape)?)?
            }
            None => log_probabilities.clone(),
        };
        let spread = scaled(&weighted.reduce_sum(&[1], false)?, -options.label_smoothing / classes as f32)?;
        losses = scaled(&losses, 1.0 - options.label_smoothing)?.add(&spread)?;
    }
    let losses = counts.where_(&losses, &number(&losses, 0.0)?)?;
    options.reduction.of(&losses, Some(&count.reduce_sum(&[], false)?))
}
