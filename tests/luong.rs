//! Global and local attention: narrow networks against PyTorch's scores, alignments and gradients; the published size; a beam that finds what
//! a search of all sentences finds; and windows that find where the next letter is.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, LONGEST, WORDS, compare, fixture, gpu, padded, spelt};
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::luong::{Attention, Luong, Network, Score, Window};
use foveate::models::sentences::{END, Language, Side, UNKNOWN, Unit, sentence_loss};
use foveate::models::translator::{System, Translator, Unknown};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Random, Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::{Clip, Objective, Trainer};
use std::collections::HashMap;

const SOURCES: [&[i32]; 4] = [&[3, 2, 6, 1, 5, 2, 0], &[5, 0], &[4, 4, 1, 2, 0], &[0]];
const TARGETS: [&[i32]; 4] = [&[2, 7, 0], &[3, 4, 1, 5, 0], &[6, 0], &[2, 0]];

fn narrow(attention: Option<(Score, Window)>, feeds: bool) -> Luong {
    let attention = attention.map(|(score, window)| Attention { score, window });
    Luong { source: 7, target: 8, embedding: 5, hidden: 6, layers: 2, attention, feeds }
}

/// Those of the fixture.
fn networks() -> [(&'static str, Luong); 7] {
    [
        ("none", narrow(None, false)),
        ("dot", narrow(Some((Score::Dot, Window::Global)), true)),
        ("general", narrow(Some((Score::General, Window::Global)), false)),
        ("location", narrow(Some((Score::Location(4), Window::Global)), true)),
        ("monotonic", narrow(Some((Score::General, Window::Monotonic(1))), true)),
        ("predicted", narrow(Some((Score::Dot, Window::Predicted(2))), true)),
        ("concat", narrow(Some((Score::Concat, Window::Predicted(1))), false)),
    ]
}

/// The weights that the fixture's script draws.
fn drawn(sizes: Luong) -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| {
        let fan_in = if shape.len() > 1 { shape[shape.len() - 1] } else { 16 };
        let array = init::normal(&shape, 2.0 / (fan_in as f32).sqrt(), &name, 1);
        (name, array)
    };
    let weights = Weights::from_arrays("drawn", sizes.tensors().unwrap().into_iter().map(one));
    sizes.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

fn network(graph: &Graph, weights: &Weights, sizes: Luong) -> Network {
    Network::new(&mut Layers::load(graph, weights), sizes).unwrap()
}

/// Sums of at most 17 products through up to 12 steps of two layers, whose gates are below 1: 1e-5 of the largest value, 84 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }
}

/// The fixture goes through each sentence by itself; here all are in one batch, padded by more than any needs.
#[test]
fn narrow_networks_translate_and_learn_as_in_pytorch() {
    const PLACES: usize = 9;
    let expected: HashMap<String, Array> = fixture("luong").into_iter().collect();
    for (prefix, sizes) in networks() {
        let graph = Graph::new();
        let weights = drawn(sizes).as_states();
        let [source, target] = [("source", padded(&SOURCES, PLACES)), ("target", padded(&TARGETS, 6))];
        let [x, y] = [&source, &target].map(|(name, array)| graph.input(name, array.ty()).unwrap());
        let (scores, looked) = network(&graph, &weights, sizes).forced(&x, &y, None).unwrap();
        let loss = sentence_loss(&scores, &y).unwrap();
        let parameters = weights.states(&graph);
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        assert_eq!(expected.keys().filter(|key| key.starts_with(&format!("{prefix}.gradient."))).count(), gradients.len());
        let outputs: Vec<&Var> = [&loss, &scores].into_iter().chain(&looked).chain(&gradients).collect();
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let found = Plan::compile(device, &outputs).unwrap().run(&[("source", &source.1), ("target", &target.1)]).unwrap();
            let held = |key: &str, found: &Array| {
                let expected = &expected[&format!("{prefix}.{key}")];
                compare(found, expected, None, near(expected)).unwrap_or_else(|e| panic!("{prefix}.{key} on {name}: {e}"));
            };
            held("loss", &found[0]);
            for (i, (source, target)) in SOURCES.iter().zip(TARGETS).enumerate() {
                let part = |array: &Array, columns: usize| {
                    let (steps, wide) = (array.shape()[1], array.shape()[2]);
                    let values = array.values::<f32>().unwrap();
                    Array::from_fn([target.len(), columns], |at| values[(i * steps + at / columns) * wide + at % columns])
                };
                held(&format!("scores.{i}"), &part(&found[1], 8));
                if looked.is_some() {
                    held(&format!("looked.{i}"), &part(&found[2], source.len()));
                    let beyond: f64 = found[2].to_f64().chunks(PLACES).skip(6 * i).take(6).flat_map(|row| &row[source.len()..]).sum();
                    assert_eq!(beyond, 0.0, "nothing behind the end is looked at");
                }
            }
            for (p, found) in parameters.iter().zip(&found[outputs.len() - gradients.len()..]) {
                held(&format!("gradient.{}", p.name), found);
            }
        }
    }
}

