//! Array elements as the bytes of a GPU buffer, and back.

use crate::array::{Array, DType, Data, TensorType, f16};
use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use std::borrow::Cow;

/// The bytes of `array` in a buffer of `held`, which is its dtype, or f16 for f32: bool as `u32`, an odd number of f16 filled up to a whole
/// word. Beyond what f16 reaches is infinity.
pub(crate) fn to_bytes(array: &Array, held: DType) -> Cow<'_, [u8]> {
    match array.data() {
        Data::F32(v) if held == DType::F16 => {
            let mut halves = vec![f16::ZERO; v.len().next_multiple_of(2)];
            halves[..v.len()].convert_from_f32_slice(v);
            Cow::Owned(bytemuck::pod_collect_to_vec(&halves))
        }
        Data::F32(v) => Cow::Borrowed(bytemuck::cast_slice(v)),
        Data::F64(v) => Cow::Borrowed(bytemuck::cast_slice(v)),
        Data::I32(v) => Cow::Borrowed(bytemuck::cast_slice(v)),
        Data::U32(v) => Cow::Borrowed(bytemuck::cast_slice(v)),
        Data::F16(v) if v.len() % 2 == 0 => Cow::Borrowed(bytemuck::cast_slice(v)),
        Data::F16(v) => Cow::Owned([bytemuck::cast_slice(v), &[0, 0]].concat()),
        Data::Bool(v) => Cow::Owned(v.iter().flat_map(|&b| u32::from(b).to_ne_bytes()).collect()),
    }
}

/// Makes `array` one of type `ty`, to be read into. The memory of as many elements of that dtype is used again: pages that the system has
/// yet to find cost several times as much as copying into them.
pub(crate) fn prepare(array: &mut Array, ty: &TensorType) {
    match ty.dtype {
        DType::F32 => array.prepare::<f32>(&ty.shape),
        DType::F16 => array.prepare::<f16>(&ty.shape),
        DType::F64 => array.prepare::<f64>(&ty.shape),
        DType::I32 => array.prepare::<i32>(&ty.shape),
        DType::U32 => array.prepare::<u32>(&ty.shape),
        DType::Bool => array.prepare::<bool>(&ty.shape),
    }
}

/// Sets the elements of `array` that begin `from` bytes from the start of its buffer of `held`, where `bytes` lie: whole words.
pub(crate) fn read(array: &mut Array, held: DType, from: usize, bytes: &[u8]) {
    match array.data_mut() {
        Data::F32(v) if held == DType::F16 => {
            let halves = bytemuck::pod_collect_to_vec::<u8, f16>(bytes);
            let values = &mut v[from / 2..];
            let n = values.len().min(halves.len()); // the last word may have one too many
            halves[..n].convert_to_f32_slice(&mut values[..n]);
        }
        Data::F32(v) => copy(v, from, bytes),
        Data::F16(v) => copy(v, from, bytes),
        Data::F64(v) => copy(v, from, bytes),
        Data::I32(v) => copy(v, from, bytes),
        Data::U32(v) => copy(v, from, bytes),
        Data::Bool(v) => {
            let words = bytes.chunks_exact(4).map(|word| word.iter().any(|&b| b != 0));
            v[from / 4..].iter_mut().zip(words).for_each(|(value, word)| *value = word);
        }
    }
}

fn copy<T: Pod>(values: &mut [T], from: usize, bytes: &[u8]) {
    let values: &mut [u8] = &mut bytemuck::cast_slice_mut(values)[from..];
    let n = values.len().min(bytes.len()); // as above
    values[..n].copy_from_slice(&bytes[..n]);
}

#[cfg(test)]
mod tests {
    use super::{prepare, read, to_bytes};
    use crate::array::{Array, DType, f16};

    /// Word by word, as if every word came in another piece.
    #[test]
    fn what_f16_holds_is_read_in_parts() {
        let there = Array::from_fn([5], |i| i as f32 - 1.5);
        let halves = Array::from_fn([5], |i| f16::from_f32(i as f32 - 1.5));
        for (wanted, held) in [(&there, DType::F16), (&halves, DType::F16), (&there, DType::F32)] {
            let mut found = Array::default();
            prepare(&mut found, &wanted.ty());
            for (word, number) in to_bytes(wanted, held).chunks(4).zip(0..) {
                read(&mut found, held, 4 * number, word);
            }
            assert_eq!(found, *wanted);
        }
    }
}
