//! Whether a driver multiplies matrices rightly: products whose every element is known, by the kernels that plans run.
//!
//! Matrices are a young part of drivers and of what compiles to them; some were seen to double single elements. So nothing is computed
//! with them before this has passed.

use super::Options;
use super::choose::Chooser;
use super::device::Compiled;
use super::layout::Layout;
use super::program::Program;
use crate::array::{Array, TensorType};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::graph::Graph;
use crate::ops::Precision;

/// Not whole tiles, and several steps of sums.
const ROWS: usize = 200;
const COLUMNS: usize = 150;
const DEPTH: usize = 84;
/// What goes wrong may do so now and then.
const TIMES: usize = 3;

/// Whether all products are right; if not, a warning says which was not.
pub(super) fn passes(gpu: &Gpu) -> bool {
    match test(gpu) {
        Ok(None) => true,
        Ok(Some(wrong)) => {
            tracing::warn!("{} multiplies matrices wrongly, so it goes without: {wrong}", gpu.capabilities().name);
            false
        }
        Err(error) => {
            tracing::warn!("{} could not be tested for its matrices, so it goes without: {error}", gpu.capabilities().name);
            false
        }
    }
}

/// The first wrong element, if there is one.
fn test(gpu: &Gpu) -> Result<Option<String>> {
    for precision in [Precision::F32, Precision::Fast] {
        let graph = Graph::new();
        let a = graph.input("a", TensorType::f32([ROWS, DEPTH]))?;
        let b = graph.input("b", TensorType::f32([DEPTH, COLUMNS]))?;
        let program = Program::of(&[&a.matmul(&b)?])?;
        let options = Options { precision, ..Options::default() };
        let chooser = Chooser::unmeasured(gpu.capabilities(), options);
        // Integers of so many digits that their sums, of 84 products, stay below 2^24: exact in any order. Only with more than 11 digits
        // a number has two halves.
        let digits = if precision == Precision::F32 { [(15, 2), (2, 15)] } else { [(10, 6), (6, 10)] };
        for candidate in chooser.candidates(&program, &program.steps[0])? {
            if !super::choose::is_on_matrices(&candidate) {
                continue;
            }
            let layout = Layout::with(chooser.device(), &program, vec![candidate]);
            let mut plan = Compiled::new(gpu, &program, layout)?;
            for (digits_a, digits_b) in digits {
                let (a, b) = (integers([ROWS, DEPTH], digits_a), integers([DEPTH, COLUMNS], digits_b));
                let [a_array, b_array] =
                    [(&a, [ROWS, DEPTH]), (&b, [DEPTH, COLUMNS])].map(|(v, shape)| Array::from_fn(shape, |i| v[i] as f32));
                for _ in 0..TIMES {
                    let found = plan.run(&program, &[&a_array, &b_array])?.swap_remove(0).to_f64();
                    for (at, found) in found.into_iter().enumerate() {
                        let (row, column) = (at / COLUMNS, at % COLUMNS);
                        let expected: i32 = (0..DEPTH).map(|k| a[row * DEPTH + k] * b[k * COLUMNS + column]).sum();
                        if found.to_bits() != f64::from(expected).to_bits() && !(expected == 0 && found == 0.0) {
                            return Ok(Some(format!("{precision:?}: row {row}, column {column} is {found}, not {expected}")));
                        }
                    }
                }
            }
        }
    }
    Ok(None)
}

/// Integers between -2^digits and 2^digits, the same everywhere.
fn integers(shape: [usize; 2], digits: u32) -> Vec<i32> {
    let mut state = u64::from(digits) + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from(state >> (63 - digits)).unwrap_or(0) - (1 << digits)
    };
    (0..shape[0] * shape[1]).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trivially where the adapter has no matrices.
    #[test]
    fn this_adapter_multiplies_rightly() {
        assert!(passes(&Gpu::new().unwrap()));
    }
}
