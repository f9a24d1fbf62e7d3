//! Products on cooperative matrices: every element right, where an adapter has them and where it stands in for a GPU that does.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, Largest, compare, random, stand_in};
use foveate::array::{Array, Hw, Pads, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::ops::{Attention, Cell, Conv2d, Conv2dWeight, ConvTranspose2d, Direction, MaxPool2d, Op, Precision, Recurrence, Recurrent};
use foveate::plan::{Device, Options, Plan};
use std::mem::ManuallyDrop;

const BOTH: [Precision; 2] = [Precision::F32, Precision::Fast];
const LSTM: Cell = Cell::Lstm { input_forget: false };
const GRU: Cell = Cell::Gru { linear_before_reset: true };

/// The tests' adapter if its subgroups multiply matrices, and in place of a GPU whose do. A device compiles one shader after the other, so
/// tests that run at the same time have their own.
fn gpus() -> Vec<Gpu> {
    thread_local! {
        // Never dropped: a queue is not to be when its thread ends.
        static GPUS: ManuallyDrop<Vec<Gpu>> = {
            let own = Some(common::gpu().clone()).filter(|gpu| gpu.capabilities().matrices.is_some());
            ManuallyDrop::new(own.into_iter().chain([stand_in(16, 32)]).collect())
        };
    }
    GPUS.with(|gpus| gpus.to_vec())
}

/// The ways to compute `outputs` on each of them.
fn ways(outputs: &[&Var], options: Options) -> Vec<Plan> {
    gpus().iter().flat_map(|gpu| Plan::ways(gpu, outputs, options).unwrap()).collect()
}

/// Those of them on matrices, of which each device must have one.
fn ways_on_matrices(gpus: &[Gpu], output: &Var, precision: Precision) -> Vec<Plan> {
    let of = |gpu| {
        let mut ways = Plan::ways(gpu, &[output], Options { precision, ..Options::default() }).unwrap();
        ways.retain(|plan| plan.describe().contains("/matrices"));
        assert!(!ways.is_empty(), "no way is on matrices, {precision:?}, {gpu:?}");
        ways
    };
    gpus.iter().flat_map(of).collect()
}

/// How far sums of products may be off in f32 or from halves, and from factors of 11 digits.
fn bounds(precision: Precision, terms: usize) -> Bound {
    match precision {
        Precision::F32 => Bound::Terms(terms),
        // 2^-11 of a product for each factor: 4096 times 2 eps.
        _ => Bound::Terms(terms + (1 << 12)),
    }
}

/// Every way on matrices to compute what `build` makes of `inputs` is within its bound of the reference, which is of sums of so many products.
fn check(name: &str, inputs: &[Array], terms: usize, build: impl Fn(&[Var]) -> foveate::Result<Var>) {
    check_on(&gpus(), &BOTH, name, inputs, &|precision| bounds(precision, terms), &build);
}

/// The same on devices of the test's own, and within any bound; what a bound of terms scales by is the reference on absolute values.
fn check_on(
    gpus: &[Gpu],
    precisions: &[Precision],
    name: &str,
    inputs: &[Array],
    bound: &dyn Fn(Precision) -> Bound,
    build: &dyn Fn(&[Var]) -> foveate::Result<Var>,
) {
    let graph = Graph::new();
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("input{i}")).collect();
    let vars: Vec<Var> = names.iter().zip(inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let output = build(&vars).unwrap();
    let given = |arrays: &[Array]| names.iter().cloned().zip(arrays.iter().cloned()).collect::<Vec<_>>();
    let run = |plan: &mut Plan, arrays: &[Array]| {
        let given = given(arrays);
        plan.run(&given.iter().map(|(name, array)| (name.as_str(), array)).collect::<Vec<_>>()).unwrap().swap_remove(0)
    };
    let mut on_cpu = Plan::compile(Device::Cpu, &[&output]).unwrap();
    let reference = run(&mut on_cpu, inputs);
    let absolute: Vec<Array> = inputs.iter().map(|a| Array::from_fn(a.shape(), |i| a.values::<f32>().unwrap()[i].abs())).collect();
    let scale = run(&mut on_cpu, &absolute);
    for &precision in precisions {
        for mut plan in ways_on_matrices(gpus, &output, precision) {
            let text = plan.describe();
            for time in 0..2 {
                let computed = run(&mut plan, inputs);
                let close = compare(&computed, &reference, Some(&scale), bound(precision));
                close.unwrap_or_else(|e| panic!("{name}, {precision:?}, run {time}: {e}\n{text}"));
            }
        }
    }
}

#[test]
fn products_are_right_every_way() {
    for (rows, columns, depth) in [(5, 7, 3), (64, 64, 16), (70, 130, 33), (129, 65, 100), (8, 200, 64), (9, 13, 600)] {
        let inputs = [random(&[2, rows, depth], 1), random(&[2, depth, columns], 2)];
        check(&format!("{rows} x {columns} x {depth}"), &inputs, depth, |v| v[0].matmul(&v[1]));
        let inputs = [random(&[rows, depth], 3), random(&[columns, depth], 4), random(&[columns], 5)];
        check(&format!("linear {rows} x {columns} x {depth}"), &inputs, depth + 1, |v| v[0].linear(&v[1], Some(&v[2])));
    }
}

#[test]
fn convolutions_are_right_every_way() {
    let conv = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let strided =
        Conv2d { stride: Hw::new(2, 1), padding: Pads { top: 2, left: 0, bottom: 1, right: 3 }, dilation: Hw::new(1, 2), groups: 1 };
    for (name, images, channels, outputs, side, kernel, conv) in [
        ("plain", 1, 16, 32, 12, 3, conv),
        ("odd", 2, 5, 19, 11, 3, conv),
        ("strided", 1, 6, 70, 13, 3, strided),
        ("pointwise", 1, 24, 40, 9, 1, Conv2d::default()),
        ("grouped", 1, 8, 24, 9, 3, Conv2d { groups: 2, ..conv }),
        ("first", 1, 3, 16, 20, 5, conv),
        ("long", 1, 64, 9, 5, 3, conv),
    ] {
        let inputs = [
            random(&[images, channels, side, side + 2], 1),
            random(&[outputs, channels / conv.groups, kernel, kernel], 2),
            random(&[outputs], 3),
        ];
        let terms = channels * kernel * kernel + 1;
        check(name, &inputs, terms, |v| v[0].conv2d(&v[1], Some(&v[2]), conv));
        check(&format!("{name} finished"), &inputs, terms, |v| v[0].conv2d(&v[1], Some(&v[2]), conv)?.relu());
    }
}

/// Where a step's products divide the channels, weights may lie by taps: brought into that order in each run, or once if they are known.
#[test]
fn convolutions_by_taps_are_right() {
    let conv = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let strided =
        Conv2d { stride: Hw::new(2, 1), padding: Pads { top: 2, left: 0, bottom: 1, right: 3 }, dilation: Hw::new(1, 2), groups: 1 };
    for (name, images, channels, outputs, side, kernel, conv) in [
        ("plain", 2, 32, 40, 9, 3, conv),
        ("strided", 1, 64, 20, 10, 3, strided),
        ("grouped", 1, 64, 24, 7, 3, Conv2d { groups: 2, ..conv }),
        ("more taps than bits", 1, 32, 9, 8, 7, Conv2d { padding: Pads::all(3), ..conv }),
        ("in slices", 1, 96, 9, 5, 3, conv),
    ] {
        let (image, weight) = ([images, channels, side, side + 2], [outputs, channels / conv.groups, kernel, kernel]);
        let inputs = [random(&image, 1), random(&weight, 2), random(&[outputs], 3)];
        let terms = channels * kernel * kernel + 1;
        check(name, &inputs, terms, |v| v[0].conv2d(&v[1], Some(&v[2]), conv)?.relu());

        let graph = Graph::new();
        let (x, known) = (graph.input("x", inputs[0].ty()).unwrap(), graph.constant(inputs[1].clone()).unwrap());
        let given = graph.input("w", inputs[1].ty()).unwrap();
        let mut on_cpu = Plan::compile(Device::Cpu, &[&x.conv2d(&given, None, conv).unwrap()]).unwrap();
        let absolute = |array: &Array| Array::from_fn(array.shape(), |i| array.values::<f32>().unwrap()[i].abs());
        let plans = ways_on_matrices(&gpus(), &x.conv2d(&known, None, conv).unwrap(), Precision::F32);
        assert!(plans.len() > 1, "{name}: no way by taps beside the plain one");
        for mut plan in plans {
            let text = plan.describe();
            // Known weights have been brought into order when the first run comes.
            assert!(!text.contains("conv2d/taps"), "{text}");
            for seed in [1, 7] {
                let (x, w) = (random(&image, seed), &inputs[1]);
                let reference = on_cpu.run(&[("x", &x), ("w", w)]).unwrap().swap_remove(0);
                let scale = on_cpu.run(&[("x", &absolute(&x)), ("w", &absolute(w))]).unwrap().swap_remove(0);
                let computed = plan.run(&[("x", &x)]).unwrap().swap_remove(0);
                let close = compare(&computed, &reference, Some(&scale), Bound::Terms(terms));
                close.unwrap_or_else(|e| panic!("{name}, known weights, x of seed {seed}: {e}\n{text}"));
            }
        }
    }
}

/// Other GPUs: of 4 x 4 matrices of 8 x 8 for each subgroup, which tiles of 128 x 128 are in 16 x 16 too, and with subgroups of 64.
#[test]
fn tiles_of_other_gpus_are_right() {
    // Halves of 64 x 64 for subgroups of 64 would need more shared memory than software adapters have.
    for (side, subgroup, precisions) in [(8, 32, BOTH.as_slice()), (16, 64, &[Precision::Fast])] {
        let gpus = [stand_in(side, subgroup)];
        let bound = |terms| move |precision| bounds(precision, terms);
        let inputs = [random(&[130, 84], 1), random(&[84, 70], 2)];
        check_on(&gpus, precisions, "product", &inputs, &bound(84), &|v| v[0].matmul(&v[1]));
        let inputs = [random(&[1, 5, 9, 13], 1), random(&[70, 5, 3, 3], 2), random(&[70], 3)];
        let padded = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
        check_on(&gpus, precisions, "convolution", &inputs, &bound(46), &|v| v[0].conv2d(&v[1], Some(&v[2]), padded));
    }
}

#[test]
fn gradients_of_weights_are_right_every_way() {
    let padded = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let strided = Conv2d { stride: Hw::new(2, 1), dilation: Hw::new(1, 2), ..padded };
    for (name, images, channels, outputs, side, kernel, convolution, grad) in [
        ("plain", 1, 5, 20, 8, 3, padded, [8, 9]),
        ("odd", 2, 3, 7, 7, 3, padded, [7, 8]),
        ("strided", 1, 4, 9, 9, 3, strided, [5, 8]),
        ("long", 2, 2, 3, 24, 1, Conv2d::default(), [24, 25]),
    ] {
        let inputs = [random(&[images, channels, side, side + 1], 1), random(&[images, outputs, grad[0], grad[1]], 2)];
        let attributes = Conv2dWeight { convolution, kernel: Hw::square(kernel) };
        check(name, &inputs, images * grad[0] * grad[1], |v| v[0].conv2d_weight(&v[1], attributes));
    }
}

#[test]
fn transposed_convolutions_are_right_every_way() {
    let stride = |n| ConvTranspose2d { stride: Hw::square(n), ..ConvTranspose2d::default() };
    for (name, images, channels, outputs, side, kernel, conv) in [
        ("upsampler", 1, 5, 5, 7, 8, stride(4)),
        ("without overlap", 2, 12, 9, 5, 2, stride(2)),
        ("generator", 1, 20, 6, 6, 4, ConvTranspose2d { padding: Pads::all(1), ..stride(2) }),
        ("odd", 1, 7, 10, 6, 3, ConvTranspose2d { padding: Pads::all(1), output_padding: Hw::square(1), ..stride(2) }),
        ("dilated", 1, 6, 4, 6, 3, ConvTranspose2d { dilation: Hw::new(2, 3), ..stride(2) }),
        ("grouped", 1, 8, 5, 6, 4, ConvTranspose2d { groups: 2, ..stride(2) }),
        ("long", 1, 300, 3, 2, 4, stride(2)),
    ] {
        let inputs = [
            random(&[images, channels, side, side + 1], 1),
            random(&[channels, outputs, kernel, kernel], 2),
            random(&[outputs * conv.groups], 3),
        ];
        let terms = channels * kernel * kernel + 1;
        check(name, &inputs, terms, |v| v[0].conv_transpose2d(&v[1], Some(&v[2]), conv)?.relu());
    }
}

/// Steps with states as they may be, the first ones large for a gru, whose later ones may stay so.
#[test]
fn recurrent_steps_are_right_every_way() {
    for (name, cell, [steps, batch, hidden], direction, large) in [
        ("lstm", LSTM, [2, 20, 16], Direction::Forward, 1.0),
        ("odd lstm", LSTM, [3, 70, 9], Direction::Bidirectional, 1.0),
        ("long lstm", LSTM, [1, 9, 130], Direction::Reverse, 1.0),
        ("gru", GRU, [2, 18, 20], Direction::Forward, 1.0),
        ("gru of large states", GRU, [2, 33, 7], Direction::Bidirectional, 300.0),
    ] {
        let lstm = cell == LSTM;
        let gates = if lstm { 4 } else { 3 };
        let d = if direction == Direction::Bidirectional { 2 } else { 1 };
        let attributes = Recurrent { direction, ..Recurrent::default() };
        let op = Recurrence { cell, attributes, bias: true, peepholes: false, sequence_lens: false, initial_h: true, initial_c: lstm };
        let scaled = |array: Array, by: f32| Array::from_fn(array.shape(), |i| array.values::<f32>().unwrap()[i] * by);
        let mut inputs = vec![
            random(&[steps, batch, d * gates * hidden], 1),
            scaled(random(&[d, gates * hidden, hidden], 2), 1.0 / (hidden as f32).sqrt()),
            random(&[d, 2 * gates * hidden], 3),
            scaled(random(&[d, batch, hidden], 4), large),
        ];
        inputs.extend(lstm.then(|| random(&[d, batch, hidden], 5)));
        // A gate's sum is off as a product's is, and slopes are at most 1; what is off in a state comes back into the next step less.
        let near = |precision| {
            let eps = if precision == Precision::F32 { 2f64.powi(-22) } else { 2f64.powi(-10) };
            let absolute = 4.0 * eps * (hidden as f64).sqrt() * f64::from(large);
            Bound::Near { absolute, relative: 4e-6 }
        };
        check_on(&gpus(), &BOTH, name, &inputs, &near, &|v| {
            Ok(v[0].graph().apply(op.clone(), &v.iter().collect::<Vec<_>>())?.swap_remove(0))
        });
    }
}

/// Numbers that an f16 cannot hold, and zeros: what is multiplied is brought into range, whatever it is.
#[test]
fn any_magnitude_is_brought_into_range() {
    for (a, b) in [(1e30, 1e-30), (1e-20, 1e-12), (3e5, 7e4), (0.0, 1.0), (1e-30, 1.0), (1e18, 1e18)] {
        let scaled = |array: Array, by: f32| Array::from_fn(array.shape(), |i| array.values::<f32>().unwrap()[i] * by);
        let inputs = [scaled(random(&[20, 40], 1), a), scaled(random(&[40, 24], 2), b)];
        check(&format!("{a} x {b}"), &inputs, 40, |v| v[0].matmul(&v[1]));
    }
}

/// An infinity spoils what it is multiplied with and nothing else.
#[test]
fn infinities_stay_where_they_are() {
    let graph = Graph::new();
    let a = graph.input("a", TensorType::f32([20, 40])).unwrap();
    let b = graph.input("b", TensorType::f32([40, 24])).unwrap();
    let (mut left, right) = (random(&[20, 40], 1).values::<f32>().unwrap().to_vec(), random(&[40, 24], 2));
    let clean = Array::new([20, 40], left.clone()).unwrap();
    left[3 * 40 + 7] = f32::INFINITY;
    let left = Array::new([20, 40], left).unwrap();
    let product = a.matmul(&b).unwrap();
    let expected = Plan::compile(Device::Cpu, &[&product]).unwrap().run(&[("a", &clean), ("b", &right)]).unwrap().swap_remove(0).to_f64();
    for mut plan in ways(&[&product], Options::default()) {
        let found = plan.run(&[("a", &left), ("b", &right)]).unwrap().swap_remove(0).to_f64();
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let right = if at / 24 == 3 { !found.is_finite() } else { (found - expected).abs() < 1e-5 };
            assert!(right, "row {}: {found}, {expected}\n{}", at / 24, plan.describe());
        }
    }
}

