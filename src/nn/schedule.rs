//! Learning rates: what the rate is at which step, computed on the host.
//!
//! | schedule | rate at step t, counted from 0 |
//! |---|---|
//! | fixed | base |
//! | step | base gamma^floor(t / size) |
//! | multistep | base gamma^(how many of the steps are reached) |
//! | exp | base gamma^t |
//! | inv | base (1 + gamma t)^-power |
//! | poly | base (1 - t / steps)^power, 0 from there on |
//! | sigmoid | base / (1 + exp(-gamma (t - size))) |
//! | Keras | base / (1 + decay t) |
//! | cosine | base (t + 1) / `warm_up` first, then last + (base - last) (1 + cos(pi u)) / 2, u from 0 to 1 at the last step |
//!
//! The first seven are Caffe's `lr_policy`, by name and formula; cosine is that of Loshchilov, Hutter 2017, without restarts.

use serde::Deserialize;

/// What the learning rate is at which step.
///
/// As recipes have it: `kind = "multi-step"`, and its numbers, but for `steps` of a run, which [`Schedule::over`] sets.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Fixed {
        /// The rate.
        base: f64,
    },
    /// Times gamma after every so many steps.
    Step {
        /// The first rate.
        base: f64,
        /// The factor.
        gamma: f64,
        /// How many steps a rate lasts; 0 counts as 1.
        size: u64,
    },
    /// Times gamma at each of these steps.
    MultiStep {
        /// The first rate.
        base: f64,
        /// The factor.
        gamma: f64,
        /// The steps, in any order.
        steps: Vec<u64>,
    },
    /// Times gamma at every step.
    Exp {
        /// The first rate.
        base: f64,
        /// The factor.
        gamma: f64,
    },
    /// Down as a power of the step.
    Inv {
        /// The first rate.
        base: f64,
        /// How fast.
        gamma: f64,
        /// The power.
        power: f64,
    },
    /// Down to 0 as a power of what is left.
    Poly {
        /// The first rate.
        base: f64,
        /// The power.
        power: f64,
        /// When it is 0.
        #[serde(skip)]
        steps: u64,
    },
    /// From one rate to another around a step: up for a positive gamma.
    Sigmoid {
        /// The greatest rate.
        base: f64,
        /// How fast.
        gamma: f64,
        /// The step at which it is half.
        size: u64,
    },
    /// Down as one over the step: Keras' `decay`.
    Keras {
        /// The first rate.
        base: f64,
        /// How fast.
        decay: f64,
    },
    /// Up on a line, then down on half a cosine.
    Cosine {
        /// The greatest rate.
        base: f64,
        /// The last rate.
        #[serde(default)]
        last: f64,
        /// How many steps it goes up.
        #[serde(default)]
        warm_up: u64,
        /// How many steps there are, those of the way up among them.
        #[serde(skip)]
        steps: u64,
    },
}

impl Schedule {
    /// The same, ending at the end of a run of `run` steps if it is one that ends.
    #[must_use]
    pub fn over(mut self, run: u64) -> Self {
        if let Self::Poly { steps, .. } | Self::Cosine { steps, .. } = &mut self {
            *steps = run;
        }
        self
    }

    /// The rate at `step`, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let t = step as f64;
        match self {
            Self::Fixed { base } => *base,
            Self::Step { base, gamma, size } => base * gamma.powf((step / size.max(&1)) as f64),
            Self::MultiStep { base, gamma, steps } => base * gamma.powf(steps.iter().filter(|&&at| step >= at).count() as f64),
            Self::Exp { base, gamma } => base * gamma.powf(t),
            Self::Inv { base, gamma, power } => base * (1.0 + gamma * t).powf(-power),
            Self::Poly { base, power, steps } if step < *steps => base * (1.0 - t / *steps as f64).powf(*power),
            Self::Poly { .. } => 0.0,
            Self::Sigmoid { base, gamma, size } => base / (1.0 + (-gamma * (t - *size as f64)).exp()),
            Self::Keras { base, decay } => base / (1.0 + decay * t),
            Self::Cosine { base, warm_up, .. } if step < *warm_up => base * (t + 1.0) / *warm_up as f64,
            Self::Cosine { base, last, warm_up, steps } => {
                let (gone, all) = ((step - warm_up) as f64, steps.saturating_sub(*warm_up).saturating_sub(1) as f64);
                let u = if gone < all { gone / all } else { 1.0 };
                last + (base - last) * 0.5 * (1.0 + (std::f64::consts::PI * u).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule, expected: &[(u64, f64)]) {
        for &(step, rate) in expected {
            let found = schedule.rate(step);
            assert!((found - rate).abs() <= 1e-15 * (1.0 + rate), "{schedule:?} at {step}: {found}, by hand {rate}");
        }
    }

    #[test]
    fn rates_are_those_computed_by_hand() {
        rates(&Schedule::Fixed { base: 1e-10 }, &[(0, 1e-10), (u64::MAX, 1e-10)]);
        let caffe_net = Schedule::Step { base: 0.01, gamma: 0.1, size: 100_000 };
        rates(&caffe_net, &[(0, 0.01), (99_999, 0.01), (100_000, 0.001), (449_999, 1e-6)]);
        rates(&Schedule::Step { base: 1.0, gamma: 0.5, size: 0 }, &[(0, 1.0), (2, 0.25)]);
        let multi = Schedule::MultiStep { base: 1.0, gamma: 0.5, steps: vec![10, 4] };
        rates(&multi, &[(3, 1.0), (4, 0.5), (9, 0.5), (10, 0.25), (99, 0.25)]);
        rates(&Schedule::Exp { base: 2.0, gamma: 0.5 }, &[(0, 2.0), (3, 0.25)]);
        // Caffe's LeNet: 0.01 (1 + 1)^-0.75 after 10,000 steps.
        rates(&Schedule::Inv { base: 0.01, gamma: 1e-4, power: 0.75 }, &[(0, 0.01), (10_000, 0.005_946_035_575_013_605)]);
        rates(&Schedule::Poly { base: 4.0, power: 2.0, steps: 10 }, &[(0, 4.0), (5, 1.0), (10, 0.0), (11, 0.0)]);
        rates(&Schedule::Sigmoid { base: 3.0, gamma: -5.0, size: 7 }, &[(7, 1.5), (0, 3.0 / (1.0 + (-35f64).exp()))]);
        rates(&Schedule::Keras { base: 0.1, decay: 0.5 }, &[(0, 0.1), (2, 0.05)]);
        let cosine = Schedule::Cosine { base: 1.0, last: 0.1, warm_up: 4, steps: 15 };
        rates(&cosine, &[(0, 0.25), (3, 1.0), (4, 1.0), (9, 0.55), (14, 0.1), (99, 0.1)]);
        let none = Schedule::Cosine { base: 1.0, last: 0.0, warm_up: 0, steps: 0 };
        rates(&none, &[(0, 0.0)]);
        rates(&none.over(3), &[(0, 1.0), (1, 0.5), (2, 0.0)]);
    }
}
