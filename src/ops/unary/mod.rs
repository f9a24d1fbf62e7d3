//! unary: one function of every element.
//!
//! ```text
//! output[i] = kind(input[i])
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; f32, and what each kind says |
//! | output | the same shape and dtype; bool for `is_nan` and the like |
//!
//! The transcendental functions are this crate's own (`shaders/include/math.wgsl`), because WGSL's may be as coarse as 2^-11:
//! relative error under 6e-7 (3e-6 for tan), absolute where they pass through zero away from 0, on every device. NaN stays NaN.
//! Numbers below 1.2e-38 may count as 0, as GPUs have it.
//!
//! Gradient: the derivative at `input` times that of the output, for each kind that is not flat; see `gradient`.
//!
//! ONNX and PyTorch: the operators of the same names.

mod definition;
mod gradient;
mod methods;

use super::map::{UNARY, launch_map};
use super::{Candidate, Expression, Op, Site, check_inputs, the_gradient};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[&UNARY];

/// Which function of one number, f32 unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    /// |x|; f64 too, i32 too, where the least number stays as it is, and u32.
    Abs,
    /// -x; f64 too, i32 too, where the least number stays as it is.
    Neg,
    /// -1, 0 or 1, and 0 of NaN; i32 and u32 too.
    Sign,
    /// max(x, 0); i32 too.
    Relu,
    /// e^x
    Exp,
    /// ln x
    Log,
    /// The square root.
    Sqrt,
    /// 1 / sqrt x
    Rsqrt,
    /// 1 / x
    Reciprocal,
    /// sin x, in radians. Accurate for |x| up to 50,000.
    Sin,
    /// cos x, in radians. Accurate for |x| up to 50,000.
    Cos,
    /// tan x, in radians. Accurate for |x| up to 50,000.
    Tan,
    /// arcsin x
    Asin,
    /// arccos x
    Acos,
    /// arctan x
    Atan,
    /// (e^x - e^-x) / 2
    Sinh,
    /// (e^x + e^-x) / 2
    Cosh,
    /// sinh x / cosh x
    Tanh,
    /// The inverse of sinh.
    Asinh,
    /// The inverse of cosh.
    Acosh,
    /// The inverse of tanh.
    Atanh,
    /// 2 / sqrt pi, times the integral of e^(-t t) from 0 to x.
    Erf,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// ln(1 + e^x)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// x, or alpha x below 0.
    LeakyRelu {
        /// The slope below 0.
        alpha: f32,
    },
    /// x, or alpha (e^x - 1) below 0.
    Elu {
        /// How far it goes down.
        alpha: f32,
    },
    /// x, or alpha (e^(x / alpha) - 1) below 0.
    Celu {
        /// How far it goes down; not 0.
        alpha: f32,
    },
    /// gamma x, or gamma alpha (e^x - 1) below 0.
    Selu {
        /// How far it goes down, before gamma.
        alpha: f32,
        /// The factor of it all.
        gamma: f32,
    },
    /// x above alpha, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha: f32,
    },
    /// x brought closer to 0 by bias, and 0 where it is within lambd of it.
    Shrink {
        /// How far from 0 an element is not 0.
        lambd: f32,
        /// How far the others move.
        bias: f32,
    },
    /// alpha x + beta, between 0 and 1.
    Hardsigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// x times x / 6 + 1 / 2 brought between 0 and 1.
    Hardswish,
    /// x sigmoid(x)
    Silu,
    /// x (1 + erf(x / sqrt 2)) / 2
    Gelu,
    /// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
    GeluTanh,
    /// x tanh(softplus(x))
    Mish,
    /// The next whole number down.
    Floor,
    /// The next whole number up.
    Ceil,
    /// The nearest whole number, the even one of two.
    Round,
    /// The next whole number towards 0.
    Trunc,
    /// Whether it is NaN.
    IsNan,
    /// Whether it is infinite, of either sign.
    IsInf,
    /// Whether it is infinity.
    IsPosInf,
    /// Whether it is minus infinity.
    IsNegInf,
    /// Of bool: whether it is false.
    Not,
    /// Of i32 or u32: every bit turned.
    BitwiseNot,
}

