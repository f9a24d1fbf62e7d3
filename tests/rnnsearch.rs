//! `RNNsearch`: narrow networks against PyTorch's scores, alignments and gradients; the published size; a beam that finds what a search of all
//! sentences finds; and a network that learns to write backwards, and looks there.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, LONGEST, compare, fixture, gpu, padded, spelt};
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::rnnsearch::{Network, RnnSearch};
use foveate::models::sentences::{END, Language, Side, Unit, alignment, sentence_loss};
use foveate::models::translator::{Translator, Unknown};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::schedule::Schedule;
use foveate::nn::{Weights, init};
use foveate::plan::{Device, Plan};
use foveate::train::{Clip, Objective, Trainer};
use std::collections::HashMap;

const SOURCES: [&[i32]; 3] = [&[3, 2, 6, 0], &[5, 0], &[4, 4, 1, 2, 0]];
const TARGETS: [&[i32]; 3] = [&[2, 7, 0], &[3, 4, 1, 5, 0], &[6, 0]];

fn narrow(searches: bool) -> RnnSearch {
    let alignment = if searches { 4 } else { 0 };
    RnnSearch { source: 7, target: 8, embedding: 5, hidden: 6, alignment, maxout: 3, searches }
}

/// The weights that the fixture's script draws.
fn drawn(sizes: RnnSearch) -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| {
        let fan_in = if shape.len() > 1 { shape[shape.len() - 1] } else { 16 };
        let array = init::normal(&shape, 1.0 / (fan_in as f32).sqrt(), &name, 1);
        (name, array)
    };
    Weights::from_arrays("drawn", sizes.tensors().unwrap().into_iter().map(one))
}

fn network(graph: &Graph, weights: &Weights, sizes: RnnSearch) -> Network {
    Network::new(&mut Layers::load(graph, weights), sizes).unwrap()
}

/// Sums of at most 16 products through up to 12 steps of GRUs whose weights let no error grow: 1e-5 of the largest value, 84 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }
}

