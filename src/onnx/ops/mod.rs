//! One small function for each operator of ONNX, in the families that its documentation has.
//!
//! To add one: its function in the file of its family, and its line in that file's table.

use super::node::Node;
use super::value::Value;
use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Adds a node to the graph and gives its outputs.
type Build = for<'a, 'b> fn(&'b Node<'a>) -> Result<Vec<Value>>;
/// The operators of a family by name.
type Table = &'static [(&'static str, Build)];

macro_rules! families {
    ($($family:ident),* $(,)?) => {
        $(mod $family;)*
        const FAMILIES: &[Table] = &[$($family::TABLE),*];
    };
}

families! {
    arithmetic,
    boxes,
    cast,
    control,
    conv,
    host,
    images,
    indexing,
    loss,
    matmul,
    movement,
    norm,
    pool,
    quantize,
    random,
    recurrent,
    reduce,
    sampling,
    sequence,
    shapes,
    signal,
    unary,
}

fn table() -> &'static BTreeMap<&'static str, Build> {
    static TABLE: OnceLock<BTreeMap<&'static str, Build>> = OnceLock::new();
    TABLE.get_or_init(|| FAMILIES.iter().copied().flatten().copied().collect())
}

/// The function of an operator, if there is one.
pub(super) fn find(domain: &str, op_type: &str) -> Option<Build> {
    if matches!(domain, "" | "ai.onnx") { table().get(op_type).copied() } else { None }
}

/// The names of all operators of `ai.onnx` that are imported, in alphabetical order.
pub fn operators() -> impl Iterator<Item = &'static str> {
    table().keys().copied()
}
