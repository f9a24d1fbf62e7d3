//! What a recipe's system is to the command that trains it.

use super::tally::Tally;
use foveate::array::Array;
use foveate::graph::{Graph, Var};
use foveate::nn::{Random, Weights};
use foveate::plan::Device;
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// A network with its data, loss and scores.
pub(super) trait Experiment {
    /// In a line, for people.
    fn name(&self) -> String;

    /// The weights that training begins with.
    fn initial(&self, seed: u64) -> Result<Weights>;

    /// Examples to learn from and to be measured by, of the files in `folder`.
    fn data(&self, folder: &Path, seed: u64) -> Result<[Arc<dyn Dataset>; 2]>;

    /// What is computed once before training: the weights that it begins with, of [`Experiment::initial`]'s, and the examples to learn from.
    fn begun(&self, _device: &Device, weights: Weights, examples: Arc<dyn Dataset>) -> Result<(Weights, Arc<dyn Dataset>)> {
        Ok((weights, examples))
    }

    /// What is made small, what else a step reports, and what is changed.
    fn objective(&self, graph: &Graph, weights: &Weights, inputs: &Inputs, random: &mut Random) -> Result<Objective>;

    /// The weights as they are used and measured, of those that were learnt: for most networks the same. `examples` come in a `batch` each
    /// step.
    fn ready(&self, _device: &Device, learnt: Weights, _examples: &Arc<dyn Dataset>, _batch: usize) -> Result<Weights> {
        Ok(learnt)
    }

    /// How many examples are measured at once where `batch` are learnt from.
    fn at_once(&self, batch: usize) -> usize {
        batch
    }

    /// First what [`Experiment::tally`] counts of each example; what follows is for [`Experiment::draw`].
    fn answers(&self, graph: &Graph, weights: &Weights, inputs: &Inputs) -> Result<Vec<Var>>;

    /// What an evaluation begins with.
    fn tally(&self) -> Result<Tally>;

    /// What checkpoints say of the pictures and of the network.
    fn metadata(&self) -> Vec<(&'static str, String)>;

    /// Draws what there is to see of the first batch of an evaluation.
    fn draw(&self, batch: &Batch, answers: &[Array], folder: &Path) -> Result<()>;
}

/// How the numbers of a network begin that has a published way, for its published sizes, and one for small ones.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InitialName {
    #[default]
    Published,
    ByInputs,
}

/// The tensors of these names and shapes, of weights to go on from.
pub(super) fn continued(start: &Weights, tensors: Vec<(String, Vec<usize>)>) -> Result<Weights> {
    let own = |(name, shape): (String, Vec<usize>)| Ok((name.clone(), Array::clone(start.shaped(&name, &shape)?)));
    Ok(Weights::from_arrays(start.source(), tensors.into_iter().map(own).collect::<Result<Vec<_>>>()?))
}

/// A batch's tensors in a graph.
pub(super) struct Inputs(Vec<(String, Var)>);

impl Inputs {
    /// Inputs of `graph` for batches of `size` examples.
    pub(super) fn new(graph: &Graph, data: &dyn Dataset, size: usize) -> Result<Self> {
        let input = |(name, mut ty): (String, foveate::array::TensorType)| {
            ty.shape.insert(0, size);
            graph.input(&name, ty).map(|var| (name, var))
        };
        data.tensors().into_iter().map(input).collect::<Result<_>>().map(Self)
    }

    pub(super) fn get(&self, name: &str) -> Result<&Var> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, var)| var).ok_or_else(|| Error::shape("train", format!("the data have no tensor '{name}'")))
    }
}
