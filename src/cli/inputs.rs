//! What a model is given: `-i`, `--dim` and `--seed`.

use super::pictures::PictureArgs;
use clap::Args;
use foveate::onnx::{Bindings, Elem, Model, Port, Tensor, read_npy, read_npz};
use foveate::plan::Device;
use foveate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct InputArgs {
    /// An input from a .npy file or a picture, or all arrays of an .npz file by their names; NAME may be left out for those, and if
    /// the model has one input
    #[arg(short, long = "input", value_name = "NAME=FILE")]
    inputs: Vec<String>,
    #[command(flatten)]
    dims: DimArgs,
    /// Fill the inputs that are not given with random numbers: floats roughly normal, integers of 0 to 7; the same on every machine
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    #[command(flatten)]
    picture: PictureArgs,
}

#[derive(Debug, Args)]
pub(super) struct DimArgs {
    /// The size of an open dimension, by its symbol or as INPUT.AXIS
    #[arg(long = "dim", value_name = "N=V")]
    dims: Vec<Size>,
}

/// `N=V`
#[derive(Clone, Debug)]
struct Size(String, usize);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, size) = text.rsplit_once('=').ok_or("expected a name and a size, N=1")?;
        Ok(Self(name.to_owned(), size.parse().map_err(|_| format!("'{size}' is no size"))?))
    }
}

impl DimArgs {
    /// The sizes by name.
    pub(super) fn sizes(&self) -> Result<BTreeMap<String, usize>> {
        let mut sizes = BTreeMap::new();
        for Size(name, size) in &self.dims {
            if sizes.insert(name.clone(), *size).is_some_and(|other| other != *size) {
                return Err(Error::shape("--dim", format!("{name} is given two sizes")));
            }
        }
        Ok(sizes)
    }
}

impl InputArgs {
    /// Everything that an import of `model` must know. Pictures are resized on `device`.
    ///
    /// # Errors
    /// If a file cannot be read, or is for no input of the model, or an input is missing.
    pub(super) fn read(&self, model: &Model, device: &Device) -> Result<Bindings> {
        let mut given = Bindings { dims: self.dims.sizes()?, ..Bindings::default() };
        let mut pictures = Vec::new();
        for argument in &self.inputs {
            let (name, path) = split(argument);
            match path.extension().map(|e| e.to_string_lossy().to_lowercase()).as_deref() {
                Some("npz") => {
                    for (name, tensor) in arrays(path, name)? {
                        add(model, &mut given, port(model, &name)?, &tensor)?;
                    }
                }
                Some("npy") => add(model, &mut given, named(model, name)?, &read_npy(path)?)?,
                Some("png" | "jpg" | "jpeg" | "webp") => pictures.push((named(model, name)?, path)),
                _ => return Err(Error::shape("--input", format!("{} is no .npy, .npz, .png, .jpg or .webp file", path.display()))),
            }
        }
        // The other inputs may bind the sizes of pictures, and all of them those of random ones.
        for (port, path) in pictures {
            let tensor = self.picture.read(port, &model.sizes(&given)?, path, device)?;
            add(model, &mut given, port, &tensor)?;
        }
        let sizes = model.sizes(&given)?;
        for port in model.inputs() {
            if given.values.contains_key(&port.name) {
                continue;
            }
            let Some(seed) = self.seed else {
                let reason = format!("input '{}' is missing: give it with -i, or random numbers with --seed; {}", port.name, model.takes());
                return Err(Error::shape("--input", reason));
            };
            let tensor = Tensor::random(port.elem, &model.shape(port, &sizes)?, &port.name, seed)?;
            given.values.insert(port.name.clone(), Arc::new(tensor));
        }
        Ok(given)
    }
}

/// `NAME=FILE`, or a file alone.
fn split(argument: &str) -> (Option<&str>, &Path) {
    match argument.split_once('=') {
        Some((name, path)) if !Path::new(argument).exists() => (Some(name), Path::new(path)),
        _ => (None, Path::new(argument)),
    }
}

/// The arrays of an `.npz` file; under `name`, the one it has, or the one of that name.
fn arrays(path: &Path, name: Option<&str>) -> Result<Vec<(String, Tensor)>> {
    let mut arrays = read_npz(path)?;
    let Some(name) = name else { return Ok(arrays) };
    let index = arrays.iter().position(|(n, _)| n == name).or_else(|| (arrays.len() == 1).then_some(0));
    let Some(index) = index else {
        let names: Vec<&str> = arrays.iter().map(|(n, _)| n.as_str()).collect();
        return Err(Error::model(path.display().to_string(), format!("has no array '{name}', it has {}", names.join(", "))));
    };
    Ok(vec![(name.to_owned(), arrays.swap_remove(index).1)])
}

fn port<'a>(model: &'a Model, name: &str) -> Result<&'a Port> {
    let unknown = || Error::shape("--input", format!("there is no input '{name}'; {}", model.takes()));
    model.inputs().iter().find(|p| p.name == name).ok_or_else(unknown)
}

/// The input of this name, or the only one.
fn named<'a>(model: &'a Model, name: Option<&str>) -> Result<&'a Port> {
    match (name, model.inputs()) {
        (Some(name), _) => port(model, name),
        (None, [only]) => Ok(only),
        (None, inputs) => {
            Err(Error::shape("--input", format!("which of {} inputs is it? NAME=FILE says so; {}", inputs.len(), model.takes())))
        }
    }
}

/// Adds an input, as elements of the type that the model wants, if they hold it exactly.
fn add(model: &Model, given: &mut Bindings, port: &Port, tensor: &Tensor) -> Result<()> {
    let name = &port.name;
    let wrong = |reason: String| Error::shape("--input", format!("input '{name}' {reason}; {}", model.takes()));
    let refused = |e: Error| {
        let reason = match e {
            Error::Shape { reason, .. } => reason,
            other => other.to_string(),
        };
        wrong(format!("is given as {reason}"))
    };
    let fitting = tensor.converted(port.elem).map_err(refused)?;
    if (tensor.elem(), port.elem) == (Elem::Double, Elem::Float) {
        eprintln!("input '{name}': float64 is narrowed to float32");
    }
    match given.values.insert(name.clone(), Arc::new(fitting)) {
        None => Ok(()),
        Some(_) => Err(wrong("is given twice".to_owned())),
    }
}

/// The model of a command line.
#[derive(Debug, Args)]
pub(super) struct ModelArg {
    /// An .onnx file
    #[arg(value_name = "MODEL")]
    path: PathBuf,
}

impl ModelArg {
    pub(super) fn open(&self) -> Result<Model> {
        Model::open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_name_and_a_file_or_a_file() {
        assert_eq!(split("x=a.npy"), (Some("x"), Path::new("a.npy")));
        assert_eq!(split("x=a=b.npy"), (Some("x"), Path::new("a=b.npy")));
        assert_eq!(split("a.npy"), (None, Path::new("a.npy")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd=name.npy");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(split(path.to_str().unwrap()), (None, path.as_path()));
    }

    #[test]
    fn sizes_are_read() {
        assert!(matches!("N=3".parse(), Ok(Size(name, 3)) if name == "N"));
        assert!(matches!("a=b.0=3".parse(), Ok(Size(name, 3)) if name == "a=b.0"));
        assert!("N".parse::<Size>().is_err() && "N=-1".parse::<Size>().is_err());
    }
}
