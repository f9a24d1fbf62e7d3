//! Tensors as files hold them: an element type of ONNX, a shape, little-endian bytes.

use super::elem::Elem;
use super::float8;
use super::proto;
use crate::array::{Array, DType, Data, elements};
use crate::error::{Error, Result};
use half::{bf16, f16};
use prost::Message;
use prost::bytes::Bytes;

/// A tensor with an element type of ONNX.
///
/// The engine computes with fewer types: [`Tensor::to_array`] and [`Tensor::from_array`] go there and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    elem: Elem,
    shape: Vec<usize>,
    /// Little-endian elements, row-major; of 4-bit elements two to a byte, the first in its low half.
    bytes: Bytes,
}

impl Tensor {
    /// A tensor of little-endian elements.
    ///
    /// # Errors
    /// If the number of bytes is not the shape's, or the shape has more than 2^32 - 1 elements.
    pub fn new(elem: Elem, shape: impl Into<Vec<usize>>, bytes: impl Into<Bytes>) -> Result<Self> {
        let (shape, bytes) = (shape.into(), bytes.into());
        let wrong = |reason: String| Error::shape("onnx::Tensor", reason);
        let count = elements(&shape);
        if u32::try_from(count).is_err() {
            return Err(wrong(format!("{elem}{shape:?} has more than 2^32 - 1 elements")));
        }
        let expected = (count * elem.bits()).div_ceil(8);
        if elem.bits() == 0 || elem.bits() > 64 {
            return Err(Error::unsupported("onnx::Tensor", format!("elements of type {elem}")));
        }
        if bytes.len() != expected {
            return Err(wrong(format!("{elem}{shape:?} takes {expected} bytes, there are {}", bytes.len())));
        }
        Ok(Self { elem, shape, bytes })
    }

