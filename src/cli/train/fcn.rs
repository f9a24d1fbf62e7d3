//! Fully convolutional networks on pictures of one's own.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::pixels::{self, VariantName};
use foveate::Result;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Network;
use foveate::models::narrow_fcn::NarrowFcn;
use foveate::nn::metrics::Confusion;
use foveate::nn::{Random, Weights};
use foveate::train::{About, Batch, Dataset, Objective};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// About how many pixels of the picture of what was found a photo's longer side takes.
const DRAWN_SIDE: usize = 192;

/// `system = "fcn"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fcn {
    variant: VariantName,
    /// How many convolutions each of the five stages has.
    convolutions: Option<[usize; 5]>,
    /// And of how many channels.
    channels: Option<[usize; 5]>,
    /// Those of fc6 and fc7.
    hidden: Option<usize>,
    /// A checkpoint to go on from, of the same widths; it may have fewer skips, and its classes may be others.
    start: Option<PathBuf>,
}

/// The network with its data.
pub(super) struct Parts {
    network: NarrowFcn,
    start: Option<PathBuf>,
    sets: Sets,
}

impl Fcn {
    pub(super) fn on(&self, sets: Sets) -> Result<Parts> {
        let sets = sets.labelled("fcn", 2)?;
        let network = pixels::network(self.variant, sets.about.classes.len(), self.convolutions, self.channels, self.hidden);
        Ok(Parts { network, start: self.start.clone(), sets })
    }
}

impl Parts {
    fn built(&self, weights: &Weights, inputs: &Inputs) -> Result<Network> {
        let image = self.network.image(&self.sets.about, inputs.get("image")?)?;
        self.network.trainable(weights, &image)
    }
}

impl Experiment for Parts {
    fn name(&self) -> String {
        let classes = self.network.classes;
        format!("{classes} classes in pictures of {} x {}, {}", self.sets.size.h, self.sets.size.w, pixels::name(&self.network))
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let Some(path) = &self.start else { return self.network.initial(seed) };
        let start = Weights::open(path)?;
        let other = start.sizes::<4>("score_fr.weight")?[0] != self.network.classes;
        // Other classes have scores of their own.
        let kept = start.names().filter(|name| !(other && name.starts_with("score_")));
        let kept = kept.map(|name| Ok((name.to_owned(), Array::clone(start.get(name)?)))).collect::<Result<Vec<_>>>()?;
        self.network.after(&Weights::from_arrays(start.source(), kept))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, _: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        let network = self.built(weights, inputs)?;
        pixels::objective(&NarrowFcn::score(&network)?, network.learned, inputs.get("label")?)
    }

    fn answers(&self, _: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        Ok(vec![NarrowFcn::score(&self.built(weights, inputs)?)?.argmax(1, false, false)?])
    }

    fn classes(&self) -> usize {
        self.network.classes
    }

    fn scores(&self, confusion: &Confusion) -> Vec<(&'static str, Option<f64>)> {
        pixels::scores(confusion)
    }

    fn about(&self) -> Option<About> {
        Some(self.sets.about.clone())
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let factor = (DRAWN_SIDE / self.sets.size.h.max(self.sets.size.w)).max(1);
        let name = |class: u8| self.sets.about.classes.get(usize::from(class)).cloned().unwrap_or_else(|| "none".to_owned());
        pixels::draw(batch, answers, folder, factor, name)
    }
}
