//! An LSTM with peepholes, a step at a time, whose gates' gradients are clipped.

use crate::array::TensorType;
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::{Fill, Layers, remembering};
use crate::ops::{LstmCell, concat, zeros};

/// The largest gradient of a gate's sum, of a loss of one line (section 2.1 of the paper).
const GATE: f32 = 10.0;

/// [i; f; g; o] = W x + R h + b: i and f see the cell before through peepholes, o the new one.
///
/// ```text
/// i = sigmoid(i + Pi c)   f = sigmoid(f + Pf c)   c = f c + i tanh(g)   o = sigmoid(o + Po c)   h = o tanh(c)
/// ```
#[derive(Clone, Debug)]
pub(super) struct Cell {
    input: Var,
    bias: Var,
    recurrent: Var,
    peepholes: Var,
    units: usize,
}

/// Output and cell, (n, units).
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) h: Var,
    pub(super) c: Var,
}

impl Cell {
    /// `<name>.input.weight` (4 units, inputs), `<name>.input.bias`, `<name>.recurrent` (4 units, units and `more` that come with the state)
    /// and `<name>.peepholes` (3, units): Pi, Pf, Po. At first a step remembers.
    pub(super) fn new(layers: &mut Layers<'_>, name: &str, inputs: usize, more: usize, units: usize) -> Result<Self> {
        let (four, handed_on) = (units.saturating_mul(4), units.saturating_add(more));
        // Sizes that no weight can have are refused before numbers are made for them.
        TensorType::f32([four, handed_on.saturating_add(inputs)]).checked_elements()?;
        let fill = Fill::Uniform(inputs.saturating_add(handed_on));
        Ok(Self {
            input: layers.tensor(&format!("{name}.input.weight"), &[four, inputs], fill)?,
            bias: layers.tensor(&format!("{name}.input.bias"), &[four], Fill::Given(&remembering(units)))?,
            recurrent: layers.tensor(&format!("{name}.recurrent"), &[four, handed_on], fill)?,
            peepholes: layers.tensor(&format!("{name}.peepholes"), &[3, units], Fill::Zeros)?,
            units,
        })
    }

    /// W x + b of `inputs`, each (.., numbers), which lie one behind the other in x.
    pub(super) fn sums(&self, inputs: &[&Var]) -> Result<Var> {
        concat(inputs, -1)?.linear(&self.input, Some(&self.bias))
    }

    /// The state of `n` lines before their first point.
    pub(super) fn begin(&self, like: &Var, n: usize) -> Result<State> {
        let zeros = zeros(like, &[n, self.units])?;
        Ok(State { h: zeros.clone(), c: zeros })
    }

    /// The state after [`Cell::sums`] (n, 4 units), with what comes with h.
    pub(super) fn step(&self, sums: &Var, State { h, c }: &State, more: Option<&Var>) -> Result<State> {
        let n = h.shape()[0];
        let handed_on = more.map_or_else(|| Ok(h.clone()), |more| concat(&[h, more], 1))?;
        let sums = sums.add(&handed_on.linear(&self.recurrent, None)?)?;
        // Of a mean over n lines each has an nth.
        let clip_gradient = Some(GATE / n.max(1) as f32);
        let [h, c] = sums.lstm_cell(c, Some(&self.peepholes), LstmCell { clip_gradient, ..LstmCell::default() })?;
        Ok(State { h, c })
    }
}