    /// Reads a `TensorProto`, the format of ONNX's `.pb` test data.
    ///
    /// # Errors
    /// If the bytes are something else, or the data lies in another file.
    pub fn from_proto_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |reason: String| Error::model("TensorProto", reason);
        let message = proto::Tensor::decode(bytes).map_err(|e| wrong(format!("not a TensorProto: {e}")))?;
        Self::from_proto(&message, |_| Err("its data lies in another file".to_owned())).map_err(wrong)
    }

    /// Int64 numbers.
    ///
    /// # Errors
    /// If their number is not the shape's.
    pub fn from_ints(shape: impl Into<Vec<usize>>, values: &[i64]) -> Result<Self> {
        Self::new(Elem::Int64, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
    }

    /// `external` reads what lies in another file.
    pub(super) fn from_proto(message: &proto::Tensor, external: impl Fn(&[proto::Entry]) -> Result<Bytes, String>) -> Result<Self, String> {
        let Some(elem) = Elem::of_code(message.data_type) else {
            return Err(format!("element type {} is not one of ONNX's", message.data_type));
        };
        let size = |&d: &i64| usize::try_from(d).map_err(|_| format!("dimensions {:?} are not all 0 or more", message.dims));
        let shape = message.dims.iter().map(size).collect::<Result<Vec<_>, _>>()?;
        let bytes = if message.data_location == 1 {
            external(&message.external_data)?
        } else if let Some(raw) = &message.raw_data {
            raw.clone()
        } else {
            typed_bytes(elem, message)?
        };
        Self::new(elem, shape, bytes).map_err(|e| e.to_string())
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// If the shapes differ in their number of elements.
    pub fn reshaped(&self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        Self::new(self.elem, shape, self.bytes.clone())
    }

    /// The element type.
    pub fn elem(&self) -> Elem {
        self.elem
    }

    /// The size of each dimension, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The little-endian elements.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As the engine holds it: every float as f32 (a double is narrowed), integers in 32 bits.
    ///
    /// # Errors
    /// If a 64-bit integer does not fit 32 bits, a double is beyond what f32 reaches, or the type is not computed with.
    pub fn to_array(&self) -> Result<Array> {
        let data = match self.elem.held() {
            Some(DType::F32) if self.elem == Elem::Double => Data::F32(self.narrowed_doubles()?),
            Some(DType::F32) => Data::F32(self.f32s()),
            Some(DType::Bool) => Data::Bool(self.bytes.iter().map(|&b| b != 0).collect()),
            Some(DType::I32) if self.elem == Elem::Int32 => Data::I32(each(&self.bytes, i32::from_le_bytes)),
            Some(DType::I32) => Data::I32(narrowed(self.ints()?, self.elem, "int32")?),
            Some(DType::U32) if self.elem == Elem::Uint64 => {
                Data::U32(narrowed(each(&self.bytes, u64::from_le_bytes), self.elem, "uint32")?)
            }
            Some(DType::U32) => Data::U32(narrowed(self.ints()?, self.elem, "uint32")?),
            _ => return Err(Error::unsupported("onnx::Tensor", format!("to compute with elements of type {}", self.elem))),
        };
        Array::from_data(self.shape.clone(), data)
    }

    /// [`Tensor::to_array`], or a double as f64 where that is what holds it.
    pub(super) fn to_array_of(&self, dtype: DType) -> Result<Array> {
        match (self.elem, dtype) {
            (Elem::Double, DType::F64) => Array::from_data(self.shape.clone(), Data::F64(each(&self.bytes, f64::from_le_bytes))),
            _ => self.to_array(),
        }
    }

    /// Whether it is of double and f32 does not reach an element.
    #[expect(clippy::cast_possible_truncation, reason = "narrowed to see what comes of it")]
    pub(super) fn exceeds_float(&self) -> bool {
        let exceeds = |v: f64| v.is_finite() && (v as f32).is_infinite();
        self.elem == Elem::Double && self.bytes.as_chunks().0.iter().any(|b| exceeds(f64::from_le_bytes(*b)))
    }

    /// An engine's array as elements of type `elem`, the way back from [`Tensor::to_array`].
    ///
    /// # Errors
    /// If `elem` is not held as the array's dtype.
    pub fn from_array(elem: Elem, array: &Array) -> Result<Self> {
        let wrong = || Error::shape("onnx::Tensor", format!("{} does not hold elements of type {elem}", array.ty()));
        let bytes = match array.data() {
            Data::F32(v) => float_bytes(elem, v).ok_or_else(wrong)?,
            Data::F16(v) if elem == Elem::Float16 => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::F16(_) => return Err(wrong()),
            Data::F64(v) if elem == Elem::Double => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Data::F64(_) => return Err(wrong()),
            Data::I32(v) => integer_bytes(elem, v.iter().map(|&x| i64::from(x))).ok_or_else(wrong)?,
            Data::U32(v) => integer_bytes(elem, v.iter().map(|&x| i64::from(x))).ok_or_else(wrong)?,
            Data::Bool(v) if elem == Elem::Bool => v.iter().map(|&x| u8::from(x)).collect(),
            Data::Bool(_) => return Err(wrong()),
        };
        Self::new(elem, array.shape(), bytes)
    }

    /// The same numbers as elements of another type of the same kind: float, integer or bool. A double may be rounded to float.
    ///
    /// # Errors
    /// If the kinds differ, or the other type does not hold an element exactly, which is then named.
    pub fn converted(&self, elem: Elem) -> Result<Self> {
        let wrong = |reason: String| Error::shape("onnx::Tensor", format!("{}{:?} as {elem}: {reason}", self.elem, self.shape));
        if elem == self.elem {
            return Ok(self.clone());
        }
        let bytes = if elem.is_float() && self.elem.is_float() {
            let values = self.floats()?;
            #[expect(clippy::cast_possible_truncation, reason = "what does not fit is found below")]
            let singles = || values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
            let bytes = match elem {
                Elem::Double => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                _ => float_bytes(elem, &singles()).ok_or_else(|| wrong("it is no float".to_owned()))?,
            };
            let held = Self::new(elem, self.shape.clone(), bytes.clone())?.floats()?;
            let differs = |i: &usize| held[*i] != values[*i] && !(held[*i].is_nan() && values[*i].is_nan());
            // Narrowing rounds, but makes no infinity of a number.
            let rounded = |i: &usize| elem == Elem::Float && self.elem == Elem::Double && held[*i].is_finite();
            if let Some(i) = (0..values.len()).find(|i| differs(i) && !rounded(i)) {
                return Err(wrong(format!("element {i} is {}, which it does not hold", values[i])));
            }
            bytes
        } else if elem.is_integer() && self.elem.is_integer() {
            let values = self.ints()?;
            let most = i64::MAX >> (64 - elem.bits());
            let range = match elem.held() {
                Some(DType::I32) => -most - 1..=most,
                _ => 0..=most.saturating_mul(2).saturating_add(1),
            };
            if let Some((i, value)) = values.iter().enumerate().find(|(_, v)| !range.contains(v)) {
                return Err(wrong(format!("element {i} is {value}, which it does not hold")));
            }
            integer_bytes(elem, values.into_iter()).ok_or_else(|| wrong("it is no integer".to_owned()))?
        } else {
            return Err(wrong("these are different kinds of numbers".to_owned()));
        };
        Self::new(elem, self.shape.clone(), bytes)
    }

    /// The elements of an integer or bool tensor.
    ///
    /// # Errors
    /// If it holds something else, or a uint64 over 2^63.
    pub fn ints(&self) -> Result<Vec<i64>> {
        let bytes = &self.bytes;
        Ok(match self.elem {
            Elem::Int64 => each(bytes, i64::from_le_bytes),
            Elem::Int32 => each(bytes, |b| i64::from(i32::from_le_bytes(b))),
            Elem::Int16 => each(bytes, |b| i64::from(i16::from_le_bytes(b))),
            Elem::Int8 => each(bytes, |b| i64::from(i8::from_le_bytes(b))),
            Elem::Uint64 => narrowed(each(bytes, u64::from_le_bytes), self.elem, "int64")?,
            Elem::Uint32 => each(bytes, |b| i64::from(u32::from_le_bytes(b))),
            Elem::Uint16 => each(bytes, |b| i64::from(u16::from_le_bytes(b))),
            Elem::Uint8 | Elem::Bool => bytes.iter().map(|&b| i64::from(b)).collect(),
            Elem::Uint4 => (0..self.len()).map(|i| i64::from(self.nibble(i))).collect(),
            Elem::Int4 => (0..self.len()).map(|i| i64::from((self.nibble(i) << 4).cast_signed() >> 4)).collect(),
            _ => return Err(Error::shape("onnx::Tensor", format!("{}{:?} are not integers", self.elem, self.shape))),
        })
    }

    /// Every element as f64, whatever the type.
    ///
    /// # Errors
    /// If the type is no number.
    pub fn floats(&self) -> Result<Vec<f64>> {
        Ok(match self.elem {
            Elem::Double => each(&self.bytes, f64::from_le_bytes),
            Elem::Uint64 => each(&self.bytes, |b| u64::from_le_bytes(b) as f64),
            _ if self.elem.is_float() => self.f32s().into_iter().map(f64::from).collect(),
            _ => self.ints()?.into_iter().map(|v| v as f64).collect(),
        })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a double is narrowed, as documented")]
    fn narrowed_doubles(&self) -> Result<Vec<f32>> {
        let narrow = |(i, v): (usize, f64)| match v as f32 {
            narrow if v.is_finite() && narrow.is_infinite() => {
                Err(Error::unsupported("onnx::Tensor", format!("element {i} of double is {v:e}, which does not fit float")))
            }
            narrow => Ok(narrow),
        };
        each(&self.bytes, f64::from_le_bytes).into_iter().enumerate().map(narrow).collect()
    }

    fn nibble(&self, index: usize) -> u8 {
        self.bytes[index / 2] >> (index % 2 * 4) & 15
    }

    /// The elements of a float tensor of at most 32 bits.
    fn f32s(&self) -> Vec<f32> {
        let bytes = &self.bytes;
        match self.elem {
            Elem::Float => each(bytes, f32::from_le_bytes),
            Elem::Float16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Elem::Bfloat16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            _ => bytes.iter().map(|&b| float8::decode(self.elem, b)).collect(),
        }
    }
}

fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
}

fn narrowed<A: Copy + std::fmt::Display, B: TryFrom<A>>(values: Vec<A>, elem: Elem, to: &str) -> Result<Vec<B>> {
    let narrow = |(i, v): (usize, A)| {
        B::try_from(v).map_err(|_| Error::unsupported("onnx::Tensor", format!("element {i} of {elem} is {v}, which does not fit {to}")))
    };
    values.into_iter().enumerate().map(narrow).collect()
}

/// f32 values as elements of a float type; `None` if `elem` is none.
fn float_bytes(elem: Elem, values: &[f32]) -> Option<Vec<u8>> {
    fn all<const N: usize>(values: &[f32], f: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|&v| f(v)).collect()
    }
    Some(match elem {
        Elem::Float => all(values, f32::to_le_bytes),
        Elem::Double => all(values, |v| f64::from(v).to_le_bytes()),
        Elem::Float16 => all(values, |v| f16::from_f32(v).to_le_bytes()),
        Elem::Bfloat16 => all(values, |v| bf16::from_f32(v).to_le_bytes()),
        _ if elem.is_float() => float8::encode(elem, values),
        _ => return None,
    })
}

