//! The names that a list of nodes sees.

use super::proto;
use super::value::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// A list of nodes with its names: the model's graph, a branch, the body of a loop or a function.
pub(super) struct Body<'a> {
    pub(super) opsets: &'a [proto::OpsetId],
    /// Names that are not here may be the enclosing body's; a function sees no other.
    pub(super) parent: Option<&'a Self>,
    /// Of a function: the node that calls it, and its defaults.
    pub(super) call: Option<(&'a proto::Node, &'a [proto::Attribute], &'a Self)>,
    /// `None` for what could not be imported.
    pub(super) values: RefCell<HashMap<String, Option<Value>>>,
}

impl<'a> Body<'a> {
    pub(super) fn new(opsets: &'a [proto::OpsetId], parent: Option<&'a Self>) -> Self {
        Self { opsets, parent, call: None, values: RefCell::default() }
    }

    /// The value of a name: `None` if there is none, `Some(None)` if it could not be imported.
    pub(super) fn find(&self, name: &str) -> Option<Option<Value>> {
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

    pub(super) fn opset(&self, domain: &str) -> i64 {
        self.opsets.iter().find(|o| same_domain(&o.domain, domain)).map_or(0, |o| o.version)
    }
}

/// The standard's own domain has two names.
pub(super) fn same_domain(a: &str, b: &str) -> bool {
    a == b || matches!((a, b), ("" | "ai.onnx", "" | "ai.onnx"))
}
