//! The gradient of the training loss, through every word and the penalty, against differences.

use super::{COCO, weights};
use crate::common::{fixture, gpu};
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::show_attend_tell::{Attention, Decoder, doubly_stochastic, sentence_loss};
use foveate::nn::Weights;
use foveate::plan::{Device, Plan};

/// The published loss of the fixture's captions: cross entropy, and the penalty with weight 1. With the decoder it is made by.
fn loss(graph: &Graph, weights: &Weights, inputs: &[(&str, &Array)]) -> (Decoder, Var) {
    let decoder = Decoder::new(graph, weights, COCO).unwrap();
    let [a, words, mask] = inputs else { panic!("{} inputs", inputs.len()) };
    let [a, words, mask] = [a, words, mask].map(|(name, array)| graph.input(name, array.ty()).unwrap());
    let made = decoder.forced(&a, &words, &mask, &Attention::Soft).unwrap();
    let entropy = sentence_loss(&made.log_probabilities, &mask).unwrap();
    let loss = entropy.add(&doubly_stochastic(&made.alphas, 1.0).unwrap()).unwrap();
    (decoder, loss)
}

#[test]
fn the_training_loss_has_the_gradient_of_its_differences() {
    let arrays = fixture("show_attend_tell");
    let inputs = ["a", "forced/words", "forced/mask"].map(|name| (name, &arrays[&format!("coco/{name}")]));
    let start = weights(&arrays, "coco");
    let graph = Graph::new();
    let (decoder, value) = loss(&graph, &start, &inputs);
    // The scalar bias of the scores changes no softmax, and is not part of the graph.
    let named: Vec<(&str, &Var)> = decoder.parameters().filter(|(name, _)| *name != "decoder_c_tt").collect();
    let gradients = value.gradient(&named.iter().map(|(_, var)| *var).collect::<Vec<_>>()).unwrap();
    let mut plan = Plan::compile(Device::from(gpu()), &gradients.iter().collect::<Vec<_>>()).unwrap();
    let made = plan.run(&inputs).unwrap();
    assert_eq!(made, plan.run(&inputs).unwrap(), "twice the same bits");

    let at = |name: &str, place: usize, step: f32| {
        let moved = start.names().map(|n| {
            let array = Array::clone(start.get(n).unwrap());
            let values = array.values::<f32>().unwrap().to_vec();
            let add = |i: usize| if n == name && i == place { step } else { 0.0 };
            (n.to_owned(), Array::from_fn(array.shape(), |i| values[i] + add(i)))
        });
        let graph = Graph::new();
        let (_, value) = loss(&graph, &Weights::from_arrays("moved", moved.collect::<Vec<_>>()), &inputs);
        Plan::compile(Device::Cpu, &[&value]).unwrap().run(&inputs).unwrap()[0].to_f64()[0]
    };
    for ((name, _), gradient) in named.iter().zip(&made) {
        let gradient = gradient.to_f64();
        // The element whose slope is steepest, and the middle one.
        let steepest = (0..gradient.len()).max_by(|&i, &j| gradient[i].abs().total_cmp(&gradient[j].abs())).unwrap();
        for place in [steepest, gradient.len() / 2] {
            let h = 1.0 / 64.0f32;
            let difference = |h: f32| (at(name, place, h) - at(name, place, -h)) / (2.0 * f64::from(h));
            let expected = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
            // The loss, some 15, is rounded to 2^-20 and the words' sums before it a few times as much: 1.5 / h * 4e-6. What the
            // differences leave out is 4 h^4 / 30 times the fifth derivative, for which 10^4 is taken: attention is steep.
            let allowed = 4e-4 + 8e-5 + 1e-4 * expected.abs();
            assert!((gradient[place] - expected).abs() <= allowed, "{name}[{place}]: {} against {expected}", gradient[place]);
        }
    }
}
