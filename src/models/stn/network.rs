//! What the published networks of transformers share.

use super::Warp;
use crate::array::{Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Layers};
use crate::nn::Weights;
use crate::ops::MaxPool2d;

/// What a network of transformers says, and what they looked at.
#[derive(Clone, Debug)]
pub struct Output {
    /// The classes' scores before the softmax.
    pub logits: Var,
    /// Each transformer's, in order.
    pub warps: Vec<Warp>,
}

/// A published network: built from loaded weights, listed, or begun as the paper did.
pub trait Network {
    /// The type of a batch of `n` inputs.
    fn input(&self, n: usize) -> TensorType;

    /// The network over `image`, with weights from `layers`.
    ///
    /// # Errors
    /// If the image is of another size, or a weight is missing or of another shape.
    fn build(&self, layers: &mut Layers<'_>, image: &Var) -> Result<Output>;

    /// The network over `image`, with loaded weights.
    ///
    /// # Errors
    /// As [`Network::build`].
    fn forward(&self, graph: &Graph, weights: &Weights, image: &Var) -> Result<Output> {
        let wanted = self.input(image.shape().first().copied().unwrap_or(1));
        if *image.ty() != wanted {
            return Err(Error::shape("stn", format!("the network takes {wanted}, not {}", image.ty())));
        }
        self.build(&mut Layers::load(graph, weights), image)
    }

    /// Name and shape of every weight, in the order they are used.
    ///
    /// # Errors
    /// If the network has no meaning: a layer without units, a kernel larger than its input.
    fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>> {
        let graph = Graph::new();
        let image = graph.input("", self.input(1))?;
        layers::list(&graph, |layers| self.build(layers, &image).map(drop))
    }

    /// The number of learnt values.
    ///
    /// # Errors
    /// As [`Network::tensors`].
    fn parameters(&self) -> Result<usize> {
        Ok(self.tensors()?.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum())
    }

    /// First weights: random, but for the localisations' last layers, which give the identity.
    ///
    /// # Errors
    /// As [`Network::tensors`].
    fn init(&self, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        let image = graph.input("", self.input(1))?;
        layers::fresh(&graph, seed, |layers| self.build(layers, &image).map(drop))
    }
}

/// 2 x 2, stride 2. Odd sides are rounded up with `ceil`, as Caffe does: even a single pixel is a window, which [`MaxPool2d::ceil_mode`]
/// would refuse as PyTorch does, so a row or column that never wins makes such a side even.
pub(super) fn max_pool(x: &Var, ceil: bool) -> Result<Var> {
    let Hw { h, w } = image_size(x)?;
    let padding = if ceil { Pads { bottom: h % 2, right: w % 2, ..Pads::default() } } else { Pads::default() };
    x.max_pool2d(MaxPool2d { padding, ..MaxPool2d::default() })
}

/// Height and width of (n, c, h, w).
pub(super) fn image_size(x: &Var) -> Result<Hw> {
    match *x.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("stn", format!("a transformer takes (n, c, h, w), not {}", x.ty()))),
    }
}
