//! Parts that the backward pass computes again: the same numbers, late, from less memory.

use crate::common::{Bound, compare, gpu, random};
use foveate::array::{Array, DType, TensorType};
use foveate::gpu::Capabilities;
use foveate::graph::{Graph, Var};
use foveate::nn::{Dropout, Random};
use foveate::plan::{Cost, Device, Options, Plan};
use foveate::{Error, Result};

/// `part`, computed again by gradients or not.
fn part<T>(graph: &Graph, again: bool, part: impl FnOnce() -> Result<T>) -> Result<T> {
    if again { graph.recomputed(part) } else { part() }
}

/// A loss of two parts and its gradients. The first has another one in it, draws random numbers, reads and updates a state and makes two
/// values; of these the second reads one twice. An inner value of the first is read outside, and asked for.
fn network(again: bool) -> Result<Vec<Var>> {
    let graph = Graph::new();
    let mut random = Random::new(&graph, 7)?;
    let mean = graph.state("mean", Array::full([6], 0.25f32))?;
    let x = graph.input("x", TensorType::f32([4, 6]))?;
    let w = graph.input("w", TensorType::f32([6, 6]))?;
    let (y, z, inner) = part(&graph, again, || {
        let inner = x.matmul(&w)?.sub(&mean)?.tanh()?;
        graph.update(&mean, &inner.reduce_mean(&[0], false)?)?;
        let dropped = part(&graph, again, || random.dropout(&inner.sigmoid()?.matmul(&w)?.softmax(-1)?, 0.5, Dropout::Inverted))?;
        Ok((dropped.mul(&inner)?, dropped.add(&x)?.sigmoid()?, inner))
    })?;
    let y = part(&graph, again, || y.mul(&y.tanh()?)?.matmul(&w)?.add(&z)?.mul(&inner)?.sigmoid())?;
    let loss = y.mul(&inner)?.add(&z)?.reduce_sum(&[], false)?;
    Ok([vec![loss.clone()], loss.gradient(&[&x, &w, &mean, &inner])?].concat())
}

#[test]
fn what_is_computed_again_has_the_same_bits_but_for_sums_in_another_order() {
    let (x, w) = (random(&[4, 6], 1), random(&[6, 6], 2));
    let [kept, again] = [false, true].map(|again| network(again).unwrap());
    let apart = Options { fusion: false, ..Options::default() };
    for (device, options) in [(Device::Cpu, apart), (Device::from(gpu()), apart), (Device::from(gpu()), Options::default())] {
        let [mut kept, mut again] = [&kept, &again].map(|outputs| {
            let outputs: Vec<&Var> = outputs.iter().collect();
            Plan::compile_with(&device, &outputs, options).unwrap()
        });
        // The second run draws other numbers, from a mean that the first has changed.
        for run in 0..2 {
            let [kept, again] = [&mut kept, &mut again].map(|plan| plan.run(&[("x", &x), ("w", &w)]).unwrap());
            for (place, (kept, again)) in kept.iter().zip(&again).enumerate() {
                // w is used three times: without parts its gradients are one product, whose sums have another order.
                let bound = if place == 2 { Bound::Near { absolute: 1e-6, relative: 1e-6 } } else { Bound::Exact };
                let at = || format!("{place} of run {run} on {}, {options:?}", device.name());
                compare(again, kept, None, bound).unwrap_or_else(|e| panic!("{}: {e}", at()));
            }
        }
        assert_eq!(kept.state("mean").unwrap(), again.state("mean").unwrap());
    }
}

#[test]
fn parts_are_computed_again_one_after_the_other_behind_the_gradients_that_reach_them() {
    let graph = Graph::new();
    let x = graph.input("x", TensorType::f32([5])).unwrap();
    let step = |x: &Var, f: fn(&Var) -> Result<Var>| graph.recomputed(|| f(x)?.mul(x));
    let a = step(&x, Var::exp).unwrap();
    // No gradient comes to this one.
    let place = graph.recomputed(|| a.softplus()?.argmax(0, true, false)?.cast(DType::F32)).unwrap();
    let b = step(&step(&a, Var::tanh).unwrap(), Var::sigmoid).unwrap();
    // This one failed half-way, and is none.
    let failed = graph.recomputed(|| b.erf()?.matmul(&x.reshape([7])?)).map(|_| ());
    assert!(matches!(failed, Err(Error::Shape { .. })), "{failed:?}");
    let loss = b.mul(&place).unwrap().reduce_sum(&[], false).unwrap();
    let text = Plan::compile(Device::Cpu, &[&loss, &loss.gradient(&[&x]).unwrap()[0]]).unwrap().describe();
    let names = ["exp", "softplus", "tanh", "sigmoid"];
    let found: Vec<&str> = text.lines().filter_map(|line| names.into_iter().find(|name| line.starts_with(&format!("{name}#")))).collect();
    assert_eq!(found, ["exp", "softplus", "tanh", "sigmoid", "sigmoid", "tanh", "exp"], "{text}");
}

