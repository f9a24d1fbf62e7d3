//! Plans whose tensors lie in f16: what several operators make, how much memory that takes, and what must not be rounded. Rows of the case
//! tables hold each operator.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, gpu, random};
use foveate::array::{Array, Hw, Pads, TensorType, f16};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::nn::optimiser::{Optimiser, Parameter, Sgd};
use foveate::ops::{AffineGrid, AvgPool2d, Conv2d, ConvTranspose2d, GridSample, Precision, SampleMode};
use foveate::plan::{Cost, Device, Options, Plan};

const HALF: Options = Options { precision: Precision::F16, fusion: true, tuned: false };

/// Numbers in -1..1 that f16 holds.
fn halves(shape: &[usize], seed: u64) -> Array {
    let array = random(shape, seed);
    Array::from_fn(shape, |i| f16::from_f32(array.values::<f32>().unwrap()[i]).to_f32())
}

/// A block of a network: convolution, pooling, a transposed convolution and a sum.
fn network(x: &Var, [w, b, up]: [&Var; 3]) -> foveate::Result<Var> {
    let y = x.conv2d(w, Some(b), Conv2d { padding: Pads::all(1), ..Conv2d::default() })?.relu()?;
    let small = y.avg_pool2d(AvgPool2d::default())?;
    let large = small.conv_transpose2d(up, None, ConvTranspose2d { stride: Hw::square(2), ..ConvTranspose2d::default() })?;
    large.add(x)?.reshape([16, 12 * 20])?.transpose([1, 0])
}

/// Four results are stored on the way: each is off by 2^-11 of itself, and on absolute values the network adds up what comes of that.
#[test]
fn operators_in_a_row_round_what_they_store_and_nothing_else() {
    const ROUNDINGS: usize = 4 << 11; // of 2 eps each
    const SUMS: usize = 16 * 9 + 1 + 4 + 16 + 1;
    let arrays = [halves(&[1, 16, 12, 20], 1), halves(&[16, 16, 3, 3], 2), halves(&[16], 3), halves(&[16, 16, 2, 2], 4)];
    let build = |weights: &[Array]| {
        let graph = Graph::new();
        let x = graph.input("x", arrays[0].ty()).unwrap();
        let [w, b, up] = [0, 1, 2].map(|i| graph.parameter(weights[i].clone()).unwrap());
        network(&x, [&w, &b, &up]).unwrap()
    };
    let absolute = arrays.each_ref().map(|a| Array::from_fn(a.shape(), |i| a.values::<f32>().unwrap()[i].abs()));
    let output = build(&arrays[1..]);
    let on_cpu = |output: &Var, x: &Array| Plan::compile(Device::Cpu, &[output]).unwrap().run(&[("x", x)]).unwrap().swap_remove(0);
    let (expected, scale) = (on_cpu(&output, &arrays[0]), on_cpu(&build(&absolute[1..]), &absolute[0]));
    for fusion in [true, false] {
        let mut plan = Plan::compile_with(gpu(), &[&output], Options { fusion, ..HALF }).unwrap();
        let found = plan.run(&[("x", &arrays[0])]).unwrap().swap_remove(0);
        let close = compare(&found, &expected, Some(&scale), Bound::Terms(ROUNDINGS + SUMS));
        close.unwrap_or_else(|e| panic!("fusion {fusion}: {e}\n{}", plan.describe()));
        assert!(found != expected, "nothing was rounded");
    }
    // The same network in half the memory.
    let device = gpu().capabilities();
    let (whole, half) = (Cost::on(device, &[&output]).unwrap(), Cost::with(device, &[&output], HALF).unwrap());
    assert_eq!((half.weights * 2, half.inputs * 2, half.readback * 2), (whole.weights, whole.inputs, whole.readback));
    assert!(half.working < whole.working, "{half:?}, {whole:?}");
    let plan = Plan::compile_with(gpu(), &[&output], HALF).unwrap();
    assert_eq!(plan.device_bytes(), half.device_bytes());
    assert!(plan.describe().contains("f16[1, 16, 12, 20]"), "{}", plan.describe());
}

