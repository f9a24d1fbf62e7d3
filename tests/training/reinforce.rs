//! The estimator of hard attention, its expectation taken over all draws there are.

use crate::common::gpu;
use foveate::array::{Array, TensorType};
use foveate::graph::{Graph, Var};
use foveate::nn::init::normal;
use foveate::nn::loss::{Reinforce, moving_average, reinforce};
use foveate::plan::{Device, Plan};

const PLACES: usize = 3;
const STEPS: usize = 2;
const TRAJECTORIES: usize = 9;
const WORDS: usize = 4;
const FEATURES: usize = 2;

/// A network that looks twice at one of three places: where it looks second depends on what it saw first, and the words it says on
/// both. All trajectories are examples of one batch, place of each step as i32 (9, 2).
struct Network {
    graph: Graph,
    weights: Vec<Var>,
    log_likelihood: Var,
    log_probability: Var,
}

const SHAPES: [(&str, &[usize]); 4] =
    [("first", &[1, PLACES]), ("second", &[FEATURES, PLACES]), ("words", &[STEPS * FEATURES, WORDS]), ("places", &[PLACES, FEATURES])];

fn network() -> foveate::Result<Network> {
    let graph = Graph::new();
    let weights = SHAPES.iter().map(|(name, shape)| graph.input(name, TensorType::f32(*shape))).collect::<foveate::Result<Vec<_>>>()?;
    let [first, second, words, features] = &weights[..] else { panic!("four weights") };
    let place = |step: usize| graph.constant(Array::from_fn([TRAJECTORIES], |s| [s / PLACES, s % PLACES][step] as i32));
    let chosen = |scores: &Var, places: &Var| {
        scores.log_softmax(1)?.expand([TRAJECTORIES, PLACES])?.gather_elements(1, &places.unsqueeze(1)?)?.squeeze(1)
    };
    let (places, more) = (place(0)?, place(1)?);
    let (seen, again) = (features.gather(0, &places)?, features.gather(0, &more)?);
    let log_probability = chosen(first, &places)?.add(&chosen(&seen.tanh()?.matmul(second)?, &more)?)?;
    let scores = foveate::ops::concat(&[&seen, &again], 1)?.matmul(words)?;
    let log_likelihood = scores.log_softmax(1)?.narrow(1, 1, 1)?.squeeze(1)?;
    Ok(Network { graph, weights, log_likelihood, log_probability })
}

#[test]
fn the_expected_estimate_is_the_gradient_of_the_expectation_whatever_the_baseline() {
    let n = network().unwrap();
    let by = n.weights.iter().collect::<Vec<_>>();
    // Exactly: the sum over s of p(s) R(s).
    let bound = n.log_probability.exp().unwrap().mul(&n.log_likelihood).unwrap().reduce_sum(&[], false).unwrap();
    let exact = bound.gradient(&by).unwrap();
    // Estimated: for every s the gradient of -R and of the term, weighted with p(s) as a number. The term is the mean of nine, so that
    // weighting R - b and R alike means to weight examples: nine p(s) times their share.
    let baseline = n.graph.input("baseline", TensorType::f32([])).unwrap();
    let weight = n.log_probability.exp().unwrap().detach().unwrap();
    let mut estimates: Option<Vec<Var>> = None;
    for s in 0..TRAJECTORIES {
        let of = |v: &Var| v.narrow(0, s, 1).unwrap();
        let weights = Reinforce { reward: 1.0, entropy: 0.0 };
        let term = reinforce(&of(&n.log_likelihood), &of(&n.log_probability), None, &baseline, weights).unwrap();
        let loss = term.sub(&of(&n.log_likelihood).reduce_sum(&[], false).unwrap()).unwrap();
        let p = of(&weight);
        let gradients = loss.gradient(&by).unwrap().into_iter().map(|g| g.mul(&p).unwrap()).collect::<Vec<_>>();
        estimates = Some(match estimates {
            Some(sum) => sum.iter().zip(&gradients).map(|(a, b)| a.add(b).unwrap()).collect(),
            None => gradients,
        });
    }
    let estimates = estimates.unwrap();
    let arrays: Vec<(&str, Array)> = SHAPES.iter().map(|(name, shape)| (*name, normal(shape, 0.5, name, 1))).collect();
    let outputs: Vec<&Var> = exact.iter().chain(&estimates).collect();
    let mut plan = Plan::compile(Device::Cpu, &outputs).unwrap();
    for value in [0.0f32, -1.5, 4.0] {
        let value = Array::scalar(value);
        let given: Vec<(&str, &Array)> = arrays.iter().map(|(n, a)| (*n, a)).chain([("baseline", &value)]).collect();
        let found = plan.run(&given).unwrap();
        let mut moves = false;
        for (i, (name, _)) in SHAPES.iter().enumerate() {
            for (exact, estimate) in found[i].to_f64().iter().zip(found[i + 4].to_f64()) {
                moves |= exact.abs() > 0.01;
                // Nine terms of (R - b) up to 8, each of some ten roundings by 2^-24: 8 * 9 * 10 * 2^-24 / 9 weighted by p.
                assert!((exact + estimate).abs() < 1e-5, "{name}: {exact} against {estimate} with baseline {value:?}");
            }
        }
        assert!(moves, "the gradients are not all next to nothing");
    }
}

#[test]
fn the_moving_average_is_that_of_former_runs() {
    let graph = Graph::new();
    let values = graph.input("values", TensorType::f32([2])).unwrap();
    let probability = graph.input("probability", TensorType::f32([2])).unwrap();
    let baseline = moving_average("baseline", &values, 0.75).unwrap();
    let weights = Reinforce { reward: 2.0, entropy: 0.0 };
    let term = reinforce(&values, &probability, None, &baseline, weights).unwrap();
    let by = term.gradient(&[&probability, &values]).unwrap();
    let mut plan = Plan::compile(Device::from(gpu()), &[&term, &by[0], &by[1]]).unwrap();
    let p = Array::new([2], vec![-1.0f32, -2.0]).unwrap();
    for (step, baseline) in [0.0, 1.0, 1.75].into_iter().enumerate() {
        let r = Array::new([2], vec![3.0f32, 5.0]).unwrap();
        let found = plan.run(&[("values", &r), ("probability", &p)]).unwrap();
        // -(2 (3 - b) -1 + 2 (5 - b) -2) / 2, and -(R - b).
        assert_eq!(found[0].to_f64(), [(3.0 - baseline) + 2.0 * (5.0 - baseline)], "step {step}");
        assert_eq!(found[1].to_f64(), [baseline - 3.0, baseline - 5.0]);
        assert_eq!(found[2].to_f64(), [0.0, 0.0], "the reward is taken as given");
    }
    let of_steps = graph.input("steps", TensorType::f32([2, 3])).unwrap();
    assert_eq!(moving_average("of steps", &of_steps, 0.5).unwrap().shape(), [3]);
    let refused = reinforce(&of_steps, &of_steps, None, &of_steps, weights).unwrap_err().to_string();
    assert!(refused.contains("one for each step of f32[2, 3], it is f32[2, 3]"), "{refused}");
    assert!(moving_average("other", &values, 1.5).is_err() && moving_average("baseline", &values, 0.5).is_err());
}
