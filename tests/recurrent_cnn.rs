//! Recurrent networks: the published numbers, narrow copies against PyTorch, and one pass against a patch for each pixel.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::pixelwise::{self, Pixelwise};
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::{Random, Weights, init};
use foveate::ops::{AxisRange, PadMode};
use foveate::plan::{Device, Plan};

/// The copy whose scores and gradients `recurrent_cnn.npz` has: 9, 25 and 57 pixels each way.
const NARROW: RecurrentCnn = RecurrentCnn { inputs: 2, classes: 3, channels: [4, 5], kernels: [4, 3, 1], pools: [2, 1], instances: 3 };

fn drawn() -> Weights {
    let layers = [("conv1", 4, 5, 4), ("conv2", 5, 4, 3), ("score", 3, 5, 1)];
    let tensors = layers.into_iter().flat_map(|(name, outputs, inputs, kernel)| {
        let deviation = (1.0 / (inputs * kernel * kernel) as f32).sqrt();
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let kernels = init::normal(&[outputs, inputs, kernel, kernel], deviation, &weight, 1);
        [(weight, kernels), (bias.clone(), init::normal(&[outputs], 0.125, &bias, 1))]
    });
    Weights::from_arrays("drawn", tensors)
}

fn image() -> Array {
    init::normal(&[2, 2, 13, 18], 1.0, "image", 1)
}

fn input(shape: [usize; 4]) -> Var {
    Graph::new().input("image", TensorType::f32(shape)).unwrap()
}

/// Sums of at most 80 products through nine layers.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 200.0 * f64::from(f32::EPSILON) * largest, relative: 0.0 }
}

/// The paper gives contexts, and layers from which these numbers follow.
#[test]
fn the_published_networks_have_their_sizes() {
    let contexts = |net: RecurrentCnn| net.contexts().unwrap();
    assert_eq!(contexts(RecurrentCnn::plain()), [133]);
    assert_eq!(contexts(RecurrentCnn::twice()), [25, 121]);
    assert_eq!(contexts(RecurrentCnn::new()), [23, 67, 155]);
    let learned = |net: RecurrentCnn| net.initial(1).unwrap().parameters();
    assert_eq!(learned(RecurrentCnn::plain()), 33_633);
    assert_eq!((learned(RecurrentCnn::twice()), learned(RecurrentCnn::new())), (98_083, 98_083));
    // SIFT Flow's 33 classes.
    assert_eq!(learned(RecurrentCnn { classes: 33, ..RecurrentCnn::new() }), 139_358);
    assert_eq!(learned(RecurrentCnn { classes: 33, channels: [50, 50], ..RecurrentCnn::plain() }), 108_883);
}

#[test]
fn weights_say_what_they_are_of() {
    for net in [RecurrentCnn::plain(), RecurrentCnn::twice(), NARROW] {
        let weights = net.initial(1).unwrap();
        assert!(RecurrentCnn::of(&weights).unwrap_err().to_string().contains("no 'pools'"));
        let described = net.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value));
        assert_eq!(RecurrentCnn::of(&described).unwrap(), net);
    }
}

#[test]
fn every_pixel_of_every_size_gets_scores() {
    for net in [NARROW, RecurrentCnn { pools: [2, 2], instances: 2, ..NARROW }, RecurrentCnn { inputs: 5, instances: 1, ..NARROW }] {
        for side in (1..20).chain([40]) {
            let image = input([1, net.inputs, side, 41 - side]);
            let shapes: Vec<Vec<usize>> = net.all_scores(&drawn(), &image).unwrap().iter().map(|v| v.shape().to_vec()).collect();
            assert_eq!(shapes, vec![vec![1, 3, side, 41 - side]; net.instances]);
            let stride = net.pools[0] * net.pools[1];
            for (p, scores) in net.coarse_scores(&drawn(), &image).unwrap().iter().enumerate() {
                let step = stride.pow(p as u32 + 1);
                assert_eq!(scores.shape()[2..], [side.div_ceil(step), (41 - side).div_ceil(step)], "{net:?}, {p}");
            }
        }
    }
}

#[test]
fn narrow_copies_score_as_in_pytorch() {
    let expected = fixture("recurrent_cnn");
    let image_var = input([2, 2, 13, 18]);
    let all = [NARROW.coarse_scores(&drawn(), &image_var).unwrap(), NARROW.all_scores(&drawn(), &image_var).unwrap()].concat();
    for device in [Device::from(gpu()), Device::Cpu] {
        let name = device.name().to_owned();
        let found = Plan::compile(device, &all.iter().collect::<Vec<_>>()).unwrap().run(&[("image", &image())]).unwrap();
        let names = ["coarse", "dense"].iter().flat_map(|which| (0..3).map(move |p| format!("{which}.{p}")));
        for (what, found) in names.zip(&found) {
            compare(found, &expected[&what], None, near(&expected[&what])).unwrap_or_else(|e| panic!("{name}, {what}: {e}"));
        }
    }
}