#[test]
fn second_derivatives_go_through_parts() {
    // x^3 in a part that holds x^2 in another one, and its derivative in a part or not: all numbers are whole, so that the order of sums
    // makes no difference.
    for inside in [false, true] {
        let graph = Graph::new();
        let x = graph.input("x", TensorType::f32([4])).unwrap();
        let slope = || graph.recomputed(|| graph.recomputed(|| x.mul(&x))?.mul(&x))?.reduce_sum(&[], false)?.gradient(&[&x]);
        let first = part(&graph, inside, slope).unwrap().remove(0);
        let second = first.reduce_sum(&[], false).unwrap().gradient(&[&x]).unwrap().remove(0);
        let made = Plan::compile(Device::Cpu, &[&first, &second]).unwrap().run(&[("x", &Array::from_fn([4], |i| i as f32 - 1.0))]).unwrap();
        assert_eq!(made.iter().map(Array::to_f64).collect::<Vec<_>>(), [[3.0, 0.0, 3.0, 12.0], [-6.0, 0.0, 6.0, 12.0]]);
    }
}

/// Bytes of the state that goes from step to step, and of the hidden layer in a step.
const STATE: u64 = 16 * 16 * 4;
const HIDDEN: u64 = 16 * 256 * 4;

/// Intermediate bytes, by a plan's own count, of the gradients of so many steps in parts of `of` each, which may hold a part for each step.
fn working(steps: usize, of: usize, nested: bool, fusion: bool) -> u64 {
    let graph = Graph::new();
    let input = |name: &str, shape: &[usize]| graph.input(name, TensorType::f32(shape)).unwrap();
    let (up, down, x) = (input("up", &[16, 256]), input("down", &[256, 16]), input("x", &[steps, 16, 16]));
    let step = |h: Var, t: usize| h.add(&x.narrow(0, t, 1)?.squeeze(0)?)?.matmul(&up)?.tanh()?.matmul(&down)?.tanh();
    let mut h = input("h", &[16, 16]);
    for first in (0..steps).step_by(of.max(1)) {
        let each = |h: Var, t: usize| part(&graph, nested, || step(h, t));
        h = part(&graph, of > 0, || (first..first + of.max(1)).try_fold(h, each)).unwrap();
    }
    let gradients = h.reduce_sum(&[], false).unwrap().gradient(&[&up, &down]).unwrap();
    let options = Options { fusion, ..Options::default() };
    Cost::with(&Capabilities::common(), &[&gradients[0], &gradients[1]], options).unwrap().working
}

#[test]
fn an_unrolled_sequence_needs_less_than_all_of_its_steps() {
    for fusion in [true, false] {
        let growth = |of: fn(usize) -> usize, nested: bool| {
            let [short, middle, long] = [16, 64, 256].map(|steps| working(steps, of(steps), nested, fusion));
            (middle - short, long - middle)
        };
        // 48 and 192 steps more, each with its hidden layer, what is summed up for it and the state.
        let kept = growth(|_| 0, false);
        assert!(kept.0 >= 48 * (HIDDEN + STATE) && kept.1 >= 192 * (HIDDEN + STATE), "kept: {kept:?}");
        // A part for each step: the states, to the byte, and no step more.
        assert_eq!(growth(|_| 1, false), (48 * STATE, 192 * STATE));
        // Parts of 4, 8 and 16 steps: 4 and 8 parts more, and as many steps more in a part; so twice as much for four times as many.
        let roots = growth(usize::isqrt, false);
        assert_eq!(roots.1, 2 * roots.0);
        assert!(roots.1 < 8 * 2 * (HIDDEN + 4 * STATE), "parts of steps: {roots:?}");
        // A part for each of these steps, too: 4 and 8 states more of the parts, and of the steps in one.
        assert_eq!(growth(usize::isqrt, true), (8 * STATE, 16 * STATE));
    }
    // The terms of a sum over all steps do not wait for the last one in order to be added in one kernel.
    assert!(working(64, 1, false, true) <= working(64, 1, false, false));
}
