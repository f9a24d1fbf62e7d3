//! The derivative of each function of one number, as compositions.
//!
//! Where the slopes from below and above differ, it is the one from below: 0 of relu at 0, alpha of the leaky one. That of |x| is
//! 0 at 0, and functions that are flat wherever they have a slope, such as `floor`, have no gradient. All as in PyTorch.

use super::Unary;
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, only_where, scaled};
use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

impl Unary {
    /// The gradient of `x` from `grad`, that of `y = self(x)`; none where the function is flat.
    pub(super) fn chained(self, x: &Var, y: &Var, grad: &Var) -> Result<Option<Var>> {
        let number = |value: f32| number(x, value);
        let one = || number(1.0);
        Ok(Some(match self {
            Self::Abs => grad.mul(&x.sign()?)?,
            Self::Neg => grad.neg()?,
            Self::Relu => only_where(&y.greater(&number(0.0)?)?, grad)?,
            Self::Exp => grad.mul(y)?,
            Self::Log => grad.div(x)?,
            Self::Sqrt => scaled(grad, 0.5)?.div(y)?,
            Self::Rsqrt => scaled(grad, -0.5)?.mul(y)?.mul(&y.mul(y)?)?,
            Self::Reciprocal => grad.mul(&y.mul(y)?)?.neg()?,
            Self::Sin => grad.mul(&x.cos()?)?,
            Self::Cos => grad.mul(&x.sin()?)?.neg()?,
            Self::Tan => grad.mul(&y.mul(y)?.add(&one()?)?)?,
            Self::Asin => grad.mul(&one()?.sub(&x.mul(x)?)?.rsqrt()?)?,
            Self::Acos => grad.mul(&one()?.sub(&x.mul(x)?)?.rsqrt()?)?.neg()?,
            Self::Atan => grad.div(&x.mul(x)?.add(&one()?)?)?,
            Self::Sinh => grad.mul(&x.cosh()?)?,
            Self::Cosh => grad.mul(&x.sinh()?)?,
            Self::Tanh => grad.mul(&one()?.sub(&y.mul(y)?)?)?,
            Self::Asinh => grad.mul(&x.mul(x)?.add(&one()?)?.rsqrt()?)?,
            Self::Acosh => grad.mul(&x.mul(x)?.sub(&one()?)?.rsqrt()?)?,
            Self::Atanh => grad.div(&one()?.sub(&x.mul(x)?)?)?,
            Self::Erf => grad.mul(&scaled(&x.mul(x)?.neg()?.exp()?, FRAC_2_SQRT_PI)?)?,
            Self::Sigmoid => grad.mul(&y.mul(&one()?.sub(y)?)?)?,
            Self::Softplus => grad.mul(&x.sigmoid()?)?,
            Self::Softsign => {
                let below = x.abs()?.add(&one()?)?;
                grad.div(&below.mul(&below)?)?
            }
            Self::LeakyRelu { alpha } => x.greater(&number(0.0)?)?.where_(grad, &scaled(grad, alpha)?)?,
            Self::Elu { alpha } => x.greater(&number(0.0)?)?.where_(grad, &grad.mul(&scaled(&x.exp()?, alpha)?)?)?,
            Self::Celu { alpha } => x.greater(&number(0.0)?)?.where_(grad, &grad.mul(&x.div(&number(alpha)?)?.exp()?)?)?,
            Self::Selu { alpha, gamma } => {
                let slope = x.greater(&number(0.0)?)?.where_(&number(gamma)?, &scaled(&x.exp()?, alpha * gamma)?)?;
                grad.mul(&slope)?
            }
            Self::ThresholdedRelu { alpha } => only_where(&x.greater(&number(alpha)?)?, grad)?,
            Self::Shrink { lambd, .. } => only_where(&x.abs()?.greater(&number(lambd)?)?, grad)?,
            Self::Hardsigmoid { alpha, .. } => {
                let below_one = only_where(&y.less(&one()?)?, &scaled(grad, alpha)?)?;
                only_where(&y.greater(&number(0.0)?)?, &below_one)?
            }
            Self::Hardswish => {
                let between = grad.mul(&scaled(x, 1.0 / 3.0)?.add(&number(0.5)?)?)?;
                let below_three = x.less(&number(3.0)?)?.where_(&between, grad)?;
                only_where(&x.greater(&number(-3.0)?)?, &below_three)?
            }
            Self::Silu => {
                let s = x.sigmoid()?;
                grad.mul(&s.mul(&x.mul(&one()?.sub(&s)?)?.add(&one()?)?)?)?
            }
            Self::Gelu => {
                // With the distribution function and x times the density of the normal distribution.
                let below = scaled(&scaled(x, FRAC_1_SQRT_2)?.erf()?.add(&one()?)?, 0.5)?;
                let density = scaled(&scaled(&x.mul(x)?, -0.5)?.exp()?, 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI)?;
                grad.mul(&below.add(&x.mul(&density)?)?)?
            }
            Self::GeluTanh => {
                let (root, cubic) = (FRAC_1_SQRT_2 * FRAC_2_SQRT_PI, 0.044_715);
                let square = x.mul(x)?;
                let tanh = scaled(&x.mul(&scaled(&square, cubic)?.add(&one()?)?)?, root)?.tanh()?;
                let inner = scaled(&scaled(&square, 3.0 * cubic)?.add(&one()?)?, root)?;
                let bent = x.mul(&one()?.sub(&tanh.mul(&tanh)?)?)?.mul(&inner)?;
                grad.mul(&scaled(&tanh.add(&one()?)?.add(&bent)?, 0.5)?)?
            }
            Self::Mish => {
                let tanh = x.softplus()?.tanh()?;
                let bent = x.mul(&one()?.sub(&tanh.mul(&tanh)?)?)?.mul(&x.sigmoid()?)?;
                grad.mul(&tanh.add(&bent)?)?
            }
            Self::Sign | Self::Floor | Self::Ceil | Self::Round | Self::Trunc => return Ok(None),
            Self::IsNan | Self::IsInf | Self::IsPosInf | Self::IsNegInf | Self::Not | Self::BitwiseNot => return Ok(None),
        }))
    }
}
