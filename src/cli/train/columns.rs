//! Hypercolumns that say which pixels of a box belong to the thing in it.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::tally::Tally;
use crate::cli::{things, trained};
use foveate::array::{Array, DType, Hw, picture};
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::hypercolumns::{self, Hypercolumns, Network, Sampling, Tap};
use foveate::models::mnc::{Instance, Truth};
use foveate::nn::{Dropout, Random, Weights};
use foveate::ops::concat;
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The overlap from which on a mask is good in the paper's stricter tables.
const GOOD: f32 = 0.7;

/// `system = "hypercolumns"`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HypercolumnsRecipe {
    /// How many convolutions each stage of the trunk has; a pooling that halves lies between two.
    convolutions: Vec<usize>,
    /// And of how many channels.
    channels: Vec<usize>,
    /// The side of the features that fc6 sees of a box, and units of fc6 and fc7.
    window: usize,
    hidden: usize,
    /// Layers that columns go through below those.
    taps: Vec<TapRecipe>,
    /// Classifiers along a side of a box, and places of its heat.
    grid: usize,
    side: usize,
    /// What of fc6 and fc7 is dropped in training.
    #[serde(default)]
    dropout: f32,
    /// Whether the trunk, fc6 and fc7 stay as they are.
    #[serde(default)]
    frozen: bool,
    /// Of an image: boxes around each thing, how far they are off in parts of its sides, the area from which on one counts whole, and
    /// things at most.
    boxes: usize,
    shift: f32,
    whole: f32,
    things: usize,
    /// Weights to begin with: a network like this one, or another of the same trunk, fc6 and fc7.
    start: Option<PathBuf>,
}

/// A layer after the pooling of a stage, from 1.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TapRecipe {
    stage: usize,
    kernel: usize,
    scale: f32,
}

/// The network with its data.
pub(super) struct Columns {
    recipe: HypercolumnsRecipe,
    sizes: Hypercolumns,
    sets: Sets,
}

impl HypercolumnsRecipe {
    pub(super) fn on(&self, sets: Sets) -> Result<Columns> {
        if self.convolutions.len() != self.channels.len() {
            let reason = format!("{} numbers of convolutions and {} of channels", self.convolutions.len(), self.channels.len());
            return Err(Error::shape("hypercolumns", reason));
        }
        let sizes = Hypercolumns {
            classes: sets.about.classes.len().saturating_sub(1),
            stages: self.convolutions.iter().copied().zip(self.channels.iter().copied()).collect(),
            window: self.window,
            hidden: self.hidden,
            taps: self.taps.iter().map(|&TapRecipe { stage, kernel, scale }| Tap { stage, kernel, scale }).collect(),
            grid: self.grid,
            side: self.side,
        };
        Ok(Columns { recipe: self.clone(), sizes, sets })
    }
}

impl Columns {
    fn network(&self, graph: &Graph, weights: &Weights) -> Result<Network> {
        Network::new(&mut Layers::load(graph, weights), &self.sizes)
    }
}

