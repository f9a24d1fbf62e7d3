//! Named weights from safetensors files.

use crate::array::{Array, Data, TensorType, f16};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Tensors by name, ready to become parameters of a graph.
///
/// f16, bf16 and f64 files give f32 tensors: operators compute in f32. int64 becomes i32 where every value fits.
#[derive(Clone, Debug)]
pub struct Weights {
    source: String,
    tensors: BTreeMap<String, Arc<Array>>,
}

impl Weights {
    /// Reads a `.safetensors` file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        Self::from_bytes(&bytes, &path.display().to_string())
    }

    /// Reads the bytes of a `.safetensors` file; `source` stands for it in errors.
    ///
    /// # Errors
    /// [`Error::Model`] if they are something else.
    pub fn from_bytes(bytes: &[u8], source: &str) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| Error::model(source, format!("not a safetensors file: {e}")))?;
        let tensors = file
            .iter()
            .map(|(name, view)| {
                let array = decode(&view).map_err(|reason| Error::model(source, format!("'{name}': {reason}")))?;
                Ok((name.to_owned(), Arc::new(array)))
            })
            .collect::<Result<_>>()?;
        Ok(Self { source: source.to_owned(), tensors })
    }

    /// Weights made elsewhere.
    pub fn from_arrays(source: &str, arrays: impl IntoIterator<Item = (String, Array)>) -> Self {
        Self { source: source.to_owned(), tensors: arrays.into_iter().map(|(name, a)| (name, Arc::new(a))).collect() }
    }

    /// These weights with other tensors in the place of some, or beside them; the rest is shared. `source` stands for all in errors.
    #[must_use]
    pub fn replaced(&self, source: &str, arrays: impl IntoIterator<Item = (String, Array)>) -> Self {
        let mut tensors = self.tensors.clone();
        tensors.extend(arrays.into_iter().map(|(name, a)| (name, Arc::new(a))));
        Self { source: source.to_owned(), tensors }
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The number of values in all tensors.
    pub fn parameters(&self) -> usize {
        self.tensors.values().map(|a| a.len()).sum()
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// [`Error::Model`] if there is none, with names that begin alike.
    pub fn get(&self, name: &str) -> Result<&Arc<Array>> {
        self.tensors.get(name).ok_or_else(|| {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let near: Vec<&str> = self.names().filter(|n| n.starts_with(stem)).take(8).collect();
            let hint = if near.is_empty() { format!("it has {} others", self.tensors.len()) } else { format!("it has {near:?}") };
            Error::model(self.source.clone(), format!("has no tensor '{name}'; {hint}"))
        })
    }

    /// The tensor called `name`, if it is f32 and of this shape.
    ///
    /// # Errors
    /// As [`Weights::get`]; [`Error::Model`] with both types if it is something else.
    pub fn shaped(&self, name: &str, shape: &[usize]) -> Result<&Arc<Array>> {
        let (array, wanted) = (self.get(name)?, TensorType::f32(shape));
        if array.ty() == wanted {
            return Ok(array);
        }
        Err(Error::model(self.source.clone(), format!("'{name}' is {}, the network's is {wanted}", array.ty())))
    }

    /// The tensor called `name` as a parameter of `graph`.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn var(&self, graph: &Graph, name: &str) -> Result<Var> {
        graph.parameter(Arc::clone(self.get(name)?))
    }
}

fn decode(view: &TensorView<'_>) -> Result<Array, String> {
    fn each<const N: usize, T>(bytes: &[u8], f: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|b| f(*b)).collect()
    }
    let bytes = view.data();
    #[expect(clippy::cast_possible_truncation, reason = "f64 is narrowed, as documented")]
    let data = match view.dtype() {
        Dtype::F32 => Data::F32(each(bytes, f32::from_le_bytes)),
        Dtype::F16 => Data::F32(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Data::F32(each(bytes, |b| half::bf16::from_le_bytes(b).to_f32())),
        Dtype::F64 => Data::F32(each(bytes, |b| f64::from_le_bytes(b) as f32)),
        Dtype::I32 => Data::I32(each(bytes, i32::from_le_bytes)),
        Dtype::U32 => Data::U32(each(bytes, u32::from_le_bytes)),
        Dtype::BOOL => Data::Bool(each(bytes, |[b]: [u8; 1]| b != 0)),
        Dtype::I64 => {
            let narrow = |v: i64| i32::try_from(v).map_err(|_| format!("{v} does not fit int32"));
            Data::I32(each(bytes, i64::from_le_bytes).into_iter().map(narrow).collect::<Result<_, _>>()?)
        }
        other => return Err(format!("elements of type {other:?} are not supported")),
    };
    Array::from_data(view.shape(), data).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_is_widened_and_a_missing_name_says_what_there_is() {
        let ones: Vec<u8> = [1.0f32, -0.5].iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F16, vec![2], &ones).unwrap();
        let bytes = safetensors::serialize([("conv.weight", view)], None).unwrap();
        let weights = Weights::from_bytes(&bytes, "net.safetensors").unwrap();
        assert_eq!(weights.get("conv.weight").unwrap().values::<f32>().unwrap(), [1.0, -0.5]);
        let error = weights.get("conv.bias").unwrap_err().to_string();
        assert!(error.contains("net.safetensors") && error.contains("'conv.bias'") && error.contains("conv.weight"), "{error}");
        assert!(Weights::from_bytes(&bytes[..20], "cut").unwrap_err().to_string().contains("not a safetensors file"));
    }
}
