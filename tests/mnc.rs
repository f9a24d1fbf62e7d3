//! Multi-task network cascades: the published sizes, a narrow copy against PyTorch in all it finds and learns, and what weights tell.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::mnc::{self, Mnc, Network, Sampling, Truth};
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::CLASS;

const SIZE: Hw = Hw::new(32, 40);
const THINGS: usize = 3;

/// The copy that mnc.npz is of.
fn narrow() -> Mnc {
    Mnc {
        classes: 4,
        stages: vec![(1, 4), (1, 5), (1, 6)],
        proposing: 6,
        ratios: vec![0.5, 2.0],
        scales: vec![2.0, 4.0],
        window: 4,
        samples: 2,
        mask: 5,
        mask_hidden: 7,
        hidden: 8,
        candidates: 40,
        proposals: 10,
        least: 3.0,
    }
}

fn drawn(net: &Mnc) -> Weights {
    let value = |(name, shape): (String, Vec<usize>)| {
        let less = if name.contains("bbox_pred") { 0.25 } else { 1.0 };
        let deviation = if shape.len() == 1 { 0.125 } else { less * (2.0 / shape[1..].iter().product::<usize>() as f32).sqrt() };
        let array = init::normal(&shape, deviation, &name, 1);
        (name, array)
    };
    Weights::from_arrays("drawn", net.parameters().unwrap().into_iter().map(value))
}

fn image() -> Array {
    init::normal(&[2, 3, SIZE.h, SIZE.w], 1.0, "image", 1)
}

/// So many parts of a hundred thousand of the largest value: values that have gone through some 20 layers, two warps between pixels by
/// corners that are such values, and exponentials.
fn near(expected: &Array, parts: f64) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * parts * largest, relative: 0.0 }
}

#[test]
fn the_published_network_has_its_numbers() {
    let net = Mnc::new();
    let parameters = net.parameters().unwrap();
    let count = |name: &str| -> usize {
        parameters.iter().filter(|(n, _)| n.split('.').next() == Some(name)).map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    let trunk: usize = parameters.iter().filter(|(name, _)| name.starts_with("conv")).map(|(_, s)| s.iter().product::<usize>()).sum();
    assert_eq!((trunk, count("rpn_conv_3x3"), count("rpn_cls_score"), count("rpn_bbox_pred")), (14_714_688, 2_359_808, 9_234, 18_468));
    assert_eq!((count("fc6_maskest"), count("mask_pred"), count("fc6") + count("fc7")), (25_690_368, 113_337, 119_545_856));
    assert_eq!((count("cls_score"), count("seg_cls_score"), count("bbox_pred")), (172_053, 172_053, 688_212));
    assert_eq!(parameters.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>(), 283_029_933);
    assert_eq!(net.stride(), 16);
    // 38 x 50 places of the reference's 600 x 800.
    assert_eq!(net.noise(Hw::new(600, 800), 7), 9 * 38 * 50 + 300 + 7);
}

#[test]
fn a_narrow_copy_finds_what_pytorch_finds() {
    let (expected, net) = (fixture("mnc"), narrow());
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let input = graph.input("image", image().ty()).unwrap();
        let weights = drawn(&net);
        let found = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap().found(&input).unwrap();
        let name = device.name().to_owned();
        let mut plan = Plan::compile(device, &[&found.boxes, &found.masks, &found.scores]).unwrap();
        let outputs = plan.run(&[("image", &image())]).unwrap();
        for (output, part) in outputs.iter().zip(["boxes", "masks", "scores"]) {
            let expected = &expected[part];
            compare(output, expected, None, near(expected, 2.0)).unwrap_or_else(|e| panic!("{part} on {name}: {e}"));
        }
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let (expected, net) = (fixture("mnc"), narrow());
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let input = |name: &str, ty: TensorType| graph.input(name, ty).unwrap();
        let [image_var, label, noise] =
            [input("image", image().ty()), input("label", expected["label"].ty()), input("noise", expected["noise"].ty())];
        let weights = drawn(&net).as_states();
        let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
        let truth = Truth::of(&label, THINGS).unwrap();
        let losses = network.losses(&image_var, &truth, &noise, Sampling { anchors: 24, boxes: 12 }).unwrap();
        let parameters = weights.states(&graph);
        let gradients = losses.total.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        let parts = losses.parts.iter().map(|(_, loss)| loss);
        let outputs: Vec<&Var> = [&losses.total].into_iter().chain(parts).chain(&gradients).collect();
        let name = device.name().to_owned();
        let given = [("image", &image()), ("label", &expected["label"]), ("noise", &expected["noise"])];
        let found = Plan::compile(device, &outputs).unwrap().run(&given).unwrap();
        compare(&found[0], &expected["total"], None, near(&expected["total"], 1.0)).unwrap_or_else(|e| panic!("total on {name}: {e}"));
        let each = expected["losses"].values::<f32>().unwrap();
        for ((part, _), (found, expected)) in losses.parts.iter().zip(found[1..].iter().zip(each)) {
            let found = found.to_f64()[0];
            assert!((found - f64::from(*expected)).abs() < 1e-5, "{part} on {name}: {found} for {expected}");
        }
        assert_eq!(parameters.len(), 30, "every weight is learnt");
        for (parameter, found) in parameters.iter().zip(&found[1 + each.len()..]) {
            let expected = &expected[&format!("gradient.{}", parameter.name)];
            compare(found, expected, None, near(expected, 20.0)).unwrap_or_else(|e| panic!("{} on {name}: {e}", parameter.name));
        }
    }
}

