//! FCN: the published numbers, the layer table, the derived crops, and narrow copies against PyTorch's scores.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::fcn::{Fcn, Variant};
use foveate::models::{Initial, MEAN, Network, data};
use foveate::nn::loss::{CrossEntropy, Reduction, cross_entropy};
use foveate::nn::metrics::Confusion;
use foveate::nn::optimiser::{Adam, Optimiser, Parameter};
use foveate::nn::{Weights, init};
use foveate::ops::{Conv2d, ConvTranspose2d, MaxPool2d};
use foveate::plan::{Cost, Device, Plan};

fn input(h: usize, w: usize) -> Var {
    Graph::new().input("data", TensorType::f32([1, 3, h, w])).unwrap()
}

fn outline(variant: Variant, h: usize, w: usize) -> Network {
    Fcn::new(variant).outline(&input(h, w)).unwrap()
}

fn score(network: &Network) -> &Var {
    &network.layer("score").unwrap().output
}

/// The copy whose scores fcn.npz has, and its weights.
fn narrow(variant: Variant) -> Fcn {
    Fcn { classes: 3, divisor: if variant == Variant::FcnAlexNet { 16 } else { 32 }, ..Fcn::new(variant) }
}

fn drawn(fcn: &Fcn) -> Vec<(String, Array)> {
    let value = |name: &str, shape: &[usize], initial| match initial {
        Initial::Bilinear => init::upsampling(shape[0], shape[2]),
        Initial::Constant(factor) => Array::full(shape, factor),
        _ if shape.len() == 1 => {
            let draws = init::Draws::new(1, name);
            Array::from_fn(shape, |i| 0.125 * draws.normal(i))
        }
        _ => init::he_normal(shape, name, 1),
    };
    fcn.parameters().unwrap().into_iter().map(|p| (p.name.clone(), value(&p.name, &p.shape, p.initial))).collect()
}

fn photo() -> Array {
    let draws = init::Draws::new(1, "data");
    Array::from_fn([1, 3, 37, 30], |i| 64.0 * draws.normal(i))
}

/// The outputs of these layers on the references or the GPU.
fn run(device: impl Into<Device>, fcn: &Fcn, arrays: Vec<(String, Array)>, layers: &[&str]) -> Vec<Array> {
    let data = input(37, 30);
    let network = fcn.forward(&Weights::from_arrays("drawn", arrays), &data).unwrap();
    let outputs: Vec<&Var> = layers.iter().map(|name| &network.layer(name).unwrap().output).collect();
    Plan::compile(device, &outputs).unwrap().run(&[("data", &photo())]).unwrap()
}

/// Sums of thousands of products through 16 layers: 100 eps of the largest score, which the layers' terms are of the order of.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 100.0 * f64::from(f32::EPSILON) * largest, relative: 0.0 }
}

#[test]
fn parameters_and_multiply_adds_are_the_published_numbers() {
    // Learned, fixed, and 10^7 multiply-adds at 500 x 500 with one upsampling kernel per class.
    let table = [
        (Variant::Fcn32s, 134_346_581, 1_806_336, 18_093),
        (Variant::Fcn16s, 134_357_354, 458_640, 18_095),
        (Variant::Fcn8s, 134_362_751, 127_008, 18_099),
        (Variant::Fcn8sAtOnce, 134_362_751, 127_008 + 512 + 256, 18_099),
        // Published as 21.4 with the dense weight of the upsampling, whose 21 kernels per class multiply 16 x 16 scores each.
        (Variant::FcnAlexNet, 56_954_261, 1_750_329, 2_142 - 20 * 21 * 16 * 16 * 63 * 63 / 10_000_000),
    ];
    for (variant, learned, fixed, work) in table {
        let parameters = Fcn::new(variant).parameters().unwrap();
        let count = |is: bool| parameters.iter().filter(|p| p.learned() == is).map(|p| p.len()).sum::<usize>();
        assert_eq!((count(true), count(false)), (learned, fixed), "{variant:?}");
        let network = outline(variant, 500, 500);
        let cost = Cost::of(&[score(&network)]).unwrap();
        assert_eq!((cost.multiply_adds + 5_000_000) / 10_000_000, work, "{variant:?}: {}", cost.multiply_adds);
    }
}

