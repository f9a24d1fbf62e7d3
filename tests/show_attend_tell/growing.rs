//! What one vector of a scene must hold: the captioner without attention falls behind as digits are added, soft attention does not.

use super::learning::{BATCH, CELLS, Caption, FEATURES, Kind, PLAIN, TESTED, said, scenes, seeded};
use crate::common::gpu;
use foveate::array::{DType, TensorType};
use foveate::graph::Graph;
use foveate::models::rnn_captioning::{self, Config, Form};
use foveate::models::show_attend_tell::{Attention, END};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::plan::Plan;
use foveate::train::{Arrays, Loader, Objective, Trainer};
use std::sync::Arc;

const STEPS: usize = 100;
/// The most units with which it has no more parameters than soft attention, 11,305 of 11,438.
const RECURRENT: Config = Config { form: Form::Initial, features: CELLS * FEATURES, embedding: 16, hidden: 68, words: PLAIN.words };

/// What names the first, the first two, and so on, of a scene's four digits.
const CAPTIONS: [Caption; CELLS] = [|d| ended(&d[..1]), |d| ended(&d[..2]), |d| ended(&d[..3]), ended];

fn ended(digits: &[i32]) -> Vec<i32> {
    digits.iter().copied().chain([END]).collect()
}

/// The share of scenes that it has not seen of which a captioner without attention says all words rightly: to it a scene is the
/// annotations of all cells, one after the other. Data, order, optimiser and rate are those of soft attention.
fn without_attention(seed: u64, caption: Caption) -> f64 {
    let (weights, graph) = (RECURRENT.initial(seed).unwrap().as_states(), Graph::new());
    let (annotations, words) = scenes(2048, seed, caption);
    let length = words.shape()[1];
    let a = graph.input("annotations", TensorType::f32([BATCH, CELLS, FEATURES])).unwrap();
    let w = graph.input("words", TensorType::new(DType::I32, [BATCH, length])).unwrap();
    let logs = rnn_captioning::forced(&graph, &weights, RECURRENT, &a.flatten(1).unwrap(), &w).unwrap();
    let loss = logs.reduce_sum(&[1], false).unwrap().reduce_mean(&[], false).unwrap().neg().unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let schedule = Schedule::Cosine { base: 1e-2, last: 1e-2, warm_up: 20, steps: STEPS as u64 };
    let mut trainer = Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), schedule, None).unwrap();
    let data = Arrays::new(vec![("annotations".to_owned(), annotations), ("words".to_owned(), words)]).unwrap();
    for batch in Loader::shuffled(Arc::new(data), BATCH, seed, 0).unwrap().take(STEPS) {
        trainer.step(&batch.unwrap().inputs()).unwrap();
    }

    let (annotations, words) = scenes(TESTED, 0, caption);
    let graph = Graph::new();
    let a = graph.input("annotations", annotations.ty()).unwrap();
    let trained = trainer.weights().unwrap();
    let (found, _) = rnn_captioning::greedy(&graph, &trained, RECURRENT, &a.flatten(1).unwrap(), length).unwrap();
    let found = Plan::compile(gpu(), &[&found]).unwrap().run(&[("annotations", &annotations)]).unwrap();
    let [found, words] = [&found[0], &words].map(|array| array.values::<i32>().unwrap());
    found.chunks(length).zip(words.chunks(length)).filter(|(found, wanted)| found == wanted).count() as f64 / TESTED as f64
}

#[test]
fn without_attention_captions_get_worse_with_every_digit() {
    assert!((0.95..=1.0).contains(&(RECURRENT.parameter_count() as f64 / PLAIN.parameter_count() as f64)));
    for seed in [1, 2] {
        let recurrent = CAPTIONS.map(|caption| without_attention(seed, caption));
        // One digit, and all four.
        let soft = [CAPTIONS[0], CAPTIONS[3]].map(|caption| {
            let (weights, _) = seeded(seed, PLAIN, caption, Kind::Soft(0.0), STEPS);
            said(&weights, PLAIN, caption, &Attention::Soft).exact
        });
        println!("seed {seed}: right of 1, 2, 3, 4 digits {recurrent:.3?} without attention, of 1 and 4 {soft:.3?} with it");
        assert!(recurrent[0] >= 0.9 && soft[0] >= 0.9, "seed {seed}: one digit is learnt by both, {} and {}", recurrent[0], soft[0]);
        assert!(recurrent.windows(2).skip(1).all(|pair| pair[1] < pair[0]), "seed {seed}: {recurrent:?}");
        assert!(recurrent[2] < 0.85 && recurrent[3] < 0.3, "seed {seed}: {recurrent:?}");
        assert!(soft[1] >= 0.9, "seed {seed}: with attention {} of four digits are right", soft[1]);
    }
}
