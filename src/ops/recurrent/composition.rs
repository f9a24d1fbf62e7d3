//! The equations as compositions of other operators, step by step: what the gradients are taken of.

use super::{Cell, Recurrence, RecurrentActivation, Sizes};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{LstmCell, Op, concat, number, only_where, scaled, zeros};

/// More steps than this are not composed: each is a dozen nodes and more.
const MAX_COMPOSED: usize = 1 << 10;

/// An lstm's step, its gates i, o, f, c.
pub(super) const CELL: LstmCell = LstmCell { places: [0, 2, 3, 1], clip_gradient: None };

/// What the steps of a direction share.
struct Weights {
    direction: usize,
    /// R and Rb of gates that are multiplied together, in the order of the equations: a gru has n by itself.
    r: Vec<(Var, Option<Var>)>,
    /// Pi, Po, Pf.
    peepholes: Option<Vec<Var>>,
    /// Pi, Pf, Po in one, (3, H).
    of_cell: Option<Var>,
}

/// Whether so many may be composed.
pub(crate) fn check_steps(op: &'static str, steps: usize) -> Result<()> {
    if steps > MAX_COMPOSED {
        let what = "with peepholes and activations that are not the usual, or for a gradient's gradient";
        let reason =
            format!("{steps} time steps {what}: {MAX_COMPOSED} are the most; cut the sequence into several, each from the last states");
        return Err(Error::unsupported(op, reason));
    }
    Ok(())
}

impl Recurrence {
    pub(super) fn composition(&self, inputs: &[Var]) -> Result<Vec<Var>> {
        let given = self.given();
        let sizes = self.sizes(&inputs.iter().map(Var::ty).collect::<Vec<_>>())?;
        let Sizes { steps, batch, directions, hidden, gates, .. } = sizes;
        check_steps(self.name(), steps)?;
        // Time first; states have directions first.
        let swapped = |v: &Var| if self.attributes.batch_first { v.transpose([1, 0, 2]) } else { Ok(v.clone()) };
        let x = swapped(&inputs[0])?;
        let state = |index: Option<usize>| match index {
            Some(i) => swapped(&inputs[i]),
            None => zeros(&x, &[directions, batch, hidden]),
        };
        let (initial_h, initial_c) = (state(given.h)?, state(given.c)?);
        let lens = given.lens.map(|i| inputs[i].reshape([batch, 1])).transpose()?;

        let (mut all, mut last_h, mut last_c) = (Vec::new(), Vec::new(), Vec::new());
        for direction in 0..directions {
            let wide = gates * hidden;
            let part = |v: &Var, axis: isize, size: usize| v.narrow(axis, direction * size, size);
            // Cut in one go, so that the gradients of the parts are put together in one go.
            let cuts = [vec![wide; if self.bias { 2 } else { 0 }], vec![hidden; if self.peepholes { 3 } else { 0 }]].concat();
            let weights = given.weights.map(|i| inputs[i].narrow(0, direction, 1)?.split(1, &cuts)).transpose()?;
            let bias = |k: usize| match &weights {
                Some(weights) if self.bias => Ok(Some(self.ordered(&weights[k].reshape([wide])?, 0, hidden)?)),
                _ => Ok(None),
            };
            let peepholes = weights.as_ref().filter(|_| self.peepholes).map(|weights| weights[cuts.len() - 3..].to_vec());
            let r = self.ordered(&part(&inputs[1], 0, 1)?.reshape([wide, hidden])?, 0, hidden)?;
            let bias_of_h = bias(1)?;
            let cuts = if matches!(self.cell, Cell::Gru { .. }) { vec![2 * hidden, hidden] } else { vec![wide] };
            let biases = match &bias_of_h {
                Some(bias) => bias.split(0, &cuts)?.into_iter().map(Some).collect(),
                None => vec![None; cuts.len()],
            };
            let r = r.split(0, &cuts)?.into_iter().zip(biases).collect();
            let of_cell = peepholes.as_ref().map(|p| concat(&[&p[0], &p[2], &p[1]], 0)).transpose()?;
            let shared = Weights { direction, r, peepholes, of_cell };

            let mut x = self.ordered(&part(&x, 2, wide)?, 2, hidden)?;
            if let Some(bias) = bias(0)? {
                x = x.add(&bias)?;
            }
            let of_steps = x.split(0, &vec![1; steps])?;
            let mut h = part(&initial_h, 0, 1)?.reshape([batch, hidden])?;
            let mut c = part(&initial_c, 0, 1)?.reshape([batch, hidden])?;
            let mut outputs = vec![None; steps];
            for step in 0..steps {
                let time = if direction >= self.attributes.direction.reversed_from() { steps - 1 - step } else { step };
                let (next_h, next_c) = self.step(&shared, &of_steps[time].reshape([batch, wide])?, &h, &c, hidden)?;
                // Behind its end a sequence has zeros and keeps its state: backwards it begins at its end.
                let lasts =
                    lens.as_ref().map(|lens| lens.greater(&lens.graph().constant(Array::scalar(i32::try_from(time).unwrap_or(i32::MAX)))?));
                let lasts = lasts.transpose()?;
                let (y, kept_h, kept_c) = match &lasts {
                    Some(lasts) => (only_where(lasts, &next_h)?, lasts.where_(&next_h, &h)?, lasts.where_(&next_c, &c)?),
                    None => (next_h.clone(), next_h, next_c),
                };
                (h, c) = (kept_h, kept_c);
                outputs[time] = Some(y.reshape([1, 1, batch, hidden])?);
            }
            let outputs: Vec<Var> = outputs.into_iter().flatten().collect();
            all.push(concat(&outputs.iter().collect::<Vec<_>>(), 0)?);
            last_h.push(h.reshape([1, batch, hidden])?);
            last_c.push(c.reshape([1, batch, hidden])?);
        }
        let joined = |parts: &[Var], axis: isize| concat(&parts.iter().collect::<Vec<_>>(), axis);
        let y = joined(&all, 1)?;
        let y = if self.attributes.batch_first { y.transpose([2, 0, 1, 3])? } else { y };
        let mut outputs = vec![y, swapped(&joined(&last_h, 0)?)?];
        if matches!(self.cell, Cell::Lstm { .. }) {
            outputs.push(swapped(&joined(&last_c, 0)?)?);
        }
        Ok(outputs)
    }

