//! cast: the same numbers as another dtype.
//!
//! | tensor | shape |
//! |---|---|
//! | input | any; f64 only to f64 |
//! | output | the same, `to` |
//!
//! Floats become integers by cutting towards zero; what is out of range becomes the nearest integer of the dtype, NaN becomes 0.
//! Integers become floats rounded to nearest, ties to even, and so does f32 become f16, infinite from 65520 on. i32 and u32
//! become each other modulo 2^32. A number is true unless it is 0 or -0; NaN is true.
//!
//! Gradient, between floats: that of the output, as the input's dtype, which in f16 rounds it as well; integers and truth values carry none.
//!
//! ONNX: Cast, which leaves what is out of range open. PyTorch: `to`.

use super::map::launch_map;
use super::{Candidate, Expression, Op, Site, check_inputs, the_gradient};
use crate::array::{Array, DType, Data, TensorType, f16};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Slot};
use crate::graph::Var;

/// It is an expression for the kernel that [`Unary`](super::Unary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// Converts to another dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The output's dtype.
    pub to: DType,
}

impl Var {
    /// The same numbers as `to`.
    ///
    /// # Errors
    /// None for a tensor of this graph.
    pub fn cast(&self, to: DType) -> Result<Self> {
        self.apply1(Cast { to }, &[])
    }
}

impl Op for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        if inputs[0].dtype != self.to && [inputs[0].dtype, self.to].contains(&DType::F64) {
            return Err(Error::unsupported(self.name(), format!("{} to {}", inputs[0], self.to)));
        }
        Ok(vec![TensorType::new(self.to, inputs[0].shape.clone())])
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "this is what a cast does")]
    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        // Rust's `as` cuts and saturates floats, takes NaN to 0, wraps integers and rounds to the nearest float.
        let signed: Vec<i32> = match inputs[0].data() {
            Data::F32(v) => v.iter().map(|&x| x as i32).collect(),
            Data::F16(v) => v.iter().map(|&x| x.to_f32() as i32).collect(),
            Data::F64(v) => v.iter().map(|&x| x as i32).collect(),
            Data::I32(v) => v.clone(),
            Data::U32(v) => v.iter().map(|&x| x as i32).collect(),
            Data::Bool(v) => v.iter().map(|&x| i32::from(x)).collect(),
        };
        let float: Vec<f32> = match inputs[0].data() {
            Data::F32(v) => v.clone(),
            Data::F16(v) => v.iter().map(|&x| x.to_f32()).collect(),
            Data::F64(v) => v.iter().map(|&x| x as f32).collect(),
            Data::U32(v) => v.iter().map(|&x| x as f32).collect(),
            Data::I32(_) | Data::Bool(_) => signed.iter().map(|&x| x as f32).collect(),
        };
        let from_float = matches!(inputs[0].dtype(), DType::F32 | DType::F16 | DType::F64);
        let data = match self.to {
            DType::F32 => Data::F32(float),
            DType::F64 => Data::F64(inputs[0].to_f64()),
            DType::F16 if from_float => Data::F16(float.into_iter().map(f16::from_f32).collect()),
            // Once, not through f32: an integer is rounded to f16 as it is.
            DType::F16 => Data::F16(inputs[0].to_f64().into_iter().map(f16::from_f64).collect()),
            DType::I32 => Data::I32(signed),
            DType::U32 if from_float => Data::U32(float.into_iter().map(|x| x as u32).collect()),
            DType::U32 => Data::U32(signed.into_iter().map(|x| x as u32).collect()),
            DType::Bool => Data::Bool(inputs[0].to_f64().into_iter().map(|x| x != 0.0).collect()),
        };
        Ok(vec![Array::from_data(inputs[0].shape(), data)?])
    }

    /// Integers are mostly indices.
    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0) && matches!(self.to, DType::I32 | DType::U32)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        use DType::{Bool, F16, F32, I32, U32};
        if let Some(expression) = self.expression(site.inputs) {
            return launch_map(self.name(), site, &expression);
        }
        let text = match (site.inputs[0].dtype, self.to) {
            (from, to) if from == to => return Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }]),
            // The same words.
            (Bool, U32 | I32) | (I32, U32) | (U32, I32) => return Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }]),
            (F32, F16) => "f32_to_f16(x)",
            (F32, I32) => "f32_to_i32(x)",
            (F32, U32) => "f32_to_u32(x)",
            (F16, F32) => "f16_to_f32(x)",
            (F16, I32) => "f32_to_i32(f16_to_f32(x))",
            (F16, U32) => "f32_to_u32(f16_to_f32(x))",
            (F16, _) => "f32_to_bool(f16_to_f32(x))",
            // 65520 and beyond are infinite in f16, and up to there integers are exact in f32.
            (_, F16) => "f32_to_f16(Float(x))",
            (_, _) => "Float(x)",
        };
        let import = text.contains("_to_").then_some("casts");
        launch_map(self.name(), site, &Expression::new(text).import(import))
    }

    fn expression(&self, inputs: &[&TensorType]) -> Option<Expression> {
        match (inputs.first()?.dtype, self.to) {
            (DType::Bool, DType::F32) => Some(Expression::new("Float(x)")),
            (DType::F32, DType::Bool) => Some(Expression::new("Word((bitcast<Word>(x) << Word(1u)) != Word())").jumping(true)),
            (DType::I32 | DType::U32, DType::Bool) => Some(Expression::new("Word(x != Element())")),
            _ => None,
        }
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(grad.cast(inputs[0].dtype())?)])
    }
}
