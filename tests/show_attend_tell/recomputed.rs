//! Captioners whose gradients compute each word again: the same numbers, in memory that hardly grows with captions.

use crate::common::{Bound, compare, gpu, random, random_below};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::rnn_captioning::{self, Form};
use foveate::models::show_attend_tell::{Attention, Config, Decoder, doubly_stochastic, sentence_loss};
use foveate::nn::Weights;
use foveate::plan::{Cost, Plan};

const PHOTOS: usize = 4;
const WORDS: usize = 300;
const ATTENTIVE: Config = Config { words: WORDS, embedding: 6, hidden: 8, features: 5, ..Config::COCO };
const RECURRENT: rnn_captioning::Config =
    rnn_captioning::Config { form: Form::NeuralTalk { once: true }, features: 15, embedding: 6, hidden: 8, words: WORDS };

/// The loss of captions of so many words and its gradients, with attention or without.
fn gradients(attentive: bool, length: usize, again: bool) -> Vec<Var> {
    let graph = Graph::new();
    let words = graph.input("words", TensorType::new(DType::I32, [PHOTOS, length])).unwrap();
    let photos = graph.input("photos", TensorType::f32([PHOTOS, 3, 5])).unwrap();
    let (weights, loss): (Weights, Var) = if attentive {
        let weights = ATTENTIVE.initial(1).unwrap().as_states();
        let decoder = Decoder::new(&graph, &weights, ATTENTIVE).unwrap();
        let decoder = if again { decoder.recomputed() } else { decoder };
        let mask = graph.constant(Array::full([PHOTOS, length], 1.0f32)).unwrap();
        let made = decoder.forced(&photos, &words, &mask, &Attention::Soft).unwrap();
        let loss = sentence_loss(&made.log_probabilities, &mask).unwrap().add(&doubly_stochastic(&made.alphas, 1.0).unwrap());
        (weights, loss.unwrap())
    } else {
        let weights = RECURRENT.initial(1).unwrap().as_states();
        let forced = if again { rnn_captioning::forced_recomputed } else { rnn_captioning::forced };
        let logs = forced(&graph, &weights, RECURRENT, &photos.flatten(1).unwrap(), &words).unwrap();
        (weights, logs.reduce_mean(&[], false).unwrap().neg().unwrap())
    };
    let parameters = weights.states(&graph);
    let parameters: Vec<&Var> = parameters.iter().map(|p| &p.var).collect();
    [vec![loss.clone()], loss.gradient(&parameters).unwrap()].concat()
}

#[test]
fn words_that_are_computed_again_have_the_same_gradients_in_less_memory() {
    let (photos, words) = (random(&[PHOTOS, 3, 5], 1), random_below(&[PHOTOS, 3], 2, WORDS as u32));
    // What is kept of a word at the least: its distribution.
    let distribution = (PHOTOS * WORDS * 4) as u64;
    for attentive in [true, false] {
        let made = [false, true].map(|again| {
            let outputs = gradients(attentive, 3, again);
            let mut plan = Plan::compile(gpu(), &outputs.iter().collect::<Vec<_>>()).unwrap();
            plan.run(&[("photos", &photos), ("words", &words)]).unwrap()
        });
        // Sums of 12 rows at most, in another order: without parts a weight's gradients are one product.
        for (kept, again) in made[0].iter().zip(&made[1]) {
            compare(again, kept, None, Bound::Near { absolute: 1e-6, relative: 1e-5 })
                .unwrap_or_else(|e| panic!("attention {attentive}: {e}"));
        }
        let cost = |length: usize, again: bool| Cost::of(&gradients(attentive, length, again).iter().collect::<Vec<_>>()).unwrap();
        let [kept, again] = [false, true].map(|again| {
            let [short, long] = [8, 24].map(|length| cost(length, again));
            // Zeros that rows of embeddings are added to are there once, not for each word; what is, is numbers.
            assert!(long.weights - short.weights < 16 * 1000, "{} bytes of constants, {} of fewer words", long.weights, short.weights);
            (long.working - short.working) / 16
        });
        println!("attention {attentive}: {kept} bytes a word, {again} of them with words computed again");
        assert!(kept > distribution && again < distribution / 4, "attention {attentive}: {kept} and {again} bytes a word");
    }
}
