//! How large a network is.

use super::network::Network;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::models::layers::{self, Fill};
use crate::nn::Weights;

/// The sizes of a recogniser, all of which the shapes of its weights tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arsg {
    /// Numbers of a frame that is heard.
    pub features: usize,
    /// Bidirectional layers of the encoder, one above the other.
    pub layers: usize,
    /// Units of a layer in either direction.
    pub hidden: usize,
    /// Units of the GRU that writes, and numbers of a phone's vector.
    pub decoder: usize,
    /// Units that score how well a frame fits.
    pub alignment: usize,
    /// Filters on where the network looked before; 0 for one that looks by content alone.
    pub filters: usize,
    /// Frames that each of them sees, an odd number.
    pub width: usize,
    /// Whether scores become weights by a logistic function each, which looks at more frames at once than softmax.
    pub smoothed: bool,
    /// Units before the phones' scores, each the larger of two.
    pub maxout: usize,
    /// Phones, with [`END`](crate::models::sentences::END) and [`UNKNOWN`](crate::models::sentences::UNKNOWN).
    pub phones: usize,
}

impl Arsg {
    /// The published sizes for TIMIT's 61 phones: location-aware, by softmax.
    pub const TIMIT: Self = Self {
        features: 123,
        layers: 3,
        hidden: 256,
        decoder: 256,
        alignment: 512,
        filters: 10,
        width: 201,
        smoothed: false,
        maxout: 128,
        phones: 63,
    };

    /// The sizes of `weights`.
    ///
    /// # Errors
    /// If a weight is missing or has other dimensions than it must.
    pub fn of(weights: &Weights) -> Result<Self> {
        let has = |name: &str| weights.names().any(|n| n == name);
        let [_, _, features] = weights.sizes("encoder.0.weight")?;
        let [_, _, hidden] = weights.sizes("encoder.0.recurrent")?;
        let [phones, decoder] = weights.sizes("decoder.embedding")?;
        let [alignment] = weights.sizes("align.score")?;
        let [filters, _, _, width] = if has("align.filters") { weights.sizes("align.filters")? } else { [0; 4] };
        let [_, maxout] = weights.sizes("output.weight")?;
        let layers = (0..).take_while(|layer| has(&format!("encoder.{layer}.weight"))).count();
        let smoothed = has("align.score.bias");
        Ok(Self { features, layers, hidden, decoder, alignment, filters, width, smoothed, maxout, phones })
    }

    /// Weights as training began with them: recurrent matrices orthogonal, first states normal numbers of deviation 0.001, zeros for biases,
    /// and for all else normal numbers of deviation 0.01; features are taken as they come.
    ///
    /// # Errors
    /// If a size is 0, or too large for a weight.
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        layers::fresh(&graph, seed, |layers| Network::new(layers, *self).map(|_| ()))
    }

    /// The same for small networks: matrices uniform in plus or minus one over the root of a unit's inputs.
    ///
    /// # Errors
    /// As [`Arsg::initial`].
    pub fn initial_by_inputs(&self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        layers::fresh(&graph, seed, |layers| Network::begun(layers, *self, Fill::Uniform).map(|_| ()))
    }

    /// Names and shapes of the weights.
    ///
    /// # Errors
    /// As [`Arsg::initial`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let graph = Graph::new();
        layers::list(&graph, |layers| Network::new(layers, *self).map(|_| ()))
    }

    pub(super) fn check(&self) -> Result<()> {
        let Self { features, layers, hidden, decoder, alignment, filters, width, maxout, phones, .. } = *self;
        if [features, layers, hidden, decoder, alignment, maxout].contains(&0) || phones < 2 {
            return Err(Error::shape("arsg", format!("{self:?}: no size may be 0, and there are 2 phones at least")));
        }
        if filters > 0 && width.is_multiple_of(2) {
            return Err(Error::shape("arsg", format!("filters {width} frames wide; an odd number has a middle")));
        }
        Ok(())
    }
}
