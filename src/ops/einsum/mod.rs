//! einsum: products of tensors summed as an equation says.
//!
//! ```text
//! "bij,bjk->bik"      output[b, i, k] = sum over j of first[b, i, j] * second[b, j, k]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | operands | a dimension for each letter of their terms, `...` for any number of them; f32, also i32, and u32 where nothing is summed |
//! | output | a dimension for each letter behind the arrow |
//!
//! Letters are `a` to `z` and `A` to `Z`. A letter that the output lacks is summed over; one that a term repeats is a diagonal.
//! Without an arrow the output has the ellipsis, then every letter that occurs once, in order, capitals first. Dimensions
//! under an ellipsis are counted from the last; if the output has none they are summed. A size of 1 is repeated to fit.
//!
//! Composed: diagonals are slices with a step, sums that concern one operand come first, and operands are joined two at a time,
//! from the left, by a batched matrix product. Where nothing is summed, and for integers, it is an elementwise product and a
//! sum of it, which for integers takes the memory of all letters together.
//!
//! ONNX: Einsum. PyTorch, `NumPy`: `einsum`.

mod equation;

use super::AxisRange;
use crate::array::{DType, elements};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;
use equation::{Equation, Label};
use std::collections::BTreeMap;

pub(super) const KERNELS: &[&Kernel] = &[];

/// What `equation` makes of the operands.
///
/// # Errors
/// If the equation cannot be read or does not fit the operands, their sizes or dtypes differ, or a dtype is not supported.
pub fn einsum(equation: &str, operands: &[&Var]) -> Result<Var> {
    let ranks: Vec<usize> = operands.iter().map(|v| v.shape().len()).collect();
    let Equation { terms, output } = Equation::parse(equation, &ranks)?;
    let Some((first, others)) = operands.split_first() else {
        return Err(Error::shape("einsum", "there are no operands"));
    };
    if let Some(other) = others.iter().find(|v| v.dtype() != first.dtype()) {
        return Err(Error::shape("einsum", format!("{} and {} differ in dtype; cast one of them first", first.ty(), other.ty())));
    }
    let sizes = sizes(equation, &terms, operands)?;
    let mut factors = operands.iter().zip(terms).map(|(var, labels)| Factor { var: (*var).clone(), labels }.simplified());
    let mut product = factors.next().transpose()?.ok_or_else(|| Error::shape("einsum", "there are no operands"))?;
    let mut rest = factors.collect::<Result<Vec<_>>>()?.into_iter();
    while let Some(factor) = rest.next() {
        let wanted = |label: &Label| output.contains(label) || rest.as_slice().iter().any(|f| f.labels.contains(label));
        product = product.joined(factor, wanted)?;
    }
    let product = product.summed(|label| output.contains(label))?;
    let present: Vec<Label> = output.iter().filter(|l| product.labels.contains(l)).copied().collect();
    product.ordered(&present)?.reshape(output.iter().map(|label| sizes.get(label).copied().unwrap_or(1)).collect::<Vec<_>>())
}

/// The size of each label; 1 gives way to any other.
fn sizes(equation: &str, terms: &[Vec<Label>], operands: &[&Var]) -> Result<BTreeMap<Label, usize>> {
    let mut sizes = BTreeMap::new();
    for (operand, labels) in operands.iter().zip(terms) {
        for (at, (&label, &size)) in labels.iter().zip(operand.shape()).enumerate() {
            let known = sizes.entry(label).or_insert(size);
            let before = labels[..at].iter().position(|&l| l == label).map(|d| operand.shape()[d]);
            let fits = match before {
                Some(before) => before == size,
                None => *known == size || *known == 1 || size == 1,
            };
            if !fits {
                let reason = format!("'{equation}': {label} is {} and {size}, the latter in dimension {at} of {}", *known, operand.ty());
                return Err(Error::shape("einsum", reason));
            }
            *known = size.max(*known);
        }
    }
    Ok(sizes)
}

/// A tensor whose dimensions have names.
struct Factor {
    var: Var,
    labels: Vec<Label>,
}

impl Factor {
    /// The product of the sizes of some labels.
    fn extent(&self, of: &[Label]) -> usize {
        elements(&self.shape(of))
    }

    fn shape(&self, of: &[Label]) -> Vec<usize> {
        let size = |label| self.labels.iter().position(|&l| l == label).map_or(1, |d| self.var.shape()[d]);
        of.iter().map(|&label| size(label)).collect()
    }