/// The same of the gradient of a weight, whose taps at the end of a row do not see the next one's first pixel.
#[test]
fn infinities_spoil_the_taps_that_see_them() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1, 2, 5, 9])).unwrap();
    let dy = graph.input("dy", TensorType::f32([1, 3, 3, 7])).unwrap();
    let op = Conv2dWeight { convolution: Conv2d::default(), kernel: Hw::square(3) };
    let taps = x.conv2d_weight(&dy, op).unwrap();
    let infinite = Array::from_fn([1, 2, 5, 9], |i| if i == 8 { f32::INFINITY } else { 1.0 });
    let given = [("x", &infinite), ("dy", &Array::full([1, 3, 3, 7], 1.0f32))];
    let expected = Plan::compile(Device::Cpu, &[&taps]).unwrap().run(&given).unwrap().swap_remove(0).to_f64();
    assert!(expected.iter().any(|v| v.is_finite()) && expected.iter().any(|v| !v.is_finite()));
    for precision in BOTH {
        for mut plan in ways_on_matrices(&gpus(), &taps, precision) {
            let found = plan.run(&given).unwrap().swap_remove(0).to_f64();
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let right = if expected.is_finite() { (found - expected).abs() < 1e-4 } else { !found.is_finite() };
                assert!(right, "{at}: {found}, {expected}\n{}", plan.describe());
            }
        }
    }
}

