//! Spatial transformer networks: grids and width-reduced networks against NumPy and PyTorch, sizes and costs as published.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, check_composed, compare, fixture, gpu, random, refusal};
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{
    Birds, Classifier, Localisation, Mnist, Network, Output, Placement, PlainCnn, Svhn, Task, Transform, Transformer, before_and_after,
};
use foveate::nn::Weights;
use foveate::plan::{Cost, Device, Plan};
use foveate::train::About;

const TRANSFORMS: [(&str, Transform); 5] = [
    ("attention", Transform::Attention),
    ("location", Transform::Location { scale: 0.5 }),
    ("affine", Transform::Affine),
    ("projective", Transform::Projective),
    ("thin_plate_spline", Transform::ThinPlateSpline),
];

/// Coordinates are a few units large, and sums of at most 19 products; a pixel is a third of a unit here.
const NEAR: Bound = Bound::Near { absolute: 2e-5, relative: 1e-5 };

#[test]
fn grids_and_images_are_numpys() {
    let expected = fixture("stn");
    let size = Hw::new(5, 7);
    for (name, transform) in TRANSFORMS {
        let array = |field: &str| expected[&format!("{name}.{field}")].clone();
        let inputs = [expected["image"].clone(), array("theta")];
        let build = |v: &[Var]| Ok(vec![transform.grid(&v[1], size)?, transform.warp(&v[0], &v[1], size)?]);
        check_composed(name, &inputs, build, &[&array("grid"), &array("image")], NEAR);
    }
}

#[test]
fn the_identity_changes_nothing() {
    // Pixels of 2^k + 1 in a row have coordinates without rounding, and come back as they were. Other positions, of up to 28, are off by
    // a few of their roundings, 2e-6 each, and pixels differ by up to 2.
    let near = Bound::Near { absolute: 2e-5, relative: 0.0 };
    for (size, exact) in [(Hw::new(17, 9), true), (Hw::new(28, 21), false)] {
        let image = random(&[2, 3, size.h, size.w], 1);
        for (name, transform) in TRANSFORMS.into_iter().filter(|(name, _)| *name != "location") {
            let theta = Array::new([1, transform.parameters()], transform.identity()).unwrap();
            let build = |v: &[Var]| {
                let theta = v[1].expand([2, transform.parameters()])?;
                Ok(vec![transform.warp(&v[0], &theta, size)?])
            };
            let bound = if exact && transform != Transform::ThinPlateSpline { Bound::Exact } else { near };
            check_composed(name, &[image.clone(), theta], build, &[&image], bound);
        }
    }
}

#[test]
fn a_known_rotation_gives_the_analytic_image() {
    // A Gaussian of deviation 0.2 beside the centre, whose second derivatives are at most 1 / 0.04: between pixels h = 2 / 127 apart
    // a bilinear value is off by at most h^2 / 8 of each, in all 0.0016. At the border it has fallen to exp(-0.8^2 / 0.08) = 0.0003.
    let (side, angle) = (128, 0.7f64);
    let blob = |x: f64, y: f64| (-((x - 0.2).powi(2) + (y + 0.1).powi(2)) / 0.08).exp() as f32;
    let at = |i: usize| 2.0 * i as f64 / (side - 1) as f64 - 1.0;
    let image = Array::from_fn([1, 1, side, side], |i| blob(at(i % side), at(i / side)));
    let (s, c) = angle.sin_cos();
    let turned = |i: usize| {
        let (x, y) = (at(i % side), at(i / side));
        blob(c * x - s * y, s * x + c * y)
    };
    let expected = Array::from_fn([1, 1, side, side], turned);
    let theta = Array::new([1, 6], [c, -s, 0.0, s, c, 0.0].map(|v| v as f32).to_vec()).unwrap();
    let build = |v: &[Var]| Ok(vec![Transform::Affine.warp(&v[0], &v[1], Hw::square(side))?]);
    check_composed("rotation", &[image, theta], build, &[&expected], Bound::Near { absolute: 0.0016, relative: 0.0 });
}

