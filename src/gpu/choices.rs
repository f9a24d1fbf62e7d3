//! What was measured to be fastest on an adapter: the name of a way for each question, kept on disk.
//!
//! A file is JSON: the adapter and driver it is for, and the choices by key, with what was measured for people to read.
//! A file that cannot be read, or is for another driver, counts as empty: a choice costs only speed.

use super::Capabilities;
use crate::array::file;
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Choices by key. Keys say everything that the answer depends on but the adapter and its driver.
#[derive(Debug, Default)]
pub struct Choices {
    path: Option<PathBuf>,
    adapter: Value,
    found: Mutex<Map<String, Value>>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The name of the way that was fastest.
    pub name: String,
    /// What it was measured for, for people.
    pub of: String,
    /// Microseconds of each way.
    pub times: Vec<(String, f64)>,
}

impl Choices {
    /// Those in `folder` for this adapter and driver; none are kept on disk without a folder.
    pub(super) fn open(device: &Capabilities, folder: Option<&Path>) -> Self {
        let adapter = json!({ "name": device.name, "driver": device.driver, "backend": format!("{:?}", device.backend) });
        let path = folder.map(|folder| folder.join(format!("choices-{:016x}.json", super::cache::hash(adapter.to_string().as_bytes()))));
        let found = path.as_deref().and_then(|path| read(path, &adapter)).unwrap_or_default();
        Self { path, adapter, found: Mutex::new(found) }
    }

    /// Whether nothing was chosen yet: then no key need be made.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How many choices there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// The choice for `key`.
    pub fn get(&self, key: &str) -> Option<Choice> {
        choice(self.lock().get(key)?)
    }

    /// All choices, by key.
    pub fn all(&self) -> Vec<(String, Choice)> {
        self.lock().iter().filter_map(|(key, value)| Some((key.clone(), choice(value)?))).collect()
    }

    /// Adds or replaces a choice. It holds from now on; [`Choices::save`] makes it last.
    pub fn set(&self, key: String, choice: &Choice) {
        let times: Map<String, Value> = choice.times.iter().map(|(name, us)| (name.clone(), json!(us))).collect();
        self.lock().insert(key, json!({ "name": choice.name, "of": choice.of, "microseconds": times }));
    }

    /// Forgets all choices, on disk as well.
    ///
    /// # Errors
    /// [`Error::Io`] if there is a file that cannot be removed.
    pub fn clear(&self) -> Result<()> {
        self.lock().clear();
        match self.path.as_deref().map(|path| (path, std::fs::remove_file(path))) {
            Some((path, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
            _ => Ok(()),
        }
    }

    /// Writes them to a temporary file and renames it; says where they are.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Device`] if there is no folder to keep them in.
    pub fn save(&self) -> Result<&Path> {
        let Some(path) = self.path.as_deref() else {
            return Err(Error::Device("there is no folder to keep choices in: set FOVEATE_CACHE_DIR".to_owned()));
        };
        let text = format!("{:#}\n", json!({ "adapter": self.adapter, "choices": &*self.lock() }));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        }
        file::write(path, text.as_bytes())?;
        Ok(path)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Map<String, Value>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path, adapter: &Value) -> Option<Map<String, Value>> {
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let choices = (file["adapter"] == *adapter).then(|| file["choices"].take())?;
    serde_json::from_value(choices).ok()
}

fn choice(value: &Value) -> Option<Choice> {
    let text = |name: &str| Some(value[name].as_str()?.to_owned());
    let times = value["microseconds"].as_object()?.iter().filter_map(|(name, us)| Some((name.clone(), us.as_f64()?))).collect();
    Some(Choice { name: text("name")?, of: text("of")?, times })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Choice {
        Choice { name: "conv2d/tile".to_owned(), of: "conv2d".to_owned(), times: vec![("conv2d/tile".to_owned(), 1.5)] }
    }

    #[test]
    fn are_there_again_for_the_same_driver_alone() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::common();
        let choices = Choices::open(&device, Some(folder.path()));
        choices.set("key".to_owned(), &some());
        choices.save().unwrap();
        let again = Choices::open(&device, Some(folder.path()));
        assert_eq!((again.get("key"), again.get("other"), again.len()), (Some(some()), None, 1));
        let other = Capabilities { driver: "newer".to_owned(), ..device.clone() };
        assert!(Choices::open(&other, Some(folder.path())).is_empty());
        again.clear().unwrap();
        assert!(again.is_empty() && Choices::open(&device, Some(folder.path())).is_empty());
        again.clear().unwrap();
    }

    #[test]
    fn a_damaged_file_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let device = Capabilities::common();
        let choices = Choices::open(&device, Some(folder.path()));
        choices.set("key".to_owned(), &some());
        let path = choices.save().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for damaged in [&text[..text.len() / 2], "", "[1]", &text.replace("\"name\": \"conv2d/tile\"", "\"name\": 3")] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(Choices::open(&device, Some(folder.path())).get("key"), None, "{damaged}");
        }
    }

    #[test]
    fn without_a_folder_they_last_as_long_as_the_device() {
        let choices = Choices::open(&Capabilities::common(), None);
        choices.set("key".to_owned(), &some());
        assert_eq!(choices.get("key"), Some(some()));
        assert!(choices.save().unwrap_err().to_string().contains("FOVEATE_CACHE_DIR"));
    }
}
