//! Where the pen goes next: a mixture of Gaussians in the plane, and whether it leaves the paper (section 4.1 of the paper).
//!
//! ```text
//! numbers = [e; pi; mu1; mu2; s1; s2; r], one of e and M of each of the others
//! P(up) = 1 / (1 + exp(e))     weights = softmax(pi)     sigma = exp(s)     rho = tanh(r)
//! p(x) = sum over the M of weight N(x; mu, sigma, rho)     nats = -log p(x) - log (P(up) if the pen goes up, else 1 - P(up))
//!
//! log N = -Z / (2 (1 - rho^2)) - s1 - s2 - log(1 - rho^2) / 2 - log 2 pi,   Z = d1^2 + d2^2 - 2 rho d1 d2,   d = (x - mu) / sigma
//! 1 - rho^2 = 4 q / (1 + q)^2,   q = exp(-2 |r|)                        the difference itself would be 0 in f32 from r = 9 on
//! ```

use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{number, scaled};
use crate::train::Numbers;
use std::f32::consts::{LN_2, TAU};

/// Numbers of a mixture of so many Gaussians.
pub(super) fn numbers(gaussians: usize) -> usize {
    gaussians.saturating_mul(6).saturating_add(1)
}

/// The negative log density of where pens went, in nats, (..), by `mixtures` (.., 1 + 6 M): `pen` is (.., 3), how far right, how far up, and
/// 1 where the pen left the paper behind the point.
///
/// # Errors
/// If the shapes do not belong together.
pub(super) fn nats(mixtures: &Var, pen: &Var) -> Result<Var> {
    let all = mixtures.shape().last().copied().unwrap_or(0);
    let gaussians = all.saturating_sub(1) / 6;
    let wrong = || Error::shape("handwriting", format!("mixtures {} beside points {}", mixtures.ty(), pen.ty()));
    if all != numbers(gaussians) || pen.shape().last() != Some(&3) {
        return Err(wrong());
    }
    let sizes = [vec![1], vec![gaussians; 6]].concat();
    let [e, pi, mu1, mu2, s1, s2, r] = <[Var; 7]>::try_from(mixtures.split(-1, &sizes)?).map_err(|_| wrong())?;
    let [x1, x2, up] = <[Var; 3]>::try_from(pen.split(-1, &[1; 3])?).map_err(|_| wrong())?;
    let d1 = x1.sub(&mu1)?.mul(&s1.neg()?.exp()?)?;
    let d2 = x2.sub(&mu2)?.mul(&s2.neg()?.exp()?)?;
    let z = d1.mul(&d1)?.add(&d2.mul(&d2)?)?.sub(&scaled(&d1.mul(&d2)?.mul(&r.tanh()?)?, 2.0)?)?;
    let twice = scaled(&r.abs()?, 2.0)?;
    let two = scaled(&twice.neg()?.softplus()?, 2.0)?;
    // log(1 - rho^2) = 2 log 2 - 2 |r| - 2 log(1 + q).
    let log_rest = number(&two, 2.0 * LN_2)?.sub(&twice)?.sub(&two)?;
    let log_density = scaled(&z.mul(&log_rest.neg()?.exp()?)?.add(&log_rest)?, -0.5)?.sub(&s1)?.sub(&s2)?;
    let log_density = log_density.add(&pi.log_softmax(-1)?)?.reduce_log_sum_exp(&[-1], true)?;
    // -log P(up) = log(1 + exp(e)), -log (1 - P(up)) = log(1 + exp(-e)), which is e less.
    let lifting = e.neg()?.softplus()?.add(&up.mul(&e)?)?;
    lifting.sub(&log_density)?.add(&number(&lifting, TAU.ln())?)?.squeeze(-1)
}

