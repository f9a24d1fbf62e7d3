//! Operators that move elements.

use super::differences::{around, check, distinct};
use crate::common::{Bound, check_composed};
use foveate::array::{Array, DType};
use foveate::graph::Var;
use foveate::ops::{AxisRange, PadMode, ScatterReduction, concat};

#[test]
fn shapes_and_orders() {
    check("reshape", &[around(&[2, 3], 1)], |v| v[0].reshape([3, 2])?.flatten(0)?.unsqueeze(1)?.squeeze(1));
    check("transpose", &[around(&[2, 3, 4], 2)], |v| v[0].transpose([2, 0, 1]));
    check("expand", &[around(&[2, 1], 3)], |v| v[0].expand([3, 2, 4]));
    check("tile", &[around(&[2, 3], 4)], |v| v[0].tile(&[2, 2]));
    check("triangle", &[around(&[3, 3], 5)], |v| v[0].tril(0));
}

#[test]
fn parts() {
    let range = |axis, start, end, step| AxisRange { axis, start, end, step };
    let cases = [
        ("a part", vec![range(1, 1, 3, 1)]),
        ("every second", vec![range(1, 1, 5, 2)]),
        ("every third of all", vec![range(0, 0, 9, 2), range(1, 0, 9, 3)]),
        ("backwards", vec![range(1, -1, isize::MIN, -1)]),
        ("every second backwards", vec![range(0, -1, isize::MIN, -2), range(1, 3, 0, -2)]),
    ];
    for (name, ranges) in cases {
        check(name, &[around(&[3, 5], 1)], |v| v[0].slice(ranges.clone()));
    }
    check("concat", &[around(&[2, 1], 2), around(&[2, 3], 3)], |v| concat(&[&v[0], &v[1], &v[0]], -1));
    check("split", &[around(&[2, 6], 4)], |v| {
        let parts = v[0].split(1, &[1, 3, 2])?;
        // The second part is not used.
        parts[0].mul(&parts[2])
    });
    check("pad", &[around(&[2, 4], 5)], |v| v[0].pad([1, -1], [0, 2], PadMode::Constant(3.0)));
    for mode in [PadMode::Reflect, PadMode::Edge, PadMode::Wrap] {
        check(&format!("{mode:?}"), &[around(&[2, 4], 6)], |v| v[0].pad([1, 2], [0, 3], mode));
        check(&format!("{mode:?} and less"), &[around(&[3, 2, 4], 7)], |v| v[0].pad([1, 0, -1], [-1, 0, 2], mode));
    }
    // Further than four times the size: a matrix.
    check("edges", &[around(&[2, 3], 8)], |v| v[0].pad([20, 0], [0, 30], PadMode::Edge));
}

#[test]
fn picks() {
    let picks = |shape: &[usize], values: &[i32]| Array::new(shape, values.to_vec()).unwrap();
    // Twice the same, from the end, and out of range.
    check("gather", &[around(&[4, 3], 1), picks(&[2, 3], &[1, 1, 0, -1, 9, 1])], |v| v[0].gather(0, &v[1]));
    check("gather_sum", &[around(&[2, 3, 2], 2), picks(&[4, 2], &[2, 0, 1, 1, -1, 0, 2, 9]), around(&[4, 2], 3)], |v| {
        v[0].gather_sum(1, &v[1], &v[2])
    });
    check("gather inside", &[around(&[2, 3, 2], 2), picks(&[4], &[2, 0, 2, 2])], |v| v[0].gather(1, &v[1]));
    let once = picks(&[2, 1, 3], &[1, -1, 9, 0, -9, 2]);
    check("one of all classes", &[around(&[2, 4, 3], 5), once], |v| v[0].gather_elements(1, &v[1]));
    check("two of each row", &[around(&[3, 4], 3), picks(&[3, 2], &[1, 1, 3, 0, -1, 2])], |v| v[0].gather_elements(1, &v[1]));
}

#[test]
fn picks_by_tuples() {
    let picks = |shape: &[usize], values: &[i32]| Array::new(shape, values.to_vec()).unwrap();
    // Twice the same, from the end, and out of range.
    let pairs = picks(&[2, 2, 2], &[0, 1, 2, -1, 0, 1, 9, -9]);
    check("elements", &[around(&[3, 2], 1), pairs.clone()], |v| v[0].gather_nd(&v[1], 0));
    check("slices", &[around(&[3, 2, 2], 2), pairs], |v| v[0].gather_nd(&v[1], 0));
    let of_batches = picks(&[2, 3, 2], &[0, 1, -1, 1, 0, 1, 2, 0, 7, -7, 2, 0]);
    check("of batches", &[around(&[2, 3, 2, 2], 3), of_batches], |v| v[0].gather_nd(&v[1], 1));
    check("of pairs of batches", &[around(&[2, 2, 3], 4), picks(&[2, 2, 1], &[1, -1, 0, 5])], |v| v[0].gather_nd(&v[1], 2));
}

