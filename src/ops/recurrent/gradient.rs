//! The way back through time: the states that the layer has been through give everything that does not hand anything on, all steps at
//! once; what does is left to [`RecurrenceGradient`]; and the weights' gradients are products over all steps again.
//!
//! Slopes, what a step's states change by when a gate's sum or a state before does, are gradients of the step's own equations, which are
//! elementwise once the products with R are given: so any activation and any clip has its own.

use super::composition::CELL;
use super::{Cell, Given, Recurrence, RecurrenceGradient, Sizes};
use crate::array::{Array, DType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{LinearRecurrence, LstmStates, Op, concat, number, only_where, zeros};

/// What a step's equations are about, all (D, T, B, ..).
struct Steps<'a> {
    op: &'a Recurrence,
    sizes: Sizes,
    /// x W' + Wb, gates in the order of the equations.
    x: Var,
    /// R of the same order, (D, G H, H), and Rb, (D, 1, 1, G H).
    r: Var,
    rb: Option<Var>,
    /// h before each step.
    h: Var,
    /// Whether a step is before the end of its sequence, (1, T, B, 1), and how long sequences are.
    lasts: Option<Var>,
    lens: Option<Var>,
    /// Pi, Po, Pf, (D, 1, 1, H) each.
    peepholes: Option<Vec<Var>>,
}

/// What a step back takes, and what the weights' gradients need.
struct Slopes {
    /// As [`RecurrenceGradient`] takes them.
    all: Vec<Var>,
    /// Of a gru: N, whether r is applied before or after; r h.
    candidate: Option<Var>,
    reset: Option<Var>,
    /// Of an lstm: the cell states before each step, and after.
    cells: Option<[Var; 2]>,
}

impl Recurrence {
    /// The gradients of the inputs, of which the first output was `y`, from those of the outputs.
    pub(super) fn through_time(&self, inputs: &[Var], y: &Var, output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let given = self.given();
        let sizes = self.sizes(&inputs.iter().map(Var::ty).collect::<Vec<_>>())?;
        let Sizes { steps, batch, directions, hidden, gates, .. } = sizes;
        let wide = gates * hidden;
        let gone = self.steps(inputs, y, given, sizes)?;
        let slopes = gone.slopes(given.c.map(|i| self.state(&inputs[i])).transpose()?)?;

        let grad = |i: usize| output_grads.get(i).and_then(Option::as_ref);
        let none = |shape: &[usize]| zeros(y, shape);
        let dy = grad(0).map_or_else(|| none(&[directions, steps, batch, hidden]), |grad| self.by_direction(grad))?;
        let of_state = |i: usize| grad(i).map_or_else(|| none(&[directions, batch, hidden]), |grad| self.state(grad));
        let mut last = of_state(1)?;
        let is_lstm = matches!(self.cell, Cell::Lstm { .. });
        if is_lstm {
            last = concat(&[&last, &of_state(2)?], 2)?;
        }
        let dy = gone.lasts.as_ref().map_or(Ok(dy.clone()), |lasts| only_where(lasts, &dy))?;
        let masked = concat(&slopes.all.iter().collect::<Vec<_>>(), 3)?;
        let back = RecurrenceGradient {
            cell: self.cell,
            reversed_from: self.attributes.direction.reversed_from(),
            holds: gone.lasts.is_some() && !matches!(self.cell, Cell::Gru { .. }),
        };
        let made = dy.apply_all(back, &[&masked, &gone.r.transpose([0, 2, 1])?, &last])?;
        let [dp, dh, first] = <[Var; 3]>::try_from(made).map_err(|made| Error::shape(self.name(), format!("{} outputs", made.len())))?;

        // What x gets, and what h R' does: the same but for a gru's n if r is applied to the product.
        let dx = match (&slopes.candidate, self.cell) {
            (Some(candidate), Cell::Gru { linear_before_reset: true }) => concat(&[&dp.narrow(3, 0, 2 * hidden)?, &dh.mul(candidate)?], 3)?,
            _ => dp.clone(),
        };
        let rows = |v: &Var| v.reshape([directions, steps * batch, v.shape()[3]]);
        let product = |dp: &Var, h: &Var| rows(dp)?.swap_axes(1, 2)?.matmul(&rows(h)?);
        let dr = match &slopes.reset {
            Some(reset) => {
                let parts = [(0, 2, &gone.h), (2, 1, reset)].map(|(from, of, h)| product(&dp.narrow(3, from * hidden, of * hidden)?, h));
                let [gates, candidate] = parts;
                concat(&[&gates?, &candidate?], 1)?
            }
            None => product(&dp, &gone.h)?,
        };
        let summed = |v: &Var| self.stored(&v.reduce_sum(&[1, 2], false)?, 1, hidden);
        let mut gradients = vec![None; given.count];
        let by_time = self.stored(&dx, 3, hidden)?.transpose(if self.attributes.batch_first { [2, 1, 0, 3] } else { [1, 2, 0, 3] })?;
        gradients[0] = Some(by_time.reshape(inputs[0].shape().to_vec())?);
        gradients[1] = Some(self.stored(&dr.reshape([directions, wide, hidden])?, 1, hidden)?);
        if let Some(weights) = given.weights {
            let mut parts = if self.bias { vec![summed(&dx)?, summed(&dp)?] } else { Vec::new() };
            if let Some([before, after]) = slopes.cells.as_ref().filter(|_| self.peepholes) {
                // Pi, Po and Pf see the cell state before, the new one, the one before.
                for (gate, seen) in [before, after, before].into_iter().enumerate() {
                    parts.push(dp.narrow(3, gate * hidden, hidden)?.mul(seen)?.reduce_sum(&[1, 2], false)?);
                }
            }
            gradients[weights] = Some(concat(&parts.iter().collect::<Vec<_>>(), 1)?);
        }
        let state = |from: usize| self.state(&first.narrow(2, from * hidden, hidden)?);
        if let Some(h) = given.h {
            gradients[h] = Some(state(0)?);
        }
        if let Some(c) = given.c {
            gradients[c] = Some(state(1)?);
        }
        Ok(gradients)
    }

