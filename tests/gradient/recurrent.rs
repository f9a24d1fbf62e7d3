//! Recurrent layers, by all of their outputs and all that they are given.

use super::differences::{around, check};
use crate::common::{Bound, compare, gpu};
use foveate::array::Array;
use foveate::graph::Var;
use foveate::ops::{Direction, GateOrder, Gru, Lstm, LstmCell, LstmStates, Recurrent, RecurrentActivation, RecurrentInputs, concat};
use foveate::plan::{Device, Plan};

/// Three steps of two sequences.
const STEPS: usize = 3;

/// x, w, r, b, and then what is named, for `directions` and `gates` of two units each that see two inputs.
fn inputs(directions: usize, gates: usize, batch_first: bool, others: &[&str]) -> Vec<Array> {
    let x: [usize; 3] = if batch_first { [2, STEPS, 2] } else { [STEPS, 2, 2] };
    let state: [usize; 3] = if batch_first { [2, directions, 2] } else { [directions, 2, 2] };
    let rows = 2 * gates;
    let mut arrays = vec![around(&x, 1), around(&[directions, rows, 2], 2), around(&[directions, rows, 2], 3)];
    for &name in others {
        arrays.push(match name {
            "b" => around(&[directions, 2 * rows], 4),
            "p" => around(&[directions, 6], 5),
            // One that ends before the last step, one longer than there are steps.
            "lens" => Array::new([2], vec![2, 9]).unwrap(),
            _ => around(&state, name.len() as u64),
        });
    }
    arrays
}

fn others<'a>(v: &'a [Var], names: &[&str]) -> RecurrentInputs<'a> {
    let named = |name: &str| names.iter().position(|n| *n == name).map(|i| &v[3 + i]);
    RecurrentInputs { b: named("b"), sequence_lens: named("lens"), initial_h: named("h"), initial_c: named("initial c"), p: named("p") }
}

/// Everything in one line.
fn joined(outputs: &[&Var]) -> foveate::Result<Var> {
    let flat = outputs.iter().map(|v| v.flatten(0)).collect::<foveate::Result<Vec<_>>>()?;
    concat(&flat.iter().collect::<Vec<_>>(), 0)
}

#[test]
fn lstm() {
    let common = Recurrent::default();
    let both = Recurrent { direction: Direction::Bidirectional, ..common.clone() };
    let smooth =
        vec![RecurrentActivation::Softsign, RecurrentActivation::ScaledTanh { alpha: 1.5, beta: 0.5 }, RecurrentActivation::Softplus];
    let cases = [
        ("plain", Lstm::default(), vec![]),
        ("everything", Lstm::default(), vec!["b", "lens", "h", "initial c", "p"]),
        ("peepholes alone", Lstm::default(), vec!["p"]),
        ("peepholes both ways", Lstm { common: both.clone(), ..Default::default() }, vec!["b", "lens", "initial c", "p"]),
        ("peepholes, i for f", Lstm { common: both, input_forget: true }, vec!["p"]),
        ("PyTorch's", Lstm { common: Recurrent { gates: GateOrder::Pytorch, ..common.clone() }, ..Default::default() }, vec!["b", "h"]),
        (
            "backwards",
            Lstm { common: Recurrent { direction: Direction::Reverse, ..common.clone() }, input_forget: true },
            vec!["b", "lens"],
        ),
        (
            "both ways",
            Lstm { common: Recurrent { direction: Direction::Bidirectional, ..common.clone() }, ..Default::default() },
            vec!["b", "lens", "h", "initial c"],
        ),
        (
            "both ways, other functions",
            Lstm {
                common: Recurrent {
                    direction: Direction::Bidirectional,
                    // Without softsign, whose second derivative leaps at 0.
                    activations: vec![RecurrentActivation::Sigmoid, smooth[1], smooth[2], smooth[2], smooth[1], smooth[1]],
                    gates: GateOrder::Pytorch,
                    batch_first: true,
                    ..common.clone()
                },
                input_forget: true,
            },
            vec!["lens"],
        ),
        ("activations", Lstm { common: Recurrent { activations: smooth, ..common.clone() }, ..Default::default() }, vec!["p"]),
        ("batches first", Lstm { common: Recurrent { batch_first: true, ..common }, ..Default::default() }, vec!["h", "initial c"]),
    ];
    for (name, attributes, names) in cases {
        let inputs = inputs(attributes.common.direction.count(), 4, attributes.common.batch_first, &names);
        check(name, &inputs, |v| {
            let (y, h, c) = v[0].lstm(&v[1], &v[2], others(v, &names), &attributes)?;
            joined(&[&y, &h, &c])
        });
    }
}

