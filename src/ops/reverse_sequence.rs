//! `reverse_sequence`: the first elements of each sequence of a batch the other way round.
//!
//! ```text
//! output[t, b, ..] = input[lengths[b] - 1 - t, b, ..] if t < lengths[b], else input[t, b, ..]      (T, B, ..) or (B, T, ..)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | `time, batch, ..` or `batch, time, ..`; any dtype but f16 and f64 |
//! | lengths | (batch), i32; those out of range count as 0 or as the whole time |
//! | output | the input's |
//!
//! Gradient: that of the output, the other way round again.
//!
//! ONNX: `ReverseSequence`. TensorFlow: `reverse_sequence`.

use super::copy::{flat, rearranged};
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, the_gradient, u32_of, vector};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params { count: u32, second: u32, inner: u32, times: u32 }
}

static REVERSE_SEQUENCE: Kernel = kernel!("reverse_sequence", Params, header: "alias Element = vec4<u32>;\n");
pub(super) const KERNELS: &[&Kernel] = &[&REVERSE_SEQUENCE];

/// Turns the beginning of each sequence round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReverseSequence {
    /// The time axis, 0 or 1; the other one is the batch.
    pub time_axis: usize,
}

impl Var {
    /// The first `lengths` elements of each sequence the other way round; time is dimension `time_axis`, 0 or 1, and the other
    /// of the two is the batch.
    ///
    /// # Errors
    /// If the time axis is another one, or the lengths are not one i32 for each sequence.
    pub fn reverse_sequence(&self, lengths: &Self, time_axis: usize) -> Result<Self> {
        self.apply1(ReverseSequence { time_axis }, &[lengths])
    }
}

impl Op for ReverseSequence {
    fn name(&self) -> &'static str {
        "reverse_sequence"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (input, lengths) = (inputs[0], inputs[1]);
        check_dtype(self.name(), "lengths", lengths, DType::I32)?;
        if input.rank() < 2 || self.time_axis > 1 {
            let reason = format!("time axis {} of {input}: it must be 0 or 1, of at least 2 dimensions", self.time_axis);
            return Err(Error::shape(self.name(), reason));
        }
        if lengths.shape != [input.shape[1 - self.time_axis]] {
            return Err(Error::shape(self.name(), format!("lengths are {lengths}, {input} has {}", input.shape[1 - self.time_axis])));
        }
        if !input.dtype.is_word() || i32::try_from(input.shape[self.time_axis]).is_err() {
            return Err(Error::unsupported(self.name(), format!("of {input}; f16 and f64 are to be cast, and an i32 counts the time")));
        }
        Ok(vec![input.clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (shape, lengths) = (inputs[0].shape(), inputs[1].values::<i32>()?);
        let output = rearranged(inputs[0], shape, |at| {
            let mut source = at.to_vec();
            let length = usize::try_from(lengths[at[1 - self.time_axis]]).unwrap_or(0).min(shape[self.time_axis]);
            let time = at[self.time_axis];
            source[self.time_axis] = if time < length { length - 1 - time } else { time };
            flat(shape, source)
        });
        Ok(vec![output?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[0].shape;
        let inner = elements(&shape[2..]);
        let width = if inner.is_multiple_of(4) { 4 } else { 1 };
        let count = elements(shape) / width;
        let params =
            Params { count: u32_of(count), second: u32_of(shape[1]), inner: u32_of(inner / width), times: u32_of(shape[self.time_axis]) };
        let launch = Launch::new(&REVERSE_SEQUENCE, &params, groups(count, WORKGROUP))
            .header(format!("alias Element = {};\n", vector("u32", width)))
            .constant("TIME_AXIS", u32_of(self.time_axis))
            .input(0)
            .input(1)
            .output(0);
        Ok(vec![Candidate::one(launch)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(grad.reverse_sequence(&inputs[1], self.time_axis)?), None])
    }
}