    /// y, or its gradient, as (D, T, B, H).
    fn by_direction(&self, y: &Var) -> Result<Var> {
        y.transpose(if self.attributes.batch_first { [2, 1, 0, 3] } else { [1, 0, 2, 3] })
    }

    /// A state as (D, B, H), or such a one as the layer has it.
    fn state(&self, state: &Var) -> Result<Var> {
        if self.attributes.batch_first { state.transpose([1, 0, 2]) } else { Ok(state.clone()) }
    }

    fn steps(&self, inputs: &[Var], y: &Var, given: Given, sizes: Sizes) -> Result<Steps<'_>> {
        let Sizes { steps, batch, directions, hidden, gates, .. } = sizes;
        let (wide, first) = (gates * hidden, self.attributes.batch_first);
        let x = inputs[0].reshape(if first { [batch, steps, directions, wide] } else { [steps, batch, directions, wide] })?;
        let mut x = self.ordered(&x.transpose(if first { [2, 1, 0, 3] } else { [2, 0, 1, 3] })?, 3, hidden)?;
        let bias = |k: usize| match given.weights.filter(|_| self.bias) {
            Some(i) => self.ordered(&inputs[i].narrow(1, k * wide, wide)?, 1, hidden)?.reshape([directions, 1, 1, wide]).map(Some),
            None => Ok(None),
        };
        if let Some(bias) = bias(0)? {
            x = x.add(&bias)?;
        }
        let lasts = match given.lens {
            Some(i) => Some(inputs[i].reshape([1, 1, batch, 1])?.greater(&times(&x, steps, 0)?)?),
            None => None,
        };
        let y = self.by_direction(y)?;
        let initial = given.h.map(|i| self.state(&inputs[i])).transpose()?;
        let h = self.before(&y, initial.as_ref(), given.lens.map(|i| &inputs[i]))?;
        let peepholes = given.weights.filter(|_| self.peepholes).map(|i| {
            let first = inputs[i].shape()[1] - 3 * hidden;
            let one = |k: usize| inputs[i].narrow(1, first + k * hidden, hidden)?.reshape([directions, 1, 1, hidden]);
            (0..3).map(one).collect::<Result<Vec<_>>>()
        });
        let lens = given.lens.map(|i| inputs[i].clone());
        let (r, rb) = (self.ordered(&inputs[1], 1, hidden)?, bias(1)?);
        Ok(Steps { op: self, sizes, x, r, rb, h, lasts, lens, peepholes: peepholes.transpose()? })
    }

    /// The states (D, T, B, H) before each step, of those after it. What stands behind a sequence's end is 0, or whatever it is.
    fn before(&self, after: &Var, initial: Option<&Var>, lens: Option<&Var>) -> Result<Var> {
        let [directions, steps, batch, hidden] = [0, 1, 2, 3].map(|d| after.shape()[d]);
        let mut all = Vec::new();
        for direction in 0..directions {
            let first = match initial {
                Some(initial) => initial.narrow(0, direction, 1)?.unsqueeze(1)?,
                None => zeros(after, &[1, 1, batch, hidden])?,
            };
            let of_steps = after.narrow(0, direction, 1)?;
            all.push(if direction < self.attributes.direction.reversed_from() {
                concat(&[&first, &of_steps.narrow(1, 0, steps - 1)?], 1)?
            } else {
                let states = concat(&[&of_steps.narrow(1, 1, steps - 1)?, &first], 1)?;
                match lens.filter(|_| initial.is_some()) {
                    // Backwards a sequence begins at its end.
                    Some(lens) => lens.reshape([1, 1, batch, 1])?.greater(&times(after, steps, 1)?)?.where_(&states, &first)?,
                    None => states,
                }
            });
        }
        concat(&all.iter().collect::<Vec<_>>(), 0)
    }

    /// Gates in the order of the equations along `axis` as w, r and b have them.
    fn stored(&self, v: &Var, axis: isize, hidden: usize) -> Result<Var> {
        let gates = self.cell.gates();
        let places = &self.cell.places(self.attributes.gates)[..gates];
        if places.iter().enumerate().all(|(gate, &place)| gate == place) {
            return Ok(v.clone());
        }
        let parts = v.split(axis, &vec![hidden; gates])?;
        let mut stored: Vec<&Var> = parts.iter().collect();
        places.iter().zip(&parts).for_each(|(&place, part)| stored[place] = part);
        concat(&stored, axis)
    }
}