#[test]
fn the_trunks_have_the_published_numbers_of_parameters() {
    let trunk = |variant, names: &[&str]| -> usize {
        let trunk = Fcn::new(variant).parameters().unwrap().into_iter().filter(|p| p.initial == Initial::Trunk);
        trunk.filter(|p| names.iter().any(|n| p.name.starts_with(n))).map(|p| p.len()).sum()
    };
    assert_eq!(trunk(Variant::Fcn8s, &["conv"]), 14_714_688);
    assert_eq!(trunk(Variant::Fcn8s, &["fc6"]), 102_764_544);
    assert_eq!(trunk(Variant::Fcn8s, &["fc7"]), 16_781_312);
    assert_eq!(trunk(Variant::FcnAlexNet, &["conv", "fc"]), 56_868_224);
}

#[test]
fn every_layer_has_its_published_shape() {
    let vgg = "data 3 500 conv1_1 64 698 conv1_2 64 698 pool1 64 349 conv2_1 128 349 conv2_2 128 349 pool2 128 175 \
        conv3_1 256 175 conv3_2 256 175 conv3_3 256 175 pool3 256 88 conv4_1 512 88 conv4_2 512 88 conv4_3 512 88 pool4 512 44 \
        conv5_1 512 44 conv5_2 512 44 conv5_3 512 44 pool5 512 22 fc6 4096 16 fc7 4096 16 score_fr 21 16";
    let pool4 = "upscore2 21 34 score_pool4 21 44 score_pool4c 21 34 fuse_pool4 21 34";
    let pool3 = "upscore_pool4 21 70 score_pool3 21 88 score_pool3c 21 70 fuse_pool3 21 70 upscore8 21 568 score 21 500";
    let alexnet = "data 3 500 conv1 96 173 pool1 96 86 norm1 96 86 conv2 256 86 pool2 256 43 norm2 256 43 conv3 384 43 conv4 384 43 \
        conv5 256 43 pool5 256 21 fc6 4096 16 fc7 4096 16 score_fr 21 16 upscore 21 543 score 21 500";
    let table = [
        (Variant::Fcn32s, format!("{vgg} upscore 21 544 score 21 500")),
        (Variant::Fcn16s, format!("{vgg} {pool4} upscore16 21 560 score 21 500")),
        (Variant::Fcn8s, format!("{vgg} {pool4} {pool3}")),
        (Variant::Fcn8sAtOnce, format!("{vgg} scale_pool4 512 44 scale_pool3 256 88 {pool4} {pool3}")),
        (Variant::FcnAlexNet, alexnet.to_owned()),
    ];
    for (variant, expected) in table {
        let network = outline(variant, 500, 500);
        let line = |l: &foveate::models::Layer| {
            let [1, channels, h, w] = *l.output.shape() else { panic!("{}", l.output.ty()) };
            assert_eq!(h, w);
            format!("{} {channels} {h}", l.name)
        };
        let found: Vec<String> = network.layers.iter().map(line).collect();
        assert_eq!(found.join(" "), expected.split_whitespace().collect::<Vec<_>>().join(" "), "{variant:?}");
    }
}

#[test]
fn crops_are_the_published_ones_at_every_size() {
    let table: [(Variant, &[usize]); 5] = [
        (Variant::Fcn32s, &[19]),
        (Variant::Fcn16s, &[5, 27]),
        (Variant::Fcn8s, &[5, 9, 31]),
        (Variant::Fcn8sAtOnce, &[5, 9, 31]),
        (Variant::FcnAlexNet, &[18]),
    ];
    for (variant, expected) in table {
        for (h, w) in (281..=500).map(|size| (size, 781 - size)).chain([(1, 1), (7, 32), (33, 64)]) {
            let network = outline(variant, h, w);
            let offsets: Vec<usize> = network.layers.iter().filter_map(|l| l.offset).collect();
            assert_eq!(offsets, expected, "{variant:?} {h} x {w}");
            assert_eq!(score(&network).shape(), [1, 21, h, w], "{variant:?}");
        }
    }
    for (size, scores) in [(281, 9), (320, 11), (375, 12), (500, 16)] {
        let network = outline(Variant::Fcn8s, size, size);
        assert_eq!(network.layer("score_fr").unwrap().output.shape(), [1, 21, scores, scores], "{size}");
    }
}

#[test]
fn narrow_copies_score_as_in_pytorch() {
    let expected = fixture("fcn");
    for variant in Variant::ALL {
        let (fcn, expected) = (narrow(variant), &expected[variant.name()]);
        let scores = run(Device::from(gpu()), &fcn, drawn(&fcn), &["score"]).remove(0);
        compare(&scores, expected, None, near(expected)).unwrap_or_else(|e| panic!("{variant:?}: {e}"));
    }
}

