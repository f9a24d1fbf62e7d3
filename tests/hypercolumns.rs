//! Hypercolumns: the released sizes, a narrow copy against PyTorch in its heat, its loss and what it learns, and what weights tell.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::hypercolumns::{self, Hypercolumns, Network, Refiner, Sampling, Tap};
use foveate::models::mnc::Instance;
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use std::collections::HashMap;

const THINGS: usize = 3;
const SAMPLING: Sampling = Sampling { boxes: 2, shift: 0.08, whole: 200.0 };

/// The copy that hypercolumns.npz is of.
fn narrow() -> Hypercolumns {
    Hypercolumns {
        classes: 3,
        stages: vec![(1, 4), (1, 5), (1, 6)],
        window: 3,
        hidden: 8,
        taps: vec![Tap { stage: 1, kernel: 3, scale: 0.5 }, Tap { stage: 2, kernel: 1, scale: 0.25 }],
        grid: 3,
        side: 7,
    }
}

fn drawn(net: &Hypercolumns) -> Weights {
    let value = |(name, shape): (String, Vec<usize>)| {
        let deviation = if shape.len() == 1 { 0.125 } else { (2.0 / shape[1..].iter().product::<usize>() as f32).sqrt() };
        let array = init::normal(&shape, deviation, &name, 1);
        (name, array)
    };
    let weights = Weights::from_arrays("drawn", net.parameters().unwrap().into_iter().map(value));
    net.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

fn image() -> Array {
    init::normal(&[2, 3, 24, 30], 1.0, "image", 1)
}

/// So many parts of a hundred thousand of the largest value: values that have gone through some ten layers and a bilinear sample.
fn near(expected: &Array, parts: f64) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * parts * largest, relative: 0.0 }
}

fn same(x: &Var) -> foveate::Result<Var> {
    Ok(x.clone())
}

#[test]
fn the_released_network_has_its_numbers() {
    let net = Hypercolumns::new();
    let parameters = net.parameters().unwrap();
    let count = |name: &str| -> usize {
        parameters.iter().filter(|(n, _)| n.split('.').next() == Some(name)).map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    assert_eq!((count("conv_pool3"), count("conv_pool4"), count("fcfc7")), (1_152_500, 256_500, 2_048_500));
    assert_eq!(count("fc6") + count("fc7"), 119_545_856);
    assert_eq!(parameters.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>(), 137_718_044);
    assert_eq!(net.stride(), 16);
}

#[test]
fn a_narrow_copy_has_pytorch_s_heat() {
    let (expected, net) = (fixture("hypercolumns"), narrow());
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let input = |name: &str, ty: TensorType| graph.input(name, ty).unwrap();
        let weights = drawn(&net);
        let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
        let [image_var, boxes, classes] =
            [input("image", image().ty()), input("boxes", expected["boxes"].ty()), input("classes", expected["classes"].ty())];
        let heat = network.heat(&image_var, &boxes, &classes).unwrap();
        let name = device.name().to_owned();
        let given = [("image", &image()), ("boxes", &expected["boxes"]), ("classes", &expected["classes"])];
        let found = Plan::compile(device, &[&heat]).unwrap().run(&given).unwrap().remove(0);
        let bound = near(&expected["heat"], 1.0);
        compare(&found, &expected["heat"], None, bound).unwrap_or_else(|e| panic!("heat on {name}: {e}"));
    }
}

