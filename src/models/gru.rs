//! A layer of gated recurrent units, as published readers and listeners have it.

use super::layers::{Fill, Layers};
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{Direction, Gru, Recurrent, RecurrentInputs, concat, zeros};

/// Of so many directions, as [`Var::gru`] takes it: a reset gate before the matrix, and no bias of the recurrence.
#[derive(Clone, Debug)]
pub(super) struct GruLayer {
    w: Var,
    r: Var,
    /// Of the input, then zeros of the recurrence.
    b: Var,
    gru: Gru,
}

impl GruLayer {
    /// `<name>.weight` (D, 3 n, inputs), which begins with `fill`, `.recurrent` (D, 3 n, n), orthogonal, and `.bias` (D, 3 n), zeros.
    pub(super) fn new(
        layers: &mut Layers<'_>,
        name: &str,
        direction: Direction,
        [inputs, units]: [usize; 2],
        fill: Fill<'_>,
    ) -> Result<Self> {
        let (d, gates) = (direction.count(), units.saturating_mul(3));
        let w = layers.tensor(&format!("{name}.weight"), &[d, gates, inputs], fill)?;
        let r = layers.tensor(&format!("{name}.recurrent"), &[d, gates, units], Fill::Orthogonal)?;
        let b = layers.tensor(&format!("{name}.bias"), &[d, gates], Fill::Zeros)?;
        let b = concat(&[&b, &zeros(&b, &[d, gates])?], 1)?;
        let common = Recurrent { direction, batch_first: true, ..Recurrent::default() };
        Ok(Self { w, r, b, gru: Gru { common, ..Gru::default() } })
    }

    /// Outputs (B, T, D, n) and last states (B, D, n) of x (B, T, ..).
    pub(super) fn of(&self, x: &Var, sequence_lens: Option<&Var>, initial_h: Option<&Var>) -> Result<(Var, Var)> {
        let others = RecurrentInputs { b: Some(&self.b), sequence_lens, initial_h, ..RecurrentInputs::default() };
        x.gru(&self.w, &self.r, others, &self.gru)
    }
}