#[test]
fn every_layer_agrees_with_its_reference() {
    for variant in [Variant::Fcn8sAtOnce, Variant::FcnAlexNet] {
        let fcn = narrow(variant);
        let network = fcn.outline(&input(37, 30)).unwrap();
        let names: Vec<&str> = network.layers.iter().skip(1).map(|l| l.name.as_str()).collect();
        let [found, expected] = [Device::from(gpu()), Device::Cpu].map(|device| run(device, &fcn, drawn(&fcn), &names));
        for ((name, found), expected) in names.iter().zip(&found).zip(&expected) {
            compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{variant:?} {name}: {e}"));
        }
    }
}

#[test]
fn upsampling_reproduces_a_ramp_inside_and_its_phases_sum_to_one() {
    for stride in [2, 8, 16, 32] {
        for kernel in [2 * stride, 2 * stride - 1] {
            let (graph, n) = (Graph::new(), 5);
            let ramp = graph.constant(Array::from_fn([1, 1, n, n], |i| (i % n) as f32)).unwrap();
            let weight = graph.constant(init::upsampling(1, kernel)).unwrap();
            let attributes = ConvTranspose2d { stride: Hw::square(stride), ..Default::default() };
            let up = ramp.conv_transpose2d(&weight, None, attributes).unwrap();
            let up = Plan::compile(Device::Cpu, &[&up]).unwrap().run(&[]).unwrap().remove(0);
            let (size, values) = (up.shape()[3], up.values::<f32>().unwrap());
            let inside = || kernel..size - kernel;
            assert!(!inside().is_empty());
            for (y, x) in inside().flat_map(|y| inside().map(move |x| (y, x))) {
                let expected = (x as f32 - (kernel - 1) as f32 / 2.0) / stride as f32;
                assert!((values[y * size + x] - expected).abs() < 1e-5, "{kernel}/{stride} at {y}, {x}: {}", values[y * size + x]);
            }
            let taps = init::bilinear(kernel).to_f64();
            for phase in 0..stride * stride {
                let (py, px) = (phase / stride, phase % stride);
                let phase = |i: &usize| i / kernel % stride == py && i % kernel % stride == px;
                let sum: f64 = (0..taps.len()).filter(phase).map(|i| taps[i]).sum();
                assert!((sum - 1.0).abs() < 1e-6, "{kernel}/{stride}: {sum}");
            }
        }
    }
}

#[test]
fn a_score_is_that_of_its_receptive_field_alone() {
    // Two stages of an unpadded convolution and a pooling, then a "fully connected" 3 x 3: stride 4, receptive field
    // 3 + 1 + 2 * 2 + 2 * 1 + 4 * 2 = 18.
    let weights: Vec<Array> = [[4, 3, 3, 3], [4, 4, 3, 3], [2, 4, 3, 3]].iter().map(|s| init::he_normal(s, &format!("{s:?}"), 1)).collect();
    let net = |data: &Array| {
        let graph = Graph::new();
        let mut x = graph.constant(data.clone()).unwrap();
        for (i, weight) in weights.iter().enumerate() {
            x = x.conv2d(&graph.constant(weight.clone()).unwrap(), None, Conv2d::default()).unwrap();
            if i < 2 {
                x = x.relu().unwrap().max_pool2d(MaxPool2d { ceil_mode: true, ..Default::default() }).unwrap();
            }
        }
        Plan::compile(Device::Cpu, &[&x]).unwrap().run(&[]).unwrap().remove(0)
    };
    let photo = photo();
    let whole = net(&photo);
    let [_, 2, rows, columns] = *whole.shape() else { panic!("{}", whole.ty()) };
    let (pixels, scores) = (photo.values::<f32>().unwrap(), whole.values::<f32>().unwrap());
    // Where ceil pooling does not reach over the edge.
    for (u, v) in (0..=(37 - 18) / 4).flat_map(|u| (0..=(30 - 18) / 4).map(move |v| (u, v))) {
        let field = Array::from_fn([1, 3, 18, 18], |i| pixels[(i / 324 * 37 + 4 * u + i / 18 % 18) * 30 + 4 * v + i % 18]);
        let alone = net(&field);
        assert_eq!(alone.shape(), [1, 2, 1, 1]);
        for (class, score) in alone.values::<f32>().unwrap().iter().enumerate() {
            assert_eq!(*score, scores[(class * rows + u) * columns + v], "{u}, {v}");
        }
    }
}

