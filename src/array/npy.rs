//! NumPy's files: `.npy` holds one array, `.npz` several by name.
//!
//! Read: float16/32/64, integers of 8 to 64 bits, bool; row- or column-major, either byte order. What has no dtype of its own
//! here is widened or narrowed: float64 to f32, 64-bit integers to 32 if every value fits. Written: f32, f16, f64, i32, u32, bool.

use super::file::replace;
use super::{Array, Data};
use crate::error::{Error, Result};
use npyz::{DType as NpyType, NpyFile, NpyHeader, Order, TypeChar, WriterBuilder};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Reads a `.npy` file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Model`] if it holds something else.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array> {
    read_with(path.as_ref(), decode)
}

/// Reads every array of a `.npz` file, in the file's order.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Model`] if it holds something else.
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>> {
    read_each(path.as_ref(), decode)
}

/// Writes a `.npy` file, through a temporary one.
///
/// # Errors
/// [`Error::Io`].
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    replace(path.as_ref(), |file| encode(file, array))
}

/// Writes a `.npz` file of named arrays, through a temporary one.
///
/// # Errors
/// [`Error::Io`].
pub fn write_npz<'a>(path: impl AsRef<Path>, arrays: impl IntoIterator<Item = (&'a str, &'a Array)>) -> Result<()> {
    write_each(path.as_ref(), arrays, encode)
}

/// Reads a file with `decode`.
pub(crate) fn read_with<T>(path: &Path, decode: impl Fn(&mut dyn Read) -> Result<T, String>) -> Result<T> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    decode(&mut BufReader::new(file)).map_err(|reason| Error::model(path.display().to_string(), reason))
}

/// Reads every array of a `.npz` file with `decode`.
pub(crate) fn read_each<T>(path: &Path, decode: impl Fn(&mut dyn Read) -> Result<T, String>) -> Result<Vec<(String, T)>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let wrong = |reason: String| Error::model(path.display().to_string(), reason);
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|e| wrong(format!("not an .npz file: {e}")))?;
    let mut arrays = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|e| wrong(format!("entry {index}: {e}")))?;
        let Some(name) = npyz::npz::array_name_from_file_name(entry.name()).map(str::to_owned) else { continue };
        let array = decode(&mut entry).map_err(|reason| wrong(format!("'{name}': {reason}")))?;
        arrays.push((name, array));
    }
    Ok(arrays)
}

