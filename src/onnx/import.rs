//! The walk over a model's nodes, each of which adds to one graph.

use super::elem::Elem;
use super::external::Folder;
use super::model::Model;
use super::node::Node;
use super::ops;
use super::port::{Kind, Port};
use super::proto;
use super::refusal::{Refusal, reason_of};
use super::tensor::Tensor;
use super::value::Value;
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Known, Var};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// The most nodes that unrolled loops and functions may amount to.
const MOST_NODES: usize = 200_000;
/// How deep functions and bodies may lie in one another.
const DEEPEST: usize = 32;

/// What all nodes of one import share.
pub(super) struct Importer<'a> {
    pub(super) graph: Graph,
    model: &'a proto::Model,
    folder: &'a Folder,
    /// The arrays of the inputs whose values were given at load.
    given: HashMap<String, Arc<Array>>,
    known: RefCell<Known>,
    /// Inputs whose values decided something.
    pinned: RefCell<BTreeSet<String>>,
    /// Tensors of the file by the address of their message, which outlives the import, and what they are in the graph by their own:
    /// the body of a loop that is unrolled holds its weights once.
    tensors: RefCell<HashMap<*const proto::Tensor, Arc<Tensor>>>,
    constants: RefCell<HashMap<*const Tensor, (Arc<Tensor>, Var)>>,
    refusals: RefCell<Vec<Refusal>>,
    warnings: RefCell<BTreeSet<String>>,
    /// Whether double is held as f64, because numbers of the model do not fit float.
    pub(super) wide: bool,
    nodes: Cell<usize>,
    depth: Cell<usize>,
}

/// A list of nodes with its names: the model's graph, a branch, the body of a loop or a function.
pub(super) struct Body<'a> {
    opsets: &'a [proto::OpsetId],
    /// Names that are not here may be the enclosing body's; a function sees no other.
    parent: Option<&'a Self>,
    /// Of a function: the node that calls it, and its defaults.
    call: Option<(&'a proto::Node, &'a [proto::Attribute], &'a Self)>,
    /// `None` for what could not be imported.
    values: RefCell<HashMap<String, Option<Value>>>,
}

impl<'a> Body<'a> {
    fn new(opsets: &'a [proto::OpsetId], parent: Option<&'a Self>) -> Self {
        Self { opsets, parent, call: None, values: RefCell::default() }
    }

    /// The value of a name: `None` if there is none, `Some(None)` if it could not be imported.
    fn find(&self, name: &str) -> Option<Option<Value>> {
        let mut body = Some(self);
        while let Some(here) = body {
            if let Some(found) = here.values.borrow().get(name) {
                return Some(found.clone());
            }
            body = here.parent;
        }
        None
    }

    /// The attribute of the call that a function's node refers to.
    pub(super) fn call_attribute(&self, name: &str) -> Option<&'a proto::Attribute> {
        let mut body = Some(self);
        while let Some(here) = body {
            if let Some((call, defaults, outside)) = here.call {
                let given = call.attribute.iter().chain(defaults).find(|a| a.name == name)?;
                return if given.ref_attr_name.is_empty() { Some(given) } else { outside.call_attribute(&given.ref_attr_name) };
            }
            body = here.parent;
        }
        None
    }

    fn opset(&self, domain: &str) -> i64 {
        let same = |d: &str| d == domain || matches!((d, domain), ("" | "ai.onnx", "" | "ai.onnx"));
        self.opsets.iter().find(|o| same(&o.domain)).map_or(0, |o| o.version)
    }
}

/// What an import made of the model's outputs, and what stood in its way.
pub(super) struct Outcome {
    pub(super) outputs: Vec<(String, Value)>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) warnings: BTreeSet<String>,
    pub(super) pinned: BTreeSet<String>,
}

