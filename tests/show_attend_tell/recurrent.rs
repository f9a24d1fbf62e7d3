//! The captioners without attention learn: two digits side by side, and their names.

use super::weights;
use crate::common::{fixture, gpu, random_below};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::rnn_captioning::{self, Config, Form};
use foveate::nn::init::normal;
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::plan::{Device, Plan};
use foveate::train::{Objective, Trainer};

const FORMS: [Form; 3] = [Form::Initial, Form::NeuralTalk { once: false }, Form::NeuralTalk { once: true }];
const PHOTOS: usize = 16;
/// Two digits and the end.
const LENGTH: usize = 3;

/// A photo is what its two digits look like, 16 numbers each.
fn photos() -> (Array, Array) {
    let (looks, digits) = (normal(&[10, 16], 1.0, "digits", 1).to_f64(), random_below(&[PHOTOS * 2], 1, 10));
    let digits = digits.values::<i32>().unwrap();
    let features = Array::from_fn([PHOTOS, 32], |i| looks[digits[i / 16] as usize * 16 + i % 16] as f32);
    let words = digits.chunks(2).flat_map(|d| [d[0] + 1, d[1] + 1, 0]).collect::<Vec<_>>();
    (features, Array::new([PHOTOS, LENGTH], words).unwrap())
}

/// The mean over words of -ln p.
fn loss(logs: &Var) -> Var {
    logs.reduce_mean(&[], false).unwrap().neg().unwrap()
}

#[test]
fn captioners_without_attention_learn_a_few_photos_by_heart() {
    let (features, words) = photos();
    for form in FORMS {
        let config = Config { form, features: 32, embedding: 16, hidden: 32, words: 11 };
        let (weights, graph) = (config.initial(1).unwrap().as_states(), Graph::new());
        let [x, y] = [("features", &features), ("words", &words)].map(|(name, array)| graph.input(name, array.ty()).unwrap());
        let loss = loss(&rnn_captioning::forced(&graph, &weights, config, &x, &y).unwrap());
        let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
        let adam = Optimiser::Adam(Adam::default());
        let mut trainer = Trainer::new(gpu(), &objective, &adam, Schedule::Fixed { base: 1e-2 }, None).unwrap();
        let losses: Vec<f64> = (0..120).map(|_| trainer.step(&[("features", &features), ("words", &words)]).unwrap().loss).collect();
        println!("{form:?}: losses {:.3} to {:.5}", losses[0], losses[119]);
        // All words alike is ln 11.
        assert!((losses[0] - 11f64.ln()).abs() < 0.1 && losses[119] < 0.02, "{form:?}: from {} to {}", losses[0], losses[119]);
        let graph = Graph::new();
        let x = graph.input("features", features.ty()).unwrap();
        let (said, _) = rnn_captioning::greedy(&graph, &trainer.weights().unwrap(), config, &x, LENGTH).unwrap();
        assert_eq!(Plan::compile(gpu(), &[&said]).unwrap().run(&[("features", &features)]).unwrap()[0], words, "{form:?}");
    }
}

#[test]
fn gradients_through_three_words_are_those_of_differences() {
    let arrays = fixture("show_attend_tell");
    let features = &arrays["rnn/features"];
    let words = random_below(&[features.shape()[0], LENGTH], 3, 12);
    let inputs = [("features", features), ("words", &words)];
    for form in FORMS {
        let config = Config { form, features: 9, embedding: 5, hidden: 6, words: 12 };
        let start = weights(&arrays, if form == Form::Initial { "rnn/deck" } else { "rnn/talk" }).as_states();
        let graph = Graph::new();
        let [x, y] = inputs.map(|(name, array)| graph.input(name, array.ty()).unwrap());
        let loss = loss(&rnn_captioning::forced(&graph, &start, config, &x, &y).unwrap());
        let parameters = start.states(&graph);
        assert_eq!(parameters.len(), config.parameters().len());
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        let made = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap().run(&inputs).unwrap();
        let mut plan = Plan::compile(Device::Cpu, &[&loss]).unwrap();
        for (parameter, gradient) in parameters.iter().zip(&made) {
            let (name, before) = (&*parameter.name, start.get(&parameter.name).unwrap());
            let values = before.values::<f32>().unwrap();
            let mut at = |place: usize, step: f32| {
                let moved = Array::from_fn(before.shape(), |i| if i == place { values[i] + step } else { values[i] });
                plan.set_state(name, &moved).unwrap();
                plan.run(&inputs).unwrap()[0].to_f64()[0]
            };
            let gradient = gradient.to_f64();
            // The element whose slope is steepest, and the middle one.
            let steepest = (0..gradient.len()).max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs())).unwrap();
            for place in [steepest, gradient.len() / 2] {
                let mut difference = |h: f32| (at(place, h) - at(place, -h)) / (2.0 * f64::from(h));
                let expected = (4.0 * difference(1.0 / 128.0) - difference(1.0 / 64.0)) / 3.0;
                // The loss, some 3, is rounded to 2^-22, and the sums before it a few times as much: 1.5 * 128 * 1e-6.
                assert!((gradient[place] - expected).abs() <= 2e-4, "{form:?} {name}[{place}]: {} against {expected}", gradient[place]);
            }
            plan.set_state(name, before).unwrap();
        }
    }
}

#[test]
fn words_of_other_photos_are_refused() {
    let config = Config { form: Form::Initial, features: 4, embedding: 2, hidden: 3, words: 5 };
    let (graph, weights) = (Graph::new(), config.initial(1).unwrap());
    let features = graph.input("features", TensorType::f32([2, 4])).unwrap();
    let words = graph.input("words", TensorType::new(DType::I32, [3, 2])).unwrap();
    let text = rnn_captioning::forced(&graph, &weights, config, &features, &words).unwrap_err().to_string();
    assert!(text.contains("words are i32 (photos, words), not i32[3, 2] for features f32[2, 4]"), "{text}");
}
