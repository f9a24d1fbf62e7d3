//! Losses: what training makes small, composed of operators, so that each has a gradient.
//!
//! | function | loss |
//! |---|---|
//! | [`cross_entropy`], [`nll_loss`] | of labels, with one to ignore: per pixel, too |
//! | [`cross_entropy_with_probabilities`] | of targets that are probabilities, one-hot among them |
//! | [`clipped_cross_entropy`] | Keras': of probabilities, clipped |
//! | [`binary_cross_entropy_with_logits`] | of as many questions of yes or no |
//! | [`kl_div`] | between distributions |
//! | [`mse_loss`], [`smooth_l1_loss`] | of numbers |
//! | [`doubly_stochastic`] | of attention that looks at some places more than at others |
//! | [`reinforce`] | of attention that looks at one place, drawn by chance |
//!
//! Names are PyTorch's. All are f32.

mod attention;
mod cross_entropy;
mod divergence;
mod regression;
mod reinforce;

pub use attention::doubly_stochastic;
pub use cross_entropy::{CrossEntropy, cross_entropy, cross_entropy_with_probabilities, nll_loss};
pub use divergence::{binary_cross_entropy_with_logits, clipped_cross_entropy, kl_div};
pub use regression::{mse_loss, smooth_l1_loss};
pub use reinforce::{Reinforce, entropy, moving_average, reinforce};

use crate::array::DType;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};

/// What becomes of the losses of all examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// They stay apart.
    None,
    /// Their sum: `TensorFlow`'s `reduce_sum`.
    Sum,
    /// Their mean, of those that count: what is ignored does not, and a class weight counts as much as it is. Of none it is 0. PyTorch's
    /// `mean`, Caffe's `normalize: true`.
    #[default]
    Mean,
    /// Their sum over the first dimension's size, whatever lies inside: Caffe's `normalize: false`, PyTorch's `batchmean`.
    BatchMean,
}

impl Reduction {
    /// Of `losses`, whose mean is over `count` if there is one.
    fn of(self, losses: &Var, count: Option<&Var>) -> Result<Var> {
        let over = |size: usize| 1.0 / size as f32;
        match (self, count) {
            (Self::None, _) => Ok(losses.clone()),
            (Self::Sum, _) => losses.reduce_sum(&[], false),
            (Self::Mean, None) => losses.reduce_mean(&[], false),
            (Self::Mean, Some(count)) => {
                let some = count.greater(&number(count, 0.0)?)?.where_(count, &number(count, 1.0)?)?;
                losses.reduce_sum(&[], false)?.div(&some)
            }
            (Self::BatchMean, _) => scaled(&losses.reduce_sum(&[], false)?, over(losses.shape().first().copied().unwrap_or(1))),
        }
    }
}

/// Refuses what is not f32 of one shape.
fn alike(op: &'static str, input: &Var, target: &Var) -> Result<()> {
    if input.ty() == target.ty() && input.dtype() == DType::F32 {
        return Ok(());
    }
    Err(Error::shape(op, format!("input {} and target {} must be f32 of one shape", input.ty(), target.ty())))
}
