//! Show, Attend and Tell, and the captioners without attention, against NumPy and what is said of their sizes and costs.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

#[path = "../common/mod.rs"]
mod common;
mod dropout;
mod estimator;
mod growing;
mod learning;
mod published;
mod recomputed;
mod recurrent;
mod rnn;
mod search;
mod training;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, Hw, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::show_attend_tell::{Attention, BeamSearch, Config, Decoder, annotations, doubly_stochastic, sentence_loss, sheet};
use foveate::nn::Weights;
use foveate::plan::{Device, Plan};
use std::collections::HashMap;

/// Sums of a dozen products, and up to six steps of them.
const NEAR: Bound = Bound::Near { absolute: 2e-5, relative: 2e-5 };

type Arrays = HashMap<String, Array>;

const COCO: Config = Config { words: 13, embedding: 6, hidden: 7, features: 5, ..Config::COCO };
const PLAIN: Config = Config {
    words: 9,
    embedding: 4,
    hidden: 8,
    features: 5,
    init_layers: 1,
    attention_layers: 1,
    output_layers: 1,
    selector: false,
    previous_to_output: false,
    context_to_output: false,
    dropout: false,
};
const DEEP: Config = Config {
    words: 11,
    embedding: 5,
    hidden: 6,
    features: 4,
    init_layers: 3,
    attention_layers: 3,
    output_layers: 2,
    dropout: false,
    ..Config::COCO
};
const NETS: [(&str, Config); 3] = [("coco", COCO), ("plain", PLAIN), ("deep", DEEP)];

fn weights(arrays: &Arrays, prefix: &str) -> Weights {
    let start = format!("{prefix}/w/");
    let part = arrays.iter().filter_map(|(name, array)| Some((name.strip_prefix(&start)?.to_owned(), array.clone())));
    Weights::from_arrays(prefix, part.collect::<Vec<_>>())
}

/// What `build` makes of inputs, by the references and on the GPU, is what NumPy made, name by name.
#[track_caller]
fn check(arrays: &Arrays, config: Config, net: &str, inputs: &[&str], wanted: &[&str], build: impl Fn(&Decoder, &[Var]) -> Vec<Var>) {
    let graph = Graph::new();
    let decoder = Decoder::new(&graph, &weights(arrays, net), config).unwrap();
    let given: Vec<_> = inputs.iter().map(|name| (*name, &arrays[&format!("{net}/{name}")])).collect();
    let vars: Vec<Var> = given.iter().map(|(name, array)| graph.input(name, array.ty()).unwrap()).collect();
    let outputs = build(&decoder, &vars);
    assert_eq!(outputs.len(), wanted.len());
    for device in [Device::Cpu, Device::from(gpu())] {
        let made = Plan::compile(&device, &outputs.iter().collect::<Vec<_>>()).unwrap().run(&given).unwrap();
        for (made, name) in made.iter().zip(wanted) {
            let expected = &arrays[&format!("{net}/{name}")];
            compare(made, expected, None, NEAR).unwrap_or_else(|e| panic!("{net}/{name} on {}: {e}", device.name()));
        }
    }
}

#[test]
fn the_beginning_is_numpys() {
    let arrays = fixture("show_attend_tell");
    for (net, config) in NETS {
        check(&arrays, config, net, &["a"], &["p", "h", "c"], |decoder, vars| {
            let (image, state) = decoder.begin(&vars[0]).unwrap();
            vec![image.projected, state.h, state.c]
        });
    }
}

#[test]
fn greedy_captions_are_numpys() {
    let arrays = fixture("show_attend_tell");
    for (net, config) in NETS {
        for (kind, attention, steps) in [("greedy", Attention::Soft, 5), ("hard", Attention::Hard, 4)] {
            let mut wanted = vec!["words", "logs", "alphas"];
            if config.selector {
                wanted.push("betas");
            }
            let wanted: Vec<String> = wanted.into_iter().map(|name| format!("{kind}/{name}")).collect();
            check(&arrays, config, net, &["a"], &wanted.iter().map(String::as_str).collect::<Vec<_>>(), |decoder, vars| {
                let made = decoder.greedy(&vars[0], steps, &attention).unwrap();
                [made.words, made.log_probabilities, made.alphas].into_iter().chain(made.betas).collect()
            });
        }
    }
}

