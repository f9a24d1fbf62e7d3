//! Dtypes and tensor types.

use crate::error::{Error, Result};
use std::fmt;

/// What one element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 16-bit float, for storage: operators compute in f32.
    F16,
    /// 64-bit float, where the adapter has them. Arithmetic of two tensors but for powers, remainders and extremes, comparisons, `neg`,
    /// `abs`, and what moves whole elements through strides (reshape, slice, expand, transpose, concat, split); the rest refuses it.
    F64,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// Truth value, a `u32` of 0 or 1 on the GPU.
    Bool,
}

impl DType {
    /// Bytes of one element in a GPU buffer.
    pub const fn device_bytes(self) -> u64 {
        match self {
            Self::F16 => 2,
            Self::F64 => 8,
            Self::F32 | Self::I32 | Self::U32 | Self::Bool => 4,
        }
    }

    /// Whether an element is one 32-bit word on the device: what most kernels that move data count in.
    pub(crate) const fn is_word(self) -> bool {
        self.device_bytes() == 4
    }

    /// The WGSL type that a shader reads one element as; `u32` holds two f16.
    pub const fn wgsl(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::U32 | Self::Bool | Self::F16 => "u32",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::Bool => "bool",
        })
    }
}

/// Dtype and logical shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// What one element is.
    pub dtype: DType,
    /// The size of each dimension, outermost first.
    pub shape: Vec<usize>,
}

impl TensorType {
    /// A tensor type.
    pub fn new(dtype: DType, shape: impl Into<Vec<usize>>) -> Self {
        Self { dtype, shape: shape.into() }
    }

    /// An f32 tensor.
    pub fn f32(shape: impl Into<Vec<usize>>) -> Self {
        Self::new(DType::F32, shape)
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        elements(&self.shape)
    }

    /// The number of elements, or an error where it exceeds what 32-bit indices reach.
    ///
    /// # Errors
    /// If the product of the shape is over `u32::MAX`.
    pub fn checked_elements(&self) -> Result<usize> {
        self.shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .filter(|&n| u32::try_from(n).is_ok())
            .ok_or_else(|| Error::shape("tensor", format!("shape {:?} has more than 2^32 - 1 elements", self.shape)))
    }

    /// Bytes in a GPU buffer, rounded up to 16: a shader may read and write the last elements as a whole `vec4`.
    pub fn device_bytes(&self) -> u64 {
        (self.elements() as u64).saturating_mul(self.dtype.device_bytes()).checked_next_multiple_of(16).unwrap_or(u64::MAX).max(16)
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.dtype, self.shape)
    }
}

/// The number of elements of a shape, `usize::MAX` where it is more than that.
pub fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1usize, |n, &d| n.saturating_mul(d))
}

/// Row-major strides of a shape, in elements. They saturate as [`elements`] does.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i].saturating_mul(shape[i]);
    }
    strides
}
