//! `lstm_cell`, and its way back: case table.

use crate::common::{Bound, Case, check, check_composed, fixture, random};
use foveate::array::Array;
use foveate::ops::{LstmCell, LstmCellGradient, LstmStates};
use std::collections::HashMap;

/// A product of five factors, three of them activations that are off by two or three roundings of 2^-24, is off by some 15 of these, 9e-7 of
/// it; sums are of four such at most, each up to 4 in size, and errors of both signs cancel.
const BOUND: Bound = Bound::Near { absolute: 4e-6, relative: 4e-6 };

const SHUFFLED: [usize; 4] = [2, 0, 3, 1];

fn step(places: [usize; 4], clip_gradient: Option<f32>) -> LstmCell {
    LstmCell { places, clip_gradient }
}

#[test]
fn as_in_pytorch() {
    let arrays: HashMap<String, Array> = fixture("lstm_cell").into_iter().collect();
    let mut cases = Vec::new();
    for (name, bound) in [("plain", None), ("peepholes", None), ("clipped", Some(0.02))] {
        let of = |keys: &[&str]| -> Vec<Array> { keys.iter().filter_map(|key| arrays.get(&format!("{name}/{key}")).cloned()).collect() };
        let inputs = of(&["gates", "cell", "peepholes"]);
        let attributes = LstmCell { clip_gradient: bound, ..LstmCell::default() };
        cases.push(Case::new(name, attributes, inputs.clone(), BOUND).outputs(of(&["h", "next"])));
        // The gradient of peepholes is the sum over rows, taken outside of the operator.
        let expected = of(&["gradient.gates", "gradient.cell", "gradient.peepholes"]);
        let grads = of(&["by_h", "by_next"]);
        let count = inputs.len();
        check_composed(
            name,
            &[inputs, grads].concat(),
            |v| {
                let made = v[0].lstm_cell(&v[1], v[2..count].first(), attributes)?;
                let loss = made[0].mul(&v[count])?.add(&made[1].mul(&v[count + 1])?)?.reduce_sum(&[], false)?;
                loss.gradient(&v[..count].iter().collect::<Vec<_>>())
            },
            &expected.iter().collect::<Vec<_>>(),
            Bound::Near { absolute: 2e-5, relative: 4e-6 },
        );
    }
    check(cases);
}

#[test]
fn sizes_and_orders() {
    let mut cases = Vec::new();
    for (n, hidden) in [(1, 1), (3, 64), (65, 1), (2, 101)] {
        for (name, peepholes, attributes) in [
            ("plain", false, step([0, 1, 2, 3], None)),
            ("peepholes", true, step([0, 1, 2, 3], None)),
            ("shuffled", true, step(SHUFFLED, None)),
            ("clipped", false, step(SHUFFLED, Some(0.05))),
        ] {
            let mut inputs = vec![random(&[n, 4 * hidden], 1), random(&[n, hidden], 2)];
            inputs.extend(peepholes.then(|| random(&[3, hidden], 3)));
            cases.push(Case::new(name, attributes, inputs.clone(), BOUND));
            inputs.extend([random(&[n, hidden], 4), random(&[n, hidden], 5)]);
            cases.push(Case::new(name, LstmCellGradient { step: attributes }, inputs, BOUND));
        }
    }
    check(cases);
}

/// Gates far out, where slopes are 0, and numbers that are none.
#[test]
fn far_out() {
    let gates = Array::new([1, 8], vec![1e30f32, -1e30, f32::INFINITY, 3.0, 50.0, -50.0, f32::NAN, 0.5]).unwrap();
    let inputs = vec![gates, Array::new([1, 2], vec![1e20f32, -3.0]).unwrap()];
    let grads = vec![Array::new([1, 2], vec![1.0f32, 2.0]).unwrap(), Array::new([1, 2], vec![-1e6f32, 0.5]).unwrap()];
    check(vec![
        Case::new("cell", LstmCell::default(), inputs.clone(), BOUND),
        Case::new("gradient", LstmCellGradient { step: step([0, 1, 2, 3], Some(10.0)) }, [inputs, grads].concat(), BOUND),
    ]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let given = |gates: &[usize], cell: &[usize]| vec![random(gates, 1), random(cell, 2)];
    let good = given(&[2, 12], &[2, 3]);
    let peepholes = |shape: &[usize]| [good.clone(), vec![random(shape, 3)]].concat();
    check(vec![
        Case::refused(
            "gates",
            LstmCell::default(),
            given(&[2, 9], &[2, 3]),
            "gates must be f32[2, 12] with a cell f32[2, 3], it is f32[2, 9]",
        ),
        Case::refused("rank", LstmCell::default(), given(&[2, 12], &[1, 2, 3]), "(n, H)"),
        Case::refused("peepholes", LstmCell::default(), peepholes(&[3, 4]), "peepholes must be f32[3, 3]"),
        Case::refused("places", step([0, 1, 2, 2], None), good.clone(), "gates at [0, 1, 2, 2]"),
        Case::refused("bound", step([0, 1, 2, 3], Some(-1.0)), good.clone(), "clipped at -1"),
        Case::refused(
            "gradients",
            LstmCellGradient { step: LstmCell::default() },
            [good.clone(), vec![random(&[2, 3], 3), random(&[3, 3], 4)]].concat(),
            "one is f32[3, 3]",
        ),
    ]);
}

#[test]
fn states_of_sequences() {
    let op = |reverse: bool, places: [usize; 4]| LstmStates { step: step(places, None), reverse };
    let mut cases = Vec::new();
    for (t, n, hidden) in [(1, 1, 1), (7, 3, 5), (40, 2, 65)] {
        let inputs = [random(&[t, n, 4 * hidden], 1), random(&[n, hidden], 2), random(&[3, hidden], 3)];
        let lens = Array::from_fn([n], |i| [3, 0, 100][i % 3]);
        for (name, reverse, places, lens) in [
            ("forward", false, [0, 1, 2, 3], None),
            ("reverse", true, SHUFFLED, None),
            ("lengths", false, SHUFFLED, Some(lens.clone())),
            ("lengths, reverse", true, [0, 1, 2, 3], Some(lens)),
        ] {
            cases.push(Case::new(name, op(reverse, places), inputs.iter().cloned().chain(lens).collect(), BOUND));
        }
    }
    let good = vec![random(&[4, 2, 12], 1), random(&[2, 3], 2), random(&[3, 3], 3)];
    let with = |more: Array| [good.clone(), vec![more]].concat();
    cases.push(Case::refused("lens", op(false, SHUFFLED), with(Array::full([3], 1i32)), "sequence_lens must be i32[2], it is i32[3]"));
    cases.push(Case::refused("floats", op(false, SHUFFLED), with(random(&[2], 1)), "sequence_lens must be i32[2]"));
    cases.push(Case::refused("rank", op(false, SHUFFLED), vec![good[1].clone(); 3], "(T, n, 4 H)"));
    cases.push(Case::refused(
        "gates",
        op(false, SHUFFLED),
        vec![good[0].clone(), random(&[3, 3], 1), good[2].clone()],
        "gates must be f32[3, 12]",
    ));
    check(cases);
}