#[test]
fn drawn_places_are_numpys() {
    let arrays = fixture("show_attend_tell");
    let wanted = ["sampled/words", "sampled/logs", "sampled/alphas"];
    check(&arrays, COCO, "coco", &["a", "sampled/numbers"], &wanted, |decoder, vars| {
        let made = decoder.greedy(&vars[0], 4, &Attention::Sampled(vars[1].clone())).unwrap();
        vec![made.words, made.log_probabilities, made.alphas]
    });
}

#[test]
fn given_words_and_their_losses_are_numpys() {
    let arrays = fixture("show_attend_tell");
    let wanted = ["forced/logs", "forced/alphas", "forced/loss", "forced/penalty"];
    for (net, config) in [NETS[0], NETS[2]] {
        check(&arrays, config, net, &["a", "forced/words", "forced/mask"], &wanted, |decoder, vars| {
            let made = decoder.forced(&vars[0], &vars[1], &vars[2], &Attention::Soft).unwrap();
            let loss = sentence_loss(&made.log_probabilities, &vars[2]).unwrap();
            let penalty = doubly_stochastic(&made.alphas, 1.0).unwrap();
            vec![made.log_probabilities, made.alphas, loss, penalty]
        });
    }
}

fn row(a: &Array, image: usize) -> Array {
    let [_, places, size] = *a.shape() else { panic!("{}", a.ty()) };
    let values = a.values::<f32>().unwrap();
    Array::from_fn([1, places, size], |i| values[image * places * size + i])
}

#[test]
fn alphas_and_probabilities_add_up_to_one() {
    let arrays = fixture("show_attend_tell");
    let graph = Graph::new();
    let decoder = Decoder::new(&graph, &weights(&arrays, "coco"), COCO).unwrap();
    let a = graph.input("a", arrays["coco/a"].ty()).unwrap();
    let (image, state) = decoder.begin(&a).unwrap();
    let step = decoder.step(&image, &state, None, &Attention::Soft, 0).unwrap();
    let sums = [step.alpha.reduce_sum(&[1], false).unwrap(), step.log_probabilities.exp().unwrap().reduce_sum(&[1], false).unwrap()];
    let made = Plan::compile(gpu(), &[&sums[0], &sums[1], &step.beta.unwrap()]).unwrap().run(&[("a", &arrays["coco/a"])]).unwrap();
    let near = Bound::Near { absolute: 1e-6, relative: 0.0 };
    compare(&made[0], &Array::full([2], 1.0f32), None, near).unwrap();
    compare(&made[1], &Array::full([2], 1.0f32), None, near).unwrap();
    assert!(made[2].values::<f32>().unwrap().iter().all(|beta| *beta > 0.0 && *beta < 1.0));
}

/// Weights of the fixture's network whose scores are so far apart that alpha is 1 at one place and 0 elsewhere.
fn decided(arrays: &Arrays) -> Weights {
    let plain = weights(arrays, "coco");
    let louder = |name: &str, array: &Array| match array.values::<f32>() {
        Ok(values) if name == "decoder_U_att" => Array::from_fn(array.shape(), |i| 1e4 * values[i]),
        _ => array.clone(),
    };
    let names: Vec<String> = plain.names().map(str::to_owned).collect();
    Weights::from_arrays("decided", names.into_iter().map(|name| (name.clone(), louder(&name, plain.get(&name).unwrap()))))
}

#[test]
fn soft_and_hard_attention_agree_where_one_place_has_it_all() {
    let arrays = fixture("show_attend_tell");
    let (weights, a) = (decided(&arrays), row(&arrays["coco/a"], 1));
    let graph = Graph::new();
    let numbers = graph.constant(Array::full([1, 4], 0.5f32)).unwrap();
    let input = graph.input("a", a.ty()).unwrap();
    let decoder = Decoder::new(&graph, &weights, COCO).unwrap();
    let of = |attention| decoder.greedy(&input, 4, &attention).unwrap();
    let (soft, hard, drawn) = (of(Attention::Soft), of(Attention::Hard), of(Attention::Sampled(numbers)));
    let outputs = [&soft.alphas, &soft.log_probabilities, &soft.words, &hard.log_probabilities, &hard.words, &drawn.log_probabilities];
    let made = Plan::compile(gpu(), &outputs).unwrap().run(&[("a", &a)]).unwrap();
    assert!(made[0].values::<f32>().unwrap().iter().all(|alpha| *alpha == 0.0 || *alpha == 1.0), "{:?}", made[0]);
    compare(&made[3], &made[1], None, Bound::Near { absolute: 1e-6, relative: 0.0 }).unwrap();
    assert_eq!(made[4], made[2]);
    assert_eq!(made[5], made[3]);
}

