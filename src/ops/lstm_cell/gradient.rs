//! `lstm_cell_gradient`: a step of an lstm back.
//!
//! ```text
//! to_o = clip(by_h tanh(next) o (1 - o))      to_next = by_next + by_h o (1 - tanh(next)^2) + to_o Po
//! to_i = clip(to_next g i (1 - i))            to_f = clip(to_next c f (1 - f))           to_g = clip(to_next i (1 - g^2))
//! by_gates = [to_i; to_f; to_g; to_o]         by_cell = to_next f + to_i Pi + to_f Pf
//! by_peepholes = [to_i c; to_f c; to_o next]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | gates, cell, peepholes | as [`LstmCell`] has them |
//! | `by_h`, `by_next` | (n, H): the gradients of its outputs |
//! | `by_gates` | (n, 4 H) |
//! | `by_cell` | (n, H) |
//! | `by_peepholes` | (n, 3, H), with peepholes: of each row, to be added up |

use super::{LstmCell, Params};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel};
use crate::graph::Var;
use crate::ops::{Candidate, Op, Site, WORKGROUP, aliases, check_inputs, composed, concat, groups, number, rounded, stack};

pub(super) static GRADIENT: Kernel = kernel!("lstm_cell/gradient", Params, header: "alias Element = f32;\n\
    alias Word = u32;\nalias Int = i32;\nalias Flag = bool;\n");

/// A step back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LstmCellGradient {
    /// The step.
    pub step: LstmCell,
}

impl LstmCellGradient {
    fn clipped(&self, gradient: f64) -> f64 {
        let bound = f64::from(self.step.clip_gradient.unwrap_or(f32::INFINITY));
        if gradient.is_nan() { gradient } else { gradient.clamp(-bound, bound) }
    }

    /// The same of other operators, for the gradient's gradient.
    fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let [gates, c, given @ .., by_h, by_next] = inputs else { return Err(Error::shape(self.name(), "takes 4 inputs or 5")) };
        let hidden = c.shape()[1];
        let sums = gates.split(1, &[hidden; 4])?;
        let sum = |gate: usize| &sums[self.step.places[gate]];
        let peephole = |k: usize| given.first().map(|peepholes| peepholes.narrow(0, k, 1)).transpose();
        let peeping = |gate: usize, k: usize, c: &Var| match peephole(k)? {
            Some(peephole) => sum(gate).add(&c.mul(&peephole)?)?.sigmoid(),
            None => sum(gate).sigmoid(),
        };
        let clipped = |gradient: Var| match self.step.clip_gradient {
            Some(bound) => gradient.clip(Some(-bound), Some(bound)),
            None => Ok(gradient),
        };
        let rest = |x: &Var| number(x, 1.0)?.sub(x);
        let (i, f, g) = (peeping(0, 0, c)?, peeping(1, 1, c)?, sum(2).tanh()?);
        let next = f.mul(c)?.add(&i.mul(&g)?)?;
        let (o, seen) = (peeping(3, 2, &next)?, next.tanh()?);
        let to_o = clipped(by_h.mul(&seen)?.mul(&o)?.mul(&rest(&o)?)?)?;
        let mut to_next = by_next.add(&by_h.mul(&o)?.mul(&rest(&seen.mul(&seen)?)?)?)?;
        if let Some(peephole) = peephole(2)? {
            to_next = to_next.add(&to_o.mul(&peephole)?)?;
        }
        let to_i = clipped(to_next.mul(&g)?.mul(&i)?.mul(&rest(&i)?)?)?;
        let to_f = clipped(to_next.mul(c)?.mul(&f)?.mul(&rest(&f)?)?)?;
        let to_g = clipped(to_next.mul(&i)?.mul(&rest(&g.mul(&g)?)?)?)?;
        let mut by_cell = to_next.mul(&f)?;
        for (k, to) in [&to_i, &to_f].into_iter().enumerate() {
            if let Some(peephole) = peephole(k)? {
                by_cell = by_cell.add(&to.mul(&peephole)?)?;
            }
        }
        let mut placed = [&to_i; 4];
        for (gate, to) in [&to_i, &to_f, &to_g, &to_o].into_iter().enumerate() {
            placed[self.step.places[gate]] = to;
        }
        let mut made = vec![concat(&placed, 1)?, by_cell];
        if !given.is_empty() {
            made.push(stack(&[to_i.mul(c)?, to_f.mul(c)?, to_o.mul(&next)?], 1)?);
        }
        Ok(made)
    }
}

