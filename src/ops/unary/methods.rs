//! A method on [`Var`] for each function of one number.

use super::Unary;
use crate::error::Result;
use crate::graph::Var;

macro_rules! methods {
    ($($name:ident $(($($parameter:ident),+))? $kind:ident $doc:literal),* $(,)?) => {
        impl Var { $(
            #[doc = $doc]
            /// See
            #[doc = concat!("[`Unary::", stringify!($kind), "`].")]
            ///
            /// # Errors
            /// If the dtype is not one that this function has.
            pub fn $name(&self $(, $($parameter: f32),+)?) -> Result<Self> {
                self.apply1(Unary::$kind $({ $($parameter),+ })?, &[])
            }
        )* }
    };
}

methods! {
    abs Abs "|x| of every element.",
    neg Neg "-x of every element.",
    sign Sign "-1, 0 or 1 for every element.",
    relu Relu "max(x, 0) of every element.",
    exp Exp "e^x of every element.",
    log Log "ln x of every element.",
    sqrt Sqrt "The square root of every element.",
    rsqrt Rsqrt "1 / sqrt x of every element.",
    reciprocal Reciprocal "1 / x of every element.",
    sin Sin "sin x of every element, in radians.",
    cos Cos "cos x of every element, in radians.",
    tan Tan "tan x of every element, in radians.",
    asin Asin "arcsin x of every element.",
    acos Acos "arccos x of every element.",
    atan Atan "arctan x of every element.",
    sinh Sinh "sinh x of every element.",
    cosh Cosh "cosh x of every element.",
    tanh Tanh "tanh x of every element.",
    asinh Asinh "The inverse of sinh of every element.",
    acosh Acosh "The inverse of cosh of every element.",
    atanh Atanh "The inverse of tanh of every element.",
    erf Erf "The error function of every element.",
    sigmoid Sigmoid "1 / (1 + e^-x) of every element.",
    softplus Softplus "ln(1 + e^x) of every element.",
    softsign Softsign "x / (1 + |x|) of every element.",
    leaky_relu(alpha) LeakyRelu "x, or alpha x below 0, of every element.",
    elu(alpha) Elu "x, or alpha (e^x - 1) below 0, of every element.",
    celu(alpha) Celu "x, or alpha (e^(x / alpha) - 1) below 0, of every element.",
    selu(alpha, gamma) Selu "gamma x, or gamma alpha (e^x - 1) below 0, of every element.",
    thresholded_relu(alpha) ThresholdedRelu "Every element above alpha, and 0 for the others.",
    shrink(lambd, bias) Shrink "Every element moved towards 0 by bias, 0 for those within lambd of it.",
    hardsigmoid(alpha, beta) Hardsigmoid "alpha x + beta between 0 and 1, of every element.",
    hardswish Hardswish "x times (x / 6 + 1 / 2 between 0 and 1), of every element.",
    silu Silu "x sigmoid(x) of every element.",
    gelu Gelu "x (1 + erf(x / sqrt 2)) / 2 of every element.",
    gelu_tanh GeluTanh "The approximation of `gelu` through tanh, of every element.",
    mish Mish "x tanh(softplus(x)) of every element.",
    floor Floor "Every element rounded down.",
    ceil Ceil "Every element rounded up.",
    round Round "Every element rounded to the nearest whole number, the even one of two.",
    trunc Trunc "Every element rounded towards 0.",
    is_nan IsNan "Which elements are NaN.",
    is_inf IsInf "Which elements are infinite.",
    is_pos_inf IsPosInf "Which elements are infinity.",
    is_neg_inf IsNegInf "Which elements are minus infinity.",
    not Not "Which elements are false.",
    bitwise_not BitwiseNot "Every element with every bit turned.",
}
