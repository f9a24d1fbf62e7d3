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
use crate::graph::{Graph, Var};
use crate::ops::{Attention, Precision};

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
        // Integers of so many digits that their sums, of 84 products, stay below 2^24: exact in any order. Only with more than 11 digits
        // a number has two halves.
        let digits = if precision == Precision::F32 { [(15, 2), (2, 15)] } else { [(10, 6), (6, 10)] };
        for known in [product(digits[0])?, product(digits[1])?, attention(digits[0].0)?] {
            if let Some(wrong) = known.wrong(gpu, precision)? {
                return Ok(Some(format!("{precision:?}: {wrong}")));
            }
        }
    }
    Ok(None)
}

/// Something to compute of which every element is known.
struct Known {
    what: &'static str,
    output: Var,
    inputs: Vec<Array>,
    /// In rows of `columns`.
    expected: Vec<i32>,
    columns: usize,
}

/// A product of integers of so many digits.
fn product((digits_a, digits_b): (u32, u32)) -> Result<Known> {
    let graph = Graph::new();
    let inputs = [("a", [ROWS, DEPTH], digits_a), ("b", [DEPTH, COLUMNS], digits_b)];
    let [a, b] = inputs.map(|(_, [rows, columns], digits)| integers(rows * columns, digits));
    let of = |row: usize, column: usize| (0..DEPTH).map(|k| a[row * DEPTH + k] * b[k * COLUMNS + column]).sum();
    let expected = (0..ROWS * COLUMNS).map(|at| of(at / COLUMNS, at % COLUMNS)).collect();
    let arrays = inputs.iter().zip([&a, &b]).map(|((_, shape, _), values)| Array::from_fn(*shape, |i| values[i] as f32));
    let [a, b] = inputs.map(|(name, shape, _)| graph.input(name, TensorType::f32(shape)));
    Ok(Known { what: "a product", output: a?.matmul(&b?)?, inputs: arrays.collect(), expected, columns: COLUMNS })
}

/// Attention of queries that each match one key, by 300 where all others have 0: the weight of these is exp(-300), which is 0. So the output is
/// that key's value. Later queries match earlier keys and the other way round, and whatever comes first, sums are scaled anew or not.
fn attention(digits: u32) -> Result<Known> {
    const QUERIES: usize = 90;
    const KEYS: usize = 40;
    const VALUE: usize = 20;
    let graph = Graph::new();
    let matched = |query: usize| KEYS - 1 - query * 7 % KEYS;
    let value = integers(KEYS * VALUE, digits);
    let inputs = vec![
        Array::from_fn([1, 1, QUERIES, KEYS], |i| if matched(i / KEYS) == i % KEYS { 300.0f32 } else { 0.0 }),
        Array::from_fn([1, 1, KEYS, KEYS], |i| f32::from(i / KEYS == i % KEYS)),
        Array::from_fn([1, 1, KEYS, VALUE], |i| value[i] as f32),
    ];
    let [query, key, values] = ["query", "key", "value"];
    let mut vars = Vec::new();
    for (name, array) in [query, key, values].into_iter().zip(&inputs) {
        vars.push(graph.input(name, array.ty())?);
    }
    let output = vars[0].attention(&vars[1], &vars[2], None, Attention { scale: Some(1.0), ..Attention::default() })?;
    let expected = (0..QUERIES * VALUE).map(|i| value[matched(i / VALUE) * VALUE + i % VALUE]).collect();
    Ok(Known { what: "attention", output, inputs, expected, columns: VALUE })
}

impl Known {
    /// The first element that a kernel on matrices computes wrongly.
    fn wrong(&self, gpu: &Gpu, precision: Precision) -> Result<Option<String>> {
        let program = Program::of(&[&self.output])?;
        let chooser = Chooser::unmeasured(gpu.capabilities(), Options { precision, ..Options::default() });
        for candidate in chooser.candidates(&program, &program.steps[0])?.into_iter().filter(super::choose::is_on_matrices) {
            let layout = Layout::with(chooser.device(), &program, vec![candidate]);
            let mut plan = Compiled::new(gpu, &program, layout)?;
            for _ in 0..TIMES {
                let found = plan.run(&self.inputs.iter().collect::<Vec<_>>())?.swap_remove(0).to_f64();
                let mut pairs = found.iter().zip(&self.expected).enumerate();
                let differ =
                    |found: f64, expected: i32| found.to_bits() != f64::from(expected).to_bits() && !(expected == 0 && found == 0.0);
                if let Some((at, (found, expected))) = pairs.find(|(_, (found, expected))| differ(**found, **expected)) {
                    let (row, column) = (at / self.columns, at % self.columns);
                    return Ok(Some(format!("{}: row {row}, column {column} is {found}, not {expected}", self.what)));
                }
            }
        }
        Ok(None)
    }
}

/// Integers between -2^digits and 2^digits, the same everywhere.
fn integers(count: usize, digits: u32) -> Vec<i32> {
    let mut state = u64::from(digits) + 1;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from(state >> (63 - digits)).unwrap_or(0) - (1 << digits)
    };
    (0..count).map(next).collect()
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