/// The fixture goes through each sentence by itself; here all are in one batch, padded by more than any needs.
#[test]
fn narrow_networks_translate_and_learn_as_in_pytorch() {
    let expected: HashMap<String, Array> = fixture("rnnsearch").into_iter().collect();
    for (prefix, searches) in [("search", true), ("encdec", false)] {
        let (sizes, graph) = (narrow(searches), Graph::new());
        let weights = drawn(sizes).as_states();
        let [source, target] = [("source", padded(&SOURCES, 7)), ("target", padded(&TARGETS, 6))];
        let [x, y] = [&source, &target].map(|(name, array)| graph.input(name, array.ty()).unwrap());
        let (scores, looked) = network(&graph, &weights, sizes).forced(&x, &y).unwrap();
        let loss = sentence_loss(&scores, &y).unwrap();
        let parameters = weights.states(&graph);
        assert_eq!(parameters.len(), if searches { 18 } else { 14 });
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
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
                if searches {
                    held(&format!("looked.{i}"), &part(&found[2], source.len()));
                    let beyond: f64 = found[2].to_f64().chunks(7).skip(6 * i).take(6).flat_map(|row| &row[source.len()..]).sum();
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
    let count = |sizes: RnnSearch| sizes.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
    // 80.4 million by the paper's formulas, and 43,000 biases.
    assert_eq!(count(RnnSearch::PUBLISHED), 80_443_000);
    let weights = narrow(true).initial(3).unwrap();
    assert_eq!(RnnSearch::of(&weights).unwrap(), narrow(true));
    assert_eq!(RnnSearch::of(&narrow(false).initial(3).unwrap()).unwrap(), narrow(false));
    // Recurrent matrices turn: U U' = 1, gate by gate.
    let u = weights.get("encoder.recurrent").unwrap().to_f64();
    for square in u.chunks(36) {
        for (i, j) in (0..36).map(|at| (at / 6, at % 6)) {
            let product: f64 = (0..6).map(|k| square[i * 6 + k] * square[j * 6 + k]).sum();
            assert!((product - f64::from(u8::from(i == j))).abs() < 1e-6, "{i} {j} {product}");
        }
    }
}

#[test]
fn wrong_sizes_and_weights_are_refused() {
    for wrong in [
        RnnSearch { hidden: 0, ..narrow(true) },
        RnnSearch { source: 1, ..narrow(true) },
        RnnSearch { alignment: 0, ..narrow(true) },
        RnnSearch { alignment: 4, ..narrow(false) },
    ] {
        let error = wrong.initial(1).unwrap_err().to_string();
        assert!(error.contains("no size may be 0"), "{error}");
    }
    let (graph, weights) = (Graph::new(), drawn(narrow(true)));
    let error = Network::new(&mut Layers::load(&graph, &weights), RnnSearch { hidden: 7, ..narrow(true) }).unwrap_err().to_string();
    assert!(error.contains("'encoder.weight'"), "{error}");
    let net = network(&graph, &weights, narrow(true));
    let words = |shape: &[usize]| graph.constant(Array::full(shape, 2i32)).unwrap();
    assert_eq!(net.forced(&words(&[2, 3]), &words(&[2, 1])).unwrap().0.shape(), [2, 1, 8], "one word needs none before it");
    for error in [
        net.read(&words(&[3])).unwrap_err(),
        net.forced(&words(&[2, 3]), &words(&[1, 3])).unwrap_err(),
        net.forced(&words(&[]), &words(&[1, 3])).unwrap_err(),
        net.greedy(&words(&[2, 3]), 0).unwrap_err(),
        sentence_loss(&words(&[2, 3]), &words(&[2, 3])).unwrap_err(),
        alignment(&["a"], &["b", "c"], &Array::full([1, 1], 1.0f32)).unwrap_err(),
    ] {
        assert!(!error.to_string().contains("panic"), "{error}");
    }
}

/// `weights` with languages of so many words: c, d, e .. after the two that all have.
fn speaking(weights: Weights, sizes: RnnSearch) -> Weights {
    let languages = [(Side::Source, sizes.source), (Side::Target, sizes.target)].map(|(side, words)| {
        let letters: String = ('c'..).take(words - 2).collect();
        Language::learnt(Unit::Letters, [letters.as_str()], words).unwrap().metadata(side)
    });
    languages.into_iter().flatten().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value))
}