#[test]
fn a_new_skip_starts_with_unmodified_predictions() {
    let before = narrow(Variant::Fcn32s);
    let trained = drawn(&before);
    let fcn = narrow(Variant::Fcn16s);
    let start = fcn.initial(&Weights::from_arrays("fcn32s", trained.clone())).unwrap();
    assert!(start.get("score_pool4.weight").unwrap().to_f64().iter().all(|v| *v == 0.0));
    let arrays = start.names().map(|n| (n.to_owned(), Array::clone(start.get(n).unwrap()))).collect();
    let scores = run(Device::Cpu, &fcn, arrays, &["score", "score_fr", "upscore2"]);
    let [coarse] = <[Array; 1]>::try_from(run(Device::Cpu, &before, trained, &["score_fr"])).unwrap();
    assert_eq!(scores[1], coarse);
    // By 2, by 16, and the crop.
    let graph = Graph::new();
    let mut x = graph.constant(coarse).unwrap();
    for (kernel, stride) in [(4, 2), (32, 16)] {
        let weight = graph.constant(init::upsampling(3, kernel)).unwrap();
        x = x.conv_transpose2d(&weight, None, ConvTranspose2d { stride: Hw::square(stride), ..Default::default() }).unwrap();
    }
    let x = x.crop(27, 27, Hw::new(37, 30)).unwrap();
    let expected = Plan::compile(Device::Cpu, &[&x]).unwrap().run(&[]).unwrap().remove(0);
    compare(&scores[0], &expected, None, near(&expected)).unwrap();
}

/// Weights of scaled skips, larger by what the skips are scaled down by.
fn larger((name, array): (String, Array)) -> (String, Array) {
    let factor = match name.as_str() {
        "score_pool4.weight" => 100.0,
        "score_pool3.weight" => 10_000.0,
        _ => 1.0,
    };
    let values = array.values::<f32>().unwrap();
    let array = Array::from_fn(array.shape(), |i| values[i] * factor);
    (name, array)
}

#[test]
fn at_once_with_larger_weights_is_fcn_8s() {
    let (plain, scaled) = (narrow(Variant::Fcn8s), narrow(Variant::Fcn8sAtOnce));
    let found = run(Device::from(gpu()), &scaled, drawn(&scaled).into_iter().map(larger).collect(), &["score"]).remove(0);
    let expected = run(Device::from(gpu()), &plain, drawn(&plain), &["score"]).remove(0);
    compare(&found, &expected, None, near(&expected)).unwrap();
}

/// Labels of the photo: bands of three classes, each fourth place one to ignore where `voids` is set.
fn labels(voids: bool) -> Array {
    Array::from_fn([1, 37, 30], |i| if voids && i % 4 == 1 { 255 } else { (i / 30 / 5 % 3) as i32 })
}

/// The published loss of these labels.
fn loss(network: &Network, labels: Array, reduction: Reduction) -> Var {
    let labels = score(network).graph().constant(labels).unwrap();
    cross_entropy(score(network), &labels, &CrossEntropy { ignore_index: Some(255), reduction, ..CrossEntropy::default() }).unwrap()
}

#[test]
fn at_once_the_gradients_of_larger_weights_are_smaller() {
    let gradients = |fcn: &Fcn, arrays: Vec<(String, Array)>| {
        let data = input(37, 30);
        let network = fcn.trainable(&Weights::from_arrays("drawn", arrays), &data).unwrap();
        let skips: Vec<&Var> =
            network.learned.iter().filter(|p| ["score_pool4.weight", "score_pool3.weight"].contains(&&*p.name)).map(|p| &p.var).collect();
        let found = loss(&network, labels(true), Reduction::BatchMean).gradient(&skips).unwrap();
        Plan::compile(Device::from(gpu()), &found.iter().collect::<Vec<_>>()).unwrap().run(&[("data", &photo())]).unwrap()
    };
    let (plain, scaled) = (narrow(Variant::Fcn8s), narrow(Variant::Fcn8sAtOnce));
    let expected = gradients(&plain, drawn(&plain));
    let found = gradients(&scaled, drawn(&scaled).into_iter().map(larger).collect());
    assert_eq!(found.len(), 2);
    for (i, factor) in [0.01f32, 0.0001].into_iter().enumerate() {
        let values = expected[i].values::<f32>().unwrap();
        let expected = Array::from_fn(expected[i].shape(), |k| factor * values[k]);
        assert!(expected.to_f64().iter().any(|g| g.abs() > 1e-3), "there is something to compare");
        compare(&found[i], &expected, None, near(&expected)).unwrap();
    }
}