impl Op for LstmCellGradient {
    fn name(&self) -> &'static str {
        "lstm_cell_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 4..=5)?;
        let (step, given) = inputs.split_at(inputs.len() - 2);
        self.step.check(self.name(), step)?;
        if let Some(ty) = given.iter().find(|ty| **ty != step[1]) {
            return Err(Error::shape(self.name(), format!("gradients of h and of the cell must be {}, one is {ty}", step[1])));
        }
        let mut outputs = vec![step[0].clone(), step[1].clone()];
        outputs.extend((step.len() > 2).then(|| TensorType::f32([step[1].shape[0], 3, step[1].shape[1]])));
        Ok(outputs)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (shapes, hidden) = ([inputs[0].shape(), inputs[1].shape()], inputs[1].shape()[1]);
        let all: Vec<Vec<f64>> = inputs.iter().map(|array| array.to_f64()).collect();
        let (step, given) = all.split_at(all.len() - 2);
        let peephole = |k: usize, unit: usize| step.get(2).map_or(0.0, |peepholes| peepholes[k * hidden + unit]);
        let (mut by_gates, mut by_cell) = (vec![0.0; all[0].len()], vec![0.0; all[1].len()]);
        let mut by_peepholes = vec![0.0; all[1].len() * 3];
        for at in 0..all[1].len() {
            let (row, unit, c) = (at / hidden, at % hidden, all[1][at]);
            let super::Step { i, f, g, o, next } = self.step.step(step, row, unit, hidden);
            let (by_h, seen) = (given[0][at], next.tanh());
            let to_o = self.clipped(by_h * seen * o * (1.0 - o));
            let to_next = given[1][at] + by_h * o * (1.0 - seen * seen) + to_o * peephole(2, unit);
            let to_i = self.clipped(to_next * g * i * (1.0 - i));
            let to_f = self.clipped(to_next * c * f * (1.0 - f));
            let to_g = self.clipped(to_next * i * (1.0 - g * g));
            for (gate, to) in [to_i, to_f, to_g, to_o].into_iter().enumerate() {
                by_gates[self.step.at(gate, row, unit, hidden)] = to;
            }
            by_cell[at] = to_next * f + to_i * peephole(0, unit) + to_f * peephole(1, unit);
            for (k, to) in [to_i * c, to_f * c, to_o * next].into_iter().enumerate() {
                by_peepholes[(row * 3 + k) * hidden + unit] = to;
            }
        }
        let mut outputs = vec![rounded(shapes[0], by_gates)?, rounded(shapes[1], by_cell)?];
        if step.len() > 2 {
            outputs.push(rounded(&[shapes[1][0], 3, hidden], by_peepholes)?);
        }
        Ok(outputs)
    }

    /// What goes back is added to at each step.
    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Input(_) | Slot::Output(_))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let peepholes = (site.inputs.len() > 4).then_some(2);
        let first = site.inputs.len() - 2;
        let params = self.step.params(site.inputs[1]);
        let launch = Launch::new(&GRADIENT, &params, groups(params.count as usize, WORKGROUP));
        let launch = launch.constant("PEEPHOLES", u8::from(peepholes.is_some()));
        let launch = launch
            .header(aliases(DType::F32, 1))
            .input(0)
            .input(1)
            .optional_input(peepholes)
            .input(first)
            .input(first + 1)
            .output(0)
            .output(1);
        // Without peepholes nothing is written there, but something must be bound.
        let (last, scratch) = if peepholes.is_some() { (Slot::Output(2), vec![]) } else { (Slot::Scratch(0), vec![4]) };
        Ok(vec![Candidate { launches: vec![launch.bind(last, true, None)], scratch, ..Candidate::default() }])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| self.composition(inputs))
    }
}
