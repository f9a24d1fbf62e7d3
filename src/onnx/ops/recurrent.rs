//! Layers that go through sequences.

use super::Table;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::{Direction, GateOrder, Gru, Lstm, Recurrent, RecurrentActivation, RecurrentInputs};

pub(super) const TABLE: Table = &[("GRU", gru), ("LSTM", lstm), ("RNN", rnn)];

/// The attributes that the three share.
fn common(node: &Node<'_>) -> Result<Recurrent> {
    node.ignore(&["output_sequence"]);
    let direction = match node.choice("direction", &["forward", "reverse", "bidirectional"])? {
        "reverse" => Direction::Reverse,
        "bidirectional" => Direction::Bidirectional,
        _ => Direction::Forward,
    };
    let (alphas, betas) = (node.float_list("activation_alpha")?, node.float_list("activation_beta")?);
    let names = node.texts("activations")?.unwrap_or_default();
    let activations = RecurrentActivation::list(&names, &alphas.unwrap_or_default(), &betas.unwrap_or_default())?;
    let hidden_size = node.optional_int("hidden_size")?.map(|h| node.size("hidden_size", h)).transpose()?;
    let (clip, batch_first) = (node.optional_float("clip")?, node.flag("layout", false)?);
    Ok(Recurrent { direction, activations, clip, batch_first, hidden_size, gates: GateOrder::Onnx })
}

/// Inputs 3 and further: bias, lengths, states, peepholes.
fn others(node: &Node<'_>) -> Result<[Option<Var>; 5]> {
    Ok([node.optional(3)?, node.optional(4)?, node.optional(5)?, node.optional(6)?, node.optional(7)?])
}

fn inputs([b, sequence_lens, initial_h, initial_c, p]: &[Option<Var>; 5]) -> RecurrentInputs<'_> {
    RecurrentInputs {
        b: b.as_ref(),
        sequence_lens: sequence_lens.as_ref(),
        initial_h: initial_h.as_ref(),
        initial_c: initial_c.as_ref(),
        p: p.as_ref(),
    }
}

fn values(node: &Node<'_>, vars: impl IntoIterator<Item = Var>) -> Result<Vec<Value>> {
    let elem: Elem = node.elem(0)?;
    Ok(vars.into_iter().map(|var| Value::of(elem, var)).collect())
}

fn lstm(node: &Node<'_>) -> Result<Vec<Value>> {
    let attributes = Lstm { input_forget: node.flag("input_forget", false)?, common: common(node)? };
    let others = others(node)?;
    let (y, y_h, y_c) = node.var(0)?.lstm(&node.var(1)?, &node.var(2)?, inputs(&others), &attributes)?;
    values(node, [y, y_h, y_c])
}

fn gru(node: &Node<'_>) -> Result<Vec<Value>> {
    let attributes = Gru { linear_before_reset: node.flag("linear_before_reset", false)?, common: common(node)? };
    let others = others(node)?;
    let (y, y_h) = node.var(0)?.gru(&node.var(1)?, &node.var(2)?, inputs(&others), &attributes)?;
    values(node, [y, y_h])
}

fn rnn(node: &Node<'_>) -> Result<Vec<Value>> {
    let (attributes, others) = (common(node)?, others(node)?);
    let (y, y_h) = node.var(0)?.rnn(&node.var(1)?, &node.var(2)?, inputs(&others), &attributes)?;
    values(node, [y, y_h])
}
