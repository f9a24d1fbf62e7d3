//! What each function of one number is, in f64.

use super::Unary;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

impl Unary {
    pub(in crate::ops) fn of(self, x: f64) -> f64 {
        let below = |x: f64, negative: f64| if x < 0.0 { negative } else { x };
        match self {
            Self::Abs => x.abs(),
            Self::Neg => -x,
            Self::Sign => f64::from(i8::from(x > 0.0) - i8::from(x < 0.0)),
            Self::Relu => below(x, 0.0),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Rsqrt => 1.0 / x.sqrt(),
            Self::Reciprocal => 1.0 / x,
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Asin => x.asin(),
            Self::Acos => x.acos(),
            Self::Atan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Tanh => x.tanh(),
            Self::Asinh => x.asinh(),
            Self::Acosh => x.acosh(),
            Self::Atanh => x.atanh(),
            Self::Erf => erf(x),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::LeakyRelu { alpha } => below(x, f64::from(alpha) * x),
            Self::Elu { alpha } => below(x, f64::from(alpha) * x.exp_m1()),
            Self::Celu { alpha } => below(x, f64::from(alpha) * (x / f64::from(alpha)).exp_m1()),
            Self::Selu { alpha, gamma } => f64::from(gamma) * below(x, f64::from(alpha) * x.exp_m1()),
            Self::ThresholdedRelu { alpha } if x > f64::from(alpha) => x,
            Self::ThresholdedRelu { .. } => 0.0,
            Self::Shrink { lambd, bias } if x < f64::from(-lambd) => x + f64::from(bias),
            Self::Shrink { lambd, bias } if x > f64::from(lambd) => x - f64::from(bias),
            Self::Shrink { .. } => 0.0,
            Self::Hardsigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Self::Hardswish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2)),
            Self::GeluTanh => 0.5 * x * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()),
            Self::Mish => x * softplus(x).tanh(),
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Trunc => x.trunc(),
            Self::IsNan | Self::IsInf | Self::IsPosInf | Self::IsNegInf | Self::Not | Self::BitwiseNot => f64::NAN,
        }
    }

    pub(super) fn of_signed(self, x: i32) -> i32 {
        match self {
            Self::Abs => x.wrapping_abs(),
            Self::Neg => x.wrapping_neg(),
            Self::Sign => x.signum(),
            Self::Relu => x.max(0),
            _ => !x,
        }
    }
}

/// ln(1 + e^x), with e of what is not positive.
fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

/// 2 / sqrt pi e^(-x x) times the sum of x (2 x x)^n / (1 3 5 .. (2n + 1)): all terms of one sign, so nothing cancels.
fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}
