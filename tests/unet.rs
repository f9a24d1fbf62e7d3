//! U-Net: the published shapes, crops and numbers, narrow copies against PyTorch's scores and gradients, and what its weights tell.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu, stand_in};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Parameter;
use foveate::models::pixelwise::Pixelwise;
use foveate::models::unet::UNet;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::{Random, Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::About;
use std::collections::HashMap;

fn input(shape: [usize; 4]) -> Var {
    Graph::new().input("image", TensorType::f32(shape)).unwrap()
}

/// The copy whose scores and gradients unet.npz has.
fn narrow(padded: bool) -> UNet {
    UNet { inputs: 1, classes: 3, channels: vec![3, 4, 5], last_up: 5, padded, dropout: 0.0 }
}

fn drawn(net: &UNet) -> Weights {
    let value = |p: Parameter| {
        let shape = &*p.shape;
        let array = match shape.len() {
            1 => init::normal(shape, 0.125, &p.name, 1),
            _ if p.name.starts_with("upconv") => init::normal(shape, (2.0 / shape[0] as f32).sqrt(), &p.name, 1),
            _ => init::he_normal(shape, &p.name, 1),
        };
        (p.name, array)
    };
    Weights::from_arrays("drawn", net.parameters().unwrap().into_iter().map(value))
}

fn image() -> Array {
    init::normal(&[2, 1, 30, 35], 1.0, "image", 1)
}

/// Sums of at most 72 products through 11 layers: 100 eps of the largest value, which the layers' terms are of the order of.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 100.0 * f64::from(f32::EPSILON) * largest, relative: 0.0 }
}

#[test]
fn the_published_network_has_its_shapes_and_crops() {
    let network = UNet::new().outline(&input([1, 1, 572, 572])).unwrap();
    let expected = "data 1 572 conv_d0a-b 64 570 conv_d0b-c 64 568 pool_d0c-1a 64 284 conv_d1a-b 128 282 conv_d1b-c 128 280 \
        pool_d1c-2a 128 140 conv_d2a-b 256 138 conv_d2b-c 256 136 pool_d2c-3a 256 68 conv_d3a-b 512 66 conv_d3b-c 512 64 \
        pool_d3c-4a 512 32 conv_d4a-b 1024 30 conv_d4b-c 1024 28 \
        upconv_d4c_u3a 512 56 crop_d3c-d3cc 512 56 concat_d3cc_u3a-b 1024 56 conv_u3b-c 512 54 conv_u3c-d 512 52 \
        upconv_u3d_u2a 256 104 crop_d2c-d2cc 256 104 concat_d2cc_u2a-b 512 104 conv_u2b-c 256 102 conv_u2c-d 256 100 \
        upconv_u2d_u1a 128 200 crop_d1c-d1cc 128 200 concat_d1cc_u1a-b 256 200 conv_u1b-c 128 198 conv_u1c-d 128 196 \
        upconv_u1d_u0a 64 392 crop_d0c-d0cc 64 392 concat_d0cc_u0a-b 128 392 conv_u0b-c 64 390 conv_u0c-d 64 388 \
        conv_u0d-score 2 388";
    let found = network.layers.iter().map(|layer| {
        let shape = layer.output.shape();
        assert_eq!(shape[2], shape[3]);
        format!("{} {} {}", layer.name, shape[1], shape[2])
    });
    assert_eq!(found.collect::<Vec<_>>().join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(network.layers.iter().filter_map(|layer| layer.offset).collect::<Vec<_>>(), [4, 16, 40, 88]);
    assert_eq!(network.parameters.iter().map(Parameter::len).sum::<usize>(), 31_030_658);
}

#[test]
fn every_pixel_of_every_size_gets_scores() {
    for (padded, least) in [(true, 1), (false, 108)] {
        let net = UNet { padded, channels: vec![1; 5], last_up: 1, ..UNet::new() };
        let weights = net.initial(1).unwrap();
        for side in least..least + 40 {
            let scores = net.scores(&weights, &input([1, 1, side, least + 40 - (side - least)])).unwrap();
            assert_eq!(scores.shape()[2..], [side, least + 40 - (side - least)], "padded: {padded}");
        }
    }
}

#[test]
fn narrow_copies_score_as_in_pytorch() {
    let expected = fixture("unet");
    for padded in [false, true] {
        let (net, expected) = (narrow(padded), &expected[if padded { "padded" } else { "unpadded" }]);
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let scores = net.scores(&drawn(&net), &input([2, 1, 30, 35])).unwrap();
            let found = Plan::compile(device, &[&scores]).unwrap().run(&[("image", &image())]).unwrap().remove(0);
            compare(&found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{name}, padded: {padded}: {e}"));
        }
    }
}

/// By the kernels of the tests' adapter, and by those of a GPU whose subgroups multiply matrices.
#[test]
fn gradients_are_those_of_pytorch() {
    let (expected, net, graph) = (fixture("unet"), narrow(false), Graph::new());
    let image_var = graph.input("image", TensorType::f32([2, 1, 30, 35])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [2, 30, 35])).unwrap();
    let mut random = Random::new(&graph, 1).unwrap();
    let (scored, parameters) = net.trainable(&drawn(&net), &image_var, &mut random).unwrap();
    let scores = &scored[0].scores;
    let loss = cross_entropy(scores, &label, &CrossEntropy { ignore_index: Some(255), ..CrossEntropy::default() }).unwrap();
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let labels = Array::from_fn([2, 30, 35], |i| if i / 35 % 30 % 5 == 0 { 255i32 } else { (i / 7 % 3) as i32 });
    let outputs: Vec<&Var> = [&loss].into_iter().chain(&gradients).collect();
    assert_eq!(parameters.len(), 26, "every weight is learned");
    for gpu in [gpu(), &stand_in(16, 32)] {
        let mut plan = Plan::compile(gpu, &outputs).unwrap();
        let name = &gpu.capabilities().name;
        if gpu.capabilities().matrices.is_some() {
            let text = plan.describe();
            for kernel in ["conv2d/matrices", "conv2d_weight/matrices"] {
                assert!(text.contains(kernel), "no {kernel} on {name}:\n{text}");
            }
        }
        let found = plan.run(&[("image", &image()), ("label", &labels)]).unwrap();
        compare(&found[0], &expected["loss"], None, near(&expected["loss"])).unwrap_or_else(|e| panic!("loss on {name}: {e}"));
        // Sums over up to 2 x 68 x 72 places of values that have gone through up to 22 layers.
        for (parameter, found) in parameters.iter().zip(&found[1..]) {
            let expected = &expected[&format!("gradient.{}", parameter.name)];
            let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let bound = Bound::Near { absolute: 1e-4 * largest, relative: 0.0 };
            compare(found, expected, None, bound).unwrap_or_else(|e| panic!("{} on {name}: {e}", parameter.name));
        }
    }
    // Biases learn twice as fast and do not decay, as in the released network.
    let multipliers: HashMap<&str, (f32, f32)> = parameters.iter().map(|p| (&*p.name, (p.rate, p.decay))).collect();
    assert_eq!((multipliers["conv_u0c-d.weight"], multipliers["conv_u0c-d.bias"]), ((1.0, 1.0), (2.0, 0.0)));
}

