//! Tensors in NumPy's files, in their own element types: int64 stays int64.

use super::elem::Elem;
use super::tensor::Tensor;
use crate::array::npy::{self, Unread};
use crate::error::Result;
use half::f16;
use npyz::{Deserialize, TypeChar};
use std::io::{self, Read, Write};
use std::path::Path;

/// Reads a `.npy` file: float16/32/64, integers of 8 to 64 bits, bool; row- or column-major, either byte order.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) if it cannot be read, [`Error::Model`](crate::Error::Model) if it holds something else.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Tensor> {
    npy::read_with(path.as_ref(), decode)
}

/// Reads every array of a `.npz` file, in the file's order.
///
/// # Errors
/// As [`read_npy`].
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    npy::read_each(path.as_ref(), decode)
}

/// Writes a `.npz` file of named tensors, through a temporary one. What NumPy has no type for is widened: bfloat16 and float8 to
/// float32, 4-bit integers to 8 bits.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io).
pub fn write_npz<'a>(path: impl AsRef<Path>, tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>) -> Result<()> {
    npy::write_each(path.as_ref(), tensors, encode)
}

fn decode(reader: &mut dyn Read) -> Result<Tensor, String> {
    fn bytes<T: Deserialize + Copy, const N: usize>(file: Unread<&mut dyn Read>, to: impl Fn(T) -> [u8; N]) -> Result<Vec<u8>, String> {
        Ok(file.values::<T>()?.into_iter().flat_map(to).collect())
    }
    let file = Unread::open(reader)?;
    let shape = file.shape.clone();
    let (elem, bytes) = match file.kind {
        (TypeChar::Float, 2) => (Elem::Float16, bytes(file, f16::to_le_bytes)?),
        (TypeChar::Float, 4) => (Elem::Float, bytes(file, f32::to_le_bytes)?),
        (TypeChar::Float, 8) => (Elem::Double, bytes(file, f64::to_le_bytes)?),
        (TypeChar::Bool, 1) => (Elem::Bool, bytes(file, |v: bool| [u8::from(v)])?),
        (TypeChar::Int, 1) => (Elem::Int8, bytes(file, i8::to_le_bytes)?),
        (TypeChar::Int, 2) => (Elem::Int16, bytes(file, i16::to_le_bytes)?),
        (TypeChar::Int, 4) => (Elem::Int32, bytes(file, i32::to_le_bytes)?),
        (TypeChar::Int, 8) => (Elem::Int64, bytes(file, i64::to_le_bytes)?),
        (TypeChar::Uint, 1) => (Elem::Uint8, bytes(file, u8::to_le_bytes)?),
        (TypeChar::Uint, 2) => (Elem::Uint16, bytes(file, u16::to_le_bytes)?),
        (TypeChar::Uint, 4) => (Elem::Uint32, bytes(file, u32::to_le_bytes)?),
        (TypeChar::Uint, 8) => (Elem::Uint64, bytes(file, u64::to_le_bytes)?),
        _ => return Err(file.refusal()),
    };
    Tensor::new(elem, shape, bytes).map_err(|e| e.to_string())
}

fn encode(writer: &mut Vec<u8>, tensor: &Tensor) -> io::Result<()> {
    let shape: Vec<u64> = tensor.shape().iter().map(|&d| d as u64).collect();
    fn put<T: npyz::AutoSerialize + Copy, const N: usize>(
        writer: &mut impl Write,
        shape: &[u64],
        tensor: &Tensor,
        from: impl Fn([u8; N]) -> T,
    ) -> io::Result<()> {
        let values: Vec<T> = tensor.bytes().as_chunks::<N>().0.iter().map(|b| from(*b)).collect();
        npy::put(writer, shape, &values)
    }
    match tensor.elem() {
        Elem::Float16 => put(writer, &shape, tensor, f16::from_le_bytes),
        Elem::Float => put(writer, &shape, tensor, f32::from_le_bytes),
        Elem::Double => put(writer, &shape, tensor, f64::from_le_bytes),
        Elem::Bool => put(writer, &shape, tensor, |[b]: [u8; 1]| b != 0),
        Elem::Int8 => put(writer, &shape, tensor, i8::from_le_bytes),
        Elem::Int16 => put(writer, &shape, tensor, i16::from_le_bytes),
        Elem::Int32 => put(writer, &shape, tensor, i32::from_le_bytes),
        Elem::Int64 => put(writer, &shape, tensor, i64::from_le_bytes),
        Elem::Uint8 => put(writer, &shape, tensor, u8::from_le_bytes),
        Elem::Uint16 => put(writer, &shape, tensor, u16::from_le_bytes),
        Elem::Uint32 => put(writer, &shape, tensor, u32::from_le_bytes),
        Elem::Uint64 => put(writer, &shape, tensor, u64::from_le_bytes),
        wide => {
            // The rest has no type in NumPy: what holds every value exactly.
            let to = match wide {
                Elem::Int4 => Elem::Int8,
                Elem::Uint4 => Elem::Uint8,
                _ => Elem::Float,
            };
            let widened = tensor.converted(to).map_err(io::Error::other)?;
            if widened.elem() == wide { Err(io::Error::other(format!("elements of type {wide}"))) } else { encode(writer, &widened) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_types_survive_a_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.npz");
        let elems = [
            (Elem::Float, 4),
            (Elem::Double, 8),
            (Elem::Float16, 2),
            (Elem::Int64, 8),
            (Elem::Int32, 4),
            (Elem::Int16, 2),
            (Elem::Int8, 1),
            (Elem::Uint64, 8),
            (Elem::Uint32, 4),
            (Elem::Uint16, 2),
            (Elem::Uint8, 1),
        ];
        let bytes = |width: usize| (0..6 * width).map(|i| (i * 11 % 50) as u8).collect::<Vec<u8>>();
        let mut tensors: Vec<Tensor> = elems.map(|(elem, width)| Tensor::new(elem, [2, 3], bytes(width)).unwrap()).into();
        tensors.push(Tensor::new(Elem::Bool, [3], vec![1, 0, 1]).unwrap());
        tensors.push(Tensor::from_ints([], &[i64::MIN]).unwrap());
        tensors.push(Tensor::from_ints([0, 2], &[]).unwrap());
        let names: Vec<String> = (0..tensors.len()).map(|i| format!("a/{i}")).collect();
        write_npz(&path, names.iter().map(String::as_str).zip(&tensors)).unwrap();
        let back = read_npz(&path).unwrap();
        assert_eq!(back, names.into_iter().zip(tensors).collect::<Vec<_>>());
    }

    #[test]
    fn what_numpy_lacks_is_widened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.npz");
        let nibbles = Tensor::new(Elem::Int4, [3], vec![0xF1, 0x07]).unwrap();
        let brain = Tensor::new(Elem::Bfloat16, [1], vec![0xC0, 0x3F]).unwrap();
        write_npz(&path, [("n", &nibbles), ("b", &brain)]).unwrap();
        let back = read_npz(&path).unwrap();
        assert_eq!((back[0].1.elem(), back[0].1.ints().unwrap()), (Elem::Int8, vec![1, -1, 7]));
        assert_eq!((back[1].1.elem(), back[1].1.floats().unwrap()), (Elem::Float, vec![1.5]));
    }
}
