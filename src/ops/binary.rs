//! binary: arithmetic on two tensors, element by element, with NumPy's broadcasting.
//!
//! ```text
//! output[i] = kind(a[i], b[i])
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | any; f32, i32 or u32; f64 for sums, differences, products and quotients, where the adapter has 64-bit floats |
//! | b | any that broadcasts with a: trailing dimensions are equal, or one of them is 1; a's dtype |
//! | output | the larger size of each dimension; a's dtype |
//!
//! Integers wrap. Their quotient is cut towards zero, and division by zero gives 0, as do both remainders. An integer
//! to a negative power is 0, except for 1 and -1. Floats: the remainders are exact, and NaN passes through minimum and maximum;
//! a power is accurate to 2^-23 (8 + |y ln x|), small whole exponents are multiplied out.
//!
//! Gradients: g and g; g and -g; g b and g a; g / b and -g y / b. Of a power g b a^(b - 1) and g y ln a, 0 for b = 0 and for 0 to a
//! power that is not negative. Of minimum and maximum all to the one that is taken, half to each of equals. Of the remainders g
//! and -g times the whole multiples. Of prelu by the slope from below at 0. As in PyTorch; sums over what is broadcast.
//!
//! ONNX: Add, Sub, Mul, Div, Pow, Min, Max, Mod, `PRelu` (whose slope has a number for each channel and its dimensions of 1). PyTorch: the methods of the same names (`true_divide` on floats,
//! `divide(rounding_mode="trunc")` on integers).

use super::broadcast::{infer_pair, pairs};
use super::{Candidate, ELEMENTWISE, Expression, Op, Site, launch_elements, number, only_where, scaled, the_gradient, unbroadcast};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

pub(super) const KERNELS: &[&Kernel] = &[&ELEMENTWISE];

/// Which function of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// a to the power of b
    Pow,
    /// The smaller one
    Minimum,
    /// The larger one
    Maximum,
    /// What is left of a after whole multiples of b, with b's sign: Python's and PyTorch's `%`
    Remainder,
    /// What is left of a after whole multiples of b, with a's sign: C's and Rust's `%`
    Fmod,
    /// a, or a * b where a is negative; f32
    Prelu,
}

macro_rules! methods {
    ($($name:ident $kind:ident $doc:literal),* $(,)?) => {
        impl Var { $(
            #[doc = $doc]
            ///
            /// # Errors
            /// If the shapes do not broadcast, the dtypes differ or are neither f32 nor 32-bit integers.
            pub fn $name(&self, other: &Self) -> Result<Self> {
                self.apply1(Binary::$kind, &[other])
            }
        )* }
    };
}
methods! {
    add Add "`self + other`, broadcast.",
    sub Sub "`self - other`, broadcast.",
    mul Mul "`self * other`, broadcast.",
    div Div "`self / other`, broadcast. Integers are cut towards zero; by zero they give 0.",
    pow Pow "`self` to the power of `other`, broadcast.",
    minimum Minimum "The smaller of `self` and `other`, broadcast. NaN passes through.",
    maximum Maximum "The larger of `self` and `other`, broadcast. NaN passes through.",
    remainder Remainder "The remainder of `self / other` with the sign of `other`, broadcast.",
    fmod Fmod "The remainder of `self / other` with the sign of `self`, broadcast.",
    prelu Prelu "`self`, or `self * other` where `self` is negative, broadcast. f32 only.",
}

impl Var {
    /// `self` to the power of an `exponent` of any number dtype, in this one's dtype: ONNX's Pow, as a composition with casts. Of an
    /// integer to the power of a float the whole part stays.
    ///
    /// # Errors
    /// If the shapes do not broadcast, or a dtype is neither f32 nor a 32-bit integer.
    pub fn pow_mixed(&self, exponent: &Self) -> Result<Self> {
        let whole = matches!(self.dtype(), DType::I32 | DType::U32);
        if !matches!(exponent.dtype(), DType::F32 | DType::I32 | DType::U32) {
            return Err(Error::unsupported("pow_mixed", format!("to the power of {}; cast it first", exponent.ty())));
        }
        if whole && exponent.dtype() == DType::F32 {
            return self.cast(DType::F32)?.pow(exponent)?.cast(self.dtype());
        }
        self.pow(&exponent.cast(self.dtype())?)
    }
}

