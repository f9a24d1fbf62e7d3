//! The walk over a model's nodes, each of which adds to one graph.

use super::context::{Bodies, Context};
use super::elem::Elem;
use super::external::Folder;
use super::node::Node;
use super::ops;
use super::port::{Kind, Port};
use super::proto;
use super::refusal::{Refusal, reason_of};
use super::scope::{Body, same_domain};
use super::tensor::Tensor;
use super::value::Value;
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// The most nodes that unrolled loops and functions may amount to.
const MOST_NODES: usize = 200_000;
/// How deep functions and bodies may lie in one another.
const DEEPEST: usize = 32;

/// The way through a model's nodes.
struct Walk<'a> {
    context: &'a Context<'a>,
    functions: &'a [proto::Function],
    refusals: RefCell<Vec<Refusal>>,
    nodes: Cell<usize>,
    depth: Cell<usize>,
}

/// What an import made of the model's outputs, and what stood in its way.
pub(super) struct Outcome {
    pub(super) outputs: Vec<(String, Value)>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) warnings: BTreeSet<String>,
    pub(super) pinned: BTreeSet<String>,
}

/// What is imported: the file, where its external data lies, and its inputs.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) model: &'a proto::Model,
    pub(super) folder: &'a Folder,
    pub(super) ports: &'a [Port],
}

/// Adds a model to `graph`, its inputs made of tensors of these types. `given` are the values of inputs known now, `vars` inputs that
/// are in the graph already.
pub(super) fn import(
    Source { model, folder, ports }: Source<'_>,
    graph: &Graph,
    types: &[(Port, Vec<usize>)],
    given: &BTreeMap<String, Arc<Tensor>>,
    vars: &BTreeMap<String, Var>,
) -> Result<Outcome> {
    let Some(top) = &model.graph else { return Err(Error::model("the model", "holds no graph")) };
    let mut context = Context::new(graph.clone(), folder);
    context.wide = given.values().any(|t| t.exceeds_float()) || context.file_exceeds_float(model, top);
    // A value that the engine cannot hold is refused where it is needed in the graph, not here.
    context.given = given.iter().filter_map(|(name, t)| Some((name.clone(), Arc::new(context.array(t).ok()?)))).collect();
    let walk =
        Walk { context: &context, functions: &model.functions, refusals: RefCell::default(), nodes: Cell::new(0), depth: Cell::new(0) };
    let body = Body::new(&model.opset_import, None);
    let mut tensors = BTreeMap::new();
    for (port, shape) in types {
        let value = match (given.get(&port.name), vars.get(&port.name)) {
            (_, Some(var)) => Value::of(port.elem, var.clone()),
            (Some(tensor), None) => Value::Host { tensor: Arc::clone(tensor), var: Rc::default(), input: Some(port.name.as_str().into()) },
            (None, None) => {
                let refusal = || Error::unsupported("an input", format!("'{}' of type {}", port.name, port.elem));
                let dtype = context.held(port.elem).ok_or_else(refusal)?;
                Value::of(port.elem, graph.input(&port.name, TensorType::new(dtype, shape.clone()))?)
            }
        };
        if port.elem == Elem::Double {
            context.warn_of_double();
        }
        tensors.insert(port.name.clone(), value);
    }
    for port in ports {
        let most = if matches!(port.kind, Kind::Tensor | Kind::Optional) { 1 } else { usize::MAX };
        let mut found = (0..most).map_while(|i| tensors.remove(&port.element(i))).collect::<Vec<_>>();
        let value = match port.kind {
            Kind::OptionalSequence | Kind::Optional if found.is_empty() => Some(Value::Empty),
            Kind::Sequence | Kind::OptionalSequence => Some(Value::sequence(found)),
            Kind::Tensor | Kind::Optional => found.pop(),
        };
        body.values.borrow_mut().insert(port.name.clone(), value);
    }
    walk.run(&body, top, "");
    let mut outputs = Vec::new();
    for output in &top.output {
        match body.find(&output.name) {
            Some(Some(value)) => outputs.push((output.name.clone(), value)),
            Some(None) => {}
            None => walk.refuse("the model", "", format!("no node makes its output '{}'", output.name)),
        }
    }
    let refusals = walk.refusals.into_inner();
    Ok(Outcome { outputs, refusals, warnings: context.warnings.into_inner(), pinned: context.pinned.into_inner() })
}

impl Walk<'_> {
    /// Adds the nodes of `graph` to the engine's; names go to `body`.
    fn run(&self, body: &Body<'_>, graph: &proto::Graph, path: &str) {
        for message in &graph.initializer {
            let tensor = self.context.tensor(message).map_err(|e| self.refuse("an initialiser", &message.name, e.to_string())).ok();
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
            let outer = self.context.graph.set_origin(Some(format!("{} '{name}'", message.op_type).into()));
            let outputs = self.node(body, message, &name);
            self.context.graph.set_origin(outer);
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
        let function = self.functions.iter().find(|f| f.name == message.op_type && same_domain(&f.domain, &message.domain));
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
        let node = Node::new(message, inputs, self.context, self, body, name);
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

    fn refuse(&self, op: &str, node: &str, reason: String) {
        self.refusals.borrow_mut().push(Refusal { op: op.to_owned(), node: node.to_owned(), reason });
    }
}

impl Bodies for Walk<'_> {
    fn subgraph(&self, outside: &Body<'_>, graph: &proto::Graph, inputs: Vec<Value>, name: &str) -> Result<Vec<Value>> {
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
}
