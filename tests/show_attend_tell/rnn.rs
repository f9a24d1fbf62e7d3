//! The captioners without attention.

use super::{NEAR, weights};
use crate::common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::models::rnn_captioning::{self, Form};
use foveate::nn::Weights;
use foveate::plan::{Cost, Device, Plan};

#[test]
fn captioners_without_attention_are_numpys() {
    let arrays = fixture("show_attend_tell");
    let sizes = rnn_captioning::Config { form: Form::Initial, features: 9, embedding: 5, hidden: 6, words: 12 };
    let features = &arrays["rnn/features"];
    for (net, made_by, form) in [
        ("deck", "deck", Form::Initial),
        ("talk", "talk", Form::NeuralTalk { once: false }),
        ("talk", "once", Form::NeuralTalk { once: true }),
    ] {
        for device in [Device::Cpu, Device::from(gpu())] {
            let (graph, config) = (Graph::new(), rnn_captioning::Config { form, ..sizes });
            let input = graph.input("features", features.ty()).unwrap();
            let weights = weights(&arrays, &format!("rnn/{net}"));
            let (words, logs) = rnn_captioning::greedy(&graph, &weights, config, &input, 5).unwrap();
            let made = Plan::compile(&device, &[&words, &logs]).unwrap().run(&[("features", features)]).unwrap();
            compare(&made[0], &arrays[&format!("rnn/{made_by}/words")], None, Bound::Exact).unwrap();
            compare(&made[1], &arrays[&format!("rnn/{made_by}/logs")], None, NEAR).unwrap();
        }
    }
}

#[test]
fn captioners_without_attention_have_the_size_and_cost_of_the_specification() {
    let of = |d| rnn_captioning::Config { form: Form::NeuralTalk { once: false }, features: 4096, embedding: d, hidden: d, words: 8791 };
    // 5.7 M and 11.6 M parameters for 8791 words.
    assert_eq!([of(256), of(512)].map(|c| c.parameter_count()), [5_690_199, 11_633_751]);
    let config = of(256);
    let graph = Graph::new();
    let zeros = config.parameters().into_iter().map(|(name, shape)| (name.to_owned(), Array::full(shape, 0.0f32)));
    let weights = Weights::from_arrays("zeros", zeros);
    let features = graph.input("fc7", TensorType::f32([1, 4096])).unwrap();
    let cost = |steps| {
        let (words, _) = rnn_captioning::greedy(&graph, &weights, config, &features, steps).unwrap();
        assert_eq!(words.shape(), [1, steps]);
        Cost::of(&[&words]).unwrap().multiply_adds
    };
    // 2.4 M products per word and 1.05 M per image.
    assert_eq!(cost(3) - cost(2), 2 * 256 * 256 + 256 * 8791);
    assert_eq!(cost(1), 4096 * 256 + 256 * 256 + 256 * 8791);
    let text = rnn_captioning::greedy(&graph, &weights, of(512), &features, 1).unwrap_err().to_string();
    assert!(text.contains("'We' is f32[4096, 256], the network's is f32[4096, 512]"), "{text}");
}
