//! f64: case tables of the operators that have it, and who refuses it.

use crate::common::{Bound, Case, Elsewhere, check, check_on, gpu, narrow_gpu, random};
use foveate::array::{Array, DType, Data, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::Graph;
use foveate::onnx::{Elem, read_npz};
use foveate::ops::{
    AxisRange, Binary, Cast, Compare, Concat, Expand, Gather, Matmul, Op, Reduce, ReduceKind, Reshape, Slice, Split, Transpose, Unary,
    Where,
};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;

/// `tests/fixtures/double.npz`, whose float64 stay what they are.
fn numbers() -> HashMap<String, Array> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/double.npz");
    let array = |(name, tensor): (String, foveate::onnx::Tensor)| {
        let array = match tensor.elem() {
            Elem::Double => Array::from_data(tensor.shape(), Data::F64(tensor.floats().unwrap())).unwrap(),
            _ => tensor.to_array().unwrap(),
        };
        (name, array)
    };
    read_npz(path).unwrap().into_iter().map(array).collect()
}

fn doubles(shape: &[usize], seed: u64) -> Array {
    let values = random(shape, seed).to_f64();
    Array::from_data(shape, Data::F64(values.iter().map(|v| v * 1e200).collect())).unwrap()
}

/// Whether the adapter of the tests computes with f64; if not, it refuses, which [`without_them`] tests everywhere.
fn has_them(gpu: &Gpu) -> bool {
    gpu.capabilities().check_computes(DType::F64).is_ok()
}

/// A row with the fixture's inputs and output of this name.
fn row(numbers: &HashMap<String, Array>, name: &str, op: impl Op + 'static) -> Case {
    let inputs = ["a", "b"].iter().filter_map(|part| numbers.get(&format!("{name}/{part}")).cloned()).collect();
    Case::new(name, op, inputs, Bound::Exact).outputs(vec![numbers[&format!("{name}/output")].clone()])
}

/// Vulkan promises doubles no more than single precision; every adapter that was tried rounds to nearest.
#[test]
fn arithmetic_and_comparisons() {
    let numbers = numbers();
    let mut cases = vec![
        row(&numbers, "add", Binary::Add),
        row(&numbers, "sub", Binary::Sub),
        row(&numbers, "mul", Binary::Mul),
        // Quotients below the normal numbers are 0 on lavapipe of Mesa 26.2.
        Case { bound: Bound::Near { absolute: f64::MIN_POSITIVE, relative: 0.0 }, ..row(&numbers, "div", Binary::Div) },
        row(&numbers, "channel", Binary::Sub),
        row(&numbers, "equal", Compare::Equal),
        row(&numbers, "not_equal", Compare::NotEqual),
        row(&numbers, "less", Compare::Less),
        row(&numbers, "less_or_equal", Compare::LessOrEqual),
        row(&numbers, "greater", Compare::Greater),
        row(&numbers, "greater_or_equal", Compare::GreaterOrEqual),
        row(&numbers, "abs", Unary::Abs),
        row(&numbers, "neg", Unary::Neg),
    ];
    let sub = |name: &str, a: &[usize], b: &[usize]| Case::new(name, Binary::Sub, vec![doubles(a, 1), doubles(b, 2)], Bound::Exact);
    cases.push(sub("one element", &[], &[1]));
    cases.push(sub("one workgroup and one more", &[65], &[65]));
    for shape in [[1], [3], [129]] {
        cases.push(Case::new(format!("neg of {shape:?}"), Unary::Neg, vec![doubles(&shape, 3)], Bound::Exact));
    }
    if has_them(gpu()) {
        check(cases);
    }
}