impl Op for Unary {
    fn name(&self) -> &'static str {
        self.row().0
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let dtypes: &[DType] = match self {
            Self::Abs => &[DType::F32, DType::F64, DType::I32, DType::U32],
            Self::Sign => &[DType::F32, DType::I32, DType::U32],
            Self::Neg => &[DType::F32, DType::F64, DType::I32],
            Self::Relu => &[DType::F32, DType::I32],
            Self::Not => &[DType::Bool],
            Self::BitwiseNot => &[DType::I32, DType::U32],
            _ => &[DType::F32],
        };
        if !dtypes.contains(&inputs[0].dtype) {
            let wanted = dtypes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            return Err(Error::unsupported(self.name(), format!("input must be {wanted}, it is {}; cast it first", inputs[0])));
        }
        if matches!(self, Self::Celu { alpha } if *alpha == 0.0) {
            return Err(Error::shape(self.name(), "alpha is 0"));
        }
        if self.params().iter().any(|p| !p.is_finite()) {
            return Err(Error::shape(self.name(), format!("{self:?} has parameters that are not finite")));
        }
        let test = matches!(self, Self::IsNan | Self::IsInf | Self::IsPosInf | Self::IsNegInf);
        Ok(vec![TensorType::new(if test { DType::Bool } else { inputs[0].dtype }, inputs[0].shape.clone())])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = inputs[0].shape();
        Ok(vec![match (inputs[0].data(), self) {
            (Data::F32(x), Self::IsNan) => Array::from_fn(shape, |i| x[i].is_nan()),
            (Data::F32(x), Self::IsInf) => Array::from_fn(shape, |i| x[i].is_infinite()),
            (Data::F32(x), Self::IsPosInf) => Array::from_fn(shape, |i| x[i] == f32::INFINITY),
            (Data::F32(x), Self::IsNegInf) => Array::from_fn(shape, |i| x[i] == f32::NEG_INFINITY),
            #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
            (Data::F32(x), _) => Array::from_fn(shape, |i| self.of(f64::from(x[i])) as f32),
            (Data::F64(x), _) => Array::from_data(shape, Data::F64(x.iter().map(|&x| self.of(x)).collect()))?,
            (Data::I32(x), _) => Array::from_fn(shape, |i| self.of_signed(x[i])),
            (Data::U32(x), Self::Abs) => Array::from_fn(shape, |i| x[i]),
            (Data::U32(x), Self::Sign) => Array::from_fn(shape, |i| x[i].min(1)),
            (Data::U32(x), _) => Array::from_fn(shape, |i| !x[i]),
            (Data::Bool(x), _) => Array::from_fn(shape, |i| !x[i]),
            (Data::F16(_), _) => return Err(Error::unsupported(self.name(), "f16")),
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        match self.expression(site.inputs) {
            Some(expression) => launch_map(self.name(), site, &expression),
            None => Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }]),
        }
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        let (_, text, import) = self.row();
        match (inputs.first()?.dtype, self) {
            (DType::U32, Self::Abs) => None,
            (DType::U32, Self::Sign) => Some(Expression::new("min(x, Element(1u))")),
            (DType::I32, Self::Sign) => Some(Expression::new("sign(x)")),
            (DType::I32, Self::Relu) => Some(Expression::new("max(x, Element())")),
            _ => Some(Expression::new(text).import(import).numbers(self.params()).jumping(self.jumps())),
        }
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![self.chained(&inputs[0], &outputs[0], grad)?])
    }
}

