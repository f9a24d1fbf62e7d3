//! Birds: several looks at one photo at half its size, each for a trunk of its own (section 4.3).
//!
//! ```text
//! photo --> trunk --> features (n, 1024, 7, 7) --> conv 1x1 128 - fc 128 - fc 2k --> k places (tx, ty)
//! photo --> k crops (n, 3, 224, 224), each half as wide and high as the photo --> k trunks --> k vectors (n, 1024)
//! vectors, one after another (n, 1024 k) --> fc 200
//! ```
//!
//! The trunks are Inception networks with batch normalisation, which are not part of this file: features and vectors come from
//! them. Localisation is shared; its first places tile the photo, for equal transformers with equal places would stay equal.

use super::{Localisation, Transform, Warp};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Layers};
use crate::nn::Weights;
use crate::ops::concat;

/// The classifier of birds, but for its trunks. Its weights are `transformer.conv1`, `transformer.fc1`, `transformer.theta` and `fc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Birds {
    /// Crops of each photo: 2 or 4 in the paper.
    pub crops: usize,
    /// Channels of the trunks' features and vectors: 1024.
    pub channels: usize,
    /// Species: 200.
    pub classes: usize,
}

impl Birds {
    /// As published, with 2 or 4 crops.
    pub const fn new(crops: usize) -> Self {
        Self { crops, channels: 1024, classes: 200 }
    }

    /// Height and width of a crop.
    pub const SIZE: Hw = Hw::square(224);

    /// Half the photo's height and width.
    const TRANSFORM: Transform = Transform::Location { scale: 0.5 };

    /// The places that crops look at before anything is learnt: the centres of as many equal tiles, left to right.
    ///
    /// With k crops in r rows of c, r the largest divisor of k that is at most sqrt(k): `2 (i + 1/2) / c - 1`. Four crops are the
    /// four quarters of the photo, two its left and right halves at middle height.
    pub fn places(self) -> Vec<f32> {
        let rows = (1..=self.crops).take_while(|r| r * r <= self.crops).filter(|r| self.crops.is_multiple_of(*r)).last().unwrap_or(1);
        let columns = self.crops / rows;
        let centre = |i: usize, n: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
        (0..self.crops).flat_map(|k| [centre(k % columns, columns), centre(k / columns, rows)]).collect()
    }

    /// The crops of `photo` (n, 3, h, w) that its trunk's features (n, 1024, 7, 7) ask for.
    ///
    /// # Errors
    /// If a shape does not fit, there are no crops or more than 1024, or a weight is missing or of another shape.
    pub fn look(self, layers: &mut Layers<'_>, features: &Var, photo: &Var) -> Result<Vec<Warp>> {
        if !(1..=1024).contains(&self.crops) {
            return Err(Error::shape("stn", format!("birds take 1 to 1024 crops, not {}", self.crops)));
        }
        let places = Localisation::birds().regress(layers, "transformer", features, &self.places())?;
        let crop = |k: usize| {
            let theta = places.narrow(1, 2 * k, 2)?;
            Ok(Warp { image: Self::TRANSFORM.warp(photo, &theta, Self::SIZE)?, theta })
        };
        (0..self.crops).map(crop).collect()
    }

    /// Scores (n, 200) of the crops' vectors, each (n, 1024).
    ///
    /// # Errors
    /// If there are none or they differ in n, or a weight is missing or of another shape.
    pub fn classify(self, layers: &mut Layers<'_>, vectors: &[&Var]) -> Result<Var> {
        layers.linear("fc", &concat(vectors, 1)?, self.classes)
    }

    /// First weights: random, but for the last layer of the localisation.
    ///
    /// # Errors
    /// If there are no crops or more than 1024, or no channels or classes.
    pub fn init(self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        let input = |name: &str, shape: &[usize]| graph.input(name, TensorType::f32(shape));
        let (features, photo) = (input("features", &[1, self.channels, 7, 7])?, input("photo", &[1, 3, 224, 224])?);
        let vector = input("vector", &[1, self.channels])?;
        layers::fresh(&graph, seed, |layers| {
            self.look(layers, &features, &photo)?;
            self.classify(layers, &vec![&vector; self.crops]).map(drop)
        })
    }
}
