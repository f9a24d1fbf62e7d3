//! `lstm_cell`: what one step of an lstm does with the sums of its gates, in one dispatch, and one more on the way back.
//!
//! ```text
//! i = sigmoid(gates[i] + Pi c)   f = sigmoid(gates[f] + Pf c)   g = tanh(gates[g])
//! next = f c + i g               o = sigmoid(gates[o] + Po next)               h = o tanh(next)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | gates | (n, 4 H): the sums of i, f, g and o, or in another order |
//! | cell | (n, H): c |
//! | peepholes | optional, (3, H): Pi, Pf, Po |
//! | h, next | (n, H) |
//!
//! For steps between which something else happens, as a decoder looks somewhere else before each word; [`Var::lstm`] goes through whole
//! sequences. Gradients come of [`LstmCellGradient`]: those of what gates are given may be clipped there, as in Graves, Generating
//! Sequences With Recurrent Neural Networks (arXiv 1308.0850), section 2.1. PyTorch: what `nn.LSTMCell` does behind its two products.

mod gradient;
mod states;

pub use gradient::LstmCellGradient;
pub use states::LstmStates;

use super::{Candidate, Op, Site, WORKGROUP, aliases, check_dtype, check_inputs, check_rank, groups, rounded, u32_of, zeros};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        places: [u32; 4],
        count: u32,
        hidden: u32,
        bound: f32,
        steps: u32,
    }
}

static CELL: Kernel =
    kernel!("lstm_cell/cell", Params, header: "alias Element = f32;\nalias Word = u32;\nalias Int = i32;\nalias Flag = bool;\n");
pub(super) const KERNELS: &[&Kernel] = &[&CELL, &gradient::GRADIENT, &states::STATES];

/// A step of an lstm behind its products.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmCell {
    /// Where i, f, g and o stand among the four gates: 0, 1, 2, 3 in PyTorch.
    pub places: [usize; 4],
    /// Brings the gradient of each gate's sum between less this and this.
    pub clip_gradient: Option<f32>,
}

impl Default for LstmCell {
    /// PyTorch's order, and gradients as they are.
    fn default() -> Self {
        Self { places: [0, 1, 2, 3], clip_gradient: None }
    }
}

impl Var {
    /// h and the next cell state, (n, H) each, of the sums of gates (n, 4 H), the cell state before (n, H) and peepholes (3, H) of i, f and o.
    ///
    /// # Errors
    /// If shapes or dtypes are others, the places are not 0 to 3, or the bound is not positive.
    pub fn lstm_cell(&self, cell: &Self, peepholes: Option<&Self>, attributes: LstmCell) -> Result<[Self; 2]> {
        let made = self.graph().apply(attributes, &[self, cell].into_iter().chain(peepholes).collect::<Vec<_>>())?;
        <[Self; 2]>::try_from(made).map_err(|made| Error::shape("lstm_cell", format!("{} outputs", made.len())))
    }
}

/// Of the definition.
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What a step is made of, in f64.
struct Step {
    i: f64,
    f: f64,
    g: f64,
    o: f64,
    next: f64,
}

impl LstmCell {
    /// The types of gates, cell state and peepholes agree.
    fn check(&self, name: &'static str, inputs: &[&TensorType]) -> Result<()> {
        check_rank(name, "cell", inputs[1], 2, "(n, H)")?;
        check_dtype(name, "cell", inputs[1], DType::F32)?;
        let hidden = inputs[1].shape[1];
        let wide = hidden.checked_mul(4).ok_or_else(|| Error::shape(name, format!("{hidden} units")))?;
        let wanted = [TensorType::f32([inputs[1].shape[0], wide]), inputs[1].clone(), TensorType::f32([3, hidden])];
        for ((what, wanted), ty) in ["gates", "cell", "peepholes"].iter().zip(&wanted).zip(inputs) {
            if *ty != wanted {
                return Err(Error::shape(name, format!("{what} must be {wanted} with a cell {}, it is {ty}", inputs[1])));
            }
        }
        let mut places = self.places;
        places.sort_unstable();
        if places != [0, 1, 2, 3] {
            return Err(Error::shape(name, format!("gates at {:?}; each of 0 to 3 is the place of one", self.places)));
        }
        if let Some(bound) = self.clip_gradient.filter(|bound| bound.is_nan() || *bound <= 0.0) {
            return Err(Error::shape(name, format!("gradients clipped at {bound}; it must be positive")));
        }
        Ok(())
    }

    /// Where a gate of unit `unit` of row `row` lies.
    fn at(&self, gate: usize, row: usize, unit: usize, hidden: usize) -> usize {
        (row * 4 + self.places[gate]) * hidden + unit
    }

    /// The definition, of unit `unit` of row `row`; `inputs` are gates, cell states and peepholes.
    fn step(&self, inputs: &[Vec<f64>], row: usize, unit: usize, hidden: usize) -> Step {
        let sum = |gate: usize| inputs[0][self.at(gate, row, unit, hidden)];
        let peephole = |k: usize| inputs.get(2).map_or(0.0, |peepholes| peepholes[k * hidden + unit]);
        let c = inputs[1][row * hidden + unit];
        let (i, f, g) = (sigmoid(sum(0) + peephole(0) * c), sigmoid(sum(1) + peephole(1) * c), sum(2).tanh());
        let next = f * c + i * g;
        Step { i, f, g, o: sigmoid(sum(3) + peephole(2) * next), next }
    }

    fn params(&self, cell: &TensorType) -> Params {
        let bound = self.clip_gradient.unwrap_or(f32::INFINITY);
        Params { places: self.places.map(u32_of), count: u32_of(cell.elements()), hidden: u32_of(cell.shape[1]), bound, steps: 1 }
    }
}

impl Op for LstmCell {
    fn name(&self) -> &'static str {
        "lstm_cell"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        self.check(self.name(), inputs)?;
        Ok(vec![inputs[1].clone(), inputs[1].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (shape, hidden) = (inputs[1].shape(), inputs[1].shape()[1]);
        let inputs: Vec<Vec<f64>> = inputs.iter().map(|array| array.to_f64()).collect();
        let steps = (0..inputs[1].len()).map(|at| self.step(&inputs, at / hidden, at % hidden, hidden));
        let (h, next) = steps.map(|step| (step.o * step.next.tanh(), step.next)).unzip();
        Ok(vec![rounded(shape, h)?, rounded(shape, next)?])
    }

    /// A cell state is added to at each step.
    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Input(1) | Slot::Output(1))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let peepholes = (site.inputs.len() > 2).then_some(2);
        let params = self.params(site.inputs[1]);
        let launch =
            Launch::new(&CELL, &params, groups(params.count as usize, WORKGROUP)).constant("PEEPHOLES", u8::from(peepholes.is_some()));
        Ok(vec![Candidate::one(launch.header(aliases(DType::F32, 1)).input(0).input(1).optional_input(peepholes).output(0).output(1))])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let cell = &inputs[1];
        let of = |k: usize| output_grads.get(k).cloned().flatten().map_or_else(|| zeros(cell, cell.shape()), Ok);
        let (by_h, by_next) = (of(0)?, of(1)?);
        let all: Vec<&Var> = inputs.iter().chain([&by_h, &by_next]).collect();
        let mut made = cell.graph().apply(LstmCellGradient { step: *self }, &all)?;
        let by_peepholes = made.split_off(2);
        let by_peepholes = by_peepholes.first().map(|each| each.reduce_sum(&[0], false)).transpose()?;
        Ok(made.into_iter().chain(by_peepholes).map(Some).collect())
    }
}
