//! The estimator of hard attention on the decoder itself, its expectation and variance taken over all draws there are.

use crate::common::{Bound, compare, gpu};
use foveate::array::{Array, DType, TensorType};
use foveate::graph::{Graph, Var};
use foveate::models::show_attend_tell::{Attention, Config, Decoder, Unrolled, caption_reward, hard_attention_loss, rewards_to_go};
use foveate::nn::init::normal;
use foveate::nn::loss::Reinforce;
use foveate::nn::{Random, Weights};
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

/// Two words of `batch` copies of one image, places by the input "numbers" where they are drawn.
struct Network {
    graph: Graph,
    parameters: Vec<Var>,
    made: Unrolled,
    mask: Var,
    reward: Var,
}

fn network(batch: usize) -> foveate::Result<Network> {
    attending(batch, |_, numbers| Attention::Sampled(numbers))
}

fn attending(batch: usize, attention: impl Fn(&Graph, Var) -> Attention) -> foveate::Result<Network> {
    let graph = Graph::new();
    let arrays = NETWORK.parameters().into_iter().map(|(name, shape)| (name.clone(), normal(&shape, 0.9, &name, 4)));
    let weights = Weights::from_arrays("drawn", arrays.collect::<Vec<_>>()).as_states();
    let decoder = Decoder::new(&graph, &weights, NETWORK)?;
    let annotations = graph.constant(normal(&[1, PLACES, 3], 1.0, "a", 1))?.expand([batch, PLACES, 3])?;
    let words = graph.constant(Array::new([1, STEPS], vec![3i32, 2])?)?.expand([batch, STEPS])?;
    let mask = graph.constant(Array::full([batch, STEPS], 1.0f32))?;
    let numbers = graph.input("numbers", TensorType::f32([batch, STEPS]))?;
    let made = decoder.forced(&annotations, &words, &mask, &attention(&graph, numbers))?;
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
    let entropy = hard_attention_loss(&all.made, &all.mask, &all.reward, &none, Reinforce { reward: 0.0, entropy: 1.0 }).unwrap();
    let to_go = rewards_to_go(&all.made.log_probabilities, &all.mask).unwrap();
    let outputs: Vec<&Var> = [&all.made.alphas, places, &p, &all.reward, &entropy, &to_go].into_iter().chain(&exact).collect();
    let mut plan = Plan::compile(Device::Cpu, &outputs).unwrap();
    let (numbers, alphas) = numbers(&mut plan);
    let found = plan.run(&[("numbers", &numbers)]).unwrap();
    let (p, rewards) = (found[2].to_f64(), found[3].to_f64());
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{p:?}");
    // -H is the mean over examples of the sum over steps and places of alpha ln alpha.
    let expected = alphas.iter().map(|a| a * a.ln()).sum::<f64>() / TRAJECTORIES as f64;
    assert!((found[4].to_f64()[0] - expected).abs() < 1e-5, "{:?} against {expected}", found[4]);
    let exact: Vec<f64> = found[6..].iter().flat_map(Array::to_f64).collect();
    assert!(exact.iter().any(|g| g.abs() > 0.01), "the gradients are not all next to nothing");

    // Estimated: for each trajectory the gradient of -R and of the term, alone in its batch.
    let variance = |to_go: bool, given: Array| {
        let one = network(1).unwrap();
        let baseline = one.graph.input("baseline", given.ty()).unwrap();
        let reward = if to_go { rewards_to_go(&one.made.log_probabilities, &one.mask).unwrap() } else { one.reward.clone() };
        let term = hard_attention_loss(&one.made, &one.mask, &reward, &baseline, Reinforce { reward: 1.0, entropy: 0.0 }).unwrap();
        let loss = term.sub(&one.reward.reduce_sum(&[], false).unwrap()).unwrap();
        let gradients = loss.gradient(&one.parameters.iter().collect::<Vec<_>>()).unwrap();
        let mut plan = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap();
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
            assert!((mean + exact).abs() < 6e-5, "{mean} against {exact} at {i} with baseline {given:?}");
        }
        (0..exact.len()).map(|i| expected(&|e, exact| (e + exact) * (e + exact), i)).sum::<f64>()
    };
    let mean = |of: &[f64]| p.iter().zip(of).map(|(p, r)| p * r).sum::<f64>();
    let variances = [0.0, mean(&rewards), 2.0].map(|value| variance(false, Array::scalar(value as f32)));
    println!("variances without a baseline, with the mean reward, with 2: {variances:?}");
    assert!(variances[1] < 0.5 * variances[0] && variances[0] < variances[2], "{variances:?}");
    // The first word's place is held to both words, the second one's to the second word.
    let last: Vec<f64> = found[5].to_f64().chunks(STEPS).map(|of_words| of_words[1]).collect();
    let means = [mean(&rewards) as f32, mean(&last) as f32];
    let to_go = [[0.0; STEPS], means].map(|means| variance(true, Array::new([STEPS], means.to_vec()).unwrap()));
    println!("with rewards to go, without a baseline and with one for each word: {to_go:?}");
    assert!(to_go[0] < 0.9 * variances[0] && to_go[1] < 0.5 * to_go[0], "{to_go:?} and {variances:?}");
}