#[test]
fn gru() {
    let both = Recurrent { direction: Direction::Bidirectional, ..Default::default() };
    let clipped = Recurrent { clip: Some(1.0), gates: GateOrder::Pytorch, ..Default::default() };
    let cases = [
        ("plain", Gru::default(), vec![]),
        ("both ways", Gru { linear_before_reset: true, common: both.clone() }, vec!["b", "lens", "h"]),
        ("both ways, reset before", Gru { linear_before_reset: false, common: both.clone() }, vec!["b"]),
        ("both ways, reset before, of all lengths", Gru { linear_before_reset: false, common: both }, vec!["b", "lens", "h"]),
        ("PyTorch's", Gru { linear_before_reset: true, common: Recurrent { clip: None, ..clipped } }, vec!["b", "h"]),
    ];
    for (name, attributes, names) in cases {
        let inputs = inputs(attributes.common.direction.count(), 3, false, &names);
        check(name, &inputs, |v| {
            let (y, h) = v[0].gru(&v[1], &v[2], others(v, &names), &attributes)?;
            joined(&[&y, &h])
        });
    }
}

#[test]
fn rnn() {
    use RecurrentActivation::*;
    // All away from their kinks, which are at 0, 1 and where a hard sigmoid meets its ends.
    let inputs = [
        Array::full([STEPS, 1, 1], 0.5f32),
        Array::full([1, 2, 1], 0.25f32),
        Array::new([1, 2, 2], vec![0.125f32, 0.25, 0.0625, 0.125]).unwrap(),
        Array::new([1, 4], vec![0.25f32, 0.125, 0.0, 0.125]).unwrap(),
    ];
    let activations = [
        Relu,
        Sigmoid,
        Affine { alpha: 0.5, beta: -0.25 },
        LeakyRelu { alpha: 0.25 },
        ThresholdedRelu { alpha: 2.0 },
        HardSigmoid { alpha: 0.25, beta: 0.25 },
        Elu { alpha: 1.5 },
    ];
    for activation in activations {
        let attributes = Recurrent { activations: vec![activation], clip: Some(4.0), ..Default::default() };
        check(&format!("{activation:?}"), &inputs, |v| {
            let (y, h) = v[0].rnn(&v[1], &v[2], others(v, &["b"]), &attributes)?;
            joined(&[&y, &h])
        });
    }
}

/// Gradients of gradients, which go the way back once more.
#[test]
fn twice() {
    let squared = |gradients: Vec<Var>| {
        let sums = gradients.iter().map(|g| g.mul(g)?.reduce_sum(&[], false)).collect::<foveate::Result<Vec<_>>>()?;
        sums.iter().skip(1).try_fold(sums[0].clone(), |all, sum| all.add(sum))
    };
    for linear_before_reset in [true, false] {
        let attributes = Gru { linear_before_reset, ..Default::default() };
        check(&format!("gru {linear_before_reset}"), &inputs(1, 3, false, &["lens"]), |v| {
            let (y, _) = v[0].gru(&v[1], &v[2], others(v, &["lens"]), &attributes)?;
            squared(y.mul(&y)?.reduce_sum(&[], false)?.gradient(&[&v[0], &v[2]])?)
        });
    }
    check("lstm", &inputs(1, 4, false, &["lens"]), |v| {
        let (y, _, _) = v[0].lstm(&v[1], &v[2], others(v, &["lens"]), &Lstm::default())?;
        squared(y.mul(&y)?.reduce_sum(&[], false)?.gradient(&[&v[0], &v[2]])?)
    });
}

