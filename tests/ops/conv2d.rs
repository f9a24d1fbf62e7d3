//! conv2d and conv1d: case tables, limits, and the kernels of other devices. Outside numbers: PyTorch in f64.

use crate::common::{Bound, Case, Elsewhere, check, compare, fixture, gpu, launches, random, small_bindings, with_lanes};
use foveate::array::{Array, Hw, Pads, TensorType, f16};
use foveate::gpu::Capabilities;
use foveate::graph::Graph;
use foveate::ops::{Conv1d, Conv2d, Op};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;
use std::sync::Arc;

pub const PLAIN: Conv2d = Conv2d { stride: Hw::square(1), padding: Pads::all(0), dilation: Hw::square(1), groups: 1 };

pub fn padded(size: usize) -> Conv2d {
    Conv2d { padding: Pads::all(size), ..PLAIN }
}

pub fn strided(size: usize) -> Conv2d {
    Conv2d { stride: Hw::square(size), ..PLAIN }
}

pub fn pads(left: usize, right: usize, top: usize, bottom: usize) -> Conv2d {
    Conv2d { padding: Pads { top, left, bottom, right }, ..PLAIN }
}

/// The attributes of the fixture's cases, in its order.
fn table() -> Vec<(&'static str, Conv2d)> {
    let dilated = |h, w| Hw::new(h, w);
    vec![
        ("one pixel", PLAIN),
        ("three", padded(1)),
        ("odd channels", padded(1)),
        ("whole vectors", padded(1)),
        ("without padding", PLAIN),
        ("points", PLAIN),
        ("points of odd maps", PLAIN),
        ("one-pixel maps", PLAIN),
        ("kernel as large as the map", PLAIN),
        ("points with stride 2", strided(2)),
        ("stride above the kernel", Conv2d { stride: Hw::new(5, 4), ..PLAIN }),
        ("stride 2", Conv2d { stride: Hw::square(2), ..pads(0, 1, 0, 1) }),
        ("stride along y only", Conv2d { stride: Hw::new(2, 1), ..padded(1) }),
        ("dilation 12", Conv2d { dilation: Hw::square(12), ..padded(12) }),
        ("dilation 40", Conv2d { dilation: dilated(2, 40), ..pads(5, 6, 1, 0) }),
        ("padding above the input", pads(5, 4, 3, 6)),
        ("padding on one side", pads(2, 0, 0, 3)),
        ("wide kernel", pads(3, 3, 0, 0)),
        ("tall kernel", pads(0, 0, 3, 3)),
        ("large kernel, large stride", Conv2d { stride: Hw::square(4), ..padded(2) }),
        ("patches", strided(16)),
        ("groups", Conv2d { groups: 2, ..padded(1) }),
        ("groups of points", Conv2d { groups: 3, ..PLAIN }),
        ("depthwise", Conv2d { groups: 3, ..padded(1) }),
        ("depthwise, odd width", Conv2d { groups: 3, ..padded(1) }),
        ("depthwise, multiplier 3", Conv2d { groups: 3, ..padded(1) }),
        ("depthwise 5x5, stride 2", Conv2d { stride: Hw::square(2), groups: 3, ..pads(1, 2, 1, 2) }),
        ("depthwise, stride 3", Conv2d { groups: 3, ..strided(3) }),
        ("depthwise, dilation along x", Conv2d { dilation: dilated(1, 4), groups: 2, ..pads(4, 4, 1, 1) }),
        ("depthwise, dilation", Conv2d { dilation: Hw::square(2), groups: 5, ..padded(2) }),
        ("one channel to many", padded(1)),
    ]
}

fn numbers(arrays: &HashMap<String, Array>, case: &str) -> (Vec<Array>, Array) {
    let named = |name: &str| arrays.get(&format!("{case}/{name}")).cloned();
    let inputs: Vec<Array> = ["input", "weight", "bias"].into_iter().filter_map(named).collect();
    (inputs, named("output").unwrap_or_else(|| panic!("the fixture has no case '{case}'")))
}

/// The products in an output element, and its bias.
fn terms(weight: &[usize]) -> Bound {
    Bound::Terms(weight[1..].iter().product::<usize>() + 1)
}

/// Rows of the fixture, all or those of `names`, with each operator passed through `on`.
fn rows<O: Op + 'static>(names: &[&str], on: impl Fn(Conv2d) -> O) -> Vec<Case> {
    let arrays = fixture("conv2d");
    let chosen: Vec<_> = table().into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)).collect();
    assert!(names.is_empty() || chosen.len() == names.len(), "a name is not in the table: {names:?}");
    let row = |(name, attributes): (&'static str, Conv2d)| {
        let (inputs, output) = numbers(&arrays, name);
        let bound = terms(inputs[1].shape());
        Case::new(name, on(attributes), inputs, bound).outputs(vec![output])
    };
    chosen.into_iter().map(row).collect()
}

