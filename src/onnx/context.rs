//! What all nodes of one import share: the graph that they add to, the file's tensors, and what is known of values.

use super::external::Folder;
use super::proto;
use super::scope::Body;
use super::tensor::Tensor;
use super::value::Value;
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Known, Var};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// See the [module](self).
pub(super) struct Context<'a> {
    pub(super) graph: Graph,
    pub(super) folder: &'a Folder,
    /// The arrays of the inputs whose values were given at load.
    pub(super) given: HashMap<String, Arc<Array>>,
    known: RefCell<Known>,
    /// Inputs whose values decided something.
    pub(super) pinned: RefCell<BTreeSet<String>>,
    /// Tensors of the file by the address of their message, which outlives the import, and what they are in the graph by their own:
    /// the body of a loop that is unrolled holds its weights once.
    tensors: RefCell<HashMap<*const proto::Tensor, Arc<Tensor>>>,
    constants: RefCell<HashMap<*const Tensor, (Arc<Tensor>, Var)>>,
    pub(super) warnings: RefCell<BTreeSet<String>>,
    /// Whether double is held as f64, because numbers of the model do not fit float.
    pub(super) wide: bool,
}

/// Who adds the nodes of a branch or of a loop's body: the walk, which knows the operators that its nodes do not.
pub(super) trait Bodies {
    /// Adds the nodes of `graph`, whose inputs are these values; gives its outputs.
    fn subgraph(&self, outside: &Body<'_>, graph: &proto::Graph, inputs: Vec<Value>, name: &str) -> Result<Vec<Value>>;
}

impl<'a> Context<'a> {
    pub(super) fn new(graph: Graph, folder: &'a Folder) -> Self {
        Self {
            graph,
            folder,
            given: HashMap::new(),
            known: RefCell::default(),
            pinned: RefCell::default(),
            tensors: RefCell::default(),
            constants: RefCell::default(),
            warnings: RefCell::default(),
            wide: false,
        }
    }

    /// A tensor of the file.
    pub(super) fn tensor(&self, message: &proto::Tensor) -> Result<Arc<Tensor>> {
        if let Some(tensor) = self.tensors.borrow().get(&std::ptr::from_ref(message)) {
            return Ok(Arc::clone(tensor));
        }
        let tensor = Tensor::from_proto(message, |entries| self.folder.read(entries)).map_err(|reason| Error::model("tensor", reason))?;
        let tensor = Arc::new(tensor);
        self.tensors.borrow_mut().insert(std::ptr::from_ref(message), Arc::clone(&tensor));
        Ok(tensor)
    }

    /// A value as a tensor of the graph.
    pub(super) fn var(&self, value: &Value) -> Result<Var> {
        match value {
            Value::Var { var, .. } => Ok(var.clone()),
            Value::Host { tensor, var, input } => {
                if let Some(var) = var.get() {
                    return Ok(var.clone());
                }
                let made = match input {
                    Some(name) => {
                        let refusal = || Error::unsupported("an input", format!("'{name}' of type {}", tensor.elem()));
                        let dtype = self.held(tensor.elem()).ok_or_else(refusal)?;
                        self.graph.input(name, TensorType::new(dtype, tensor.shape()))?
                    }
                    None => self.constant(tensor)?,
                };
                Ok(var.get_or_init(|| made).clone())
            }
            Value::Sequence(_) | Value::Empty => Err(value.no_tensor()),
        }
    }

    fn constant(&self, tensor: &Arc<Tensor>) -> Result<Var> {
        if let Some((_, var)) = self.constants.borrow().get(&Arc::as_ptr(tensor)) {
            return Ok(var.clone());
        }
        let var = self.graph.constant(self.array(tensor)?)?;
        self.constants.borrow_mut().insert(Arc::as_ptr(tensor), (Arc::clone(tensor), var.clone()));
        Ok(var)
    }

    /// The elements of a value, if they are known before anything runs. An input they depend on is pinned: the import is for this
    /// value of it.
    pub(super) fn known(&self, value: &Value) -> Result<Option<Arc<Tensor>>> {
        match value {
            Value::Host { tensor, input, .. } => {
                self.pinned.borrow_mut().extend(input.iter().map(ToString::to_string));
                Ok(Some(Arc::clone(tensor)))
            }
            Value::Var { elem, var } => {
                let Some((array, inputs)) = self.known.borrow_mut().of(var, &self.given)? else { return Ok(None) };
                self.pinned.borrow_mut().extend(inputs.iter().cloned());
                Ok(Some(Arc::new(Tensor::from_array(*elem, &array)?)))
            }
            Value::Sequence(_) | Value::Empty => Ok(None),
        }
    }

    pub(super) fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().insert(text.into());
    }
}