#[test]
fn outside_there_is_nothing() {
    let theta = Array::new([1, 2], vec![2.0f32, 0.0]).unwrap();
    let build = |v: &[Var]| Ok(vec![Transform::Location { scale: 0.5 }.warp(&v[0], &v[1], Hw::square(4))?]);
    check_composed("outside", &[random(&[1, 2, 5, 5], 1), theta], build, &[&Array::full([1, 2, 4, 4], 0.0f32)], Bound::Exact);
}

/// The fixture's formula: random weights, small ones for theta, and the identity in its bias.
fn reduced(net: &impl Network, identity: impl Fn(usize) -> Vec<f32>) -> Weights {
    let arrays = net.tensors().unwrap().into_iter().map(|(name, shape)| {
        let seed = name.bytes().fold(0, |seed, byte| (seed * 31 + u64::from(byte)) % 65521);
        let bound = if shape.len() > 1 { (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32 } else { 0.1 };
        let shrink = if name.ends_with("theta.weight") { 0.1 } else { 1.0 };
        let fixed = if name.ends_with("theta.bias") { identity(shape[0]) } else { Vec::new() };
        let values = random(&shape, seed);
        let values = values.values::<f32>().unwrap();
        let array = Array::from_fn(shape, |i| values[i] * bound * shrink + fixed.get(i).unwrap_or(&0.0));
        (name, array)
    });
    Weights::from_arrays("reduced", arrays)
}

fn identity_of(parameters: usize) -> Vec<f32> {
    let of = |(_, t): (&str, Transform)| (t.parameters() == parameters).then(|| t.identity());
    TRANSFORMS.into_iter().find_map(of).unwrap()
}

/// theta and logits by the references and on the GPU are PyTorch's.
fn agrees(name: &str, net: &impl Network, image: &Array) {
    let expected = fixture("stn");
    let weights = reduced(net, identity_of);
    let graph = Graph::new();
    let input = graph.input("image", image.ty()).unwrap();
    let output = net.forward(&graph, &weights, &input).unwrap();
    let mut outputs = vec![(format!("{name}.logits"), &output.logits)];
    outputs.extend(output.warps.iter().enumerate().map(|(i, warp)| (format!("{name}.theta{}", i + 1), &warp.theta)));
    let vars: Vec<_> = outputs.iter().map(|(_, var)| *var).collect();
    for device in [Device::Cpu, Device::from(gpu())] {
        let computed = Plan::compile(&device, &vars).unwrap().run(&[("image", image)]).unwrap();
        for ((name, _), computed) in outputs.iter().zip(&computed) {
            // An image of noise changes by up to 2 from pixel to pixel, 21 pixels to a unit of theta: a theta that is 1e-6 off moves
            // values by 4e-5 for each transformer passed.
            let bound = Bound::Near { absolute: 2e-4, relative: 1e-4 };
            compare(computed, &expected[name], None, bound).unwrap_or_else(|e| panic!("{name} on {}: {e}", device.name()));
        }
    }
    let count = expected.keys().filter(|key| key.starts_with(&format!("{name}."))).count();
    assert_eq!(count, outputs.len(), "{name}");
}

const TASKS: [Task; 6] = {
    use Task::{Addition, Elastic, Projected, Rotated, RotatedTranslatedScaled, TranslatedCluttered};
    [Rotated, RotatedTranslatedScaled, Projected, Elastic, TranslatedCluttered, Addition]
};

fn mnist(task: Task, transforms: &[Transform], classifier: Classifier) -> Mnist {
    Mnist { task, transforms: transforms.to_vec(), classifier }
}

#[test]
fn mnist_networks_are_pytorchs() {
    agrees("fcn", &mnist(Task::Rotated, &[], Classifier::Fcn(6)), &random(&[2, 1, 28, 28], 3));
    agrees("st_cnn", &mnist(Task::Elastic, &[Transform::Affine], Classifier::Cnn(3)), &random(&[2, 1, 28, 28], 3));
    let pooled = mnist(Task::RotatedTranslatedScaled, &[Transform::ThinPlateSpline], Classifier::Cnn(3));
    agrees("st_cnn_pooled", &pooled, &random(&[2, 1, 42, 42], 3));
    let addition = mnist(Task::Addition, &[Transform::Projective, Transform::Attention], Classifier::Fcn(5));
    agrees("addition", &addition, &random(&[2, 2, 42, 42], 3));
}

#[test]
fn house_number_networks_are_pytorchs() {
    for (name, placement) in [("single", Placement::Single), ("multi", Placement::Multi)] {
        let net = Svhn { filters: [4, 5, 6, 7, 8, 8, 8, 8], units: 9, ..Svhn::new(16, placement) };
        agrees(name, &net, &random(&[1, 3, 16, 16], 4));
    }
}

/// The output of a network as it begins.
fn begun(net: &impl Network) -> (Output, Weights) {
    let graph = Graph::new();
    let image = graph.input("image", net.input(1)).unwrap();
    let weights = net.init(1).unwrap();
    let output = net.forward(&graph, &weights, &image).unwrap();
    (output, weights)
}

fn multiply_adds(var: &Var) -> u64 {
    Cost::of(&[var]).unwrap().multiply_adds
}

fn count(net: &impl Network, prefix: &str) -> usize {
    net.tensors().unwrap().iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, s)| s.iter().product::<usize>()).sum()
}

