//! Show, Attend and Tell, and the captioners without attention, against NumPy; what the specification says of sizes and costs.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu, random};
use foveate::array::{Array, Hw, TensorType};
use foveate::gpu::Gpu;
use foveate::graph::{Graph, Var};
use foveate::models::rnn_captioning::{self, Form};
use foveate::models::show_attend_tell::{
    Attention, BeamSearch, Config, Decoder, END, annotations, captions, doubly_stochastic, sentence_loss, sheet,
};
use foveate::nn::Weights;
use foveate::plan::{Cost, Device, Plan};
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
fn the_beam_finds_what_numpy_finds() {
    let arrays = fixture("show_attend_tell");
    for device in [Device::Cpu, Device::from(gpu())] {
        for (net, config) in NETS {
            let mut search = BeamSearch::new(&device, &weights(&arrays, net), config, 6, 3, &Attention::Soft).unwrap();
            for image in 0..2 {
                let part = |name: &str| arrays[&format!("{net}/beam{image}/{name}")].clone();
                let (words, costs) = (part("words"), part("costs"));
                let costs = costs.values::<f32>().unwrap();
                for (per_word, order) in [(false, "order"), (true, "order_per_word")] {
                    let found = search.captions(&row(&arrays[&format!("{net}/a")], image), 6, per_word).unwrap();
                    assert_eq!(found.len(), costs.len(), "{net} {image}: {found:?}");
                    for (found, at) in found.iter().zip(part(order).values::<i32>().unwrap()) {
                        let at = *at as usize;
                        let expected: Vec<i32> =
                            words.values::<i32>().unwrap()[6 * at..][..6].iter().copied().filter(|w| *w >= 0).collect();
                        assert_eq!(found.words, expected, "{net} {image} on {}", device.name());
                        assert!((found.cost - costs[at]).abs() < 1e-4, "{net}: {} for {}", found.cost, costs[at]);
                    }
                    if !per_word {
                        compare(&found[0].alphas, &part("alphas"), None, NEAR).unwrap();
                    }
                }
            }
        }
    }
}

/// Greedy captions of one image on the GPU.
fn greedy(gpu: &Gpu, weights: &Weights, config: Config, attention: &Attention, steps: usize) -> Plan {
    let graph = Graph::new();
    let a = graph.input("a", TensorType::f32([1, 6, config.features])).unwrap();
    let made = Decoder::new(&graph, weights, config).unwrap().greedy(&a, steps, attention).unwrap();
    Plan::compile(gpu, &[&made.words, &made.log_probabilities, &made.alphas]).unwrap()
}

#[test]
fn a_beam_of_one_is_greedy() {
    let arrays = fixture("show_attend_tell");
    for (net, config) in NETS {
        let weights = weights(&arrays, net);
        for image in 0..2 {
            let a = row(&arrays[&format!("{net}/a")], image);
            let made = greedy(gpu(), &weights, config, &Attention::Soft, 5).run(&[("a", &a)]).unwrap();
            let caption = captions(&made[0], &made[1], &made[2]).unwrap().remove(0);
            let mut search = BeamSearch::new(&Device::from(gpu()), &weights, config, 6, 1, &Attention::Soft).unwrap();
            let found = search.captions(&a, 5, false).unwrap().remove(0);
            let end = caption.ended.then_some(END);
            assert_eq!(found.words, caption.words.iter().copied().chain(end).collect::<Vec<_>>());
            assert!((f64::from(found.cost) - caption.cost).abs() < 1e-4);
            compare(&found.alphas, &caption.alphas, None, NEAR).unwrap();
        }
    }
}

/// How far `work` moves the number that wgpu gives submissions: one for each, and one for each buffer mapped to be read.
fn submissions<T>(gpu: &Gpu, work: impl FnOnce() -> T) -> (u64, T) {
    let number = || -> u64 {
        let text = format!("{:?}", gpu.queue().submit([]));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_else(|_| panic!("{text} has no number"))
    };
    let before = number();
    let made = work();
    (number() - before - 1, made)
}

