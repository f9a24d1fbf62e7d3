//! `DeconvNet`: the published numbers, the layer table, and a narrow copy against PyTorch's scores; its ideas on small data.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../common/mod.rs"]
mod common;
mod ideas;
mod photo;
mod stages;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::deconvnet::{Classifier, DeconvNet, SCORE, Statistics};
use foveate::models::{Initial, Layer, Network, Normalisation};
use foveate::nn::{Weights, init};
use foveate::plan::{Cost, Device, Plan};

const MODES: [Normalisation; 2] = [Normalisation::Learn, Normalisation::Inference];

/// The size of the fixture: odd at some stages, and as few rows as there can be.
const SHAPE: [usize; 4] = [2, 3, 193, 200];

fn input(shape: [usize; 4]) -> Var {
    Graph::new().input("data", TensorType::f32(shape)).unwrap()
}

/// The copy whose scores deconvnet.npz has, and its weights.
pub fn narrow() -> DeconvNet {
    DeconvNet { classes: 3, stages: [(2, 2), (2, 4), (3, 8), (3, 16), (3, 16)], hidden: 128, ..DeconvNet::new() }
}

pub fn drawn() -> Vec<(String, Array)> {
    let value = |name: &str, shape: &[usize], initial| {
        let numbers = |mean: f32, deviation: f32| {
            let draws = init::Draws::new(1, name);
            Array::from_fn(shape, |i| mean + deviation * draws.normal(i))
        };
        match (initial, shape.len()) {
            (Initial::Start(1.0), _) => numbers(1.0, 0.25),
            (Initial::Start(0.001), _) => numbers(0.0, 0.25),
            (_, 1) => numbers(0.0, 0.125),
            _ => init::he_normal(shape, name, 1),
        }
    };
    narrow().parameters().unwrap().into_iter().map(|p| (p.name.clone(), value(&p.name, &p.shape, p.initial))).collect()
}

fn weights() -> Weights {
    Weights::from_arrays("drawn", drawn())
}

/// A batch by name, as the fixture's script draws it: two images of different contrast.
fn batch(name: &str) -> Array {
    let (draws, image) = (init::Draws::new(1, name), SHAPE[1] * SHAPE[2] * SHAPE[3]);
    Array::from_fn(SHAPE, |i| if i < image { 64.0 } else { 24.0 } * draws.normal(i))
}

fn first(batch: &Array) -> Array {
    Array::new([1, 3, SHAPE[2], SHAPE[3]], batch.values::<f32>().unwrap()[..batch.len() / 2].to_vec()).unwrap()
}

/// What `outputs` of the narrow copy are for `data`.
fn run(
    device: impl Into<Device>,
    weights: &Weights,
    data: &Array,
    by: Normalisation,
    outputs: impl Fn(&Network) -> Vec<Var>,
) -> Vec<Array> {
    let network = narrow().forward(weights, &input(data.shape().try_into().unwrap()), by).unwrap();
    let outputs = outputs(&network);
    Plan::compile(device, &outputs.iter().collect::<Vec<_>>()).unwrap().run(&[("data", data)]).unwrap()
}

fn output(network: &Network, name: &str) -> Var {
    network.layer(name).unwrap().output.clone()
}

/// Every fifth row and column.
fn thinned(array: &Array) -> Array {
    let [n, c, h, w] = *array.shape() else { panic!("{}", array.ty()) };
    let (rows, columns, values) = (h.div_ceil(5), w.div_ceil(5), array.values::<f32>().unwrap());
    Array::from_fn([n, c, rows, columns], |i| values[(i / columns / rows * h + i / columns % rows * 5) * w + i % columns * 5])
}

/// Sums of thousands of products through 30 layers, each of which is divided by its deviation: 200 eps of the largest value, which
/// the layers' terms are of the order of.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 200.0 * f64::from(f32::EPSILON) * largest, relative: 0.0 }
}

