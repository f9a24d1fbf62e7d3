//! adjoint: the gradient of what makes each element along an axis a sum of weighted elements of its input.
//!
//! ```text
//! output[.., o, ..] = sum over (i, w) in taps[o] of  w input[.., i, ..]
//! input_grad[.., i, ..] = sum over o and (i, w) in taps[o] of  w output_grad[.., o, ..]
//! ```
//!
//! Where few elements have used an input each, these are picked, weighted and added up; a matrix does it otherwise.

use crate::array::{Array, elements};
use crate::error::Result;
use crate::graph::Var;

/// Which elements of an input one of the output is the sum of, and with what weights.
pub(super) type Taps = Vec<(usize, f64)>;

/// The gradient of an input of `size` elements along `axis` from that of the output, which has as many as `taps`.
pub(super) fn adjoint(grad: &Var, axis: usize, size: usize, taps: &[Taps]) -> Result<Var> {
    if taps.len() == size && taps.iter().enumerate().all(|(o, taps)| *taps == [(o, 1.0)]) {
        return Ok(grad.clone());
    }
    let mut uses: Vec<Taps> = vec![Vec::new(); size];
    for (o, taps) in taps.iter().enumerate() {
        for &(i, weight) in taps {
            match uses[i].last_mut() {
                Some(last) if last.0 == o => last.1 += weight,
                _ => uses[i].push((o, weight)),
            }
        }
    }
    let shape = grad.shape();
    let (outer, len, inner) = (elements(&shape[..axis]), shape[axis], elements(&shape[axis + 1..]));
    let mut input = shape.to_vec();
    input[axis] = size;
    let most = uses.iter().map(Vec::len).max().unwrap_or(0).max(1);
    if most * size > 4 * (size + len) {
        let weight = |i: usize, o: usize| uses[i].iter().find(|u| u.0 == o).map_or(0.0, |u| u.1) as f32;
        return if inner == 1 {
            let matrix = grad.graph().constant(Array::from_fn([len, size], |at| weight(at % size, at / size)))?;
            grad.reshape([outer, len])?.matmul(&matrix)?.reshape(input)
        } else {
            let matrix = grad.graph().constant(Array::from_fn([size, len], |at| weight(at / len, at % len)))?;
            matrix.matmul(&grad.reshape([outer, len, inner])?)?.reshape(input)
        };
    }
    // An input with fewer uses than another has some of weight 0, at the last of its own or near it.
    let near = |i: usize| (i * len / size).min(len - 1);
    let used = |at: usize| {
        let (uses, k) = (&uses[at / most], at % most);
        uses.get(k).copied().unwrap_or((uses.last().map_or(near(at / most), |u| u.0), 0.0))
    };
    let places = grad.graph().constant(Array::from_fn([size, most], |at| i32::try_from(used(at).0).unwrap_or(i32::MAX)))?;
    let weights = grad.graph().constant(Array::from_fn([size, most], |at| used(at).1 as f32))?;
    grad.reshape([outer, len, inner])?.gather_sum(1, &places, &weights)?.reshape(input)
}
