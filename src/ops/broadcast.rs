//! What operators on broadcast operands share: shapes and nests.
//!
//! NumPy's rule: shapes are aligned at their last dimension, missing ones count as 1, and a size of 1 is repeated.

use super::{Nest, Walk, dense};
use crate::array::{Array, DType, Element, TensorType, elements, strides};
use crate::error::{Error, Result};

/// The shape that `shapes` broadcast to.
pub(super) fn broadcast_shape(op: &'static str, shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut output = vec![1; rank];
    for shape in shapes {
        for (i, &size) in shape.iter().enumerate() {
            let at = i + rank - shape.len();
            if size != 1 && output[at] != 1 && output[at] != size {
                let given = shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" and ");
                let reason = format!("{given} do not broadcast: {} against {size} in dimension {at}", output[at]);
                return Err(Error::shape(op, reason));
            }
            if size != 1 {
                output[at] = size;
            }
        }
    }
    Ok(output)
}

/// The walk through a tensor of shape `from` read as one of shape `to`.
pub(super) fn broadcast_walk(from: &[usize], to: &[usize]) -> Walk {
    let missing = to.len() - from.len();
    let own = dense(from);
    Walk::new((0..to.len()).map(|i| if i < missing || from[i - missing] == 1 { 0 } else { own[i - missing] }).collect())
}

/// The nest of an output of shape `to` over operands of these shapes, the output first.
pub(super) fn broadcast_nest<const N: usize>(op: &'static str, shapes: [&[usize]; N], to: &[usize]) -> Result<Nest<N>> {
    Nest::new(op, to, shapes.map(|from| broadcast_walk(from, to)))
}

/// For each element of `shape`, where the operand of shape `from` has its own.
pub(super) fn broadcast_index(from: &[usize], shape: &[usize]) -> impl Fn(usize) -> usize + use<> {
    let (missing, own) = (shape.len() - from.len(), strides(from));
    let loops: Vec<(usize, usize, usize)> = strides(shape)
        .into_iter()
        .zip(shape)
        .enumerate()
        .filter(|(i, _)| *i >= missing && from[i - missing] != 1)
        .map(|(i, (row, &size))| (row, size, own[i - missing]))
        .collect();
    move |flat| loops.iter().map(|(row, size, stride)| flat / row % size * stride).sum()
}

/// The definition of a function of two broadcast operands.
pub(super) fn pairs<A: Element, B: Element, T: Element>(op: &'static str, a: &Array, b: &Array, f: impl Fn(A, B) -> T) -> Result<Array> {
    let shape = broadcast_shape(op, &[a.shape(), b.shape()])?;
    let (at_a, at_b) = (broadcast_index(a.shape(), &shape), broadcast_index(b.shape(), &shape));
    let (a, b) = (a.values::<A>()?, b.values::<B>()?);
    let values = (0..elements(&shape)).map(|i| f(a[at_a(i)], b[at_b(i)])).collect();
    Array::from_data(shape, T::wrap(values))
}

/// The output's type for two operands of one dtype out of `dtypes`.
pub(super) fn infer_pair(op: &'static str, inputs: &[&TensorType], dtypes: &[DType], output: Option<DType>) -> Result<Vec<TensorType>> {
    super::check_inputs(op, inputs, 2..=2)?;
    let (a, b) = (inputs[0], inputs[1]);
    if a.dtype != b.dtype {
        return Err(Error::shape(op, format!("{a} and {b} differ in dtype; cast one of them first")));
    }
    if !dtypes.contains(&a.dtype) {
        return Err(Error::unsupported(op, format!("of {a} and {b}; cast them first")));
    }
    let shape = broadcast_shape(op, &[&a.shape, &b.shape])?;
    broadcast_nest(op, [&shape, &a.shape, &b.shape], &shape)?;
    Ok(vec![TensorType::new(output.unwrap_or(a.dtype), shape)])
}
