//! `cofactors`: case table, PyTorch's numbers, and Laplace's expansion of large matrices.

use crate::common::{Bound, Case, Elsewhere, check, fixture, gpu, random};
use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::ops::Cofactors;
use foveate::plan::{Device, Plan};

/// Of matrices whose condition is some tens: roundings of M steps, each of them that much.
const BOUND: Bound = Bound::Near { absolute: 3e-5, relative: 3e-5 };

/// Random numbers whose last row is the sum of the rows before, which leaves all but one dimension.
fn singular(size: usize) -> Array {
    let values = random(&[size, size], 5);
    let values = values.values::<f32>().unwrap();
    let sum = |column: usize| (0..size - 1).map(|row| values[row * size + column]).sum();
    Array::from_fn([size, size], |at| if at / size == size - 1 { sum(at % size) } else { values[at] })
}

#[test]
fn cases() {
    let arrays = fixture("cofactors");
    let outside = |name: &str| {
        let part = |key: &str| vec![arrays[&format!("{name}/{key}")].clone()];
        Case::new(name, Cofactors, part("input0"), BOUND).outputs(part("output0"))
    };
    let diagonal = Array::from_fn([3, 3], |at| [2.0f32, 0.0, 5.0][at / 3] * f32::from(u8::from(at % 4 == 0)));
    let others = Array::from_fn([3, 3], |at| if at == 4 { 10.0f32 } else { 0.0 });
    let integers = Array::full([3, 3], 1i32);
    check(vec![
        outside("five"),
        outside("seventeen"),
        outside("forty"),
        Case::new("a number", Cofactors, vec![random(&[3, 1, 1], 1)], Bound::Exact).outputs(vec![Array::full([3, 1, 1], 1.0f32)]),
        Case::new("two rows", Cofactors, vec![random(&[70_000, 2, 2], 2)], Bound::Near { absolute: 1e-6, relative: 1e-6 }),
        Case::new("windows", Elsewhere::windows(Cofactors), vec![random(&[100, 6, 6], 3)], BOUND),
        Case::new("singular", Cofactors, vec![singular(9)], BOUND),
        Case::new("a zero on the diagonal", Cofactors, vec![diagonal], Bound::Exact).outputs(vec![others]),
        Case::new("one dimension", Cofactors, vec![Array::full([5, 5], 2.0f32)], Bound::Exact).outputs(vec![Array::full([5, 5], 0.0f32)]),
        Case::refused("not square", Cofactors, vec![random(&[3, 4], 1)], "(..., M, M), it is f32[3, 4]"),
        Case::refused("integers", Cofactors, vec![integers], "must be f32"),
        Case::refused("large", Cofactors, vec![random(&[300, 300], 1)], "matrices of 300 rows; 256 are the most"),
    ]);
}

/// A row times the cofactors of its own is the determinant, times those of another 0. References of 65,536 minors would take minutes.
#[test]
fn large_matrices_are_expanded() {
    let size = 256;
    let noise = random(&[size, size], 7);
    let noise = noise.values::<f32>().unwrap();
    let matrix = Array::from_fn([size, size], |at| f32::from(u8::from(at / size == (at + 1) % size)) + noise[at] / 16.0);
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([size, size])).unwrap();
    let (det, cofactors) = (x.det().unwrap(), x.cofactors().unwrap());
    let computed = Plan::compile(Device::Gpu(gpu().clone()), &[&det, &cofactors]).unwrap().run(&[("x", &matrix)]).unwrap();
    let det = computed[0].to_f64()[0];
    assert!((1e-3..1e3).contains(&det.abs()), "a determinant of {det}");
    for (i, row) in matrix.to_f64().chunks_exact(size).enumerate() {
        for (k, of) in computed[1].to_f64().chunks_exact(size).enumerate() {
            let sum: f64 = row.iter().zip(of).map(|(x, y)| x * y).sum();
            let expected = if i == k { det } else { 0.0 };
            assert!((sum - expected).abs() < 1e-4 * det.abs(), "row {i} by cofactors of row {k}: {sum}, not {expected}");
        }
    }
}
