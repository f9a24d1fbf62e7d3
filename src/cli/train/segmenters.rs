//! Narrow FCNs, U-Nets, multiscale and recurrent networks as recipes name them.

use foveate::models::fcn::Variant;
use foveate::models::multiscale::Multiscale;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::models::recurrent_cnn::RecurrentCnn;
use foveate::models::unet::UNet;
use serde::Deserialize;
use std::path::PathBuf;

/// `system = "fcn"`. What is left out is as for scenes of digits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FcnRecipe {
    variant: VariantName,
    /// How many convolutions each of the five stages has.
    convolutions: Option<[usize; 5]>,
    /// And of how many channels.
    channels: Option<[usize; 5]>,
    /// Those of fc6 and fc7.
    hidden: Option<usize>,
    /// A checkpoint to go on from, of the same widths; it may have fewer skips, and its classes may be others.
    pub(super) start: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VariantName {
    Fcn32s,
    Fcn16s,
    Fcn8s,
}

impl FcnRecipe {
    pub(super) fn network(&self, classes: usize) -> NarrowFcn {
        let usual = NarrowFcn::new(match self.variant {
            VariantName::Fcn32s => Variant::Fcn32s,
            VariantName::Fcn16s => Variant::Fcn16s,
            VariantName::Fcn8s => Variant::Fcn8s,
        });
        let convolutions = self.convolutions.unwrap_or(usual.stages.map(|(convolutions, _)| convolutions));
        let channels = self.channels.unwrap_or(usual.stages.map(|(_, channels)| channels));
        let stages = std::array::from_fn(|stage| (convolutions[stage], channels[stage]));
        NarrowFcn { stages, classes, hidden: self.hidden.unwrap_or(usual.hidden), ..usual }
    }
}

/// `system = "unet"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnetRecipe {
    /// Of each level, from the finest; each but the first is half as large as the one before.
    #[serde(default = "usual_channels")]
    channels: Vec<usize>,
    /// Whether convolutions are padded with zeros. Else photos are mirrored beyond their edges, as published, which is more to compute.
    #[serde(default = "yes")]
    padded: bool,
    /// The share of the two lowest levels' values that training drops.
    #[serde(default = "half")]
    dropout: f32,
    /// A checkpoint to go on from, of the same widths; its classes may be others.
    pub(super) start: Option<PathBuf>,
}

fn usual_channels() -> Vec<usize> {
    vec![16, 32, 64, 128]
}

fn yes() -> bool {
    true
}

fn half() -> f32 {
    0.5
}

impl UnetRecipe {
    pub(super) fn network(&self, inputs: usize, classes: usize) -> UNet {
        let last_up = self.channels.first().copied().unwrap_or(0);
        UNet { inputs, classes, channels: self.channels.clone(), last_up, padded: self.padded, dropout: self.dropout }
    }
}

/// `system = "multiscale"`. What is left out is as published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MultiscaleRecipe {
    /// How many scales pictures are seen at.
    scales: Option<usize>,
    /// Maps of the three convolutions.
    channels: Option<[usize; 3]>,
    /// How many maps below each map of the second and third sees.
    seen: Option<[usize; 2]>,
    /// Units of the classifier's hidden layer.
    hidden: Option<usize>,
    /// A checkpoint to go on from, of the same widths; its classes may be others.
    pub(super) start: Option<PathBuf>,
}

impl MultiscaleRecipe {
    pub(super) fn network(&self, classes: usize) -> Multiscale {
        let usual = Multiscale::new();
        Multiscale {
            classes,
            scales: self.scales.unwrap_or(usual.scales),
            channels: self.channels.unwrap_or(usual.channels),
            seen: self.seen.unwrap_or(usual.seen),
            hidden: self.hidden.unwrap_or(usual.hidden),
        }
    }
}

/// `system = "recurrent-cnn"`. What is left out is as published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecurrentRecipe {
    /// How often the network is applied.
    instances: Option<usize>,
    /// Maps of the two convolutions.
    channels: Option<[usize; 2]>,
    /// Sides of their kernels, and of the score layer's.
    kernels: Option<[usize; 3]>,
    /// Sides of the poolings behind them; 1 is none.
    pools: Option<[usize; 2]>,
    /// A checkpoint to go on from, of the same widths, applied more than once as this one is; its classes may be others.
    pub(super) start: Option<PathBuf>,
}

impl RecurrentRecipe {
    pub(super) fn network(&self, inputs: usize, classes: usize) -> RecurrentCnn {
        let usual = RecurrentCnn::new();
        RecurrentCnn {
            inputs,
            classes,
            channels: self.channels.unwrap_or(usual.channels),
            kernels: self.kernels.unwrap_or(usual.kernels),
            pools: self.pools.unwrap_or(usual.pools),
            instances: self.instances.unwrap_or(usual.instances),
        }
    }
}
