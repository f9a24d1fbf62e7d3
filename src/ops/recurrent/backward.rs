//! `recurrent_gradient`: what goes back from step to step of an `lstm`, `gru` or `rnn`, once everything else is known.
//!
//! A step back is linear in the gradient of its state. dh is that of the state after a step, dp that of a gate before its activation, and
//! all factors, the slopes, come out of the states that the layer has been through, for all steps at once:
//!
//! ```text
//! dh[t]  = dy[t] + (what the step behind gives back)
//! rnn    dp = dh F                                                                            back: dp R
//! gru    dp[z] = dh Z, dp[r] = dh C, dp[h R'] = dh N      linear_before_reset                 back: dh K + dp R
//!        dp[z] = dh Z, dp[n] = dh N, u = dp[n] R[n], dp[r] = u C                              back: dh K + u S + dp[z] R[z] + dp[r] R[r]
//! lstm   dp[o] = dh O, dc = (from behind) + dh H, dp[i] = dc I, dp[f] = dc F, dp[c] = dc G    back: dp R, and dc K
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | `dy` | (D, T, B, H) |
//! | slopes | (D, T, B, S H): S of a unit, in the order F; Z, C, N, K; Z, C, N, K, S; I, O, F, G, H, K |
//! | r | (D, H, G H): the transpose, gates as the equations of the layer have them |
//! | last | (D, B, H): the gradient of the last states; an lstm's (D, B, 2 H): those of h, then those of c |
//! | dp | (D, T, B, G H) |
//! | dh | (D, T, B, H) |
//! | first | as last, of the states before the first step |
//!
//! With `holds` there is one slope more of an rnn or lstm, what of dh goes past the step: 1 behind the end of a sequence, where all others
//! are 0, an lstm's K aside.

use super::composition::check_steps;
use super::{Cell, Sizes};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;
use crate::ops::copy::{copies, gathering};
use crate::ops::matmul::rows_of_lanes;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, Team, Walk, aliases, check_inputs, composed, concat, dense, item_header, lanes, rounded, u32_of};

params! {
    struct Params {
        step: u32,
        steps: u32,
        batch: u32,
        hidden: u32,
        first: u32,
        depth: u32,
        chunks: u32,
        count: u32,
        reversed_from: u32,
    }
}

pub(super) static TEAM: Kernel = kernel!("recurrent_gradient/team", Params, header: "alias Scalar = f32;\n#import scalar\n");
pub(super) static LANES: Kernel = kernel!("recurrent_gradient/lanes", Params, header: "alias Element = f32;\n\
    alias Word = u32;\nalias Int = i32;\nalias Flag = bool;\nalias Float = f32;\n");

/// Sequences of a team.
const BATCH: usize = 4;

/// The way back through a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrenceGradient {
    /// What happened in a step.
    pub cell: Cell,
    /// The first direction that is reversed.
    pub reversed_from: usize,
    /// Whether sequences differ in length.
    pub holds: bool,
}

/// Where a step's numbers lie in the slopes of a unit.
const KEPT: usize = 3;
const SHARE: usize = 4;

impl RecurrenceGradient {
    fn resets(&self) -> bool {
        self.cell == Cell::Gru { linear_before_reset: false }
    }

    fn is_lstm(&self) -> bool {
        matches!(self.cell, Cell::Lstm { .. })
    }

    /// S.
    fn slopes(&self) -> usize {
        match self.cell {
            Cell::Rnn => 1 + usize::from(self.holds),
            Cell::Gru { linear_before_reset } => 5 - usize::from(linear_before_reset),
            Cell::Lstm { .. } => 6 + usize::from(self.holds),
        }
    }

    /// How many states a unit has.
    fn states(&self) -> usize {
        1 + usize::from(self.is_lstm())
    }

    fn sizes(&self, dy: &[usize]) -> Sizes {
        let [directions, steps, batch, hidden] = [0, 1, 2, 3].map(|d| dy.get(d).copied().unwrap_or(0));
        Sizes { steps, batch, directions, hidden, gates: self.cell.gates(), weights: 0 }
    }

