//! The captioners without attention.

use super::{NEAR, weights};
use crate::common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, TensorType};
use foveate::graph::Graph;
use foveate::models::rnn_captioning::{self, BeamSearch, Config, Form};
use foveate::nn::Weights;
use foveate::plan::{Cost, Device, Plan};

#[test]
fn captioners_without_attention_are_numpys() {
    let arrays = fixture("show_attend_tell");
    let sizes = Config { form: Form::Initial, features: 9, embedding: 5, hidden: 6, words: 12 };
    let features = &arrays["rnn/features"];
    for (net, made_by, form) in [
        ("deck", "deck", Form::Initial),
        ("talk", "talk", Form::NeuralTalk { once: false }),
        ("talk", "once", Form::NeuralTalk { once: true }),
    ] {
        for device in [Device::Cpu, Device::from(gpu())] {
            let (graph, config) = (Graph::new(), Config { form, ..sizes });
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
    let of = |d| Config { form: Form::NeuralTalk { once: false }, features: 4096, embedding: d, hidden: d, words: 8791 };
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

/// `NeuralTalk`'s search, written out: every caption that has not ended goes on with its `k` likeliest words, one that has stays as it
/// is, and the `k` best of all are kept.
fn beam(weights: &Weights, config: Config, features: &[f64], k: usize, longest: usize) -> Vec<(Vec<i32>, f64)> {
    let get = |name: &str| weights.get(name).unwrap().to_f64();
    let times = |x: &[f64], name: &str| -> Vec<f64> {
        let w = get(name);
        let columns = w.len() / x.len();
        (0..columns).map(|j| x.iter().enumerate().map(|(i, x)| x * w[i * columns + j]).sum()).collect()
    };
    let plus = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + b).collect() };
    let talk = config.form != Form::Initial;
    let image = if talk { plus(&times(features, "We"), &get("be")) } else { plus(&times(features, "Wih"), &get("bih")) };
    let first = if talk { vec![0.0; config.hidden] } else { image.clone() };
    let mut beam = vec![(Vec::new(), 0.0, first)];
    for t in 0..longest {
        let mut candidates = Vec::new();
        for (words, score, h) in &beam {
            if words.last() == Some(&0) {
                candidates.push((words.clone(), *score, h.clone()));
                continue;
            }
            let word = *words.last().unwrap_or(&0) as usize;
            let e = config.embedding;
            let mut sum = plus(&times(&get("Ws")[word * e..][..e], "Wxh"), &plus(&times(h, "Whh"), &get("bhh")));
            if talk {
                sum = plus(&sum, &get("bxh"));
            }
            if matches!(config.form, Form::NeuralTalk { once } if !once || t == 0) {
                sum = plus(&sum, &image);
            }
            let h: Vec<f64> = sum.iter().map(|v| if talk { v.max(0.0) } else { v.tanh() }).collect();
            let y = if talk { plus(&times(&h, "Wd"), &get("bd")) } else { plus(&times(&h, "Why"), &get("by")) };
            let largest = y.iter().fold(f64::MIN, |m, v| m.max(*v));
            let all = largest + y.iter().map(|v| (v - largest).exp()).sum::<f64>().ln();
            for (word, y) in y.iter().enumerate() {
                candidates.push(([&words[..], &[word as i32]].concat(), score + y - all, h.clone()));
            }
        }
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1));
        candidates.truncate(k);
        beam = candidates;
    }
    beam.into_iter().map(|(words, score, _)| (words, -score)).collect()
}

