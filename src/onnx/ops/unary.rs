//! Functions of one number, element by element, activations among them.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("Abs", |n| one(n, Var::abs)),
    ("Acos", |n| one(n, Var::acos)),
    ("Acosh", |n| one(n, Var::acosh)),
    ("Asin", |n| one(n, Var::asin)),
    ("Asinh", |n| one(n, Var::asinh)),
    ("Atan", |n| one(n, Var::atan)),
    ("Atanh", |n| one(n, Var::atanh)),
    ("BitwiseNot", |n| one(n, Var::bitwise_not)),
    ("Ceil", |n| one(n, Var::ceil)),
    ("Celu", |n| alpha(n, 1.0, Var::celu)),
    ("Clip", clip),
    ("Cos", |n| one(n, Var::cos)),
    ("Cosh", |n| one(n, Var::cosh)),
    ("Elu", |n| alpha(n, 1.0, Var::elu)),
    ("Erf", |n| one(n, Var::erf)),
    ("Exp", |n| one(n, Var::exp)),
    ("Floor", |n| one(n, Var::floor)),
    ("Gelu", gelu),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |n| one(n, Var::hardswish)),
    ("IsInf", is_inf),
    ("IsNaN", |n| n.typed(Elem::Bool, n.var(0)?.is_nan()?)),
    ("LeakyRelu", |n| alpha(n, 0.01, Var::leaky_relu)),
    ("Log", |n| one(n, Var::log)),
    ("Mish", |n| one(n, Var::mish)),
    ("Neg", |n| one(n, Var::neg)),
    ("Not", |n| one(n, Var::not)),
    ("Reciprocal", |n| one(n, Var::reciprocal)),
    ("Relu", |n| one(n, Var::relu)),
    ("Round", |n| one(n, Var::round)),
    ("Selu", selu),
    ("Shrink", |n| n.wrapped(n.var(0)?.shrink(n.float("lambd", 0.5)?, n.float("bias", 0.0)?)?)),
    ("Sigmoid", |n| one(n, Var::sigmoid)),
    ("Sign", |n| one(n, Var::sign)),
    ("Sin", |n| one(n, Var::sin)),
    ("Sinh", |n| one(n, Var::sinh)),
    ("Softplus", |n| one(n, Var::softplus)),
    ("Softsign", |n| one(n, Var::softsign)),
    ("Sqrt", |n| one(n, Var::sqrt)),
    ("Tan", |n| one(n, Var::tan)),
    ("Tanh", |n| one(n, Var::tanh)),
    ("ThresholdedRelu", |n| alpha(n, 1.0, Var::thresholded_relu)),
];

fn one(node: &Node<'_>, f: fn(&Var) -> Result<Var>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    node.wrapped(f(&node.var(0)?)?)
}

fn alpha(node: &Node<'_>, default: f32, f: fn(&Var, f32) -> Result<Var>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    node.same(f(&node.var(0)?, node.float("alpha", default)?)?)
}

fn selu(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    let (alpha, gamma) = if node.opset < 6 { (1.6732, 1.0507) } else { (1.673_263_2, 1.050_701) };
    node.same(node.var(0)?.selu(node.float("alpha", alpha)?, node.float("gamma", gamma)?)?)
}

fn hard_sigmoid(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    node.same(node.var(0)?.hardsigmoid(node.float("alpha", 0.2)?, node.float("beta", 0.5)?)?)
}

fn gelu(node: &Node<'_>) -> Result<Vec<Value>> {
    let input = node.var(0)?;
    node.same(if node.choice("approximate", &["none", "tanh"])? == "tanh" { input.gelu_tanh()? } else { input.gelu()? })
}

fn is_inf(node: &Node<'_>) -> Result<Vec<Value>> {
    let (positive, negative) = (node.flag("detect_positive", true)?, node.flag("detect_negative", true)?);
    let input = node.var(0)?;
    let found = match (positive, negative) {
        (true, true) => input.is_inf()?,
        (true, false) => input.is_pos_inf()?,
        (false, true) => input.is_neg_inf()?,
        (false, false) => node.scalar(DType::Bool, 0.0)?.expand(input.shape().to_vec())?,
    };
    node.typed(Elem::Bool, found)
}

/// Bounds are attributes before version 11, and inputs, either of which may be absent, from then on.
fn clip(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    let input = node.var(0)?;
    if node.opset < 11 {
        return node.same(input.clip(Some(node.float("min", f32::MIN)?), Some(node.float("max", f32::MAX)?))?);
    }
    let bound = |index: usize| -> Result<Option<f64>> {
        let numbers = if node.has(index) { node.constants(index)? } else { None };
        Ok(numbers.and_then(|n| n.first().copied()).filter(|n| !n.is_nan()))
    };
    let (min, max) = (bound(1)?, bound(2)?);
    #[expect(clippy::cast_possible_truncation, reason = "a bound of a tensor that is held as f32")]
    if input.dtype() == DType::F32 && min.is_some() == node.has(1) && max.is_some() == node.has(2) {
        return node.same(input.clip(min.map(|v| v as f32), max.map(|v| v as f32))?);
    }
    let raised = node.optional(1)?.map_or_else(|| Ok(input.clone()), |min| input.maximum(&min))?;
    node.same(node.optional(2)?.map_or_else(|| Ok(raised.clone()), |max| raised.minimum(&max))?)
}