/// A layer that is used at many steps has one product for its weight's gradient, and what is cut out of a tensor is put back once.
#[test]
fn many_steps_of_one_layer() {
    let inputs = [around(&[2, 3], 1), around(&[3, 3], 2), around(&[5], 3), around(&[3, 2], 4)];
    let build = |v: &[Var]| {
        let mut h = v[0].clone();
        for _ in 0..6 {
            // A matrix on the other side, a part of a vector, and a weight and bias of one tensor.
            h = h.linear(&v[1], Some(&v[2].narrow(0, 1, 3)?))?.tanh()?;
            h = h.matmul(&v[3])?.matmul(&v[3].swap_axes(0, 1)?)?.tanh()?;
        }
        Ok(h)
    };
    check("six steps", &inputs, build);
    let graph = foveate::graph::Graph::new();
    let vars: Vec<Var> = inputs.iter().enumerate().map(|(i, a)| graph.input(&i.to_string(), a.ty()).unwrap()).collect();
    let loss = build(&vars).unwrap().reduce_sum(&[], false).unwrap();
    let gradients = loss.gradient(&vars.iter().collect::<Vec<_>>()).unwrap();
    let plan = Plan::compile(gpu(), &gradients.iter().collect::<Vec<_>>()).unwrap().describe();
    let count = |kernel: &str| plan.lines().filter(|line| line.contains(kernel) && line.contains("workgroups")).count();
    // Forward 6 of three each, but for the last, which nothing reads; back three each; and one for each of both weights, which are used
    // in two ways one of them.
    assert_eq!((count("pad"), count("reduce")), (1, 1), "{plan}");
    assert!(count("matmul") <= 36 + 3, "{}: {plan}", count("matmul"));
}

/// A unit beyond the clip does not move.
#[test]
fn clipped() {
    let attributes = Recurrent { clip: Some(0.5), ..Default::default() };
    let inputs = [Array::full([1, 1, 1], 2.0f32), Array::new([1, 2, 1], vec![0.125f32, 1.0]).unwrap(), Array::full([1, 2, 2], 0.25f32)];
    check("one of two", &inputs, |v| Ok(v[0].rnn(&v[1], &v[2], RecurrentInputs::default(), &attributes)?.0));
}

/// The gradients by x, w and r of 1500 steps of `layer`, whose states are so many, are those of 700 steps and then of 800 from where these
/// ended.
fn pieces(gates: usize, states: usize, layer: impl Fn(&[Var], &[Var]) -> Vec<Var>) {
    const STEPS: usize = 1500;
    let inputs = [around(&[STEPS, 1, 1], 1), around(&[1, 2 * gates, 1], 2), around(&[1, 2 * gates, 2], 3), around(&[1, 6], 5)];
    let graph = foveate::graph::Graph::new();
    let names = ["x", "w", "r", "p"];
    let v = [0, 1, 2, 3].map(|i| graph.input(names[i], inputs[i].ty()).unwrap());
    let of = |x: Var, before: &[Var]| layer(&[&[x], &v[1..]].concat(), before);
    let factors = graph.constant(around(&[STEPS, 1, 1, 2], 4)).unwrap();
    let used = if gates == 4 { 4 } else { 3 };
    let gradients =
        |y: &Var| y.mul(&factors).unwrap().reduce_sum(&[], false).unwrap().gradient(&v[..used].iter().collect::<Vec<_>>()).unwrap();
    let first = of(v[0].narrow(0, 0, 700).unwrap(), &[]);
    let second = of(v[0].narrow(0, 700, 800).unwrap(), &first[1..=states]);
    let all = [gradients(&of(v[0].clone(), &[])[0]), gradients(&concat(&[&first[0], &second[0]], 0).unwrap())].concat();
    for device in [Device::Cpu, Device::from(gpu())] {
        let mut plan = Plan::compile(&device, &all.iter().collect::<Vec<_>>()).unwrap();
        let given: Vec<(&str, &Array)> = names.into_iter().zip(&inputs).take(used).collect();
        let made = plan.run(&given).unwrap();
        for (whole, pieces) in made[..used].iter().zip(&made[used..]) {
            // Sums of 1500 numbers below 1, in another order.
            compare(whole, pieces, None, Bound::Near { absolute: 2e-4, relative: 2e-5 })
                .unwrap_or_else(|e| panic!("{}: {e}", device.name()));
        }
        assert!(made[1].to_f64().iter().all(|v| v.abs() > 0.005), "{:?}", made[1]);
    }
}

