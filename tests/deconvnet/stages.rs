//! Training in two stages: what is learned of objects in the middle of a crop helps with objects anywhere (section 4.1 and 4.3).

use crate::common::gpu;
use foveate::Result;
use foveate::array::{Array, DType, Pads, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Weights, init};
use foveate::ops::{Conv2d, ConvTranspose2d, MaxPool2d, MaxUnpool2d};
use foveate::train::{Objective, Trainer};

const SIDE: usize = 24;
const BATCH: usize = 4;
const STEPS: usize = 30;
/// Background, square, disc.
const CLASSES: usize = 3;

/// Kernels, and scale and shift of what they make, drawn by `seed`.
fn first(seed: u64) -> Weights {
    let kernels = [("conv1", [8, 1]), ("conv2", [16, 8]), ("conv3", [16, 16]), ("deconv2", [16, 8]), ("deconv1", [8, 8])];
    let layers = kernels.into_iter().flat_map(|(name, [a, b])| {
        let outputs = if name.starts_with("de") { b } else { a };
        [
            (format!("{name}.weight"), init::he_normal(&[a, b, 3, 3], name, seed)),
            (format!("{name}.scale"), Array::full([1, outputs, 1, 1], 1.0f32)),
            (format!("{name}.shift"), Array::full([1, outputs, 1, 1], 0.001f32)),
        ]
    });
    let score = ("score.weight".to_owned(), init::normal(&[CLASSES, 8, 1, 1], 0.01, "score", seed));
    Weights::from_arrays("a small deconvolution network", layers.chain([score]))
}

/// Two stages of convolution and pooling and their mirror image, normalised by the batch: scores (n, classes, h, w).
fn scores(weights: &Weights, image: &Var) -> Result<Var> {
    let graph = image.graph();
    let around = Pads::all(1);
    let var = |name: String| weights.var(graph, &name);
    let normalised = |name: &str, x: &Var| {
        let mean = x.reduce_mean(&[0, 2, 3], true)?;
        let centred = x.sub(&mean)?;
        let variance = centred.mul(&centred)?.reduce_mean(&[0, 2, 3], true)?;
        let eps = graph.constant(Array::scalar(1e-5f32))?;
        let scaled = centred.mul(&variance.add(&eps)?.rsqrt()?)?.mul(&var(format!("{name}.scale"))?)?;
        scaled.add(&var(format!("{name}.shift"))?)?.relu()
    };
    let conv = |name: &str, x: &Var| {
        let attributes = Conv2d { padding: around, ..Default::default() };
        normalised(name, &x.conv2d(&var(format!("{name}.weight"))?, None, attributes)?)
    };
    let deconv = |name: &str, x: &Var| {
        let attributes = ConvTranspose2d { padding: around, ..Default::default() };
        normalised(name, &x.conv_transpose2d(&var(format!("{name}.weight"))?, None, attributes)?)
    };
    let (one, switches1) = conv("conv1", image)?.max_pool2d_with_indices(MaxPool2d::default())?;
    let (two, switches2) = conv("conv2", &one)?.max_pool2d_with_indices(MaxPool2d::default())?;
    let back = conv("conv3", &two)?.max_unpool2d(&switches2, MaxUnpool2d::default())?;
    let back = deconv("deconv2", &back)?.max_unpool2d(&switches1, MaxUnpool2d::default())?;
    deconv("deconv1", &back)?.conv2d(&var("score.weight".to_owned())?, None, Conv2d::default())
}

/// A batch of scenes, a square or a disc each, and the class of every pixel: in the middle and of one size, or anywhere and of any.
fn scenes(number: usize, centred: bool) -> [Array; 2] {
    let draws = init::Draws::new(3, if centred { "centred" } else { "anywhere" });
    let between = |scene: usize, part: usize, low: f32, high: f32| low + (high - low) * draws.uniform(4 * (number * BATCH + scene) + part);
    let middle = SIDE as f32 / 2.0;
    let object = |scene: usize| {
        let radius = if centred { 7.0 } else { between(scene, 0, 3.0, 9.0) };
        let place = |part| if centred { middle } else { between(scene, part, radius, SIDE as f32 - radius) };
        (radius, place(1), place(2), 1 + usize::from(between(scene, 3, 0.0, 1.0) < 0.5))
    };
    let class = |i: usize| {
        let (radius, y, x, class) = object(i / (SIDE * SIDE));
        let (dy, dx) = ((i / SIDE % SIDE) as f32 + 0.5 - y, (i % SIDE) as f32 + 0.5 - x);
        let inside = if class == 1 { dy.abs().max(dx.abs()) < 0.85 * radius } else { dy.hypot(dx) < radius };
        if inside { class } else { 0 }
    };
    let noise = init::Draws::new(5, &format!("noise {number} {centred}"));
    let image = Array::from_fn([BATCH, 1, SIDE, SIDE], |i| f32::from(u8::from(class(i) > 0)) + 0.3 * noise.normal(i));
    [image, Array::from_fn([BATCH, SIDE, SIDE], |i| class(i) as i32)]
}

/// The losses of a stage, and what was learned.
fn stage(weights: Weights, centred: bool) -> (Vec<f64>, Weights) {
    let weights = weights.as_states();
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 1, SIDE, SIDE])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH, SIDE, SIDE])).unwrap();
    let loss = cross_entropy(&scores(&weights, &image).unwrap(), &label, &CrossEntropy::default()).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let adam = Optimiser::Adam(Adam::default());
    let mut trainer = Trainer::new(gpu(), &objective, &adam, Schedule::Fixed { base: 0.01 }, None).unwrap();
    let losses = (0..STEPS).map(|number| {
        let [image, label] = scenes(number, centred);
        trainer.step(&[("image", &image), ("label", &label)]).unwrap().loss
    });
    let losses = losses.collect();
    (losses, trainer.weights().unwrap())
}

#[test]
fn objects_in_the_middle_come_first() {
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (alone, _) = stage(first(1), false);
    let (centred, learned) = stage(first(1), true);
    let (second, _) = stage(learned, false);
    let [alone, centred, second] = [&alone, &centred, &second].map(|losses| (mean(&losses[..10]), mean(&losses[STEPS - 10..])));
    println!("losses of the first and last ten steps: anywhere {alone:?}, in the middle {centred:?}, anywhere then {second:?}");
    assert!(centred.1 < 0.5 * centred.0, "{centred:?}");
    assert!(second.0 < alone.0 && second.1 < alone.1, "{second:?} after the first stage, {alone:?} without");
}