/// The loss of [`narrow`], the mean of its parts, and the gradients of its weights by name; what is `lower` passes through it.
fn learnt(device: Device, lower: &mut dyn FnMut(&Var) -> foveate::Result<Var>) -> (Vec<f64>, HashMap<String, Array>) {
    let (expected, net) = (fixture("hypercolumns"), narrow());
    let graph = Graph::new();
    let input = |name: &str, ty: TensorType| graph.input(name, ty).unwrap();
    let [image_var, label, noise] =
        [input("image", image().ty()), input("label", expected["label"].ty()), input("noise", expected["noise"].ty())];
    let weights = drawn(&net).as_states();
    let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
    let learnt = network.loss([&image_var, &label, &noise], THINGS, SAMPLING, lower, &mut same).unwrap();
    let parameters = weights.states(&graph);
    let gradients = learnt.loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let outputs: Vec<&Var> = [&learnt.loss, &learnt.of_part].into_iter().chain(&gradients).collect();
    let given = [("image", &image()), ("label", &expected["label"]), ("noise", &expected["noise"])];
    let mut found = Plan::compile(device, &outputs).unwrap().run(&given).unwrap();
    let gradients = found.split_off(2);
    (found.iter().map(|loss| loss.to_f64()[0]).collect(), parameters.into_iter().map(|p| p.name).zip(gradients).collect())
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let expected = fixture("hypercolumns");
    for device in [Device::from(gpu()), Device::Cpu] {
        let name = device.name().to_owned();
        let (losses, gradients) = learnt(device, &mut same);
        for (part, found) in ["loss", "of_part"].into_iter().zip(losses) {
            let expected = expected[part].to_f64()[0];
            assert!((found - expected).abs() < 1e-5 * expected, "{part} on {name}: {found} for {expected}");
        }
        assert_eq!(gradients.len(), 16, "every weight is learnt");
        for (weight, found) in gradients {
            let expected = &expected[&format!("gradient.{weight}")];
            compare(&found, expected, None, near(expected, 2.0)).unwrap_or_else(|e| panic!("{weight} on {name}: {e}"));
        }
    }
}

/// As the release learns: the layers that came from elsewhere stay as they are, and the others have the same gradients.
#[test]
fn what_lies_below_may_stay_as_it_is() {
    let expected = fixture("hypercolumns");
    let (_, gradients) = learnt(Device::from(gpu()), &mut Var::detach);
    for (weight, found) in gradients {
        if weight.starts_with("conv_pool") || weight.starts_with("fcfc7") {
            let expected = &expected[&format!("gradient.{weight}")];
            compare(&found, expected, None, near(expected, 2.0)).unwrap_or_else(|e| panic!("{weight}: {e}"));
        } else {
            assert!(found.to_f64().iter().all(|v| *v == 0.0), "{weight}");
        }
    }
}

#[test]
fn targets_are_those_of_the_nearest_pixels() {
    let net = Hypercolumns { side: 3, ..narrow() };
    let graph = Graph::new();
    let weights = drawn(&net);
    let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
    let constant = |array: Array| graph.constant(array).unwrap();
    let row = [0, 2 * 256 + 1, 255, 2 * 256 + 2, 256 + 1];
    let labels = constant(Array::from_fn([1, 3, 5], |i| row[i % 5]));
    // From the first pixel to the last, and all of one.
    let boxes = constant(Array::new([1, 2, 4], vec![1.0, 0.0, 3.0, 2.0, 3.0, 1.0, 3.0, 1.0f32]).unwrap());
    let [thing, classes] = [[0, 1], [2, 2]].map(|v| constant(Array::new([1, 2], v.to_vec()).unwrap()));
    let targets = network.targets(&boxes, &labels, &thing, &classes).unwrap();
    let found = Plan::compile(gpu(), &[&targets]).unwrap().run(&[]).unwrap().remove(0).to_f64();
    assert_eq!(found, [[1.0, -1.0, 0.0].repeat(3), vec![1.0; 9]].concat());
}

#[test]
fn overlaps_count_what_is_known() {
    let graph = Graph::new();
    let constant = |values: [f32; 8]| graph.constant(Array::new([1, 2, 2, 2], values.to_vec()).unwrap()).unwrap();
    let heat = constant([0.9, 0.4, 0.3, 0.8, 0.0, 0.1, 0.2, 0.9]);
    let targets = constant([1.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0]);
    let found = Plan::compile(gpu(), &[&hypercolumns::overlaps(&heat, &targets).unwrap()]).unwrap().run(&[]).unwrap().remove(0);
    compare(&found, &Array::new([1, 2], vec![1.0 / 3.0, 0.0f32]).unwrap(), None, Bound::Near { absolute: 1e-7, relative: 0.0 }).unwrap();
}