#[test]
fn mnist_sizes_are_the_papers() {
    let net = mnist(Task::RotatedTranslatedScaled, &[Transform::Affine], Classifier::Cnn(32));
    assert_eq!(count(&net, "transformer1."), 17_086);
    let (output, weights) = begun(&net);
    assert_eq!(weights.parameters(), net.parameters().unwrap());
    // 17 x 17 of 25 products, 4 x 4 of 500, 20 filters each; 320 and 20 inputs of 20 and 6 units.
    assert_eq!(multiply_adds(&output.warps[0].theta), 20 * 17 * 17 * 25 + 20 * 4 * 4 * 500 + 320 * 20 + 20 * 6);
    assert_eq!(output.warps[0].image.shape(), [1, 1, 42, 42]);

    let cnn = mnist(Task::RotatedTranslatedScaled, &[], Classifier::Cnn(32));
    assert_eq!(cnn.parameters().unwrap(), 32 * 82 + 64 * (32 * 49 + 1) + 10 * (64 * 5 * 5 + 1));
    assert_eq!(multiply_adds(&begun(&cnn).0.logits) / 10_000, 1515);
    let small = mnist(Task::Rotated, &[], Classifier::Cnn(32));
    assert_eq!(multiply_adds(&begun(&small).0.logits) / 10_000, 264);

    // Every network of every task as large as 400,000 parameters allow: a unit more takes up to 3600 of them, a filter 25,000.
    for task in TASKS {
        for classifier in [Classifier::Fcn(1), Classifier::Cnn(1)] {
            for transforms in [&[][..], &[Transform::ThinPlateSpline], &[Transform::Affine; 2]] {
                let net = mnist(task, transforms, classifier).fitted(400_000).unwrap();
                let parameters = net.parameters().unwrap();
                assert!((370_000..=400_000).contains(&parameters), "{net:?} has {parameters}");
                let (output, _) = begun(&net);
                assert_eq!(output.logits.shape(), [1, if task == Task::Addition { 19 } else { 10 }]);
            }
        }
    }
}

