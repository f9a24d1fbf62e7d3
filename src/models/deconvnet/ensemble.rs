//! `EDeconvNet`: what `DeconvNet` and FCN-8s make of a photo together.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;

/// How the two are put together. Scores are (n, classes, h, w) each, of the same photo.
///
/// The released program gives FCN-8s the photo less the mean in the upper left corner of 500 x 500 zeros, and cuts its scores out
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ensemble {
    /// As the released program has it: softmax(max(0, FCN's scores) `DeconvNet`'s scores).
    Product,
    /// As the paper has it: the mean of softmax(FCN's scores) and softmax(`DeconvNet`'s scores).
    Mean,
}

impl Ensemble {
    /// The probability of each class at each pixel, (n, classes, h, w).
    ///
    /// # Errors
    /// If the scores are of different shapes.
    pub fn probabilities(self, deconvnet: &Var, fcn8s: &Var) -> Result<Var> {
        if deconvnet.shape() != fcn8s.shape() {
            return Err(Error::shape("ensemble", format!("DeconvNet's scores are {}, FCN-8s' {}", deconvnet.ty(), fcn8s.ty())));
        }
        match self {
            Self::Product => fcn8s.relu()?.mul(deconvnet)?.softmax(1),
            Self::Mean => {
                let half = deconvnet.graph().constant(Array::scalar(0.5f32))?;
                deconvnet.softmax(1)?.add(&fcn8s.softmax(1)?)?.mul(&half)
            }
        }
    }
}

/// The likeliest class of each pixel, i32 (n, 1, h, w), by scores or probabilities (n, classes, h, w); of equals the first.
///
/// # Errors
/// If there are no classes.
pub fn classes(scores: &Var) -> Result<Var> {
    scores.argmax(1, true, false)
}
