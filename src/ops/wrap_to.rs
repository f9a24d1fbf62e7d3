//! `wrap_to` and `saturate_to`: numbers brought into the range of a narrow integer, which is held in 32 bits.
//!
//! ```text
//! wrap_to      the low bits of each element: of i32 in two's complement, so that the highest of them is the sign; of u32 as they are
//! saturate_to  the nearest number of the range -2^(bits-1)..2^(bits-1) as i32, or 0..2^bits as u32
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; i32 or u32, for `saturate_to` also f32 |
//! | output | the same; what is not changed in range is not changed |
//!
//! `wrap_to` is what an operator on 8- or 16-bit integers does with a result that is too large. i32 and u32 are cast to each other
//! for nothing, so the dtype says whether there is a sign. `saturate_to` is a composition of clips and casts: floats are cut towards
//! zero, so they are rounded first where that is meant; NaN becomes 0.
//!
//! ONNX: Cast between integers; Cast of floats to int4 and uint4 saturates.

use super::map::launch_map;
use super::{Candidate, Expression, Op, Site, check_inputs, check_integer};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Unary`](super::Unary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Keeps the low bits of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WrapTo {
    /// How many, 1 to 32.
    pub bits: u32,
}

impl Var {
    /// The low `bits` bits of every element: with a sign if this is i32, without if it is u32.
    ///
    /// # Errors
    /// If this is neither i32 nor u32, or `bits` is not 1 to 32.
    pub fn wrap_to(&self, bits: u32) -> Result<Self> {
        self.apply1(WrapTo { bits }, &[])
    }

    /// The nearest integer of `bits` bits towards zero of every element, as i32 if it is `signed`, else as u32.
    ///
    /// # Errors
    /// If this is not f32, i32 or u32, or `bits` is not 1 to 32.
    pub fn saturate_to(&self, bits: u32, signed: bool) -> Result<Self> {
        check_bits("saturate_to", bits)?;
        let to = if signed { DType::I32 } else { DType::U32 };
        let (least, most) = narrow_range(bits, signed);
        match self.dtype() {
            // A cast of floats saturates at 32 bits. Bounds of up to 24 bits are exact, and rounded ones only above those of 32.
            DType::F32 => self.cast(to)?.clip_integers(Some(least), Some(most)),
            _ => self.clip_integers(Some(least), Some(most))?.cast(to),
        }
    }
}

/// The least and the greatest integer of so many bits.
pub(super) fn narrow_range(bits: u32, signed: bool) -> (i64, i64) {
    if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) }
}

/// Refuses widths that no integer here has.
pub(super) fn check_bits(op: &'static str, bits: u32) -> Result<()> {
    if (1..=32).contains(&bits) { Ok(()) } else { Err(Error::shape(op, format!("integers of {bits} bits; there are those of 1 to 32"))) }
}

impl WrapTo {
    /// Of fewer than 32 bits.
    fn formula(self) -> Expression {
        Expression::new("(x << Word(low)) >> Word(low)").words([32_u32.saturating_sub(self.bits), 0])
    }
}

impl Op for WrapTo {
    fn name(&self) -> &'static str {
        "wrap_to"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_integer(self.name(), "input", inputs[0])?;
        check_bits(self.name(), self.bits)?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (shape, gone) = (inputs[0].shape(), 32 - self.bits);
        Ok(vec![match inputs[0].data() {
            Data::U32(x) => Array::from_fn(shape, |i| x[i] << gone >> gone),
            _ => {
                let x = inputs[0].values::<i32>()?;
                Array::from_fn(shape, |i| x[i] << gone >> gone)
            }
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        if self.bits == 32 {
            return Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }]);
        }
        launch_map(self.name(), site, &self.formula())
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        (self.bits < 32).then(|| self.formula())
    }
}