#[test]
fn cases() {
    check(rows(&[], |attributes| attributes));
}

#[test]
fn sizes_about_a_workgroup() {
    let case = |name: &str, attributes: Conv2d, input: &[usize], weight: &[usize]| {
        Case::new(name, attributes, vec![random(input, 1), random(weight, 2), random(&weight[..1], 3)], terms(weight))
    };
    check(vec![
        case("a workgroup", padded(1), &[1, 3, 8, 16], &[8, 3, 3, 3]),
        case("and one more", padded(1), &[1, 3, 8, 17], &[9, 3, 3, 3]),
        case("many channels", padded(1), &[1, 70, 6, 16], &[33, 70, 3, 3]),
        case("depthwise, large stride", Conv2d { groups: 3, ..strided(5) }, &[1, 3, 13, 16], &[3, 1, 7, 7]),
        // So many that a GPU's threads go down two rows each.
        case("depthwise, a row, many channels", Conv2d { groups: 8200, ..padded(0) }, &[1, 8200, 2, 4], &[32_800, 1, 1, 2]),
        case("depthwise, as high as the stride", Conv2d { groups: 8200, ..strided(2) }, &[1, 8200, 4, 4], &[32_800, 1, 2, 2]),
        case("depthwise, many channels", Conv2d { groups: 8200, ..padded(1) }, &[1, 8200, 2, 4], &[32_800, 1, 3, 3]),
        case("65,537 workgroups", Conv2d { groups: 524_289, ..padded(1) }, &[1, 524_289, 1, 1], &[524_289, 1, 3, 3]),
    ]);
}

/// The kernel of last resort computes everything the others do.
#[test]
fn directly() {
    let names: Vec<_> = table().into_iter().map(|(name, _)| name).filter(|n| !n.contains("map") && *n != "one pixel").collect();
    check(rows(&names, |attributes| Elsewhere::gpu(attributes).only("conv2d/direct")));
}

#[test]
fn as_a_gpu_computes_it() {
    let tile = ["odd channels", "whole vectors", "points", "points of odd maps", "groups of points", "patches", "dilation 12"];
    let on = |kernel| move |attributes| Elsewhere::gpu(attributes).only(kernel);
    let mut cases = rows(&tile[..5], on("conv2d/tile"));
    cases.extend(rows(&tile[5..], on("conv2d/register")));
    cases.extend(rows(&["depthwise", "depthwise, odd width", "depthwise 5x5, stride 2"], on("conv2d/depthwise")));
    cases.extend(rows(&["one-pixel maps", "kernel as large as the map"], on("matmul/gemv")));
    let large = || vec![random(&[1, 3, 129, 129], 1), random(&[129, 3, 3, 3], 2), random(&[129], 3)];
    cases.push(Case::new("tiles of 128", Elsewhere::gpu(padded(1)).only("conv2d/tile"), large(), Bound::Terms(28)));
    // 49 taps, which no mask of bits holds, and 400 products, which are whole steps.
    let taps = |side: usize| vec![random(&[2, 16, 9, 10], 1), random(&[9, 16, side, side], 2), random(&[9], 3)];
    cases.push(Case::new("49 taps", Elsewhere::gpu(padded(3)).only("conv2d/tile"), taps(7), Bound::Terms(785)));
    cases.push(Case::new("25 taps", Elsewhere::gpu(padded(2)).only("conv2d/tile"), taps(5), Bound::Terms(401)));
    let baseline = Elsewhere::new(padded(1), |device| {
        device.software = false;
        device.limits.max_compute_workgroup_storage_size = 16384;
    });
    cases.push(Case::new("tiles of 128 in 16 KiB", baseline, large(), Bound::Terms(28)));
    let long = || vec![random(&[2, 64, 6, 7], 1), random(&[20, 64, 3, 3], 2), random(&[20], 3)];
    cases.push(Case::new("slices", Elsewhere::gpu(padded(1)), long(), Bound::Terms(577)).kernel("sum_slices"));
    check(cases);
}

