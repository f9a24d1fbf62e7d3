//! Random tensors that are the same on every machine.

use super::elem::Elem;
use super::tensor::Tensor;
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::nn::init::Draws;

/// The most elements of a random tensor: a file's numbers ask for it, so somebody must say stop.
const MOST: usize = 1 << 28;

impl Tensor {
    /// Random elements that depend on `seed`, `name` and their place alone: floats roughly normal with mean 0 and deviation 1 (sums of
    /// twelve uniform numbers), integers of 0 to 7, truth values. [`Draws`] says how they are made.
    ///
    /// # Errors
    /// If the shape has more than 2^28 elements, or the engine does not compute with the type.
    pub fn random(elem: Elem, shape: &[usize], name: &str, seed: u64) -> Result<Self> {
        let held = elem.held().ok_or_else(|| Error::unsupported("random", format!("elements of type {elem}")))?;
        let count = TensorType::new(held, shape).checked_elements()?;
        if count > MOST {
            return Err(Error::shape("random", format!("{elem}{shape:?} of '{name}' has more than 2^28 elements: give it as a file")));
        }
        let draws = Draws::new(seed, name);
        let array = match held {
            DType::F32 | DType::F16 | DType::F64 => Array::from_fn(shape, |i| draws.normal(i)),
            DType::I32 => Array::from_fn(shape, |i| (draws.bits(i) >> 61) as i32),
            DType::U32 => Array::from_fn(shape, |i| (draws.bits(i) >> 61) as u32),
            DType::Bool => Array::from_fn(shape, |i| draws.bits(i) >> 63 == 1),
        };
        Self::from_array(elem, &array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_normal_and_the_same_everywhere() {
        let tensor = Tensor::random(Elem::Float, &[100, 100], "x", 1).unwrap();
        let values = tensor.floats().unwrap();
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert_eq!(values[..3], FIRST);
        assert_ne!(tensor, Tensor::random(Elem::Float, &[100, 100], "x", 2).unwrap());
        assert_ne!(tensor, Tensor::random(Elem::Float, &[100, 100], "y", 1).unwrap());
    }

    /// Computed by the definition in Python.
    const FIRST: [f64; 3] = [-0.6571807861328125, 2.3159027099609375, -0.450408935546875];

    #[test]
    fn every_type_has_its_numbers() {
        for elem in [Elem::Int64, Elem::Uint8, Elem::Int4, Elem::Int32] {
            let values = Tensor::random(elem, &[1000], "x", 3).unwrap().ints().unwrap();
            assert!((0..8).all(|v| values.contains(&v)) && values.iter().all(|v| (0..8).contains(v)), "{elem}");
        }
        let bools = Tensor::random(Elem::Bool, &[100], "x", 3).unwrap();
        assert!(bools.bytes().contains(&0) && bools.bytes().contains(&1));
        assert_eq!(Tensor::random(Elem::Float16, &[7], "x", 3).unwrap().elem(), Elem::Float16);
        assert!(Tensor::random(Elem::Float, &[1 << 20, 1 << 10], "x", 3).unwrap_err().to_string().contains("more than 2^28"));
        assert!(Tensor::random(Elem::String, &[1], "x", 3).is_err());
    }
}
