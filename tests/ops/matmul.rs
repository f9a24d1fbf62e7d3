//! matmul and linear: case tables. Outside numbers: PyTorch in f64.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, launches, random, small_bindings, with_lanes};
use foveate::array::{Array, f16};
use foveate::gpu::Capabilities;
use foveate::graph::Graph;
use foveate::ops::{Linear, Matmul, Op};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;
use std::sync::Arc;

/// The inputs and the output of a fixture's case.
fn numbers(arrays: &HashMap<String, Array>, case: &str) -> (Vec<Array>, Vec<Array>) {
    let named = |name: &str| arrays.get(&format!("{case}/{name}")).cloned();
    let inputs: Vec<Array> = ["a", "b", "x", "weight", "bias"].into_iter().filter_map(named).collect();
    assert!(inputs.len() >= 2, "the fixture has no case '{case}'");
    (inputs, named("output").into_iter().collect())
}

fn case(arrays: &HashMap<String, Array>, name: &str, op: impl Op + 'static) -> Case {
    let (inputs, outputs) = numbers(arrays, name);
    let depth = inputs[0].shape().last().copied().unwrap();
    Case::new(name, op, inputs, Bound::Terms(depth + 1)).outputs(outputs)
}

/// The same product with its second factor as a transposition leaves it, unless that is a vector.
fn turned(arrays: &HashMap<String, Array>, name: &str, op: impl Op + 'static) -> Option<Case> {
    let (mut inputs, outputs) = numbers(arrays, name);
    let &[ref front @ .., depth, columns] = inputs[1].shape() else { return None };
    let (shape, b) = ([front, &[columns, depth]].concat(), inputs[1].values::<f32>().unwrap());
    inputs[1] = Array::from_fn(shape, |i| b[i / (columns * depth) * columns * depth + i % depth * columns + i / depth % columns]);
    Some(Case::new(format!("{name}, transposed"), op, inputs, Bound::Terms(depth + 1)).outputs(outputs))
}

const TRANSPOSED: Matmul = Matmul { transposed: true };

const PRODUCTS: [&str; 19] = [
    "one by one",
    "three",
    "odd",
    "whole vectors",
    "row by matrix",
    "four rows",
    "matrix by column",
    "dot product",
    "vector by matrix",
    "matrix by vector",
    "batches by vector",
    "vector by batches",
    "batches",
    "batches of a",
    "batches of b",
    "batches by columns",
    "crossed batches",
    "three ranks apart",
    "twice crossed",
];

const LAYERS: [&str; 7] = [
    "linear",
    "linear odd",
    "linear of a vector",
    "linear of batches",
    "linear to one",
    "linear without bias",
    "linear to one without bias",
];

#[test]
fn cases() {
    let arrays = fixture("matmul");
    let mut cases: Vec<Case> = PRODUCTS.iter().map(|name| case(&arrays, name, Matmul::default())).collect();
    cases.extend(PRODUCTS.iter().filter_map(|name| turned(&arrays, name, TRANSPOSED)));
    cases.extend(LAYERS.iter().map(|name| case(&arrays, name, Linear)));
    cases.extend([
        Case::new("a workgroup of rows", Matmul::default(), vec![random(&[64, 10], 1), random(&[10, 16], 2)], Bound::Terms(10)),
        Case::new("and one more", Matmul::default(), vec![random(&[65, 10], 1), random(&[10, 17], 2)], Bound::Terms(10)),
        Case::new("deep", Matmul::default(), vec![random(&[5, 3000], 1), random(&[3000, 5], 2)], Bound::Terms(3000)),
        Case::new("65,537 workgroups", Matmul::default(), vec![random(&[65_537, 2, 1], 1), random(&[65_537, 1, 2], 2)], Bound::Terms(1)),
    ]);
    check(cases);
}