/// Writes a `.npz` file of named arrays with `encode`, through a temporary one.
pub(crate) fn write_each<'a, T: 'a>(
    path: &Path,
    arrays: impl IntoIterator<Item = (&'a str, T)>,
    encode: impl Fn(&mut Vec<u8>, T) -> io::Result<()>,
) -> Result<()> {
    replace(path, |file| {
        let mut zip = ZipWriter::new(file);
        for (name, array) in arrays {
            let mut bytes = Vec::new();
            encode(&mut bytes, array)?;
            let options = SimpleFileOptions::default().large_file(u32::try_from(bytes.len()).is_err());
            zip.start_file(npyz::npz::file_name_from_array_name(name), options).map_err(io::Error::other)?;
            zip.write_all(&bytes)?;
        }
        zip.finish().map_err(io::Error::other).map(|_| ())
    })
}

/// The most elements that a file may claim; as many as an index reaches.
const MOST: u64 = u32::MAX as u64;

/// An array whose elements are not read yet.
pub(crate) struct Unread<R: Read> {
    pub(crate) shape: Vec<usize>,
    /// What the elements are, and the bytes of each.
    pub(crate) kind: (TypeChar, u64),
    column_major: bool,
    file: NpyFile<io::Take<R>>,
}

impl<R: Read> Unread<R> {
    pub(crate) fn open(mut reader: R) -> Result<Self, String> {
        let header = NpyHeader::from_reader(&mut reader).map_err(|e| format!("not an .npy file: {e}"))?;
        let count = header.shape().iter().try_fold(1u64, |n, &d| n.checked_mul(d)).filter(|&n| n <= MOST);
        let Some(count) = count else { return Err(format!("shape {:?} is too large", header.shape())) };
        let shape: Vec<usize> = header.shape().iter().map(|&d| usize::try_from(d).unwrap_or(usize::MAX)).collect();
        let NpyType::Plain(ty) = header.dtype() else { return Err("structured arrays are not supported".to_owned()) };
        let (kind, column_major) = ((ty.type_char(), ty.size_field()), header.order() == Order::Fortran);
        Ok(Self { shape, kind, column_major, file: NpyFile::with_header(header, reader.take(count.saturating_mul(16))) })
    }

    /// The elements, row-major.
    pub(crate) fn values<T: npyz::Deserialize + Copy>(self) -> Result<Vec<T>, String> {
        // Elements are collected one by one, so that a header that promises more than the file holds costs nothing.
        let reader = self.file.data::<T>().map_err(|e| e.to_string())?;
        let values = reader.collect::<io::Result<Vec<T>>>().map_err(|e| format!("cut short: {e}"))?;
        Ok(if self.column_major { row_major(&values, &self.shape) } else { values })
    }

    /// Says that elements of this type are not read.
    pub(crate) fn refusal(&self) -> String {
        format!("elements of type '{}' are not supported", self.file.header().dtype().descr())
    }
}

fn decode(reader: &mut dyn Read) -> Result<Array, String> {
    let file = Unread::open(reader)?;
    let shape = file.shape.clone();
    let data = match file.kind {
        (TypeChar::Float, 4) => Data::F32(file.values()?),
        (TypeChar::Float, 2) => Data::F16(file.values()?),
        #[expect(clippy::cast_possible_truncation, reason = "f64 is narrowed, as documented")]
        (TypeChar::Float, 8) => Data::F32(file.values::<f64>()?.into_iter().map(|v| v as f32).collect()),
        (TypeChar::Bool, 1) => Data::Bool(file.values()?),
        (TypeChar::Int, 1) => Data::I32(file.values::<i8>()?.into_iter().map(i32::from).collect()),
        (TypeChar::Int, 2) => Data::I32(file.values::<i16>()?.into_iter().map(i32::from).collect()),
        (TypeChar::Int, 4) => Data::I32(file.values()?),
        (TypeChar::Int, 8) => Data::I32(narrow(file.values::<i64>()?, "int32")?),
        (TypeChar::Uint, 1) => Data::U32(file.values::<u8>()?.into_iter().map(u32::from).collect()),
        (TypeChar::Uint, 2) => Data::U32(file.values::<u16>()?.into_iter().map(u32::from).collect()),
        (TypeChar::Uint, 4) => Data::U32(file.values()?),
        (TypeChar::Uint, 8) => Data::U32(narrow(file.values::<u64>()?, "uint32")?),
        _ => return Err(file.refusal()),
    };
    Array::from_data(shape, data).map_err(|e| e.to_string())
}

fn narrow<A: Copy + std::fmt::Display, B: TryFrom<A>>(values: Vec<A>, to: &str) -> Result<Vec<B>, String> {
    values.into_iter().map(|v| B::try_from(v).map_err(|_| format!("{v} does not fit {to}"))).collect()
}

/// Elements that lie column-major under `shape`, row-major.
fn row_major<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut column_strides = vec![1; shape.len()];
    for i in 1..shape.len() {
        column_strides[i] = column_strides[i - 1] * shape[i - 1];
    }
    let row = super::strides(shape);
    let from = |flat: usize| -> usize { (0..shape.len()).map(|i| flat / row[i] % shape[i] * column_strides[i]).sum() };
    (0..values.len()).map(|i| values[from(i)]).collect()
}

fn encode(writer: &mut (impl Write + ?Sized), array: &Array) -> io::Result<()> {
    let shape: Vec<u64> = array.shape().iter().map(|&d| d as u64).collect();
    match array.data() {
        Data::F32(v) => put(writer, &shape, v),
        Data::F16(v) => put(writer, &shape, v),
        Data::F64(v) => put(writer, &shape, v),
        Data::I32(v) => put(writer, &shape, v),
        Data::U32(v) => put(writer, &shape, v),
        Data::Bool(v) => put(writer, &shape, v),
    }
}

/// Writes elements as `.npy`.
pub(crate) fn put<T: npyz::AutoSerialize + Copy>(writer: &mut (impl Write + ?Sized), shape: &[u64], values: &[T]) -> io::Result<()> {
    let mut npy = npyz::WriteOptions::new().default_dtype().shape(shape).writer(writer).begin_nd()?;
    npy.extend(values.iter().copied())?;
    npy.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::f16;

    #[test]
    fn arrays_survive_a_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let arrays = [
            Array::from_fn([2, 3], |i| i as f32 / 3.0),
            Array::from_fn([3], |i| f16::from_f32(i as f32)),
            Array::from_fn([1, 2], |i| i as i32 - 1),
            Array::scalar(7u32),
            Array::new([2], vec![true, false]).unwrap(),
        ];
        let path = folder.path().join("all.npz");
        let names = ["a", "b", "c", "d", "e"];
        write_npz(&path, names.into_iter().zip(&arrays)).unwrap();
        let back = read_npz(&path).unwrap();
        for ((name, array), (n, a)) in back.iter().zip(names.iter().zip(&arrays)) {
            assert_eq!((name.as_str(), array), (*n, a));
        }
        let path = folder.path().join("one.npy");
        write_npy(&path, &arrays[0]).unwrap();
        assert_eq!(read_npy(&path).unwrap(), arrays[0]);
    }

    #[test]
    fn column_major_is_turned() {
        assert_eq!(row_major(&[1, 2, 3, 4, 5, 6], &[2, 3]), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.npy");
        write_npy(&path, &Array::full([100], 1.0f32)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for n in [0, 5, 40, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..n]).unwrap();
            assert!(read_npy(&path).is_err(), "{n} bytes were enough");
        }
    }
}
