//! Arrays that a formula fills: the identity, and numbers at equal distances.

use super::{Array, DType, Data, TensorType, f16};
use crate::error::{Error, Result};

impl Array {
    /// Ones on diagonal `k`, zeros elsewhere; 0 is the main diagonal, positive ones are above it. ONNX: `EyeLike`.
    ///
    /// # Errors
    /// If there would be more than 2^32 - 1 elements.
    pub fn eye(dtype: DType, rows: usize, columns: usize, k: i64) -> Result<Self> {
        let count = TensorType::new(dtype, [rows, columns]).checked_elements()?;
        let one = |i: usize| (i % columns) as i64 - (i / columns) as i64 == k;
        let data = match dtype {
            DType::F32 => Data::F32((0..count).map(|i| f32::from(u8::from(one(i)))).collect()),
            DType::F16 => Data::F16((0..count).map(|i| if one(i) { f16::ONE } else { f16::ZERO }).collect()),
            DType::F64 => Data::F64((0..count).map(|i| f64::from(u8::from(one(i)))).collect()),
            DType::I32 => Data::I32((0..count).map(|i| i32::from(one(i))).collect()),
            DType::U32 => Data::U32((0..count).map(|i| u32::from(one(i))).collect()),
            DType::Bool => Data::Bool((0..count).map(one).collect()),
        };
        Self::from_data([rows, columns], data)
    }

    /// `start + i * delta` for each i as long as that lies before `limit`; none may. Integers saturate. ONNX: Range.
    /// PyTorch: `arange`.
    ///
    /// # Errors
    /// If delta is 0, a number is not finite, there are more than 2^32 - 1 elements, or the dtype is bool.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "checked or saturating")]
    pub fn range(dtype: DType, start: f64, limit: f64, delta: f64) -> Result<Self> {
        let count = ((limit - start) / delta).ceil().max(0.0);
        if delta == 0.0 || [start, limit, delta].iter().any(|x| !x.is_finite()) || count > f64::from(u32::MAX) {
            return Err(Error::shape("range", format!("from {start} to {limit} by {delta} are not up to 2^32 - 1 numbers")));
        }
        let count = count as usize;
        let numbers = (0..count).map(|i| (i as f64).mul_add(delta, start));
        let data = match dtype {
            DType::F32 => Data::F32(numbers.map(|x| x as f32).collect()),
            DType::F16 => Data::F16(numbers.map(f16::from_f64).collect()),
            DType::F64 => Data::F64(numbers.collect()),
            DType::I32 => Data::I32(numbers.map(|x| x as i32).collect()),
            DType::U32 => Data::U32(numbers.map(|x| x as u32).collect()),
            DType::Bool => return Err(Error::unsupported("range", "of bool; cast it later")),
        };
        Self::from_data([count], data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eye_and_range_are_onnx_s() {
        assert_eq!(Array::eye(DType::I32, 2, 3, 1).unwrap(), Array::new([2, 3], vec![0, 1, 0, 0, 0, 1]).unwrap());
        assert_eq!(Array::eye(DType::Bool, 3, 1, -2).unwrap(), Array::new([3, 1], vec![false, false, true]).unwrap());
        assert_eq!(Array::eye(DType::F32, 2, 2, i64::MIN).unwrap(), Array::full([2, 2], 0.0f32));
        assert_eq!(Array::range(DType::F32, 1.0, 5.0, 2.0).unwrap(), Array::new([2], vec![1.0f32, 3.0]).unwrap());
        assert_eq!(Array::range(DType::I32, 10.0, 6.0, -3.0).unwrap(), Array::new([2], vec![10, 7]).unwrap());
        assert!(Array::range(DType::I32, 1.0, 1.0, 2.0).unwrap().is_empty());
        for (start, limit, delta) in [(0.0, 1.0, 0.0), (0.0, f64::INFINITY, 1.0), (f64::NAN, 1.0, 1.0), (0.0, 1e300, 1e-300)] {
            assert!(Array::range(DType::F32, start, limit, delta).is_err());
        }
        assert!(Array::eye(DType::F32, usize::MAX, 2, 0).is_err());
    }
}