#[test]
fn as_a_gpu_computes_it() {
    let arrays = fixture("matmul");
    let products = ["odd", "whole vectors", "batches", "crossed batches"];
    let few_rows = ["row by matrix", "four rows", "matrix by column", "vector by batches"];
    let layers = ["linear", "linear odd", "linear to one"];
    let tile = |op: Elsewhere| op.only("matmul/tile");
    let mut cases: Vec<Case> = products.iter().map(|name| case(&arrays, name, tile(Elsewhere::gpu(Matmul::default())))).collect();
    cases.extend(products.iter().filter_map(|name| turned(&arrays, name, tile(Elsewhere::gpu(TRANSPOSED)))));
    cases.extend(few_rows.iter().filter_map(|name| turned(&arrays, name, Elsewhere::gpu(TRANSPOSED).only("matmul/gemv"))));
    cases.extend(layers.iter().map(|name| case(&arrays, name, tile(Elsewhere::gpu(Linear)))));
    cases.extend(few_rows.iter().map(|name| case(&arrays, name, Elsewhere::gpu(Matmul::default()).only("matmul/gemv"))));
    cases.push(case(&arrays, "linear of a vector", Elsewhere::gpu(Linear).only("matmul/gemv")));
    let many_tiles = || vec![random(&[64, 129, 17], 1), random(&[64, 17, 129], 2)];
    cases.push(Case::new("tiles of 128", Elsewhere::gpu(Matmul::default()), many_tiles(), Bound::Terms(17)));
    let baseline = Elsewhere::new(Matmul::default(), |device| {
        device.software = false;
        device.limits.max_compute_workgroup_storage_size = 16384;
    });
    cases.push(Case::new("tiles of 128 in 16 KiB", baseline, many_tiles(), Bound::Terms(17)));
    let long = || vec![random(&[2, 9, 700], 1), random(&[2, 700, 13], 2)];
    cases.push(Case::new("slices", Elsewhere::gpu(Matmul::default()), long(), Bound::Terms(700)).kernel("sum_slices"));
    let layer = || vec![random(&[9, 700], 1), random(&[13, 700], 2), random(&[13], 3)];
    cases.push(Case::new("slices of a layer", Elsewhere::gpu(Linear), layer(), Bound::Terms(701)).kernel("sum_slices"));
    check(cases);
}

#[test]
fn as_a_device_with_other_subgroups_computes_it() {
    let arrays = fixture("matmul");
    let register = ["odd", "whole vectors", "batches", "crossed batches"];
    let mut cases: Vec<Case> =
        register.iter().map(|name| case(&arrays, name, Elsewhere::without_lanes(Matmul::default()).only("matmul/register"))).collect();
    cases.extend(register.iter().filter_map(|name| turned(&arrays, name, Elsewhere::without_lanes(TRANSPOSED).only("matmul/register"))));
    cases.extend(["linear", "linear odd"].map(|name| case(&arrays, name, Elsewhere::without_lanes(Linear).only("matmul/register"))));
    cases.push(case(&arrays, "row by matrix", Elsewhere::without_lanes(Matmul::default()).only("matmul/gemv")));
    cases.push(case(&arrays, "linear of a vector", Elsewhere::without_lanes(Linear).only("matmul/gemv")));
    check(cases);
}

/// Rows and columns that a thread of the kernel for lavapipe's lanes takes at a time, whole vectors of either factor or not, and a last
/// step of depth that is not whole.
#[test]
fn blocks_and_steps_of_lanes() {
    let product = |rows: usize, depth: usize, columns: usize| {
        let inputs = vec![random(&[rows, depth], 1), random(&[depth, columns], 2)];
        Case::new(format!("{rows} x {depth} x {columns}"), Elsewhere::lanes(Matmul::default(), "matmul/lanes"), inputs, Bound::Terms(depth))
    };
    let layer = |rows: usize, depth: usize, columns: usize| {
        let inputs = vec![random(&[rows, depth], 1), random(&[columns, depth], 2), random(&[columns], 3)];
        Case::new(
            format!("a layer of {rows} x {depth} x {columns}"),
            Elsewhere::lanes(Linear, "matmul/lanes"),
            inputs,
            Bound::Terms(depth + 1),
        )
    };
    check(vec![
        product(2, 8, 40),
        product(3, 6, 8),
        product(7, 9, 66),
        product(8, 12, 64),
        product(9, 4, 12),
        product(17, 5, 64),
        product(33, 16, 33),
        product(80, 3, 31),
        product(70, 13, 130),
        layer(1, 8, 40),
        layer(4, 7, 33),
        layer(12, 16, 36),
        layer(20, 11, 65),
        layer(40, 2, 4),
    ]);
}

#[test]
fn cut_to_fit_bindings() {
    let on = |software: bool, op: Arc<dyn Op>| {
        let gpu = |device: &mut Capabilities| {
            small_bindings(device);
            device.software = false;
        };
        if software { Elsewhere::of(op, small_bindings) } else { Elsewhere::of(op, gpu) }
    };
    let case = |name: &str, op: Elsewhere, shapes: &[&[usize]]| {
        assert!(launches(&op, |_| {}, shapes).len() > 1, "{name} is not cut");
        let arrays = shapes.iter().zip(1..).map(|(shape, seed)| random(shape, seed)).collect();
        Case::new(name, op, arrays, Bound::Terms(shapes[0].last().unwrap() + 1))
    };
    let (matmul, linear): (Arc<dyn Op>, Arc<dyn Op>) = (Arc::new(Matmul::default()), Arc::new(Linear));
    check(vec![
        case("batches", on(true, matmul.clone()), &[&[9, 6, 50], &[9, 50, 12]]),
        case("batches of one factor", on(true, matmul.clone()), &[&[5, 50], &[9, 50, 12]]),
        case("rows", on(true, matmul.clone()), &[&[97, 31], &[31, 5]]),
        case("rows of batches", on(true, matmul.clone()), &[&[2, 97, 31], &[2, 31, 5]]),
        case("a matrix by a column", on(true, matmul), &[&[97, 31], &[31, 1]]),
        case("rows and columns of a transposed factor", on(true, Arc::new(TRANSPOSED)), &[&[70, 37], &[90, 37]]),
        case("outputs", on(true, linear.clone()), &[&[3, 37], &[90, 37], &[90]]),
        case("24 of 47 outputs", on(true, linear.clone()), &[&[6, 37], &[47, 37], &[47]]),
        case("rows and outputs", on(true, linear.clone()), &[&[70, 37], &[90, 37], &[90]]),
        case("rows and outputs on a GPU", on(false, linear), &[&[70, 37], &[90, 37], &[90]]),
    ]);
}