#[test]
fn house_number_sizes_are_the_papers() {
    let plain = Svhn::new(64, Placement::None);
    assert_eq!(count(&plain, "conv"), 4_331_168);
    assert_eq!(count(&plain, "fc") + count(&plain, "digit"), 19_049_527);
    let (output, _) = begun(&plain);
    assert_eq!(output.logits.shape(), [1, 5, 11]);
    assert_eq!(multiply_adds(&output.logits), 763_494_400 + 2 * 3072 * 3072 + 5 * 3072 * 11);

    let single = Svhn::new(64, Placement::Single);
    // conv 3-32, conv 32-32 on 32 x 32, 32 units, theta.
    assert_eq!(count(&single, "transformer1."), 32 * 76 + 32 * 801 + 32 * (32 * 32 * 32 + 1) + 6 * 33);
    let multi = Svhn::new(64, Placement::Multi);
    let (output, weights) = begun(&multi);
    let shapes: Vec<_> = output.warps.iter().map(|w| w.image.shape().to_vec()).collect();
    assert_eq!(shapes, [[1, 3, 64, 64], [1, 48, 32, 32], [1, 64, 32, 32], [1, 128, 16, 16]]);
    let hidden = |inputs: usize| 32 * (inputs + 1) + 32 * 33 + 6 * 33;
    let transformers: usize = [3 * 64 * 64, 48 * 32 * 32, 64 * 32 * 32, 128 * 16 * 16].into_iter().map(hidden).sum();
    assert_eq!(weights.parameters(), plain.parameters().unwrap() + transformers);
    assert_eq!(Svhn::new(128, Placement::Single).tensors().unwrap().iter().find(|(n, _)| n == "fc1.weight").unwrap().1, [3072, 12_288]);
}

#[test]
fn four_full_size_transformers_begin_as_none() {
    let (net, plain) = (Svhn::new(64, Placement::Multi), Svhn::new(64, Placement::None));
    // The transformers as they begin, the rest random, but so that scores depend on the image and not on the biases alone.
    let (first, rest) = (net.init(1).unwrap(), reduced(&plain, identity_of));
    let pick = |(name, _): (String, _)| {
        let array = if name.starts_with("transformer") { &first } else { &rest }.get(&name).unwrap().as_ref().clone();
        (name, array)
    };
    let weights = Weights::from_arrays("mixed", net.tensors().unwrap().into_iter().map(pick));
    let graph = Graph::new();
    let [a, b] = ["a", "b"].map(|name| graph.input(name, net.input(1)).unwrap());
    let forward = |net: &Svhn, x: &Var| net.forward(&graph, &weights, x).unwrap().logits;
    let outputs = [forward(&net, &a), forward(&plain, &a), forward(&plain, &b)];
    let images = [6, 7].map(|seed| random(&[1, 3, 64, 64], seed));
    let mut plan = Plan::compile(gpu(), &outputs.iter().collect::<Vec<_>>()).unwrap();
    let computed = plan.run(&[("a", &images[0]), ("b", &images[1])]).unwrap();
    // Positions of up to 64 are rounded to 4e-6, a few times for each transformer, in maps whose pixels differ by about 1.
    let bound = Bound::Near { absolute: 1e-4, relative: 0.0 };
    compare(&computed[0], &computed[1], None, bound).unwrap();
    assert!(compare(&computed[2], &computed[1], None, Bound::Near { absolute: 1e-2, relative: 0.0 }).is_err(), "any image gives the same");
}

#[test]
fn networks_begin_with_the_identity() {
    let net = mnist(Task::Addition, &[Transform::ThinPlateSpline, Transform::Affine], Classifier::Fcn(5));
    let (output, _) = begun(&net);
    let image = random(&[1, 2, 42, 42], 5);
    let vars = [&output.warps[0].image, &output.warps[1].image, &output.warps[0].theta];
    let computed = Plan::compile(gpu(), &vars).unwrap().run(&[("image", &image)]).unwrap();
    for warped in &computed[..2] {
        compare(warped, &image, None, Bound::Near { absolute: 5e-5, relative: 0.0 }).unwrap();
    }
    assert_eq!(computed[2].values::<f32>().unwrap(), Transform::ThinPlateSpline.identity());
}