const REDUCTIONS: [ScatterReduction; 5] =
    [ScatterReduction::None, ScatterReduction::Add, ScatterReduction::Mul, ScatterReduction::Max, ScatterReduction::Min];

#[test]
fn scatters() {
    let picks = |shape: &[usize], values: &[i32]| Array::new(shape, values.to_vec()).unwrap();
    // All numbers differ, so that no maximum changes within two steps. Several name one place; one is out of range.
    let numbers = distinct(&[4, 6], 1);
    let part = |rows: std::ops::Range<usize>, shape: &[usize]| {
        let values = numbers.values::<f32>().unwrap();
        Array::from_fn(shape, |i| values[rows.start * 6 + i])
    };
    for reduction in REDUCTIONS {
        let inputs = [part(0..2, &[3, 4]), picks(&[4, 2], &[1, 0, 1, 2, -1, 0, 1, 9]), part(2..4, &[4, 2])];
        check(&format!("elements, {reduction:?}"), &inputs, |v| v[0].scatter_elements(0, &v[1], &v[2], reduction));
        let inputs = [part(0..2, &[3, 2, 2]), picks(&[3, 2], &[0, 1, 2, 0, 0, 1]), part(2..3, &[3, 2])];
        check(&format!("slices, {reduction:?}"), &inputs, |v| v[0].scatter_nd(&v[1], &v[2], reduction));
    }
}

#[test]
fn zeros_that_multiply() {
    // Places with no zero, one in the data, one in an update, two of them; one that nothing changes.
    let data = Array::new([5], vec![2.0f32, 0.0, 3.0, 0.0, 1e-30]).unwrap();
    let indices = Array::new([8], vec![0, 0, 1, 1, 2, 2, 3, 3]).unwrap();
    let updates = Array::new([8], vec![3.0f32, 5.0, 3.0, 5.0, 0.0, 5.0, 0.0, 5.0]).unwrap();
    let build =
        |v: &[Var]| v[0].scatter_elements(0, &v[1], &v[2], ScatterReduction::Mul)?.reduce_sum(&[], false)?.gradient(&[&v[0], &v[2]]);
    let by_data = Array::new([5], vec![15.0f32, 15.0, 0.0, 0.0, 1.0]).unwrap();
    let by_updates = Array::new([8], vec![10.0f32, 6.0, 0.0, 0.0, 15.0, 0.0, 0.0, 0.0]).unwrap();
    let bound = Bound::Near { absolute: 0.0, relative: 3e-7 };
    check_composed("zeros", &[data, indices, updates], build, &[&by_data, &by_updates], bound);
}

#[test]
fn equal_updates_share() {
    // The first place has 5 from the data and from two updates, the second 5 from one update alone.
    let (data, updates) = (Array::new([2], vec![5.0f32, 1.0]).unwrap(), Array::new([4], vec![5.0f32, 5.0, 5.0, 2.0]).unwrap());
    let indices = Array::new([4], vec![0, 0, 1, 1]).unwrap();
    let build =
        |v: &[Var]| v[0].scatter_elements(0, &v[1], &v[2], ScatterReduction::Max)?.reduce_sum(&[], false)?.gradient(&[&v[0], &v[2]]);
    let third = 1.0f32 / 3.0;
    let (by_data, by_updates) = (Array::new([2], vec![third, 0.0]).unwrap(), Array::new([4], vec![third, third, 1.0, 0.0]).unwrap());
    check_composed("equals", &[data, indices, updates], build, &[&by_data, &by_updates], Bound::Near { absolute: 0.0, relative: 3e-7 });
}

/// What comes back through f16 is rounded to it, as in PyTorch.
#[test]
fn through_half_precision() {
    let build = |v: &[Var]| {
        let halves = v[0].cast(DType::F16)?.transpose([1, 0])?.cast(DType::F32)?;
        let gradients = halves.mul(&v[1])?.reduce_sum(&[], false)?.gradient(&[&v[0]])?;
        Ok([vec![halves], gradients].concat())
    };
    let inputs = [Array::new([1, 2], vec![0.3f32, 7.7]).unwrap(), Array::new([2, 1], vec![0.1f32, 3.0001]).unwrap()];
    let halves = Array::new([2, 1], vec![0.300_048_83f32, 7.699_218_8]).unwrap();
    let gradient = Array::new([1, 2], vec![0.099_975_586f32, 3.0]).unwrap();
    check_composed("f16", &inputs, build, &[&halves, &gradient], Bound::Exact);
}

#[test]
fn orders() {
    let x = distinct(&[3, 4, 2], 1);
    check("the largest", std::slice::from_ref(&x), |v| Ok(v[0].topk(2, 1, true)?.0));
    check("sorted", std::slice::from_ref(&x), |v| Ok(v[0].sort(1, false)?.0));
    check("sorted downwards", std::slice::from_ref(&x), |v| Ok(v[0].sort(-1, true)?.0));
    let lengths = Array::new([4], vec![2, 0, 3, 9]).unwrap();
    check("reversed", &[x, lengths], |v| v[0].reverse_sequence(&v[1], 0));
}
