//! What a recipe's system is to the command that trains it.

use super::telling::Told;
use crate::cli::things;
use foveate::array::{Array, Hw};
use foveate::graph::{Graph, Var};
use foveate::models::mnc;
use foveate::nn::metrics::{Confusion, Precision, Sequences};
use foveate::nn::{Random, Weights};
use foveate::plan::Device;
use foveate::train::{Batch, Dataset, Objective};
use foveate::{Error, Result};
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

/// Numbers by name, the most telling one first; `None` if nothing was counted. The names are always the same.
pub(super) type Scores = Vec<(&'static str, Option<f64>)>;

/// What an evaluation adds up, batch by batch.
pub(super) enum Tally {
    /// Labels that were found, beside the batch's tensor `label`, and what their confusion comes down to.
    Labels(Confusion, fn(&Confusion) -> Scores),
    /// Numbers of each example: their names, their sums, and how many examples there were.
    Means(&'static [&'static str], Vec<f64>, usize),
    /// Numbers of what is in each example, added up, and last how many there are of them: the numbers' names, their sums, and how many there
    /// were.
    Each(&'static [&'static str], Vec<f64>, f64),
    /// Things in images of a size, beside the batch's tensor `label`: `CLASS` times a pixel's class, and the number of the thing.
    Things(Precision, Hw),
    /// Sentences, beside the batch's tensor `target`; 0 ends one.
    Sentences(Sequences),
    /// Captions.
    Captions(Told),
}

impl Tally {
    pub(super) fn labels(classes: usize, scores: fn(&Confusion) -> Scores) -> Result<Self> {
        Ok(Self::Labels(Confusion::new(classes)?, scores))
    }

    /// Of answers f32 (examples, names).
    pub(super) fn means(names: &'static [&'static str]) -> Self {
        Self::Means(names, vec![0.0; names.len()], 0)
    }

    /// Of answers f32 (examples, names and 1).
    pub(super) fn each(names: &'static [&'static str]) -> Self {
        Self::Each(names, vec![0.0; names.len()], 0.0)
    }

    /// Adds a batch's answers: the first of them, or boxes, masks and scores.
    pub(super) fn add(&mut self, batch: &Batch, answers: &[Array]) -> Result<()> {
        let Some(found) = answers.first() else { return Ok(()) };
        match self {
            Self::Things(precision, size) => {
                let labels = batch.get("label")?.values::<i32>()?;
                let found = things::each(answers, *size, 0.0)?;
                for (found, labels) in found.iter().zip(labels.chunks_exact(size.area())).take(batch.count) {
                    mnc::count(precision, found, labels);
                }
                Ok(())
            }
            Self::Labels(confusion, _) => confusion.add(&batch.counted(batch.get("label")?)?, &batch.counted(found)?),
            Self::Means(names, sums, count) => {
                for row in batch.counted(found)?.to_f64().chunks_exact(names.len()) {
                    sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
                    *count += 1;
                }
                Ok(())
            }
            Self::Each(names, sums, count) => {
                for row in batch.counted(found)?.to_f64().chunks_exact(names.len() + 1) {
                    sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
                    *count += row[names.len()];
                }
                Ok(())
            }
            Self::Captions(told) => told.add(batch, answers),
            Self::Sentences(sequences) => {
                let [found, expected] = [batch.counted(found)?, batch.counted(batch.get("target")?)?];
                for (found, expected) in sentences(&found)?.zip(sentences(&expected)?) {
                    sequences.add(found, &[expected]);
                }
                Ok(())
            }
        }
    }

    pub(super) fn scores(&self) -> Scores {
        match self {
            Self::Labels(confusion, scores) => scores(confusion),
            Self::Means(names, sums, count) => {
                let mean = |sum: &f64| (*count > 0).then(|| sum / *count as f64);
                names.iter().copied().zip(sums.iter().map(mean)).collect()
            }
            Self::Each(names, sums, count) => {
                let mean = |sum: &f64| (*count > 0.0).then(|| sum / count);
                names.iter().copied().zip(sums.iter().map(mean)).collect()
            }
            Self::Things(precision, _) => {
                vec![("test_ap_r_50", precision.mean(0.5)), ("test_ap_r_70", precision.mean(0.7))]
            }
            Self::Sentences(sequences) => {
                vec![("test_error_rate", sequences.error_rate()), ("test_wrong", sequences.wrong()), ("test_bleu", sequences.bleu())]
            }
            Self::Captions(told) => told.scores(),
        }
    }
}

/// The words before the first 0 of each row of i32 (rows, words).
fn sentences(words: &Array) -> Result<impl Iterator<Item = &[i32]>> {
    let each = words.shape().get(1).copied().unwrap_or(1).max(1);
    Ok(words.values::<i32>()?.chunks(each).map(|row| row.split(|word| *word == 0).next().unwrap_or(row)))
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
