//! The gradients of the reductions, as compositions.
//!
//! ```text
//! sum    g            max, min     g / (elements equal to y) where x = y, else 0: equals share, as in PyTorch's amax
//! mean   g / count    log_sum      g exp(-y)
//! l1     g sign(x)    sum_square   2 g x
//! l2     g x / y      log_sum_exp  g exp(x - y)
//! prod   g times the product of all others
//! ```
//!
//! That of l2 is 0 where y is 0. The product of the others is y / x, and where some x are 0 the product of those that are not, for the only
//! one that is 0. As in PyTorch second derivatives are right where no x is 0.

use super::{Reduce, ReduceKind};
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, only_where, scaled};

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
            ReduceKind::Prod => {
                let zero = x.equal(&number(x, 0.0)?)?;
                let rest = zero.where_(&number(x, 1.0)?, x)?;
                let own = zero.cast(DType::F32)?;
                // Nothing else is 0.
                let alone = own.reduce_sum(&self.axes, true)?.equal(&own)?;
                only_where(&alone, &rest.reduce_prod(&self.axes, true)?.div(&rest)?)?.mul(&grad)?
            }
        })])
    }
}