#[test]
fn parameters_and_multiply_adds_are_the_published_numbers() {
    let parameters = DeconvNet::new().parameters().unwrap();
    let count = |is: &dyn Fn(&str) -> bool| parameters.iter().filter(|p| is(&p.name)).map(|p| p.len()).sum::<usize>();
    assert!(parameters.iter().all(|p| p.learned()));
    assert_eq!(count(&|_| true), 251_805_653);
    assert_eq!(count(&|name| !name.contains("bn")), 251_772_245);
    let trunk: usize = parameters.iter().filter(|p| p.initial == Initial::Trunk).map(|p| p.len()).sum();
    assert_eq!(trunk, 134_260_544);
    let network = DeconvNet::new().outline(&input([1, 3, 224, 224]), Normalisation::Inference).unwrap();
    let cost = Cost::of(&[&output(&network, SCORE)]).unwrap();
    // 32.75 G, of which the table's rows are rounded to 0.1 M each.
    let table = 86.7 + 1849.7 * 13.0 + 924.8 * 6.0 + 462.4 * 6.0 + 102.8 * 2.0 + 16.8 + 67.4;
    assert_eq!((cost.multiply_adds + 5_000_000) / 10_000_000, 3275, "{}", cost.multiply_adds);
    assert!((cost.multiply_adds as f64 / 1e6 - table).abs() < 1.6, "{} M, {table} M", cost.multiply_adds as f64 / 1e6);
}

/// Layers with channels and sides at 224 x 224, and the parameters of each with its normalisation.
const TABLE: &str = "data 3 224 0 conv1_1 64 224 1920 conv1_2 64 224 37056 pool1 64 112 0 conv2_1 128 112 74112 conv2_2 128 112 147840 \
    pool2 128 56 0 conv3_1 256 56 295680 conv3_2 256 56 590592 conv3_3 256 56 590592 pool3 256 28 0 conv4_1 512 28 1181184 \
    conv4_2 512 28 2360832 conv4_3 512 28 2360832 pool4 512 14 0 conv5_1 512 14 2360832 conv5_2 512 14 2360832 conv5_3 512 14 2360832 \
    pool5 512 7 0 fc6 4096 1 102772736 fc7 4096 1 16789504 fc6-deconv 512 7 102761984 unpool5 512 14 0 deconv5_1 512 14 2360832 \
    deconv5_2 512 14 2360832 deconv5_3 512 14 2360832 unpool4 512 28 0 deconv4_1 512 28 2360832 deconv4_2 512 28 2360832 \
    deconv4_3 256 28 1180416 unpool3 256 56 0 deconv3_1 256 56 590592 deconv3_2 256 56 590592 deconv3_3 128 56 295296 unpool2 128 112 0 \
    deconv2_1 128 112 147840 deconv2_2 64 112 73920 unpool1 64 224 0 deconv1_1 64 224 37056 deconv1_2 64 224 37056 \
    seg-score-voc 21 224 1365";

#[test]
fn every_layer_has_its_published_shape_and_parameters() {
    for by in MODES {
        let network = DeconvNet::new().outline(&input([8, 3, 224, 224]), by).unwrap();
        let normalisation = |layer: &str| match layer {
            "fc6-deconv" => "fc6-deconv-bn".to_owned(),
            _ if layer.starts_with("fc") => format!("bn{layer}"),
            _ => layer.replace("conv", "bn"),
        };
        let line = |layer: &Layer| {
            let [8, channels, h, w] = *layer.output.shape() else { panic!("{}", layer.output.ty()) };
            assert_eq!(h, w);
            let names = [layer.name.clone(), normalisation(&layer.name)];
            let own = |name: &str| name.rsplit_once('.').is_some_and(|(owner, _)| names.iter().any(|n| n == owner));
            let parameters: usize = network.parameters.iter().filter(|p| own(&p.name)).map(|p| p.len()).sum();
            format!("{} {channels} {h} {parameters}", layer.name)
        };
        let found: Vec<String> = network.layers.iter().map(line).collect();
        assert_eq!(found.join(" "), TABLE.split_whitespace().collect::<Vec<_>>().join(" "), "{by:?}");
    }
    let learning = DeconvNet::new().outline(&input([8, 3, 224, 224]), Normalisation::Learn).unwrap().moments;
    let values = |name: &str| learning.iter().find(|m| m.name == name).unwrap().values;
    assert_eq!((learning.len(), values("bn1_1"), values("bnfc6"), values("fc6-deconv-bn")), (29, 8 * 224 * 224, 8, 8 * 49));
    assert_eq!(learning.iter().map(|m| m.mean.shape()[0]).sum::<usize>(), (251_805_653 - 251_772_245) / 2);
}

