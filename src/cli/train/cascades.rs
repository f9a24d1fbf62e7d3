//! Cascades that find things with their masks and classes.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::tally::Tally;
use crate::cli::things;
use foveate::array::{Array, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::mnc::{self, Mnc, Sampling, Truth};
use foveate::nn::metrics::Precision;
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "mnc"`. What is left out is as published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MncRecipe {
    /// How many convolutions each stage of the trunk has; a pooling that halves lies between two.
    convolutions: Vec<usize>,
    /// And of how many channels.
    channels: Vec<usize>,
    /// Channels of the layer that boxes are proposed from.
    proposing: usize,
    /// Height by width of boxes, and their sizes in places of the trunk's map.
    ratios: Vec<f32>,
    scales: Vec<f32>,
    /// The side of the features in a box, and samples along each side of one of them.
    window: usize,
    samples: usize,
    /// The side of a mask, and units before it.
    mask: usize,
    mask_hidden: usize,
    /// Units before classes.
    hidden: usize,
    /// Boxes that are compared, and those of them that are looked at.
    candidates: usize,
    proposals: usize,
    /// The least side of a box in pixels.
    least: f32,
    /// Of an image: boxes around places and proposals to learn from, and things at most.
    anchors: usize,
    boxes: usize,
    things: usize,
    /// A checkpoint to go on from, of the same widths.
    start: Option<PathBuf>,
}

/// A cascade with its data.
pub(super) struct Cascade {
    recipe: MncRecipe,
    network: Mnc,
    sets: Sets,
}

impl MncRecipe {
    pub(super) fn on(&self, sets: Sets) -> Result<Cascade> {
        if self.convolutions.len() != self.channels.len() {
            let reason = format!("{} numbers of convolutions and {} of channels", self.convolutions.len(), self.channels.len());
            return Err(Error::shape("mnc", reason));
        }
        let network = Mnc {
            classes: sets.about.classes.len(),
            stages: self.convolutions.iter().copied().zip(self.channels.iter().copied()).collect(),
            proposing: self.proposing,
            ratios: self.ratios.clone(),
            scales: self.scales.clone(),
            window: self.window,
            samples: self.samples,
            mask: self.mask,
            mask_hidden: self.mask_hidden,
            hidden: self.hidden,
            candidates: self.candidates,
            proposals: self.proposals,
            least: self.least,
        };
        Ok(Cascade { recipe: self.clone(), network, sets })
    }
}

impl Experiment for Cascade {
    fn name(&self) -> String {
        let (Hw { h, w }, stages) = (self.sets.size, &self.network.stages);
        format!("things of {} classes in pictures of {h} x {w}, a cascade on {stages:?}", self.network.classes - 1)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let Some(start) = &self.recipe.start else { return self.network.initial(seed) };
        let (start, fresh) = (Weights::open(start)?, self.network.initial(seed)?);
        let taken =
            self.network.parameters()?.into_iter().map(|(name, shape)| Ok((name.clone(), Array::clone(start.shaped(&name, &shape)?))));
        Ok(fresh.replaced(start.source(), taken.collect::<Result<Vec<_>>>()?))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let image = things::image(&self.sets.about, inputs.get("image")?)?;
        let network = mnc::Network::new(&mut Layers::load(graph, weights), &self.network)?;
        let truth = Truth::of(inputs.get("label")?, self.recipe.things)?;
        let noise = random.uniform(&[image.shape()[0], self.network.noise(self.sets.size, self.recipe.things)])?;
        let sampling = Sampling { anchors: self.recipe.anchors, boxes: self.recipe.boxes };
        let losses = network.losses(&image, &truth, &noise, sampling)?;
        let metrics = losses.parts.into_iter().map(|(name, loss)| (name.to_owned(), loss)).collect();
        Ok(Objective { loss: losses.total, metrics, parameters: weights.states(graph) })
    }

    /// Boxes, masks and scores.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let image = things::image(&self.sets.about, inputs.get("image")?)?;
        let found = mnc::Network::new(&mut Layers::load(graph, weights), &self.network.in_use())?.found(&image)?;
        Ok(vec![found.boxes, found.masks, found.scores])
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::Things(Precision::default(), self.sets.size))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sets.about.metadata();
        all.extend(self.network.metadata());
        all
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let (image, found) = (batch.get("image")?, things::each(answers, self.sets.size, things::LIKELY)?);
        let drawn = found.iter().take(batch.count.min(things::DRAWN)).enumerate();
        let pictures = drawn.map(|(i, found)| things::overlay(image, i, found, &self.sets.about)).collect::<Result<Vec<_>>>()?;
        picture::write_png(folder.join("things.png"), &things::beside(&pictures)?)
    }
}