/// The times of steps, i32 (1, T, 1, 1), from `first` on.
fn times(beside: &Var, steps: usize, first: i32) -> Result<Var> {
    beside.graph().constant(Array::from_fn([1, steps, 1, 1], |t| i32::try_from(t).unwrap_or(i32::MAX).saturating_add(first)))
}

impl Steps<'_> {
    /// h R' + Rb of some gates.
    fn by_h(&self, h: &Var, from: usize, of: usize) -> Result<Var> {
        let Sizes { steps, batch, directions, hidden, .. } = self.sizes;
        let (from, of) = (from * hidden, of * hidden);
        let product = h.reshape([directions, steps * batch, hidden])?.matmul_transposed(&self.r.narrow(1, from, of)?)?;
        let product = product.reshape([directions, steps, batch, of])?;
        self.rb.as_ref().map_or(Ok(product.clone()), |rb| product.add(&rb.narrow(3, from, of)?))
    }

    /// Activation `k` of clipped sums.
    fn activate(&self, k: usize, sums: &Var) -> Result<Var> {
        let directions = self.sizes.directions;
        let one = |direction: usize| {
            let own = if directions > 1 { sums.narrow(0, direction, 1)? } else { sums.clone() };
            self.op.activate(direction, k, &own)
        };
        let usual = (0..directions).all(|direction| self.op.activation(direction, k) == self.op.activation(0, k));
        if usual {
            return self.op.activate(0, k, sums);
        }
        concat(&(0..directions).map(one).collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>(), 0)
    }

    fn slopes(&self, initial_c: Option<Var>) -> Result<Slopes> {
        let hidden = self.sizes.hidden;
        let parts = |v: &Var| v.split(3, &vec![hidden; v.shape()[3] / hidden]);
        let held = |slope: Var, otherwise: f32| match &self.lasts {
            Some(lasts) => lasts.where_(&slope, &number(&slope, otherwise)?),
            None => Ok(slope),
        };
        let mut made = Slopes { all: Vec::new(), candidate: None, reset: None, cells: None };
        match self.op.cell {
            Cell::Rnn => {
                let sum = self.x.add(&self.by_h(&self.h, 0, 1)?)?;
                made.all.extend(slopes(&[&sum], || self.activate(0, &sum))?);
            }
            Cell::Gru { linear_before_reset: true } => {
                let (x, u) = (parts(&self.x)?, parts(&self.by_h(&self.h, 0, 3)?)?);
                let (z, r) = (x[0].add(&u[0])?, x[1].add(&u[1])?);
                let state = || {
                    let (z, r) = (self.activate(0, &z)?, self.activate(0, &r)?);
                    mixed(&z, &self.activate(1, &x[2].add(&r.mul(&u[2])?)?)?, &self.h)
                };
                let all = slopes(&[&z, &r, &u[2], &self.h, &x[2]], state)?;
                made.candidate = Some(held(all[4].clone(), 0.0)?);
                made.all.extend(all.into_iter().take(4));
            }
            Cell::Gru { linear_before_reset: false } => {
                let (x, u) = (parts(&self.x)?, parts(&self.by_h(&self.h, 0, 2)?)?);
                let (z, r) = (x[0].add(&u[0])?, x[1].add(&u[1])?);
                let reset = self.activate(0, &r)?.mul(&self.h)?;
                let of_reset = slopes(&[&r, &self.h], || self.activate(0, &r)?.mul(&self.h))?;
                let n = x[2].add(&self.by_h(&reset, 2, 1)?)?;
                let all = slopes(&[&z, &n, &self.h], || mixed(&self.activate(0, &z)?, &self.activate(1, &n)?, &self.h))?;
                let [z, n, kept] = <[Var; 3]>::try_from(all).map_err(|all| Error::shape("gru", format!("{} slopes", all.len())))?;
                made.all.extend([z, of_reset[0].clone(), n, kept, of_reset[1].clone()]);
                made.reset = Some(reset);
            }
            Cell::Lstm { input_forget } => {
                let sums = self.x.add(&self.by_h(&self.h, 0, 4)?)?;
                let each = parts(&sums)?;
                let [i, o, f, g] = [0, 1, 2, 3].map(|gate| &each[gate]);
                let seeing = |sum: &Var, peephole: usize, c: Option<&Var>| match (&self.peepholes, c) {
                    (Some(peepholes), Some(c)) => sum.add(&c.mul(&peepholes[peephole])?),
                    _ => Ok(sum.clone()),
                };
                let gated = |c: Option<&Var>| {
                    let i = self.activate(0, &seeing(i, 0, c)?)?;
                    let f = if input_forget { number(&i, 1.0)?.sub(&i)? } else { self.activate(0, &seeing(f, 2, c)?)? };
                    Ok::<_, Error>((f, i.mul(&self.activate(1, g)?)?))
                };
                let cells = if self.peepholes.is_some() {
                    self.states(&sums, initial_c.as_ref())?
                } else {
                    let (f_of, added) = gated(None)?;
                    self.cells(&held(f_of, 1.0)?, &held(added, 0.0)?, initial_c.as_ref())?
                };
                let before = self.op.before(&cells, initial_c.as_ref(), None)?;
                let cell = || {
                    let (f, added) = gated(Some(&before))?;
                    f.mul(&before)?.add(&added)
                };
                let of_cell = slopes(&[i, f, g, &before], cell)?;
                let opened = || self.activate(0, &seeing(o, 1, Some(&cells))?)?.mul(&self.activate(2, &cells)?);
                let of_h = slopes(&[o, &cells], opened)?;
                made.cells = Some([before, cells]);
                let [by_i, by_f, by_g, kept] = [0, 1, 2, 3].map(|k| of_cell[k].clone());
                made.all.extend([by_i, of_h[0].clone(), by_f, by_g, of_h[1].clone(), kept]);
            }
        }
        // Behind a sequence's end states stay and gates get nothing.
        let kept = |k: usize| match self.op.cell {
            Cell::Gru { .. } => k == 3,
            Cell::Lstm { .. } => k == 5,
            Cell::Rnn => false,
        };
        made.all = made.all.into_iter().enumerate().map(|(k, slope)| held(slope, f32::from(kept(k)))).collect::<Result<_>>()?;
        if let (Some(lasts), false) = (&self.lasts, matches!(self.op.cell, Cell::Gru { .. })) {
            let one = number(&self.h, 1.0)?;
            let stays = one.sub(&lasts.cast(DType::F32)?)?;
            made.all.push(stays.expand(self.h.shape().to_vec())?);
        }
        Ok(made)
    }

    /// The cell states after each step, of gates' sums to which peepholes add.
    fn states(&self, sums: &Var, initial: Option<&Var>) -> Result<Var> {
        let Sizes { batch, directions, hidden, .. } = self.sizes;
        let one = |direction: usize| {
            let of = |v: &Var| v.narrow(0, direction, 1)?.squeeze(0);
            let initial = initial.map_or_else(|| zeros(sums, &[batch, hidden]), of)?;
            let peepholes = self.peepholes.iter().flatten().map(|p| p.narrow(0, direction, 1)?.reshape([1, hidden]));
            let peepholes = peepholes.collect::<Result<Vec<_>>>()?;
            let [i, o, f] = <[Var; 3]>::try_from(peepholes).map_err(|p| Error::shape("lstm", format!("{} peepholes", p.len())))?;
            let attributes = LstmStates { step: CELL, reverse: direction >= self.op.attributes.direction.reversed_from() };
            of(sums)?.lstm_states(&initial, &concat(&[&i, &f, &o], 0)?, self.lens.as_ref(), attributes)?.unsqueeze(0)
        };
        concat(&(0..directions).map(one).collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>(), 0)
    }

    /// The cell states after each step, of what is kept of the one before and what is added to it.
    fn cells(&self, kept: &Var, added: &Var, initial: Option<&Var>) -> Result<Var> {
        let one = |direction: usize| {
            let of = |v: &Var| v.narrow(0, direction, 1);
            let initial = initial.map(of).transpose()?;
            let reverse = direction >= self.op.attributes.direction.reversed_from();
            of(added)?.linear_recurrence(&of(kept)?, initial.as_ref(), LinearRecurrence { axis: 1, reverse })
        };
        concat(&(0..self.sizes.directions).map(one).collect::<Result<Vec<_>>>()?.iter().collect::<Vec<_>>(), 0)
    }
}

/// (1 - z) n + z h.
fn mixed(z: &Var, n: &Var, h: &Var) -> Result<Var> {
    number(z, 1.0)?.sub(z)?.mul(n)?.add(&z.mul(h)?)
}

/// What each element of what `build` makes changes by when the one at its place in each of `of` does, zeros where nothing.
fn slopes(of: &[&Var], build: impl FnOnce() -> Result<Var>) -> Result<Vec<Var>> {
    let Some(graph) = of.first().map(|v| v.graph()) else { return Ok(Vec::new()) };
    let first = graph.node_count();
    let made = build()?;
    let ones = number(&made, 1.0)?.expand(made.shape().to_vec())?;
    let found = graph.backwards(first, &[(made.clone(), ones)], of)?;
    found.into_iter().map(|slope| slope.map_or_else(|| zeros(&made, made.shape()), Ok)).collect()
}