#[test]
fn kernels_are_chosen_by_device_and_shape() {
    let on = |software, backend, attributes: Conv2d, input: &[usize], weight: &[usize]| {
        let change = |device: &mut Capabilities| {
            with_lanes(device);
            (device.software, device.backend) = (software, backend);
        };
        launches(&attributes, change, &[input, weight])[0]
    };
    let (vulkan, metal) = (wgpu::Backend::Vulkan, wgpu::Backend::Metal);
    let dense: [&[usize]; 2] = [&[1, 16, 9, 9], &[16, 16, 3, 3]];
    let aligned: [&[usize]; 2] = [&[1, 16, 8, 8], &[16, 16, 3, 3]];
    assert_eq!(on(true, vulkan, padded(1), dense[0], dense[1]), "conv2d/lanes");
    let without = |device: &mut Capabilities| {
        (device.software, device.backend, device.subgroup_sizes, device.matrices) = (true, vulkan, (4, 4), None);
    };
    assert_eq!(launches(&padded(1), without, &dense)[0], "conv2d/register");
    assert_eq!(on(false, vulkan, padded(1), dense[0], dense[1]), "conv2d/tile");
    assert_eq!(on(true, metal, padded(1), aligned[0], aligned[1]), "conv2d/lanes");
    // Whole vectors only where a component's store might become a vector's.
    assert_eq!(on(true, metal, padded(1), dense[0], dense[1]), "conv2d/direct");
    let depthwise = Conv2d { groups: 16, ..padded(1) };
    assert_eq!(on(true, vulkan, depthwise, dense[0], &[16, 1, 3, 3]), "conv2d/depthwise");
    assert_eq!(on(false, vulkan, depthwise, dense[0], &[16, 1, 3, 3]), "conv2d/depthwise");
    assert_eq!(on(false, metal, depthwise, dense[0], &[16, 1, 3, 3]), "conv2d/direct");
    assert_eq!(on(false, metal, depthwise, aligned[0], &[16, 1, 3, 3]), "conv2d/depthwise");
    assert_eq!(on(true, vulkan, PLAIN, &[1, 16, 1, 1], &[16, 16, 1, 1]), "matmul/lanes");
    assert_eq!(on(true, vulkan, PLAIN, dense[0], &[16, 16, 1, 1]), "matmul/lanes");
    assert_eq!(on(true, vulkan, strided(2), dense[0], &[16, 16, 1, 1]), "copy");
    assert_eq!(launches(&PLAIN, without, &[dense[0], &[16, 16, 1, 1]])[0], "conv2d/register");
    let far = Conv2d { dilation: Hw::new(1, 50), ..PLAIN };
    assert_eq!(on(true, vulkan, far, &[1, 2, 1, 200], &[2, 2, 1, 3]), "conv2d/lanes");
    assert_eq!(on(false, vulkan, far, &[1, 2, 1, 200], &[2, 2, 1, 3]), "conv2d/direct");
    assert_eq!(on(false, vulkan, padded(1), dense[0], &[3, 16, 3, 3]), "conv2d/register");
}

