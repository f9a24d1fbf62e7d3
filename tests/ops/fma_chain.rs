//! `fma_chain`: case table. Numbers from outside are the closed form, s^n x + t (s^n - 1) / (s - 1).

use crate::common::{Bound, Case, check, random};
use foveate::array::Array;
use foveate::ops::FmaChain;

/// A rounding of 2^-24 a step, each made smaller by the steps behind it: together at most 2^-24 / (1 - scale) of the largest number on
/// the way.
fn bound(scale: f64, largest: f64) -> Bound {
    Bound::Near { absolute: 2.0 * f64::from(f32::EPSILON) * largest / (1.0 - scale), relative: 0.0 }
}

#[test]
fn cases() {
    let mut cases = Vec::new();
    // Less than a vector, one, all chains of a workgroup and one more, no step.
    for (n, steps) in [(1, 3), (3, 100), (4, 7), (2048, 5), (2049, 64), (10_000, 1), (33, 0)] {
        let op = FmaChain { steps, scale: 0.75, shift: 0.5 };
        let input = random(&[n], u64::from(steps));
        let values = input.values::<f32>().unwrap().to_vec();
        let (power, largest) =
            (0.75f64.powi(i32::try_from(steps).unwrap()), 2.0 + values.iter().fold(0.0, |m: f64, v| m.max(f64::from(v.abs()))));
        let closed = Array::from_fn([n], |i| (power * f64::from(values[i]) + 0.5 * (power - 1.0) / (0.75 - 1.0)) as f32);
        cases.push(Case::new(format!("{n} by {steps}"), op, vec![input], bound(0.75, largest)).outputs(vec![closed]));
    }
    let op = FmaChain { steps: 1 << 17, scale: 1.0, shift: 0.0 };
    cases.push(Case::refused("too long", op, vec![random(&[4], 1)], "131072 steps"));
    cases.push(Case::refused("integers", FmaChain { steps: 1, ..op }, vec![Array::full([4], 1i32)], "i32"));
    check(cases);
}
