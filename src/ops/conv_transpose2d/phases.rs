//! Phases: which taps of the kernel reach which outputs, along one axis.
//!
//! Input `i` and tap `k` meet in output `o` where `stride * i + dilation * k = o + before`. Write `o + before = stride * q + r`
//! with phase `r < stride`, and `g = gcd(stride, dilation)`. Only phases that g divides have taps, and these are
//!
//! ```text
//! k = k0(r) + t * stride/g     with dilation * k0(r) = r (mod stride), k0(r) < stride/g, t = 0, 1, ..
//! i = q - lag(r) - t * dilation/g     with lag(r) = (dilation * k0(r) - r) / stride
//! ```
//!
//! so no tap is visited to find that it meets nothing. Without dilation k0(r) = r and lag(r) = 0: a convolution of stride 1.

use crate::ops::u32_of;

/// One axis of a transposed convolution.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Axis {
    pub input: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// What the crop takes off in front.
    pub before: usize,
    pub output: usize,
}

/// Neighbouring phases whose outputs meet the same inputs: rows of one matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first phase.
    pub phase: usize,
    /// How many phases; the first tap grows by one with each.
    pub count: usize,
    /// `k0` of the first phase.
    pub tap: usize,
    /// Taps of each phase.
    pub taps: usize,
    /// Inputs by which the first tap lags behind the position.
    pub lag: usize,
    /// The first position `q` that has an output.
    pub first: usize,
    /// How many positions.
    pub places: usize,
}

/// The most phases that are listed.
const MOST_PHASES: usize = 1024;

impl Axis {
    /// The same axis, with the stride that leaves one tap to each phase where there is only one input: then any stride does.
    pub fn simplified(self) -> Self {
        if self.input == 1 { Self { stride: self.dilation * self.kernel, ..self } } else { self }
    }

    /// What the shader's `Axis` is told.
    pub fn words(self) -> [[u32; 4]; 2] {
        let (stride, dilation) = self.steps();
        let gcd = self.stride / stride;
        [[self.stride, gcd, self.inverse(), stride].map(u32_of), [self.dilation, dilation, self.kernel, self.input].map(u32_of)]
    }

    /// Steps from a tap to the phase's next: in the kernel, and back in the input.
    pub fn steps(self) -> (usize, usize) {
        let g = gcd(self.stride, self.dilation);
        (self.stride / g, self.dilation / g)
    }

    /// Taps that a phase has at most, and no more than inputs.
    pub fn most_taps(self) -> usize {
        self.kernel.div_ceil(self.steps().0).min(self.input)
    }

    /// `x < stride/g` with `dilation/g * x = 1 (mod stride/g)`: then `k0(r) = r/g * x mod stride/g`.
    pub fn inverse(self) -> usize {
        let (stride, dilation) = self.steps();
        (1..stride).find(|x| dilation % stride * x % stride == 1).unwrap_or(0)
    }

    /// All phases that have outputs; `None` if they are too many to be worth listing.
    pub(super) fn runs(self) -> Option<Vec<Run>> {
        if self.stride > MOST_PHASES {
            return None;
        }
        let (step, _) = self.steps();
        let (g, inverse) = (self.stride / step, self.inverse());
        let mut runs: Vec<Run> = Vec::new();
        for phase in 0..self.stride {
            let tap = phase / g * inverse % step;
            let taps = if phase % g == 0 && tap < self.kernel { (self.kernel - tap).div_ceil(step) } else { 0 };
            let (tap, lag) = if taps == 0 { (0, 0) } else { (tap, (self.dilation * tap - phase) / self.stride) };
            match runs.last_mut() {
                Some(run) if run.taps == taps && run.lag == lag && (taps == 0 || run.tap + run.count == tap) => run.count += 1,
                _ => runs.push(Run { phase, count: 1, tap, taps, lag, first: 0, places: 0 }),
            }
        }
        // The crop: positions from `first`, where the last phase comes into view, to `last`, where the first one leaves it.
        for run in &mut runs {
            run.first = self.before.saturating_sub(run.phase + run.count - 1).div_ceil(self.stride);
            let end = (self.output - 1 + self.before).checked_sub(run.phase).map_or(0, |e| e / self.stride + 1);
            run.places = end.saturating_sub(run.first);
        }
        runs.retain(|run| run.places > 0);
        Some(runs)
    }
}

pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every product of the definition appears exactly once, and nothing else.
    #[test]
    fn runs_hold_every_product_once() {
        for (stride, dilation, kernel, before) in
            [(1, 1, 3, 1), (2, 1, 3, 1), (8, 1, 16, 0), (4, 1, 3, 2), (2, 2, 3, 0), (6, 4, 5, 3), (3, 2, 4, 7), (5, 7, 2, 1), (1, 3, 3, 2)]
        {
            let input = 6;
            let axis =
                Axis { input, kernel, stride, dilation, before, output: (input - 1) * stride + dilation * (kernel - 1) + 2 - before };
            let mut wanted = Vec::new();
            for i in 0..input {
                for k in 0..kernel {
                    if let Some(o) = (i * stride + k * dilation).checked_sub(before).filter(|&o| o < axis.output) {
                        wanted.push((o, i, k));
                    }
                }
            }
            let (tap_step, input_step) = axis.steps();
            let (mut found, mut outputs) = (Vec::new(), Vec::new());
            for run in axis.runs().unwrap() {
                for q in run.first..run.first + run.places {
                    for a in 0..run.count {
                        let Some(o) = (q * stride + run.phase + a).checked_sub(before).filter(|&o| o < axis.output) else { continue };
                        outputs.push(o);
                        for t in 0..run.taps {
                            if let Some(i) = q.checked_sub(run.lag + t * input_step).filter(|&i| i < input) {
                                found.push((o, i, run.tap + a + t * tap_step));
                            }
                        }
                    }
                }
            }
            wanted.sort_unstable();
            found.sort_unstable();
            outputs.sort_unstable();
            assert_eq!(found, wanted, "{axis:?}");
            assert_eq!(outputs, (0..axis.output).collect::<Vec<_>>(), "{axis:?}");
        }
    }
}
