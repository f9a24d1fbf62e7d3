//! Multiscale networks and superpixels: the published numbers, narrow copies against PyTorch, segments against scikit-image's, and votes.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::multiscale::{self, Multiscale};
use foveate::models::pixelwise::Pixelwise;
use foveate::models::superpixels::{Superpixels, vote};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::{Random, Weights, init};
use foveate::ops::Resize;
use foveate::plan::{Device, Plan};
use std::collections::HashMap;

/// The copy whose scores and gradients multiscale.npz has: half of the planes connect something.
fn narrow() -> Multiscale {
    Multiscale { classes: 3, scales: 3, channels: [4, 5, 6], seen: [3, 4], hidden: 7 }
}

fn drawn() -> Weights {
    let tensor = |name: &str, outputs: usize, inputs: usize, kernel: usize| {
        let (shape, weight) = ([outputs, inputs, kernel, kernel], format!("{name}.weight"));
        let values = init::normal(&shape, (1.0 / (inputs * kernel * kernel) as f32).sqrt(), &weight, 1);
        let connects = |o: usize, i: usize| match name {
            "conv1" if o < outputs * 5 / 8 => i == 0,
            "conv1" => i != 0,
            "conv2" | "conv3" => !(o + 2 * i).is_multiple_of(3),
            _ => true,
        };
        let plane = kernel * kernel;
        let cut = values.values::<f32>().unwrap().iter().enumerate();
        let cut = cut.map(|(at, v)| if connects(at / plane / inputs, at / plane % inputs) { *v } else { 0.0 }).collect::<Vec<f32>>();
        let bias = format!("{name}.bias");
        [(weight, Array::new(shape, cut).unwrap()), (bias.clone(), init::normal(&[outputs], 0.125, &bias, 1))]
    };
    let layers = [("conv1", 4, 3, 7), ("conv2", 5, 4, 7), ("conv3", 6, 5, 7), ("hidden", 7, 18, 1), ("score", 3, 7, 1)];
    Weights::from_arrays("drawn", layers.into_iter().flat_map(|(name, outputs, inputs, kernel)| tensor(name, outputs, inputs, kernel)))
}

fn image() -> Array {
    let draws = init::normal(&[2, 3, 30, 37], 1.0, "image", 1);
    Array::new([2, 3, 30, 37], draws.values::<f32>().unwrap().iter().map(|v| v * 0.25 + 0.5).collect::<Vec<f32>>()).unwrap()
}

fn input(shape: [usize; 4]) -> Var {
    Graph::new().input("image", TensorType::f32(shape)).unwrap()
}

/// Means of 225 pixels, a difference of squares of them, and sums of at most 245 products through five layers.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 300.0 * f64::from(f32::EPSILON) * largest, relative: 0.0 }
}

/// The paper says "roughly 0.5 million" of f; its own numbers of connections give these.
#[test]
fn the_published_network_has_its_size() {
    let net = Multiscale::new();
    let classifier = 768 * 1024 + 1024 + 1024 * 8 + 8;
    assert_eq!((net.learned().unwrap(), classifier), (427_910 + 795_656, 795_656));
    let weights = net.initial(1).unwrap();
    assert_eq!(Multiscale::of(&weights).unwrap(), net);
    let connected = |name: &str| weights.get(name).unwrap().values::<f32>().unwrap().iter().filter(|v| **v != 0.0).count();
    assert_eq!(["conv1.weight", "conv2.weight", "conv3.weight"].map(connected), [1_078, 25_088, 401_408]);
    let features = net.features(&weights, &input([1, 3, 240, 320])).unwrap();
    assert_eq!(features.shape(), [1, 768, 60, 80]);
}

#[test]
fn every_pixel_of_every_size_gets_scores() {
    let (net, weights) = (narrow(), drawn());
    for side in 1..40 {
        assert_eq!(net.scores(&weights, &input([1, 3, side, 41 - side])).unwrap().shape(), [1, 3, side, 41 - side]);
    }
}

#[test]
fn levels_add_up_to_the_image() {
    let image_var = input([2, 3, 32, 48]);
    let levels = multiscale::pyramid(&image_var, 3).unwrap();
    let sizes: Vec<&[usize]> = levels.iter().map(|level| &level.shape()[2..]).collect();
    assert_eq!(sizes, [[32, 48], [16, 24], [8, 12]]);
    let sum = levels.iter().rev().cloned().reduce(|coarse, finer| {
        let size = Hw::new(finer.shape()[2], finer.shape()[3]);
        finer.add(&coarse.resize(Resize::bilinear(size)).unwrap()).unwrap()
    });
    let picture = init::normal(&[2, 3, 32, 48], 1.0, "image", 1);
    let found = Plan::compile(gpu(), &[&sum.unwrap()]).unwrap().run(&[("image", &picture)]).unwrap().remove(0);
    compare(&found, &picture, None, Bound::Near { absolute: 2e-6, relative: 0.0 }).unwrap();
}

