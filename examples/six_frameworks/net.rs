//! What the six have in common: sizes, random data, and the loop of runs.

use foveate::Result;
use foveate::array::Array;
use foveate::nn::init::{Draws, normal};
use foveate::nn::optimiser::Parameter;
use foveate::plan::Plan;

/// The seed of everything that is random.
pub const SEED: u64 = 1;

/// How large data and net are.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// How many examples there are.
    pub samples: usize,
    /// Numbers of an example.
    pub inputs: usize,
    /// Units behind the first layer.
    pub hidden: usize,
    /// Classes.
    pub classes: usize,
}

impl Sizes {
    /// The lecture's net: 0.1 million multiply-adds for each example.
    pub fn of_the_lecture(samples: usize) -> Self {
        Self { samples, inputs: 1000, hidden: 100, classes: 10 }
    }

    /// W1 and W2, to be multiplied with from the right, and their biases.
    pub fn shapes(&self) -> [[usize; 2]; 2] {
        [[self.inputs, self.hidden], [self.hidden, self.classes]]
    }

    /// Normal examples called `name`, (N, inputs). More of them begin with fewer.
    pub fn examples(&self, name: &str) -> Array {
        normal(&[self.samples, self.inputs], 1.0, name, SEED)
    }

    /// A random class for each example, (N).
    pub fn labels(&self, name: &str) -> Array {
        let draws = Draws::new(SEED, name);
        Array::from_fn([self.samples], |i| (draws.uniform(i) * self.classes as f32) as i32)
    }

    /// The same as probabilities, 1 for the class and 0 for the others: (N, classes).
    pub fn one_hot(&self, name: &str) -> Result<Array> {
        let labels = self.labels(name);
        let labels = labels.values::<i32>()?;
        Ok(Array::from_fn([self.samples, self.classes], |i| f32::from(labels[i / self.classes] as usize == i % self.classes)))
    }
}

/// What training has made.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The loss of each step, before its update.
    pub losses: Vec<f64>,
    /// The parameters at the end.
    pub parameters: Vec<(String, Array)>,
    /// How many updates there were.
    pub updates: i32,
}

/// One run for each of `inputs`, which a plan with the loss as first output takes beside the rate.
pub fn run<'a>(plan: &mut Plan, parameters: &[Parameter], inputs: impl Iterator<Item = Vec<(&'a str, Array)>>) -> Result<Trained> {
    let mut losses = Vec::new();
    for given in inputs {
        let given: Vec<(&str, &Array)> = given.iter().map(|(name, array)| (*name, array)).collect();
        losses.extend(plan.run(&given)?[0].to_f64());
    }
    let states = parameters.iter().map(|p| Ok((p.name.clone(), plan.state(&p.name)?))).collect::<Result<_>>()?;
    let updates = plan.state("optimiser/step")?.values::<i32>()?[0];
    Ok(Trained { losses, parameters: states, updates })
}
