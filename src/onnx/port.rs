//! What a model takes and gives: names, element types, dimensions.

use super::elem::Elem;
use super::proto::{self, Size, TypeValue};
use super::tensor::Tensor;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// The type of its elements.
    pub elem: Elem,
    /// Its dimensions; `None` where the file does not say how many there are, and for sequences.
    pub dims: Option<Vec<Dim>>,
}

/// What an input or output is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// One tensor.
    #[default]
    Tensor,
    /// Any number of tensors: `name[0]`, `name[1]`, ...
    Sequence,
    /// A tensor, or nothing.
    Optional,
    /// A sequence, or nothing.
    OptionalSequence,
}

/// A dimension of a [`Port`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// This size.
    Size(usize),
    /// The same size wherever this name stands.
    Symbol(String),
    /// Any size.
    Unknown,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        match self.kind {
            Kind::Tensor => write!(f, "{}", self.elem)?,
            Kind::Optional => write!(f, "optional {}", self.elem)?,
            Kind::Sequence => return write!(f, "sequence of {}", self.elem),
            Kind::OptionalSequence => return write!(f, "optional sequence of {}", self.elem),
        }
        let Some(dims) = &self.dims else { return f.write_str("[..]") };
        let text = |dim: &Dim| match dim {
            Dim::Size(size) => size.to_string(),
            Dim::Symbol(name) => name.clone(),
            Dim::Unknown => "?".to_owned(),
        };
        write!(f, "[{}]", dims.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

/// What the open dimensions and some inputs are.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// Sizes by symbol or by `input.axis`; the number of tensors of a sequence or an optional by its name.
    pub dims: BTreeMap<String, usize>,
    /// Inputs whose values are known now. Their shapes bind dimensions; a value that decides a shape is read, and the import is then
    /// for this value.
    pub values: BTreeMap<String, Arc<Tensor>>,
}

impl Port {
    /// The name of tensor `index` of it.
    pub(super) fn element(&self, index: usize) -> String {
        match self.kind {
            Kind::Tensor | Kind::Optional if index == 0 => self.name.clone(),
            _ => format!("{}[{index}]", self.name),
        }
    }

    /// Its tensors.
    pub(super) fn tensors(&self, bindings: &Bindings) -> Result<Vec<Self>> {
        if self.kind == Kind::Tensor {
            return Ok(vec![self.clone()]);
        }
        let wrong = |reason: String| Error::shape("model", format!("input '{}' is '{self}': {reason}", self.name));
        let given = (0..).take_while(|&i| bindings.values.contains_key(&self.element(i))).count();
        let count = match bindings.dims.get(&self.name) {
            Some(&count) if count <= if self.kind == Kind::Optional { 1 } else { MOST_ELEMENTS } => count,
            Some(count) => return Err(wrong(format!("it cannot have {count} tensors"))),
            None if given > 0 => given,
            None => return Err(wrong(format!("give '{}' a value, or '{}' its number of tensors", self.element(0), self.name))),
        };
        Ok((0..count).map(|i| Self { name: self.element(i), kind: Kind::Tensor, ..self.clone() }).collect())
    }
}

/// The most tensors that an input may be made of.
const MOST_ELEMENTS: usize = 4096;

impl Dim {
    /// What [`Bindings`] call dimension `axis` of `port`, if it is open.
    pub fn key(&self, port: &Port, axis: usize) -> Option<String> {
        match self {
            Self::Size(_) => None,
            Self::Symbol(name) => Some(name.clone()),
            Self::Unknown => Some(format!("{}.{axis}", port.name)),
        }
    }
}

/// What the file says of an input, output or value.
pub(super) fn port(info: &proto::ValueInfo) -> Result<Port, String> {
    let wrong = |what: &str| format!("'{}' {what}", info.name);
    let value = info.r#type.as_ref().and_then(|t| t.value.as_ref()).ok_or_else(|| wrong("has no type"))?;
    let (tensor, kind) = kind(value).ok_or_else(|| wrong("is a map, a nested sequence or of an unknown type, which is not supported"))?;
    let elem = Elem::of_code(tensor.elem_type).ok_or_else(|| wrong(&format!("has the unknown element type {}", tensor.elem_type)))?;
    let dim = |d: &proto::Dimension| match &d.value {
        Some(Size::Value(size)) => usize::try_from(*size).map_or(Dim::Unknown, Dim::Size),
        // Exporters that have no name write `?` or `None` wherever a size is open.
        Some(Size::Param(name)) if name.chars().any(char::is_alphabetic) && name != "None" => Dim::Symbol(name.clone()),
        _ => Dim::Unknown,
    };
    // The tensors of a sequence differ in shape.
    let one = matches!(kind, Kind::Tensor | Kind::Optional);
    let dims = tensor.shape.as_ref().filter(|_| one).map(|s| s.dim.iter().map(dim).collect());
    Ok(Port { name: info.name.clone(), kind, elem, dims })
}

/// The tensor type at the bottom of a type, and what is made of such tensors.
fn kind(value: &TypeValue) -> Option<(&proto::TensorKind, Kind)> {
    match value {
        TypeValue::Tensor(tensor) => Some((tensor, Kind::Tensor)),
        TypeValue::Sequence(inner) => match kind(inner.elem_type.as_ref()?.value.as_ref()?)? {
            (tensor, Kind::Tensor) => Some((tensor, Kind::Sequence)),
            _ => None,
        },
        TypeValue::Optional(inner) => match kind(inner.elem_type.as_ref()?.value.as_ref()?)? {
            (tensor, Kind::Tensor) => Some((tensor, Kind::Optional)),
            (tensor, Kind::Sequence) => Some((tensor, Kind::OptionalSequence)),
            _ => None,
        },
        TypeValue::Map(_) | TypeValue::SparseTensor(_) => None,
    }
}
