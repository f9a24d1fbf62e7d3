//! logical: and, or, xor of truth values and of bits, and shifts, element by element, with NumPy's broadcasting.
//!
//! ```text
//! output[i] = a[i] ? b[i]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | any; bool, i32 or u32, for shifts i32 or u32 |
//! | b | any that broadcasts with a; a's dtype |
//! | output | the larger size of each dimension; a's dtype |
//!
//! bool counts as one bit. A shift by 32 or more, or by less than 0, leaves nothing: 0, or the sign when i32 is shifted right.
//!
//! ONNX: And, Or, Xor, `BitwiseAnd`, `BitwiseOr`, `BitwiseXor`, `BitShift`. PyTorch: `logical_and` and `bitwise_and` and so on,
//! `bitwise_left_shift`, `bitwise_right_shift`.

use super::broadcast::{infer_pair, pairs};
use super::{Candidate, Expression, Op, Site, launch_elements};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Which function of two truth values or bit patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logical {
    /// Both
    And,
    /// At least one
    Or,
    /// Exactly one
    Xor,
    /// a moved b bits up
    ShiftLeft,
    /// a moved b bits down; i32 keeps its sign
    ShiftRight,
}

macro_rules! methods {
    ($($name:ident $kind:ident $doc:literal),* $(,)?) => {
        impl Var { $(
            #[doc = $doc]
            ///
            /// # Errors
            /// If the shapes do not broadcast, the dtypes differ or are floats.
            pub fn $name(&self, other: &Self) -> Result<Self> {
                self.apply1(Logical::$kind, &[other])
            }
        )* }
    };
}
methods! {
    and And "`self` and `other`, bit by bit, broadcast.",
    or Or "`self` or `other`, bit by bit, broadcast.",
    xor Xor "`self` or `other` but not both, bit by bit, broadcast.",
    shift_left ShiftLeft "`self` moved up by `other` bits, broadcast.",
    shift_right ShiftRight "`self` moved down by `other` bits, broadcast.",
}

impl Op for Logical {
    fn name(&self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::ShiftLeft => "shift_left",
            Self::ShiftRight => "shift_right",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let dtypes = [DType::I32, DType::U32, DType::Bool];
        let shift = matches!(self, Self::ShiftLeft | Self::ShiftRight);
        infer_pair(self.name(), inputs, if shift { &dtypes[..2] } else { &dtypes }, None)
    }

    #[expect(clippy::cast_sign_loss, clippy::cast_possible_wrap, reason = "bits")]
    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (a, b) = (inputs[0], inputs[1]);
        let sign = |a: i32, b: i32| a >> (b as u32).min(31);
        Ok(vec![match (a.data(), self) {
            (Data::I32(_), Self::ShiftRight) => pairs(self.name(), a, b, sign)?,
            (Data::I32(_), _) => pairs(self.name(), a, b, |a: i32, b: i32| self.of(a as u32, b as u32) as i32)?,
            (Data::U32(_), _) => pairs(self.name(), a, b, |a: u32, b: u32| self.of(a, b))?,
            (Data::Bool(_), _) => pairs(self.name(), a, b, |a: bool, b: bool| self.of(a.into(), b.into()) != 0)?,
            _ => return Err(Error::unsupported(self.name(), format!("of {}", a.ty()))),
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        let text = match (self, inputs.first()?.dtype) {
            (Self::And, _) => "x & y",
            (Self::Or, _) => "x | y",
            (Self::Xor, _) => "x ^ y",
            (Self::ShiftRight, DType::I32) => "x >> min(Word(y), Word(31u))",
            (Self::ShiftRight, _) => "select(x >> (y & Word(31u)), Element(), y > Word(31u))",
            (Self::ShiftLeft, _) => "select(x << (Word(y) & Word(31u)), Element(), Word(y) > Word(31u))",
        };
        Some(Expression::new(text))
    }
}

impl Logical {
    fn of(self, a: u32, b: u32) -> u32 {
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
            Self::ShiftLeft => a.checked_shl(b).unwrap_or(0),
            Self::ShiftRight => a.checked_shr(b).unwrap_or(0),
        }
    }
}