    /// When step `step` of the way back was, in `direction`.
    fn time(&self, direction: usize, step: usize, steps: usize) -> usize {
        if direction >= self.reversed_from { step } else { steps - 1 - step }
    }

    /// A dispatch for each step, two of a gru whose reset comes before the product.
    fn candidate(&self, site: &Site<'_>, on_lanes: bool) -> Result<Candidate> {
        let sizes = self.sizes(&site.inputs[0].shape);
        let Sizes { steps, batch, directions, hidden, gates, .. } = sizes;
        // What is under way begins as what the outputs' gradients are.
        let mut launches = Vec::new();
        for (input, output) in [(0, 1), (3, 2)] {
            let shape = &site.inputs[input].shape;
            let nest = gathering(self.name(), DType::F32, shape, Walk::new(dense(shape)))?;
            launches.extend(copies(self.name(), site, input, output, &nest)?);
        }
        let (items, chunks, rows) = (lanes(hidden), batch.div_ceil(BATCH), rows_of_lanes(batch));
        let (lanes, whole) = (if on_lanes { 1 } else { items }, u8::from(items == 4));
        let count = directions * if on_lanes { batch.div_ceil(rows as usize) * hidden.div_ceil(32) } else { hidden * chunks };
        // What is multiplied lies in the first or second scratch buffer, n's part of what a reset is gone through with in the third.
        let turn = |step: usize| Slot::Scratch(step % 2);
        let cell = match self.cell {
            Cell::Rnn => 0,
            Cell::Lstm { .. } => 1,
            Cell::Gru { linear_before_reset: true } => 2,
            Cell::Gru { linear_before_reset: false } => 3,
        };
        // Of as many gates as are given, from one on, products are added up.
        let launch = |step: usize, resets: bool, of: std::ops::Range<usize>| {
            let params = Params {
                step: u32_of(step),
                steps: u32_of(steps),
                batch: u32_of(batch),
                hidden: u32_of(hidden),
                first: u32_of(of.start * hidden / lanes),
                depth: u32_of(of.len() * hidden / lanes),
                chunks: u32_of(chunks),
                count: u32_of(count),
                reversed_from: u32_of(self.reversed_from),
            };
            let launch = if on_lanes {
                let turns = of.len() * hidden.div_ceil(4) + nested(&[rows as usize, 4]);
                let launch = Launch::new(&LANES, &params, count as u64).turns(turns).constant("WHOLE", whole);
                let launch = launch.constant("ROWS", rows).constant("VECTORS", 1).constant("TRANSPOSE_B", 1);
                launch.constant("ALIGNED_A", whole).constant("ALIGNED_B", whole).header(aliases(DType::F32, 1))
            } else {
                let team = Team::of_many_sums(site.device, count, of.len() * hidden / lanes);
                team.set(Launch::new(&TEAM, &params, team.groups(count)), 1).header(item_header(DType::F32, lanes))
            };
            let (behind, ahead) = if resets { (Slot::Scratch(2), turn(step)) } else { (turn(step + 1), turn(step)) };
            let candidates = if self.resets() && !resets { Slot::Scratch(2) } else { Slot::Scratch(3) };
            launch
                .constant("CELL", cell)
                .constant("GATES", u32_of(gates))
                .constant("SLOPES", u32_of(self.slopes()))
                .constant("HOLDS", u8::from(self.holds))
                .constant("RESETS", u8::from(resets))
                .input(1)
                .input(2)
                .bind(behind, false, None)
                .bind(ahead, true, None)
                .output(0)
                .output(1)
                .output(2)
                .bind(candidates, true, None)
        };
        launches.push(launch(0, false, 0..0));
        for step in 0..steps {
            launches.extend(self.resets().then(|| launch(step, true, 2..3)));
            launches.push(launch(step + 1, false, 0..if self.resets() { 2 } else { gates }));
        }
        let of_gates = |gates: usize| TensorType::f32([directions, batch, gates * hidden]).device_bytes();
        Ok(Candidate { launches, scratch: vec![of_gates(gates), of_gates(gates), of_gates(1), 4], ..Candidate::default() })
    }