    /// Each label once, and none of size 1: what is repeated needs no dimension, and the output gets its own back at the end.
    fn simplified(mut self) -> Result<Self> {
        while let Some((p, q)) = (0..self.labels.len()).find_map(|q| Some((self.labels[..q].iter().position(|&l| l == self.labels[q])?, q)))
        {
            // (.., n, n) as (.., n * n), of which every n + 1st element is on the diagonal.
            let n = self.var.shape()[p];
            let others: Vec<usize> = (0..self.labels.len()).filter(|&d| d != p && d != q).collect();
            let turned = self.var.transpose([others.as_slice(), &[p, q]].concat())?;
            let mut shape = turned.shape()[..others.len()].to_vec();
            shape.push(turned.shape()[others.len()..].iter().product());
            let step = isize::try_from(n + 1).map_err(|_| Error::shape("einsum", format!("a diagonal of {n}")))?;
            let diagonal = AxisRange { axis: others.len(), start: 0, end: isize::MAX, step };
            self.var = turned.reshape(shape)?.slice([diagonal])?;
            let label = self.labels[p];
            self.labels = others.iter().map(|&d| self.labels[d]).chain([label]).collect();
        }
        let kept: Vec<usize> = (0..self.labels.len()).filter(|&d| self.var.shape()[d] != 1).collect();
        let shape: Vec<usize> = kept.iter().map(|&d| self.var.shape()[d]).collect();
        Ok(Self { var: self.var.reshape(shape)?, labels: kept.iter().map(|&d| self.labels[d]).collect() })
    }

    /// Summed over every label that is not wanted.
    fn summed(self, wanted: impl Fn(&Label) -> bool) -> Result<Self> {
        let gone: Vec<isize> = (0isize..).zip(&self.labels).filter(|(_, label)| !wanted(label)).map(|(d, _)| d).collect();
        if gone.is_empty() {
            return Ok(self);
        }
        Ok(Self { var: self.var.reduce_sum(&gone, false)?, labels: self.labels.into_iter().filter(|label| wanted(label)).collect() })
    }

    /// The tensor with its dimensions in the order of `labels`, which are its own.
    fn ordered(&self, labels: &[Label]) -> Result<Var> {
        let perm: Vec<usize> = labels.iter().filter_map(|label| self.labels.iter().position(|l| l == label)).collect();
        if perm.is_sorted() { Ok(self.var.clone()) } else { self.var.transpose(perm) }
    }

    /// The product with `other`, summed over every label that is not wanted any more.
    fn joined(self, other: Self, wanted: impl Fn(&Label) -> bool) -> Result<Self> {
        let shared: Vec<Label> = self.labels.iter().filter(|l| other.labels.contains(l)).copied().collect();
        let a = self.summed(|label| wanted(label) || shared.contains(label))?;
        let b = other.summed(|label| wanted(label) || shared.contains(label))?;
        let (batch, depth): (Vec<Label>, Vec<Label>) = shared.iter().partition(|label| wanted(label));
        let own = |f: &Self| f.labels.iter().filter(|l| !shared.contains(l)).copied().collect::<Vec<Label>>();
        let (rows, columns) = (own(&a), own(&b));
        let (n, m, k, c) = (a.extent(&batch), a.extent(&rows), a.extent(&depth), b.extent(&columns));
        let a_turned = a.ordered(&[batch.as_slice(), &rows, &depth].concat())?;
        let var = if depth.is_empty() {
            let b_turned = b.ordered(&[batch.as_slice(), &columns].concat())?;
            a_turned.reshape([n, m, 1])?.mul(&b_turned.reshape([n, 1, c])?)?
        } else if a.var.dtype() == DType::F32 {
            let b_turned = b.ordered(&[batch.as_slice(), &depth, &columns].concat())?;
            a_turned.reshape([n, m, k])?.matmul(&b_turned.reshape([n, k, c])?)?
        } else {
            let b_turned = b.ordered(&[batch.as_slice(), &columns, &depth].concat())?;
            a_turned.reshape([n, m, 1, k])?.mul(&b_turned.reshape([n, 1, c, k])?)?.reduce_sum(&[-1], false)?
        };
        let shape = [a.shape(&batch), a.shape(&rows), b.shape(&columns)].concat();
        Ok(Self { var: var.reshape(shape)?, labels: [batch, rows, columns].concat() })
    }
}
