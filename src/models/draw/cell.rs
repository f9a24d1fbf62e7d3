//! An LSTM without peepholes, a step at a time.

use crate::array::TensorType;
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::{Affine, Fill, Layers, remembering};
use crate::ops::{LstmCell, concat, zeros};

/// [i; f; g; o] = W [x; h] + b, c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c).
#[derive(Clone, Debug)]
pub(super) struct Lstm {
    gates: Affine,
}

/// Output and cell, (n, units).
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) h: Var,
    c: Var,
}

impl Lstm {
    /// `<name>.weight` (4 units, inputs + units) and `<name>.bias`. At first a step remembers.
    pub(super) fn new(layers: &mut Layers<'_>, name: &str, inputs: usize, units: usize) -> Result<Self> {
        let [all, four] = [inputs.saturating_add(units), units.saturating_mul(4)];
        // Sizes that no weight can have are refused before numbers are made for them.
        TensorType::f32([four, all]).checked_elements()?;
        let gates = layers.affine(name, [all, four], [Fill::He(all), Fill::Given(&remembering(units))])?;
        Ok(Self { gates })
    }

    /// The state whose output is `h` (n, units), and whose cells are 0.
    pub(super) fn begin(&self, h: Var) -> Result<State> {
        let c = zeros(&h, h.shape())?;
        Ok(State { h, c })
    }

    /// The state after `inputs`, each (n, ..), which lie one behind the other in x.
    pub(super) fn step(&self, inputs: &[&Var], State { h, c }: &State) -> Result<State> {
        let all: Vec<&Var> = inputs.iter().copied().chain([h]).collect();
        let [h, c] = self.gates.of(&concat(&all, 1)?)?.lstm_cell(c, None, LstmCell::default())?;
        Ok(State { h, c })
    }
}
