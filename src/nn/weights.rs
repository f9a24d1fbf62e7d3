//! Named weights from safetensors files, and to them.

use super::optimiser::Parameter;
use crate::array::{Array, DType, Data, TensorType, f16, file};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use safetensors::tensor::{TensorView, View};
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// Tensors by name, ready to become parameters of a graph.
///
/// f16, bf16 and f64 files give f32 tensors: operators compute in f32. int64 becomes i32 where every value fits.
#[derive(Clone, Debug)]
pub struct Weights {
    source: String,
    tensors: BTreeMap<String, Arc<Array>>,
    metadata: BTreeMap<String, String>,
    /// Whether graphs hold them as states.
    states: bool,
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
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| Error::model(source, format!("not a safetensors file: {e}")))?;
        let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Self { source: source.to_owned(), tensors, metadata, states: false })
    }

    /// Weights made elsewhere.
    pub fn from_arrays(source: &str, arrays: impl IntoIterator<Item = (String, Array)>) -> Self {
        let tensors = arrays.into_iter().map(|(name, a)| (name, Arc::new(a))).collect();
        Self { source: source.to_owned(), tensors, metadata: BTreeMap::new(), states: false }
    }

    /// Writes a `.safetensors` file, through a temporary one beside it: tensors with the dtypes that they have here, and the metadata.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Model`] if the format has no place for something.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let tensors = self.tensors.iter().map(|(name, array)| (name, Stored(array)));
        let metadata = self.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        file::replace_at(path, |temporary| match safetensors::serialize_to_file(tensors, Some(metadata), temporary) {
            Err(SafeTensorError::IoError(e)) => Err(Error::io(path, e)),
            Err(e) => Err(Error::model(path.display().to_string(), e.to_string())),
            Ok(()) => Ok(()),
        })
    }

    /// What stands for these weights in errors: the file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the file says beside its tensors: `__metadata__`, strings by name.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The same with `value` under `key` in the metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    /// These and `other`'s tensors and metadata, as one.
    ///
    /// # Errors
    /// [`Error::Model`] if both have a tensor of the same name, or say different things under the same key.
    pub fn joined(mut self, other: Self) -> Result<Self> {
        let twice = |what: &str| Error::model(other.source.clone(), format!("has {what}, which {} has too", self.source));
        if let Some(name) = other.names().find(|name| self.contains(name)) {
            return Err(twice(&format!("a tensor '{name}'")));
        }
        if let Some((key, _)) = other.metadata.iter().find(|(key, value)| self.metadata.get(*key).is_some_and(|own| own != *value)) {
            return Err(twice(&format!("another '{key}' in its metadata")));
        }
        self.tensors.extend(other.tensors);
        self.metadata.extend(other.metadata);
        Ok(self)
    }

    /// The sizes of the tensor called `name`, if it has N dimensions.
    ///
    /// # Errors
    /// As [`Weights::get`]; [`Error::Model`] with its type if it has more or fewer.
    pub fn sizes<const N: usize>(&self, name: &str) -> Result<[usize; N]> {
        let array = self.get(name)?;
        let wrong = |_| Error::model(self.source.clone(), format!("'{name}' is {}, the network's has {N} dimensions", array.ty()));
        <[usize; N]>::try_from(array.shape()).map_err(wrong)
    }

    /// Whether `key` is true in the metadata, as Python, JSON or C would write it; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Model`] if it is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.metadata.get(key).map(|value| (value.to_lowercase(), value)) {
            None => Ok(None),
            Some((text, _)) if matches!(&*text, "true" | "1") => Ok(Some(true)),
            Some((text, _)) if matches!(&*text, "false" | "0") => Ok(Some(false)),
            Some((_, value)) => Err(Error::model(self.source.clone(), format!("says {key} is '{value}', it must be true or false"))),
        }
    }

    /// The number that the metadata have under `key`; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Model`] if it is something else.
    pub fn number<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>> {
        self.metadata.get(key).map(|text| self.parsed(key, text.trim())).transpose()
    }

    /// The numbers, apart by spaces, that the metadata have under `key`; `None` if it is not there.
    ///
    /// # Errors
    /// [`Error::Model`] if one is something else.
    pub fn numbers<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<Vec<T>>> {
        self.metadata.get(key).map(|text| text.split_whitespace().map(|number| self.parsed(key, number)).collect()).transpose()
    }

    fn parsed<T: FromStr<Err: Display>>(&self, key: &str, text: &str) -> Result<T> {
        text.parse().map_err(|e| Error::model(self.source.clone(), format!("its '{key}' is '{text}': {e}")))
    }

    /// Whether there is a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// These weights with other tensors in the place of some, or beside them; the rest is shared, the metadata stay. `source` stands for all in errors.
    #[must_use]
    pub fn replaced(&self, source: &str, arrays: impl IntoIterator<Item = (String, Array)>) -> Self {
        let mut tensors = self.tensors.clone();
        tensors.extend(arrays.into_iter().map(|(name, a)| (name, Arc::new(a))));
        Self { source: source.to_owned(), tensors, metadata: self.metadata.clone(), states: self.states }
    }

    /// These, and those of `other`'s tensors whose names they have not.
    #[must_use]
    pub fn completed(mut self, other: &Self) -> Self {
        for (name, array) in &other.tensors {
            self.tensors.entry(name.clone()).or_insert_with(|| Arc::clone(array));
        }
        self
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

    /// The same, but graphs hold them as states, which training changes: [`Weights::var`] gives the state called after the tensor.
    #[must_use]
    pub fn as_states(self) -> Self {
        Self { states: true, ..self }
    }

    /// The tensor called `name` as a parameter of `graph`, or as its state of that name after [`Weights::as_states`]: then the same one
    /// at every call.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn var(&self, graph: &Graph, name: &str) -> Result<Var> {
        let array = Arc::clone(self.get(name)?);
        match graph.find_state(name).filter(|state| self.states && *state.ty() == array.ty()) {
            Some(state) => Ok(state),
            None if self.states => graph.state(name, array),
            None => graph.parameter(array),
        }
    }

    /// Those that `graph` holds as f32 states, by name: what training changes.
    pub fn states(&self, graph: &Graph) -> Vec<Parameter> {
        let found = |name: &str| graph.find_state(name).filter(|state| state.dtype() == DType::F32);
        self.names().filter_map(|name| Some(Parameter { var: found(name)?, name: name.to_owned(), rate: 1.0, decay: 1.0 })).collect()
    }
}