/// The largest magnitude is that of each run, of values that the plan computes too.
#[test]
fn magnitudes_are_those_of_the_run() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([24, 16])).unwrap();
    let w = graph.parameter(std::sync::Arc::new(random(&[16, 24], 2))).unwrap();
    let y = x.matmul(&w).unwrap();
    let z = y.reshape([12, 48]).unwrap().matmul(&y.reshape([48, 12]).unwrap()).unwrap();
    let mut reference = Plan::compile(Device::Cpu, &[&z]).unwrap();
    for mut plan in ways(&[&z], Options::default()) {
        for scale in [1.0, 1e6, 1e-6] {
            let x = random(&[24, 16], 7);
            let x = Array::from_fn(x.shape(), |i| x.values::<f32>().unwrap()[i] * scale);
            let (computed, expected) = (plan.run(&[("x", &x)]).unwrap(), reference.run(&[("x", &x)]).unwrap());
            // 48 sums of 16 products each below 1, twice: far more than roundings take.
            let bound = Bound::Near { absolute: 1e-3 * f64::from(scale) * f64::from(scale), relative: 1e-5 };
            compare(&computed[0], &expected[0], None, bound).unwrap_or_else(|e| panic!("{scale}: {e}"));
        }
    }
}

/// What a vector of four holds beyond the end of a tensor does not count.
#[test]
fn the_rest_of_a_vector_has_no_magnitude() {
    for length in 5..9 {
        let graph = Graph::new();
        let (x, y) = (graph.input("x", TensorType::f32([length])).unwrap(), graph.input("y", TensorType::f32([2, length])).unwrap());
        // Of the zeros that fill up a buffer 1, of the others less: by an element-wise chain, alone and before a copy.
        let squared = |v: &Var| v.cos().unwrap().mul(&v.cos().unwrap()).unwrap();
        let made = [squared(&x), squared(&y), squared(&y).transpose([1, 0]).unwrap()];
        let told = made.iter().map(|v| graph.apply_dyn(std::sync::Arc::new(Largest), &[v]).unwrap().remove(0));
        let outputs: Vec<Var> = made.iter().cloned().chain(told).collect();
        for mut plan in ways(&outputs.iter().collect::<Vec<_>>(), Options::default()) {
            let given = [("x", &Array::full([length], 1.5f32)), ("y", &Array::full([2, length], 1.25f32))];
            let found = plan.run(&given).unwrap();
            for (value, told) in found[..3].iter().zip(&found[3..]) {
                assert_eq!(vec![told.clone()], Largest.reference(&[value]).unwrap(), "{length}:\n{}", plan.describe());
            }
        }
    }
}

