//! Hypercolumns: which pixels of a box belong to the thing in it, by all layers above each of them at once.
//!
//! ```text
//! image -- convolutions --> pool3 --> pool4 --> conv5
//!   pool3 * 0.0027   conv_pool3 (3 x 3) -> classes * grid^2 maps   the class's grid^2, in the box, bilinear at side x side  \
//!   pool4 * 0.063    conv_pool4 (1 x 1) -> the same                                                                          + -> z
//!   conv5            max_roi_pool -> fc6 -> fc7 -> fcfc7 -> classes * grid^2 numbers, the class's alike at all places        /
//! p(y, x) = sum over k of alpha_k(y, x) sigmoid(z_k(y, x))      alpha: bilinear between the middles of grid x grid cells
//! ```
//!
//! A pixel's hypercolumn is what every layer says above it, and a classifier of it is a sum over layers, so each layer is convolved first and
//! only scores are enlarged. There are grid x grid classifiers, each for a part of a box; what is mixed between them are probabilities,
//! not scores.
//!
//! Boxes and their classes come from somewhere else: whoever finds things has them refined ([`Refiner`]). In the paper those are SDS'
//! regions or R-CNN's boxes; here anything that gives [`Instance`](super::mnc::Instance)s, as a cascade does.
//!
//! Source: Hariharan, Arbeláez, Girshick, Malik, Hypercolumns for Object Segmentation and Fine-grained Localization (CVPR 2015, arXiv
//! 1411.5752), as in the faster network that its authors released later, whose layers' names and constants these are. Unlike it
//!
//! - all things of all images of a batch are learnt from, each in boxes around its own that are a little off, where the release draws five
//!   of MCG's boxes of one class from one image;
//! - gradients are those of the loss: the release does not divide its gradient by the number of boxes, and leaves out a row and a column of
//!   the enlarged maps;
//! - heat is not averaged over superpixels, which there are none of.
//!
//! | file | what is in it |
//! |---|---|
//! | `network` | the layers, from an image and boxes to heat |
//! | `loss` | the boxes and masks that are learnt from, and the loss |
//! | `refiner` | a network in use, on what was found in photos of any size |

mod loss;
mod network;
mod refiner;

pub use loss::{Learnt, Sampling, overlaps};
pub use network::Network;
pub use refiner::{Refiner, refined};

use super::layers::{fresh, list};
use super::trunk::{DEEPEST, MOST, stages_of, stride, taken};
use super::vgg16;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::Weights;

/// A layer of the trunk that a hypercolumn goes through.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// The stage after whose pooling it lies, from 1.
    pub stage: usize,
    /// The side of the kernel that makes scores of it; odd.
    pub kernel: usize,
    /// What it is multiplied by first. Values of lower layers are larger, and would drown what fc7 says.
    pub scale: f32,
}

/// The sizes of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypercolumns {
    /// How many classes of things there are; the background is none.
    pub classes: usize,
    /// Convolutions and channels of each stage of the trunk; a pooling that halves lies between two.
    pub stages: Vec<(usize, usize)>,
    /// The side of the features that fc6 sees of a box.
    pub window: usize,
    /// Units of fc6 and fc7.
    pub hidden: usize,
    /// Layers between.
    pub taps: Vec<Tap>,
    /// Classifiers along a side of a box.
    pub grid: usize,
    /// The side of the heat map of a box.
    pub side: usize,
}

/// Bins along a side of a box.
const MOST_BINS: usize = 256;

const GRID: &str = "hypercolumns_grid";
const SIDE: &str = "hypercolumns_side";
const SCALES: &str = "hypercolumns_scales";

impl Hypercolumns {
    /// The released network on VGG-16 for PASCAL VOC's 20 classes: 137,718,044 numbers.
    pub fn new() -> Self {
        Self {
            classes: 20,
            stages: vgg16::STAGES.to_vec(),
            window: 7,
            hidden: 4096,
            taps: vec![Tap { stage: 3, kernel: 3, scale: 0.0027 }, Tap { stage: 4, kernel: 1, scale: 0.063 }],
            grid: 5,
            side: 50,
        }
    }