/// Layers before the sum are enlarged after they are convolved. For kernels of one place that is the same as a classifier of columns.
#[test]
fn a_column_of_all_layers_says_the_same() {
    let graph = Graph::new();
    let constant = |array: Array| graph.constant(array).unwrap();
    let (map, weight) = (constant(init::normal(&[1, 4, 6, 7], 1.0, "map", 1)), constant(init::normal(&[9, 4, 1, 1], 1.0, "weight", 1)));
    let grid = constant(init::normal(&[1, 5, 5, 2], 0.7, "grid", 1));
    let enlarge = |x: &Var| {
        use foveate::ops::{GridSample, PaddingMode};
        x.grid_sample(&grid, GridSample { padding: PaddingMode::Border, ..GridSample::default() }).unwrap()
    };
    let convolve = |x: &Var| x.conv2d(&weight, None, foveate::ops::Conv2d::default()).unwrap();
    let found = Plan::compile(gpu(), &[&enlarge(&convolve(&map)), &convolve(&enlarge(&map))]).unwrap().run(&[]).unwrap();
    compare(&found[0], &found[1], None, near(&found[1], 1.0)).unwrap();
}

#[test]
fn weights_say_what_they_are_of() {
    let net = Hypercolumns { stages: vec![(2, 4), (1, 5), (1, 6)], ..narrow() };
    let weights = net.initial(1).unwrap();
    assert!(Hypercolumns::has_layers_in(&weights));
    assert_eq!(Hypercolumns::of(&weights).unwrap(), net);
    let message = |key: &str, value: &str| Hypercolumns::of(&weights.clone().with_metadata(key, value)).unwrap_err().to_string();
    assert!(message("hypercolumns_grid", "five").contains("'hypercolumns_grid' is 'five'"));
    assert!(message("hypercolumns_scales", "1").contains("1 numbers, and it has 2 layers"));
    for wrong in [
        Hypercolumns { classes: 0, ..narrow() },
        Hypercolumns { stages: Vec::new(), ..narrow() },
        Hypercolumns { grid: 65, ..narrow() },
        Hypercolumns { side: usize::MAX, ..narrow() },
        Hypercolumns { taps: vec![Tap { stage: 3, kernel: 1, scale: 1.0 }], ..narrow() },
        Hypercolumns { taps: vec![Tap { stage: 1, kernel: 2, scale: 1.0 }], ..narrow() },
        Hypercolumns { taps: vec![Tap { stage: 1, kernel: 1, scale: 1.0 }; 2], ..narrow() },
    ] {
        assert!(wrong.parameters().unwrap_err().to_string().contains("hypercolumns"), "{wrong:?}");
    }
}

#[test]
fn a_classifier_s_layers_are_taken() {
    let net = narrow();
    let of_trunk = |name: &str| ["conv1_", "conv2_", "conv3_", "fc6.", "fc7."].iter().any(|layer| name.starts_with(layer));
    let trunk = net.parameters().unwrap().into_iter().filter(|(name, _)| of_trunk(name));
    // As a fully convolutional network has fc6.
    let kernels = |name: &str, shape: Vec<usize>| if name == "fc6.weight" { vec![8, 6, 3, 3] } else { shape };
    let trunk: Vec<(String, Array)> = trunk.map(|(name, shape)| (name.clone(), Array::full(kernels(&name, shape), 0.5f32))).collect();
    let weights = net.after(&Weights::from_arrays("classifier", trunk.clone()), 1).unwrap();
    for (name, shape) in net.parameters().unwrap() {
        let array = weights.get(&name).unwrap();
        assert_eq!(array.shape(), shape);
        assert_eq!(of_trunk(&name), array.to_f64().iter().all(|v| *v == 0.5), "{name}");
    }
    let lacking = Weights::from_arrays("classifier", trunk.into_iter().filter(|(name, _)| name != "fc7.bias"));
    assert!(net.after(&lacking, 1).unwrap_err().to_string().contains("fc7.bias"));
}