/// An array on its way into a file.
struct Stored<'a>(&'a Array);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.data() {
            Data::F32(_) => Dtype::F32,
            Data::F16(_) => Dtype::F16,
            Data::F64(_) => Dtype::F64,
            Data::I32(_) => Dtype::I32,
            Data::U32(_) => Dtype::U32,
            Data::Bool(_) => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        fn bytes<const N: usize, T: Copy>(values: &[T], f: impl Fn(T) -> [u8; N]) -> Vec<u8> {
            values.iter().flat_map(|value| f(*value)).collect()
        }
        Cow::Owned(match self.0.data() {
            Data::F32(v) => bytes(v, f32::to_le_bytes),
            Data::F16(v) => bytes(v, f16::to_le_bytes),
            Data::F64(v) => bytes(v, f64::to_le_bytes),
            Data::I32(v) => bytes(v, i32::to_le_bytes),
            Data::U32(v) => bytes(v, u32::to_le_bytes),
            Data::Bool(v) => bytes(v, |truth| [u8::from(truth)]),
        })
    }

    fn data_len(&self) -> usize {
        let size = match self.0.data() {
            Data::F64(_) => 8,
            Data::F32(_) | Data::I32(_) | Data::U32(_) => 4,
            Data::F16(_) => 2,
            Data::Bool(_) => 1,
        };
        self.0.len() * size
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

    #[test]
    fn what_is_saved_is_read_again() {
        let arrays = [
            ("a.weight", Array::new([2, 2], vec![1.0f32, -0.0, f32::MIN_POSITIVE, 1e30]).unwrap()),
            ("b", Array::new([3], vec![i32::MIN, 0, 7]).unwrap()),
            ("c", Array::scalar(0.25f32)),
            ("d", Array::new([2], vec![true, false]).unwrap()),
            ("e", Array::new([1], vec![u32::MAX]).unwrap()),
            ("half", Array::from_data([1], Data::F16(vec![f16::from_f32(0.5)])).unwrap()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        std::fs::write(&path, "what was there before").unwrap();
        let weights = Weights::from_arrays("made", arrays.iter().map(|(name, array)| ((*name).to_owned(), array.clone())));
        weights.with_metadata("vocabulary", r#"["<eos>", "ü"]"#).with_metadata("selector", "True").save(&path).unwrap();
        let read = Weights::open(&path).unwrap();
        assert_eq!(read.names().collect::<Vec<_>>(), arrays.each_ref().map(|(name, _)| *name));
        for (name, array) in &arrays[..5] {
            assert_eq!(**read.get(name).unwrap(), *array, "{name}");
        }
        assert_eq!(**read.get("half").unwrap(), Array::new([1], vec![0.5f32]).unwrap(), "f16 is widened when it is read");
        assert_eq!(read.metadata().len(), 2);
        assert_eq!((read.flag("selector").unwrap(), read.flag("other").unwrap()), (Some(true), None));
        assert!(read.flag("vocabulary").unwrap_err().to_string().contains("must be true or false"));
        assert_eq!(read.sizes("a.weight").unwrap(), [2, 2]);
        let error = read.sizes::<2>("b").unwrap_err().to_string();
        assert!(error.contains("'b' is i32[3]") && error.contains("2 dimensions"), "{error}");
        assert_eq!((&*read.metadata()["vocabulary"], &*read.metadata()["selector"]), (r#"["<eos>", "ü"]"#, "True"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
        // Where nothing can be written, nothing changes.
        let error = read.save(folder.path().join("nowhere/net.safetensors")).unwrap_err().to_string();
        assert!(error.contains("nowhere") && error.contains("No such file"), "{error}");
    }

    #[test]
    fn weights_are_joined_unless_a_name_stands_in_both() {
        let of = |source: &str, name: &str| Weights::from_arrays(source, [(name.to_owned(), Array::scalar(1.0f32))]);
        let both = of("one", "a").joined(of("two", "b").with_metadata("by", "me")).unwrap();
        assert_eq!(both.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(both.metadata()["by"], "me");
        let error = both.joined(of("three", "b")).unwrap_err().to_string();
        assert!(error.contains("three: has a tensor 'b'") && error.contains("one"), "{error}");
        let error = of("one", "a").with_metadata("by", "me").joined(of("two", "b").with_metadata("by", "you")).unwrap_err().to_string();
        assert!(error.contains("another 'by'"), "{error}");
    }
}