impl Experiment for Columns {
    fn name(&self) -> String {
        let (Hw { h, w }, taps) = (self.sets.size, self.sizes.taps.len());
        format!("pixels of things of {} classes in pictures of {h} x {w}, columns of {} layers", self.sizes.classes, taps + 1)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let Some(start) = &self.recipe.start else { return self.sizes.initial(seed) };
        let start = trained::start(start)?;
        if !Hypercolumns::has_layers_in(&start) {
            return self.sizes.after(&start, seed);
        }
        let own = |(name, shape): (String, Vec<usize>)| Ok((name.clone(), Array::clone(start.shaped(&name, &shape)?)));
        let taken = self.sizes.parameters()?.into_iter().map(own).collect::<Result<Vec<_>>>()?;
        Ok(self.sizes.initial(seed)?.replaced(start.source(), taken))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective> {
        let HypercolumnsRecipe { things: most, boxes, shift, whole, dropout, frozen, .. } = self.recipe;
        let image = things::image(&self.sets.about, inputs.get("image")?)?;
        let sampling = Sampling { boxes, shift, whole };
        let noise = random.uniform(&[image.shape()[0], Network::noise(most, sampling)])?;
        let mut lower = |x: &Var| if frozen { x.detach() } else { Ok(x.clone()) };
        let mut dropped = |x: &Var| if dropout > 0.0 { random.dropout(x, dropout, Dropout::Inverted) } else { Ok(x.clone()) };
        let network = self.network(graph, weights)?;
        let learnt = network.loss([&image, inputs.get("label")?, &noise], most, sampling, &mut lower, &mut dropped)?;
        let parameters = weights.states(graph).into_iter().map(|parameter| {
            let stays = frozen && hypercolumns::of_trunk(&parameter.name);
            if stays { parameter.multiplied(0.0, 0.0) } else { parameter }
        });
        let metrics = vec![("loss_of_part".to_owned(), learnt.of_part)];
        Ok(Objective { loss: learnt.loss, metrics, parameters: parameters.collect() })
    }

    /// Of the boxes around things how well their masks overlap them, and all that there is to draw of it.
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        let (label, most) = (inputs.get("label")?, self.recipe.things);
        let (network, truth) = (self.network(graph, weights)?, Truth::of(label, most)?);
        let image = things::image(&self.sets.about, inputs.get("image")?)?;
        let heat = network.heat(&image, &truth.boxes, &truth.classes)?;
        let n = image.shape()[0];
        let thing = graph.constant(Array::from_fn([n, most], |i| i32::try_from(i % most).unwrap_or(0)))?;
        let overlaps = hypercolumns::overlaps(&heat, &network.targets(&truth.boxes, label, &thing, &truth.classes)?)?;
        let there = truth.classes.greater(&graph.constant(Array::scalar(0i32))?)?.cast(DType::F32)?;
        let good = overlaps.greater_or_equal(&graph.constant(Array::scalar(GOOD))?)?.cast(DType::F32)?;
        let sum = |x: &Var| x.mul(&there)?.reduce_sum(&[1], true);
        let sums = concat(&[&sum(&overlaps)?, &sum(&good)?, &there.reduce_sum(&[1], true)?], 1)?;
        Ok(vec![sums, truth.boxes, truth.classes.cast(DType::F32)?, overlaps, heat])
    }

    fn tally(&self) -> Result<Tally> {
        Ok(Tally::each(&["test_iou", "test_over_70"]))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        let mut all = self.sets.about.metadata();
        all.extend(self.sizes.metadata());
        all
    }

    /// Masks in the boxes around things, each with its overlap.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        let [_, boxes, classes, overlaps, heat] = answers else { return Ok(()) };
        let (image, size, most) = (batch.get("image")?, self.sets.size, self.recipe.things);
        let [boxes, classes, overlaps] = [boxes, classes, overlaps].map(Array::to_f64);
        let drawn = |i: usize| {
            let thing = |at: usize| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what was f32, and small whole numbers")]
                let (found_in, class, score) = ([0, 1, 2, 3].map(|c| boxes[4 * at + c] as f32), classes[at] as usize, overlaps[at] as f32);
                Instance { class, score, found_in, corners: [0; 4], mask: Vec::new() }
            };
            let (found, own) = (i * most..(i + 1) * most, things::row(heat, i)?);
            let shape = [&[1], own.shape()].concat();
            let refined = hypercolumns::refined(&found.map(thing).collect::<Vec<_>>(), &own.reshaped(shape)?, size)?;
            let refined: Vec<Instance> = refined.into_iter().filter(|instance| instance.class > 0).collect();
            things::overlay_of(image, i, &refined, &self.sets.about)
        };
        let pictures = (0..batch.count.min(things::DRAWN)).map(drawn).collect::<Result<Vec<_>>>()?;
        picture::write_png(folder.join("things.png"), &things::beside(&pictures)?)
    }
}
