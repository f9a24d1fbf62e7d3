//! Tensor data that lies in files beside the model.

use super::proto::Entry;
use prost::bytes::Bytes;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// The folder that a model's data may lie in; nothing outside it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder(pub(super) Option<PathBuf>);

impl Folder {
    /// The bytes that these entries (`location`, `offset`, `length`) point to.
    pub(super) fn read(&self, entries: &[Entry]) -> Result<Bytes, String> {
        let entry = |key: &str| entries.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let number = |key: &str| entry(key).map(|v| v.parse::<u64>().map_err(|_| format!("external data's {key} is '{v}'"))).transpose();
        let location = entry("location").ok_or("external data without a location")?;
        let Self(Some(folder)) = self else {
            return Err(format!("its data lies in '{location}', and the model was not read from a folder"));
        };
        if Path::new(location).components().any(|c| !matches!(c, Component::Normal(_) | Component::CurDir)) {
            return Err(format!("external data at '{location}' would lie outside the model's folder"));
        }
        let failed = |e: std::io::Error| format!("external data '{location}': {e}");
        // A link inside the folder may still point out of it.
        let path = folder.join(location).canonicalize().map_err(failed)?;
        if !path.starts_with(folder.canonicalize().map_err(failed)?) {
            return Err(format!("external data at '{location}' lies outside the model's folder"));
        }
        // Opening a pipe would wait for a writer.
        if !path.is_file() {
            return Err(format!("external data '{location}' is not a file"));
        }
        let mut file = File::open(&path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let offset = number("offset")?.unwrap_or(0);
        let length = number("length")?.unwrap_or(size.saturating_sub(offset));
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(format!("external data '{location}' has {size} bytes, not {length} at {offset}"));
        }
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes.into())
    }
}