#[test]
fn what_is_ignored_teaches_nothing_and_nothing_else_changes() {
    let fcn = narrow(Variant::Fcn32s);
    let data = input(37, 30);
    let network = fcn.trainable(&Weights::from_arrays("drawn", drawn(&fcn)), &data).unwrap();
    let bias = &network.learned.iter().find(|p| p.name == "score_fr.bias").unwrap().var;
    let cases = [(false, Reduction::BatchMean), (true, Reduction::BatchMean), (true, Reduction::Mean)];
    let gradients = cases.map(|(voids, reduction)| loss(&network, labels(voids), reduction).gradient(&[score(&network), bias]).unwrap());
    let outputs: Vec<&Var> = gradients.iter().flatten().collect();
    let found = Plan::compile(Device::from(gpu()), &outputs).unwrap().run(&[("data", &photo())]).unwrap();
    let [all, _, known, by_bias, mean, mean_by_bias] = <[Array; 6]>::try_from(found).unwrap().map(|a| a.to_f64());
    let valid = (0..37 * 30).filter(|i| i % 4 != 1).count() as f64;
    for i in 0..all.len() {
        assert_eq!(known[i], if i % (37 * 30) % 4 == 1 { 0.0 } else { all[i] }, "element {i}");
        // p and 1 less p are rounded, whatever is left of them.
        assert!((known[i] - valid * mean[i]).abs() <= 4.0 * 2f64.powi(-24), "element {i}");
    }
    for (sum, mean) in by_bias.iter().zip(&mean_by_bias) {
        // Sums of 833 terms up to 1, through the upsampling's weights.
        assert!(sum.abs() > 1.0 && (sum - valid * mean).abs() < 833.0 * 2f64.powi(-24) * 4.0, "{sum} and {valid} times {mean}");
    }
}