#[test]
fn a_transformer_goes_anywhere() {
    let transformer =
        Transformer { transform: Transform::Attention, localisation: Localisation::co_localisation(), size: Some(Hw::square(28)) };
    let weights = transformer.init("st", TensorType::f32([1, 1, 84, 84]), 1).unwrap();
    // 84, 19 at stride 4, 9 after the maximum.
    assert_eq!(weights.parameters(), 8 * 82 + 8 * (8 * 81 + 1) + 8 * 9 + 3 * 9);
    let names: Vec<&str> = weights.names().filter(|name| name.ends_with("weight")).collect();
    assert_eq!(names, ["st.conv1.weight", "st.fc1.weight", "st.fc2.weight", "st.theta.weight"]);
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([3, 1, 84, 84])).unwrap();
    let warp = transformer.apply(&mut Layers::load(&graph, &weights), "st", &x).unwrap();
    assert_eq!((warp.theta.shape(), warp.image.shape()), (&[3, 3][..], &[3, 1, 28, 28][..]));
}

#[test]
fn a_look_begins_where_it_is_told() {
    // A ramp from -1 at the left to 1 at the right and another one down: what is at the output's centre is the place itself.
    let at = |i: usize| (i % 9) as f32 / 4.0 - 1.0;
    let image = Array::from_fn([1, 2, 9, 9], |i| if i < 81 { at(i) } else { at((i - 81) / 9) });
    for (name, transform) in TRANSFORMS {
        let theta = Array::new([1, transform.parameters()], transform.at([0.25, -0.5])).unwrap();
        let build = |v: &[Var]| {
            let seen = transform.warp(&v[0], &v[1], Hw::square(9))?;
            Ok(vec![seen.narrow(2, 4, 1)?.narrow(3, 4, 1)?.reshape([2])?])
        };
        let expected = Array::new([2], vec![0.25f32, -0.5]).unwrap();
        check_composed(name, &[image.clone(), theta], build, &[&expected], Bound::Near { absolute: 2e-5, relative: 0.0 });
        assert_eq!(transform.at([0.0; 2]), transform.identity());
    }
}