#[test]
fn a_narrow_copy_that_learns_is_pytorchs() {
    let expected = fixture("deconvnet");
    let outputs = run(gpu(), &weights(), &batch("data"), Normalisation::Learn, |network| {
        let switches = ["pool3", "pool5"].map(|pool| network.layer(pool).unwrap().switches.clone().unwrap().indices);
        let moments = network.moments.iter().flat_map(|m| [m.mean.clone(), m.variance.clone()]);
        [output(network, SCORE)].into_iter().chain(switches).chain(moments).collect()
    });
    compare(&thinned(&outputs[0]), &expected["learn"], None, near(&expected["learn"])).unwrap();
    assert_eq!(outputs[1], expected["pool3"]);
    assert_eq!(outputs[2], expected["pool5"]);
    for (i, what) in ["mean", "variance"].into_iter().enumerate() {
        let found: Vec<f32> = outputs[3..].iter().skip(i).step_by(2).flat_map(|a| a.values::<f32>().unwrap().to_vec()).collect();
        let found = Array::new([found.len()], found).unwrap();
        // A channel's mean and variance are small beside those of the first layers: what counts is each layer's own size.
        let mut from = 0;
        for layer in outputs[3..].iter().skip(i).step_by(2) {
            let part = |a: &Array| Array::new([layer.len()], a.values::<f32>().unwrap()[from..from + layer.len()].to_vec()).unwrap();
            compare(&part(&found), &part(&expected[what]), None, near(&part(&expected[what]))).unwrap_or_else(|e| panic!("{what}: {e}"));
            from += layer.len();
        }
        assert_eq!(from, expected[what].len());
    }
}

#[test]
fn a_narrow_copy_made_ready_for_inference_is_pytorchs() {
    let mut statistics = Statistics::new(&Device::from(gpu()), narrow(), &weights(), SHAPE).unwrap();
    for name in ["data", "more data"] {
        statistics.add(&batch(name)).unwrap();
    }
    assert_eq!(statistics.batches(), 2);
    let folded = statistics.folded().unwrap();
    let scores = run(gpu(), &folded, &first(&batch("data")), Normalisation::Inference, |network| vec![output(network, SCORE)]).remove(0);
    let expected = &fixture("deconvnet")["inference"];
    // The roundings of two passes: the statistics have those of the network that learns, and fc6 divides by deviations of two values.
    let Bound::Near { absolute, relative } = near(expected) else { panic!("near is near") };
    compare(&thinned(&scores), expected, None, Bound::Near { absolute: 5.0 * absolute, relative }).unwrap();
}

#[test]
fn every_layer_agrees_with_its_reference() {
    for by in MODES {
        let layers = |network: &Network| network.layers.iter().skip(1).map(|l| l.output.clone()).collect::<Vec<_>>();
        let data = if by == Normalisation::Learn { batch("data") } else { first(&batch("data")) };
        let network = narrow().outline(&input(data.shape().try_into().unwrap()), by).unwrap();
        let [found, expected] = [Device::from(gpu()), Device::Cpu].map(|device| run(device, &weights(), &data, by, layers));
        for ((layer, found), expected) in network.layers.iter().skip(1).zip(&found).zip(&expected) {
            compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{by:?} {}: {e}", layer.name));
        }
    }
}

