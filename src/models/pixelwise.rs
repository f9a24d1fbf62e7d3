//! Networks that give each pixel of an image a class.

use super::photo;
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::loss::{CrossEntropy, cross_entropy};
use crate::nn::optimiser::Parameter;
use crate::nn::{Random, Weights};
use crate::ops::AxisRange;
use crate::train::About;
use std::fmt::Debug;

/// Scores that training has a loss of.
#[derive(Clone, Debug)]
pub struct Scored {
    /// (n, classes, h / step, w / step), rounded up.
    pub scores: Var,
    /// Every such pixel has some, from the first.
    pub step: usize,
}

impl Scored {
    /// Of all pixels, and no others.
    #[must_use]
    pub fn whole(scores: Var) -> Vec<Self> {
        vec![Self { scores, step: 1 }]
    }

    /// Of a `label` (n, h, w) of all pixels, those of the pixels that have scores.
    ///
    /// # Errors
    /// If `label` has another rank.
    pub fn labels(&self, label: &Var) -> Result<Var> {
        let every = |axis: usize| AxisRange { axis, start: 0, end: isize::MAX, step: self.step.cast_signed() };
        label.slice([every(1), every(2)])
    }
}

/// The loss of all that training has a loss of, added up, with a `label` (n, h, w) for each pixel, i32.
///
/// # Errors
/// If there are no scores; as [`cross_entropy`].
pub fn loss(scored: &[Scored], label: &Var, attributes: &CrossEntropy) -> Result<Var> {
    let losses = scored.iter().map(|of| cross_entropy(&of.scores, &of.labels(label)?, attributes));
    let sum = losses.reduce(|sum, loss| sum?.add(&loss?));
    sum.unwrap_or_else(|| Err(Error::shape("pixelwise", "there are no scores to learn from")))
}

/// A network that gives each pixel of an image a class.
pub trait Pixelwise: Debug + Send + Sync {
    /// In a line, for people.
    fn name(&self) -> String;

    /// How many classes there are.
    fn classes(&self) -> usize;

    /// Channels of its images.
    fn channels(&self) -> usize;

    /// An `image` (n, channels, h, w) of 0..1 as [`Pixelwise::scores`] takes it, so that the network sees it normalised as `about` says.
    ///
    /// # Errors
    /// If it has other channels than `about`.
    fn image(&self, about: &About, image: &Var) -> Result<Var>;

    /// What training starts with.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    fn initial(&self, seed: u64) -> Result<Weights>;

    /// The same after another network, of whose weights it takes all that it has itself. Scores of other classes are those of the start.
    ///
    /// # Errors
    /// As [`Pixelwise::initial`]; if a layer but for scores is missing from `start` or has another shape, by name.
    fn after(&self, start: &Weights, seed: u64) -> Result<Weights>;

    /// Scores (n, classes, h, w) of an `image` (n, channels, h, w) of any size.
    ///
    /// # Errors
    /// If `image` has another shape, or a tensor is missing from `weights` or has another shape.
    fn scores(&self, weights: &Weights, image: &Var) -> Result<Var>;

    /// The scores that training has a loss of, `random` dropping values if the network has that; the last are the network's answer. And what
    /// is learned: states of the graph with their multipliers.
    ///
    /// # Errors
    /// As [`Pixelwise::scores`]; if the graph has states of these names.
    fn trainable(&self, weights: &Weights, image: &Var, random: &mut Random) -> Result<(Vec<Scored>, Vec<Parameter>)>;

    /// What its weights say of themselves, that their shapes do not tell.
    fn metadata(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Scores (n, classes, sh, sw) of a photo (n, 3, h, w) of any size with RGB in 0..1. The network sees it at the scale of what it was
    /// trained on ([`About::seen`]), and in grey if its images are.
    ///
    /// # Errors
    /// As [`Pixelwise::scores`]; if `photo` has another shape, or `about` other channels.
    fn photo_scores(&self, weights: &Weights, about: &About, photo: &Var) -> Result<Var> {
        let &[_, 3, h, w] = photo.shape() else {
            return Err(Error::shape("segment", format!("a photo is (n, 3, h, w), not {}", photo.ty())));
        };
        let seen = photo::scaled(photo, about.seen(Hw::new(h, w)))?;
        let seen = if self.channels() == 1 { photo::grey(&seen)? } else { seen };
        self.scores(weights, &self.image(about, &seen)?)
    }

    /// The class of each pixel, i32 (n, 1, h, w), of such a photo.
    ///
    /// # Errors
    /// As [`Pixelwise::photo_scores`].
    fn photo_classes(&self, weights: &Weights, about: &About, photo: &Var) -> Result<Var> {
        photo::labels(&self.photo_scores(weights, about, photo)?, photo::size_of(photo)?)
    }
}

/// `fresh` weights after those of another network, all of whose layers are taken but `score`, if it is of other classes or there is none.
///
/// # Errors
/// If another layer is missing from `start` or has another shape, by name.
pub(super) fn taken(fresh: &Weights, start: &Weights, score: &str) -> Result<Weights> {
    let of_score = format!("{score}.weight");
    let classes = |weights: &Weights| weights.get(&of_score).ok().and_then(|kernel| kernel.shape().first().copied());
    let scored = classes(start) == classes(fresh);
    // A layer of other widths is told by its weight rather than its bias.
    let (biases, weights): (Vec<&str>, Vec<&str>) = fresh.names().partition(|name| name.ends_with(".bias"));
    let names = weights.into_iter().chain(biases).filter(|name| scored || !name.starts_with(score));
    let first = |name: &str| Ok((name.to_owned(), Array::clone(start.shaped(name, fresh.get(name)?.shape())?)));
    Ok(fresh.replaced(start.source(), names.map(first).collect::<Result<Vec<_>>>()?))
}
