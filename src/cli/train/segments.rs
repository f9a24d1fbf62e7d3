//! Fully convolutional networks on scenes of digits, as a recipe names them.

use super::experiment::{Experiment, Inputs};
use super::pixels::{self, VariantName};
use foveate::Result;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Network;
use foveate::models::digit_scenes::{CLASSES, Scenes, name};
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::nn::metrics::Confusion;
use foveate::nn::{Random, Weights};
use foveate::train::{About, Batch, Dataset, Objective};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many pixels of the picture a scene's pixel is high and wide.
pub(super) const ENLARGED: usize = 3;

/// `system = "fcn-digits"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segments {
    variant: VariantName,
    /// Pixels of a scene's side, a multiple of 32.
    #[serde(default = "sixty_four")]
    side: usize,
    /// Digits of a scene at most.
    #[serde(default = "three")]
    digits: usize,
    /// Whether they must not overlap.
    #[serde(default)]
    apart: bool,
    /// By how much they are scaled, the least and the most: 28 pixels by 1.
    #[serde(default = "usual_scales")]
    scales: [f64; 2],
    /// How many convolutions each of the five stages has.
    convolutions: Option<[usize; 5]>,
    /// And of how many channels.
    channels: Option<[usize; 5]>,
    /// Those of fc6 and fc7.
    hidden: Option<usize>,
    /// The checkpoint of a network with fewer skips to go on from, as FCN-16s was made of FCN-32s.
    start: Option<PathBuf>,
    /// The first so many digits of the files alone.
    train_examples: Option<usize>,
    test_examples: Option<usize>,
}

fn sixty_four() -> usize {
    64
}

fn three() -> usize {
    3
}

fn usual_scales() -> [f64; 2] {
    [0.8, 2.0]
}

/// What scenes look like.
pub(super) struct Look {
    pub(super) side: usize,
    pub(super) digits: usize,
    pub(super) scales: [f64; 2],
    pub(super) apart: bool,
}

impl Look {
    /// Scenes of the first `most` digits of a part.
    pub(super) fn open(&self, folder: &Path, part: &str, most: Option<usize>, seed: u64) -> Result<Scenes> {
        let scenes = Scenes::open(self.side, folder, part, most.unwrap_or(usize::MAX), seed)?.with(self.digits, self.scales)?;
        Ok(if self.apart { scenes.apart() } else { scenes })
    }
}

/// What checkpoints say: digits have the scale of the scene's pixels, however large a scene is.
pub(super) fn about() -> About {
    About { classes: (0..).map(name).take(CLASSES).collect(), ..About::new(3) }
}

impl Segments {
    fn network(&self) -> NarrowFcn {
        pixels::network(self.variant, CLASSES, self.convolutions, self.channels, self.hidden)
    }

    fn built(&self, weights: &Weights, inputs: &Inputs) -> Result<Network> {
        self.network().trainable(weights, inputs.get("image")?)
    }
}

impl Experiment for Segments {
    fn name(&self) -> String {
        format!("digits over textures of {0} x {0}, {1}", self.side, pixels::name(&self.network()))
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        match &self.start {
            Some(path) => self.network().after(&Weights::open(path)?),
            None => self.network().initial(seed),
        }
    }

    fn data(&self, folder: &Path, seed: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        let look = Look { side: self.side, digits: self.digits, scales: self.scales, apart: self.apart };
        // Every run is measured by the same scenes.
        Ok([Arc::new(look.open(folder, "train", self.train_examples, seed)?), Arc::new(look.open(folder, "t10k", self.test_examples, 0)?)])
    }

    fn objective(&self, _: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let network = self.built(weights, inputs)?;
        pixels::objective(&NarrowFcn::score(&network)?, network.learned, inputs.get("label")?)
    }

    fn answers(&self, _: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        Ok(vec![NarrowFcn::score(&self.built(weights, inputs)?)?.argmax(1, false, false)?])
    }

    fn classes(&self) -> usize {
        CLASSES
    }

    fn scores(&self, confusion: &Confusion) -> Vec<(&'static str, Option<f64>)> {
        pixels::scores(confusion)
    }

    fn about(&self) -> Option<About> {
        Some(about())
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        pixels::draw(batch, answers, folder, ENLARGED, name)
    }
}