/// The gradients, each parameter's, of `loss` of two words of one image, for these numbers and, if it is asked for, this coin.
fn gradients(network: &Network, loss: &Var) -> impl FnMut(&Array, bool) -> Vec<Array> + use<> {
    let gradients = loss.gradient(&network.parameters.iter().collect::<Vec<_>>()).unwrap();
    let mut plan = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap();
    let asked: Vec<String> = plan.inputs().map(|(name, _)| name.to_owned()).collect();
    move |numbers, drawn| {
        let drawn = Array::new([1], vec![drawn]).unwrap();
        let given = [("numbers", numbers), ("drawn", &drawn)];
        let inputs: Vec<_> = given.into_iter().filter(|(name, _)| asked.iter().any(|a| a == name)).collect();
        plan.run(&inputs).unwrap()
    }
}

#[test]
fn a_coin_chooses_between_the_gradient_of_the_draws_and_that_of_the_expectation() {
    let weights = Reinforce { reward: 1.0, entropy: 0.3 };
    let loss = |network: &Network| {
        let baseline = network.graph.constant(Array::scalar(-1.5f32)).unwrap();
        let term = hard_attention_loss(&network.made, &network.mask, &network.reward, &baseline, weights).unwrap();
        term.sub(&network.reward.reduce_sum(&[], false).unwrap()).unwrap()
    };
    let mixed = attending(1, |graph, numbers| {
        let drawn = graph.input("drawn", TensorType::new(DType::Bool, [1])).unwrap();
        Attention::Mixed { numbers, drawn }
    });
    let (mixed, hard, soft) = (mixed.unwrap(), network(1).unwrap(), attending(1, |_, _| Attention::Soft).unwrap());
    // Soft attention's loss is the caption's, less the entropy.
    let alphas = &soft.made.alphas;
    let negative_entropy = alphas.mul(&alphas.log().unwrap()).unwrap().reduce_sum(&[], false).unwrap();
    let weight = soft.graph.constant(Array::scalar(weights.entropy)).unwrap();
    let expected = negative_entropy.mul(&weight).unwrap().sub(&soft.reward.reduce_sum(&[], false).unwrap()).unwrap();
    let mut of_soft = gradients(&soft, &expected);
    let (mut of_hard, mut of_mixed) = (gradients(&hard, &loss(&hard)), gradients(&mixed, &loss(&mixed)));
    // A few units large at most, of sums that differ in their order alone.
    let near = Bound::Near { absolute: 2e-5, relative: 2e-5 };
    let mut differ = 0;
    for numbers in [[0.05f32, 0.05], [0.5, 0.95], [0.95, 0.5], [0.95, 0.05]] {
        let numbers = Array::new([1, STEPS], numbers.to_vec()).unwrap();
        let (soft, hard) = (of_soft(&numbers, false), of_hard(&numbers, true));
        for (drawn, wanted) in [(false, &soft), (true, &hard)] {
            for (found, wanted) in of_mixed(&numbers, drawn).iter().zip(wanted) {
                compare(found, wanted, None, near).unwrap_or_else(|e| panic!("drawn {drawn} by {numbers:?}: {e}"));
            }
        }
        differ +=
            soft.iter().zip(&hard).filter(|(a, b)| compare(a, b, None, Bound::Near { absolute: 1e-2, relative: 0.0 }).is_err()).count();
    }
    assert!(differ > 20, "the two gradients are hardly different: {differ} arrays are");
}

#[test]
fn the_coin_is_one_for_all_and_falls_as_often_as_it_should() {
    let graph = Graph::new();
    let mut random = Random::new(&graph, 1).unwrap();
    let shares = [0.0, 0.5, 1.0];
    let coins = shares.map(|share| match Attention::mixed(&mut random, 3, 2, share).unwrap() {
        Attention::Mixed { numbers, drawn } => {
            assert_eq!((numbers.shape(), drawn.shape(), drawn.dtype()), (&[3, 2][..], &[1][..], DType::Bool));
            drawn
        }
        other => panic!("{other:?}"),
    });
    let mut plan = Plan::compile(Device::Cpu, &coins.iter().collect::<Vec<_>>()).unwrap();
    let mut counts = [0.0; 3];
    for _ in 0..100 {
        plan.run(&[]).unwrap().iter().zip(&mut counts).for_each(|(coin, count)| *count += coin.to_f64()[0]);
    }
    // The deviation of half is 5.
    assert!(counts[0] == 0.0 && counts[2] == 100.0 && (35.0..=65.0).contains(&counts[1]), "{counts:?}");
    for share in [-0.1, 1.1, f32::NAN] {
        assert!(Attention::mixed(&mut random, 3, 2, share).unwrap_err().to_string().contains("is 0 to 1"), "{share}");
    }
}

#[test]
fn soft_attention_and_other_masks_are_refused() {
    let hard = network(2).unwrap();
    let baseline = hard.graph.constant(Array::scalar(0.0f32)).unwrap();
    let refused = |made: &Unrolled, mask: &Var| {
        hard_attention_loss(made, mask, &hard.reward, &baseline, Reinforce::default()).unwrap_err().to_string()
    };
    let soft = Unrolled { places: None, ..hard.made.clone() };
    assert!(refused(&soft, &hard.mask).contains("attention is soft"));
    let text = refused(&hard.made, &hard.mask.narrow(1, 0, 1).unwrap());
    assert!(text.contains("mask f32[2, 1] of places i32[2, 2]"), "{text}");
    let many = |graph: &Graph, numbers| Attention::Mixed { numbers, drawn: graph.constant(Array::full([2, 1], true)).unwrap() };
    let text = attending(2, many).err().unwrap().to_string();
    assert!(text.contains("bool[1], not bool[2, 1]"), "{text}");
}
