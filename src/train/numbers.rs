//! Random numbers drawn one after the other, for examples that are made or changed.

use crate::nn::init::Draws;

/// Numbers that depend on a seed, a name and how many were drawn before.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    draws: Draws,
    drawn: usize,
}

impl Numbers {
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self { draws: Draws::new(seed, name), drawn: 0 }
    }

    /// The source, and the place of the next number.
    fn next(&mut self) -> (Draws, usize) {
        self.drawn += 1;
        (self.draws, self.drawn - 1)
    }

    /// Uniform.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        let (draws, at) = self.next();
        low + (high - low) * f64::from(draws.uniform(at))
    }

    /// Normal, of mean 0 and deviation 1.
    pub(crate) fn normal(&mut self) -> f64 {
        let (draws, at) = self.next();
        f64::from(draws.normal(at))
    }

    /// One of 0 to `count`, which is left out.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let (draws, at) = self.next();
        (draws.bits(at) % count as u64) as usize
    }
}
