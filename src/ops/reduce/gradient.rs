//! The gradients of the reductions, as compositions.
//!
//! ```text
//! sum    g            max, min     g / (elements equal to y) where x = y, else 0: equals share, as in PyTorch's amax
//! mean   g / count    log_sum      g exp(-y)
//! l1     g sign(x)    sum_square   2 g x
//! l2     g x / y      log_sum_exp  g exp(x - y)
//! ```
//!
//! That of l2 is 0 where y is 0. That of the product is not implemented.

use super::{Reduce, ReduceKind};
use crate::array::DType;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{Op, number, only_where, scaled};

impl Reduce {
    /// The gradient of the input `x` from `grad`, that of the output `y`.
    pub(super) fn by_input(&self, x: &Var, y: &Var, grad: &Var) -> Result<Vec<Option<Var>>> {
        let kept: Vec<usize> = x.shape().iter().zip(self.reduced(x.ty())?).map(|(&d, gone)| if gone { 1 } else { d }).collect();
        let (y, grad) = (y.reshape(kept.clone())?, grad.reshape(kept)?);
        Ok(vec![Some(match self.kind {
            ReduceKind::Sum => grad.expand(x.shape())?,
            ReduceKind::Mean => {
                let count = x.ty().elements() / y.ty().elements();
                scaled(&grad, 1.0 / count as f32)?.expand(x.shape())?
            }
            ReduceKind::Max | ReduceKind::Min => {
                let taken = x.equal(&y)?;
                let count = taken.cast(DType::F32)?.reduce_sum(&self.axes, true)?;
                only_where(&taken, &grad.div(&count)?)?
            }
            ReduceKind::L1 => x.sign()?.mul(&grad)?,
            ReduceKind::L2 => {
                let zero = number(&y, 0.0)?;
                x.mul(&y.equal(&zero)?.where_(&zero, &grad.div(&y)?)?)?
            }
            ReduceKind::SumSquare => x.mul(&scaled(&grad, 2.0)?)?,
            ReduceKind::LogSum => grad.mul(&y.neg()?.exp()?)?.expand(x.shape())?,
            ReduceKind::LogSumExp => x.sub(&y)?.exp()?.mul(&grad)?,
            ReduceKind::Prod => return Err(Error::unsupported(self.name(), "its gradient is not implemented")),
        })])
    }
}