/// As wide as there are words, a beam keeps every first word: so it finds the likeliest of all sentences of two words.
#[test]
fn a_beam_finds_the_likeliest_sentence() {
    for searches in [true, false] {
        let sizes = narrow(searches);
        let weights = speaking(drawn(sizes), sizes);
        let mut translator = Translator::new(&Device::from(gpu()), &weights, 8, Unknown::Written).unwrap();
        let text = "dcg";
        let found = translator.translate(text, 2, false).unwrap();
        // All sentences of two words, and the one of none.
        let source = translator.source().read(text);
        let all: Vec<[i32; 2]> = (0..64).map(|i| [i / 8, i % 8]).collect();
        let sentences: Vec<&[i32]> = all.iter().map(|words| &words[..]).collect();
        let graph = Graph::new();
        let x = graph.constant(padded(&vec![&source[..]; 64], source.len())).unwrap();
        let y = graph.constant(padded(&sentences, 2)).unwrap();
        let (scores, looked) = network(&graph, &weights, sizes).forced(&x, &y).unwrap();
        let logs = scores.log_softmax(-1).unwrap().gather_elements(2, &y.unsqueeze(2).unwrap()).unwrap();
        let outputs: Vec<&Var> = [&logs].into_iter().chain(&looked).collect();
        let made = Plan::compile(Device::Cpu, &outputs).unwrap().run(&[]).unwrap();
        let logs = made[0].values::<f32>().unwrap();
        let mut expected: Vec<(f32, Vec<i32>)> = Vec::new();
        for (i, words) in all.iter().enumerate() {
            // A sentence that has ended has no second word.
            match words {
                [END, END] => expected.push((logs[2 * i], vec![END])),
                [END, _] => {}
                _ => expected.push((logs[2 * i] + logs[2 * i + 1], words.to_vec())),
            }
        }
        expected.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert_eq!(found.len(), 8);
        for (found, (log, words)) in found.iter().zip(&expected) {
            assert_eq!(&found.words, words, "{searches}");
            assert!((found.log_probability - log).abs() < 1e-4, "{} {log}", found.log_probability);
        }
        assert_eq!(found[0].text, translator.target().write(&expected[0].1));
        let place = all.iter().position(|words| words[..] == expected[0].1[..]);
        if let (Some(alphas), Some(place)) = (&found[0].alphas, place) {
            assert_eq!(alphas.shape(), [2, 4]);
            let theirs = &made[1].values::<f32>().unwrap()[place * 8..][..8];
            compare(alphas, &Array::new([2, 4], theirs.to_vec()).unwrap(), None, Bound::Near { absolute: 1e-5, relative: 0.0 }).unwrap();
        }
        assert_eq!(found[0].alphas.is_some(), searches);

        // Greedy words are a beam of one; a sentence longer than the first search had room for needs another one.
        let mut one = Translator::new(&Device::from(gpu()), &weights, 1, Unknown::Written).unwrap();
        let long = "dcgfe".repeat(5);
        let narrow = one.translate(&long, 4, false).unwrap().remove(0);
        let graph = Graph::new();
        let source = one.source().read(&long);
        let greedy = network(&graph, &weights, sizes).greedy(&graph.constant(padded(&[&source], 30)).unwrap(), 4).unwrap();
        let words = Plan::compile(gpu(), &[&greedy.words]).unwrap().run(&[]).unwrap().remove(0);
        let words = words.values::<i32>().unwrap();
        let end = words.iter().position(|word| *word == END).map_or(4, |end| end + 1);
        assert_eq!(narrow.words, words[..end]);

        // Unknown words may be forbidden.
        let mut known = Translator::new(&Device::from(gpu()), &weights, 8, Unknown::Forbidden).unwrap();
        assert!(known.translate(text, 2, true).unwrap().iter().all(|found| !found.words.contains(&1)));
    }
    let error = Translator::new(&Device::from(gpu()), &drawn(narrow(true)), 1, Unknown::Written).unwrap_err().to_string();
    assert!(error.contains("no 'source_unit' in its metadata"), "{error}");
    let wrong = speaking(drawn(narrow(true)), RnnSearch { source: 9, ..narrow(true) });
    let error = Translator::new(&Device::from(gpu()), &wrong, 1, Unknown::Written).unwrap_err().to_string();
    assert!(error.contains("has 9 words, its layers 7"), "{error}");
    assert!(Translator::new(&Device::from(gpu()), &speaking(drawn(narrow(true)), narrow(true)), 9, Unknown::Written).is_err());
}

#[test]
fn alignments_are_drawn() {
    let alphas = Array::new([2, 3], vec![1.0f32, 0.0, 0.5, 0.0, 0.25, 0.75]).unwrap();
    let sheet = alignment(&["a", "bc", "d"], &["xyz", "w"], &alphas).unwrap();
    let &[_, 3, h, w] = sheet.shape() else { panic!("{}", sheet.ty()) };
    let values = sheet.values::<f32>().unwrap();
    let cell = |row: usize, column: usize| values[(h - 10 - 28 * (2 - row) + 14) * w + w - 10 - 28 * (3 - column) + 14];
    assert_eq!([cell(0, 0), cell(0, 1), cell(0, 2), cell(1, 1), cell(1, 2)], [1.0, 0.0, 0.5, 0.25, 0.75]);
    assert!(values.iter().filter(|v| **v < 0.5).count() > 3 * 28 * 28 * 3, "there are letters, too");
}