/// The same through convolutions, a pooling and a sum, which note the largest magnitude of what they store.
#[test]
fn magnitudes_are_noted_by_what_stores() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1, 8, 12, 12])).unwrap();
    let padded = Conv2d { padding: Pads::all(1), ..Conv2d::default() };
    let weight = |seed| graph.parameter(std::sync::Arc::new(random(&[8, 8, 3, 3], seed))).unwrap();
    let first = x.conv2d(&weight(1), None, padded).unwrap().relu().unwrap();
    let second = first.conv2d(&weight(2), None, padded).unwrap().max_pool2d(MaxPool2d::default()).unwrap();
    let smaller = first.max_pool2d(MaxPool2d::default()).unwrap();
    let z = second.conv2d(&weight(3), None, padded).unwrap().add(&smaller).unwrap().conv2d(&weight(4), None, padded).unwrap();
    let mut reference = Plan::compile(Device::Cpu, &[&z]).unwrap();
    for mut plan in ways(&[&z], Options::default()) {
        for scale in [1.0, 1e6, 1e-6] {
            let x = random(&[1, 8, 12, 12], 7);
            let x = Array::from_fn(x.shape(), |i| x.values::<f32>().unwrap()[i] * scale);
            let (computed, expected) = (plan.run(&[("x", &x)]).unwrap(), reference.run(&[("x", &x)]).unwrap());
            // Four times 72 products; of random signs a sum is some 5 times as large as its terms. A magnitude of another run, 1e6 times
            // too large or too small, leaves no digit or makes infinities.
            let bound = Bound::Near { absolute: 1e-3 * f64::from(scale), relative: 1e-5 };
            compare(&computed[0], &expected[0], None, bound).unwrap_or_else(|e| panic!("{scale}: {e}\n{}", plan.describe()));
        }
    }
}

