//! A model file: what it takes, what it gives, and its import for given shapes.

use super::elem::Elem;
use super::external::Folder;
use super::import;
use super::port::{Bindings, Dim, Kind, Port, port};
use super::proto;
use super::refusal::none_refused;
use super::session::Import;
use super::value::Value;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The versions of the operator set `ai.onnx` whose rules are known.
pub const OPSETS: std::ops::RangeInclusive<i64> = 1..=22;

/// An ONNX model, read and checked, not yet imported.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) message: proto::Model,
    pub(super) source: String,
    pub(super) folder: Folder,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Model {
    /// Reads an `.onnx` file. External data is looked for in its folder.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it is something else, [`Error::Unsupported`] if it is of an
    /// operator set that is not known.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        Self::read(bytes, &path.display().to_string(), Folder(Some(parent.to_path_buf())))
    }

    /// Reads the bytes of an `.onnx` file that has no external data; `source` stands for it in errors.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(bytes: impl Into<Vec<u8>>, source: &str) -> Result<Self> {
        Self::read(bytes.into(), source, Folder::default())
    }

    fn read(bytes: Vec<u8>, source: &str, folder: Folder) -> Result<Self> {
        let wrong = |reason: String| Error::model(source, reason);
        let message = proto::Model::decode(prost::bytes::Bytes::from(bytes)).map_err(|e| wrong(format!("not an ONNX file: {e}")))?;
        let graph = message.graph.as_ref().ok_or_else(|| wrong("not an ONNX file: it holds no graph".to_owned()))?;
        if message.opset_import.is_empty() {
            return Err(wrong("says no version of the operator set".to_owned()));
        }
        for opset in &message.opset_import {
            if matches!(opset.domain.as_str(), "" | "ai.onnx") && !OPSETS.contains(&opset.version) {
                let reason = format!("{source} is of version {}; known are {} to {}", opset.version, OPSETS.start(), OPSETS.end());
                return Err(Error::unsupported("this operator set", reason));
            }
        }
        let initialised = |name: &str| graph.initializer.iter().any(|t| t.name == name);
        let inputs = graph.input.iter().filter(|i| !initialised(&i.name)).map(|i| port(i).map_err(wrong)).collect::<Result<Vec<_>>>()?;
        let outputs = graph.output.iter().map(|o| port(o).map_err(wrong)).collect::<Result<Vec<_>>>()?;
        for (i, input) in inputs.iter().enumerate() {
            if inputs[..i].iter().any(|other| other.name == input.name) {
                return Err(wrong(format!("has two inputs '{}'", input.name)));
            }
        }
        Ok(Self { source: source.to_owned(), folder, inputs, outputs, message })
    }

    /// The file, or what stands for it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it must be given, in the file's order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it gives, in the file's order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The version of the operator set `ai.onnx`.
    pub fn opset(&self) -> i64 {
        self.message.opset_import.iter().find(|o| matches!(o.domain.as_str(), "" | "ai.onnx")).map_or(0, |o| o.version)
    }

    /// Who made the file: program and version.
    pub fn producer(&self) -> String {
        format!("{} {}", self.message.producer_name, self.message.producer_version).trim().to_owned()
    }

    /// How often each operator stands in the file, in alphabetical order; subgraphs are not entered.
    pub fn operators(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for node in self.message.graph.iter().flat_map(|g| &g.node) {
            *counts.entry(node.op_type.as_str()).or_insert(0) += 1;
        }
        counts
    }

    /// The number of values in all initialisers and constants.
    pub fn parameters(&self) -> u64 {
        let size = |t: &proto::Tensor| t.dims.iter().fold(1u64, |n, &d| n.saturating_mul(u64::try_from(d).unwrap_or(0)));
        let graph = self.message.graph.as_ref();
        let constants = graph.into_iter().flat_map(|g| &g.node).filter(|n| n.op_type == "Constant");
        let tensors = constants.flat_map(|n| &n.attribute).filter_map(|a| a.t.as_ref());
        graph.into_iter().flat_map(|g| &g.initializer).chain(tensors).map(size).fold(0, u64::saturating_add)
    }

    /// Imports every node, going on behind what is refused: see [`Import::refusals`].
    ///
    /// # Errors
    /// If an input's dimension is bound to nothing or to two sizes, or a value is none of an input's type.
    pub fn import(&self, bindings: &Bindings) -> Result<Import> {
        let inputs: Vec<Port> = self.inputs.iter().map(|p| p.tensors(bindings)).collect::<Result<Vec<_>>>()?.concat();
        let dims = self.sizes_of(&inputs, bindings)?;
        let mut types = Vec::new();
        for port in inputs {
            let shape = match bindings.values.get(&port.name) {
                Some(tensor) => tensor.shape().to_vec(),
                None => self.shape(&port, &dims)?,
            };
            types.push((port, shape));
        }
        let graph = Graph::new();
        let outcome = import::import(self.file(), &graph, &types, &bindings.values, &BTreeMap::new())?;
        Ok(Import { source: self.source.clone(), inputs: types, values: bindings.values.clone(), outcome })
    }

    fn file(&self) -> import::Source<'_> {
        import::Source { model: &self.message, folder: &self.folder, ports: &self.inputs }
    }

    /// Adds the model to a graph that is there already, with `inputs` of it by name: as they are held ([`Elem::held`]), integers within
    /// their elements' range. Gives the outputs by name.
    ///
    /// # Errors
    /// If an input is unknown, missing, or of another type; [`Error::Unsupported`] with every refusal; outputs that are no tensors.
    pub fn apply(&self, graph: &Graph, inputs: &[(&str, &Var)]) -> Result<Vec<(String, Var)>> {
        let mut sizes = BTreeMap::new();
        let mut types = Vec::new();
        let vars: BTreeMap<String, Var> = inputs.iter().map(|(name, var)| ((*name).to_owned(), (*var).clone())).collect();
        if let Some(name) = vars.keys().find(|name| !self.inputs.iter().any(|p| p.name == **name)) {
            return Err(Error::shape("model", format!("there is no input '{name}'; {}", self.takes())));
        }
        for port in &self.inputs {
            let wrong = |reason: String| Error::shape("model", format!("input '{}' {reason}; {}", port.name, self.takes()));
            let var = vars.get(&port.name).ok_or_else(|| wrong("is missing".to_owned()))?;
            if port.kind != Kind::Tensor || port.elem.held() != Some(var.dtype()) {
                return Err(wrong(format!("is given as {}", var.ty())));
            }
            self.bind(port, port.elem, var.shape(), &mut sizes)?;
            types.push((port.clone(), var.shape().to_vec()));
        }
        let outcome = import::import(self.file(), graph, &types, &BTreeMap::new(), &vars)?;
        none_refused(&self.source, &outcome.refusals)?;
        for warning in &outcome.warnings {
            tracing::warn!("{}: {warning}", self.source);
        }
        let tensor = |(name, value): (String, Value)| match value {
            Value::Var { var, .. } => Ok((name, var)),
            Value::Host { tensor, .. } => Ok((name, graph.constant(tensor.to_array()?)?)),
            Value::Sequence(_) | Value::Empty => Err(value.no_tensor()),
        };
        outcome.outputs.into_iter().map(tensor).collect()
    }

    /// The open dimensions of the inputs, each once: symbols, and `input.axis` where a dimension has no name.
    pub fn open_dims(&self) -> Vec<String> {
        let mut open = Vec::new();
        for (port, (axis, dim)) in self.inputs.iter().flat_map(|p| p.dims.iter().flatten().enumerate().map(move |d| (p, d))) {
            open.extend(dim.key(port, axis).filter(|key| !open.contains(key)));
        }
        open
    }

    /// What the open dimensions are called, by `input.axis`.
    fn placed(&self) -> BTreeMap<String, String> {
        let dims = self.inputs.iter().flat_map(|p| p.dims.iter().flatten().enumerate().map(move |d| (p, d)));
        dims.filter_map(|(port, (axis, dim))| Some((format!("{}.{axis}", port.name), dim.key(port, axis)?))).collect()
    }

    /// The sizes of open dimensions as `bindings` have them: those given by name, and those of the values.
    ///
    /// # Errors
    /// If a name is none of the model's, a value is of another type than its input, or a dimension gets two sizes.
    pub fn sizes(&self, bindings: &Bindings) -> Result<BTreeMap<String, usize>> {
        let inputs: Vec<Port> = self.inputs.iter().map(|p| p.tensors(bindings)).collect::<Result<Vec<_>>>()?.concat();
        self.sizes_of(&inputs, bindings)
    }

    /// [`Model::sizes`], for the tensors that the inputs are made of.
    fn sizes_of(&self, inputs: &[Port], bindings: &Bindings) -> Result<BTreeMap<String, usize>> {
        let (open, placed) = (self.open_dims(), self.placed());
        let counted = |name: &str| self.inputs.iter().any(|p| p.kind != Kind::Tensor && p.name == name);
        if let Some(name) = bindings.dims.keys().find(|name| !placed.contains_key(*name) && !open.contains(name) && !counted(name)) {
            let has = if open.is_empty() { "none".to_owned() } else { open.join(", ") };
            return Err(Error::shape("model", format!("there is no open dimension '{name}', it has {has}; {}", self.takes())));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = inputs.iter().find(|p| !names.insert(p.name.as_str())) {
            return Err(Error::shape("model", format!("two inputs are '{}'; {}", twice.name, self.takes())));
        }
        if let Some(name) = bindings.values.keys().find(|name| !names.contains(name.as_str())) {
            return Err(Error::shape("model", format!("there is no input '{name}'; {}", self.takes())));
        }
        let mut sizes = BTreeMap::new();
        for (name, &size) in &bindings.dims {
            let key = placed.get(name).unwrap_or(name);
            if let Some(other) = sizes.insert(key.clone(), size).filter(|&other| other != size) {
                return Err(Error::shape("model", format!("{key} is given as {other} and as {size}; {}", self.takes())));
            }
        }
        for port in inputs {
            if let Some(tensor) = bindings.values.get(&port.name) {
                self.bind(port, tensor.elem(), tensor.shape(), &mut sizes)?;
            }
        }
        Ok(sizes)
    }

    /// The inputs in a line, for errors: `model.onnx takes x: float[N, 3]`.
    pub fn takes(&self) -> String {
        let ports: Vec<String> = self.inputs.iter().map(ToString::to_string).collect();
        format!("{} takes {}", self.source, if ports.is_empty() { "none".to_owned() } else { ports.join(", ") })
    }

    /// Notes the sizes of `port`'s symbols as a tensor has them.
    fn bind(&self, port: &Port, elem: Elem, shape: &[usize], bound: &mut BTreeMap<String, usize>) -> Result<()> {
        let wrong = |reason: String| Error::shape("model", format!("input '{}' {reason}; {}", port.name, self.takes()));
        let given = format!("{elem}{shape:?}");
        if elem != port.elem {
            return Err(wrong(format!("is given as {given}")));
        }
        let Some(dims) = &port.dims else { return Ok(()) };
        if dims.len() != shape.len() {
            return Err(wrong(format!("is given as {given}, with {} dimensions instead of {}", shape.len(), dims.len())));
        }
        for (axis, (dim, &size)) in dims.iter().zip(shape).enumerate() {
            if let Dim::Size(expected) = dim
                && *expected != size
            {
                return Err(wrong(format!("is given as {given}: dimension {axis} must be {expected}")));
            }
            let Some(key) = dim.key(port, axis) else { continue };
            if let Some(other) = bound.insert(key.clone(), size).filter(|&other| other != size) {
                return Err(wrong(format!("is given as {given}: {key} is {other} elsewhere")));
            }
        }
        Ok(())
    }

    /// The shape of an input whose open dimensions have these sizes.
    ///
    /// # Errors
    /// If one of them has none.
    pub fn shape(&self, port: &Port, sizes: &BTreeMap<String, usize>) -> Result<Vec<usize>> {
        let open = |key: &str| {
            Error::shape("model", format!("{key} of input '{}' is open: give it a size, or give the input; {}", port.name, self.takes()))
        };
        let dims = port.dims.as_ref().ok_or_else(|| open("the number of dimensions"))?;
        let size = |(axis, dim): (usize, &Dim)| match (dim, dim.key(port, axis)) {
            (Dim::Size(size), _) => Ok(*size),
            (_, Some(key)) => sizes.get(&key).copied().ok_or_else(|| open(&key)),
            (_, None) => Err(open("a dimension")),
        };
        dims.iter().enumerate().map(size).collect()
    }
}
