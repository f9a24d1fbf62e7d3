//! SMem-VQA and `GoogLeNet`: narrow networks against PyTorch's answers, looks and gradients; the published sizes; a network that learns to look;
//! and what the network that comes along answers.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test may fail where it stands")]

mod common;

use common::{Bound, compare, fixture, gpu};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::googlenet::GoogLeNet;
use foveate::models::smem_vqa::{Guide, Network, SmemVqa};
use foveate::models::{Layers, Parameter};
use foveate::nn::loss::{CrossEntropy, cross_entropy};
use foveate::nn::optimiser::{Adam, Optimiser};
use foveate::nn::{Random, Weights, init};
use foveate::plan::{Cost, Device, Plan};
use std::collections::HashMap;

fn narrow(hops: usize, guide: Guide) -> SmemVqa {
    SmemVqa { words: 9, longest: 5, places: 6, features: 7, embedding: 8, answers: 4, hops, guide }
}

/// The weights that the fixture's script draws.
fn drawn(sizes: SmemVqa) -> Weights {
    let one = |(name, shape): (String, Vec<usize>)| (name.clone(), init::normal(&shape, 0.5, &name, 1));
    Weights::from_arrays("drawn", sizes.tensors().unwrap().into_iter().map(one)).as_states()
}

fn questions() -> Array {
    Array::new([2, 5], vec![3, 8, 1, 0, 0, 2, 5, 7, 3, 4]).unwrap()
}

/// Sums of at most 40 products, through exponentials: 1e-5 of the largest value, 84 eps.
fn near(expected: &Array) -> Bound {
    let largest = expected.to_f64().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Bound::Near { absolute: 1e-5 * largest, relative: 0.0 }
}

#[test]
fn narrow_networks_answer_look_and_learn_as_in_pytorch() {
    let expected: HashMap<String, Array> = fixture("smem_vqa");
    let (places, words) = (init::normal(&[2, 6, 7], 1.0, "places", 1), questions());
    for (hops, guide) in [(0, Guide::Words), (1, Guide::Words), (2, Guide::Words), (2, Guide::Question)] {
        let (graph, sizes) = (Graph::new(), narrow(hops, guide));
        let weights = drawn(sizes);
        assert_eq!(SmemVqa::of(&weights.clone().with_metadata("guided_by", guide.name())).unwrap(), sizes);
        let network = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap();
        let seen = graph.input("places", places.ty().clone()).unwrap();
        let asked = network.asked(&seen, &graph.input("words", words.ty().clone()).unwrap()).unwrap();
        let label = graph.constant(Array::new([2], vec![1, 3]).unwrap()).unwrap();
        let loss = cross_entropy(&asked.logits, &label, &CrossEntropy::default()).unwrap();
        let parameters = weights.states(&graph);
        let vars: Vec<&Var> = parameters.iter().map(|p| &p.var).chain([&seen]).collect();
        let names = parameters.iter().map(|p| format!("d/{}", p.name)).chain(["d/places".to_owned()]);
        let mut outputs: Vec<(String, Var)> = names.zip(loss.gradient(&vars).unwrap()).collect();
        outputs.push(("logits".to_owned(), asked.logits));
        outputs.extend(asked.looked.into_iter().enumerate().map(|(hop, alpha)| (format!("looked{hop}"), alpha)));
        let prefix = format!("{hops}/{}/", guide.name());
        assert_eq!(outputs.len(), expected.keys().filter(|key| key.starts_with(&prefix)).count());
        for device in [Device::from(gpu()), Device::Cpu] {
            let name = device.name().to_owned();
            let mut plan = Plan::compile(device, &outputs.iter().map(|(_, var)| var).collect::<Vec<_>>()).unwrap();
            let found = plan.run(&[("places", &places), ("words", &words)]).unwrap();
            for ((key, _), found) in outputs.iter().zip(&found) {
                let wanted = &expected[&format!("{prefix}{key}")];
                compare(found, wanted, None, near(wanted)).unwrap_or_else(|e| panic!("{prefix}{key} on {name}: {e}"));
            }
        }
    }
}

/// Three questions about each of two photos are answered as six about one photo each.
#[test]
fn several_questions_about_a_photo_share_its_places() {
    let places = init::normal(&[2, 6, 7], 1.0, "places", 1);
    let each = Array::from_fn([6, 6, 7], |i| places.values::<f32>().unwrap()[i / 42 / 3 * 42 + i % 42]);
    let words = Array::from_fn([6, 5], |i| (i * i % 9) as i32);
    for (hops, guide) in [(0, Guide::Words), (2, Guide::Words), (2, Guide::Question)] {
        let answers = |places: &Array| {
            let (graph, sizes) = (Graph::new(), narrow(hops, guide));
            let weights = drawn(sizes);
            let network = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap();
            let [seen, asked] = [("places", places), ("words", &words)].map(|(name, a)| graph.input(name, a.ty().clone()).unwrap());
            let asked = network.asked(&seen, &asked).unwrap();
            let outputs: Vec<&Var> = [&asked.logits].into_iter().chain(&asked.looked).chain(&asked.votes).collect();
            Plan::compile(gpu(), &outputs).unwrap().run(&[("places", places), ("words", &words)]).unwrap()
        };
        for (shared, alone) in answers(&places).iter().zip(answers(&each)) {
            compare(shared, &alone, None, near(&alone)).unwrap();
        }
    }
}

