//! The activations that gates and states of recurrent layers may have.

use crate::error::{Error, Result};
use crate::ops::Unary;

/// A function of one number, as ONNX's recurrent operators name them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RecurrentActivation {
    /// max(x, 0)
    Relu,
    /// tanh x
    Tanh,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// alpha x + beta
    Affine {
        /// What x is multiplied by.
        alpha: f32,
        /// What is added.
        beta: f32,
    },
    /// x, or alpha x where x is negative.
    LeakyRelu {
        /// The slope below 0.
        alpha: f32,
    },
    /// x where it is at least alpha, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha: f32,
    },
    /// alpha tanh(beta x)
    ScaledTanh {
        /// The largest value.
        alpha: f32,
        /// What x is multiplied by.
        beta: f32,
    },
    /// alpha x + beta, no less than 0 and no more than 1.
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// x, or alpha (e^x - 1) where x is negative.
    Elu {
        /// The distance below 0 of what is far below it.
        alpha: f32,
    },
    /// x / (1 + |x|)
    Softsign,
    /// ln(1 + e^x)
    Softplus,
}

impl RecurrentActivation {
    /// ONNX's `activations` (whatever their case) with `activation_alpha` and `activation_beta`: each function that has an alpha
    /// takes the next of `alphas`, or ONNX's default where there are no more, and so with betas.
    ///
    /// # Errors
    /// If there is no function of such a name.
    pub fn list(names: &[impl AsRef<str>], alphas: &[f32], betas: &[f32]) -> Result<Vec<Self>> {
        let (mut alphas, mut betas) = (alphas.iter().copied(), betas.iter().copied());
        let mut one = |name: &str| {
            let mut alpha = |default| alphas.next().unwrap_or(default);
            let mut beta = |default| betas.next().unwrap_or(default);
            Ok(match name.to_ascii_lowercase().as_str() {
                "relu" => Self::Relu,
                "tanh" => Self::Tanh,
                "sigmoid" => Self::Sigmoid,
                "affine" => Self::Affine { alpha: alpha(1.0), beta: beta(0.0) },
                "leakyrelu" => Self::LeakyRelu { alpha: alpha(0.01) },
                "thresholdedrelu" => Self::ThresholdedRelu { alpha: alpha(1.0) },
                "scaledtanh" => Self::ScaledTanh { alpha: alpha(1.0), beta: beta(1.0) },
                "hardsigmoid" => Self::HardSigmoid { alpha: alpha(0.2), beta: beta(0.5) },
                "elu" => Self::Elu { alpha: alpha(1.0) },
                "softsign" => Self::Softsign,
                "softplus" => Self::Softplus,
                _ => return Err(Error::unsupported("recurrent", format!("an activation '{name}'"))),
            })
        };
        names.iter().map(|name| one(name.as_ref())).collect()
    }

    /// Alpha and beta, zeros where there are none.
    pub(super) fn parameters(self) -> [f32; 2] {
        match self {
            Self::Affine { alpha, beta } | Self::ScaledTanh { alpha, beta } | Self::HardSigmoid { alpha, beta } => [alpha, beta],
            Self::LeakyRelu { alpha } | Self::ThresholdedRelu { alpha } | Self::Elu { alpha } => [alpha, 0.0],
            Self::Relu | Self::Tanh | Self::Sigmoid | Self::Softsign | Self::Softplus => [0.0; 2],
        }
    }

    /// Whether it is between 0 and 1.
    pub(super) const fn is_share(self) -> bool {
        matches!(self, Self::Sigmoid | Self::HardSigmoid { .. })
    }

    /// Whether its magnitude is no more than 1.
    pub(super) const fn is_bounded(self) -> bool {
        self.is_share() || matches!(self, Self::Tanh | Self::Softsign)
    }

    /// The definition.
    pub(super) fn of(self, x: f64) -> f64 {
        match self {
            Self::Relu => Unary::Relu.of(x),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => Unary::Sigmoid.of(x),
            Self::Affine { alpha, beta } => f64::from(alpha) * x + f64::from(beta),
            Self::LeakyRelu { alpha } => Unary::LeakyRelu { alpha }.of(x),
            Self::ThresholdedRelu { alpha } if x >= f64::from(alpha) => x,
            Self::ThresholdedRelu { .. } => 0.0,
            Self::ScaledTanh { alpha, beta } => f64::from(alpha) * (f64::from(beta) * x).tanh(),
            Self::HardSigmoid { alpha, beta } => Unary::Hardsigmoid { alpha, beta }.of(x),
            Self::Elu { alpha } => Unary::Elu { alpha }.of(x),
            Self::Softsign => Unary::Softsign.of(x),
            Self::Softplus => Unary::Softplus.of(x),
        }
    }

    /// The WGSL expression on `x` in direction `d`; alpha and beta are component `part` of the params.
    pub(super) fn wgsl(self, part: char) -> String {
        let (alpha, beta) = (format!("params.alpha[d].{part}"), format!("params.beta[d].{part}"));
        match self {
            Self::Relu => "relu(x)".to_owned(),
            Self::Tanh => "hyperbolic_tangent(x)".to_owned(),
            Self::Sigmoid => "sigmoid(x)".to_owned(),
            Self::Affine { .. } => format!("{alpha} * x + {beta}"),
            Self::LeakyRelu { .. } => format!("leaky_relu(x, {alpha})"),
            Self::ThresholdedRelu { .. } => format!("select(0.0, x, x >= {alpha})"),
            Self::ScaledTanh { .. } => format!("{alpha} * hyperbolic_tangent({beta} * x)"),
            Self::HardSigmoid { .. } => format!("hard_sigmoid(x, {alpha}, {beta})"),
            Self::Elu { .. } => format!("elu(x, {alpha})"),
            Self::Softsign => "softsign(x)".to_owned(),
            Self::Softplus => "softplus(x)".to_owned(),
        }
    }
}
