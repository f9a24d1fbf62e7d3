//! What is learnt from: examples by number.

use super::frame::Part;
use crate::array::{Array, Data, Hw, TensorType};
use crate::error::{Error, Result};

/// Examples that a [`Loader`](super::Loader) makes batches of, on several threads at once.
pub trait Dataset: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name and type of each of an example's tensors.
    fn tensors(&self) -> Vec<(String, TensorType)>;

    /// The tensors of example `index`, less than [`Dataset::len`], as it looks on visit `visit`: the epoch in training, so that what distorts it
    /// may differ from epoch to epoch, and 0 in evaluation.
    ///
    /// # Errors
    /// If it cannot be read.
    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>>;

    /// The same of which another part of its picture is seen: that which `part` finds in the picture's own height and width, resized to the
    /// example's size, with its full detail. `None`, as by default, where there is no picture beside the examples.
    ///
    /// # Errors
    /// If it cannot be read, or there is no such part.
    fn cropped(&self, index: usize, visit: u64, part: &dyn Fn(Hw) -> Part) -> Result<Option<Vec<Array>>> {
        let _ = (index, visit, part);
        Ok(None)
    }
}

/// Arrays whose first dimension counts examples.
#[derive(Clone, Debug)]
pub struct Arrays {
    arrays: Vec<(String, Array)>,
    len: usize,
}

impl Arrays {
    /// Of these arrays, by name: those of an `.npz` file, or of two IDX files.
    ///
    /// # Errors
    /// If there are none, or their first dimensions differ.
    pub fn new(arrays: Vec<(String, Array)>) -> Result<Self> {
        let len = match arrays.first().map(|(_, a)| a.shape().first()) {
            Some(Some(&len)) => len,
            _ => return Err(Error::shape("arrays", "no array has a first dimension, which counts examples")),
        };
        if let Some((name, array)) = arrays.iter().find(|(_, a)| a.shape().first() != Some(&len)) {
            return Err(Error::shape("arrays", format!("'{name}' is {}, '{}' has {len} examples", array.ty(), arrays[0].0)));
        }
        Ok(Self { arrays, len })
    }
}

impl Dataset for Arrays {
    fn len(&self) -> usize {
        self.len
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        self.arrays.iter().map(|(name, a)| (name.clone(), TensorType::new(a.dtype(), &a.shape()[1..]))).collect()
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        self.arrays.iter().map(|(_, array)| rows(array, index..index + 1)?.reshaped(&array.shape()[1..])).collect()
    }
}

/// Some of an array's rows.
pub(super) fn rows(array: &Array, range: std::ops::Range<usize>) -> Result<Array> {
    let row: usize = array.shape()[1..].iter().product();
    let span = range.start * row..range.end * row;
    let outside = || Error::shape("rows", format!("rows {range:?} of {}", array.ty()));
    macro_rules! part {
        ($($kind:ident)*) => {
            match array.data() { $(Data::$kind(v) => Data::$kind(v.get(span).ok_or_else(outside)?.to_vec()),)* }
        };
    }
    let data = part!(F32 F16 F64 I32 U32 Bool);
    Array::from_data([&[range.len()], &array.shape()[1..]].concat(), data)
}

/// Arrays of one type, one after the other along a new first dimension.
pub(super) fn stacked(arrays: &[&Array]) -> Result<Array> {
    let Some(first) = arrays.first() else { return Err(Error::shape("stacked", "no arrays")) };
    if let Some(other) = arrays.iter().find(|a| a.ty() != first.ty()) {
        return Err(Error::shape("stacked", format!("examples are {} and {}", first.ty(), other.ty())));
    }
    macro_rules! joined {
        ($($kind:ident)*) => {
            match first.data() {
                $(Data::$kind(_) => Data::$kind(arrays.iter().flat_map(|a| match a.data() { Data::$kind(v) => v.as_slice(), _ => &[] }).copied().collect()),)*
            }
        };
    }
    let data = joined!(F32 F16 F64 I32 U32 Bool);
    Array::from_data([&[arrays.len()], first.shape()].concat(), data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_examples() {
        let images = Array::from_fn([3, 2, 2], |i| i as f32);
        let labels = Array::from_fn([3], |i| i as i32);
        let data = Arrays::new(vec![("image".into(), images.clone()), ("label".into(), labels)]).unwrap();
        assert_eq!(data.tensors()[1], ("label".to_owned(), TensorType::new(crate::array::DType::I32, [])));
        let all: Vec<Vec<Array>> = (0..3).map(|i| data.example(i, 0).unwrap()).collect();
        assert_eq!(all[2][0].to_f64(), [8.0, 9.0, 10.0, 11.0]);
        assert_eq!(stacked(&[&all[0][0], &all[1][0], &all[2][0]]).unwrap(), images);
        let short = Arrays::new(vec![("image".into(), images), ("label".into(), Array::full([2], 1i32))]);
        assert!(short.unwrap_err().to_string().contains("'label' is i32[2], 'image' has 3 examples"));
    }
}
