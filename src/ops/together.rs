//! Sums of gradients that one operator made of several, as a layer's weight has one of each step of a sequence:
//!
//! ```text
//! a[1]' b[1] + a[2]' b[2] + ..    one product of all rows, [a[1]; a[2]; ..]' [b[1]; b[2]; ..]
//! f(x[1]) + f(x[2]) + ..          f(x[1] + x[2] + ..) of what is linear: pad, concat, sums along axes, other shapes
//! ```
//!
//! The matrices of T steps are neither stored nor read again, and a part of a tensor is put in its place once.

use super::{Concat, Matmul, Op, Pad, PadMode, Reduce, ReduceKind, Reshape, Transpose, as_op, concat};
use crate::error::Result;
use crate::graph::Var;

/// What waits for others like it.
enum Kind {
    /// a' b, of a and b.
    Product(Var, Var),
    /// Linear in all of its inputs together.
    Linear(Vec<Var>),
}

/// Whether to add `term` to others of its kind when all are known. Else it is to be added at once, so that it can be forgotten.
pub(crate) fn waits(term: &Var) -> bool {
    match kind(term) {
        None => false,
        Some(Kind::Product(..)) => true,
        // A view gains what the term behind it gains.
        Some(Kind::Linear(inputs)) if is_view(term) => inputs.iter().all(waits),
        Some(Kind::Linear(_)) => true,
    }
}

/// The sum of terms of one type; `None` of none.
pub(crate) fn sum_of(terms: &[Var]) -> Result<Option<Var>> {
    let mut groups: Vec<(Option<String>, Vec<&Var>)> = Vec::new();
    for term in terms {
        let name = signature(term);
        match groups.iter_mut().find(|(other, _)| name.is_some() && *other == name) {
            Some((_, group)) => group.push(term),
            None => groups.push((name, vec![term])),
        }
    }
    let mut sum: Option<Var> = None;
    for (_, group) in groups {
        let term = together(&group)?;
        sum = Some(sum.map_or_else(|| Ok(term.clone()), |sum| sum.add(&term))?);
    }
    Ok(sum)
}

/// The sum of terms with one signature.
fn together(terms: &[&Var]) -> Result<Var> {
    let kinds: Option<Vec<Kind>> = terms.iter().map(|term| kind(term)).collect();
    let (first, Some(kinds)) = (terms[0], kinds.filter(|kinds| kinds.len() > 1)) else { return Ok(terms[0].clone()) };
    if let Kind::Product(..) = kinds[0] {
        let rows = |which: fn(&Kind) -> Option<&Var>| concat(&kinds.iter().filter_map(which).collect::<Vec<_>>(), 0);
        let a = rows(|kind| if let Kind::Product(a, _) = kind { Some(a) } else { None })?;
        let b = rows(|kind| if let Kind::Product(_, b) = kind { Some(b) } else { None })?;
        return a.swap_axes(0, 1)?.matmul(&b);
    }
    let inputs: Vec<&Vec<Var>> =
        kinds.iter().filter_map(|kind| if let Kind::Linear(inputs) = kind { Some(inputs) } else { None }).collect();
    let summed = (0..inputs[0].len()).map(|i| sum_of(&inputs.iter().map(|inputs| inputs[i].clone()).collect::<Vec<_>>()));
    let summed: Vec<Var> = summed.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    match first.maker() {
        Some((op, _)) => Ok(first.graph().apply_dyn(op, &summed.iter().collect::<Vec<_>>())?.remove(0)),
        None => Ok(first.clone()),
    }
}

/// What must be equal of terms that are added together; `None` of what stands alone.
fn signature(term: &Var) -> Option<String> {
    kind(term)?;
    let (op, inputs) = term.maker()?;
    Some(format!("{op:?} {:?}", inputs.iter().map(Var::ty).collect::<Vec<_>>()))
}

fn is_view(term: &Var) -> bool {
    term.maker().is_some_and(|(op, _)| as_op::<Reshape>(&*op).is_some() || as_op::<Transpose>(&*op).is_some())
}

fn kind(term: &Var) -> Option<Kind> {
    let (op, inputs) = term.maker()?;
    let op: &dyn Op = &*op;
    if as_op::<Matmul>(op).is_some_and(|matmul| !matmul.transposed) {
        let (transpose, a) = inputs[0].maker()?;
        let swaps = as_op::<Transpose>(&*transpose).is_some_and(|transpose| transpose.perm == [1, 0]);
        let (&[rows, height], &[_, width]) = (a[0].shape(), inputs[1].shape()) else { return None };
        // Rows are copied once; what a matrix takes is written, and read and written again by the sum.
        let pays = rows.saturating_mul(height + width) <= height.saturating_mul(2 * width);
        return (swaps && pays).then(|| Kind::Product(a[0].clone(), inputs[1].clone()));
    }
    let linear = as_op::<Pad>(op).is_some_and(|pad| pad.mode == PadMode::Constant(0.0))
        || as_op::<Reduce>(op).is_some_and(|reduce| reduce.kind == ReduceKind::Sum)
        || as_op::<Concat>(op).is_some()
        || as_op::<Reshape>(op).is_some()
        || as_op::<Transpose>(op).is_some();
    linear.then_some(Kind::Linear(inputs))
}
