//! The estimator of hard attention on the decoder itself, its expectation and variance taken over all draws there are.

use crate::common::gpu;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::show_attend_tell::{Attention, Config, Decoder, Unrolled, caption_reward, hard_attention_loss};
use foveate::nn::Weights;
use foveate::nn::init::normal;
use foveate::nn::loss::Reinforce;
use foveate::plan::{Device, Plan};

const PLACES: usize = 3;
const STEPS: usize = 2;
const TRAJECTORIES: usize = 9;

const NETWORK: Config = Config {
    words: 5,
    embedding: 3,
    hidden: 4,
    features: 3,
    init_layers: 1,
    attention_layers: 2,
    output_layers: 1,
    selector: true,
    previous_to_output: true,
    context_to_output: true,
    dropout: false,
};

/// Two words of `batch` copies of one image, places by the input "numbers".
struct Network {
    graph: Graph,
    parameters: Vec<Var>,
    made: Unrolled,
    mask: Var,
    reward: Var,
}

fn network(batch: usize) -> foveate::Result<Network> {
    let graph = Graph::new();
    let arrays = NETWORK.parameters().into_iter().map(|(name, shape)| (name.clone(), normal(&shape, 0.9, &name, 4)));
    let weights = Weights::from_arrays("drawn", arrays.collect::<Vec<_>>()).as_states();
    let decoder = Decoder::new(&graph, &weights, NETWORK)?;
    let annotations = graph.constant(normal(&[1, PLACES, 3], 1.0, "a", 1))?.expand([batch, PLACES, 3])?;
    let words = graph.constant(Array::new([1, STEPS], vec![3i32, 2])?)?.expand([batch, STEPS])?;
    let mask = graph.constant(Array::full([batch, STEPS], 1.0f32))?;
    let numbers = graph.input("numbers", TensorType::f32([batch, STEPS]))?;
    let made = decoder.forced(&annotations, &words, &mask, &Attention::Sampled(numbers))?;
    let reward = caption_reward(&made.log_probabilities, &mask)?;
    // The scalar bias of the scores changes no softmax, and is not part of the graph.
    let parameters = weights.states(&graph).into_iter().filter(|p| p.name != "decoder_c_tt").map(|p| p.var).collect();
    Ok(Network { graph, parameters, made, mask, reward })
}

/// Numbers by which trajectory s has the places s / 3 and s % 3, and each trajectory's alphas with them.
fn numbers(plan: &mut Plan) -> (Array, Vec<f64>) {
    let place = |s: usize, t: usize| [s / PLACES, s % PLACES][t];
    let mut numbers = vec![0.0f32; TRAJECTORIES * STEPS];
    let run = |plan: &mut Plan, numbers: &[f32]| {
        let numbers = Array::new([TRAJECTORIES, STEPS], numbers.to_vec()).unwrap();
        let found = plan.run(&[("numbers", &numbers)]).unwrap();
        (numbers, found)
    };
    // A step's alphas depend on the places of those before it.
    for t in 0..STEPS {
        let alphas = run(plan, &numbers).1[0].to_f64();
        for s in 0..TRAJECTORIES {
            let alpha = &alphas[(s * STEPS + t) * PLACES..][..PLACES];
            let before: f64 = alpha[..place(s, t)].iter().sum();
            numbers[s * STEPS + t] = (before + alpha[place(s, t)] / 2.0) as f32;
        }
    }
    let (numbers, found) = run(plan, &numbers);
    let wanted = Array::from_fn([TRAJECTORIES, STEPS], |i| place(i / STEPS, i % STEPS) as i32);
    assert_eq!(found[1], wanted, "every trajectory is drawn once");
    (numbers, found[0].to_f64())
}