#[test]
fn gradients_are_those_of_pytorch() {
    let (expected, graph) = (fixture("recurrent_cnn"), Graph::new());
    let image_var = graph.input("image", TensorType::f32([2, 2, 13, 18])).unwrap();
    let (scored, parameters) = NARROW.trainable(&drawn(), &image_var, &mut Random::new(&graph, 1).unwrap()).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [2, 13, 18])).unwrap();
    assert_eq!(scored.iter().map(|s| s.step).collect::<Vec<_>>(), [2, 4, 8]);
    let loss = pixelwise::loss(&scored, &label, &CrossEntropy { ignore_index: Some(255), ..CrossEntropy::default() }).unwrap();
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let labels = Array::from_fn([2, 13, 18], |i| if i / 18 % 13 % 5 == 0 { 255i32 } else { (i / 7 % 3) as i32 });
    let outputs: Vec<&Var> = [&loss].into_iter().chain(&gradients).collect();
    assert_eq!(parameters.len(), 6, "every weight is learned");
    let found = Plan::compile(gpu(), &outputs).unwrap().run(&[("image", &image()), ("label", &labels)]).unwrap();
    let names = std::iter::once("loss".to_owned()).chain(parameters.iter().map(|p| format!("gradient.{}", p.name)));
    for (name, found) in names.zip(&found) {
        let expected = &expected[&name];
        let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        compare(found, expected, None, Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// What the paper does for one pixel: its patch alone, of which one score is left.
#[test]
fn a_pixel_is_named_by_its_patch() {
    let graph = Graph::new();
    let image_var = graph.input("image", TensorType::f32([2, 2, 13, 18])).unwrap();
    let whole = NARROW.scores(&drawn(), &image_var).unwrap();
    let padded = image_var.pad([0, 0, 28, 28], [0, 0, 28, 28], PadMode::Constant(0.0)).unwrap();
    let pixels = [[0usize, 0], [12, 17], [5, 9], [6, 2]];
    // Its middle sees the 57 pixels of the patch and nothing around.
    let middle = |v: &Var| v.narrow(2, 28, 1).unwrap().narrow(3, 28, 1).unwrap();
    let named = |[y, x]: &[usize; 2]| {
        let patch = padded.narrow(2, *y, 57).unwrap().narrow(3, *x, 57).unwrap();
        middle(&NARROW.scores(&drawn(), &patch).unwrap())
    };
    let patches: Vec<Var> = pixels.iter().map(named).collect();
    let outputs: Vec<&Var> = [&whole].into_iter().chain(&patches).collect();
    let found = Plan::compile(gpu(), &outputs).unwrap().run(&[("image", &image())]).unwrap();
    let whole = found[0].to_f64();
    for ([y, x], patch) in pixels.iter().zip(&found[1..]) {
        for (i, score) in patch.to_f64().iter().enumerate() {
            let there = whole[(i * 13 + y) * 18 + x];
            assert!((score - there).abs() < 1e-5, "{y}, {x}: {score} and {there}");
        }
    }
}

/// With no kernels for what was said before, the last instance alone counts: f of the image made smaller.
#[test]
fn without_kernels_for_scores_nothing_is_passed_on() {
    let mut kernels = drawn().get("conv1.weight").unwrap().values::<f32>().unwrap().to_vec();
    let dead = |i: usize| i / 16 % 5 < 3;
    kernels.iter_mut().enumerate().filter(|(i, _)| dead(*i)).for_each(|(_, v)| *v = 0.0);
    let deaf = drawn().replaced("deaf", [("conv1.weight".to_owned(), Array::new([4, 5, 4, 4], kernels).unwrap())]);
    let other = deaf.replaced("other", [("score.bias".to_owned(), Array::full([3], 9.0f32))]);
    let graph = Graph::new();
    let image_var = graph.input("image", TensorType::f32([2, 2, 13, 18])).unwrap();
    // Scores moved by 9 - b each, and nothing else of the last instance's.
    let [first, second] = [&deaf, &other].map(|weights| NARROW.scores(weights, &image_var).unwrap());
    let apart = second.sub(&first).unwrap().reduce_max(&[0, 2, 3], false).unwrap();
    let found = Plan::compile(gpu(), &[&apart]).unwrap().run(&[("image", &image())]).unwrap().remove(0);
    let biases = drawn().get("score.bias").unwrap().to_f64();
    for (moved, bias) in found.to_f64().iter().zip(biases) {
        assert!((moved - (9.0 - bias)).abs() < 1e-5, "{moved} and {bias}");
    }
}

/// Whether a pixel is of one class or the other is said 14 pixels to its left, or in the same place of the columns around: one instance sees 4
/// pixels each way, two see 12, three 28.
#[test]
fn more_instances_see_further() {
    let accuracy = |instances: usize| {
        let net = RecurrentCnn { inputs: 1, classes: 2, channels: [6, 8], instances, ..NARROW };
        let graph = Graph::new();
        let image = graph.input("image", TensorType::f32([8, 1, 24, 24])).unwrap();
        let label = graph.input("label", TensorType::new(DType::I32, [8, 3, 3])).unwrap();
        let (scored, parameters) = net.trainable(&net.initial(1).unwrap(), &image, &mut Random::new(&graph, 1).unwrap()).unwrap();
        let last = scored.last().unwrap();
        let every = |axis| AxisRange { axis, start: 0, end: isize::MAX, step: 8 / last.step as isize };
        let scores = last.scores.slice([every(2), every(3)]).unwrap();
        let loss = cross_entropy(&scores, &label, &CrossEntropy::default()).unwrap();
        let right =
            scores.argmax(1, false, false).unwrap().equal(&label).unwrap().cast(DType::F32).unwrap().reduce_mean(&[], false).unwrap();
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        let rate = graph.constant(Array::scalar(0.02f32)).unwrap();
        Optimiser::Adam(Adam::default()).update(&parameters, &gradients, &rate).unwrap();
        let mut plan = Plan::compile(gpu(), &[&right]).unwrap();
        // Columns of one brightness each name those that begin 14 pixels to their right.
        let bright = |step: usize, n: usize, x: usize| (step * 7919 + n * 104_729 + x / 8 * 1299 + step * n * 31) / 7 % 2;
        let shares: Vec<f64> = (0..120)
            .map(|step| {
                let image = Array::from_fn([8, 1, 24, 24], |i| bright(step, i / 576, (i + 14) % 24) as f32 - 0.5);
                let label = Array::from_fn([8, 3, 3], |i| bright(step, i / 9, i % 3 * 8) as i32);
                plan.run(&[("image", &image), ("label", &label)]).unwrap()[0].to_f64()[0]
            })
            .collect();
        shares[100..].iter().sum::<f64>() / 20.0
    };
    let [once, three] = [1, 3].map(accuracy);
    assert!(three > 0.9 && three > once + 0.15, "{once} and {three}");
}

#[test]
fn a_network_of_other_classes_is_gone_on_from() {
    let more = RecurrentCnn { instances: 2, ..NARROW };
    assert_eq!(more.after(&drawn(), 1).unwrap().get("conv1.weight").unwrap(), drawn().get("conv1.weight").unwrap());
    let error = RecurrentCnn { channels: [4, 6], ..NARROW }.after(&drawn(), 1).unwrap_err().to_string();
    assert!(error.contains("'conv2.weight' is f32[5, 4, 3, 3]"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |net: RecurrentCnn| net.initial(1).unwrap_err().to_string();
    assert!(refused(RecurrentCnn { instances: 9, ..NARROW }).contains("up to 8 instances"));
    assert!(refused(RecurrentCnn { instances: 0, ..NARROW }).contains("instances: 0"));
    assert!(refused(RecurrentCnn { kernels: [3, 3, 1], ..NARROW }).contains("the first odd"), "8 pixels have no middle");
    assert!(refused(RecurrentCnn { kernels: [1, 1, 1], pools: [3, 1], ..NARROW }).contains("more than twice the stride"));
    assert!(refused(RecurrentCnn { pools: [usize::MAX, 2], ..NARROW }).contains("up to 4096 pixels"));
    let nothing = pixelwise::loss(&[], &input([1, 1, 9, 9]), &CrossEntropy::default()).unwrap_err().to_string();
    assert!(nothing.contains("no scores to learn from"), "{nothing}");
    assert!(refused(RecurrentCnn { classes: 0, ..NARROW }).contains("classes: 0"));
    let error = NARROW.scores(&drawn(), &input([1, 3, 9, 9])).unwrap_err().to_string();
    assert!(error.contains("(n, 2, h, w), not f32[1, 3, 9, 9]"), "{error}");
}