/// The kernel of lavapipe's lanes takes a row of the kernel in steps: all of it, equal parts, or one tap at a time.
#[test]
fn steps_of_a_row_of_taps() {
    let case = |name: &str, attributes: Conv2d, input: &[usize], weight: &[usize]| {
        let inputs = vec![random(input, 1), random(weight, 2), random(&weight[..1], 3)];
        Case::new(name, attributes, inputs, terms(weight))
    };
    let mut cases: Vec<Case> = [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
        .into_iter()
        .map(|w| case(&format!("{w} taps, {} apart", 1 + w % 2), strided(1 + w % 2), &[2, 2, 3, 24], &[17, 2, 2, w]))
        .collect();
    cases.extend([
        case("aligned rows, 8 taps, padded", padded(3), &[1, 2, 4, 32], &[16, 2, 8, 8]),
        case("four planes at a time", PLAIN, &[2, 8, 5, 9], &[24, 8, 1, 1]),
        case("four planes of groups", Conv2d { groups: 2, ..PLAIN }, &[1, 16, 4, 8], &[18, 8, 1, 1]),
        case("points at a distance", strided(2), &[1, 4, 9, 21], &[9, 4, 1, 1]),
        case("points that lie together", PLAIN, &[1, 64, 47, 45], &[64, 64, 1, 1]),
        case("groups of 8 channels and fewer", Conv2d { groups: 3, ..padded(1) }, &[1, 6, 6, 40], &[15, 2, 3, 3]),
    ]);
    check(cases);
}

#[test]
fn cut_to_fit_bindings() {
    fn small_bindings_of_a_gpu(device: &mut Capabilities) {
        small_bindings(device);
        device.software = false;
    }
    let grouped = |groups| Conv2d { groups, ..padded(1) };
    let rows: [(&str, Conv2d, &[usize], &[usize]); 8] = [
        ("images", padded(1), &[5, 3, 9, 11], &[4, 3, 3, 3]),
        ("weights", padded(1), &[2, 9, 5, 5], &[17, 9, 3, 3]),
        ("images and weights", padded(1), &[5, 9, 7, 7], &[17, 9, 3, 3]),
        ("outputs of one image", padded(1), &[2, 2, 9, 12], &[13, 2, 3, 3]),
        ("groups", grouped(3), &[2, 12, 5, 7], &[27, 4, 3, 3]),
        ("depthwise", grouped(7), &[2, 7, 16, 20], &[7, 1, 3, 3]),
        ("layer", PLAIN, &[5, 7, 3, 3], &[40, 7, 3, 3]),
        ("points", PLAIN, &[2, 36, 3, 9], &[45, 36, 1, 1]),
    ];
    let mut cases = Vec::new();
    for (name, attributes, input, weight) in rows {
        for (device, change) in [("", small_bindings as fn(&mut Capabilities)), (" on a GPU", small_bindings_of_a_gpu)] {
            if device.is_empty() || matches!(name, "weights" | "groups") {
                let op = Elsewhere::new(attributes, change);
                assert!(launches(&op, |_| {}, &[input, weight, &weight[..1]]).len() > 1, "{name} is not cut");
                let arrays = vec![random(input, 1), random(weight, 2), random(&weight[..1], 3)];
                cases.push(Case::new(format!("{name}{device}"), op, arrays, terms(weight)));
            }
        }
    }
    check(cases);
}

/// The sum at one place of a convolution of stride 1 with one group, in f64.
fn at(input: &Array, weight: &Array, padding: usize, place: [usize; 4]) -> f64 {
    let ([_, channels, h, w], [_, _, kh, kw]) = (quad(input), quad(weight));
    let (values, weights) = (input.values::<f32>().unwrap(), weight.values::<f32>().unwrap());
    let [n, o, y, x] = place;
    let mut sum = 0.0;
    for c in 0..channels {
        for (ky, kx) in (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx))) {
            let (row, column) = ((y + ky).wrapping_sub(padding), (x + kx).wrapping_sub(padding));
            if row < h && column < w {
                let pixel = values[((n * channels + c) * h + row) * w + column];
                sum += f64::from(pixel) * f64::from(weights[((o * channels + c) * kh + ky) * kw + kx]);
            }
        }
    }
    sum
}

fn quad(array: &Array) -> [usize; 4] {
    array.shape().try_into().unwrap()
}

/// Fails unless `output` is what `at` says at about `count` places and the last one, within the bound of a sum of products.
fn check_places(output: &Array, input: &Array, weight: &Array, padding: usize, count: usize) {
    let [_, channels, h, w] = quad(output);
    let values = output.values::<f32>().unwrap();
    let terms = weight.shape()[1..].iter().product::<usize>();
    for i in (0..values.len()).step_by(values.len() / count).chain([values.len() - 1]) {
        let place = [i / (channels * h * w), i / (h * w) % channels, i / w % h, i % w];
        let expected = at(input, weight, padding, place);
        // Numbers lie in -1..1, so the sum of the products' sizes is at most their number.
        let bound = 2.0 * f64::from(f32::EPSILON) * terms as f64 * terms as f64;
        assert!((f64::from(values[i]) - expected).abs() <= bound, "{place:?}: {} expected {expected}, allowed {bound:e}", values[i]);
    }
}

/// VGG's first fully connected layer as the convolution that FCN makes of it: 392 MiB of weights.
#[test]
fn weights_over_the_binding_limit() {
    let weight = Arc::new(random(&[4096, 512, 7, 7], 1));
    let graph = Graph::new();
    let w = graph.parameter(Arc::clone(&weight)).unwrap();
    let inputs = [random(&[1, 512, 7, 7], 2), random(&[1, 512, 8, 8], 3)];
    let x = inputs.each_ref().map(|array| graph.input(&format!("{}", array.shape()[2]), array.ty()).unwrap());
    let outputs = x.each_ref().map(|x| x.conv2d(&w, None, PLAIN).unwrap());
    let mut plan = Plan::compile(gpu(), &outputs.each_ref()).unwrap();
    let computed = plan.run(&[("7", &inputs[0]), ("8", &inputs[1])]).unwrap();
    for (output, input) in computed.iter().zip(&inputs) {
        check_places(output, input, &weight, 0, 37);
    }
}