/// Elements move as pairs of words: on any device, 64-bit floats or not.
#[test]
fn movement() {
    let numbers = numbers();
    let cases = || {
        let every_other = vec![AxisRange::new(1, 1, 3), AxisRange { step: 2, ..AxisRange::new(2, 0, 5) }];
        let backwards = vec![AxisRange { axis: 2, start: -1, end: -6, step: -1 }];
        vec![
            row(&numbers, "transpose", Transpose { perm: vec![2, 0, 1] }),
            row(&numbers, "turned", Transpose { perm: vec![0, 2, 1] }),
            row(&numbers, "slice", Slice { ranges: every_other }),
            row(&numbers, "flip", Slice { ranges: backwards }),
            row(&numbers, "expand", Expand { shape: vec![2, 3, 4] }),
            row(&numbers, "concat", Concat { axis: 1 }),
            row(&numbers, "gather", Gather { axis: 1 }),
            Case::new("split", Split { axis: 1, sizes: vec![1, 2] }, vec![doubles(&[2, 3, 5], 1)], Bound::Exact),
            Case::new("reshape", Reshape { shape: vec![6, 5] }, vec![doubles(&[2, 3, 5], 1)], Bound::Exact),
            Case::new("cast to itself", Cast { to: DType::F64 }, vec![doubles(&[3], 1)], Bound::Exact),
        ]
    };
    check(cases());
    check_on(&narrow_gpu(4096), cases());
}

/// A tensor that is cut: the parts of f64 start where its elements, not words, are.
#[test]
fn windows() {
    if has_them(gpu()) {
        let (a, b) = (doubles(&[3, 1000], 1), doubles(&[1000], 2));
        check(vec![
            Case::new("sub", Elsewhere::windows(Binary::Sub), vec![a.clone(), b.clone()], Bound::Exact).dispatches(6),
            Case::new("less", Elsewhere::windows(Compare::Less), vec![a.clone(), b], Bound::Exact).dispatches(6),
            Case::new("neg", Elsewhere::windows(Unary::Neg), vec![a], Bound::Exact).dispatches(6),
        ]);
    }
    check(vec![
        Case::new(
            "flip",
            Elsewhere::windows(Slice { ranges: vec![AxisRange { axis: 0, start: -1, end: -3001, step: -1 }] }),
            vec![doubles(&[3000], 1)],
            Bound::Exact,
        )
        .dispatches(6),
    ]);
}

#[test]
fn refusals() {
    let x = doubles(&[2, 2], 1);
    let pair = || vec![doubles(&[2, 2], 1), doubles(&[2, 2], 2)];
    let mut cases = vec![
        Case::refused("a product of matrices", Matmul::default(), pair(), "a must be f32, it is f64[2, 2]"),
        Case::refused("two dtypes", Binary::Add, vec![x.clone(), random(&[2, 2], 1)], "differ in dtype"),
        Case::refused("to f32", Cast { to: DType::F32 }, vec![x.clone()], "f64[2, 2] to f32"),
        Case::refused("from f32", Cast { to: DType::F64 }, vec![random(&[2], 1)], "f32[2] to f64"),
        Case::refused("exp", Unary::Exp, vec![x.clone()], "input must be f32, it is f64[2, 2]"),
        Case::refused("a sum", Reduce { kind: ReduceKind::Sum, axes: vec![], keepdims: false }, vec![x.clone()], "f64[2, 2]"),
        Case::refused("where", Where, vec![Array::full([2, 2], true), x.clone(), x], "of f64[2, 2] and f64[2, 2]"),
    ];
    for op in [Binary::Pow, Binary::Minimum, Binary::Maximum, Binary::Remainder, Binary::Fmod, Binary::Prelu] {
        cases.push(Case::refused(format!("{op:?}"), op, pair(), "of f64[2, 2] and f64[2, 2]"));
    }
    check(cases);
}

/// A device whose 64-bit floats were not asked for says so, and computes nothing in their place.
#[test]
fn without_them() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::new(DType::F64, [3])).unwrap();
    let gpu = narrow_gpu(1 << 20);
    for y in [x.add(&x).unwrap(), x.less(&x).unwrap(), x.neg().unwrap()] {
        let error = Plan::compile(Device::Gpu(gpu.clone()), &[&y]).unwrap_err().to_string();
        assert!(error.contains("has no 64-bit floats"), "{error}");
    }
}