#[test]
fn long_sequences_are_their_pieces() {
    pieces(3, 1, |v, before| {
        let others = RecurrentInputs { initial_h: before.first(), ..Default::default() };
        let (y, h) = v[0].gru(&v[1], &v[2], others, &Gru { linear_before_reset: true, ..Gru::default() }).unwrap();
        vec![y, h]
    });
    pieces(4, 2, |v, before| {
        let others = RecurrentInputs { initial_h: before.first(), initial_c: before.get(1), p: v.get(3), ..Default::default() };
        let (y, h, c) = v[0].lstm(&v[1], &v[2], others, &Lstm::default()).unwrap();
        vec![y, h, c]
    });
}

/// Where no binding shows what all steps need at once, they go back one by one.
#[test]
fn peepholes_of_large_layers() {
    let graph = foveate::graph::Graph::new();
    let [x, w, r] = [("x", [60, 64, 8]), ("w", [1, 8192, 8]), ("r", [1, 8192, 2048])]
        .map(|(name, shape)| graph.input(name, foveate::array::TensorType::f32(shape)).unwrap());
    let p = graph.input("p", foveate::array::TensorType::f32([1, 6144])).unwrap();
    let y = x.lstm(&w, &r, RecurrentInputs { p: Some(&p), ..Default::default() }, &Lstm::default()).unwrap().0;
    let gradients = y.reduce_sum(&[], false).unwrap().gradient(&[&w, &p]).unwrap();
    let mut device = gpu().capabilities().clone();
    device.limits.max_storage_buffer_binding_size = 128 << 20;
    foveate::plan::Cost::on(&device, &[&gradients[0], &gradients[1]]).unwrap();
}

#[test]
fn too_many_steps() {
    let graph = foveate::graph::Graph::new();
    let [x, w, r, p] = [[1025, 1, 1], [1, 4, 1], [1, 4, 1], [1, 1, 3]].map(|shape| graph.constant(Array::full(shape, 0.5f32)).unwrap());
    let p = p.reshape([1, 3]).unwrap();
    let activations = vec![RecurrentActivation::Softsign, RecurrentActivation::Tanh, RecurrentActivation::Tanh];
    let other = Lstm { common: Recurrent { activations, ..Default::default() }, ..Default::default() };
    let y = x.lstm(&w, &r, RecurrentInputs { p: Some(&p), ..Default::default() }, &other).unwrap().1;
    let message = y.reduce_sum(&[], false).unwrap().gradient(&[&w]).unwrap_err().to_string();
    assert!(message.contains("1025 time steps with peepholes") && message.contains("1024 are the most"), "{message}");
}

/// The states of a sequence, which the gradient of a layer with peepholes asks for, and their own gradient.
#[test]
fn states() {
    let inputs = [around(&[STEPS, 2, 12], 1), around(&[2, 3], 2), around(&[3, 3], 3)];
    for reverse in [false, true] {
        let attributes = LstmStates { step: LstmCell::default(), reverse };
        check("states", &inputs, |v| v[0].lstm_states(&v[1], &v[2], None, attributes));
        check("states of some steps", &inputs, |v| {
            let lens = v[0].graph().constant(Array::new([2], vec![2, 9])?)?;
            v[0].lstm_states(&v[1], &v[2], Some(&lens), attributes)
        });
    }
}

/// A step by itself, by everything that it is given, and the gradient of its gradient.
#[test]
fn cells() {
    let step = |v: &[Var], peepholes: bool, attributes: LstmCell| {
        let [h, next] = v[0].lstm_cell(&v[1], v.get(2).filter(|_| peepholes), attributes)?;
        joined(&[&h, &next])
    };
    let inputs = [around(&[2, 12], 1), around(&[2, 3], 2), around(&[3, 3], 3)];
    let theano = LstmCell { places: [0, 1, 3, 2], ..LstmCell::default() };
    check("plain", &inputs[..2], |v| step(v, false, LstmCell::default()));
    check("peepholes", &inputs, |v| step(v, true, theano));
    for (name, count) in [("twice, plain", 2), ("twice, peepholes", 3)] {
        let inputs = &inputs[..count];
        check(name, inputs, |v| {
            let y = step(v, count > 2, theano)?;
            let first = y.mul(&y)?.reduce_sum(&[], false)?.gradient(&v.iter().collect::<Vec<_>>())?;
            joined(&first.iter().collect::<Vec<_>>())
        });
    }
}