#[test]
fn parallel_birds_look_at_different_places() {
    assert_eq!(Birds::new(2).places(), [-0.5, 0.0, 0.5, 0.0]);
    assert_eq!(Birds::new(4).places(), [-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
    let birds = Birds::new(2);
    let weights = birds.init(1).unwrap();
    assert_eq!(weights.parameters(), 1024 * 128 + 128 + 6272 * 128 + 128 + 128 * 4 + 4 + 2048 * 200 + 200);
    let graph = Graph::new();
    let features = graph.input("features", TensorType::f32([1, 1024, 7, 7])).unwrap();
    let photo = graph.input("photo", TensorType::f32([1, 1, 9, 9])).unwrap();
    let mut layers = Layers::load(&graph, &weights);
    let crops = birds.look(&mut layers, &features, &photo).unwrap();
    let vector = graph.input("vector", TensorType::f32([1, 1024])).unwrap();
    assert_eq!(birds.classify(&mut layers, &[&vector, &vector]).unwrap().shape(), [1, 200]);
    // A ramp from -1 at the left to 1 at the right: the first crop sees -1..0, the second 0..1, whatever the features say.
    let ramp = Array::from_fn([1, 1, 9, 9], |i| (i % 9) as f32 / 4.0 - 1.0);
    let mut plan = Plan::compile(gpu(), &[&crops[0].image, &crops[1].image]).unwrap();
    let seen = plan.run(&[("features", &random(&[1, 1024, 7, 7], 1)), ("photo", &ramp)]).unwrap();
    for (image, start) in seen.iter().zip([-1.0, 0.0]) {
        let expected = Array::from_fn([1, 1, 224, 224], |i| (start + (i % 224) as f64 / 223.0) as f32);
        compare(image, &expected, None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let net = mnist(Task::Rotated, &[Transform::Affine], Classifier::Fcn(5));
    let graph = Graph::new();
    let image = graph.input("image", net.input(1)).unwrap();
    let refused = |net: &Mnist, weights: &Weights, image| net.forward(&graph, weights, image).unwrap_err().to_string();
    let message = refused(&net, &Weights::from_arrays("none", []), &image);
    assert!(message.contains("'transformer1.fc1.weight'"), "{message}");
    let wider = mnist(Task::Rotated, &[Transform::Affine], Classifier::Fcn(6));
    let message = refused(&net, &wider.init(1).unwrap(), &image);
    assert!(message.contains("'fc1.weight' is f32[6, 784], the network's is f32[5, 784]"), "{message}");
    let addition = mnist(Task::Addition, &[], Classifier::Fcn(5));
    let message = refused(&addition, &wider.init(1).unwrap(), &image);
    assert!(message.contains("f32[1, 2, 42, 42]"), "{message}");
    let message = refusal(TensorType::f32([1, 5]), |theta| Transform::Affine.grid(theta, Hw::square(3)));
    assert!(message.contains("f32[n, 6]") && message.contains("f32[1, 5]"), "{message}");
    let message = refusal(TensorType::f32([1, 8]), |theta| Transform::Projective.grid(theta, Hw::new(usize::MAX, 2)));
    assert!(message.contains("2^28"), "{message}");
    assert!(Svhn::new(8, Placement::None).tensors().is_err());
    assert!(Birds::new(0).init(1).is_err());
}

#[test]
fn a_warp_is_drawn_before_and_after() {
    let image = Array::full([1, 3, 20, 40], 0.0f32);
    let grid = Array::from_fn([1, 10, 10, 2], |i| ((if i % 2 == 0 { i / 2 % 10 } else { i / 20 }) as f32 - 4.5) / 9.0);
    let picture = before_and_after(&image, &grid, &Array::full([1, 3, 10, 10], 0.0f32)).unwrap();
    assert_eq!(picture.shape(), [1, 3, 320, 320 + 128 + 16 + 320]);
    let values = picture.values::<f32>().unwrap();
    // The grid's top left corner: x = -0.5 of 40 pixels is pixel 9.75, y of 20 is 4.75; 8 times as large, behind margins of 64 and 16.
    let (x, y) = (64 + 82, 16 + 64 + 42);
    let red: f32 = (x - 3..x + 3).map(|x| values[y * 784 + x]).fold(0.0, f32::max);
    assert!(red > 0.5, "the corner is not where it should be");
    assert!(before_and_after(&image, &grid, &image).is_err());
    let nowhere = Array::full([1, 10, 10, 2], f32::NAN);
    assert!(before_and_after(&image, &nowhere, &Array::full([1, 3, 10, 10], 0.0f32)).is_ok());
}

#[test]
fn networks_are_told_by_their_weights() {
    let transforms =
        [vec![], vec![Transform::Affine], vec![Transform::ThinPlateSpline; 2], vec![Transform::Attention, Transform::Projective]];
    for task in [Task::Rotated, Task::RotatedTranslatedScaled, Task::TranslatedCluttered, Task::Addition] {
        for (transforms, classifier) in transforms.iter().cloned().zip([Classifier::Fcn(5), Classifier::Cnn(2)].into_iter().cycle()) {
            let network = Mnist { task, transforms, classifier };
            assert_eq!(Mnist::of(&network.init(1).unwrap(), &task.about()).unwrap(), network);
        }
    }
    for (transforms, stages) in transforms.into_iter().zip([vec![(1, 4)], vec![(2, 3), (1, 5)], vec![(1, 2)], vec![(1, 1); 3]]) {
        let about = About { size: Some(Hw::new(28, 32)), ..About::new(3) };
        let network = PlainCnn { size: Hw::new(28, 32), channels: 3, classes: 4, stages, transforms };
        assert_eq!(PlainCnn::of(&network.init(1).unwrap(), &about).unwrap(), network);
    }
}