#[test]
fn training_starts_from_a_classifier() {
    let net = narrow();
    let trunk = net.random_trunk(7).unwrap();
    let arrays: Vec<(String, Array)> = trunk.names().map(|n| (n.to_owned(), Array::clone(trunk.get(n).unwrap()))).collect();
    let flat = arrays.iter().map(|(n, a)| {
        let array = if n == "fc6.weight" { a.clone().reshaped([128, 16 * 49]).unwrap() } else { a.clone() };
        (n.clone(), array)
    });
    let start = net.initial(&Weights::from_arrays("vgg16", flat), 3).unwrap();
    for name in trunk.names() {
        assert_eq!(start.get(name).unwrap(), trunk.get(name).unwrap(), "{name}");
    }
    let all = |name: &str, value: f32| assert!(start.get(name).unwrap().values::<f32>().unwrap().iter().all(|v| *v == value), "{name}");
    for bn in ["bn1_1", "bnfc7", "fc6-deconv-bn", "debn1_2"] {
        all(&format!("{bn}.weight"), 1.0);
        all(&format!("{bn}.bias"), 0.001);
    }
    for name in ["fc6-deconv", "deconv5_1", "seg-score-voc"] {
        all(&format!("{name}.bias"), 0.0);
        let kernels = start.get(&format!("{name}.weight")).unwrap().to_f64();
        let deviation = (kernels.iter().map(|v| v * v).sum::<f64>() / kernels.len() as f64).sqrt();
        // A deviation of n numbers is off by 1 / sqrt(2 n) of it, here by no more than four times that.
        assert!((deviation / 0.01 - 1.0).abs() < 4.0 / (2.0 * kernels.len() as f64).sqrt(), "{name}: {deviation}");
    }
    assert_ne!(net.initial(&trunk, 4).unwrap().get("deconv5_1.weight").unwrap(), start.get("deconv5_1.weight").unwrap());
    let classifier = Classifier(net).initial(&trunk, 3).unwrap();
    assert_eq!(classifier.get("fc8.weight").unwrap().shape(), [2, 128, 1, 1], "the background has no name");
    assert!(
        trunk.names().all(|n| classifier.get(n).unwrap() == trunk.get(n).unwrap()) && !classifier.names().any(|n| n.contains("deconv"))
    );
    // Passing on adds 1 to what leads from a channel to its own, 8 inputs being for 4 outputs here.
    let passing = net.passing_on(&trunk, 3).unwrap();
    let of = |weights: &Weights| weights.get("deconv3_3.weight").unwrap().to_f64();
    let difference: Vec<f64> = of(&passing).iter().zip(of(&start)).map(|(a, b)| (a - b).round()).collect();
    assert!(difference.iter().enumerate().all(|(i, d)| *d == f64::from(u8::from(i / 9 / 4 % 4 == i / 9 % 4))), "{difference:?}");
    assert!(passing.names().all(|n| n.starts_with("deconv") && n.ends_with("weight") || passing.get(n).unwrap() == start.get(n).unwrap()));
    // The second stage starts from all of the first.
    assert_eq!(of(&net.passing_on(&start, 4).unwrap()), of(&start));
    let second = net.initial(&start, 4).unwrap();
    assert!(second.names().all(|n| second.get(n).unwrap() == start.get(n).unwrap()));
    let without = arrays.into_iter().filter(|(n, _)| n != "conv4_2.bias");
    let error = net.initial(&Weights::from_arrays("vgg16", without), 3).unwrap_err().to_string();
    assert!(error.contains("vgg16") && error.contains("'conv4_2.bias'"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let net = narrow();
    for name in ["conv1_1.weight", "bnfc6.bias", "fc6-deconv-bn.weight", "debn3_2.weight", "seg-score-voc.bias"] {
        let mine = Weights::from_arrays("mine", drawn().into_iter().filter(|(n, _)| n != name));
        let error = net.forward(&mine, &input(SHAPE), Normalisation::Inference).unwrap_err().to_string();
        assert!(error.contains("mine") && error.contains(&format!("'{name}'")), "{error}");
    }
    // As a convolution's kernels would lie: (outputs, inputs, k, k).
    let turned = |(n, a): (String, Array)| if n == "fc6-deconv.weight" { (n, a.reshaped([16, 128, 7, 7]).unwrap()) } else { (n, a) };
    let mine = Weights::from_arrays("mine", drawn().into_iter().map(turned));
    let error = net.forward(&mine, &input(SHAPE), Normalisation::Inference).unwrap_err().to_string();
    assert!(error.contains("'fc6-deconv.weight' is f32[16, 128, 7, 7], the network's is f32[128, 16, 7, 7]"), "{error}");
    for (shape, text) in [([1, 4, 224, 224], "[1, 4, 224, 224]"), ([1, 3, 192, 224], "193 x 193"), ([1, 3, 224, 1], "f32[1, 3, 224, 1]")] {
        let error = net.outline(&input(shape), Normalisation::Inference).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(DeconvNet::of(&weights()).unwrap(), net);
    let other = Weights::from_arrays("mine", drawn().into_iter().filter(|(n, _)| n != "seg-score-voc.weight"));
    assert!(DeconvNet::of(&other).unwrap_err().to_string().contains("'seg-score-voc.weight'"));
    for nothing in [
        DeconvNet { hidden: 0, ..net },
        DeconvNet { window: 0, ..net },
        DeconvNet { window: usize::MAX, ..net },
        DeconvNet { stages: [(0, 2); 5], ..net },
    ] {
        let error = nothing.parameters().unwrap_err().to_string();
        assert!(error.contains("there must be") && error.contains(&format!("{nothing:?}")), "{error}");
    }
    let error = Statistics::new(&Device::Cpu, net, &weights(), [1, 3, 224, 224]).unwrap_err().to_string();
    assert!(error.contains("'bnfc6' has 1 value"), "{error}");
    let none = Statistics::new(&Device::Cpu, net, &weights(), SHAPE).unwrap();
    assert!(none.folded().unwrap_err().to_string().contains("no batch"));
}
