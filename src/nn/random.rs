//! Random numbers of a training step, drawn on the device.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};

/// The state that counts steps.
pub const STEP: &str = "random/step";

/// A source of random numbers that are others in every run of a plan, and the same for the same seed and number of the run.
///
/// The number of the run is the state [`STEP`] of the graph: whoever restores it goes on with the same numbers. Every draw has a
/// stream of its own, in the order in which the graph is built.
#[derive(Debug)]
pub struct Random {
    key: Var,
    streams: u32,
}

/// Where dropout makes up for what it drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropout {
    /// In training, what is kept is divided by the share that is kept: Caffe, PyTorch, Keras, Lasagne.
    Inverted,
    /// In use, all is multiplied by the share that was kept: Hinton et al. 2012, Srivastava et al. 2014.
    Standard,
}

impl Random {
    /// The source of `seed`, counting runs of this graph.
    ///
    /// # Errors
    /// If the graph has one already.
    pub fn new(graph: &Graph, seed: u64) -> Result<Self> {
        let step = graph.state(STEP, Array::scalar(0u32))?;
        graph.update(&step, &step.add(&graph.constant(Array::scalar(1u32))?)?)?;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let seed = graph.constant(Array::new([2], vec![(seed >> 32) as u32, seed as u32])?)?;
        Ok(Self { key: seed.fold_in(&step)?, streams: 0 })
    }

    /// Numbers of 0 to 1, 1 left out.
    ///
    /// # Errors
    /// If the shape has no elements.
    pub fn uniform(&mut self, shape: &[usize]) -> Result<Var> {
        let stream = self.next(1);
        self.key.random_uniform(shape, stream)
    }

    /// Normal numbers of mean 0 and deviation 1.
    ///
    /// # Errors
    /// If the shape has no elements.
    pub fn normal(&mut self, shape: &[usize]) -> Result<Var> {
        let stream = self.next(2);
        self.key.random_normal(shape, stream)
    }

    /// Places along `axis`, i32, drawn with the probabilities softmax(logits).
    ///
    /// # Errors
    /// If the logits are not f32, or have no such axis.
    pub fn categorical(&mut self, logits: &Var, axis: isize) -> Result<Var> {
        let stream = self.next(1);
        logits.categorical(axis, &self.key, stream)
    }

    /// `x` in training: each element is 0 with probability `rate`.
    ///
    /// # Errors
    /// If the rate is not of 0 to 1, 1 left out, or `x` is not f32.
    pub fn dropout(&mut self, x: &Var, rate: f32, style: Dropout) -> Result<Var> {
        let share = kept(rate)?;
        let number = |value: f32| x.graph().constant(Array::scalar(value));
        let dropped = self.uniform(x.shape())?.less(&number(rate)?)?;
        let whole = if style == Dropout::Inverted { x.mul(&number(1.0 / share)?)? } else { x.clone() };
        dropped.where_(&number(0.0)?, &whole)
    }

    fn next(&mut self, streams: u32) -> u32 {
        let first = self.streams;
        self.streams += streams;
        first
    }
}

impl Dropout {
    /// `x` in use, where [`Random::dropout`] stood in training.
    ///
    /// # Errors
    /// If the rate is not of 0 to 1, 1 left out.
    pub fn in_use(self, x: &Var, rate: f32) -> Result<Var> {
        let share = kept(rate)?;
        match self {
            Self::Inverted => Ok(x.clone()),
            Self::Standard => x.mul(&x.graph().constant(Array::scalar(share))?),
        }
    }
}

fn kept(rate: f32) -> Result<f32> {
    if (0.0..1.0).contains(&rate) {
        Ok(1.0 - rate)
    } else {
        Err(Error::shape("dropout", format!("a rate of {rate}; it must be of 0 to 1, less than 1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Device, Plan};

    #[test]
    fn dropout_keeps_the_mean_and_a_seed_its_numbers() {
        let graph = Graph::new();
        let mut random = Random::new(&graph, 5).unwrap();
        let x = graph.constant(Array::full([10_000], 2.0f32)).unwrap();
        let [a, b] = [Dropout::Inverted, Dropout::Standard].map(|style| random.dropout(&x, 0.25, style).unwrap());
        let used = Dropout::Standard.in_use(&x, 0.25).unwrap();
        let mut plan = Plan::compile(Device::Cpu, &[&a, &b, &used]).unwrap();
        let first = plan.run(&[]).unwrap();
        let mean = |a: &Array| a.to_f64().iter().sum::<f64>() / 1e4;
        // The deviation of a mean of 10,000 is 2 sqrt(0.25 / 0.75) / 100 = 0.012.
        assert!((mean(&first[0]) - 2.0).abs() < 0.06 && (mean(&first[1]) - mean(&first[2])).abs() < 0.05);
        assert!(first[0].to_f64().iter().all(|&v| v == 0.0 || (v - 8.0 / 3.0).abs() < 1e-6));
        let second = plan.run(&[]).unwrap();
        assert_ne!(first[0], second[0], "every run has its own");
        plan.set_state(STEP, &Array::scalar(0u32)).unwrap();
        assert_eq!(plan.run(&[]).unwrap(), first, "and the same once counted back");
        assert!(random.dropout(&x, 1.0, Dropout::Inverted).unwrap_err().to_string().contains("rate of 1"));
    }
}