/// Columns of a wide picture are 0 and 1 in turn: a coordinate of 11 digits would meet the wrong ones.
#[test]
fn places_keep_their_digits() {
    const WIDTH: usize = 3000;
    let picture = Array::from_fn([1, 1, 1, WIDTH], |i| (i % 2) as f32);
    let nearest = GridSample { mode: SampleMode::Nearest, ..GridSample::default() };
    let centre = |i: usize| (2 * (i * 7 % WIDTH) + 1) as f32 / WIDTH as f32 - 1.0;
    // Halves of what is meant, one axis after the other, so that they are computed with before they are places.
    let grid = Array::from_fn([1, 2, 400], |i| if i < 400 { centre(i) / 2.0 } else { 0.0 });
    let theta = Array::new([1, 2, 3], vec![0.7f32, 0.0, 0.123_456, 0.0, 1.0, 0.0]).unwrap();
    let graph = Graph::new();
    let image = graph.input("image", picture.ty()).unwrap();
    let (g, t) = (graph.input("grid", grid.ty()).unwrap(), graph.input("theta", theta.ty()).unwrap());
    let two = graph.constant(Array::scalar(2.0f32)).unwrap();
    let places = g.mul(&two).unwrap().transpose([0, 2, 1]).unwrap().reshape([1, 1, 400, 2]).unwrap();
    let by_grid = image.grid_sample(&places, nearest).unwrap();
    let by_theta = image.grid_sample(&t.affine_grid(AffineGrid { size: Hw::new(1, 500), align_corners: false }).unwrap(), nearest).unwrap();
    // The places under another shape, which nobody else needs exactly.
    let elsewhere = places.reshape([800]).unwrap().neg().unwrap();
    let outputs = [&by_grid, &by_theta, &elsewhere];
    let run = |options| {
        let mut plan = Plan::compile_with(gpu(), &outputs, options).unwrap();
        plan.run(&[("image", &picture), ("grid", &grid), ("theta", &theta)]).unwrap()
    };
    for fusion in [true, false] {
        let (half, whole) = (run(Options { fusion, ..HALF }), run(Options { fusion, tuned: false, ..Options::default() }));
        assert_eq!(half[..2], whole[..2], "fusion {fusion}");
        compare(&half[2], &whole[2], None, Bound::Near { absolute: 2f64.powi(-25), relative: 2f64.powi(-11) }).unwrap();
    }
    let expected = Array::from_fn([1, 1, 1, 400], |i| (i * 7 % WIDTH % 2) as f32);
    assert_eq!(run(HALF)[0], expected);
}

/// Steps far smaller than the last digit of an f16 are not lost: what is learned is f32, and so are its steps.
#[test]
fn states_are_as_exact_as_ever() {
    let graph = Graph::new();
    let w = Parameter::new(&graph, "w", Array::full([2, 3], 1.0f32)).unwrap();
    let x = graph.input("x", TensorType::f32([4, 3])).unwrap();
    let loss = x.linear(&w.var, None).unwrap().reduce_sum(&[], false).unwrap();
    let gradient = loss.gradient(&[&w.var]).unwrap();
    let rate = graph.constant(Array::scalar(2f32.powi(-16))).unwrap();
    Optimiser::Sgd(Sgd::default()).update(&[w], &gradient, &rate).unwrap();
    let mut plan = Plan::compile_with(gpu(), &[&loss], HALF).unwrap();
    for step in 1..4 {
        plan.run(&[("x", &Array::full([4, 3], 1.0f32))]).unwrap();
        // Four rows of ones.
        let expected = Array::full([2, 3], 1.0 - step as f32 * 2f32.powi(-14));
        assert_eq!(plan.state("w").unwrap(), expected, "after {step} steps");
    }
}

#[test]
fn what_f16_does_not_reach_is_infinite_unless_it_is_known_beforehand() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([5])).unwrap();
    let low = graph.parameter(Array::new([5], vec![0.0f32, -1e9, 0.0, -1e9, 1.0]).unwrap()).unwrap();
    let (twice, masked) = (x.add(&x).unwrap(), x.sub(&low).unwrap().clip(Some(-10.0), Some(10.0)).unwrap());
    let given = Array::new([5], vec![40_000f32, 1.0, -60_000.0, 1e30, 2f32.powi(-25)]).unwrap();
    let found = Plan::compile_with(gpu(), &[&twice, &masked], HALF).unwrap().run(&[("x", &given)]).unwrap();
    let infinity = f32::INFINITY;
    assert_eq!(found[0].values::<f32>().unwrap(), [infinity, 2.0, -infinity, infinity, 0.0]);
    assert_eq!(found[1].values::<f32>().unwrap(), [10.0, 10.0, -10.0, 10.0, -1.0]);
}

#[test]
fn a_device_without_16_bit_floats_says_so() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all())).swap_remove(0);
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap();
    let x = Graph::new().input("x", TensorType::f32([5])).unwrap();
    let error = Plan::compile_with(&Gpu::from_device(device, queue), &[&x.relu().unwrap()], HALF).unwrap_err().to_string();
    assert!(error.contains("no 16-bit floats") && error.contains("F16"), "{error}");
}