    /// The same with other operators, for the gradient's gradient.
    fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let [dy, slopes, r, last] = inputs else { return Err(Error::shape(self.name(), "takes 4 inputs")) };
        let Sizes { steps, batch, directions, hidden, gates, .. } = self.sizes(dy.shape());
        check_steps(self.name(), steps)?;
        let joined = |parts: &[Var], axis: isize| concat(&parts.iter().collect::<Vec<_>>(), axis);
        let mut all = [Vec::new(), Vec::new(), Vec::new()];
        for direction in 0..directions {
            let of = |v: &Var| v.narrow(0, direction, 1)?.squeeze(0);
            let (dy, slopes, r) = (of(dy)?, of(slopes)?, of(r)?.split(1, &vec![hidden; gates])?);
            let states = of(last)?.split(1, &vec![hidden; self.states()])?;
            let mut h = states[0].clone();
            let mut c = states.get(1).cloned();
            let mut made: [Vec<Option<Var>>; 2] = [vec![None; steps], vec![None; steps]];
            for step in 0..steps {
                let time = self.time(direction, step, steps);
                let at = |v: &Var| v.narrow(0, time, 1)?.squeeze(0);
                let s = at(&slopes)?.split(1, &vec![hidden; self.slopes()])?;
                let dh = h.add(&at(&dy)?)?;
                let held = if self.holds { Some(dh.mul(&s[self.slopes() - 1])?) } else { None };
                let mut dp: Vec<Var> = match &c {
                    Some(cell) => {
                        let cell = cell.add(&dh.mul(&s[4])?)?;
                        let dp = vec![cell.mul(&s[0])?, dh.mul(&s[1])?, cell.mul(&s[2])?, cell.mul(&s[3])?];
                        c = Some(cell.mul(&s[5])?);
                        dp
                    }
                    None => (0..gates).map(|gate| dh.mul(&s[gate])).collect::<Result<_>>()?,
                };
                let mut back = if let Cell::Gru { .. } = self.cell { Some(dh.mul(&s[KEPT])?) } else { held };
                if self.resets() {
                    let u = dp[2].matmul_transposed(&r[2])?;
                    dp[1] = u.mul(&s[1])?;
                    let share = u.mul(&s[SHARE])?;
                    back = back.map(|back| back.add(&share)).transpose()?;
                }
                for (gate, dp) in dp.iter().enumerate().filter(|(gate, _)| !self.resets() || *gate < 2) {
                    let part = dp.matmul_transposed(&r[gate])?;
                    back = Some(back.map_or_else(|| Ok(part.clone()), |back| back.add(&part))?);
                }
                h = back.ok_or_else(|| Error::shape(self.name(), "has no gates"))?;
                made[0][time] = Some(joined(&dp, 1)?.reshape([1, 1, batch, gates * hidden])?);
                made[1][time] = Some(dh.reshape([1, 1, batch, hidden])?);
            }
            for (all, made) in all.iter_mut().zip(made) {
                all.push(joined(&made.into_iter().flatten().collect::<Vec<_>>(), 1)?);
            }
            all[2].push(joined(&[h].into_iter().chain(c).collect::<Vec<_>>(), 1)?.unsqueeze(0)?);
        }
        all.iter().map(|parts| joined(parts, 0)).collect()
    }
}