#[test]
fn narrow_copies_score_as_in_pytorch() {
    let (expected, net) = (fixture("multiscale"), narrow());
    let image_var = input([2, 3, 30, 37]);
    let padded = image_var.pad([0; 4], [0, 0, 2, 11], foveate::ops::PadMode::Edge).unwrap();
    let levels = multiscale::pyramid(&multiscale::yuv(&padded).unwrap(), 3).unwrap();
    let mut outputs: Vec<Var> = levels.iter().map(|level| multiscale::normalised(level).unwrap()).collect();
    outputs.push(net.scores(&drawn(), &image_var).unwrap());
    for device in [Device::from(gpu()), Device::Cpu] {
        let name = device.name().to_owned();
        let found = Plan::compile(device, &outputs.iter().collect::<Vec<_>>()).unwrap().run(&[("image", &image())]).unwrap();
        for (what, found) in ["level.0", "level.1", "level.2", "scores"].iter().zip(&found) {
            compare(found, &expected[*what], None, near(&expected[*what])).unwrap_or_else(|e| panic!("{name}, {what}: {e}"));
        }
    }
}

#[test]
fn gradients_are_those_of_pytorch() {
    let (expected, net, graph) = (fixture("multiscale"), narrow(), Graph::new());
    let image_var = graph.input("image", TensorType::f32([2, 3, 30, 37])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [2, 30, 37])).unwrap();
    let mut random = Random::new(&graph, 1).unwrap();
    let (scored, parameters) = net.trainable(&drawn(), &image_var, &mut random).unwrap();
    let loss = cross_entropy(&scored[0].scores, &label, &CrossEntropy { ignore_index: Some(255), ..CrossEntropy::default() }).unwrap();
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let labels = Array::from_fn([2, 30, 37], |i| if i / 37 % 30 % 5 == 0 { 255i32 } else { (i / 7 % 3) as i32 });
    let outputs: Vec<&Var> = [&loss].into_iter().chain(&gradients).collect();
    assert_eq!(parameters.len(), 10, "every weight is learned");
    let found = Plan::compile(gpu(), &outputs).unwrap().run(&[("image", &image()), ("label", &labels)]).unwrap();
    let names = std::iter::once("loss".to_owned()).chain(parameters.iter().map(|p| format!("gradient.{}", p.name)));
    for (name, found) in names.zip(&found) {
        // PyTorch's gradients of planes that connect nothing are 0, too: the same mask.
        let expected = &expected[&name];
        let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        compare(found, expected, None, Bound::Near { absolute: 2e-4 * largest, relative: 0.0 }).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

/// What a map sees stays what it is, whatever is learned.
#[test]
fn planes_that_connect_nothing_stay_empty() {
    let (net, graph) = (narrow(), Graph::new());
    let weights = net.initial(3).unwrap();
    let image_var = graph.input("image", TensorType::f32([2, 3, 30, 37])).unwrap();
    let (scored, parameters) = net.trainable(&weights, &image_var, &mut Random::new(&graph, 1).unwrap()).unwrap();
    let label = graph.constant(Array::from_fn([2, 30, 37], |i| i32::from(i % 37 > 30))).unwrap();
    let loss = cross_entropy(&scored[0].scores, &label, &CrossEntropy::default()).unwrap();
    let rate = graph.constant(Array::scalar(0.05f32)).unwrap();
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    Optimiser::Adam(Adam { weight_decay: 0.1, ..Adam::default() }).update(&parameters, &gradients, &rate).unwrap();
    let mut plan = Plan::compile(gpu(), &[&loss]).unwrap();
    let losses: Vec<f64> = (0..12).map(|_| plan.run(&[("image", &image())]).unwrap()[0].to_f64()[0]).collect();
    assert!(losses[11] < 0.7 * losses[0], "{losses:?}");
    for name in ["conv1.weight", "conv2.weight", "conv3.weight"] {
        let (before, after) = (weights.get(name).unwrap(), plan.state(name).unwrap());
        let pairs = before.values::<f32>().unwrap().iter().zip(after.values::<f32>().unwrap());
        assert!(pairs.clone().all(|(before, after)| (*before == 0.0) == (*after == 0.0)), "{name}");
        assert!(pairs.filter(|(before, after)| before != after).count() > 10, "{name} is learned");
    }
}

#[test]
fn a_network_of_other_classes_is_gone_on_from() {
    let (net, start) = (Multiscale { classes: 5, ..narrow() }, drawn());
    let weights = net.after(&start, 1).unwrap();
    assert_eq!(weights.get("conv3.weight").unwrap(), start.get("conv3.weight").unwrap());
    assert_eq!(weights.get("score.weight").unwrap().shape(), [5, 7, 1, 1]);
    assert_eq!(narrow().after(&start, 1).unwrap().get("score.weight").unwrap(), start.get("score.weight").unwrap());
    let error = Multiscale { hidden: 8, ..net }.after(&start, 1).unwrap_err().to_string();
    assert!(error.contains("'hidden.weight' is f32[7, 18, 1, 1]"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |net: Multiscale| net.initial(1).unwrap_err().to_string();
    assert!(refused(Multiscale { scales: 7, ..narrow() }).contains("1 to 6 scales"));
    assert!(refused(Multiscale { seen: [5, 4], ..narrow() }).contains("sees more than there are"));
    assert!(refused(Multiscale { classes: 0, ..narrow() }).contains("classes: 0"));
    assert!(Multiscale { hidden: usize::MAX, ..narrow() }.learned().unwrap_err().to_string().contains("none of more than 16384"));
    // Kernels without a number tell no connections.
    let empty = drawn().replaced("empty", [("conv2.weight".to_owned(), Array::full([5, 4, 0, 7], 0.0f32))]);
    assert!(Multiscale::of(&empty).unwrap_err().to_string().contains("seen: [0, 4]"));
    let error = narrow().features(&drawn(), &input([1, 3, 30, 48])).unwrap_err().to_string();
    assert!(error.contains("no multiples of 16"), "{error}");
    let error = narrow().scores(&drawn(), &input([1, 1, 32, 32])).unwrap_err().to_string();
    assert!(error.contains("(n, 3, h, w)"), "{error}");
}

/// A disc on two halves under noise.
fn noisy() -> Array {
    let noise = init::normal(&[3, 30, 37], 1.0, "noise", 1);
    let noise = noise.values::<f32>().unwrap();
    Array::from_fn([1, 3, 30, 37], |i| {
        let (y, x) = ((i / 37 % 30) as f32, (i % 37) as f32);
        let halves = if x + y < 30.0 { 0.3 } else { 0.55 };
        let plain = if (x - 20.0).powi(2) + (y - 12.0).powi(2) < 64.0 { 0.8f32 } else { halves };
        (plain + 0.03 * noise[i]).clamp(0.0, 1.0)
    })
}

#[test]
fn segments_are_those_of_scikit_image() {
    let expected = fixture("multiscale");
    for (scale, least) in [(100, 20), (400, 1)] {
        let superpixels = Superpixels { scale: scale as f32, sigma: 0.0, least };
        let (found, expected) = (superpixels.segments(&noisy()).unwrap(), &expected[&format!("segments.{scale}.{least}")]);
        let (found, expected) = (found.values::<i32>().unwrap(), expected.values::<f32>().unwrap());
        // The same parts, whatever they are called.
        let mut names = HashMap::new();
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(*names.entry(found).or_insert(expected), expected, "{scale}");
        }
        let theirs: std::collections::BTreeSet<u32> = expected.iter().map(|v| *v as u32).collect();
        assert_eq!(names.len(), theirs.len(), "{scale}");
    }
}

#[test]
fn a_blur_keeps_noise_together() {
    let count = |sigma: f32| {
        let found = Superpixels { scale: 20.0, sigma, least: 1 }.segments(&noisy()).unwrap();
        found.values::<i32>().unwrap().iter().max().unwrap() + 1
    };
    assert!(count(0.0) > 2 * count(0.8), "{} and {}", count(0.0), count(0.8));
    // Of a plain picture nothing is left but the picture.
    let plain = Superpixels { scale: 0.0, sigma: 2.0, least: 1 }.segments(&Array::full([1, 3, 9, 4], 0.5f32)).unwrap();
    assert!(plain.values::<i32>().unwrap().iter().all(|segment| *segment == 0), "{plain:?}");
}

#[test]
fn segments_vote() {
    let probabilities = Array::new([1, 2, 1, 4], vec![0.9f32, 0.4, 0.3, 0.6, 0.1, 0.6, 0.7, 0.4]).unwrap();
    let labels = |segments: [i32; 4]| {
        let segments = Array::new([1, 1, 1, 4], segments.to_vec()).unwrap();
        vote(&probabilities, &segments).unwrap().values::<i32>().unwrap().to_vec()
    };
    assert_eq!(labels([0, 1, 2, 3]), [0, 1, 1, 0], "a pixel each: the likeliest class");
    assert_eq!(labels([0, 0, 1, 1]), [0, 0, 1, 1]);
    assert_eq!(labels([0, 0, 0, 0]), [0, 0, 0, 0]);
    assert_eq!(labels([2, 1, 1, 1]), [0, 1, 1, 1]);
    for (segments, reason) in [([0, 1, 2, 4], "segment 4 among 4 pixels"), ([0, -1, 0, 0], "segment -1")] {
        let error = vote(&probabilities, &Array::new([1, 1, 1, 4], segments.to_vec()).unwrap()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let error = vote(&probabilities, &Array::full([1, 1, 4, 1], 0i32)).unwrap_err().to_string();
    assert!(error.contains("[1, 1, 4, 1]"), "{error}");
    let error = Superpixels { sigma: -1.0, ..Superpixels::default() }.segments(&noisy()).unwrap_err().to_string();
    assert!(error.contains("a blur of -1"), "{error}");
}
