//! Products of matrices.

use super::Table;
use crate::array::DType;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use crate::ops::einsum;

pub(super) const TABLE: Table = &[("Det", |n| n.same(n.var(0)?.det()?)), ("Einsum", product), ("Gemm", gemm), ("MatMul", matmul)];

fn matmul(node: &Node<'_>) -> Result<Vec<Value>> {
    let (a, b) = (node.var(0)?, node.var(1)?);
    // As in NumPy, a vector is a row on the left and a column on the right, and the dimension it lent goes again.
    let row = a.shape().len() == 1;
    let column = b.shape().len() == 1;
    let a = if row { a.unsqueeze(0)? } else { a };
    let b = if column { b.unsqueeze(1)? } else { b };
    let mut product = match a.dtype() {
        DType::F32 => a.matmul(&b)?,
        held => a.matmul_integer(&b, None, None)?.cast(held)?,
    };
    if column {
        product = product.squeeze(-1)?;
    }
    if row {
        product = product.squeeze(if column { -1 } else { -2 })?;
    }
    node.wrapped(product)
}

/// alpha A' B' + beta C
fn gemm(node: &Node<'_>) -> Result<Vec<Value>> {
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let (trans_a, trans_b) = (node.flag("transA", false)?, node.flag("transB", false)?);
    node.ignore(&["broadcast", "axis"]);
    let a = node.var(0)?;
    let a = if trans_a { a.swap_axes(0, 1)? } else { a };
    let b = node.var(1)?;
    let c = node.optional(2)?;
    let scaled = |var: Var, by: f32| if by == 1.0 { Ok(var) } else { var.mul(&node.scalar(DType::F32, f64::from(by))?) };
    // The common fully connected layer is one operator.
    let outputs = b.shape().first().copied();
    if let Some(bias) =
        c.as_ref().filter(|c| trans_b && alpha == 1.0 && beta == 1.0 && c.shape().len() == 1 && c.shape().first().copied() == outputs)
    {
        return node.same(a.linear(&b, Some(bias))?);
    }
    let product = if trans_b { a.linear(&b, None)? } else { a.matmul(&b)? };
    let product = scaled(product, alpha)?;
    node.same(match c {
        Some(c) if beta != 0.0 => product.add(&scaled(c, beta)?)?,
        _ => product,
    })
}

fn product(node: &Node<'_>) -> Result<Vec<Value>> {
    let equation = node.text("equation")?.ok_or_else(|| node.wrong("attribute 'equation' is missing"))?;
    let operands = node.vars()?;
    node.same(einsum(&equation, &operands.iter().collect::<Vec<_>>())?)
}