    /// The gates along `axis` in the order of the equations.
    pub(super) fn ordered(&self, v: &Var, axis: isize, hidden: usize) -> Result<Var> {
        let gates = self.cell.gates();
        let places = &self.cell.places(self.attributes.gates)[..gates];
        if places.iter().enumerate().all(|(gate, &place)| gate == place) {
            return Ok(v.clone());
        }
        let parts = v.split(axis, &vec![hidden; gates])?;
        concat(&places.iter().map(|&place| &parts[place]).collect::<Vec<_>>(), axis)
    }

    /// Activation `k` of a direction, of clipped sums.
    pub(super) fn activate(&self, direction: usize, k: usize, sums: &Var) -> Result<Var> {
        let clipped = match self.attributes.clip.filter(|_| k < 2) {
            Some(clip) => sums.clip(Some(-clip), Some(clip))?,
            None => sums.clone(),
        };
        match self.activation(direction, k) {
            Some(activation) => activation.composition(&clipped),
            None => Ok(clipped),
        }
    }

    /// Whether a step is what [`LstmCell`] does: nothing is said of activations.
    pub(super) fn is_usual(&self, direction: usize) -> bool {
        let usual = self.cell.usual_activations();
        self.cell == (Cell::Lstm { input_forget: false })
            && self.attributes.clip.is_none()
            && usual.iter().enumerate().all(|(k, usual)| self.activation(direction, k) == Some(*usual))
    }

    /// The states h and c after a step with x W' + Wb.
    fn step(&self, weights: &Weights, x: &Var, h: &Var, c: &Var, hidden: usize) -> Result<(Var, Var)> {
        let activate = |k: usize, v: &Var| self.activate(weights.direction, k, v);
        let by_h = |h: &Var, part: usize| h.linear(&weights.r[part].0, weights.r[part].1.as_ref());
        match self.cell {
            Cell::Lstm { input_forget } => {
                let sums = x.add(&by_h(h, 0)?)?;
                if self.is_usual(weights.direction) {
                    return sums.lstm_cell(c, weights.of_cell.as_ref(), CELL).map(|[h, c]| (h, c));
                }
                let sums = sums.split(1, &[hidden; 4])?;
                let through = |sum: &Var, k: usize, c: &Var| match &weights.peepholes {
                    Some(peepholes) => sum.add(&c.mul(&peepholes[k])?),
                    None => Ok(sum.clone()),
                };
                let i = activate(0, &through(&sums[0], 0, c)?)?;
                let f = if input_forget { number(&i, 1.0)?.sub(&i)? } else { activate(0, &through(&sums[2], 2, c)?)? };
                let c = f.mul(c)?.add(&i.mul(&activate(1, &sums[3])?)?)?;
                let o = activate(0, &through(&sums[1], 1, &c)?)?;
                Ok((o.mul(&activate(2, &c)?)?, c))
            }
            Cell::Gru { linear_before_reset } => {
                let x = x.split(1, &[2 * hidden, hidden])?;
                let gates = activate(0, &x[0].add(&by_h(h, 0)?)?)?.split(1, &[hidden; 2])?;
                let (z, r) = (&gates[0], &gates[1]);
                let reset = if linear_before_reset { r.mul(&by_h(h, 1)?)? } else { by_h(&r.mul(h)?, 1)? };
                let n = activate(1, &x[1].add(&reset)?)?;
                Ok((number(z, 1.0)?.sub(z)?.mul(&n)?.add(&z.mul(h)?)?, c.clone()))
            }
            Cell::Rnn => Ok((activate(0, &x.add(&by_h(h, 0)?)?)?, c.clone())),
        }
    }
}

impl RecurrentActivation {
    /// The same from other operators.
    fn composition(self, x: &Var) -> Result<Var> {
        match self {
            Self::Relu => x.relu(),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => x.sigmoid(),
            Self::Affine { alpha, beta } => scaled(x, alpha)?.add(&number(x, beta)?),
            Self::LeakyRelu { alpha } => x.leaky_relu(alpha),
            Self::ThresholdedRelu { alpha } => only_where(&x.greater_or_equal(&number(x, alpha)?)?, x),
            Self::ScaledTanh { alpha, beta } => scaled(&scaled(x, beta)?.tanh()?, alpha),
            Self::HardSigmoid { alpha, beta } => x.hardsigmoid(alpha, beta),
            Self::Elu { alpha } => x.elu(alpha),
            Self::Softsign => x.softsign(),
            Self::Softplus => x.softplus(),
        }
    }
}