#[test]
fn a_toy_image_is_learned_to_an_iu_of_one() {
    let fcn = Fcn { classes: 2, divisor: 32, ..Fcn::new(Variant::Fcn8s) };
    let side = 16;
    let truth = Array::from_fn([1, side, side], |i| i32::from(i % side >= side / 2));
    let draws = init::Draws::new(1, "noise");
    let image = Array::from_fn([1, 3, side, side], |i| 16.0 * draws.normal(i) + if i % side >= side / 2 { 64.0 } else { -64.0 });
    let start = fcn.initial(&fcn.random_trunk(1).unwrap()).unwrap();
    let data = input(side, side);
    let network = fcn.trainable(&start, &data).unwrap();
    assert!(network.learned.iter().all(|p| (p.rate, p.decay) == if p.name.ends_with("bias") { (2.0, 0.0) } else { (1.0, 1.0) }));
    assert_eq!(network.learned.len(), network.parameters.iter().filter(|p| p.learned()).count());
    let loss = loss(&network, truth.clone(), Reduction::Mean);
    // The first two stages stay: the way back through them takes most of the time on a software adapter.
    let later = |name: &str| !name.starts_with("conv1") && !name.starts_with("conv2");
    let learned: Vec<Parameter> = network.learned.iter().filter(|p| later(&p.name)).cloned().collect();
    let gradients = loss.gradient(&learned.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
    let rate = data.graph().input("rate", TensorType::f32([])).unwrap();
    Optimiser::Adam(Adam::default()).update(&learned, &gradients, &rate).unwrap();
    let found = score(&network).argmax(1, false, false).unwrap();
    let mut plan = Plan::compile(Device::from(gpu()), &[&found, &loss]).unwrap();
    let mut iou = Vec::new();
    for _ in 0..40 {
        let outputs = plan.run(&[("data", &image), ("rate", &Array::scalar(0.003f32))]).unwrap();
        let mut confusion = Confusion::new(2).unwrap();
        confusion.add(&truth, &outputs[0]).unwrap();
        iou.extend(confusion.mean_iou());
        if iou.last() == Some(&1.0) {
            break;
        }
    }
    assert!(iou[0] < 0.5, "zero scores say one class: {iou:?}");
    assert_eq!(iou.last(), Some(&1.0), "{iou:?}");
}

#[test]
fn training_starts_from_a_classifier() {
    let fcn = narrow(Variant::Fcn8sAtOnce);
    let trunk = fcn.random_trunk(7).unwrap();
    // The classifier's fc6 is a matrix.
    let arrays: Vec<(String, Array)> = trunk.names().map(|n| (n.to_owned(), Array::clone(trunk.get(n).unwrap()))).collect();
    let flat = arrays.iter().map(|(n, a)| {
        let array = if n == "fc6.weight" { a.clone().reshaped([128, 16 * 49]).unwrap() } else { a.clone() };
        (n.clone(), array)
    });
    let start = fcn.initial(&Weights::from_arrays("vgg16", flat)).unwrap();
    assert_eq!(start.get("fc6.weight").unwrap(), trunk.get("fc6.weight").unwrap());
    assert!(start.get("score_fr.weight").unwrap().to_f64().iter().all(|v| *v == 0.0));
    assert_eq!(**start.get("upscore8.weight").unwrap(), init::upsampling(3, 16));
    assert_eq!(start.get("scale_pool4.weight").unwrap().values::<f32>().unwrap(), [0.01; 16]);
    assert_eq!(start.get("scale_pool3.weight").unwrap().values::<f32>().unwrap(), [0.0001; 8]);
    let without = arrays.into_iter().filter(|(n, _)| n != "conv4_2.bias");
    let error = fcn.initial(&Weights::from_arrays("vgg16", without)).unwrap_err().to_string();
    assert!(error.contains("vgg16") && error.contains("'conv4_2.bias'"), "{error}");
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let fcn = narrow(Variant::Fcn8s);
    let refused =
        |arrays: Vec<(String, Array)>| fcn.forward(&Weights::from_arrays("mine", arrays), &input(37, 30)).unwrap_err().to_string();
    let error = refused(drawn(&fcn).into_iter().filter(|(n, _)| n != "upscore2.weight").collect());
    assert!(error.contains("mine") && error.contains("'upscore2.weight'"), "{error}");
    let flat = |(n, a): (String, Array)| if n == "fc6.weight" { (n, a.reshaped([128, 784]).unwrap()) } else { (n, a) };
    let error = refused(drawn(&fcn).into_iter().map(flat).collect());
    assert!(error.contains("'fc6.weight' is f32[128, 784], the network's is f32[128, 16, 7, 7]"), "{error}");
    let error = fcn.outline(&Graph::new().input("data", TensorType::f32([1, 4, 9, 9])).unwrap()).unwrap_err().to_string();
    assert!(error.contains("[1, 4, 9, 9]"), "{error}");
    for divisor in [0, 3, 64] {
        assert!(Fcn { divisor, ..fcn }.parameters().unwrap_err().to_string().contains("divisor"), "{divisor}");
    }
}

#[test]
fn a_learned_upsampling_between_classes_is_computed_densely() {
    let fcn = narrow(Variant::Fcn32s);
    let mut arrays = drawn(&fcn);
    let diagonal = run(Device::Cpu, &fcn, arrays.clone(), &["score"]).remove(0);
    // Class 0's kernel also adds to class 1.
    for (_, array) in arrays.iter_mut().filter(|(n, _)| n == "upscore.weight") {
        let values = array.values_mut::<f32>().unwrap();
        values.copy_within(0..64 * 64, 64 * 64);
    }
    let dense = run(Device::from(gpu()), &fcn, arrays, &["score"]).remove(0);
    let (values, plane) = (diagonal.values::<f32>().unwrap(), 37 * 30);
    let expected = Array::from_fn([1, 3, 37, 30], |i| values[i] + if i / plane == 1 { values[i - plane] } else { 0.0 });
    compare(&dense, &expected, None, near(&expected)).unwrap();
}

#[test]
fn the_data_are_blue_green_and_red_less_the_mean() {
    let graph = Graph::new();
    let rgb = graph.constant(Array::new([1, 3, 1, 1], vec![0.0f32, 0.2, 1.0]).unwrap()).unwrap();
    let bgr = Plan::compile(Device::Cpu, &[&data(&rgb).unwrap()]).unwrap().run(&[]).unwrap().remove(0);
    let expected = Array::new([1, 3, 1, 1], vec![255.0 - MEAN[0], 51.0 - MEAN[1], -MEAN[2]]).unwrap();
    compare(&bgr, &expected, None, Bound::Near { absolute: 1e-4, relative: 0.0 }).unwrap();
}