#[test]
fn kernels_are_chosen_by_device_and_shape() {
    let shape = |m, n, k| [vec![m, k], vec![k, n]];
    let kernel = |change: fn(&mut Capabilities), [a, b]: [Vec<usize>; 2]| launches(&Matmul::default(), change, &[&a, &b])[0];
    let software = |d: &mut Capabilities| {
        (d.software, d.backend, d.subgroup_sizes, d.matrices) = (true, wgpu::Backend::Vulkan, (4, 4), None);
    };
    assert_eq!(kernel(with_lanes, shape(64, 64, 64)), "matmul/lanes");
    assert_eq!(kernel(with_lanes, shape(4, 64, 64)), "matmul/lanes");
    assert_eq!(kernel(software, shape(64, 64, 64)), "matmul/register");
    assert_eq!(kernel(software, shape(4, 64, 64)), "matmul/gemv");
    let gpu = |d: &mut Capabilities| (d.software, d.matrices) = (false, None);
    assert_eq!(kernel(gpu, shape(64, 64, 64)), "matmul/tile");
    assert_eq!(kernel(gpu, shape(64, 1, 64)), "matmul/gemv");
    // Whole vectors only where a component's store might become a vector's.
    let elsewhere = |d: &mut Capabilities| {
        (d.software, d.backend, d.subgroup_sizes, d.matrices) = (true, wgpu::Backend::Metal, (4, 4), None);
    };
    assert_eq!(kernel(elsewhere, shape(64, 64, 64)), "matmul/register");
    assert_eq!(kernel(elsewhere, shape(64, 63, 64)), "matmul/tile");
}

#[test]
fn refusals() {
    let matmul =
        |name: &str, a: &[usize], b: &[usize], text| Case::refused(name, Matmul::default(), vec![random(a, 1), random(b, 2)], text);
    let linear =
        |name: &str, shapes: &[&[usize]], text| Case::refused(name, Linear, shapes.iter().map(|shape| random(shape, 1)).collect(), text);
    let half = Array::full([2, 2], f16::ONE);
    check(vec![
        matmul("depths", &[2, 3], &[4, 5], "3 columns meet 4 rows"),
        matmul("depth of a vector", &[2, 3], &[4], "3 columns meet 4 rows"),
        matmul("batches", &[2, 4, 3], &[5, 3, 4], "batches of 2 and 5 do not broadcast"),
        matmul("a scalar", &[], &[3, 4], "without dimensions"),
        Case::refused("a transposed vector", TRANSPOSED, vec![random(&[2, 3], 1), random(&[3], 2)], "which is no matrix"),
        Case::refused("transposed depths", TRANSPOSED, vec![random(&[2, 3], 1), random(&[3, 4], 2)], "3 columns meet 4 rows"),
        Case::refused("one factor", Matmul::default(), vec![random(&[2, 2], 1)], "takes 2 inputs"),
        Case::refused("half precision", Matmul::default(), vec![half.clone(), half.clone()], "cast it first"),
        linear("inputs", &[&[2, 3], &[5, 4]], "wants 4 inputs, x f32[2, 3] has 3"),
        linear("a scalar x", &[&[], &[5, 4]], "(.., inputs)"),
        linear("a vector for a weight", &[&[2, 3], &[3]], "(outputs, inputs)"),
        linear("bias", &[&[2, 3], &[5, 3], &[3]], "bias must be f32[5]"),
        Case::refused("half precision in a layer", Linear, vec![half.clone(), half], "cast it first"),
    ]);
}

#[test]
fn methods_apply_the_operators() {
    let arrays = fixture("matmul");
    for name in ["odd", "linear odd"] {
        let (inputs, outputs) = numbers(&arrays, name);
        let graph = Graph::new();
        let vars: Vec<_> = inputs.iter().map(|array| graph.constant(array.clone()).unwrap()).collect();
        let y = match &vars[..] {
            [a, b] => a.matmul(b).unwrap(),
            [x, weight, bias] => x.linear(weight, Some(bias)).unwrap(),
            _ => panic!("{name} has {} inputs", vars.len()),
        };
        let computed = Plan::compile(Device::Cpu, &[&y]).unwrap().run(&[]).unwrap();
        compare(&computed[0], &outputs[0], None, Bound::Near { absolute: 1e-6, relative: 1e-6 }).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}
