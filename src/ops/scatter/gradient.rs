//! The gradients of both scatters, from what picks and what puts by the same indices.

use super::ScatterReduction;
use crate::array::{Array, DType};
use crate::error::Result;
use crate::graph::Var;
use crate::ops::{number, only_where, zeros};

/// The moves of a scatter.
pub(super) struct Moves<'a> {
    /// What the indices pick of a tensor of the data's shape, in the updates' shape.
    pub picked: &'a dyn Fn(&Var) -> Result<Var>,
    /// A tensor of the data's shape with updates of the updates' put to where the indices say.
    pub scattered: &'a dyn Fn(&Var, &Var, ScatterReduction) -> Result<Var>,
}

impl Moves<'_> {
    /// The gradients of data, indices and updates, `inputs`, from `grad`, that of the output `y`.
    pub fn gradients(&self, reduction: ScatterReduction, inputs: &[Var], y: &Var, grad: &Var) -> Result<Vec<Option<Var>>> {
        let (data, updates) = (&inputs[0], &inputs[2]);
        let (by_data, by_updates) = match reduction {
            ScatterReduction::Add => (grad.clone(), (self.picked)(grad)?),
            ScatterReduction::None => {
                let by_data = (self.scattered)(grad, &zeros(grad, updates.shape())?, ScatterReduction::None)?;
                // Each update's own number, put alike: where it comes back, the update stands.
                let numbered = |i: usize| i32::try_from(i).unwrap_or(i32::MAX);
                let numbers = grad.graph().constant(Array::from_fn(updates.shape(), numbered))?;
                let none = grad.graph().constant(Array::full(data.shape(), -1i32))?;
                let stands = (self.picked)(&(self.scattered)(&none, &numbers, ScatterReduction::None)?)?.equal(&numbers)?;
                (by_data, only_where(&stands, &(self.picked)(grad)?)?)
            }
            ScatterReduction::Max | ScatterReduction::Min => {
                let (kept, put) = (data.equal(y)?, updates.equal(&(self.picked)(y)?)?);
                let count = (self.scattered)(&kept.cast(DType::F32)?, &put.cast(DType::F32)?, ScatterReduction::Add)?;
                let share = grad.div(&count)?;
                (only_where(&kept, &share)?, only_where(&put, &(self.picked)(&share)?)?)
            }
            ScatterReduction::Mul => {
                let ones = data.graph().constant(Array::full(data.shape(), 1.0f32))?;
                // Of a place with a zero the zero alone has a gradient; with two of them none has.
                let zero = number(data, 0.0)?;
                let (no_data, no_update) = (data.equal(&zero)?, updates.equal(&zero)?);
                let (one, whole) = (number(data, 1.0)?, no_update.where_(&number(updates, 1.0)?, updates)?);
                let count = (self.scattered)(&no_data.cast(DType::F32)?, &no_update.cast(DType::F32)?, ScatterReduction::Add)?;
                let product = grad.mul(&(self.scattered)(&no_data.where_(&one, data)?, &whole, ScatterReduction::Mul)?)?;
                let with = |zeros: &Var| (self.picked)(&only_where(&count.equal(zeros)?, &product)?);
                let by_data = grad.mul(&(self.scattered)(&ones, updates, ScatterReduction::Mul)?)?;
                (by_data, no_update.where_(&with(&one)?, &with(&zero)?.div(&whole)?)?)
            }
        };
        Ok(vec![Some(by_data), None, Some(by_updates)])
    }
}
