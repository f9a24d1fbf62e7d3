//! A plain CNN on pictures of one's own, behind spatial transformers if they are asked for.

use super::data::Sets;
use super::experiment::{Experiment, Inputs};
use super::looks::{self, TransformName};
use super::tally::Tally;
use foveate::Result;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::models::Layers;
use foveate::models::stn::{Network, Output, PlainCnn, Transform};
use foveate::nn::{Random, Weights};
use foveate::train::{Batch, Dataset, Objective};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `system = "cnn"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cnn {
    /// Of each stage.
    #[serde(default = "usual_channels")]
    channels: Vec<usize>,
    /// Convolutions of every stage.
    #[serde(default = "one")]
    convolutions: usize,
    #[serde(default)]
    transforms: Vec<TransformName>,
    /// A checkpoint to go on from, of the same widths; its classes may be others.
    start: Option<PathBuf>,
}

fn usual_channels() -> Vec<usize> {
    vec![16, 32, 64]
}

fn one() -> usize {
    1
}

/// The network with its data.
pub(super) struct Classes {
    network: PlainCnn,
    start: Option<PathBuf>,
    sets: Sets,
}

impl Cnn {
    pub(super) fn on(&self, sets: Sets) -> Result<Classes> {
        let sets = sets.labelled("cnn", 0)?;
        let network = PlainCnn {
            size: sets.size,
            channels: sets.channels,
            classes: sets.about.classes.len(),
            stages: self.channels.iter().map(|channels| (self.convolutions, *channels)).collect(),
            transforms: self.transforms.iter().map(TransformName::transform).collect::<Vec<Transform>>(),
        };
        Ok(Classes { network, start: self.start.clone(), sets })
    }
}

impl Classes {
    fn output(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Output> {
        let image = self.sets.about.normalised(inputs.get("image")?, 1.0, 0.0)?;
        self.network.build(&mut Layers::load(graph, weights), &image)
    }
}

impl Experiment for Classes {
    fn name(&self) -> String {
        let PlainCnn { size, classes, stages, transforms, .. } = &self.network;
        let channels: Vec<usize> = stages.iter().map(|(_, channels)| *channels).collect();
        let behind = if transforms.is_empty() { String::new() } else { format!(" behind {transforms:?}") };
        format!("{classes} classes of pictures of {} x {}, a CNN of {channels:?}{behind}", size.h, size.w)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let first = self.network.init(seed)?;
        let Some(path) = &self.start else { return Ok(first) };
        let start = Weights::open(path)?;
        let mut taken = Vec::new();
        for name in first.names() {
            let shape = first.get(name)?.shape();
            // Other classes have scores of their own.
            if name.starts_with("fc.") && start.get(name)?.shape() != shape {
                continue;
            }
            taken.push((name.to_owned(), Array::clone(start.shaped(name, shape)?)));
        }
        Ok(first.replaced("first weights", taken))
    }

    fn data(&self, _: &Path, _: u64) -> Result<[Arc<dyn Dataset>; 2]> {
        Ok([Arc::clone(&self.sets.learnt), Arc::clone(&self.sets.test)])
    }

    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, _: &mut Random) -> Result<Objective> {
        looks::objective(&self.output(graph, weights, inputs)?, graph, weights, inputs)
    }

    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>> {
        looks::answers(&self.output(graph, weights, inputs)?, &self.network.transforms, inputs.get("image")?)
    }

    fn tally(&self) -> Result<Tally> {
        Tally::labels(self.network.classes, looks::scores)
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        self.sets.about.metadata()
    }

    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()> {
        looks::draw(batch, answers, folder)
    }
}
