//! IDX files, which MNIST comes in: two zero bytes, a byte for the type, one for the number of dimensions, their sizes, the elements, all
//! big-endian.

use crate::array::{Array, Data};
use crate::error::{Error, Result};
use std::path::Path;

/// Reads an `.idx` file: bytes, signed or not, and integers of 16 and 32 bits become i32, floats f32, doubles f64.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Model`] if it holds something else.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    decode(&bytes).map_err(|reason| Error::model(path.display().to_string(), format!("not an IDX file: {reason}")))
}

fn decode(bytes: &[u8]) -> std::result::Result<Array, String> {
    let &[0, 0, kind, dimensions, ref rest @ ..] = bytes else {
        return Err(format!("it begins with {:02x?}; is it compressed?", &bytes[..bytes.len().min(4)]));
    };
    let (sizes, rest) = rest.split_at_checked(4 * usize::from(dimensions)).ok_or("it ends within its sizes")?;
    let shape: Vec<usize> = words(sizes).map(|b| u32::from_be_bytes(b) as usize).collect();
    let count = shape.iter().try_fold(1usize, |n, &s| n.checked_mul(s)).ok_or_else(|| format!("{shape:?} are too many elements"))?;
    let (width, data) = match kind {
        0x08 => (1, Data::I32(rest.iter().map(|&b| i32::from(b)).collect())),
        0x09 => (1, Data::I32(rest.iter().map(|&b| i32::from(b.cast_signed())).collect())),
        0x0B => (2, Data::I32(words(rest).map(|b| i32::from(i16::from_be_bytes(b))).collect())),
        0x0C => (4, Data::I32(words(rest).map(i32::from_be_bytes).collect())),
        0x0D => (4, Data::F32(words(rest).map(f32::from_be_bytes).collect())),
        0x0E => (8, Data::F64(words(rest).map(f64::from_be_bytes).collect())),
        other => return Err(format!("type {other:#04x} is none of 08, 09, 0b, 0c, 0d, 0e")),
    };
    if count.checked_mul(width) != Some(rest.len()) {
        return Err(format!("{shape:?} elements of {width} bytes, and {} bytes of them", rest.len()));
    }
    Array::from_data(shape, data).map_err(|e| e.to_string())
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).filter_map(|b| b.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_they_say() {
        let head = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3];
        let whole = [&head[..], &[1, 2, 3, 4, 5, 255]].concat();
        let array = decode(&whole).unwrap();
        assert_eq!((array.shape(), array.to_f64().last()), (&[2, 3][..], Some(&255.0)));
        let float = [0, 0, 13, 1, 0, 0, 0, 1, 0x3F, 0x80, 0, 0];
        assert_eq!(decode(&float).unwrap().to_f64(), [1.0]);
        for (bytes, reason) in [
            (&whole[..17], "and 5 bytes"),
            (&[0x1F, 0x8B, 8, 0], "compressed"),
            (&head[..9], "within its sizes"),
            (&[0, 0, 7, 0, 0], "type 0x07"),
            (&[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], "too many"),
            (&[], "begins with"),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