#[test]
fn the_two_lowest_levels_drop_half_of_their_values_in_training() {
    let net = UNet { channels: vec![8, 8, 8], last_up: 8, padded: true, ..UNet::new() };
    let weights = net.initial(1).unwrap();
    let scores = |dropout: Option<f32>| {
        let graph = Graph::new();
        let image = graph.constant(init::normal(&[1, 1, 32, 32], 1.0, "image", 1)).unwrap();
        let mut random = Random::new(&graph, 1).unwrap();
        let scores = match dropout {
            Some(dropout) => UNet { dropout, ..net.clone() }.trainable(&weights, &image, &mut random).unwrap().0[0].scores.clone(),
            None => net.scores(&weights, &image).unwrap(),
        };
        Plan::compile(Device::Cpu, &[&scores]).unwrap().run(&[]).unwrap().remove(0)
    };
    assert_ne!(scores(Some(0.5)), scores(None));
    assert_eq!(scores(Some(0.0)), scores(None));
}

#[test]
fn weights_tell_the_network() {
    for net in [narrow(true), narrow(false), UNet { channels: vec![2, 3], last_up: 3, ..narrow(true) }] {
        let weights = net.metadata().iter().fold(net.initial(1).unwrap(), |weights, (key, value)| weights.with_metadata(key, value));
        assert_eq!(UNet { dropout: net.dropout, ..UNet::of(&weights).unwrap() }, net);
        let other = UNet { classes: 5, ..net.clone() };
        let after = other.after(&weights, 2).unwrap();
        assert_eq!(after.get("conv_d1a-b.weight").unwrap(), weights.get("conv_d1a-b.weight").unwrap());
        assert_eq!(after.sizes::<4>("conv_u0d-score.weight").unwrap()[0], 5, "other classes have scores of their own");
    }
    let wider = UNet { channels: vec![4, 4, 5], ..narrow(true) };
    let error = wider.after(&narrow(true).initial(1).unwrap(), 1).unwrap_err().to_string();
    assert!(error.contains("'conv_d0a-b.weight'"), "{error}");
    let shallow = UNet { channels: vec![3, 4], last_up: 3, ..narrow(true) };
    let error = narrow(true).after(&shallow.initial(1).unwrap(), 1).unwrap_err().to_string();
    assert!(error.contains("'conv_d2a-b.weight'"), "what else there is to learn is not begun anew unseen: {error}");
}

