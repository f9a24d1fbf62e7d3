//! Training in two stages: what is learned of objects in the middle of a crop helps with objects anywhere (section 4.1 and 4.3).

use crate::common::gpu;
use foveate::array::{Array, DType, TensorType};
use foveate::graph::Graph;
use foveate::models::deconvnet::DeconvNet;
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Weights, init};
use foveate::train::{Objective, Trainer};

const SIDE: usize = 32;
const BATCH: usize = 4;
const STEPS: usize = 30;
/// Background, square, disc.
const NET: DeconvNet = DeconvNet { classes: 3, stages: [(1, 8), (1, 8), (1, 8), (1, 8), (1, 8)], hidden: 16, window: 1 };

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
    // The same in all three channels but for the noise.
    let place = |i: usize| i / (3 * SIDE * SIDE) * SIDE * SIDE + i % (SIDE * SIDE);
    let image = Array::from_fn([BATCH, 3, SIDE, SIDE], |i| f32::from(u8::from(class(place(i)) > 0)) + 0.3 * noise.normal(i));
    [image, Array::from_fn([BATCH, SIDE, SIDE], |i| class(i) as i32)]
}

/// The losses of a stage, and what was learned.
fn stage(weights: &Weights, centred: bool) -> (Vec<f64>, Weights) {
    let graph = Graph::new();
    let image = graph.input("image", TensorType::f32([BATCH, 3, SIDE, SIDE])).unwrap();
    let label = graph.input("label", TensorType::new(DType::I32, [BATCH, SIDE, SIDE])).unwrap();
    let network = NET.trainable(weights, &image).unwrap();
    let loss = cross_entropy(&DeconvNet::score(&network).unwrap(), &label, &CrossEntropy::default()).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: network.learned };
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
    let first = NET.initial(&NET.random_trunk(1).unwrap(), 1).unwrap();
    let (alone, _) = stage(&first, false);
    let (centred, learned) = stage(&first, true);
    let (second, _) = stage(&learned, false);
    let [alone, centred, second] = [&alone, &centred, &second].map(|losses| (mean(&losses[..10]), mean(&losses[STEPS - 10..])));
    println!("losses of the first and last ten steps: anywhere {alone:?}, in the middle {centred:?}, anywhere then {second:?}");
    assert!(centred.1 < 0.5 * centred.0, "{centred:?}");
    assert!(second.0 < alone.0 && second.1 < alone.1, "{second:?} after the first stage, {alone:?} without");
}