/// One attention: sizes, what scales query, key and value, and a mask.
struct Attending {
    name: &'static str,
    heads: [usize; 2],
    queries: usize,
    keys: usize,
    sizes: [usize; 2],
    by: [f32; 3],
    mask: Option<Array>,
    causal: bool,
}

const PLAIN: Attending =
    Attending { name: "plain", heads: [1, 1], queries: 40, keys: 24, sizes: [8, 8], by: [1.0; 3], mask: None, causal: false };

/// Attention on matrices, where rows of sums are scaled anew as scores grow, some keys are forbidden, and some queries see none.
#[test]
fn attention_is_right_every_way() {
    let allowed = |b: usize, l: usize, s: usize| Array::from_fn([b, 1, l, s], |i| i / s % l != 3 && !(i * 7 + i / s).is_multiple_of(3));
    let added = |l: usize, s: usize| Array::from_fn([l, s], |i| if i % 5 == 0 { f32::NEG_INFINITY } else { (i % 11) as f32 / 4.0 });
    for case in [
        Attending { name: "odd", queries: 35, keys: 19, sizes: [5, 7], ..PLAIN },
        Attending { name: "long", heads: [2, 2], queries: 9, keys: 70, sizes: [24, 12], ..PLAIN },
        Attending { name: "shared", heads: [4, 2], queries: 33, keys: 10, sizes: [12, 20], ..PLAIN },
        Attending { name: "causal", queries: 50, keys: 60, causal: true, ..PLAIN },
        Attending { name: "steep", queries: 20, keys: 90, sizes: [16, 4], by: [6.0, 6.0, 1.0], ..PLAIN },
        Attending { name: "large and small", by: [1e20, 1e-20, 1e10], ..PLAIN },
        Attending { name: "allowed", heads: [2, 1], mask: Some(allowed(2, 40, 24)), ..PLAIN },
        Attending { name: "added", queries: 21, keys: 30, mask: Some(added(21, 30)), causal: true, ..PLAIN },
        PLAIN,
    ] {
        attend(&case);
    }
}