impl Unary {
    /// The name, the expression, and the include that it needs.
    fn row(&self) -> (&'static str, &'static str, Option<&'static str>) {
        let (math, activations) = (Some("math"), Some("activations"));
        match self {
            Self::Abs => ("abs", "abs(x)", None),
            Self::Neg => ("neg", "-x", None),
            Self::Sign => ("sign", "sign_of(x)", activations),
            Self::Relu => ("relu", "relu(x)", activations),
            Self::Exp => ("exp", "exponential(x)", math),
            Self::Log => ("log", "logarithm(x)", math),
            Self::Sqrt => ("sqrt", "sqrt(x)", None),
            Self::Rsqrt => ("rsqrt", "1.0 / sqrt(x)", None),
            Self::Reciprocal => ("reciprocal", "1.0 / x", None),
            Self::Sin => ("sin", "sine(x)", math),
            Self::Cos => ("cos", "cosine(x)", math),
            Self::Tan => ("tan", "tangent(x)", math),
            Self::Asin => ("asin", "arcsine(x)", math),
            Self::Acos => ("acos", "arccosine(x)", math),
            Self::Atan => ("atan", "arctangent(x)", math),
            Self::Sinh => ("sinh", "hyperbolic_sine(x)", math),
            Self::Cosh => ("cosh", "hyperbolic_cosine(x)", math),
            Self::Tanh => ("tanh", "hyperbolic_tangent(x)", math),
            Self::Asinh => ("asinh", "inverse_hyperbolic_sine(x)", math),
            Self::Acosh => ("acosh", "inverse_hyperbolic_cosine(x)", math),
            Self::Atanh => ("atanh", "inverse_hyperbolic_tangent(x)", math),
            Self::Erf => ("erf", "error_function(x)", math),
            Self::Sigmoid => ("sigmoid", "sigmoid(x)", activations),
            Self::Softplus => ("softplus", "softplus(x)", activations),
            Self::Softsign => ("softsign", "softsign(x)", activations),
            Self::LeakyRelu { .. } => ("leaky_relu", "leaky_relu(x, alpha)", activations),
            Self::Elu { .. } => ("elu", "elu(x, alpha)", activations),
            Self::Celu { .. } => ("celu", "celu(x, alpha)", activations),
            Self::Selu { .. } => ("selu", "selu(x, alpha, beta)", activations),
            Self::ThresholdedRelu { .. } => ("thresholded_relu", "thresholded_relu(x, alpha)", activations),
            Self::Shrink { .. } => ("shrink", "shrink(x, alpha, beta)", activations),
            Self::Hardsigmoid { .. } => ("hardsigmoid", "hard_sigmoid(x, alpha, beta)", activations),
            Self::Hardswish => ("hardswish", "hard_swish(x)", activations),
            Self::Silu => ("silu", "x * sigmoid(x)", activations),
            Self::Gelu => ("gelu", "gelu(x)", activations),
            Self::GeluTanh => ("gelu_tanh", "gelu_tanh(x)", activations),
            Self::Mish => ("mish", "mish(x)", activations),
            Self::Floor => ("floor", "floor(x)", None),
            Self::Ceil => ("ceil", "ceil(x)", None),
            Self::Round => ("round", "round(x)", None),
            Self::Trunc => ("trunc", "trunc(x)", None),
            Self::IsNan => ("is_nan", "Word(is_nan(x))", math),
            Self::IsInf => ("is_inf", "Word((bitcast<Word>(x) << Word(1u)) == Word(0xff000000u))", None),
            Self::IsPosInf => ("is_pos_inf", "Word(bitcast<Word>(x) == Word(0x7f800000u))", None),
            Self::IsNegInf => ("is_neg_inf", "Word(bitcast<Word>(x) == Word(0xff800000u))", None),
            Self::Not => ("not", "Word(1u) - x", None),
            Self::BitwiseNot => ("bitwise_not", "~x", None),
        }
    }

    /// Whether it leaps somewhere, or is undefined next to where it is defined.
    fn jumps(&self) -> bool {
        let leaps = matches!(self, Self::Sign | Self::Floor | Self::Ceil | Self::Round | Self::Trunc)
            || matches!(self, Self::ThresholdedRelu { .. } | Self::Shrink { .. })
            || matches!(self, Self::IsNan | Self::IsInf | Self::IsPosInf | Self::IsNegInf);
        leaps
            || matches!(self, Self::Log | Self::Sqrt | Self::Rsqrt | Self::Reciprocal | Self::Tan)
            || matches!(self, Self::Asin | Self::Acos | Self::Acosh | Self::Atanh)
    }

    /// `alpha` and `beta`.
    fn params(&self) -> [f32; 2] {
        match *self {
            Self::LeakyRelu { alpha } | Self::Elu { alpha } | Self::Celu { alpha } | Self::ThresholdedRelu { alpha } => [alpha, 0.0],
            Self::Selu { alpha, gamma } => [alpha, gamma],
            Self::Shrink { lambd, bias } => [lambd, bias],
            Self::Hardsigmoid { alpha, beta } => [alpha, beta],
            _ => [0.0; 2],
        }
    }
}
