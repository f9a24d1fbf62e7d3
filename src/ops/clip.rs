//! clip: every element brought between two bounds.
//!
//! ```text
//! output[i] = smaller(larger(input[i], min), max)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any, f32; i32 or u32 with integer bounds |
//! | output | the same |
//!
//! Gradient: that of the output where the input lies between the bounds, these included, as in PyTorch.
//!
//! NaN passes through; where `min` is above `max`, everything becomes `max`. ONNX: Clip. PyTorch: `clamp`, `hardtanh`, `relu6`.

use super::map::launch_map;
use super::{Candidate, Expression, Op, Site, check_dtype, check_inputs, check_integer, number, only_where, the_gradient};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Unary`](super::Unary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Brings elements between two bounds, either of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clip {
    /// The least value.
    pub min: Option<f32>,
    /// The greatest value.
    pub max: Option<f32>,
}

impl Var {
    /// Every element brought between `min` and `max`.
    ///
    /// # Errors
    /// If the tensor is not f32 or a bound is NaN.
    pub fn clip(&self, min: Option<f32>, max: Option<f32>) -> Result<Self> {
        self.apply1(Clip { min, max }, &[])
    }
}

impl Clip {
    fn bounds(&self) -> [f32; 2] {
        [self.min.unwrap_or(f32::NEG_INFINITY), self.max.unwrap_or(f32::INFINITY)]
    }

    fn formula(&self) -> Expression {
        Expression::new("bounded(x, alpha, beta)").import("activations").numbers(self.bounds())
    }
}

impl Op for Clip {
    fn name(&self) -> &'static str {
        "clip"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if self.bounds().iter().any(|b| b.is_nan()) {
            return Err(Error::shape(self.name(), format!("bounds are {:?} and {:?}", self.min, self.max)));
        }
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (x, [min, max]) = (inputs[0].values::<f32>()?, self.bounds());
        let bounded = |x: f32| if x.is_nan() { x } else { x.max(min).min(max) };
        Ok(vec![Array::from_fn(inputs[0].shape(), |i| bounded(x[i]))])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_map(self.name(), site, &self.formula())
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(self.formula())
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let [min, max] = self.bounds();
        let (x, grad) = (&inputs[0], only_where(&inputs[0].less_or_equal(&number(grad, max)?)?, grad)?);
        Ok(vec![Some(only_where(&x.greater_or_equal(&number(x, min)?)?, &grad)?)])
    }
}

/// [`Clip`] of integers. Bounds that the dtype does not have become the nearest that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClipIntegers {
    /// The least value.
    pub min: Option<i64>,
    /// The greatest value.
    pub max: Option<i64>,
}

impl Var {
    /// Every element, i32 or u32, brought between `min` and `max`.
    ///
    /// # Errors
    /// If the tensor is neither i32 nor u32.
    pub fn clip_integers(&self, min: Option<i64>, max: Option<i64>) -> Result<Self> {
        self.apply1(ClipIntegers { min, max }, &[])
    }
}

impl ClipIntegers {
    fn within(&self, least: i64, most: i64) -> [i64; 2] {
        [self.min.unwrap_or(least).clamp(least, most), self.max.unwrap_or(most).clamp(least, most)]
    }

    fn formula(&self, dtype: DType) -> Expression {
        let words = if dtype == DType::U32 { self.unsigned() } else { self.signed().map(i32::cast_unsigned) };
        Expression::new("min(max(x, bitcast<Element>(Word(low))), bitcast<Element>(Word(high)))").words(words)
    }

    #[expect(clippy::cast_possible_truncation, reason = "both are in the range")]
    fn signed(&self) -> [i32; 2] {
        self.within(i64::from(i32::MIN), i64::from(i32::MAX)).map(|b| b as i32)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both are in the range")]
    fn unsigned(&self) -> [u32; 2] {
        self.within(0, i64::from(u32::MAX)).map(|b| b as u32)
    }
}

impl Op for ClipIntegers {
    fn name(&self) -> &'static str {
        "clip_integers"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_integer(self.name(), "input", inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (shape, [low, high], [least, most]) = (inputs[0].shape(), self.signed(), self.unsigned());
        Ok(vec![match inputs[0].data() {
            Data::U32(x) => Array::from_fn(shape, |i| x[i].max(least).min(most)),
            _ => {
                let x = inputs[0].values::<i32>()?;
                Array::from_fn(shape, |i| x[i].max(low).min(high))
            }
        }])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_map(self.name(), site, &self.formula(site.inputs[0].dtype))
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        Some(self.formula(inputs.first()?.dtype))
    }
}
