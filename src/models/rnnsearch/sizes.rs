//! How large a network is.

use super::network::Network;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::layers;
use crate::nn::Weights;

/// The sizes of a translator, all of which the shapes of its weights tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RnnSearch {
    /// Words of the language that is read, with [`END`](crate::models::sentences::END) and
    /// [`UNKNOWN`](crate::models::sentences::UNKNOWN).
    pub source: usize,
    /// Words of the language that is written, with those.
    pub target: usize,
    /// m: numbers of a word's vector.
    pub embedding: usize,
    /// n: units of a GRU.
    pub hidden: usize,
    /// n': units that score how well a word fits.
    pub alignment: usize,
    /// l: units before the words' scores, each the larger of two.
    pub maxout: usize,
    /// Whether each word looks at all of the sentence; `RNNencdec` knows its last state alone.
    pub searches: bool,
}

impl RnnSearch {
    /// The published sizes: 30,000 words of English and of French, 1000 units.
    pub const PUBLISHED: Self =
        Self { source: 30_000, target: 30_000, embedding: 620, hidden: 1000, alignment: 1000, maxout: 500, searches: true };

    /// The sizes of `weights`.
    ///
    /// # Errors
    /// If a weight is missing or has other dimensions than it must.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [source, embedding] = weights.sizes("encoder.embedding")?;
        let [target, _] = weights.sizes("decoder.embedding")?;
        let [_, hidden] = weights.sizes("begin.weight")?;
        let [_, maxout] = weights.sizes("output.weight")?;
        let searches = weights.names().any(|name| name == "align.score");
        let alignment = if searches { weights.sizes::<1>("align.score")?[0] } else { 0 };
        Ok(Self { source, target, embedding, hidden, alignment, maxout, searches })
    }

    /// Weights as training began with them: recurrent matrices orthogonal, normal numbers of deviation 0.001 for Wa and Ua and of 0.01 for
    /// the others, zeros for v and biases.
    ///
    /// # Errors
    /// If a size is 0, or too large for a weight.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        layers::fresh(&graph, seed, |layers| Network::new(layers, *self).map(|_| ()))
    }

    /// Names and shapes of the weights.
    ///
    /// # Errors
    /// As [`RnnSearch::initial`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let graph = Graph::new();
        layers::list(&graph, |layers| Network::new(layers, *self).map(|_| ()))
    }

    /// Numbers of an annotation: one GRU's state, or two.
    pub(super) fn annotation(&self) -> usize {
        self.hidden.saturating_mul(1 + usize::from(self.searches))
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { source, target, embedding, hidden, alignment, maxout, searches } = *self;
        if [embedding, hidden, maxout].contains(&0) || source < 2 || target < 2 || searches == (alignment == 0) {
            return Err(Error::shape("rnnsearch", format!("{self:?}: no size may be 0, and a language has 2 words at least")));
        }
        Ok(())
    }
}