#[test]
fn the_estimate_of_the_decoder_is_unbiased_and_a_baseline_takes_most_of_its_variance() {
    // Exactly: the gradient of the sum over s of p(s) R(s).
    let all = network(TRAJECTORIES).unwrap();
    let places = all.made.places.as_ref().unwrap();
    let chosen = all.made.alphas.gather_elements(2, &places.unsqueeze(2).unwrap()).unwrap().squeeze(2).unwrap();
    let p = chosen.log().unwrap().reduce_sum(&[1], false).unwrap().exp().unwrap();
    let bound = p.mul(&all.reward).unwrap().reduce_sum(&[], false).unwrap();
    let exact = bound.gradient(&all.parameters.iter().collect::<Vec<_>>()).unwrap();
    let none = all.graph.constant(Array::scalar(0.0f32)).unwrap();
    let entropy = hard_attention_loss(&all.made, &all.mask, &none, Reinforce { reward: 0.0, entropy: 1.0 }).unwrap();
    let outputs: Vec<&Var> = [&all.made.alphas, places, &p, &all.reward, &entropy].into_iter().chain(&exact).collect();
    let mut plan = Plan::compile(Device::Cpu, &outputs).unwrap();
    let (numbers, alphas) = numbers(&mut plan);
    let found = plan.run(&[("numbers", &numbers)]).unwrap();
    let (p, rewards) = (found[2].to_f64(), found[3].to_f64());
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{p:?}");
    // -H is the mean over examples of the sum over steps and places of alpha ln alpha.
    let expected = alphas.iter().map(|a| a * a.ln()).sum::<f64>() / TRAJECTORIES as f64;
    assert!((found[4].to_f64()[0] - expected).abs() < 1e-5, "{:?} against {expected}", found[4]);
    let exact: Vec<f64> = found[5..].iter().flat_map(Array::to_f64).collect();
    assert!(exact.iter().any(|g| g.abs() > 0.01), "the gradients are not all next to nothing");

    // Estimated: for each trajectory the gradient of -R and of the term, alone in its batch.
    let one = network(1).unwrap();
    let baseline = one.graph.input("baseline", TensorType::f32([])).unwrap();
    let term = hard_attention_loss(&one.made, &one.mask, &baseline, Reinforce { reward: 1.0, entropy: 0.0 }).unwrap();
    let loss = term.sub(&one.reward.reduce_sum(&[], false).unwrap()).unwrap();
    let gradients = loss.gradient(&one.parameters.iter().collect::<Vec<_>>()).unwrap();
    let mut plan = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap();
    let mean_reward: f64 = p.iter().zip(&rewards).map(|(p, r)| p * r).sum();
    let variances = [0.0, mean_reward, 2.0].map(|value| {
        let given = Array::scalar(value as f32);
        let estimates: Vec<Vec<f64>> = numbers
            .values::<f32>()
            .unwrap()
            .chunks(STEPS)
            .map(|numbers| {
                let numbers = Array::new([1, STEPS], numbers.to_vec()).unwrap();
                plan.run(&[("numbers", &numbers), ("baseline", &given)]).unwrap().iter().flat_map(Array::to_f64).collect()
            })
            .collect();
        let expected = |of: &dyn Fn(f64, f64) -> f64, i: usize| estimates.iter().zip(&p).map(|(e, p)| p * of(e[i], exact[i])).sum::<f64>();
        for (i, exact) in exact.iter().enumerate() {
            let mean = expected(&|e, _| e, i);
            // Terms (R - b) d log p up to some ten, each of some hundred roundings by 2^-24.
            assert!((mean + exact).abs() < 6e-5, "{mean} against {exact} at {i} with baseline {value}");
        }
        (0..exact.len()).map(|i| expected(&|e, exact| (e + exact) * (e + exact), i)).sum::<f64>()
    });
    println!("variances without a baseline, with the mean reward {mean_reward:.3}, with 2: {variances:?}");
    assert!(variances[1] < 0.5 * variances[0] && variances[0] < variances[2], "{variances:?}");
}

#[test]
fn soft_attention_and_other_masks_are_refused() {
    let hard = network(2).unwrap();
    let baseline = hard.graph.constant(Array::scalar(0.0f32)).unwrap();
    let refused = |made: &Unrolled, mask: &Var| hard_attention_loss(made, mask, &baseline, Reinforce::default()).unwrap_err().to_string();
    let soft = Unrolled { places: None, ..hard.made.clone() };
    assert!(refused(&soft, &hard.mask).contains("attention is soft"));
    let text = refused(&hard.made, &hard.mask.narrow(1, 0, 1).unwrap());
    assert!(text.contains("mask f32[2, 1] of places i32[2, 2]"), "{text}");
}