/// Imports `model` with inputs of these types. `given` are the values of inputs known now, `vars` inputs that are in the graph already.
pub(super) fn import(
    model: &Model,
    graph: &Graph,
    types: &[(Port, Vec<usize>)],
    given: &BTreeMap<String, Arc<Tensor>>,
    vars: &BTreeMap<String, Var>,
) -> Result<Outcome> {
    let message = &model.message;
    let Some(top) = &message.graph else { return Err(Error::model(&model.source, "holds no graph")) };
    let mut importer = Importer {
        graph: graph.clone(),
        model: message,
        folder: &model.folder,
        given: HashMap::new(),
        known: RefCell::default(),
        pinned: RefCell::default(),
        tensors: RefCell::default(),
        constants: RefCell::default(),
        refusals: RefCell::default(),
        warnings: RefCell::default(),
        wide: false,
        nodes: Cell::new(0),
        depth: Cell::new(0),
    };
    importer.wide = given.values().any(|t| t.exceeds_float()) || importer.file_exceeds_float(message, top);
    // A value that the engine cannot hold is refused where it is needed in the graph, not here.
    importer.given = given.iter().filter_map(|(name, t)| Some((name.clone(), Arc::new(importer.array(t).ok()?)))).collect();
    let body = Body::new(&message.opset_import, None);
    let mut tensors = BTreeMap::new();
    for (port, shape) in types {
        let value = match (given.get(&port.name), vars.get(&port.name)) {
            (_, Some(var)) => Value::of(port.elem, var.clone()),
            (Some(tensor), None) => Value::Host { tensor: Arc::clone(tensor), var: Rc::default(), input: Some(port.name.as_str().into()) },
            (None, None) => {
                let refusal = || Error::unsupported("an input", format!("'{}' of type {}", port.name, port.elem));
                let dtype = importer.held(port.elem).ok_or_else(refusal)?;
                Value::of(port.elem, graph.input(&port.name, TensorType::new(dtype, shape.clone()))?)
            }
        };
        if port.elem == Elem::Double {
            importer.warn_of_double();
        }
        tensors.insert(port.name.clone(), value);
    }
    for port in model.inputs() {
        let most = if matches!(port.kind, Kind::Tensor | Kind::Optional) { 1 } else { usize::MAX };
        let mut found = (0..most).map_while(|i| tensors.remove(&port.element(i))).collect::<Vec<_>>();
        let value = match port.kind {
            Kind::OptionalSequence | Kind::Optional if found.is_empty() => Some(Value::Empty),
            Kind::Sequence | Kind::OptionalSequence => Some(Value::sequence(found)),
            Kind::Tensor | Kind::Optional => found.pop(),
        };
        body.values.borrow_mut().insert(port.name.clone(), value);
    }
    importer.run(&body, top, "");
    let mut outputs = Vec::new();
    for output in &top.output {
        match body.find(&output.name) {
            Some(Some(value)) => outputs.push((output.name.clone(), value)),
            Some(None) => {}
            None => importer.refuse("the model", "", format!("no node makes its output '{}'", output.name)),
        }
    }
    Ok(Outcome {
        outputs,
        refusals: importer.refusals.into_inner(),
        warnings: importer.warnings.into_inner(),
        pinned: importer.pinned.into_inner(),
    })
}

impl<'a> Importer<'a> {
    /// Adds the nodes of `graph` to the engine's; names go to `body`.
    fn run(&self, body: &Body<'_>, graph: &proto::Graph, path: &str) {
        for message in &graph.initializer {
            let tensor = self.tensor(message).map_err(|e| self.refuse("an initialiser", &message.name, e.to_string())).ok();
            // An input of the same name that was given a value replaces its default.
            if !matches!(body.values.borrow().get(&message.name), Some(Some(_))) {
                body.values.borrow_mut().insert(message.name.clone(), tensor.map(Value::host));
            }
        }
        for message in &graph.sparse_initializer {
            let name = message.values.as_ref().map_or("", |v| &v.name);
            self.refuse("an initialiser", name, "sparse initialisers are not implemented; store it dense".to_owned());
            body.values.borrow_mut().insert(name.to_owned(), None);
        }
        self.nodes(body, &graph.node, path);
    }

    fn nodes(&self, body: &Body<'_>, nodes: &[proto::Node], path: &str) {
        for (index, message) in nodes.iter().enumerate() {
            let name = if message.name.is_empty() { format!("{path}#{index}") } else { format!("{path}{}", message.name) };
            let outer = self.graph.set_origin(Some(format!("{} '{name}'", message.op_type).into()));
            let outputs = self.node(body, message, &name);
            self.graph.set_origin(outer);
            let outputs = outputs.map_err(|error| {
                if let Some(error) = error {
                    self.refuse(&message.op_type, &name, reason_of(error));
                }
            });
            let mut outputs = outputs.map(Vec::into_iter).ok();
            let mut values = body.values.borrow_mut();
            for output in &message.output {
                let value = outputs.as_mut().and_then(Iterator::next);
                if !output.is_empty() && values.insert(output.clone(), value).is_some() {
                    self.refuse(&message.op_type, &name, format!("makes '{output}', which is there already"));
                }
            }
        }
    }

    /// Counts a node, or a turn of a loop. The first one too many is an error with content.
    fn count(&self) -> Result<(), Option<Error>> {
        let count = self.nodes.get() + 1;
        self.nodes.set(count);
        let refusal = || Error::unsupported("this model", format!("more than {MOST_NODES} nodes, loops unrolled"));
        if count > MOST_NODES { Err((count == MOST_NODES + 1).then(refusal)) } else { Ok(()) }
    }

