//! The equations, sequence by sequence, in f64.

use super::{Cell, Recurrence, Sizes};
use crate::array::Array;
use crate::error::Result;
use crate::ops::{rounded, types};

impl Recurrence {
    pub(super) fn definition(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (types, given) = (types(inputs), self.given());
        let sizes = self.sizes(&types.iter().collect::<Vec<_>>())?;
        let Sizes { steps, batch, directions, hidden, gates, weights: row } = sizes;
        let strides = sizes.strides(self.attributes.batch_first);
        let (x, r) = (inputs[0].to_f64(), inputs[1].to_f64());
        let [weights, lens, initial_h, initial_c] =
            [given.weights, given.lens, given.h, given.c].map(|index| index.map(|i| inputs[i].to_f64()));
        let places = self.cell.places(self.attributes.gates);

        let elements = steps * directions * batch * hidden;
        let mut y = vec![0.0; elements];
        let (mut y_h, mut y_c) = (vec![0.0; directions * batch * hidden], vec![0.0; directions * batch * hidden]);
        for direction in 0..directions {
            for b in 0..batch {
                let state = direction * strides.state_direction + b * strides.state_batch;
                let initial = |values: &Option<Vec<f64>>| values.as_ref().map_or(vec![0.0; hidden], |v| v[state..state + hidden].to_vec());
                let (mut h, mut c) = (initial(&initial_h), initial(&initial_c));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number between 0 and steps")]
                let length = lens.as_ref().map_or(steps, |lens| lens[b].clamp(0.0, steps as f64) as usize);
                for step in 0..length {
                    let time = if direction >= self.attributes.direction.reversed_from() { length - 1 - step } else { step };
                    let x = &x[time * strides.x_time + b * strides.x_batch + direction * gates * hidden..];
                    let bias = |at: usize| weights.as_ref().filter(|_| self.bias).map_or(0.0, |w| w[direction * row + at]);
                    let peephole = |k: usize, unit: usize| {
                        let peepholes = weights.as_ref().filter(|_| self.peepholes);
                        peepholes.map_or(0.0, |w| w[(direction + 1) * row - 3 * hidden + k * hidden + unit])
                    };
                    // x W' + Wb and h R' + Rb of a gate.
                    let wx = |gate: usize, unit: usize| x[places[gate] * hidden + unit] + bias(places[gate] * hidden + unit);
                    let rh = |gate: usize, unit: usize, h: &[f64]| {
                        let at = places[gate] * hidden + unit;
                        let weights = &r[(direction * gates * hidden + at) * hidden..];
                        h.iter().zip(weights).map(|(h, w)| h * w).sum::<f64>() + bias(gates * hidden + at)
                    };
                    let activate = |k: usize, x: f64| {
                        let clip = self.attributes.clip.map_or(f64::INFINITY, f64::from);
                        self.activation(direction, k).map_or(f64::NAN, |a| a.of(x.clamp(-clip, clip)))
                    };
                    let units = 0..hidden;
                    match self.cell {
                        Cell::Lstm { input_forget } => {
                            let [input, output, forget, cell] = [0, 1, 2, 3];
                            let mut next = vec![0.0; hidden];
                            for unit in units {
                                let before = c[unit];
                                let i = activate(0, wx(input, unit) + rh(input, unit, &h) + peephole(0, unit) * before);
                                let f = activate(0, wx(forget, unit) + rh(forget, unit, &h) + peephole(2, unit) * before);
                                let f = if input_forget { 1.0 - i } else { f };
                                c[unit] = f * before + i * activate(1, wx(cell, unit) + rh(cell, unit, &h));
                                let o = activate(0, wx(output, unit) + rh(output, unit, &h) + peephole(1, unit) * c[unit]);
                                next[unit] = o * activate(2, c[unit]);
                            }
                            h = next;
                        }
                        Cell::Gru { linear_before_reset } => {
                            let [update, reset, hide] = [0, 1, 2];
                            let z: Vec<f64> = units.clone().map(|unit| activate(0, wx(update, unit) + rh(update, unit, &h))).collect();
                            let r: Vec<f64> = units.clone().map(|unit| activate(0, wx(reset, unit) + rh(reset, unit, &h))).collect();
                            let kept: Vec<f64> = r.iter().zip(&h).map(|(r, h)| r * h).collect();
                            let n = |unit: usize| {
                                let u = if linear_before_reset { r[unit] * rh(hide, unit, &h) } else { rh(hide, unit, &kept) };
                                activate(1, wx(hide, unit) + u)
                            };
                            h = units.map(|unit| (1.0 - z[unit]) * n(unit) + z[unit] * h[unit]).collect();
                        }
                        Cell::Rnn => h = units.map(|unit| activate(0, wx(0, unit) + rh(0, unit, &h))).collect(),
                    }
                    let at = time * strides.y_time + direction * strides.y_direction + b * strides.y_batch;
                    y[at..at + hidden].copy_from_slice(&h);
                }
                y_h[state..state + hidden].copy_from_slice(&h);
                y_c[state..state + hidden].copy_from_slice(&c);
            }
        }
        let state = sizes.state(self.attributes.batch_first);
        let shape = if self.attributes.batch_first { [batch, steps, directions, hidden] } else { [steps, directions, batch, hidden] };
        let mut outputs = vec![rounded(&shape, y)?, rounded(&state, y_h)?];
        if matches!(self.cell, Cell::Lstm { .. }) {
            outputs.push(rounded(&state, y_c)?);
        }
        Ok(outputs)
    }
}