/// A box is the same part of a photo however large the network sees it, and heat becomes the mask of what was found.
#[test]
fn what_was_found_is_refined() {
    use foveate::train::About;
    let net = narrow();
    let about = About { classes: ["none", "a", "b", "c"].map(str::to_owned).to_vec(), size: Some(Hw::square(16)), ..About::new(3) };
    let weights = about.metadata().into_iter().fold(drawn(&net), |w, (key, value)| w.with_metadata(key, &value));
    let refiner = Refiner::new(weights.clone()).unwrap();
    assert_eq!((refiner.classes(), refiner.class(2).as_str()), (3, "b"));
    let heat = |side: usize| {
        let graph = Graph::new();
        let last = side as f32;
        let part = |share: f32, edge: f32| share * last - edge;
        let found_in = [part(0.125, 0.0), part(0.25, 0.0), part(0.75, 1.0), part(1.0, 1.0)];
        let found = [Instance { class: 2, score: 0.5, found_in, corners: [0; 4], mask: vec![false; side * side] }];
        let [boxes, classes] = refiner.asked(&found).unwrap();
        assert_eq!((boxes.shape(), classes.shape()), ([1, 8, 4].as_slice(), [1, 8].as_slice()));
        let constant = |array: Array| graph.constant(array).unwrap();
        let photo = constant(Array::from_fn([1, 3, side, side], |i| (i / (side * side)) as f32 / 4.0));
        let heat = refiner.heat(&photo, &constant(boxes), &constant(classes)).unwrap();
        let heat = Plan::compile(gpu(), &[&heat]).unwrap().run(&[]).unwrap().remove(0);
        let refined = hypercolumns::refined(&found, &heat, Hw::square(side)).unwrap();
        let hot = heat.to_f64()[..49].iter().any(|p| *p >= 0.4);
        assert_eq!(refined.len(), usize::from(hot));
        assert!(refined.iter().all(|i| (i.class, i.score, i.mask.len()) == (2, 0.5, side * side) && i.mask.contains(&true)));
        heat.to_f64()[..49].to_vec()
    };
    for (large, small) in heat(48).into_iter().zip(heat(16)) {
        assert!((large - small).abs() < 1e-4, "{large} for {small}");
    }
    let unknown = Instance { class: 4, score: 1.0, found_in: [0.0; 4], corners: [0; 4], mask: Vec::new() };
    assert!(refiner.asked(&[unknown]).unwrap_err().to_string().contains("class 4"));
    assert_eq!(refiner.asked(&[]).unwrap()[0].shape(), [1, 8, 4]);
    let other = Array::full([1, 8, 5, 4], 0.0f32);
    assert!(hypercolumns::refined(&[], &other, Hw::square(4)).unwrap_err().to_string().contains("[1, 8, 5, 4]"));
    assert!(Refiner::new(weights.with_metadata("classes", "[\"a\"]")).unwrap_err().to_string().contains("name 1 classes"));
}

#[test]
fn other_shapes_are_refused() {
    let (graph, net) = (Graph::new(), narrow());
    let weights = drawn(&net);
    let network = Network::new(&mut Layers::load(&graph, &weights), &net).unwrap();
    let input = |name: &str, ty: TensorType| graph.input(name, ty).unwrap();
    let image = input("image", TensorType::f32([2, 3, 24, 30]));
    let (boxes, classes) = (input("boxes", TensorType::f32([1, 3, 4])), input("classes", TensorType::new(DType::I32, [1, 3])));
    assert!(network.heat(&image, &boxes, &classes).unwrap_err().to_string().contains("of 2 images"));
    let (label, noise) = (input("label", TensorType::new(DType::I32, [2, 24, 30])), input("noise", TensorType::f32([2, 23])));
    let error = network.loss([&image, &label, &noise], THINGS, SAMPLING, &mut same, &mut same).unwrap_err().to_string();
    assert!(error.contains("(2, 24)"), "{error}");
}