fn attend(case: &Attending) {
    let &Attending { name, heads: [h, hk], queries, keys, sizes: [d, dv], by, causal, .. } = case;
    // Later keys are larger, and so are their scores.
    let scaled = |shape: [usize; 4], seed, by: f32, grows: bool| {
        let array = random(&shape, seed);
        let values = array.values::<f32>().unwrap();
        let of = |i: usize| if grows { by * (1 + i / d % keys) as f32 / keys as f32 } else { by };
        Array::from_fn(shape, |i| of(i) * values[i])
    };
    let mut inputs = vec![scaled([2, h, queries, d], 1, by[0], false), scaled([2, hk, keys, d], 2, by[1], true)];
    inputs.push(scaled([2, hk, keys, dv], 3, by[2], false));
    inputs.extend(case.mask.clone());
    let graph = Graph::new();
    let names = ["query", "key", "value", "mask"];
    let vars: Vec<Var> = names.iter().zip(&inputs).map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let given: Vec<(&str, &Array)> = names.iter().copied().zip(&inputs).collect();
    let output = vars[0].attention(&vars[1], &vars[2], vars.get(3), Attention { causal, ..Attention::default() }).unwrap();
    let expected = Plan::compile(Device::Cpu, &[&output]).unwrap().run(&given).unwrap().swap_remove(0);

    // The largest sum of |products| that is a score.
    let [query, key] = [0, 1].map(|i| inputs[i].to_f64());
    let size = |q: &[f64], k: &[f64]| q.iter().zip(k).map(|(q, k)| (q * k).abs()).sum::<f64>() / (d as f64).sqrt();
    let largest = query.chunks(d).flat_map(|q| key.chunks(d).map(move |k| size(q, k))).fold(0.0, f64::max);
    for (precision, each) in [(Precision::F32, 2f64.powi(-20)), (Precision::Fast, 2f64.powi(-10))] {
        // A score that is off by e changes its weight by e of it, and the sum of all as much; weights and values are rounded, too.
        let allowed = f64::from(by[2]) * (2.0 * largest * each + 2.0 * each);
        let bound = Bound::Near { absolute: allowed, relative: 0.0 };
        for mut plan in ways_on_matrices(&gpus(), &output, precision) {
            let text = plan.describe();
            for time in 0..2 {
                let found = plan.run(&given).unwrap().swap_remove(0);
                compare(&found, &expected, None, bound).unwrap_or_else(|e| panic!("{name}, {precision:?}, run {time}: {e}\n{text}"));
            }
        }
    }
}
