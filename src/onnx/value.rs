//! What a name of the model stands for while it is imported.

use super::elem::Elem;
use super::tensor::Tensor;
use crate::error::{Error, Result};
use crate::graph::Var;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

/// A tensor, a list of values, or nothing. An optional that has an element is that element.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A tensor known from the file, or given at load; part of the graph once an operator needs it there.
    Host { tensor: Arc<Tensor>, var: Rc<OnceCell<Var>>, input: Option<Rc<str>> },
    /// A tensor of the graph.
    Var { elem: Elem, var: Var },
    /// A sequence.
    Sequence(Rc<Vec<Value>>),
    /// An optional without an element.
    Empty,
}

impl Value {
    /// A tensor of the graph that holds elements of type `elem`.
    pub(super) fn of(elem: Elem, var: Var) -> Self {
        Self::Var { elem, var }
    }

    /// A tensor known now.
    pub(super) fn host(tensor: impl Into<Arc<Tensor>>) -> Self {
        Self::Host { tensor: tensor.into(), var: Rc::default(), input: None }
    }

    /// A list of values.
    pub(super) fn sequence(values: Vec<Self>) -> Self {
        Self::Sequence(Rc::new(values))
    }

    /// Int64 numbers known now.
    pub(super) fn ints(shape: impl Into<Vec<usize>>, values: &[i64]) -> Result<Self> {
        Ok(Self::host(Tensor::from_ints(shape, values)?))
    }

    pub(super) fn elem(&self) -> Result<Elem> {
        match self {
            Self::Host { tensor, .. } => Ok(tensor.elem()),
            Self::Var { elem, .. } => Ok(*elem),
            Self::Sequence(_) | Self::Empty => Err(self.no_tensor()),
        }
    }

    pub(super) fn shape(&self) -> Result<Vec<usize>> {
        match self {
            Self::Host { tensor, .. } => Ok(tensor.shape().to_vec()),
            Self::Var { var, .. } => Ok(var.shape().to_vec()),
            Self::Sequence(_) | Self::Empty => Err(self.no_tensor()),
        }
    }

    pub(super) fn no_tensor(&self) -> Error {
        let what = if matches!(self, Self::Empty) { "an empty optional" } else { "a sequence" };
        Error::shape("onnx", format!("{what} stands where a tensor is expected"))
    }
}
