//! Array elements as the bytes of a GPU buffer, and back.

use crate::array::{Array, DType, Data, TensorType, f16};
use crate::error::Result;
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

/// The array of type `ty` whose buffer of `held` begins with `bytes`.
pub(crate) fn from_bytes(ty: &TensorType, held: DType, bytes: &[u8]) -> Result<Array> {
    let n = ty.elements();
    let size = usize::try_from(held.device_bytes()).unwrap_or(4);
    let bytes = &bytes[..n * size];
    let data = match ty.dtype {
        DType::F32 if held == DType::F16 => Data::F32(bytemuck::pod_collect_to_vec::<u8, f16>(bytes).to_f32_vec()),
        DType::F32 => Data::F32(bytemuck::pod_collect_to_vec(bytes)),
        DType::F64 => Data::F64(bytemuck::pod_collect_to_vec(bytes)),
        DType::I32 => Data::I32(bytemuck::pod_collect_to_vec(bytes)),
        DType::U32 => Data::U32(bytemuck::pod_collect_to_vec(bytes)),
        DType::F16 => Data::F16(bytemuck::pod_collect_to_vec::<u8, f16>(bytes)),
        DType::Bool => Data::Bool(bytes.chunks_exact(4).map(|word| word.iter().any(|&b| b != 0)).collect()),
    };
    Array::from_data(ty.shape.clone(), data)
}
