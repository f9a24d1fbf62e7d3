//! Networks that `foveate train` made, from the file it wrote: weights, and what they say of their pictures.

use foveate::array::TensorType;
use foveate::graph::{Graph, Var};
use foveate::models::digit_scenes;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::nn::Weights;
use foveate::train::About;
use foveate::{Error, Result};
use std::path::Path;

/// The name of the network that finds digits and is part of the program.
pub(super) const DIGITS: &str = "digits";

/// A network that gives each pixel a class.
#[derive(Clone, Debug)]
pub(super) struct TrainedFcn {
    fcn: NarrowFcn,
    weights: Weights,
    pub(super) about: About,
}

impl TrainedFcn {
    /// Whether `name` names one: the one of digits, or a file.
    pub(super) fn is_named(name: &str) -> bool {
        name == DIGITS || Path::new(name).extension().is_some_and(|extension| extension == "safetensors")
    }

    /// # Errors
    /// If the file cannot be read or is of another network.
    pub(super) fn named(name: &str) -> Result<Self> {
        let weights = if name == DIGITS { digit_scenes::weights()? } else { Weights::open(name)? };
        if !weights.contains("score_fr.weight") {
            let reason = "has no 'score_fr.weight': it is no network of `foveate train` that gives each pixel a class";
            return Err(Error::model(weights.source(), reason));
        }
        let own = Self { fcn: NarrowFcn::of(&weights)?, about: About::of(&weights)?, weights };
        // What is wrong with the weights is said before the first photo is read.
        own.classes(&Graph::new().input("photo", TensorType::f32([1, 3, 32, 32]))?)?;
        Ok(own)
    }

    /// The class of each pixel, i32 (1, 1, h, w), of a photo (1, 3, h, w) with RGB in 0..1.
    pub(super) fn classes(&self, photo: &Var) -> Result<Var> {
        self.fcn.photo_classes(&self.weights, &self.about, photo)
    }
}