#[test]
fn the_last_inception_is_pytorchs() {
    let net = GoogLeNet { divisor: 8 };
    let one = |Parameter { name, shape, .. }: Parameter| {
        let deviation = if shape.len() == 1 { 0.125 } else { (2.0 / shape[1..].iter().product::<usize>() as f32).sqrt() };
        (name.clone(), init::normal(&shape, deviation, &name, 1))
    };
    let weights = Weights::from_arrays("drawn", net.parameters().unwrap().into_iter().map(one));
    assert_eq!(GoogLeNet::of(&weights).unwrap(), net);
    let draws = init::normal(&[1, 3, 71, 90], 1.0, "data", 1);
    let data = Array::new([1, 3, 71, 90], draws.values::<f32>().unwrap().iter().map(|v| v * 100.0).collect::<Vec<f32>>()).unwrap();
    let expected = &fixture("smem_vqa")["googlenet"];
    for device in [Device::from(gpu()), Device::Cpu] {
        let graph = Graph::new();
        let last = net.forward(&weights, &graph.input("data", data.ty().clone()).unwrap()).unwrap();
        let found = Plan::compile(device, &[&last]).unwrap().run(&[("data", &data)]).unwrap().remove(0);
        // 21 convolutions deep, of at most 432 terms each.
        compare(&found, expected, None, near(expected)).unwrap();
    }
}

/// `GoogLeNet`'s numbers are those of Caffe's model without its classifier, 6,998,552 - 1,025,000; SMem-VQA's those that its sizes make.
#[test]
fn the_published_networks_have_their_sizes() {
    let parameters: usize = GoogLeNet::PUBLISHED.parameters().unwrap().iter().map(Parameter::len).sum();
    assert_eq!(parameters, 5_973_552);
    let data = Graph::new().input("data", TensorType::f32([1, 3, 224, 224])).unwrap();
    let last = GoogLeNet::PUBLISHED.outline(&data).unwrap();
    assert_eq!((last.shape(), Cost::of(&[&last]).unwrap().multiply_adds), (&[1, 1024, 7, 7][..], 1_581_647_872));
    let sizes = SmemVqa::PUBLISHED;
    let numbers: usize = sizes.tensors().unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let places = 1024 * 1000 + 49 * 1000;
    assert_eq!(numbers, 7477 * 1000 + 25 + 1000 + 3 * places + 1000 * 1031 + 1031);
}

#[test]
fn what_makes_no_network_is_refused() {
    let sizes = narrow(2, Guide::Words);
    assert!(SmemVqa { hops: 3, ..sizes }.initial(1).unwrap_err().to_string().contains("no more than 2 hops"));
    assert!(SmemVqa { places: 0, ..sizes }.initial(1).is_err());
    let weights = sizes.initial(1).unwrap();
    let error = SmemVqa::of(&weights.clone().with_metadata("guided_by", "luck")).unwrap_err().to_string();
    assert!(error.contains("'luck'"), "{error}");
    let graph = Graph::new();
    let network = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap();
    let words = graph.input("words", TensorType::new(DType::I32, [2, 5])).unwrap();
    let error = network.asked(&graph.input("places", TensorType::f32([2, 7, 7])).unwrap(), &words).unwrap_err().to_string();
    assert!(error.contains("(n, 6, 7)"), "{error}");
    let error = GoogLeNet { divisor: 3 }.parameters().unwrap_err().to_string();
    assert!(error.contains("1, 2, 4 or 8"), "{error}");
}

/// One of six places is marked, and a question names one of them: is it the marked one? A sum of what is seen and what is asked cannot tell,
/// and says no to what is yes in a sixth of the cases; a network that looks can.
#[test]
fn a_network_learns_to_look() {
    let wrong = |hops: usize| {
        let (graph, sizes) = (Graph::new(), SmemVqa { embedding: 16, ..narrow(hops, Guide::Words) });
        let weights = sizes.initial_by_inputs(2).unwrap().as_states();
        // All 36 pairs of a place and a question; a mark is a number of its own beside those that say which place it is.
        let place = |i: usize| (i / 6 / 6, i / 6 % 6);
        let marked = Array::from_fn([36, 6, 7], |i| {
            let ((pair, at), channel) = (place(i / 7 * 6), i % 7);
            f32::from(channel == at || channel == 6 && at == pair / 6)
        });
        let (places, words) =
            (graph.constant(marked).unwrap(), Array::from_fn([36, 5], |i| if i % 5 == 0 { 2 + (i / 5 % 6) as i32 } else { 0 }));
        let network = Network::new(&mut Layers::load(&graph, &weights), sizes).unwrap();
        let mut random = Random::new(&graph, 1).unwrap();
        let asked = network.asked_in_training(&places, &graph.constant(words).unwrap(), 0.0, &mut random).unwrap();
        let label = graph.constant(Array::from_fn([36], |i| i32::from(i / 6 == i % 6))).unwrap();
        let loss = cross_entropy(&asked.logits, &label, &CrossEntropy::default()).unwrap();
        let parameters = weights.states(&graph);
        let gradients = loss.gradient(&parameters.iter().map(|p| &p.var).collect::<Vec<_>>()).unwrap();
        let rate = graph.constant(Array::scalar(0.02f32)).unwrap();
        Optimiser::Adam(Adam::default()).update(&parameters, &gradients, &rate).unwrap();
        let wrong = asked.logits.argmax(1, false, false).unwrap().not_equal(&label).unwrap().cast(DType::F32).unwrap();
        let mut plan = Plan::compile(gpu(), &[&wrong.reduce_sum(&[], false).unwrap()]).unwrap();
        (0..150).map(|_| plan.run(&[]).unwrap()[0].to_f64()[0]).last().unwrap()
    };
    assert_eq!((wrong(2), wrong(0)), (0.0, 6.0));
}