/// More than 2^24 elements, and more bytes than one binding shows on many devices.
#[test]
fn many_pixels() {
    let (input, weight) = (random(&[9, 1, 2048, 2050], 1), random(&[1, 1, 3, 3], 2));
    let graph = Graph::new();
    let x = graph.input("x", input.ty()).unwrap();
    let y = x.conv2d(&graph.constant(weight.clone()).unwrap(), None, padded(1)).unwrap();
    let output = Plan::compile(gpu(), &[&y]).unwrap().run(&[("x", &input)]).unwrap().remove(0);
    check_places(&output, &input, &weight, 1, 1009);
}

#[test]
fn sequences() {
    let arrays = fixture("conv2d");
    let rows = [
        ("sequence", Conv1d { stride: 2, padding: (2, 1), ..Default::default() }),
        ("depthwise sequence", Conv1d { padding: (4, 0), dilation: 2, groups: 6, ..Default::default() }),
    ];
    for (name, attributes) in rows {
        let (inputs, expected) = numbers(&arrays, name);
        let graph = Graph::new();
        let x = graph.input("x", inputs[0].ty()).unwrap();
        let [weight, bias] = [1, 2].map(|i| graph.constant(inputs[i].clone()).unwrap());
        let y = x.conv1d(&weight, Some(&bias), attributes).unwrap();
        for device in [Device::from(gpu()), Device::Cpu] {
            let computed = Plan::compile(&device, &[&y]).unwrap().run(&[("x", &inputs[0])]).unwrap();
            // At most 15 products of numbers in -1..1 and a bias: 2 eps * 16 * 16.
            let bound = Bound::Near { absolute: 6.2e-5, relative: 0.0 };
            compare(&computed[0], &expected, None, bound).unwrap_or_else(|e| panic!("{name} on {}: {e}", device.name()));
        }
    }
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([1, 2, 3, 4])).unwrap();
    let error = x.conv1d(&x, None, Conv1d::default()).unwrap_err().to_string();
    assert!(error.contains("conv1d: input and weight must be (n, channels, length)"), "{error}");
}

#[test]
fn refusals() {
    let case = |name: &str, attributes: Conv2d, input: &[usize], weight: &[usize], text| {
        Case::refused(name, attributes, vec![random(input, 1), random(weight, 2)], text)
    };
    let (input, weight): (&[usize], &[usize]) = (&[1, 4, 9, 9], &[8, 4, 3, 3]);
    let huge = usize::MAX / 2;
    check(vec![
        case(
            "channels",
            PLAIN,
            input,
            &[8, 3, 3, 3],
            "weight f32[8, 3, 3, 3] wants 3 input channels per group, input f32[1, 4, 9, 9] has 4",
        ),
        case(
            "channels of groups",
            Conv2d { groups: 2, ..PLAIN },
            input,
            weight,
            "wants 4 input channels per group, input f32[1, 4, 9, 9] has 2",
        ),
        case("groups", Conv2d { groups: 3, ..PLAIN }, input, weight, "3 groups do not divide 4 input and 8 output channels"),
        case("output groups", Conv2d { groups: 4, ..PLAIN }, input, &[6, 1, 3, 3], "4 groups do not divide"),
        case("no groups", Conv2d { groups: 0, ..PLAIN }, input, weight, "must be at least 1"),
        case("no stride", Conv2d { stride: Hw::new(1, 0), ..PLAIN }, input, weight, "must be at least 1"),
        case("no dilation", Conv2d { dilation: Hw::new(0, 1), ..PLAIN }, input, weight, "must be at least 1"),
        case("large kernel", PLAIN, input, &[8, 4, 3, 10], "a kernel of 3 x 10 with dilation 1 x 1 does not fit in 9 x 9 pixels"),
        case("large dilation", Conv2d { dilation: Hw::new(5, 1), ..PLAIN }, input, weight, "dilation 5 x 1 does not fit"),
        case("huge dilation", Conv2d { dilation: Hw::square(huge), ..PLAIN }, input, weight, "does not fit"),
        case("huge padding", padded(huge), input, weight, "does not fit"),
        case("padding to 2^32 pixels", pads(0, u32::MAX as usize, 0, 0), input, weight, "does not fit"),
        case("rank", PLAIN, &[4, 9, 9], weight, "input must be (n, channels, h, w)"),
        case("rank of the weight", PLAIN, input, &[8, 4, 3], "weight must be (outputs, channels / groups, kh, kw)"),
        Case::refused("bias", PLAIN, vec![random(input, 1), random(weight, 2), random(&[4], 3)], "bias must be f32[8]"),
        Case::refused("one input", PLAIN, vec![random(input, 1)], "takes 2 to 3 inputs"),
        Case::refused("half precision", PLAIN, vec![Array::full(input, f16::ONE), random(weight, 2)], "cast it first"),
    ]);
}
