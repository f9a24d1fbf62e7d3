//! The methods, which compute x W' of all steps at once and leave the steps to [`Recurrence`].

use super::{Cell, Recurrence, Recurrent};
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{check_dtype, check_rank, concat};

/// The inputs that may be left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecurrentInputs<'a> {
    /// (D, 2 G H): the biases of the input, then those of the recurrence.
    pub b: Option<&'a Var>,
    /// i32 (B): how long each sequence is; as long as x without.
    pub sequence_lens: Option<&'a Var>,
    /// (D, B, H), or (B, D, H) with `batch_first`: the state to begin with; zeros without.
    pub initial_h: Option<&'a Var>,
    /// The same for the cell state of an lstm.
    pub initial_c: Option<&'a Var>,
    /// (D, 3 H): the peepholes of an lstm's gates i, o, f.
    pub p: Option<&'a Var>,
}

/// The attributes of an lstm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lstm {
    /// Whether f is 1 - i.
    pub input_forget: bool,
    /// The others.
    pub common: Recurrent,
}

/// The attributes of a gru.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gru {
    /// Whether r is applied to the product with h rather than to h, which takes half the dispatches; PyTorch's are so.
    pub linear_before_reset: bool,
    /// The others.
    pub common: Recurrent,
}

impl Var {
    /// A layer of long short-term memory over (T, B, I), with weights `w` (D, 4 H, I) and `r` (D, 4 H, H): all outputs
    /// (T, D, B, H), the last output and the last cell state (D, B, H). See [`Recurrent`] and [`RecurrentInputs`].
    ///
    /// # Errors
    /// If the shapes do not belong together, a dtype is not f32 (`sequence_lens`: i32), or an attribute has no meaning.
    pub fn lstm(&self, w: &Self, r: &Self, others: RecurrentInputs<'_>, attributes: &Lstm) -> Result<(Self, Self, Self)> {
        let cell = Cell::Lstm { input_forget: attributes.input_forget };
        let mut outputs = recurrent(self, w, r, others, cell, &attributes.common)?.into_iter();
        match (outputs.next(), outputs.next(), outputs.next()) {
            (Some(y), Some(h), Some(c)) => Ok((y, h, c)),
            _ => Err(Error::shape("lstm", "has three outputs")),
        }
    }

    /// A layer of gated recurrent units over (T, B, I), with weights `w` (D, 3 H, I) and `r` (D, 3 H, H): all outputs
    /// (T, D, B, H) and the last (D, B, H). See [`Recurrent`] and [`RecurrentInputs`].
    ///
    /// # Errors
    /// As [`Var::lstm`].
    pub fn gru(&self, w: &Self, r: &Self, others: RecurrentInputs<'_>, attributes: &Gru) -> Result<(Self, Self)> {
        let cell = Cell::Gru { linear_before_reset: attributes.linear_before_reset };
        two(cell, recurrent(self, w, r, others, cell, &attributes.common)?)
    }

    /// A simple recurrent layer over (T, B, I), with weights `w` (D, H, I) and `r` (D, H, H): all outputs (T, D, B, H) and the
    /// last (D, B, H). See [`RecurrentInputs`].
    ///
    /// # Errors
    /// As [`Var::lstm`].
    pub fn rnn(&self, w: &Self, r: &Self, others: RecurrentInputs<'_>, attributes: &Recurrent) -> Result<(Self, Self)> {
        two(Cell::Rnn, recurrent(self, w, r, others, Cell::Rnn, attributes)?)
    }
}

fn two(cell: Cell, outputs: Vec<Var>) -> Result<(Var, Var)> {
    let mut outputs = outputs.into_iter();
    outputs.next().zip(outputs.next()).ok_or_else(|| Error::shape(cell.name(), "has two outputs"))
}

fn recurrent(x: &Var, w: &Var, r: &Var, others: RecurrentInputs<'_>, cell: Cell, attributes: &Recurrent) -> Result<Vec<Var>> {
    let (name, directions) = (cell.name(), attributes.direction.count());
    check_rank(name, "x", x.ty(), 3, if attributes.batch_first { "(B, T, I)" } else { "(T, B, I)" })?;
    check_rank(name, "r", r.ty(), 3, "(D, G H, H)")?;
    for (what, var) in [("x", x), ("w", w), ("r", r)] {
        check_dtype(name, what, var.ty(), crate::array::DType::F32)?;
    }
    let (inputs, hidden) = (x.shape()[2], r.shape()[2]);
    let rows = cell.gates().checked_mul(hidden).ok_or_else(|| Error::shape(name, format!("{hidden} units")))?;
    let wanted = [
        ("w", Some(w), TensorType::f32([directions, rows, inputs])),
        ("b", others.b, TensorType::f32([directions, 2 * rows])),
        ("p", others.p, TensorType::f32([directions, 3 * hidden])),
    ];
    for (what, var, wanted) in wanted {
        if let Some(ty) = var.map(Var::ty).filter(|ty| **ty != wanted) {
            return Err(Error::shape(name, format!("{what} must be {wanted} with x {} and r {}, it is {ty}", x.ty(), r.ty())));
        }
    }
    let projected = x.linear(&w.reshape([directions * rows, inputs])?, None)?;
    // In one tensor, so that a step binds no more than eight.
    let weights = match (others.b, others.p) {
        (Some(b), Some(p)) => Some(concat(&[b, p], 1)?),
        (b, p) => b.or(p).cloned(),
    };
    let op = Recurrence {
        cell,
        attributes: attributes.clone(),
        bias: others.b.is_some(),
        peepholes: others.p.is_some(),
        sequence_lens: others.sequence_lens.is_some(),
        initial_h: others.initial_h.is_some(),
        initial_c: others.initial_c.is_some(),
    };
    let optional = [weights.as_ref(), others.sequence_lens, others.initial_h, others.initial_c];
    let inputs: Vec<&Var> = std::iter::once(r).chain(optional.into_iter().flatten()).collect();
    projected.apply_all(op, &inputs)
}
