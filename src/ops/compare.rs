//! compare: how two tensors relate, element by element, with NumPy's broadcasting.
//!
//! ```text
//! output[i] = a[i] ? b[i]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | a | any; f32, f64, i32 or u32, for equality also bool |
//! | b | any that broadcasts with a; a's dtype |
//! | output | the larger size of each dimension, bool |
//!
//! NaN is equal, less and greater than nothing, itself included. ONNX: Equal, Less, `LessOrEqual`, Greater, `GreaterOrEqual`.
//! PyTorch: `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use super::broadcast::{infer_pair, pairs};
use super::{Candidate, Expression, Op, Site, launch_elements};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Binary`](super::Binary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Which relation of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// a = b
    Equal,
    /// not a = b
    NotEqual,
    /// a < b
    Less,
    /// a <= b
    LessOrEqual,
    /// a > b
    Greater,
    /// a >= b
    GreaterOrEqual,
}

macro_rules! methods {
    ($($name:ident $kind:ident $doc:literal),* $(,)?) => {
        impl Var { $(
            #[doc = $doc]
            ///
            /// # Errors
            /// If the shapes do not broadcast, the dtypes differ or are not ordered.
            pub fn $name(&self, other: &Self) -> Result<Self> {
                self.apply1(Compare::$kind, &[other])
            }
        )* }
    };
}
methods! {
    equal Equal "Where `self = other`, broadcast.",
    not_equal NotEqual "Where not `self = other`, broadcast.",
    less Less "Where `self < other`, broadcast.",
    less_or_equal LessOrEqual "Where `self <= other`, broadcast.",
    greater Greater "Where `self > other`, broadcast.",
    greater_or_equal GreaterOrEqual "Where `self >= other`, broadcast.",
}

impl Op for Compare {
    fn name(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::NotEqual => "not_equal",
            Self::Less => "less",
            Self::LessOrEqual => "less_or_equal",
            Self::Greater => "greater",
            Self::GreaterOrEqual => "greater_or_equal",
        }
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let dtypes = [DType::F32, DType::F64, DType::I32, DType::U32, DType::Bool];
        let ordered = !matches!(self, Self::Equal | Self::NotEqual);
        infer_pair(self.name(), inputs, if ordered { &dtypes[..4] } else { &dtypes }, Some(DType::Bool))
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (a, b) = (inputs[0], inputs[1]);
        Ok(vec![match a.data() {
            Data::F32(_) => pairs(self.name(), a, b, |a: f32, b: f32| self.of(a, b))?,
            Data::F64(_) => pairs(self.name(), a, b, |a: f64, b: f64| self.of(a, b))?,
            Data::I32(_) => pairs(self.name(), a, b, |a: i32, b: i32| self.of(a, b))?,
            Data::U32(_) => pairs(self.name(), a, b, |a: u32, b: u32| self.of(a, b))?,
            Data::Bool(_) => pairs(self.name(), a, b, |a: bool, b: bool| self.of(a, b))?,
            Data::F16(_) => return Err(Error::unsupported(self.name(), format!("of {}", a.ty()))),
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_elements(self, site)
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        let text = match self {
            Self::Equal => "Word(x == y)",
            // Not x != y, which is false of NaN in some compilers' hands.
            Self::NotEqual => "Word(!(x == y))",
            Self::Less => "Word(x < y)",
            Self::LessOrEqual => "Word(x <= y)",
            Self::Greater => "Word(x > y)",
            Self::GreaterOrEqual => "Word(x >= y)",
        };
        Some(Expression::new(text).jumping(true))
    }
}

impl Compare {
    fn of<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
        }
    }
}
