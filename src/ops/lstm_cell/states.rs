//! `lstm_states`: the cell states of a sequence whose gates' sums are known but for what peepholes add.
//!
//! ```text
//! states[t] = f states[t - 1] + i g       i, f, g as LstmCell has them, of gates[t] and states[t - 1]
//!             states[t - 1]               behind the end of a sequence
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | gates | (T, n, 4 H) |
//! | cell | (n, H): before the first step |
//! | peepholes | (3, H): Pi, Pf, Po |
//! | `sequence_lens` | optional, i32 (n): longer than T is T |
//! | states | (T, n, H): after each step; `reverse` begins at the last |
//!
//! What a recurrent layer with peepholes has been through, when its gradient is asked for: the layer itself keeps its outputs alone. The
//! gradient is that of the steps one behind the other.

use super::{LstmCell, Params};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel};
use crate::graph::Var;
use crate::ops::{
    Candidate, Op, Site, WORKGROUP, aliases, check_inputs, check_rank, check_steps, composed, groups, rounded, stack, u32_of,
};

pub(super) static STATES: Kernel = kernel!("lstm_cell/states", Params, header: "alias Element = f32;\n\
    alias Word = u32;\nalias Int = i32;\nalias Flag = bool;\n");

/// The cell states of a sequence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmStates {
    /// A step.
    pub step: LstmCell,
    /// Whether the last step is the first.
    pub reverse: bool,
}

impl Var {
    /// The cell states (T, n, H) of gates' sums (T, n, 4 H), see [`LstmStates`].
    ///
    /// # Errors
    /// If shapes or dtypes are others.
    pub fn lstm_states(&self, cell: &Self, peepholes: &Self, sequence_lens: Option<&Self>, attributes: LstmStates) -> Result<Self> {
        self.apply1(attributes, &[cell, peepholes].into_iter().chain(sequence_lens).collect::<Vec<_>>())
    }
}

impl LstmStates {
    /// The time of step `step`.
    fn time(&self, step: usize, steps: usize) -> usize {
        if self.reverse { steps - 1 - step } else { step }
    }

    fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let [gates, cell, peepholes, lens @ ..] = inputs else { return Err(Error::shape(self.name(), "takes 3 inputs or 4")) };
        let steps = gates.shape()[0];
        check_steps(self.name(), steps)?;
        let of_steps = gates.split(0, &vec![1; steps])?;
        let (mut state, mut states) = (cell.clone(), vec![cell.clone(); steps]);
        for step in 0..steps {
            let time = self.time(step, steps);
            let [_, next] = of_steps[time].squeeze(0)?.lstm_cell(&state, Some(peepholes), self.step)?;
            state = match lens.first() {
                Some(lens) => {
                    let now = gates.graph().constant(Array::scalar(i32::try_from(time).unwrap_or(i32::MAX)))?;
                    lens.greater(&now)?.unsqueeze(1)?.where_(&next, &state)?
                }
                None => next,
            };
            states[time] = state.clone();
        }
        Ok(vec![stack(&states, 0)?])
    }
}

impl Op for LstmStates {
    fn name(&self) -> &'static str {
        "lstm_states"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=4)?;
        check_rank(self.name(), "gates", inputs[0], 3, "(T, n, 4 H)")?;
        let gates = TensorType::new(inputs[0].dtype, &inputs[0].shape[1..]);
        self.step.check(self.name(), &[&gates, inputs[1], inputs[2]])?;
        let wanted = TensorType::new(DType::I32, [gates.shape[0]]);
        if let Some(lens) = inputs.get(3).filter(|lens| ***lens != wanted) {
            return Err(Error::shape(self.name(), format!("sequence_lens must be {wanted}, it is {lens}")));
        }
        Ok(vec![TensorType::f32([&inputs[0].shape[..1], &inputs[1].shape].concat())])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (steps, hidden) = (inputs[0].shape()[0], inputs[1].shape()[1]);
        let lens = inputs.get(3).map(|lens| lens.values::<i32>()).transpose()?;
        let [gates, mut state, peepholes] = [0, 1, 2].map(|i| inputs[i].to_f64());
        let mut states = vec![0.0; steps * state.len()];
        for step in 0..steps {
            let time = self.time(step, steps);
            let of_step = [gates[time * 4 * state.len()..][..4 * state.len()].to_vec(), state.clone(), peepholes.clone()];
            for (at, state) in state.iter_mut().enumerate() {
                let (row, unit) = (at / hidden, at % hidden);
                if lens.is_none_or(|lens| usize::try_from(lens[row]).is_ok_and(|length| time < length)) {
                    *state = self.step.step(&of_step, row, unit, hidden).next;
                }
            }
            states[time * state.len()..][..state.len()].copy_from_slice(&state);
        }
        Ok(vec![rounded(&[&[steps], inputs[1].shape()].concat(), states)?])
    }

    /// A state is added to at each step.
    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Input(1) | Slot::Output(0))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (steps, lens) = (site.inputs[0].shape[0], (site.inputs.len() > 3).then_some(3));
        let params = Params { steps: u32_of(steps), ..self.step.params(site.inputs[1]) };
        let launch = Launch::new(&STATES, &params, groups(params.count as usize, WORKGROUP)).turns(steps);
        let launch = launch.header(aliases(DType::F32, 1)).constant("PEEPHOLES", 1).constant("REVERSE", u8::from(self.reverse));
        let launch = launch.constant("HAS_LENS", u8::from(lens.is_some())).input(0).input(1).input(2).optional_input(lens);
        Ok(vec![Candidate::one(launch.output(0))])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| self.composition(inputs))
    }
}
