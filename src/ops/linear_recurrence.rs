//! `linear_recurrence`: a state that goes along an axis, at each step multiplied by a number and added to.
//!
//! ```text
//! output[.., t, ..] = factor[.., t, ..] output[.., t - 1, ..] + input[.., t, ..]      reverse: t + 1
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input, factor | any, both alike; f32 |
//! | initial | optional, the same without the axis: the state before the first step; zeros without |
//! | output | input's |
//!
//! Gradient: with g the linear recurrence of the output's gradient the other way, each factor one step later, it is g for the input, g times
//! the state before for the factors.
//!
//! The cell state of an LSTM goes so, and what is left of the network where a layer's gates do not see its state, as in Bradbury et al.,
//! Quasi-Recurrent Neural Networks (2016). Neither ONNX nor PyTorch has it as one operator.

use super::rows::Around;
use super::{
    Candidate, Op, Site, WORKGROUP, check_axis, check_dtype, check_inputs, concat, groups, number, rounded, the_gradient, u32_of, zeros,
};
use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { lines: u32, steps: u32, inner: u32 }
}

static LINEAR_RECURRENCE: Kernel = kernel!("linear_recurrence", Params);
pub(super) const KERNELS: &[&Kernel] = &[&LINEAR_RECURRENCE];

/// A state that goes along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinearRecurrence {
    /// The axis; from the end where negative.
    pub axis: isize,
    /// Whether it goes from the end.
    pub reverse: bool,
}

impl Var {
    /// This and `factor` gone through along `axis`, see [`LinearRecurrence`]: f32 of one shape, `initial` of that without the axis.
    ///
    /// # Errors
    /// If there is no such axis, or shapes or dtypes are others.
    pub fn linear_recurrence(&self, factor: &Self, initial: Option<&Self>, attributes: LinearRecurrence) -> Result<Self> {
        self.apply1(attributes, &[factor].into_iter().chain(initial).collect::<Vec<_>>())
    }
}

impl LinearRecurrence {
    fn around(&self, shape: &[usize]) -> Result<(usize, Around)> {
        let axis = check_axis(self.name(), self.axis, &TensorType::f32(shape))?;
        Ok((axis, Around::axis(shape, axis)))
    }

    /// What stands one step earlier on the way, and before the first step `first`, (.., 1, ..).
    fn delayed(&self, x: &Var, first: &Var, axis: usize) -> Result<Var> {
        let steps = x.shape()[axis];
        let axis = axis as isize;
        let rest = |start| if steps > 1 { x.narrow(axis, start, steps - 1).map(Some) } else { Ok(None) };
        let (rest, before) = if self.reverse { (rest(1)?, false) } else { (rest(0)?, true) };
        let Some(rest) = rest else { return Ok(first.clone()) };
        concat(&if before { [first, &rest] } else { [&rest, first] }, axis)
    }
}

impl Op for LinearRecurrence {
    fn name(&self) -> &'static str {
        "linear_recurrence"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=3)?;
        let input = inputs[0];
        check_dtype(self.name(), "input", input, DType::F32)?;
        let axis = check_axis(self.name(), self.axis, input)?;
        let mut state = input.clone();
        state.shape.remove(axis);
        for (what, ty, wanted) in [("factor", Some(&inputs[1]), input), ("initial", inputs.get(2), &state)] {
            if let Some(ty) = ty.filter(|ty| **ty != wanted) {
                return Err(Error::shape(self.name(), format!("{what} must be {wanted} for an input {input}, it is {ty}")));
            }
        }
        Ok(vec![input.clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (_, around) = self.around(inputs[0].shape())?;
        let (input, factor) = (inputs[0].to_f64(), inputs[1].to_f64());
        let initial = inputs.get(2).map(|initial| initial.to_f64());
        let mut output = vec![0.0; input.len()];
        for (line, start) in around.starts().enumerate() {
            let mut state = initial.as_ref().map_or(0.0, |initial| initial[line]);
            for i in 0..around.len {
                let at = start + if self.reverse { around.len - 1 - i } else { i } * around.inner;
                state = factor[at] * state + input[at];
                output[at] = state;
            }
        }
        Ok(vec![rounded(inputs[0].shape(), output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (_, Around { outer, len, inner }) = self.around(&site.inputs[0].shape)?;
        let lines = outer * inner;
        let params = Params { lines: u32_of(lines), steps: u32_of(len), inner: u32_of(inner) };
        let launch = Launch::new(&LINEAR_RECURRENCE, &params, groups(lines, WORKGROUP)).turns(len);
        let initial = (site.inputs.len() > 2).then_some(2);
        let launch = launch.constant("REVERSE", u8::from(self.reverse)).constant("HAS_INITIAL", u8::from(initial.is_some()));
        Ok(vec![Candidate::of(vec![launch.input(0).input(1).optional_input(initial).output(0)])])
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let factor = &inputs[1];
        let (axis, _) = self.around(factor.shape())?;
        let mut edge = factor.shape().to_vec();
        edge[axis] = 1;
        let back = Self { reverse: !self.reverse, ..*self };
        // The gradient of a state is multiplied by the factor that it was, one step later.
        let later = back.delayed(factor, &number(factor, 1.0)?.expand(edge.clone())?, axis)?;
        let g = grad.linear_recurrence(&later, None, back)?;
        let first = inputs.get(2).map_or_else(|| zeros(factor, &edge), |initial| initial.reshape(edge.clone()))?;
        let by_factor = g.mul(&self.delayed(&outputs[0], &first, axis)?)?;
        let mut gradients = vec![Some(g.clone()), Some(by_factor)];
        if let Some(initial) = inputs.get(2) {
            let last = if self.reverse { factor.shape()[axis] - 1 } else { 0 };
            let [g, factor] = [&g, factor].map(|v| v.narrow(axis as isize, last, 1));
            gradients.push(Some(g?.mul(&factor?)?.reshape(initial.shape().to_vec())?));
        }
        Ok(gradients)
    }
}