#[test]
fn beams_without_attention_are_those_of_the_published_search() {
    let arrays = fixture("show_attend_tell");
    let sizes = Config { form: Form::Initial, features: 9, embedding: 5, hidden: 6, words: 12 };
    let (mut ended, mut open) = (0, 0);
    for (net, form) in [("deck", Form::Initial), ("talk", Form::NeuralTalk { once: false }), ("talk", Form::NeuralTalk { once: true })] {
        let (weights, config) = (weights(&arrays, &format!("rnn/{net}")), Config { form, ..sizes });
        let photos = &arrays["rnn/features"];
        let first = Array::new([1, 9], photos.values::<f32>().unwrap()[..9].to_vec()).unwrap();
        for device in [Device::Cpu, Device::from(gpu())] {
            for (k, longest) in [(1, 5), (3, 6), (4, 8)] {
                let expected = beam(&weights, config, &first.to_f64(), k, longest);
                let found = BeamSearch::new(&device, &weights, config, k).unwrap().captions(&first, longest, false).unwrap();
                let words = |i: usize| (&found[i].words, &expected[i].0);
                assert_eq!(found.len(), expected.len());
                for i in 0..k {
                    assert_eq!(words(i).0, words(i).1, "{net} {form:?}: caption {i} of {k} on {}", device.name());
                    assert!((f64::from(found[i].cost) - expected[i].1).abs() < 1e-4, "{:?} {:?}", found[i], expected[i]);
                    if found[i].words.last() == Some(&0) { ended += 1 } else { open += 1 }
                }
                let mut per_word = BeamSearch::new(&Device::Cpu, &weights, config, k).unwrap().captions(&first, longest, true).unwrap();
                per_word.sort_by(|a, b| a.words.cmp(&b.words));
                let mut sorted = found.clone();
                sorted.sort_by(|a, b| a.words.cmp(&b.words));
                assert_eq!(per_word.iter().map(|f| &f.words).collect::<Vec<_>>(), sorted.iter().map(|f| &f.words).collect::<Vec<_>>());
            }
        }
    }
    assert!(ended > 0 && open > 0, "{ended} captions ended, {open} did not: both must be seen");
}

#[test]
fn a_weights_file_says_which_network_it_is() {
    let arrays = fixture("show_attend_tell");
    let of = |net: &str| weights(&arrays, &format!("rnn/{net}"));
    let sizes = Config { form: Form::Initial, features: 9, embedding: 5, hidden: 6, words: 12 };
    assert_eq!(Config::of(&of("deck")).unwrap(), sizes);
    assert_eq!(Config::of(&of("talk")).unwrap(), Config { form: Form::NeuralTalk { once: false }, ..sizes });
    let once = of("talk").with_metadata("rnn_feed_once", "1");
    assert_eq!(Config::of(&once).unwrap().form, Form::NeuralTalk { once: true });
    let error = Config::of(&of("talk").with_metadata("rnn_relu_encoders", "1")).unwrap_err().to_string();
    assert!(error.contains("rnn_relu_encoders"), "{error}");
    let error = Config::of(&of("talk").with_metadata("rnn_feed_once", "often")).unwrap_err().to_string();
    assert!(error.contains("rnn_feed_once is 'often'"), "{error}");
}

#[test]
fn training_without_attention_starts_uniform() {
    let config = Config { form: Form::NeuralTalk { once: true }, features: 64, embedding: 20, hidden: 30, words: 50 };
    let weights = config.initial(3).unwrap();
    assert_eq!(Config::of(&weights).unwrap(), config);
    for (name, most) in [("We", 0.1), ("Ws", 0.1), ("Wxh", 0.1), ("Whh", 0.1), ("Wd", 0.01), ("bd", 0.0), ("bhh", 0.0)] {
        let values = weights.get(name).unwrap().to_f64();
        let (low, high) = values.iter().fold((0.0, 0.0), |(low, high): (f64, f64), v| (low.min(*v), high.max(*v)));
        assert!(low >= -most - 1e-7 && high <= most + 1e-7, "{name}: {low} to {high}");
        assert!(most == 0.0 || (low < -0.9 * most && high > 0.9 * most), "{name}: {low} to {high}");
    }
    assert!(Config { words: usize::MAX, ..config }.initial(1).unwrap_err().to_string().contains("2^28"));
}