    /// The network that `weights` are of, by their shapes, and by their metadata where shapes do not tell; what those do not say is as
    /// released.
    ///
    /// # Errors
    /// If `weights` lack a layer, or metadata are no numbers.
    pub fn of(weights: &Weights) -> Result<Self> {
        let usual = Self::new();
        let (stages, grid) = (stages_of(weights)?, weights.number(GRID)?.unwrap_or(usual.grid));
        let channels = stages.last().map_or(1, |&(_, channels)| channels).max(1);
        let [hidden, inputs] = weights.sizes::<2>("fc6.weight")?;
        let mut taps = Vec::new();
        for stage in 1..stages.len() {
            let name = format!("conv_pool{stage}.weight");
            if weights.contains(&name) {
                let scale = usual.taps.iter().find(|tap| tap.stage == stage).map_or(1.0, |tap| tap.scale);
                taps.push(Tap { stage, kernel: weights.sizes::<4>(&name)?[2], scale });
            }
        }
        if let Some(scales) = weights.numbers::<f32>(SCALES)? {
            if scales.len() != taps.len() {
                let reason = format!("its '{SCALES}' are {} numbers, and it has {} layers 'conv_pool..'", scales.len(), taps.len());
                return Err(Error::model(weights.source(), reason));
            }
            taps.iter_mut().zip(scales).for_each(|(tap, scale)| tap.scale = scale);
        }
        let outputs = weights.sizes::<2>("fcfc7.weight")?[0];
        let classes = outputs / grid.saturating_mul(grid).max(1);
        Ok(Self {
            classes,
            window: (inputs / channels).isqrt(),
            stages,
            hidden,
            taps,
            grid,
            side: weights.number(SIDE)?.unwrap_or(usual.side),
        })
    }

    /// Whether weights are of such a network, by a layer that no other has.
    pub fn has_layers_in(weights: &Weights) -> bool {
        weights.contains("fcfc7.weight")
    }

    /// What weights say of the network that their shapes do not.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let scales: Vec<String> = self.taps.iter().map(|tap| tap.scale.to_string()).collect();
        vec![(GRID, self.grid.to_string()), (SIDE, self.side.to_string()), (SCALES, scales.join(" "))]
    }

    /// Every weight, by name and shape.
    ///
    /// # Errors
    /// If the sizes make no sense.
    pub fn parameters(&self) -> Result<Vec<(String, Vec<usize>)>> {
        list(&Graph::new(), |layers| Network::new(layers, self).map(|_| ()))
    }

    /// Weights to begin with: He's for the trunk and for fc6 and fc7, normal numbers of 0.01 for what makes scores.
    ///
    /// # Errors
    /// If the sizes make no sense.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        let weights = fresh(&Graph::new(), seed, |layers| Network::new(layers, self).map(|_| ()))?;
        Ok(self.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value)))
    }

    /// The same after a network of the same trunk, from which it takes its layers: a classifier, or one that finds things.
    ///
    /// # Errors
    /// If a layer is missing from `trunk` or has another shape, by name.
    pub fn after(&self, trunk: &Weights, seed: u64) -> Result<Weights> {
        let fresh = self.initial(seed)?;
        let of_trunk = self.parameters()?.into_iter().filter(|(name, _)| of_trunk(name));
        let taken = of_trunk.map(|(name, shape)| Ok((name.clone(), taken(trunk, &name, shape)?))).collect::<Result<Vec<_>>>()?;
        Ok(fresh.replaced(trunk.source(), taken))
    }

    /// Pixels of an image's side between two places of the features.
    pub fn stride(&self) -> usize {
        stride(self.stages.len())
    }

    /// # Errors
    /// If the sizes make no sense.
    fn check(&self) -> Result<()> {
        let of_taps = self.taps.iter().flat_map(|tap| [tap.stage, tap.kernel]);
        let of_stages = self.stages.iter().flat_map(|&(convolutions, channels)| [convolutions, channels]);
        let mut counts = [self.classes, self.hidden].into_iter().chain(of_taps).chain(of_stages);
        let ordered = self.taps.windows(2).all(|pair| pair[0].stage < pair[1].stage);
        let sound = |tap: &Tap| tap.stage < self.stages.len() && tap.kernel % 2 == 1 && tap.kernel <= 31 && tap.scale.is_finite();
        if !(1..=DEEPEST).contains(&self.stages.len())
            || counts.any(|count| !(1..=MOST).contains(&count))
            || !(1..=MOST_BINS).contains(&self.window)
            || !(1..=64).contains(&self.grid)
            || !(1..=1024).contains(&self.side)
            || !ordered
            || !self.taps.iter().all(sound)
        {
            let reason = "it must have 1 to 8 stages, taps of odd kernels after stages that are pooled, in their order, a window of 1 to 256, a grid of 1 to 64 and a side of 1 to 1024";
            return Err(Error::shape("hypercolumns", format!("{self:?}: {reason}")));
        }
        Ok(())
    }
}

impl Default for Hypercolumns {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a weight, by its name, is of what is below and beside the hypercolumns, which the release does not change.
pub fn of_trunk(name: &str) -> bool {
    let layer = name.split('.').next().unwrap_or_default();
    matches!(layer, "fc6" | "fc7") || (layer.starts_with("conv") && !layer.starts_with("conv_pool"))
}