impl Op for Binary {
    fn name(&self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Pow => "pow",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Remainder => "remainder",
            Self::Fmod => "fmod",
            Self::Prelu => "prelu",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let dtypes: &[DType] = match self {
            Self::Prelu => &[DType::F32],
            Self::Add | Self::Sub | Self::Mul | Self::Div => &[DType::F32, DType::I32, DType::U32, DType::F64],
            _ => &[DType::F32, DType::I32, DType::U32],
        };
        infer_pair(self.name(), inputs, dtypes, None)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (a, b) = (inputs[0], inputs[1]);
        Ok(vec![match a.data() {
            #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
            Data::F32(_) => pairs(self.name(), a, b, |a: f32, b: f32| self.of_floats(f64::from(a), f64::from(b)) as f32)?,
            Data::F64(_) => pairs(self.name(), a, b, |a, b| self.of_floats(a, b))?,
            Data::I32(_) => pairs(self.name(), a, b, |a, b| self.of_signed(a, b))?,
            Data::U32(_) => pairs(self.name(), a, b, |a, b| self.of_unsigned(a, b))?,
            _ => return Err(Error::unsupported(self.name(), format!("of {}", a.ty()))),
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        let import = match inputs.first()?.dtype {
            DType::F32 | DType::F64 => "floats",
            DType::I32 => "signed",
            _ => "unsigned",
        };
        let float = import == "floats";
        let (import, text) = match self {
            Self::Add => (None, "x + y"),
            Self::Sub => (None, "x - y"),
            Self::Mul => (None, "x * y"),
            Self::Div if float => (None, "x / y"),
            Self::Div => (Some(import), "divide(x, y)"),
            Self::Pow => (Some(import), "power(x, y)"),
            Self::Minimum if float => (Some(import), "smaller(x, y)"),
            Self::Minimum => (None, "min(x, y)"),
            Self::Maximum if float => (Some(import), "larger(x, y)"),
            Self::Maximum => (None, "max(x, y)"),
            Self::Remainder => (Some(import), "floored_remainder(x, y)"),
            Self::Fmod => (Some(import), "cut_remainder(x, y)"),
            Self::Prelu => (None, "select(x, x * y, x < Element(0.0))"),
        };
        // A power is undefined just below a base of 0.
        let jumps = matches!(self, Self::Pow | Self::Remainder | Self::Fmod);
        Some(Expression::new(text).import(import).jumping(jumps))
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (a, b) = self.chained(&inputs[0], &inputs[1], &outputs[0], grad)?;
        Ok(vec![Some(unbroadcast(&a, inputs[0].shape())?), Some(unbroadcast(&b, inputs[1].shape())?)])
    }
}

impl Binary {
    /// The gradients of `a` and `b` from `grad`, that of `y = self(a, b)`, before sums over what is broadcast.
    fn chained(self, a: &Var, b: &Var, y: &Var, grad: &Var) -> Result<(Var, Var)> {
        let zero = number(a, 0.0)?;
        Ok(match self {
            Self::Add => (grad.clone(), grad.clone()),
            Self::Sub => (grad.clone(), grad.neg()?),
            Self::Mul => (grad.mul(b)?, grad.mul(a)?),
            Self::Div => (grad.div(b)?, grad.mul(y)?.div(b)?.neg()?),
            Self::Pow => {
                let slope = grad.mul(b)?.mul(&a.pow(&b.sub(&number(b, 1.0)?)?)?)?;
                let logarithm = grad.mul(&y.mul(&a.log()?)?)?;
                let flat = a.equal(&zero)?.and(&b.greater_or_equal(&zero)?)?;
                (b.equal(&zero)?.where_(&zero, &slope)?, flat.where_(&zero, &logarithm)?)
            }
            Self::Minimum | Self::Maximum => {
                let equals = a.equal(b)?;
                let half = scaled(grad, 0.5)?;
                let taken = if self == Self::Minimum { a.less(b)? } else { a.greater(b)? };
                let other = if self == Self::Minimum { b.less(a)? } else { b.greater(a)? };
                (equals.where_(&half, &only_where(&taken, grad)?)?, equals.where_(&half, &only_where(&other, grad)?)?)
            }
            // What is left of a after whole multiples of b: how many, but for rounding.
            Self::Remainder | Self::Fmod => (grad.clone(), grad.mul(&a.sub(y)?.div(b)?.round()?)?.neg()?),
            Self::Prelu => {
                let positive = a.greater(&zero)?;
                (positive.where_(grad, &grad.mul(b)?)?, positive.where_(&zero, &grad.mul(a)?)?)
            }
        })
    }

    /// Of f32 too: f64 holds every intermediate result well enough to round once.
    fn of_floats(self, x: f64, y: f64) -> f64 {
        let cut = x % y;
        match self {
            Self::Add => x + y,
            Self::Sub => x - y,
            Self::Mul => x * y,
            Self::Div => x / y,
            Self::Pow => x.powf(y),
            Self::Minimum if x.is_nan() || x < y => x,
            Self::Maximum if x.is_nan() || x > y => x,
            Self::Minimum | Self::Maximum => y,
            Self::Remainder if cut != 0.0 && (cut < 0.0) != (y < 0.0) => cut + y,
            Self::Remainder | Self::Fmod => cut,
            Self::Prelu if x < 0.0 => x * y,
            Self::Prelu => x,
        }
    }

    fn of_signed(self, a: i32, b: i32) -> i32 {
        match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul | Self::Prelu => a.wrapping_mul(b),
            Self::Minimum => a.min(b),
            Self::Maximum => a.max(b),
            Self::Pow => match (u32::try_from(b), a) {
                (Ok(b), _) => a.wrapping_pow(b),
                (_, 1) => 1,
                (_, -1) => 1 - 2 * (b & 1),
                _ => 0,
            },
            Self::Div | Self::Remainder | Self::Fmod if b == 0 => 0,
            Self::Div => a.wrapping_div(b),
            Self::Remainder | Self::Fmod => {
                let cut = a.wrapping_rem(b);
                if self == Self::Remainder && cut != 0 && (cut < 0) != (b < 0) { cut + b } else { cut }
            }
        }
    }

    fn of_unsigned(self, a: u32, b: u32) -> u32 {
        match self {
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Mul | Self::Prelu => a.wrapping_mul(b),
            Self::Pow => a.wrapping_pow(b),
            Self::Minimum => a.min(b),
            Self::Maximum => a.max(b),
            Self::Div => a.checked_div(b).unwrap_or(0),
            Self::Remainder | Self::Fmod => a.checked_rem(b).unwrap_or(0),
        }
    }
}