    /// The outputs of one node. An error without content: one of its inputs could not be imported, which is said already.
    fn node(&self, body: &Body<'_>, message: &proto::Node, name: &str) -> Result<Vec<Value>, Option<Error>> {
        self.count()?;
        let function = self.model.functions.iter().find(|f| f.name == message.op_type && same_domain(&f.domain, &message.domain));
        let build = ops::find(&message.domain, &message.op_type);
        if build.is_none() && function.is_none() {
            let domain = if message.domain.is_empty() { String::new() } else { format!(" of {}", message.domain) };
            return Err(Some(Error::unsupported(
                "this operator",
                format!("there is no function for {}{domain} in src/onnx/ops", message.op_type),
            )));
        }
        let mut inputs = Vec::with_capacity(message.input.len());
        for input in &message.input {
            inputs.push(match body.find(input) {
                _ if input.is_empty() => None,
                Some(Some(value)) => Some(value),
                Some(None) => return Err(None),
                None => return Err(Some(Error::shape("onnx", format!("reads '{input}', which no node before it makes")))),
            });
        }
        while matches!(inputs.last(), Some(None)) {
            inputs.pop();
        }
        if let Some(function) = function {
            return self.call(body, message, function, inputs, name).map_err(Some);
        }
        let Some(build) = build else { return Err(None) };
        let node = Node::new(message, body.opset(&message.domain), inputs, self, body, name);
        let outputs = build(&node).map_err(Some)?;
        if let Some(attribute) = node.unread() {
            return Err(Some(Error::unsupported(
                "this attribute",
                format!("'{attribute}' is not one that version {} of the operator has here", node.opset),
            )));
        }
        let wanted = message.output.iter().rposition(|o| !o.is_empty()).map_or(0, |last| last + 1);
        if outputs.len() < wanted {
            return Err(Some(Error::unsupported("this node", format!("{wanted} outputs are used, {} are implemented", outputs.len()))));
        }
        Ok(outputs)
    }

    /// A function of the model in the place of a node.
    fn call(
        &self,
        outside: &Body<'_>,
        message: &proto::Node,
        function: &proto::Function,
        inputs: Vec<Option<Value>>,
        name: &str,
    ) -> Result<Vec<Value>> {
        let body = Body {
            opsets: if function.opset_import.is_empty() { outside.opsets } else { &function.opset_import },
            parent: None,
            call: Some((message, &function.attribute_proto, outside)),
            values: RefCell::default(),
        };
        for (name, value) in function.input.iter().zip(inputs) {
            if let Some(value) = value {
                body.values.borrow_mut().insert(name.clone(), Some(value));
            }
        }
        self.deeper(|| self.nodes(&body, &function.node, &format!("{name}/")))?;
        self.results(&body, function.output.iter())
    }

    /// Adds the nodes of a branch or a loop's body, whose inputs are these values; gives its outputs.
    pub(super) fn subgraph(&self, outside: &Body<'_>, graph: &proto::Graph, inputs: Vec<Value>, name: &str) -> Result<Vec<Value>> {
        let body = Body::new(outside.opsets, Some(outside));
        if inputs.len() != graph.input.len() {
            return Err(Error::shape("onnx", format!("its body takes {} inputs, {} are given", graph.input.len(), inputs.len())));
        }
        for (info, value) in graph.input.iter().zip(inputs) {
            body.values.borrow_mut().insert(info.name.clone(), Some(value));
        }
        // A body without nodes costs a turn too.
        self.count().map_err(|error| error.unwrap_or_else(|| Error::unsupported("this node", "its body was not reached")))?;
        self.deeper(|| self.run(&body, graph, &format!("{name}/")))?;
        self.results(&body, graph.output.iter().map(|o| &o.name))
    }

    fn deeper(&self, f: impl FnOnce()) -> Result<()> {
        let depth = self.depth.get();
        if depth >= DEEPEST {
            return Err(Error::unsupported("this model", format!("functions and bodies more than {DEEPEST} deep")));
        }
        self.depth.set(depth + 1);
        f();
        self.depth.set(depth);
        Ok(())
    }

    fn results<'n>(&self, body: &Body<'_>, names: impl Iterator<Item = &'n String>) -> Result<Vec<Value>> {
        names
            .map(|name| match body.find(name) {
                Some(Some(value)) => Ok(value),
                Some(None) => Err(Error::unsupported("this node", format!("its body's output '{name}' could not be imported"))),
                None => Err(Error::shape("onnx", format!("no node of its body makes its output '{name}'"))),
            })
            .collect()
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

    fn refuse(&self, op: &str, node: &str, reason: String) {
        self.refusals.borrow_mut().push(Refusal { op: op.to_owned(), node: node.to_owned(), reason });
    }
}

fn same_domain(a: &str, b: &str) -> bool {
    a == b || matches!((a, b), ("" | "ai.onnx", "" | "ai.onnx"))
}
