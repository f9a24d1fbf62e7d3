//! ONNX's element types, and what the engine holds each as.

use crate::array::DType;
use std::fmt;

macro_rules! elems {
    ($($variant:ident $code:literal $name:literal $bits:literal $held:expr;)*) => {
        /// An element type of ONNX, by its name in the standard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the standard's names")]
        pub enum Elem { $($variant),* }

        impl Elem {
            /// The type of this number in `TensorProto.DataType`.
            pub fn of_code(code: i32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The standard's name: `float`, `int64`, ...
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Bits of an element in a file; 0 for strings.
            pub fn bits(self) -> usize {
                match self { $(Self::$variant => $bits),* }
            }

            /// What the engine computes in, if it computes with this type at all. Of double it is f64 in a model whose numbers do not
            /// fit float.
            pub fn held(self) -> Option<DType> {
                match self { $(Self::$variant => $held),* }
            }
        }
    };
}

const F: Option<DType> = Some(DType::F32);
const I: Option<DType> = Some(DType::I32);
const U: Option<DType> = Some(DType::U32);

elems! {
    Float 1 "float" 32 F;
    Uint8 2 "uint8" 8 U;
    Int8 3 "int8" 8 I;
    Uint16 4 "uint16" 16 U;
    Int16 5 "int16" 16 I;
    Int32 6 "int32" 32 I;
    Int64 7 "int64" 64 I;
    String 8 "string" 0 None;
    Bool 9 "bool" 8 Some(DType::Bool);
    Float16 10 "float16" 16 F;
    Double 11 "double" 64 F;
    Uint32 12 "uint32" 32 U;
    Uint64 13 "uint64" 64 U;
    Complex64 14 "complex64" 64 None;
    Complex128 15 "complex128" 128 None;
    Bfloat16 16 "bfloat16" 16 F;
    Float8E4M3FN 17 "float8e4m3fn" 8 F;
    Float8E4M3FNUZ 18 "float8e4m3fnuz" 8 F;
    Float8E5M2 19 "float8e5m2" 8 F;
    Float8E5M2FNUZ 20 "float8e5m2fnuz" 8 F;
    Uint4 21 "uint4" 4 U;
    Int4 22 "int4" 4 I;
}

impl Elem {
    /// Whether it is held as f32.
    pub fn is_float(self) -> bool {
        self.held() == Some(DType::F32)
    }

    /// Whether it is an integer, signed or not.
    pub fn is_integer(self) -> bool {
        matches!(self.held(), Some(DType::I32 | DType::U32))
    }

    /// Bits and sign of an integer that is narrower than what holds it.
    pub fn narrow(self) -> Option<(u32, bool)> {
        match self {
            Self::Uint4 => Some((4, false)),
            Self::Int4 => Some((4, true)),
            Self::Uint8 => Some((8, false)),
            Self::Int8 => Some((8, true)),
            Self::Uint16 => Some((16, false)),
            Self::Int16 => Some((16, true)),
            _ => None,
        }
    }

    /// The type that a plain array of this dtype stands for.
    pub fn of_dtype(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::Float,
            DType::F16 => Self::Float16,
            DType::F64 => Self::Double,
            DType::I32 => Self::Int32,
            DType::U32 => Self::Uint32,
            DType::Bool => Self::Bool,
        }
    }
}

impl fmt::Display for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
