//! The classifier that a network is made of: VGG-16 as published, here the same layers up to fc7 and a score for each class but the background.
//!
//! ```text
//! data (n, 3, 224, 224) -- conv1_1 .. pool5, fc6, fc7 --> (n, 4096, 1, 1) -- fc8 --> (n, classes - 1, 1, 1)
//! ```
//!
//! Where there is no VGG-16 of the network's width, this is trained in its place, on one object a crop. Its layers are normalised as the
//! network's are, with the names that they have there.

use super::{DeconvNet, Ending};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::caffe::{self, Network, Normalisation};
use crate::nn::Weights;

/// The name of the last layer.
pub(super) const NAMES: &str = "fc8";

/// What names the object in a crop, with the layers of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Classifier(pub DeconvNet);

impl Classifier {
    /// What training starts from: the layers of `trunk` that have the same names, scores of normal numbers of deviation 0.01, biases 0,
    /// scales 1, shifts 0.001. [`DeconvNet::random_trunk`] is a trunk.
    ///
    /// # Errors
    /// As [`DeconvNet::initial`].
    pub fn initial(&self, trunk: &Weights, seed: u64) -> Result<Weights> {
        caffe::initial(self.0.parameters_of(Ending::Names)?, trunk, seed)
    }

    /// The classifier over `data` (n, 3, h, w), BGR less the mean.
    ///
    /// # Errors
    /// As [`DeconvNet::forward`].
    pub fn forward(&self, weights: &Weights, data: &Var, normalisation: Normalisation) -> Result<Network> {
        self.0.build(Some(weights), data, normalisation, false, Ending::Names)
    }

    /// The same for training, as [`DeconvNet::trainable`].
    ///
    /// # Errors
    /// As there.
    pub fn trainable(&self, weights: &Weights, data: &Var) -> Result<Network> {
        self.0.build(Some(weights), data, Normalisation::Learn, true, Ending::Names)
    }

    /// The scores (n, classes - 1) of a built classifier whose data were crops of the network's size.
    ///
    /// # Errors
    /// If it is of another kind or its data were larger.
    pub fn score(network: &Network) -> Result<Var> {
        let score = network.layer(NAMES).ok_or_else(|| Error::shape("deconvnet", format!("the network has no layer '{NAMES}'")))?;
        let shape = score.output.shape();
        score.output.reshape(shape.get(..2).unwrap_or_default())
    }
}