/// Where a pen goes by the `mixture` of 1 + 6 M numbers: how far right and up, and whether it leaves the paper there. A `bias` above 0
/// keeps to what is likeliest (section 5.4 of the paper): sigma = exp(s - bias), weights = softmax(pi (1 + bias)).
pub(super) fn drawn(mixture: &[f32], bias: f64, random: &mut Numbers) -> ([f32; 2], bool) {
    let gaussians = mixture.len().saturating_sub(1) / 6;
    let part = |k: usize, j: usize| mixture.get(1 + k * gaussians + j).map_or(0.0, |number| f64::from(*number));
    let largest = (0..gaussians).map(|j| part(0, j)).fold(f64::NEG_INFINITY, f64::max);
    let weight = |j: usize| ((part(0, j) - largest) * (1.0 + bias)).exp();
    let mut left = random.between(0.0, 1.0) * (0..gaussians).map(weight).sum::<f64>();
    let chosen = (0..gaussians).find(|&j| {
        left -= weight(j);
        left < 0.0
    });
    let j = chosen.unwrap_or(gaussians.saturating_sub(1));
    let [sigma1, sigma2] = [3, 4].map(|k| (part(k, j) - bias).exp());
    let (rho, z1, z2) = (part(5, j).tanh(), random.normal(), random.normal());
    let x1 = part(1, j) + sigma1 * z1;
    let x2 = part(2, j) + sigma2 * (rho * z1 + (1.0 - rho * rho).max(0.0).sqrt() * z2);
    let e = mixture.first().map_or(0.0, |e| f64::from(*e));
    let up = random.between(0.0, 1.0) < 1.0 / (1.0 + e.exp());
    #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
    let place = [x1 as f32, x2 as f32];
    (place, up)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two Gaussians: the second has three quarters of the weight, a slant and the pen goes up in a tenth.
    const MIXTURE: [f32; 13] = [2.197_224_6, 0.0, 1.098_612_3, -4.0, 1.0, 3.0, -2.0, -1.0, -0.5, 0.0, 0.7, 0.3, 0.8];

    fn moments(bias: f64) -> (f64, f64, [f64; 2], [f64; 2], f64) {
        let mut random = Numbers::new(1, "moments");
        let all: Vec<_> = (0..20_000).map(|_| drawn(&MIXTURE, bias, &mut random)).collect();
        let second: Vec<[f64; 2]> = all.iter().filter(|(x, _)| x[0] > -2.5).map(|(x, _)| x.map(f64::from)).collect();
        let count = second.len() as f64;
        let mean = [0, 1].map(|k| second.iter().map(|x| x[k]).sum::<f64>() / count);
        let spread = [0, 1].map(|k| (second.iter().map(|x| (x[k] - mean[k]).powi(2)).sum::<f64>() / count).sqrt());
        let both = second.iter().map(|x| (x[0] - mean[0]) * (x[1] - mean[1])).sum::<f64>() / count / spread[0] / spread[1];
        (count / 20_000.0, all.iter().filter(|(_, up)| *up).count() as f64 / 20_000.0, mean, spread, both)
    }

    #[test]
    fn points_are_drawn_as_the_numbers_say() {
        let (share, up, mean, spread, correlation) = moments(0.0);
        let near = |found: f64, expected: f64, off: f64| assert!((found - expected).abs() < off, "{found} for {expected}");
        // Three standard errors of 20,000 draws; less than 1e-3 of the second's points are cut off at -2.5.
        near(share, 0.75, 0.01);
        near(up, 0.1, 0.0065);
        near(mean[0], 1.0, 0.02);
        near(mean[1], -2.0, 0.06);
        near(spread[0], (-0.5f64).exp(), 0.02);
        near(spread[1], 0.7f64.exp(), 0.05);
        near(correlation, 0.8f64.tanh(), 0.02);
    }

    #[test]
    fn a_bias_keeps_to_the_likeliest() {
        let (share, up, _, spread, correlation) = moments(1.0);
        // softmax of 0 and 2 log 3: nine in ten; deviations are an eth.
        assert!((share - 0.9).abs() < 0.007 && (up - 0.1).abs() < 0.0065, "{share} {up}");
        assert!((spread[0] - (-1.5f64).exp()).abs() < 0.01 && (correlation - 0.8f64.tanh()).abs() < 0.02, "{spread:?} {correlation}");
        let (share, _, mean, spread, _) = moments(50.0);
        assert!(share > 0.9999 && (mean[0] - 1.0).abs() < 1e-6 && spread[1] < 1e-6, "{share} {mean:?} {spread:?}");
    }
}
