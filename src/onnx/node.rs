//! What the function of an operator sees of its node: inputs as values, attributes by name and type.

use super::context::{Bodies, Context};
use super::elem::Elem;
use super::proto::{self, kind};
use super::scope::Body;
use super::tensor::Tensor;
use super::value::Value;
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A node while it is imported.
pub(super) struct Node<'a> {
    pub(super) message: &'a proto::Node,
    /// The version of the operator set that the model imports for the node's domain.
    pub(super) opset: i64,
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) context: &'a Context<'a>,
    /// Who imports its branches and bodies.
    pub(super) bodies: &'a dyn Bodies,
    pub(super) body: &'a Body<'a>,
    /// Its name, or its number.
    pub(super) name: &'a str,
    /// The attributes that were asked for; others are refused.
    read: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Node<'a> {
    pub(super) fn new(
        message: &'a proto::Node,
        inputs: Vec<Option<Value>>,
        context: &'a Context<'a>,
        bodies: &'a dyn Bodies,
        body: &'a Body<'a>,
        name: &'a str,
    ) -> Self {
        Self { message, opset: body.opset(&message.domain), inputs, context, bodies, body, name, read: RefCell::default() }
    }

    /// A refusal: the file says something that has no meaning.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> Error {
        Error::shape("onnx", reason)
    }

    /// A refusal: it has a meaning that is not implemented.
    pub(super) fn unsupported(&self, reason: impl Into<String>) -> Error {
        Error::unsupported("this node", reason)
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.context.graph
    }

    // ---- inputs ----

    /// The number of inputs written down, omitted ones among them.
    pub(super) fn count(&self) -> usize {
        self.inputs.len()
    }

    /// Whether input `index` is there.
    pub(super) fn has(&self, index: usize) -> bool {
        self.inputs.get(index).is_some_and(Option::is_some)
    }

    /// Input `index`, which the operator cannot do without.
    pub(super) fn value(&self, index: usize) -> Result<&Value> {
        self.inputs.get(index).and_then(Option::as_ref).ok_or_else(|| self.wrong(format!("input {index} is missing")))
    }

    /// Input `index` as a tensor of the graph.
    pub(super) fn var(&self, index: usize) -> Result<Var> {
        self.context.var(self.value(index)?)
    }

    /// Input `index` as a tensor of the graph, if it is there.
    pub(super) fn optional(&self, index: usize) -> Result<Option<Var>> {
        if self.has(index) { self.var(index).map(Some) } else { Ok(None) }
    }

    /// Every input as a tensor of the graph.
    pub(super) fn vars(&self) -> Result<Vec<Var>> {
        (0..self.count()).map(|i| self.var(i)).collect()
    }

    /// The element type of input `index`.
    pub(super) fn elem(&self, index: usize) -> Result<Elem> {
        self.value(index)?.elem()
    }

    /// The shape of input `index`.
    pub(super) fn shape(&self, index: usize) -> Result<Vec<usize>> {
        self.value(index)?.shape()
    }

    /// Input `index` as numbers that must be known before anything runs: a shape, axes, a count.
    pub(super) fn known(&self, index: usize) -> Result<Arc<Tensor>> {
        let value = self.value(index)?;
        self.context.known(value)?.ok_or_else(|| {
            let name = &self.message.input[index];
            self.unsupported(format!(
                "input {index} '{name}' decides shapes, and depends on what the model is run on; give the values at load"
            ))
        })
    }

    /// The integers of input `index`, known before anything runs.
    pub(super) fn ints(&self, index: usize) -> Result<Vec<i64>> {
        self.known(index)?.ints()
    }

    /// As [`Node::ints`], if the input is there.
    pub(super) fn optional_ints(&self, index: usize) -> Result<Option<Vec<i64>>> {
        if self.has(index) { self.ints(index).map(Some) } else { Ok(None) }
    }

    /// The numbers of input `index`, known before anything runs.
    pub(super) fn floats(&self, index: usize) -> Result<Vec<f64>> {
        self.known(index)?.floats()
    }

    /// The numbers of input `index` if the file holds them; nothing is decided by what the model is run on.
    pub(super) fn constants(&self, index: usize) -> Result<Option<Vec<f64>>> {
        match self.value(index)? {
            Value::Host { tensor, input: None, .. } => tensor.floats().map(Some),
            _ => Ok(None),
        }
    }

    /// Whether input `index` is there and has no elements.
    pub(super) fn is_empty(&self, index: usize) -> Result<bool> {
        Ok(self.has(index) && self.shape(index)?.contains(&0))
    }

    // ---- attributes ----

    fn attribute(&self, name: &'static str, kind: i32) -> Result<Option<&'a proto::Attribute>> {
        self.read.borrow_mut().insert(name);
        let Some(found) = self.message.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        let found = if found.ref_attr_name.is_empty() {
            found
        } else {
            match self.body.call_attribute(&found.ref_attr_name) {
                Some(given) => given,
                None => return Ok(None),
            }
        };
        if found.kind != kind && found.kind != 0 {
            return Err(self.wrong(format!("attribute '{name}' is of kind {}, not {kind}", found.kind)));
        }
        Ok(Some(found))
    }

    /// An attribute that changes nothing here.
    pub(super) fn ignore(&self, names: &[&'static str]) {
        self.read.borrow_mut().extend(names);
    }

    pub(super) fn int(&self, name: &'static str, default: i64) -> Result<i64> {
        Ok(self.attribute(name, kind::INT)?.map_or(default, |a| a.i))
    }

    pub(super) fn optional_int(&self, name: &'static str) -> Result<Option<i64>> {
        Ok(self.attribute(name, kind::INT)?.map(|a| a.i))
    }

    pub(super) fn required_int(&self, name: &'static str) -> Result<i64> {
        self.optional_int(name)?.ok_or_else(|| self.wrong(format!("attribute '{name}' is missing")))
    }

    /// An attribute that is 0 or 1.
    pub(super) fn flag(&self, name: &'static str, default: bool) -> Result<bool> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    pub(super) fn float(&self, name: &'static str, default: f32) -> Result<f32> {
        Ok(self.attribute(name, kind::FLOAT)?.map_or(default, |a| a.f))
    }

    pub(super) fn optional_float(&self, name: &'static str) -> Result<Option<f32>> {
        Ok(self.attribute(name, kind::FLOAT)?.map(|a| a.f))
    }

    /// A text, one of `choices`, the first of which is the default.
    pub(super) fn choice(&self, name: &'static str, choices: &[&'static str]) -> Result<&'static str> {
        let given = self.text(name)?;
        match given {
            None => Ok(choices.first().copied().unwrap_or_default()),
            Some(text) => choices
                .iter()
                .find(|c| **c == text)
                .copied()
                .ok_or_else(|| self.unsupported(format!("attribute {name} = '{text}'; known are {choices:?}"))),
        }
    }

    pub(super) fn text(&self, name: &'static str) -> Result<Option<String>> {
        Ok(self.attribute(name, kind::STRING)?.map(|a| String::from_utf8_lossy(&a.s).into_owned()))
    }

    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>> {
        Ok(self.attribute(name, kind::STRINGS)?.map(|a| a.strings.iter().map(|s| String::from_utf8_lossy(s).into_owned()).collect()))
    }

    pub(super) fn int_list(&self, name: &'static str) -> Result<Option<Vec<i64>>> {
        Ok(self.attribute(name, kind::INTS)?.map(|a| a.ints.clone()))
    }

    pub(super) fn float_list(&self, name: &'static str) -> Result<Option<Vec<f32>>> {
        Ok(self.attribute(name, kind::FLOATS)?.map(|a| a.floats.clone()))
    }

    pub(super) fn tensor(&self, name: &'static str) -> Result<Option<Arc<Tensor>>> {
        let Some(attribute) = self.attribute(name, kind::TENSOR)? else { return Ok(None) };
        let message = attribute.t.as_ref().ok_or_else(|| self.wrong(format!("attribute '{name}' holds no tensor")))?;
        self.context.tensor(message).map(Some)
    }

    pub(super) fn subgraph(&self, name: &'static str) -> Result<&'a proto::Graph> {
        let found = self.attribute(name, kind::GRAPH)?.and_then(|a| a.g.as_deref());
        found.ok_or_else(|| self.wrong(format!("attribute '{name}' holds no graph")))
    }

    /// Axes, given as an attribute before version `since` of the operator set and as input `index` from then on.
    pub(super) fn axes(&self, index: usize, since: i64) -> Result<Option<Vec<i64>>> {
        if self.opset >= since { self.optional_ints(index) } else { self.int_list("axes") }
    }

    /// The first attribute that nobody asked for.
    pub(super) fn unread(&self) -> Option<&'a str> {
        let read = self.read.borrow();
        self.message.attribute.iter().map(|a| a.name.as_str()).find(|name| !read.contains(name))
    }

    // ---- outputs ----

    /// Whether output `index` is used.
    pub(super) fn wants(&self, index: usize) -> bool {
        self.message.output.get(index).is_some_and(|name| !name.is_empty())
    }

    /// One output of input 0's element type.
    pub(super) fn same(&self, var: Var) -> Result<Vec<Value>> {
        Ok(vec![Value::of(self.elem(0)?, var)])
    }

    /// One output of element type `elem`.
    #[expect(clippy::unused_self, reason = "reads as its siblings do")]
    pub(super) fn typed(&self, elem: Elem, var: Var) -> Result<Vec<Value>> {
        Ok(vec![Value::of(elem, var)])
    }

    /// One output of input 0's element type, whose integers may have left it: they are wrapped to its width.
    pub(super) fn wrapped(&self, var: Var) -> Result<Vec<Value>> {
        let elem = self.elem(0)?;
        Ok(vec![Value::of(elem, wrap(elem, &var)?)])
    }

    /// One output without elements.
    #[expect(clippy::unused_self, reason = "reads as its siblings do")]
    pub(super) fn empty(&self, elem: Elem, shape: Vec<usize>) -> Result<Vec<Value>> {
        Ok(vec![Value::host(Tensor::new(elem, shape, Vec::new())?)])
    }

    /// A constant of the graph.
    pub(super) fn constant(&self, array: Array) -> Result<Var> {
        self.graph().constant(array)
    }

    /// A number as a tensor without dimensions, of this dtype.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is meant for this dtype")]
    pub(super) fn scalar(&self, dtype: DType, value: f64) -> Result<Var> {
        self.constant(match dtype {
            DType::I32 => Array::scalar(value as i32),
            DType::U32 => Array::scalar(value as u32),
            DType::Bool => Array::scalar(value != 0.0),
            DType::F32 | DType::F16 => Array::scalar(value as f32),
            DType::F64 => Array::scalar(value),
        })
    }

    /// `axis` counted from the front, of `rank` dimensions.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let signed = i64::try_from(rank).unwrap_or(i64::MAX);
        let front = if axis < 0 { axis.saturating_add(signed) } else { axis };
        let found = usize::try_from(front).ok().filter(|&a| a < rank);
        found.ok_or_else(|| self.wrong(format!("axis {axis} is not one of {rank} dimensions")))
    }

    /// A number of the file as a size or count.
    pub(super) fn size(&self, what: &str, value: i64) -> Result<usize> {
        usize::try_from(value).map_err(|_| self.wrong(format!("{what} is {value}")))
    }
}

/// The low bits of each element, where `elem` has fewer than what holds it.
pub(super) fn wrap(elem: Elem, var: &Var) -> Result<Var> {
    match elem.narrow() {
        Some((bits, _)) => var.wrap_to(bits),
        None => Ok(var.clone()),
    }
}
