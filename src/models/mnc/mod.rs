//! Multi-task Network Cascades: instance segmentation in three tasks, each of which sees what the one before has found.
//!
//! ```text
//! image -- convolutions --> features
//!   1  boxes       rpn: at each place, how likely a box of each shape is some thing, and how it must move    -> the best `proposals`
//!   2  masks       features warped into each box -> mask_hidden -> mask x mask                               -> what of it is the thing
//!   3  categories  [those features; the same times the mask] -> hidden -> hidden -> classes, and how boxes move once more
//!   4, 5           the same masks and categories in the boxes that 3 has moved
//! ```
//!
//! Nothing is cut: the warp is differentiable in a box's corners, so what masks and categories say of a box reaches the layers that
//! proposed it. A plan has all of it, from the image to the boxes, masks and scores of all stages, in training from the image to the
//! updates: proposals are sorted, suppressed and drawn from on the device.
//!
//! Source: Dai, He, Sun, Instance-aware Semantic Segmentation via Multi-task Network Cascades (CVPR 2016, arXiv 1512.04412), and the released
//! MNC repository, whose layers' names these are. Where the two differ it is as released: masks of 21 x 21 rather than 28 x 28, and a mask's
//! loss that counts twice. Unlike it
//!
//! - corners are not rounded before the warp, which is the paper's formula, and both passes warp alike, in training and in use;
//! - no gradient is clipped on its way into corners, or held back from masks of boxes that are background;
//! - in training stage 3's deltas are multiplied by their deviations before they move boxes, as they are in use;
//! - anchors of boxes that were drawn for stage 3 are not forced into the loss of stage 1.
//!
//! | file | what is in it |
//! |---|---|
//! | `network` | the layers, and the stages |
//! | `targets` | which boxes are learnt from, and what they should have been |
//! | `loss` | the losses of all stages |
//! | `instances` | what was found as instances of an image: suppression and mask voting |
//! | `picture` | instances over their photo |
//! | `cascade` | a network in use, on photos of any size |

mod cascade;
mod instances;
mod loss;
mod network;
mod picture;
mod targets;

pub use super::view::{MEAN, data};
pub use cascade::Cascade;
pub(super) use instances::around;
pub use instances::{Instance, count, instances};
pub use loss::{Losses, Sampling};
pub use network::{Found, Network};
pub use picture::overlay;
pub use targets::Truth;

use super::layers::{fresh, list};
use super::trunk::{DEEPEST, MOST, stages_of, stride};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::nn::Weights;

/// The sizes of a cascade.
#[derive(Clone, Debug, PartialEq)]
pub struct Mnc {
    /// How many classes there are, the background, class 0, among them.
    pub classes: usize,
    /// Convolutions and channels of each stage of the trunk; a pooling that halves lies between two.
    pub stages: Vec<(usize, usize)>,
    /// Channels of the layer that boxes are proposed from.
    pub proposing: usize,
    /// Height by width of the boxes at each place.
    pub ratios: Vec<f32>,
    /// Their sizes, in places of the map.
    pub scales: Vec<f32>,
    /// The side of the features in a box; even.
    pub window: usize,
    /// Samples along each side of one of those features, of which the largest is kept.
    pub samples: usize,
    /// The side of a mask.
    pub mask: usize,
    /// Units of the layer before masks.
    pub mask_hidden: usize,
    /// Units of each layer before classes.
    pub hidden: usize,
    /// Boxes of an image that are compared with each other, the likeliest ones.
    pub candidates: usize,
    /// Those of them that are looked at.
    pub proposals: usize,
    /// The least side of one in pixels.
    pub least: f32,
}

const RATIOS: &str = "mnc_ratios";
const SCALES: &str = "mnc_scales";
const SAMPLES: &str = "mnc_samples";
const CANDIDATES: &str = "mnc_candidates";
const PROPOSALS: &str = "mnc_proposals";
const LEAST: &str = "mnc_least";

/// The overlap from which on, exclusively, a worse proposal is left out.
const SUPPRESSED: f32 = 0.7;
/// What deltas of stage 3 are divided by where they are learnt.
const DEVIATIONS: [f32; 4] = [0.1, 0.1, 0.2, 0.2];

impl Mnc {
    /// The published network on VGG-16 for PASCAL VOC's 20 classes: 283,029,933 numbers.
    pub fn new() -> Self {
        Self {
            classes: 21,
            stages: super::vgg16::STAGES.to_vec(),
            proposing: 512,
            ratios: vec![0.5, 1.0, 2.0],
            scales: vec![8.0, 16.0, 32.0],
            window: 14,
            samples: 2,
            mask: 21,
            mask_hidden: 256,
            hidden: 4096,
            candidates: 6000,
            proposals: 300,
            least: 16.0,
        }
    }