#[test]
fn the_penalty_is_nothing_where_every_place_is_seen_once() {
    let graph = Graph::new();
    // Two images, three words, three places: each place once, and one place three times.
    let once = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0f32];
    let thrice = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0f32];
    let alphas = graph.constant(Array::new([2, 3, 3], [once, thrice].concat()).unwrap()).unwrap();
    let penalty = doubly_stochastic(&alphas, 1.0).unwrap();
    // (0 + (1 + 4 + 1)) / 2
    assert_eq!(Plan::compile(Device::Cpu, &[&penalty]).unwrap().run(&[]).unwrap()[0], Array::scalar(3.0f32));
}

#[test]
fn annotations_are_the_places_of_the_features() {
    let graph = Graph::new();
    let features = graph.constant(Array::from_fn([1, 2, 2, 2], |i| i as f32)).unwrap();
    let made = Plan::compile(Device::Cpu, &[&annotations(&features).unwrap()]).unwrap().run(&[]).unwrap();
    assert_eq!(made[0], Array::new([1, 4, 2], vec![0.0f32, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]).unwrap());
    let full = graph.input("conv5_3", TensorType::f32([1, 512, 14, 14])).unwrap();
    assert_eq!(annotations(&full).unwrap().shape(), [1, 196, 512]);
    assert!(annotations(&graph.constant(Array::full([3], 0.0f32)).unwrap()).unwrap_err().to_string().contains("(n, c, h, w)"));
}

#[test]
fn a_sheet_has_the_photo_and_a_panel_for_each_word() {
    let graph = Graph::new();
    let photo = graph.constant(Array::full([1, 3, 4, 6], 0.5f32)).unwrap();
    // All at the left, and everywhere the same.
    let alphas = graph.constant(Array::new([2, 2], vec![1.0f32, 0.0, 0.5, 0.5]).unwrap()).unwrap();
    let made = Plan::compile(gpu(), &[&sheet(&photo, &alphas, Hw::new(1, 2), 2).unwrap()]).unwrap().run(&[]).unwrap().remove(0);
    assert_eq!(made.shape(), [1, 3, 8, 12]);
    let values = made.values::<f32>().unwrap();
    let at = |y: usize, x: usize| values[y * 12 + x];
    for (y, x, expected) in [(0, 0, 0.5), (3, 5, 0.5), (0, 6, 0.9), (3, 11, 0.1), (4, 0, 0.9), (7, 5, 0.9), (4, 6, 0.0), (7, 11, 0.0)] {
        assert!((at(y, x) - expected).abs() < 1e-6, "{y} {x}: {}", at(y, x));
    }
    let text = sheet(&photo, &alphas, Hw::new(2, 2), 2).unwrap_err().to_string();
    assert!(text.contains("2 x 2 for 2 places"), "{text}");
}