#[test]
fn published_network_has_the_published_size() {
    let count = |sizes: Luong| sizes.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
    // Embeddings 100, LSTMs 32 and 36, Wc 2, Wa 1, Wp 1 and Ws 50 million, vp, and what stands for the end and for unknown words.
    assert_eq!(count(Luong::PUBLISHED), 222_001_000 + 2 * 3 * 1000);
    for (name, sizes) in networks() {
        let weights = sizes.initial(3).unwrap();
        assert_eq!(Luong::of(&weights).unwrap(), sizes, "{name}");
        assert_eq!(System::of(&weights).unwrap(), System::Luong(sizes));
        let largest = weights.get("output.weight").unwrap().to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        assert!(largest > 0.05 && largest <= 0.1, "{largest}");
    }
}

#[test]
fn wrong_sizes_and_weights_are_refused() {
    let general = narrow(Some((Score::General, Window::Global)), true);
    for (wrong, part) in [
        (Luong { hidden: 0, ..general }, "no size may be 0"),
        (Luong { layers: 0, ..general }, "no size may be 0"),
        (Luong { target: 1, ..general }, "2 words at least"),
        (narrow(Some((Score::Dot, Window::Monotonic(0))), true), "reaches 1 word at least"),
        (narrow(Some((Score::Location(0), Window::Global)), true), "1 place at least"),
        (narrow(Some((Score::Location(4), Window::Predicted(2))), true), "its window is global"),
    ] {
        let error = wrong.initial(1).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let (graph, weights) = (Graph::new(), drawn(general));
    let error = Network::new(&mut Layers::load(&graph, &weights), Luong { hidden: 7, ..general }).unwrap_err().to_string();
    assert!(error.contains("'encoder.0.weight'"), "{error}");
    for (key, value, part) in [("attention", "some", "'some'"), ("window", "wide", "'wide'"), ("reach", "-1", "reach")] {
        let error = Luong::of(&weights.clone().with_metadata(key, value)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let bare = Weights::from_arrays("bare", weights.names().map(|name| (name.to_owned(), Array::clone(weights.get(name).unwrap()))));
    let error = Luong::of(&bare).unwrap_err().to_string();
    assert!(error.contains("no 'attention' in its metadata"), "{error}");
    let net = network(&graph, &weights, general);
    let words = |shape: &[usize]| graph.constant(Array::full(shape, 2i32)).unwrap();
    assert_eq!(net.forced(&words(&[2, 3]), &words(&[2, 1]), None).unwrap().0.shape(), [2, 1, 8], "one word needs none before it");
    for error in [
        net.read(&words(&[3]), None).unwrap_err(),
        net.forced(&words(&[2, 3]), &words(&[1, 3]), None).unwrap_err(),
        net.forced(&words(&[]), &words(&[1, 3]), None).unwrap_err(),
        net.greedy(&words(&[2, 3]), 0).unwrap_err(),
    ] {
        assert!(error.to_string().contains("luong"), "{error}");
    }
}

/// In training another part of the numbers is dropped at each run, and the loss is that of none in the mean, or nearly.
#[test]
fn a_share_is_dropped() {
    let sizes = narrow(Some((Score::General, Window::Global)), true);
    let (graph, weights) = (Graph::new(), drawn(sizes));
    let [x, y] = [padded(&SOURCES, 7), padded(&TARGETS, 5)].map(|array| graph.constant(array).unwrap());
    let loss = |scores: &Var| sentence_loss(scores, &y).unwrap();
    let net = network(&graph, &weights, sizes);
    let whole = loss(&net.forced(&x, &y, None).unwrap().0);
    let mut random = Random::new(&graph, 1).unwrap();
    let some = loss(&net.forced(&x, &y, Some((&mut random, 0.2))).unwrap().0);
    let none = loss(&net.forced(&x, &y, Some((&mut random, 0.0))).unwrap().0);
    let mut plan = Plan::compile(gpu(), &[&whole, &some, &none]).unwrap();
    let runs: Vec<Vec<f64>> = (0..20).map(|_| plan.run(&[]).unwrap().iter().map(|loss| loss.to_f64()[0]).collect()).collect();
    assert!(runs.iter().all(|run| (run[0] - run[2]).abs() < 1e-5), "{runs:?}");
    let mean = runs.iter().map(|run| run[1]).sum::<f64>() / 20.0;
    assert!(runs.windows(2).all(|pair| pair[0][1] != pair[1][1]) && (mean - runs[0][0]).abs() < 0.1 * runs[0][0], "{mean} {runs:?}");
}

/// `weights` with languages of so many words: c, d, e .. after the two that all have.
fn speaking(weights: Weights, sizes: Luong) -> Weights {
    let languages = [(Side::Source, sizes.source), (Side::Target, sizes.target)].map(|(side, words)| {
        let letters: String = ('c'..).take(words - 2).collect();
        Language::learnt(Unit::Letters, [letters.as_str()], words).unwrap().metadata(side)
    });
    languages.into_iter().flatten().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

/// Translations of two words at the most, all of which a beam of eight goes through; and a beam of one is greedy, word after word.
#[test]
fn beams_find_what_a_search_of_all_finds() {
    let text = "fedgf";
    for (name, sizes) in networks() {
        let weights = speaking(drawn(sizes), sizes);
        let mut translator = Translator::new(&Device::from(gpu()), &weights, 8, Unknown::Written).unwrap();
        assert_eq!(translator.system().looks(), sizes.attention.is_some());
        let found = translator.translate(text, 2, false).unwrap();

        // An end, or a word and whatever follows: 1 + 7 * 8 sentences.
        let all: Vec<[i32; 2]> = std::iter::once([END, -1]).chain((1..8).flat_map(|a| (0..8).map(move |b| [a, b]))).collect();
        let graph = Graph::new();
        let read = translator.source().read(text);
        let source = graph.constant(padded(&vec![&read[..]; all.len()], 16)).unwrap();
        let target = Array::from_fn([all.len(), 2], |i| all[i / 2][i % 2]);
        let logs = network(&graph, &weights, sizes).forced(&source, &graph.constant(target).unwrap(), None).unwrap().0.log_softmax(-1);
        let logs = Plan::compile(gpu(), &[&logs.unwrap()]).unwrap().run(&[]).unwrap().remove(0);
        let logs = logs.values::<f32>().unwrap();
        let total = |(row, words): (usize, &[i32; 2])| {
            let written: Vec<i32> = words.iter().copied().filter(|word| *word >= 0).collect();
            let log: f32 = written.iter().enumerate().map(|(at, word)| logs[(row * 2 + at) * 8 + *word as usize]).sum();
            (log, written)
        };
        let mut expected: Vec<(f32, Vec<i32>)> = all.iter().enumerate().map(total).collect();
        expected.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert_eq!(found[0].words, expected[0].1, "{name}");
        assert!((found[0].log_probability - expected[0].0).abs() < 1e-4, "{name}: {} {}", found[0].log_probability, expected[0].0);

        let mut one = Translator::new(&Device::from(gpu()), &weights, 1, Unknown::Written).unwrap();
        let long = "dcgfe".repeat(5);
        let narrow = one.translate(&long, 4, false).unwrap().remove(0);
        let graph = Graph::new();
        let source = one.source().read(&long);
        let greedy = network(&graph, &weights, sizes).greedy(&graph.constant(padded(&[&source], 30)).unwrap(), 4).unwrap();
        let outputs: Vec<&Var> = std::iter::once(&greedy.words).chain(&greedy.alphas).collect();
        let made = Plan::compile(gpu(), &outputs).unwrap().run(&[]).unwrap();
        let words = made[0].values::<i32>().unwrap();
        let end = words.iter().position(|word| *word == END).map_or(4, |end| end + 1);
        assert_eq!(narrow.words, words[..end], "{name}");
        if let (Some(alphas), Some(theirs)) = (&narrow.alphas, made.get(1)) {
            let theirs = theirs.values::<f32>().unwrap().chunks(30).take(end).flat_map(|row| &row[..26]).copied().collect::<Vec<_>>();
            let theirs = Array::new([end, 26], theirs).unwrap();
            compare(alphas, &theirs, None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        let copying = Translator::new(&Device::from(gpu()), &weights, 8, Unknown::Copied);
        assert_eq!(copying.is_ok(), sizes.attention.is_some(), "{name}");
        if let Ok(mut copying) = copying {
            // Eight sentences of a word, so each of the eight words.
            let all = copying.translate(text, 1, false).unwrap();
            let one = all.iter().find(|one| one.words.first() == Some(&UNKNOWN)).unwrap();
            let row = &one.alphas.as_ref().unwrap().to_f64()[..5];
            let most = (0..5).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
            assert!(one.text.starts_with(&text[most..=most]), "{name}: {} of {row:?}", one.text);
        }
        let mut known = Translator::new(&Device::from(gpu()), &weights, 4, Unknown::Forbidden).unwrap();
        assert!(known.translate(text, 2, true).unwrap().iter().all(|found| !found.words.contains(&1)));
        assert!(known.translate("", 2, true).is_ok(), "nothing but an end");
    }
}

/// Words of three to six letters written as they are or backwards, by networks that see one letter to either side of a place: the share of
/// words that are right, and how far from the letter the middle of what it looked at lay.
fn learnt(window: Window, backwards: bool, steps: usize) -> (f64, f64) {
    let attention = Some(Attention { score: Score::General, window });
    let sizes = Luong { source: 10, target: 10, embedding: 16, hidden: 32, layers: 1, attention, feeds: true };
    let batch = |number: usize| spelt(number, backwards);

    let graph = Graph::new();
    let weights = sizes.initial(1).unwrap().as_states();
    let [x, y] = ["source", "target"].map(|name| graph.input(name, batch(0)[0].ty()).unwrap());
    let (scores, _) = network(&graph, &weights, sizes).forced(&x, &y, None).unwrap();
    let loss = sentence_loss(&scores, &y).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let adam = Optimiser::Adam(Adam::default());
    let mut trainer = Trainer::new(gpu(), &objective, &adam, Schedule::Fixed { base: 0.01 }, Some(Clip::Norm(5.0))).unwrap();
    for step in 0..steps {
        let [source, target] = batch(step);
        trainer.step(&[("source", &source), ("target", &target)]).unwrap();
    }

    let weights = trainer.weights().unwrap();
    let [source, target] = batch(1000);
    let graph = Graph::new();
    let made = network(&graph, &weights, sizes).greedy(&graph.constant(source).unwrap(), LONGEST + 1).unwrap();
    let found = Plan::compile(gpu(), &[&made.words, &made.alphas.unwrap()]).unwrap().run(&[]).unwrap();
    let places = LONGEST + 1;
    let (words, expected, alphas) = (found[0].values::<i32>().unwrap(), target.values::<i32>().unwrap(), found[1].values::<f32>().unwrap());
    let (mut right, mut away, mut all) = (0.0, 0.0, 0.0);
    for (row, expected) in expected.chunks(places).enumerate() {
        let length = expected.iter().position(|word| *word == END).unwrap();
        right += f64::from(u8::from(words[row * places..][..=length] == expected[..=length])) / WORDS as f64;
        for i in 0..length {
            let row = &alphas[(row * places + i) * places..][..places];
            let middle = (0..).zip(row).map(|(j, a)| j as f32 * a).sum::<f32>() / row.iter().sum::<f32>();
            let letter = if backwards { length - 1 - i } else { i };
            away += f64::from((middle - letter as f32).abs());
            all += 1.0;
        }
    }
    (right, away / all)
}

/// One that looks as far from the beginning as it writes cannot write backwards; one that says where to look can.
#[test]
fn windows_find_where_the_next_letter_is() {
    let (right, away) = learnt(Window::Monotonic(1), false, 120);
    assert!(right >= 0.75 && away < 0.3, "{right} {away}");
    let (right, away) = learnt(Window::Monotonic(1), true, 120);
    assert!(right <= 0.1 && away > 1.5, "{right} {away}");
    let (right, away) = learnt(Window::Predicted(2), true, 260);
    assert!(right >= 0.75 && away < 0.2, "{right} {away}");
}
