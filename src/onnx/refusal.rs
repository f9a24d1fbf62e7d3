//! What stands in the way of running a model.

use crate::error::{Error, Result};
use std::fmt;

/// One thing that a model needs and foveate lacks, or that has no meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The operator: `Conv`.
    pub op: String,
    /// The node's name, or its number behind a `#`.
    pub node: String,
    /// What exactly, and what it would take.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, node, reason } = self;
        if node.is_empty() { write!(f, "{op}: {reason}") } else { write!(f, "{op} '{node}': {reason}") }
    }
}

/// An error's text without the stand-in for the operator, which the refusal names.
pub(super) fn reason_of(error: Error) -> String {
    match error {
        Error::Shape { op: "onnx", reason } | Error::Unsupported { op: "this node" | "this operator" | "this attribute", reason } => reason,
        other => other.to_string(),
    }
}

/// An error with all of them, if there are any.
pub(super) fn none_refused(source: &str, refusals: &[Refusal]) -> Result<()> {
    if refusals.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = refusals.iter().map(|r| format!("\n  {r}")).collect();
    Err(Error::unsupported("this model", format!("{source}{}", list.concat())))
}