#[test]
fn parameters_of_other_shapes_are_refused_by_name() {
    let arrays = fixture("show_attend_tell");
    let error = |weights: &Weights, config| Decoder::new(&Graph::new(), weights, config).unwrap_err().to_string();
    let coco = weights(&arrays, "coco");
    let text = error(&coco, Config { words: 14, ..COCO });
    assert!(text.contains("'Wemb' is f32[13, 6], the network's is f32[14, 6]"), "{text}");
    let text = error(&coco, Config { attention_layers: 3, ..COCO });
    assert!(text.contains("no tensor 'decoder_W_att_2'"), "{text}");
    let text = error(&coco, Config { selector: false, ..COCO });
    assert!(text.contains("decoder_W_sel") || text.contains("decoder_b_sel"), "{text}");
    let graph = Graph::new();
    let decoder = Decoder::new(&graph, &coco, COCO).unwrap();
    let a = graph.input("a", TensorType::f32([1, 6, 4])).unwrap();
    let text = decoder.begin(&a).unwrap_err().to_string();
    assert!(text.contains("(images, places, 5)") && text.contains("f32[1, 6, 4]"), "{text}");
    let a = graph.input("b", TensorType::f32([1, 6, 5])).unwrap();
    assert!(decoder.greedy(&a, 0, &Attention::Soft).unwrap_err().to_string().contains("0 words"));
    let numbers = graph.input("numbers", TensorType::f32([1, 2])).unwrap();
    let text = decoder.greedy(&a, 3, &Attention::Sampled(numbers.clone())).unwrap_err().to_string();
    assert!(text.contains("word 2 of 1 images") && text.contains("f32[1, 2]"), "{text}");
    let beam = |width, attention| BeamSearch::new(&Device::Cpu, &coco, COCO, 6, width, &attention).unwrap_err().to_string();
    assert!(beam(0, Attention::Soft).contains("0 sentences") && beam(14, Attention::Soft).contains("14 sentences"));
    assert!(beam(2, Attention::Sampled(numbers.clone())).contains("drawn"));
    let drawn = graph.constant(Array::new([1], vec![true]).unwrap()).unwrap();
    assert!(beam(2, Attention::Mixed { numbers, drawn }).contains("drawn"));
}

#[test]
fn a_weights_file_says_which_network_it_is() {
    let arrays = fixture("show_attend_tell");
    for (net, config) in NETS {
        // What has no parameters is as in the published scripts unless the metadata say otherwise.
        let weights = weights(&arrays, net);
        let published = Config { previous_to_output: true, dropout: true, ..config };
        assert_eq!(Config::of(&weights).unwrap(), published, "{net}");
        let said = weights.with_metadata("prev2out", "False").with_metadata("use_dropout", "false");
        assert_eq!(Config::of(&said).unwrap(), Config { previous_to_output: false, dropout: false, ..config }, "{net}");
    }
    let error = Config::of(&weights(&arrays, "coco").with_metadata("prev2out", "yes")).unwrap_err().to_string();
    assert!(error.contains("prev2out is 'yes'"), "{error}");
    let error = Config::of(&Weights::from_arrays("none", [])).unwrap_err().to_string();
    assert!(error.contains("no tensor 'Wemb'"), "{error}");
}

#[test]
fn training_starts_with_orthogonal_matrices_and_small_numbers() {
    let config = Config { embedding: 8, hidden: 8, features: 8, words: 500, ..Config::COCO };
    let weights = config.initial(1).unwrap();
    Decoder::new(&Graph::new(), &weights, config).unwrap();
    let values = |name: &str| weights.get(name).unwrap().to_f64();
    // Each gate's matrix is orthogonal: its rows have length 1 and nothing in common.
    for (name, stride, at) in
        [("decoder_U", 32, 0), ("decoder_U", 32, 24), ("decoder_W", 32, 8), ("ff_init_1_W", 8, 0), ("decoder_W_att_1", 8, 0)]
    {
        let w = values(name);
        for (i, j) in (0..8).flat_map(|i| (0..8).map(move |j| (i, j))) {
            let product: f64 = (0..8).map(|k| w[i * stride + at + k] * w[j * stride + at + k]).sum();
            assert!((product - f64::from(u8::from(i == j))).abs() < 1e-6, "{name} {i} {j}: {product}");
        }
    }
    for name in ["Wemb", "ff_logit_W", "decoder_Wc_att"] {
        let w = values(name);
        let deviation = (w.iter().map(|v| v * v).sum::<f64>() / w.len() as f64).sqrt();
        assert!((deviation - 0.01).abs() < 0.003, "{name}: {deviation}");
    }
    assert!(values("ff_logit_b").iter().all(|b| *b == 0.0));
    assert_eq!(*config.initial(1).unwrap().get("Wemb").unwrap(), *weights.get("Wemb").unwrap());
    assert_ne!(*config.initial(2).unwrap().get("Wemb").unwrap(), *weights.get("Wemb").unwrap());
    assert!(Config { words: usize::MAX, ..config }.initial(1).unwrap_err().to_string().contains("2^28"));
}