/// Words of three to six letters written backwards are learnt in some hundred steps, and letter i from the end is where it looks for letter i.
#[test]
fn it_learns_to_look_where_the_next_letter_is() {
    let sizes = RnnSearch { source: 10, target: 10, embedding: 16, hidden: 24, alignment: 24, maxout: 16, searches: true };
    let batch = |number: usize| spelt(number, true);

    let graph = Graph::new();
    let weights = sizes.initial(1).unwrap().as_states();
    let [x, y] = ["source", "target"].map(|name| graph.input(name, batch(0)[0].ty()).unwrap());
    let (scores, _) = network(&graph, &weights, sizes).forced(&x, &y).unwrap();
    let loss = sentence_loss(&scores, &y).unwrap();
    let objective = Objective { loss, metrics: Vec::new(), parameters: weights.states(&graph) };
    let mut trainer =
        Trainer::new(gpu(), &objective, &Optimiser::Adam(Adam::default()), Schedule::Fixed { base: 0.01 }, Some(Clip::Norm(10.0))).unwrap();
    for step in 0..320 {
        let [source, target] = batch(step);
        trainer.step(&[("source", &source), ("target", &target)]).unwrap();
    }

    let weights = trainer.weights().unwrap();
    let [source, target] = batch(1000);
    let graph = Graph::new();
    let made = network(&graph, &weights, sizes).greedy(&graph.constant(source.clone()).unwrap(), LONGEST + 1).unwrap();
    let found = Plan::compile(gpu(), &[&made.words, &made.alphas.unwrap()]).unwrap().run(&[]).unwrap();
    let places = LONGEST + 1;
    let (words, expected, alphas) = (found[0].values::<i32>().unwrap(), target.values::<i32>().unwrap(), found[1].values::<f32>().unwrap());
    let (mut right, mut looked, mut all) = (0, 0, 0);
    for (row, expected) in expected.chunks(places).enumerate() {
        let length = expected.iter().position(|word| *word == END).unwrap();
        right += usize::from(words[row * places..][..=length] == expected[..=length]);
        for i in 0..length {
            let row = &alphas[(row * places + i) * places..][..places];
            let place = (0..places).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap();
            // The states of the letter after it have seen it, too.
            looked += usize::from(place.abs_diff(length - 1 - i) <= 1);
            all += 1;
        }
    }
    assert!(right >= 29, "{right} of 32 words are right");
    assert!(10 * looked >= 9 * all, "it looked at {looked} of {all} letters");
}

/// The one that comes along: words that every speaker of English knows, and where it looks goes on from letter to letter.
#[test]
fn words_are_spoken() {
    let weights = foveate::models::rnnsearch::weights().unwrap();
    let mut translator = Translator::new(&Device::from(gpu()), &weights, 4, Unknown::Forbidden).unwrap();
    for (word, phones) in [("Light", "L AY1 T"), ("attention", "AH0 T EH1 N SH AH0 N"), ("knight", "N AY1 T")] {
        let found = translator.translate(word, 20, false).unwrap().remove(0);
        assert_eq!(found.text, phones);
        let alphas = found.alphas.unwrap();
        let places = alphas.shape()[1];
        let centres: Vec<f32> =
            alphas.values::<f32>().unwrap().chunks(places).map(|row| (0..).zip(row).map(|(i, a)| i as f32 * a).sum()).collect();
        let (first, last) = (centres[0], centres[centres.len() - 1]);
        assert!(first < 2.0 && last > places as f32 - 3.0, "{word}: {centres:?}");
    }
    let unknown = translator.source().read("x1");
    assert_eq!((unknown[1], unknown.len()), (1, 3));

    assert!(translator.translate("", 5, false).is_ok(), "nothing but an end");
}