/// Of labels classes, boxes and what belongs to things; what is no thing, or one too many, is left out.
#[test]
fn truth_is_read_from_labels() {
    let graph = Graph::new();
    let label = [0, CLASS * 3 + 2, CLASS * 3 + 2, 255, CLASS + 4, CLASS * 3 + 2, 7, 0, CLASS * 2 + 1, -1, 0, 0];
    let label = graph.constant(Array::new([1, 3, 4], label.to_vec()).unwrap()).unwrap();
    let truth = Truth::of(&label, 3).unwrap();
    let mut plan = Plan::compile(gpu(), &[&truth.boxes, &truth.classes, &truth.instances]).unwrap();
    let found = plan.run(&[]).unwrap();
    assert_eq!(found[0].to_f64(), [0.0, 2.0, 0.0, 2.0, 1.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(found[1].to_f64(), [2.0, 3.0, 0.0]);
    assert_eq!(found[2].to_f64(), [0.0, 2.0, 2.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(Truth::of(&label, 0).is_err() && Truth::of(&label, 255).is_err());
    let floats = Graph::new().input("label", TensorType::f32([1, 3, 4])).unwrap();
    assert!(Truth::of(&floats, 2).unwrap_err().to_string().contains("f32[1, 3, 4]"));
}

/// A picture without things, or with places for more than there are boxes, teaches what it can.
#[test]
fn pictures_without_things_teach_that_there_is_nothing() {
    let net = Mnc { candidates: 4, proposals: 2, ..narrow() };
    let graph = Graph::new();
    let constant = |array: Array| graph.constant(array).unwrap();
    let (image, label) = (constant(image()), constant(Array::full([2, SIZE.h, SIZE.w], 0i32)));
    let noise = constant(Array::from_fn([2, net.noise(SIZE, 5)], |i| (i * 37 % 101) as f32 / 101.0));
    let weights = drawn(&net).as_states();
    let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
    let losses = network.losses(&image, &Truth::of(&label, 5).unwrap(), &noise, Sampling { anchors: 1000, boxes: 3 }).unwrap();
    let outputs: Vec<&Var> = losses.parts.iter().map(|(_, loss)| loss).collect();
    let found = Plan::compile(gpu(), &outputs).unwrap().run(&[]).unwrap();
    for ((name, _), found) in losses.parts.iter().zip(found) {
        let found = found.to_f64()[0];
        let about_things = ["proposal_box", "mask", "box", "mask_5", "box_5"].contains(name);
        assert!(if about_things { found == 0.0 } else { found > 0.0 && found.is_finite() }, "{name}: {found}");
    }
}

#[test]
fn weights_say_what_they_are_of() {
    let net = Mnc { stages: vec![(2, 4), (1, 5), (1, 6)], least: 2.5, ..narrow() };
    let weights = net.initial(1).unwrap();
    assert_eq!(Mnc::of(&weights).unwrap(), net);
    let error = Mnc::of(&weights.clone().with_metadata("mnc_samples", "two")).unwrap_err().to_string();
    assert!(error.contains("'mnc_samples' is 'two'"), "{error}");
    let published = Mnc::of(&drawn(&net)).unwrap();
    assert_eq!((published.scales, published.proposals), (vec![8.0, 16.0, 32.0], 300), "what is not said is as published");
    for wrong in [
        Mnc { window: 5, ..narrow() },
        Mnc { classes: 1, ..narrow() },
        Mnc { stages: Vec::new(), ..narrow() },
        Mnc { proposals: 41, ..narrow() },
        Mnc { ratios: vec![f32::NAN], ..narrow() },
        Mnc { mask: usize::MAX, ..narrow() },
    ] {
        assert!(wrong.parameters().unwrap_err().to_string().contains("mnc"), "{wrong:?}");
    }
}

#[test]
fn a_classifier_s_layers_are_taken() {
    let net = narrow();
    let trunk: Vec<(String, Array)> = net
        .parameters()
        .unwrap()
        .into_iter()
        .filter(|(name, _)| ["conv", "fc6.", "fc7."].iter().any(|layer| name.starts_with(layer)))
        .map(|(name, shape)| (name, Array::full(shape, 0.5f32)))
        .collect();
    let weights = net.after(&Weights::from_arrays("classifier", trunk.clone()), 1).unwrap();
    for layer in ["conv1_1", "conv3_1", "fc6", "fc7", "fc6_mask", "fc7_mask"] {
        assert!(weights.get(&format!("{layer}.weight")).unwrap().to_f64().iter().all(|v| *v == 0.5), "{layer}");
    }
    assert_ne!(weights.get("seg_cls_score.weight").unwrap().to_f64()[0], 0.5);
    assert_eq!(Mnc::of(&weights).unwrap(), net);
    let lacking = Weights::from_arrays("classifier", trunk.into_iter().filter(|(name, _)| name != "fc7.bias"));
    assert!(net.after(&lacking, 1).unwrap_err().to_string().contains("fc7.bias"));
}

#[test]
fn the_published_data_are_blue_green_red_less_their_mean() {
    let graph = Graph::new();
    let rgb = graph.constant(Array::new([1, 3, 1, 1], vec![1.0, 0.5, 0.0f32]).unwrap()).unwrap();
    let found = Plan::compile(Device::Cpu, &[&mnc::data(&rgb).unwrap()]).unwrap().run(&[]).unwrap().remove(0);
    for (found, expected) in found.to_f64().iter().zip([-102.9801, 127.5 - 115.9465, 255.0 - 122.7717]) {
        assert!((found - expected).abs() < 1e-4, "{found} for {expected}");
    }
    assert!(mnc::data(&graph.input("x", TensorType::new(DType::F32, [1, 1, 2, 2])).unwrap()).is_err());
}
