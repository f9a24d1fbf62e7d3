//! The weights of a network: names, shapes, and what they start as.

use crate::array::Array;
use crate::error::Result;
use crate::nn::{Weights, init};

/// What a weight starts as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// What it was in the network that this one is made of.
    Trunk,
    /// Zero, learned from there.
    Zero,
    /// This number, learned from there.
    Start(f32),
    /// Normal numbers of mean 0 and this deviation, learned from there.
    Gaussian(f32),
    /// A bilinear kernel on each channel's diagonal; not learned.
    Bilinear,
    /// This number; not learned.
    Constant(f32),
}

impl Initial {
    /// Whether training changes what starts so.
    pub(super) fn learned(self) -> bool {
        !matches!(self, Self::Bilinear | Self::Constant(_))
    }
}

/// A weight of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in the checkpoint: `conv1_1.weight`.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// What it starts as.
    pub initial: Initial,
}

impl Parameter {
    /// Whether training changes it.
    pub fn learned(&self) -> bool {
        self.initial.learned()
    }

    /// How many numbers it is.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is no number at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its value in a network that is made of another one's `trunk`: that of the same name, else what it starts as.
    ///
    /// A matrix of as many rows becomes the kernels of a convolution: so a classifier's layers become convolutional.
    fn first(&self, trunk: &Weights, seed: u64) -> Result<Array> {
        let flat = [self.shape[0], self.shape[1..].iter().product()];
        let there = trunk.names().any(|name| name == self.name);
        match self.initial {
            Initial::Bilinear => Ok(init::upsampling(self.shape[0], self.shape[self.shape.len() - 1])),
            Initial::Constant(value) => Ok(Array::full(&*self.shape, value)),
            Initial::Zero if !there => Ok(Array::full(&*self.shape, 0.0f32)),
            Initial::Start(value) if !there => Ok(Array::full(&*self.shape, value)),
            Initial::Gaussian(deviation) if !there => Ok(init::normal(&self.shape, deviation, &self.name, seed)),
            _ if there && trunk.get(&self.name)?.shape() == flat => Array::clone(trunk.shaped(&self.name, &flat)?).reshaped(&*self.shape),
            _ => Ok(Array::clone(trunk.shaped(&self.name, &self.shape)?)),
        }
    }
}

/// What training starts from: the layers of `trunk` that have the same names (matrices become convolutions), the rest as it starts.
///
/// # Errors
/// If a layer of the trunk is missing, or has another shape, by name.
pub(in crate::models) fn initial(parameters: Vec<Parameter>, trunk: &Weights, seed: u64) -> Result<Weights> {
    let arrays = parameters.into_iter().map(|p| p.first(trunk, seed).map(|array| (p.name, array)));
    Ok(Weights::from_arrays("initial weights", arrays.collect::<Result<Vec<_>>>()?))
}

/// A trunk where there is no trained one: He's normal kernels, biases zero.
pub(in crate::models) fn random_trunk(parameters: Vec<Parameter>, seed: u64) -> Weights {
    let arrays = parameters.into_iter().filter(|p| p.initial == Initial::Trunk).map(|p| {
        let bias = p.shape.len() == 1;
        let array = if bias { Array::full(&*p.shape, 0.0f32) } else { init::he_normal(&p.shape, &p.name, seed) };
        (p.name, array)
    });
    Weights::from_arrays("random trunk", arrays)
}

/// The tensors of `start`, but for those of score layers of this name that are of other classes.
pub(in crate::models) fn without_other_scores(start: &Weights, layers: &[&str], classes: usize) -> Result<Vec<(String, Array)>> {
    let other = |layer: &str| start.get(&format!("{layer}.bias")).is_ok_and(|bias| bias.len() != classes);
    let left_out = |name: &str| name.rsplit_once('.').is_some_and(|(layer, _)| layers.contains(&layer) && other(layer));
    start.names().filter(|name| !left_out(name)).map(|name| Ok((name.to_owned(), Array::clone(start.get(name)?)))).collect()
}
