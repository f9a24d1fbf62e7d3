//! Host arrays: a shape, a dtype and row-major elements, with file formats and pictures beside them.

mod constants;
pub mod file;
mod geometry;
pub mod npy;
pub mod picture;
pub mod text;
mod types;

pub use geometry::{Dhw, Hw, Pads, Pads3};
pub use half::f16;
pub use types::{DType, TensorType, elements, strides};

use crate::error::{Error, Result};
use bytemuck::Zeroable;

/// Elements of one dtype, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats, for storage.
    F16(Vec<f16>),
    /// 64-bit floats, for the few operators that [`DType::F64`] names.
    F64(Vec<f64>),
    /// 32-bit signed integers.
    I32(Vec<i32>),
    /// 32-bit unsigned integers.
    U32(Vec<u32>),
    /// Truth values; a GPU buffer holds each as a `u32` of 0 or 1.
    Bool(Vec<bool>),
}

/// A tensor on the host: shape, dtype and elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Data,
}

impl Default for Array {
    /// No elements.
    fn default() -> Self {
        Self { shape: vec![0], data: Data::F32(Vec::new()) }
    }
}

/// A Rust type that is an element of an [`Array`].
pub trait Element: Copy + Sized {
    /// The dtype of this type.
    const DTYPE: DType;
    /// Wraps elements.
    fn wrap(values: Vec<Self>) -> Data;
    /// The elements, if `data` is of this type.
    fn of(data: &Data) -> Option<&[Self]>;
    /// The elements to write to, if `data` is of this type.
    fn of_mut(data: &mut Data) -> Option<&mut Vec<Self>>;
}

macro_rules! element {
    ($($rust:ty => $variant:ident),*) => { $(
        impl Element for $rust {
            const DTYPE: DType = DType::$variant;
            fn wrap(values: Vec<Self>) -> Data { Data::$variant(values) }
            fn of(data: &Data) -> Option<&[Self]> {
                match data { Data::$variant(values) => Some(values), _ => None }
            }
            fn of_mut(data: &mut Data) -> Option<&mut Vec<Self>> {
                match data { Data::$variant(values) => Some(values), _ => None }
            }
        }
    )* };
}
element!(f32 => F32, f16 => F16, f64 => F64, i32 => I32, u32 => U32, bool => Bool);

/// An element that [`Array::new`] and its kin take: all but f64, so that `0.5` is an f32. [`Array::from_data`] takes those.
pub trait Literal: Element {}
impl Literal for f32 {}
impl Literal for f16 {}
impl Literal for i32 {}
impl Literal for u32 {}
impl Literal for bool {}

impl Array {
    /// An array of `shape` holding `values` in row-major order.
    ///
    /// # Errors
    /// If the number of values is not the product of the shape.
    pub fn new<T: Literal>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Self> {
        Self::from_data(shape, T::wrap(values))
    }

    /// An array of `shape` holding `data`.
    ///
    /// # Errors
    /// If the number of elements is not the product of the shape.
    pub fn from_data(shape: impl Into<Vec<usize>>, data: Data) -> Result<Self> {
        let shape = shape.into();
        let array = Self { shape, data };
        let expected = array.ty().checked_elements()?;
        let given = array.data.len();
        if expected != given {
            return Err(Error::shape("Array::new", format!("shape {:?} has {expected} elements, {given} values were given", array.shape)));
        }
        Ok(array)
    }

    /// An array whose every element is `f(flat index)`.
    pub fn from_fn<T: Literal>(shape: impl Into<Vec<usize>>, f: impl FnMut(usize) -> T) -> Self {
        let shape = shape.into();
        let data = T::wrap((0..elements(&shape)).map(f).collect());
        Self { shape, data }
    }

    /// An array of `shape` with every element equal to `value`.
    pub fn full<T: Literal>(shape: impl Into<Vec<usize>>, value: T) -> Self {
        Self::from_fn(shape, |_| value)
    }

    /// An array with no dimensions and one element.
    pub fn scalar<T: Literal>(value: T) -> Self {
        Self { shape: Vec::new(), data: T::wrap(vec![value]) }
    }

    /// The size of each dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Dtype and shape together.
    pub fn ty(&self) -> TensorType {
        TensorType::new(self.dtype(), self.shape.clone())
    }

    /// The elements with their type erased.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements as `T`.
    ///
    /// # Errors
    /// If the array's dtype is another one.
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        T::of(&self.data).ok_or_else(|| Error::shape("Array::values", format!("the array is {}, not {}", self.dtype(), T::DTYPE)))
    }

    /// The elements as `T`, to write to.
    ///
    /// # Errors
    /// If the array's dtype is another one.
    pub fn values_mut<T: Element>(&mut self) -> Result<&mut [T]> {
        let found = self.dtype();
        match T::of_mut(&mut self.data) {
            Some(values) => Ok(values),
            None => Err(Error::shape("Array::values_mut", format!("the array is {found}, not {}", T::DTYPE))),
        }
    }

    /// Becomes an array of `shape` whose elements are all to be written: zeros, or what was there if it was as many of `T`.
    pub(crate) fn prepare<T: Element + Zeroable>(&mut self, shape: &[usize]) {
        let count = elements(shape);
        if self.dtype() != T::DTYPE || self.len() != count {
            self.data = T::wrap(bytemuck::zeroed_vec(count));
        }
        if self.shape != shape {
            self.shape = shape.to_vec();
        }
    }

    /// The elements with their type erased, to write to.
    pub(crate) fn data_mut(&mut self) -> &mut Data {
        &mut self.data
    }

    /// Every element as f64, whatever the dtype; `true` is 1.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::F16(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::F64(v) => v.clone(),
            Data::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::U32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        }
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// If the shapes differ in their number of elements.
    pub fn reshaped(mut self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if elements(&shape) != self.len() {
            return Err(Error::shape(
                "Array::reshaped",
                format!("{:?} has {} elements, {shape:?} has {}", self.shape, self.len(), elements(&shape)),
            ));
        }
        self.shape = shape;
        Ok(self)
    }
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F16(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dtype of the elements.
    pub fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F16(_) => DType::F16,
            Self::F64(_) => DType::F64,
            Self::I32(_) => DType::I32,
            Self::U32(_) => DType::U32,
            Self::Bool(_) => DType::Bool,
        }
    }
}