#[test]
fn photos_are_seen_in_grey_by_a_network_of_one_channel() {
    let net = narrow(true);
    let weights = drawn(&net);
    let photo = Array::from_fn([1, 3, 20, 24], |i| [0.9f32, 0.4, 0.1][i / 480] * (i % 7) as f32 / 7.0);
    let grey = Array::from_fn([1, 1, 20, 24], |i| {
        let [r, g, b] = [0, 1, 2].map(|c| photo.values::<f32>().unwrap()[480 * c + i]);
        (0.299 * r + 0.587 * g + 0.114 * b - 0.5) / 0.25
    });
    let graph = Graph::new();
    let classes = net.photo_classes(&weights, &About::new(1), &graph.constant(photo).unwrap()).unwrap();
    let expected = net.scores(&weights, &graph.constant(grey).unwrap()).unwrap().argmax(1, true, false).unwrap();
    let found = Plan::compile(Device::Cpu, &[&classes, &expected]).unwrap().run(&[]).unwrap();
    assert_eq!(found[0], found[1]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |net: &UNet, shape: [usize; 4]| net.outline(&input(shape)).unwrap_err().to_string();
    assert!(refused(&UNet::new(), [1, 1, 570, 572]).contains("as 572 is"));
    assert!(refused(&UNet::new(), [1, 3, 572, 572]).contains("(n, 1, h, w), got [1, 3, 572, 572]"));
    assert!(refused(&UNet { padded: true, ..UNet::new() }, [1, 1, 40, 64]).contains("as 48 is"));
    assert!(refused(&UNet { channels: vec![64], ..UNet::new() }, [1, 1, 572, 572]).contains("1 to 8 poolings"));
    assert!(refused(&UNet { classes: 0, ..UNet::new() }, [1, 1, 572, 572]).contains("classes"));
    let small = UNet::new().scores(&narrow(false).initial(1).unwrap(), &input([1, 1, 92, 200])).unwrap_err().to_string();
    assert!(small.contains("too small to be mirrored"), "{small}");
    let deep = UNet { channels: vec![1; 200], ..narrow(true) };
    assert!(refused(&deep, [1, 1, 64, 64]).contains("1 to 8 poolings") && deep.initial(1).is_err());
    let error = UNet::of(&Weights::from_arrays("none", [])).unwrap_err().to_string();
    assert!(error.contains("conv_d0a-b.weight"), "{error}");
}

#[test]
fn few_painted_pixels_tell_the_rest() {
    // A reddish disc on a greenish ground, both noisy, of which one pixel in sixteen is labelled.
    const SIDE: usize = 48;
    let net = UNet { inputs: 3, classes: 2, channels: vec![8, 16, 32], last_up: 8, padded: true, dropout: 0.0 };
    let inside = |i: usize| (i / SIDE % SIDE).abs_diff(20).pow(2) + (i % SIDE).abs_diff(26).pow(2) < 14 * 14;
    let noise = init::Draws::new(1, "noise");
    let photo = Array::from_fn([1, 3, SIDE, SIDE], |i| {
        let colour = if inside(i) { [0.6, 0.4, 0.3] } else { [0.4, 0.5, 0.3] }[i / (SIDE * SIDE)];
        (colour + 0.1 * noise.normal(i) - 0.5) / 0.25
    });
    let painted = |i: usize| init::Draws::new(2, "painted").normal(i) > 1.5;
    let labels = Array::from_fn([1, SIDE, SIDE], |i| if painted(i) { i32::from(inside(i)) } else { 255 });
    let graph = Graph::new();
    let image = graph.constant(photo).unwrap();
    let label = graph.input("label", labels.ty()).unwrap();
    let (scored, parameters) = net.trainable(&net.initial(1).unwrap(), &image, &mut Random::new(&graph, 1).unwrap()).unwrap();
    let scores = &scored[0].scores;
    let loss = cross_entropy(scores, &label, &CrossEntropy { ignore_index: Some(255), ..CrossEntropy::default() }).unwrap();
    let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let rate = graph.constant(Array::scalar(3e-3f32)).unwrap();
    Optimiser::Adam(Adam::default()).update(&parameters, &gradients, &rate).unwrap();
    let mut plan = Plan::compile(gpu(), &[&scores.argmax(1, false, false).unwrap(), &loss]).unwrap();
    let mut found = Vec::new();
    for _ in 0..30 {
        found = plan.run(&[("label", &labels)]).unwrap();
    }
    let found = found[0].values::<i32>().unwrap();
    let rest: Vec<usize> = (0..SIDE * SIDE).filter(|i| !painted(*i)).collect();
    let right = rest.iter().filter(|i| found[**i] == i32::from(inside(**i))).count();
    println!("{right} of {} pixels that were not painted", rest.len());
    // 98.7 % were seen; the ground alone is 73 %.
    assert!(right * 20 > rest.len() * 19, "{right} of {}", rest.len());
}
