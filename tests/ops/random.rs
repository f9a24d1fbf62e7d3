//! random and `fold_in`: case tables, and what numbers are like.

use crate::common::{Bound, Case, Elsewhere, check, fixture};
use foveate::array::Array;
use foveate::graph::Graph;
use foveate::ops::{FoldIn, Random};
use foveate::plan::{Device, Plan};

fn key(seed: u64) -> Array {
    Array::new([2], vec![(seed >> 32) as u32, seed as u32]).unwrap()
}

#[test]
fn cases() {
    let numbers = fixture("threefry");
    let of = |name: String| numbers[&name].clone();
    let random = |shape: &[usize], stream, uniform| Random { shape: shape.to_vec(), stream, uniform };
    let mut cases = Vec::new();
    for seed in [0, 42, (1 << 40) + 5] {
        let bits = Case::new("bits", random(&[3, 5], 0, false), vec![key(seed)], Bound::Exact);
        cases.push(bits.outputs(vec![of(format!("{seed}/bits"))]));
        let uniform = Case::new("uniform", random(&[1031], 0, true), vec![key(seed)], Bound::Exact);
        cases.push(uniform.outputs(vec![of(format!("{seed}/uniform"))]));
        let folded = Case::new("folded", FoldIn, vec![key(seed), Array::full([1, 1], 7u32)], Bound::Exact);
        cases.push(folded.outputs(vec![of(format!("{seed}/folded"))]));
    }
    cases.push(Case::new("a stream", random(&[7], 3, false), vec![key(1)], Bound::Exact));
    cases.push(Case::new("windows", Elsewhere::windows(random(&[3001], u32::MAX, true)), vec![key(1)], Bound::Exact).dispatches(3));
    cases.push(Case::new("a number", random(&[], 0, true), vec![key(9)], Bound::Exact));
    cases.push(Case::refused("no key", random(&[2], 0, true), vec![Array::full([3], 1u32)], "u32[2]"));
    cases.push(Case::refused("signed", random(&[2], 0, true), vec![Array::full([2], 1i32)], "u32"));
    cases.push(Case::refused("too many", random(&[1 << 17, 1 << 16], 0, true), vec![key(1)], "2^32"));
    cases.push(Case::refused("two steps", FoldIn, vec![key(1), Array::full([2], 1u32)], "one number"));
    check(cases);
}

/// Moments of normal numbers and shares of drawn categories, within five of their own deviations.
#[test]
fn what_is_drawn_has_its_distribution() {
    let graph = Graph::new();
    let key = graph.constant(key(3)).unwrap();
    let n = 40_000;
    let normal = key.random_normal([n], 4).unwrap();
    // Probabilities 0.1, 0.2, 0.7.
    let logits = graph.constant(Array::from_fn([n, 3], |i| [0.1f32, 0.2, 0.7][i % 3].ln())).unwrap();
    let drawn = logits.categorical(1, &key, 9).unwrap();
    let mut plan = Plan::compile(Device::Cpu, &[&normal, &drawn]).unwrap();
    let made = plan.run(&[]).unwrap();
    let normal = made[0].to_f64();
    let mean = |f: &dyn Fn(f64) -> f64| normal.iter().map(|&x| f(x)).sum::<f64>() / n as f64;
    let close = |what: &str, is: f64, ought: f64, deviation: f64| {
        assert!((is - ought).abs() < 5.0 * deviation / (n as f64).sqrt(), "{what} is {is}, not {ought}");
    };
    close("mean", mean(&|x| x), 0.0, 1.0);
    close("variance", mean(&|x| x * x), 1.0, 2f64.sqrt());
    close("fourth moment", mean(&|x| x.powi(4)), 3.0, 96f64.sqrt());
    for (class, p) in [0.1, 0.2, 0.7].into_iter().enumerate() {
        let share = made[1].to_f64().iter().filter(|&&c| c == class as f64).count() as f64 / n as f64;
        close("share", share, p, (p * (1.0 - p)).sqrt());
    }
}
