//! Functions of two or more numbers, element by element, and how two numbers relate.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::elem::Elem;
use crate::onnx::node::Node;
use crate::onnx::value::Value;

pub(super) const TABLE: Table = &[
    ("Add", |n| pair(n, Var::add)),
    ("And", |n| pair(n, Var::and)),
    ("BitShift", bit_shift),
    ("BitwiseAnd", |n| pair(n, Var::and)),
    ("BitwiseOr", |n| pair(n, Var::or)),
    ("BitwiseXor", |n| pair(n, Var::xor)),
    ("Div", |n| pair(n, Var::div)),
    ("Equal", |n| relation(n, Var::equal)),
    ("Greater", |n| relation(n, Var::greater)),
    ("GreaterOrEqual", |n| relation(n, Var::greater_or_equal)),
    ("Less", |n| relation(n, Var::less)),
    ("LessOrEqual", |n| relation(n, Var::less_or_equal)),
    ("Max", |n| all(n, Var::maximum)),
    ("Mean", mean),
    ("Min", |n| all(n, Var::minimum)),
    ("Mod", modulo),
    ("Mul", |n| pair(n, Var::mul)),
    ("Or", |n| pair(n, Var::or)),
    ("PRelu", prelu),
    ("Pow", power),
    ("Sub", |n| pair(n, Var::sub)),
    ("Sum", |n| all(n, Var::add)),
    ("Where", choose),
    ("Xor", |n| pair(n, Var::xor)),
];

fn pair(node: &Node<'_>, f: fn(&Var, &Var) -> Result<Var>) -> Result<Vec<Value>> {
    let (a, b) = operands(node)?;
    node.wrapped(f(&a, &b)?)
}

fn relation(node: &Node<'_>, f: fn(&Var, &Var) -> Result<Var>) -> Result<Vec<Value>> {
    let (a, b) = operands(node)?;
    node.typed(Elem::Bool, f(&a, &b)?)
}

fn all(node: &Node<'_>, f: fn(&Var, &Var) -> Result<Var>) -> Result<Vec<Value>> {
    node.wrapped(folded(node, f)?)
}

/// All inputs, joined from left to right.
fn folded(node: &Node<'_>, f: fn(&Var, &Var) -> Result<Var>) -> Result<Var> {
    node.ignore(&["consumed_inputs"]);
    let mut result = node.var(0)?;
    for index in 1..node.count() {
        result = f(&result, &node.var(index)?)?;
    }
    Ok(result)
}

fn mean(node: &Node<'_>) -> Result<Vec<Value>> {
    let count = node.scalar(DType::F32, node.count() as f64)?;
    node.same(folded(node, Var::add)?.div(&count)?)
}

fn modulo(node: &Node<'_>) -> Result<Vec<Value>> {
    let truncated = node.flag("fmod", false)?;
    if node.elem(0)?.is_float() && !truncated {
        return Err(node.wrong("floats need fmod = 1"));
    }
    pair(node, if truncated { Var::fmod } else { Var::remainder })
}

/// Before version 7, slopes of one dimension are those of the channels.
fn prelu(node: &Node<'_>) -> Result<Vec<Value>> {
    node.ignore(&["consumed_inputs"]);
    let (input, slope) = (node.var(0)?, node.var(1)?);
    let behind = input.shape().len().saturating_sub(2);
    let of_channels = node.opset < 7 && slope.shape().len() == 1 && input.shape().get(1) == slope.shape().first();
    let slope = if of_channels { slope.reshape([slope.shape(), &vec![1; behind]].concat())? } else { slope };
    node.same(input.prelu(&slope)?)
}

/// The base's type is the result's.
fn power(node: &Node<'_>) -> Result<Vec<Value>> {
    let (base, exponent) = operands(node)?;
    node.wrapped(base.pow_mixed(&exponent)?)
}

fn bit_shift(node: &Node<'_>) -> Result<Vec<Value>> {
    let left = node.text("direction")?.as_deref() == Some("LEFT");
    pair(node, if left { Var::shift_left } else { Var::shift_right })
}

fn choose(node: &Node<'_>) -> Result<Vec<Value>> {
    let var = node.var(0)?.where_(&node.var(1)?, &node.var(2)?)?;
    node.typed(node.elem(1)?, var)
}

/// Both operands. Before version 7, `broadcast` lets the second one's dimensions meet the first one's from `axis` on.
pub(super) fn operands(node: &Node<'_>) -> Result<(Var, Var)> {
    let (a, b) = (node.var(0)?, node.var(1)?);
    if node.opset >= 7 {
        return Ok((a, b));
    }
    node.ignore(&["consumed_inputs"]);
    let (broadcast, axis) = (node.flag("broadcast", false)?, node.optional_int("axis")?);
    if !broadcast {
        if a.shape() != b.shape() {
            return Err(node.wrong(format!("{} and {} differ, and 'broadcast' is 0", a.ty(), b.ty())));
        }
        return Ok((a, b));
    }
    let Some(axis) = axis else { return Ok((a, b)) };
    let axis = node.axis(axis, a.shape().len())?;
    let behind = a.shape().len().checked_sub(axis + b.shape().len());
    let behind = behind.ok_or_else(|| node.wrong(format!("{} does not fit {} from dimension {axis} on", b.ty(), a.ty())))?;
    let shape: Vec<usize> = b.shape().iter().copied().chain(std::iter::repeat_n(1, behind)).collect();
    Ok((a, b.reshape(shape)?))
}