    /// The network that `weights` are of, by their shapes, and by their metadata where shapes do not tell; what those do not say is as
    /// published.
    ///
    /// # Errors
    /// If `weights` lack a layer, or metadata are no numbers.
    pub fn of(weights: &Weights) -> Result<Self> {
        let usual = Self::new();
        let outputs = |name: &str| Ok::<_, Error>(weights.sizes::<4>(&format!("{name}.weight"))?[0]);
        let units = |name: &str| weights.sizes::<2>(&format!("{name}.weight"));
        let stages = stages_of(weights)?;
        let channels = stages.last().map_or(1, |&(_, channels)| channels).max(1);
        let [mask_hidden, inputs] = units("fc6_maskest")?;
        Ok(Self {
            classes: units("seg_cls_score")?[0],
            stages,
            proposing: outputs("rpn_conv_3x3")?,
            ratios: weights.numbers(RATIOS)?.unwrap_or(usual.ratios),
            scales: weights.numbers(SCALES)?.unwrap_or(usual.scales),
            window: (inputs / channels).isqrt(),
            samples: weights.number(SAMPLES)?.unwrap_or(usual.samples),
            mask: units("mask_pred")?[0].isqrt(),
            mask_hidden,
            hidden: units("fc6")?[0],
            candidates: weights.number(CANDIDATES)?.unwrap_or(usual.candidates),
            proposals: weights.number(PROPOSALS)?.unwrap_or(usual.proposals),
            least: weights.number(LEAST)?.unwrap_or(usual.least),
        })
    }

    /// The network as it is used: however few proposals are learnt from, as many are compared and looked at as published, which costs
    /// little where nothing is learnt.
    #[must_use]
    pub fn in_use(&self) -> Self {
        let usual = Self::new();
        Self { candidates: self.candidates.max(usual.candidates), proposals: self.proposals.max(usual.proposals), ..self.clone() }
    }

    /// What weights say of the network that their shapes do not.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let listed = |numbers: &[f32]| numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
        vec![
            (RATIOS, listed(&self.ratios)),
            (SCALES, listed(&self.scales)),
            (SAMPLES, self.samples.to_string()),
            (CANDIDATES, self.candidates.to_string()),
            (PROPOSALS, self.proposals.to_string()),
            (LEAST, self.least.to_string()),
        ]
    }

    /// Every weight, by name and shape.
    ///
    /// # Errors
    /// If the sizes make no sense.
    pub fn parameters(&self) -> Result<Vec<(String, Vec<usize>)>> {
        list(&Graph::new(), |layers| Network::new(layers, self).map(|_| ()))
    }

    /// Weights to begin with: He's for the trunk and for the layers of units before classes, normal numbers of 0.01, 0.001 before masks and
    /// where boxes move, for what is new in the paper.
    ///
    /// # Errors
    /// If the sizes make no sense.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        let weights = fresh(&Graph::new(), seed, |layers| Network::new(layers, self).map(|_| ()))?;
        Ok(self.metadata().into_iter().fold(weights, |weights, (key, value)| weights.with_metadata(key, &value)))
    }

    /// The same after a classifier, VGG-16 as published, from which it takes its layers; those of masks are copies of those of boxes.
    ///
    /// # Errors
    /// If a layer is missing from `trunk` or has another shape, by name.
    pub fn after(&self, trunk: &Weights, seed: u64) -> Result<Weights> {
        let fresh = self.initial(seed)?;
        let mut taken = Vec::new();
        for (name, shape) in self.parameters()? {
            let layer = name.split('.').next().unwrap_or_default();
            let from = match layer {
                "fc6" | "fc7" | "fc6_mask" | "fc7_mask" => name.replace("_mask", ""),
                _ if layer.starts_with("conv") => name.clone(),
                _ => continue,
            };
            let array = super::trunk::taken(trunk, &from, shape)?;
            taken.push((name, array));
        }
        Ok(fresh.replaced(trunk.source(), taken))
    }

    /// Pixels of an image's side between two places of the features.
    pub fn stride(&self) -> usize {
        stride(self.stages.len())
    }

    /// # Errors
    /// If the sizes make no sense.
    fn check(&self) -> Result<()> {
        let counts = [self.proposing, self.window, self.samples, self.mask, self.mask_hidden, self.hidden, self.candidates, self.proposals];
        let mut counts = counts.into_iter().chain([self.classes.saturating_sub(1)]).chain(self.stages.iter().flat_map(|&(n, c)| [n, c]));
        let positive = |numbers: &[f32]| !numbers.is_empty() && numbers.len() <= 64 && numbers.iter().all(|n| (1e-3..=1e4).contains(n));
        if !(1..=DEEPEST).contains(&self.stages.len())
            || counts.any(|count| !(1..=MOST).contains(&count))
            || !self.window.is_multiple_of(2)
            || self.proposals > self.candidates
            || !positive(&self.ratios)
            || !positive(&self.scales)
            || !(0.0..=1e6).contains(&self.least)
        {
            let reason = "it must have 1 to 8 stages, an even window, no more proposals than candidates, ratios and scales above 0, two classes or more";
            return Err(Error::shape("mnc", format!("{self:?}: {reason}")));
        }
        Ok(())
    }
}

impl Default for Mnc {
    fn default() -> Self {
        Self::new()
    }
}