/// The same for a plan of one addition: what cannot be less.
fn least(gpu: &Gpu) -> u64 {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([4])).unwrap();
    let mut plan = Plan::compile(gpu, &[&x.add(&x).unwrap()]).unwrap();
    submissions(gpu, || plan.run(&[("x", &Array::full([4], 1.0f32))]).unwrap()).0
}

#[test]
fn a_greedy_caption_is_one_submission() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let arrays = fixture("show_attend_tell");
    let a = row(&arrays["coco/a"], 0);
    for steps in [1, 5] {
        let mut plan = greedy(&gpu, &weights(&arrays, "coco"), COCO, &Attention::Soft, steps);
        plan.run(&[("a", &a)]).unwrap();
        let allocated = gpu.counters();
        let (submitted, _) = submissions(&gpu, || plan.run(&[("a", &a)]).unwrap());
        assert_eq!(gpu.counters(), allocated, "nothing is allocated on the way");
        assert_eq!(submitted, least(&gpu), "{steps} words");
    }
}

#[test]
fn a_word_of_a_beam_is_one_submission_and_a_small_readback() {
    let gpu = Gpu::new().unwrap(); // its own: the counters count for one test
    let arrays = fixture("show_attend_tell");
    let mut search = BeamSearch::new(&Device::from(&gpu), &weights(&arrays, "coco"), COCO, 6, 3, &Attention::Soft).unwrap();
    // Nothing goes up; a score, a choice and the alphas of each caption come down.
    assert_eq!(search.step_plan().inputs().count(), 0);
    let down: Vec<_> = search.step_plan().outputs().map(|ty| ty.shape.clone()).collect();
    assert_eq!(down, [vec![3], vec![3], vec![3, 6]]);
    let a = row(&arrays["coco/a"], 0);
    let mut counted = |longest| {
        let allocated = gpu.counters();
        let (submitted, found) = submissions(&gpu, || search.captions(&a, longest, false).unwrap());
        assert!(found.iter().any(|caption| caption.words.len() == longest));
        assert_eq!(gpu.counters(), allocated, "nothing is allocated on the way");
        submitted
    };
    // The beginning is one, and each word one more.
    let made = [counted(1), counted(2), counted(3)];
    assert_eq!(made, [2, 3, 4].map(|times| times * least(&gpu)));
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

/// The published network with zeros for weights.
fn zeros(config: Config) -> Weights {
    Weights::from_arrays("zeros", config.parameters().into_iter().map(|(name, shape)| (name, Array::full(shape, 0.0f32))))
}

#[test]
fn the_published_network_has_the_size_and_cost_of_the_specification() {
    let (k, m, n, d) = (10_000, 512, 1800, 512);
    let lstm = m * 4 * n + n * 4 * n + d * 4 * n + 4 * n;
    let attention = d * d + n * d + d + d * d + d + d + 1 + n + 1;
    let begin = (d * d + d) + 2 * (d * n + n);
    let readout = (n * m + m) + (d * m + m) + (m * k + k);
    assert_eq!(Config::COCO.parameter_count(), k * m + lstm + attention + begin + readout);
    // 35.3 M: the LSTM 20.3, words 5.1, output 5.1, initial states 2.1, attention 1.4, L_h and L_z 1.2.
    assert_eq!(Config::COCO.parameter_count(), 35_333_450);

    let graph = Graph::new();
    let decoder = Decoder::new(&graph, &zeros(Config::COCO), Config::COCO).unwrap();
    let features = graph.input("conv5", TensorType::f32([1, 512, 14, 14])).unwrap();
    let (image, state) = decoder.begin(&annotations(&features).unwrap()).unwrap();
    assert_eq!(image.projected.shape(), [1, 196, 512]);
    assert_eq!((state.h.shape(), state.c.shape()), (&[1, 1800][..], &[1, 1800][..]));
    // 105 M products per image.
    let once = Cost::of(&[&image.projected, &state.h, &state.c]).unwrap().multiply_adds;
    assert_eq!(once, (2 * 196 * d * d + d * d + 2 * d * n) as u64);

    let word = graph.input("word", TensorType::new(foveate::array::DType::I32, [1])).unwrap();
    let previous = decoder.embedded(&word).unwrap();
    let step = decoder.step(&image, &state, Some(&previous), &Attention::Soft, 0).unwrap();
    assert_eq!(step.alpha.shape(), [1, 196]);
    assert_eq!(step.log_probabilities.shape(), [1, 10_000]);
    assert_eq!(step.state.h.shape(), [1, 1800]);
    assert_eq!(step.beta.as_ref().unwrap().shape(), [1, 1]);
    // 27.8 M products per word.
    let all = Cost::of(&[&step.log_probabilities, &step.state.h]).unwrap().multiply_adds;
    let per_word = (m + n + d) * 4 * n + n * d + 2 * 196 * d + n + n * m + d * m + m * k;
    assert_eq!(all - once, per_word as u64);
    assert_eq!((all - once + 50_000) / 100_000, 278);

    // 13 words, some 466 M; the first word has no vector to multiply.
    let caption = decoder.greedy(&image.annotations, 13, &Attention::Soft).unwrap();
    assert_eq!(caption.alphas.shape(), [1, 13, 196]);
    let cost = Cost::of(&[&caption.words, &caption.alphas]).unwrap().multiply_adds;
    assert_eq!(cost, once + 13 * per_word as u64 - (m * 4 * n) as u64);
}

#[test]
fn the_published_network_makes_the_words_of_the_references() {
    let arrays = Config::COCO.parameters().into_iter().enumerate().map(|(i, (name, shape))| {
        // Uniform numbers whose products with a row of ones vary by about 1; louder scores, so that alpha is not flat.
        let scale = if name == "decoder_U_att" { 0.5 } else { (3.0 / shape.first().map_or(1.0, |n| *n as f32)).sqrt() };
        let values = random(&shape, i as u64);
        let values = values.values::<f32>().unwrap();
        (name, Array::from_fn(shape, |i| scale * values[i]))
    });
    let weights = Weights::from_arrays("random", arrays);
    let features = random(&[1, 512, 14, 14], 77);
    let values = features.values::<f32>().unwrap();
    let features = Array::from_fn([1, 512, 14, 14], |i| values[i].max(0.0));
    let graph = Graph::new();
    let input = graph.input("conv5", features.ty()).unwrap();
    let decoder = Decoder::new(&graph, &weights, Config::COCO).unwrap();
    let made = decoder.greedy(&annotations(&input).unwrap(), 2, &Attention::Soft).unwrap();
    let outputs = [&made.words, &made.log_probabilities, &made.alphas];
    let on = |device: Device| Plan::compile(device, &outputs).unwrap().run(&[("conv5", &features)]).unwrap();
    let (on_gpu, on_cpu) = (on(Device::from(gpu())), on(Device::Cpu));
    assert_eq!(on_gpu[0], on_cpu[0]);
    // Sums of up to 1800 products, and two steps of them.
    let near = Bound::Near { absolute: 1e-4, relative: 1e-4 };
    compare(&on_gpu[1], &on_cpu[1], None, near).unwrap();
    compare(&on_gpu[2], &on_cpu[2], None, near).unwrap();
}

#[test]
fn parameters_of_other_shapes_are_refused_by_name() {
    let arrays = fixture("show_attend_tell");
    let error = |weights: &Weights, config| Decoder::new(&Graph::new(), weights, config).unwrap_err().to_string();
    let coco = weights(&arrays, "coco");
    let text = error(&coco, Config { words: 14, ..COCO });
    assert!(text.contains("'Wemb' is f32[13, 6], it must be f32[14, 6]"), "{text}");
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
    assert!(beam(0, Attention::Soft).contains("0 captions") && beam(14, Attention::Soft).contains("14 captions"));
    assert!(beam(2, Attention::Sampled(numbers)).contains("drawn"));
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
    assert!(text.contains("'We' is f32[4096, 256], it must be f32[4096, 512]"), "{text}");
}
