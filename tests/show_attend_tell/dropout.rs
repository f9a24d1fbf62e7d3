//! Dropout in training: what it keeps on average is what is left of values in use.

use crate::common::gpu;
use foveate::array::{Array, DType, TensorType};
use foveate::graph::Graph;
use foveate::models::show_attend_tell::{Attention, Config, Decoder, Unrolled};
use foveate::nn::{Random, Weights};
use foveate::plan::Plan;

const CONFIG: Config = Config {
    words: 2,
    embedding: 4,
    hidden: 8,
    features: 6,
    init_layers: 2,
    attention_layers: 1,
    output_layers: 1,
    selector: false,
    previous_to_output: true,
    context_to_output: true,
    dropout: true,
};
const BATCH: usize = 2048;
const WORDS: usize = 2;

/// Parameters with which the logits are a product of what dropout leaves at its three places, in which all else is nearly linear: a layer of
/// ones before the first states, states of some hundredths, and their share in the logits.
fn small() -> Weights {
    let value = |name: &str| match name {
        "ff_init_1_b" => 1.0,
        "ff_memory_W" | "decoder_b" => 0.01,
        "ff_logit_lstm_W" => 0.25,
        _ => 0.0,
    };
    let arrays = CONFIG.parameters().into_iter().map(|(name, shape)| {
        // The first word gains what the second does not.
        let of = |i: usize| if name == "ff_logit_W" && i.is_multiple_of(2) { 1.0 } else { value(&name) };
        let array = Array::from_fn(shape, of);
        (name, array)
    });
    Weights::from_arrays("small", arrays.collect::<Vec<_>>())
}

fn inputs() -> [(&'static str, Array); 3] {
    let features = Array::full([BATCH, 3, CONFIG.features], 0.0f32);
    [("a", features), ("words", Array::full([BATCH, WORDS], 0i32)), ("mask", Array::full([BATCH, WORDS], 1.0f32))]
}

fn forced(config: Config, training: bool, batch: usize) -> foveate::Result<Unrolled> {
    let graph = Graph::new();
    let inputs = [
        ("a", TensorType::f32([BATCH, 3, CONFIG.features])),
        ("words", TensorType::new(DType::I32, [BATCH, WORDS])),
        ("mask", TensorType::f32([BATCH, WORDS])),
    ];
    let [a, words, mask] = inputs.map(|(name, ty)| graph.input(name, ty).unwrap());
    let mut decoder = Decoder::new(&graph, &small(), config)?;
    if training {
        decoder = decoder.in_training(&mut Random::new(&graph, 3)?, batch, WORDS)?;
    }
    decoder.forced(&a, &words, &mask, &Attention::Soft)
}

/// The first word's logit less the second's, (images, words), run by run.
fn logits(config: Config, training: bool) -> impl FnMut() -> Vec<f64> {
    let made = forced(config, training, BATCH).unwrap();
    let mut plan = Plan::compile(gpu(), &[&made.log_probabilities]).unwrap();
    move || {
        let inputs = inputs();
        let found = plan.run(&inputs.each_ref().map(|(name, array)| (*name, array))).unwrap();
        found[0].to_f64().iter().map(|log| log - (1.0 - log.exp()).ln()).collect()
    }
}

#[test]
fn what_dropout_keeps_is_on_average_what_is_left_in_use() {
    let (mut training, used) = (logits(CONFIG, true), logits(CONFIG, false)());
    let first = training();
    assert_ne!(first, training(), "every run has its own noise");
    for t in 0..WORDS {
        let of = |values: &[f64]| values.iter().skip(t).step_by(WORDS).copied().collect::<Vec<_>>();
        let (values, in_use) = (of(&first), of(&used)[0]);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Five deviations of the mean; the cubes that tanh loses of less than 0.1 are a 300th; the logits' rounding.
        let allowed = 5.0 * deviation / n.sqrt() + in_use / 300.0 + 1e-5;
        assert!((mean - in_use).abs() < allowed, "word {t}: {mean} on average and {in_use} in use, off by at most {allowed}");
        assert!(deviation > 0.3 * mean, "word {t}: {deviation} is too little noise about {mean}");
        let nothing = values.iter().filter(|v| v.abs() < 1e-6).count() as f64 / n;
        // All four of the last layer are dropped once in sixteen; its deviation is sqrt(p (1 - p) / n) = 0.0053.
        assert!((nothing - 1.0 / 16.0).abs() < 0.03, "word {t}: nothing was left of {nothing}");
    }
    let words = |t: usize| first.iter().skip(t).step_by(WORDS).map(|v| v.abs() < 1e-6).collect::<Vec<_>>();
    assert_ne!(words(0), words(1), "every word has its own noise");
}

#[test]
fn without_dropout_training_is_use() {
    let plain = Config { dropout: false, ..CONFIG };
    assert_eq!(logits(plain, true)(), logits(plain, false)());
}

#[test]
fn dropout_for_other_images_is_refused() {
    let error = forced(CONFIG, true, 7).unwrap_err().to_string();
    assert!(error.contains("dropout") && error.contains('7') && error.contains("2048"), "{error}");
}