/// The low bits of integers as elements of an integer type; `None` if `elem` is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement: the low bytes are the narrow integer")]
fn integer_bytes(elem: Elem, values: impl Iterator<Item = i64>) -> Option<Vec<u8>> {
    if !elem.is_integer() {
        return None;
    }
    if elem.bits() == 4 {
        let nibbles: Vec<u8> = values.map(|v| v as u8 & 15).collect();
        return Some(nibbles.chunks(2).map(|pair| pair[0] | pair.get(1).map_or(0, |high| high << 4)).collect());
    }
    let width = elem.bits() / 8;
    Some(values.flat_map(|v| v.to_le_bytes().into_iter().take(width)).collect())
}

/// The bytes of a tensor whose elements stand in a typed field.
#[expect(clippy::cast_possible_truncation, reason = "the standard keeps narrow elements in int32_data and uint64_data")]
fn typed_bytes(elem: Elem, message: &proto::Tensor) -> Result<Bytes, String> {
    let int32 = |width: usize| message.int32_data.iter().flat_map(move |v| v.to_le_bytes().into_iter().take(width)).collect::<Vec<u8>>();
    Ok(match elem {
        Elem::Float | Elem::Complex64 => message.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Elem::Double | Elem::Complex128 => message.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Elem::Int64 => message.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Elem::Uint64 => message.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Elem::Uint32 => message.uint64_data.iter().flat_map(|v| (*v as u32).to_le_bytes()).collect(),
        Elem::Int32 => int32(4).into(),
        Elem::Int16 | Elem::Uint16 | Elem::Float16 | Elem::Bfloat16 => int32(2).into(),
        Elem::String => return Err("elements of type string are not supported".to_owned()),
        _ => int32(1).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(values: &[f64]) -> Tensor {
        Tensor::new(Elem::Double, [values.len()], values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn conversions_are_exact_but_for_doubles() {
        let ints = Tensor::from_ints([3], &[0, -1, 200]).unwrap();
        for elem in [Elem::Int32, Elem::Int16] {
            assert_eq!(ints.converted(elem).unwrap().ints().unwrap(), [0, -1, 200]);
        }
        for (elem, text) in [(Elem::Int8, "element 2 is 200"), (Elem::Uint8, "element 1 is -1"), (Elem::Uint64, "element 1 is -1")] {
            assert!(ints.converted(elem).unwrap_err().to_string().contains(text), "{elem}");
        }
        for elem in [Elem::Float, Elem::Bool, Elem::String] {
            assert!(ints.converted(elem).unwrap_err().to_string().contains("different kinds of numbers"), "{elem}");
        }
        let rounded = doubles(&[0.1, f64::INFINITY, f64::NAN]).converted(Elem::Float).unwrap().floats().unwrap();
        assert!(rounded[0] == f64::from(0.1f32) && rounded[1] == f64::INFINITY && rounded[2].is_nan());
        assert!(doubles(&[1e300]).converted(Elem::Float).unwrap_err().to_string().contains("element 0 is 1"));
        assert!(doubles(&[0.1]).converted(Elem::Float16).is_err());
        assert_eq!(doubles(&[0.5]).converted(Elem::Float16).unwrap().converted(Elem::Double).unwrap(), doubles(&[0.5]));
    }
}