impl Op for RecurrenceGradient {
    fn name(&self) -> &'static str {
        "recurrent_gradient"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 4..=4)?;
        let dy = inputs[0];
        let Sizes { steps, batch, directions, hidden, gates, .. } = self.sizes(&dy.shape);
        let wide = |count: usize| hidden.checked_mul(count).ok_or_else(|| Error::shape(self.name(), format!("{hidden} units")));
        let wanted = [
            ("dy", vec![directions, steps, batch, hidden]),
            ("slopes", vec![directions, steps, batch, wide(self.slopes())?]),
            ("r", vec![directions, hidden, wide(gates)?]),
            ("last", vec![directions, batch, wide(self.states())?]),
        ];
        for ((what, shape), ty) in wanted.into_iter().zip(inputs) {
            let wanted = TensorType::f32(shape);
            if **ty != wanted {
                return Err(Error::shape(self.name(), format!("{what} must be {wanted}, it is {ty}")));
            }
        }
        let gates = TensorType::new(DType::F32, [directions, steps, batch, gates * hidden]);
        Ok(vec![gates, dy.clone(), inputs[3].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let [dy, slopes, r, last] = [0, 1, 2, 3].map(|i| inputs[i].to_f64());
        let Sizes { steps, batch, directions, hidden, gates, .. } = self.sizes(inputs[0].shape());
        let mut all_dp = vec![0.0; dy.len() * gates];
        let mut all_dh = vec![0.0; dy.len()];
        let mut first = last.clone();
        for direction in 0..directions {
            // What gate `gate` gives back to a unit.
            let by_r = |dp: &[f64], gate: usize, unit: usize| {
                let weights = &r[((direction * hidden + unit) * gates + gate) * hidden..];
                dp[gate * hidden..][..hidden].iter().zip(weights).map(|(dp, r)| dp * r).sum::<f64>()
            };
            for b in 0..batch {
                let state = (direction * batch + b) * self.states() * hidden;
                let (mut h, mut c) = (last[state..][..hidden].to_vec(), vec![0.0; hidden]);
                if self.is_lstm() {
                    c.copy_from_slice(&last[state + hidden..][..hidden]);
                }
                for step in 0..steps {
                    let row = (direction * steps + self.time(direction, step, steps)) * batch + b;
                    let slope = |which: usize, unit: usize| slopes[(row * self.slopes() + which) * hidden + unit];
                    let dh: Vec<f64> = (0..hidden).map(|unit| h[unit] + dy[row * hidden + unit]).collect();
                    let mut dp = vec![0.0; gates * hidden];
                    for unit in 0..hidden {
                        let from = |gate: usize, c: f64| if self.is_lstm() && gate != 1 { c } else { dh[unit] };
                        let cell = c[unit] + if self.is_lstm() { dh[unit] * slope(4, unit) } else { 0.0 };
                        (0..gates).for_each(|gate| dp[gate * hidden + unit] = from(gate, cell) * slope(gate, unit));
                        c[unit] = if self.is_lstm() { cell * slope(5, unit) } else { 0.0 };
                    }
                    let kept = |unit: usize| match self.cell {
                        Cell::Gru { .. } => dh[unit] * slope(KEPT, unit),
                        _ if self.holds => dh[unit] * slope(self.slopes() - 1, unit),
                        _ => 0.0,
                    };
                    h = (0..hidden).map(kept).collect();
                    let mut summed = gates;
                    if self.resets() {
                        let u: Vec<f64> = (0..hidden).map(|unit| by_r(&dp, 2, unit)).collect();
                        for unit in 0..hidden {
                            dp[hidden + unit] = u[unit] * slope(1, unit);
                            h[unit] += u[unit] * slope(SHARE, unit);
                        }
                        summed = 2;
                    }
                    (0..hidden).for_each(|unit| h[unit] += (0..summed).map(|gate| by_r(&dp, gate, unit)).sum::<f64>());
                    all_dp[row * gates * hidden..][..gates * hidden].copy_from_slice(&dp);
                    all_dh[row * hidden..][..hidden].copy_from_slice(&dh);
                }
                first[state..][..hidden].copy_from_slice(&h);
                if self.is_lstm() {
                    first[state + hidden..][..hidden].copy_from_slice(&c);
                }
            }
        }
        let mut shape = inputs[0].shape().to_vec();
        shape[3] *= gates;
        Ok(vec![rounded(&shape, all_dp)?, rounded(inputs[0].shape(), all_dh)?, rounded(inputs[3].shape(), first)?])
    }

    /// Steps hand on what they made.
    fn exact(&self, slot: Slot) -> bool {
        matches!(slot, Slot::Output(_))
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let on_lanes = site.device.has_lanes().then(|| self.candidate(site, true));
        on_lanes.into_iter().chain([self.candidate(site, false)]).collect()
    }

    fn multiply_adds(&self, inputs: &[&TensorType], _: &[&TensorType]) -> u64 {
        crate::ops::multiplied(inputs[2].elements(), inputs[0].shape.get(1..3).unwrap_or_default())
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        composed(inputs, output_grads, |inputs| self.composition(inputs))
    }
}
