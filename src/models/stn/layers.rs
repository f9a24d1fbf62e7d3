//! Layers that ask for their weights by name and shape; the weights are found, made or only listed.

use super::Warp;
use crate::array::{Array, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::{Conv2d, MaxPool2d};
use std::sync::Arc;

/// How a weight begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill<'a> {
    /// Uniform in plus or minus 1 / sqrt(inputs of one unit). The paper says no more than that weights are random; this was the
    /// default of Torch7, which it was trained with.
    Uniform(usize),
    /// Uniform in plus or minus the root of 6 / inputs of one unit, which keeps the variance through `ReLUs` (He et al. 2015).
    He(usize),
    /// Zeros: the last layer of a localisation, and He's biases.
    Zeros,
    /// These numbers: that layer's bias.
    Given(&'a [f32]),
}

type Find<'a> = dyn FnMut(&str, &[usize], Fill<'_>) -> Result<Var> + 'a;

/// Where a network under construction gets its weights from.
#[expect(missing_debug_implementations, reason = "it holds a closure")]
pub struct Layers<'a> {
    find: Box<Find<'a>>,
}

impl<'a> Layers<'a> {
    /// Weights that exist; one that is missing or of another shape is refused by name.
    pub fn load(graph: &'a Graph, weights: &'a Weights) -> Self {
        let find = |name: &str, shape: &[usize], _: Fill<'_>| {
            weights.shaped(name, shape)?;
            weights.var(graph, name)
        };
        Self { find: Box::new(find) }
    }

    pub(super) fn conv(&mut self, name: &str, x: &Var, filters: usize, kernel: usize, attributes: Conv2d) -> Result<Var> {
        let channels = *x.shape().get(1).unwrap_or(&0);
        let fill = Fill::Uniform(channels.saturating_mul(kernel).saturating_mul(kernel));
        let weight = (self.find)(&format!("{name}.weight"), &[filters, channels, kernel, kernel], fill)?;
        let bias = (self.find)(&format!("{name}.bias"), &[filters], fill)?;
        x.conv2d(&weight, Some(&bias), attributes)
    }

    /// A convolution of 3 x 3 that keeps the size, and a `ReLU`, as deep stacks of them begin: He's kernels and biases of zero.
    pub(super) fn conv_relu(&mut self, name: &str, x: &Var, filters: usize) -> Result<Var> {
        let channels = *x.shape().get(1).unwrap_or(&0);
        let weight = (self.find)(&format!("{name}.weight"), &[filters, channels, 3, 3], Fill::He(channels.saturating_mul(9)))?;
        let bias = (self.find)(&format!("{name}.bias"), &[filters], Fill::Zeros)?;
        x.conv2d(&weight, Some(&bias), Conv2d { padding: Pads::all(1), ..Conv2d::default() })?.relu()
    }

    /// A fully connected layer over all but the first dimension.
    pub(super) fn linear(&mut self, name: &str, x: &Var, units: usize) -> Result<Var> {
        let x = x.flatten(1)?;
        let fill = Fill::Uniform(x.shape()[1]);
        self.filled(name, &x, units, [fill, fill])
    }

    /// The layer whose output is `bias` at first, whatever comes in.
    pub(super) fn regress(&mut self, name: &str, x: &Var, bias: &[f32]) -> Result<Var> {
        self.filled(name, &x.flatten(1)?, bias.len(), [Fill::Zeros, Fill::Given(bias)])
    }

    fn filled(&mut self, name: &str, x: &Var, units: usize, [weight, bias]: [Fill<'_>; 2]) -> Result<Var> {
        let weight = (self.find)(&format!("{name}.weight"), &[units, x.shape()[1]], weight)?;
        let bias = (self.find)(&format!("{name}.bias"), &[units], bias)?;
        x.linear(&weight, Some(&bias))
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
        list(&graph, |layers| self.build(layers, &image).map(drop))
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
        fresh(&graph, seed, |layers| self.build(layers, &image).map(drop))
    }
}

/// The weights that `build` asks for; none is made, an input of the graph stands for each.
pub(super) fn list(graph: &Graph, build: impl FnOnce(&mut Layers<'_>) -> Result<()>) -> Result<Vec<(String, Vec<usize>)>> {
    let mut listed = Vec::new();
    let find = |name: &str, shape: &[usize], _: Fill<'_>| {
        listed.push((name.to_owned(), shape.to_vec()));
        graph.input(name, TensorType::f32(shape))
    };
    build(&mut Layers { find: Box::new(find) })?;
    Ok(listed)
}

/// The weights that `build` asks for, as they begin.
pub(super) fn fresh(graph: &Graph, seed: u64, build: impl FnOnce(&mut Layers<'_>) -> Result<()>) -> Result<Weights> {
    let mut made = Vec::new();
    // SplitMix64 (Steele, Lea, Flood 2014), upper 24 bits.
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ bits >> 31) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let find = |name: &str, shape: &[usize], fill: Fill<'_>| {
        TensorType::f32(shape).checked_elements()?;
        let mut within = |bound: f32| Array::from_fn(shape, |_| bound * uniform());
        let array = match fill {
            Fill::Uniform(inputs) => within(1.0 / (inputs.max(1) as f32).sqrt()),
            Fill::He(inputs) => within((6.0 / inputs.max(1) as f32).sqrt()),
            Fill::Zeros => Array::full(shape, 0.0f32),
            Fill::Given(values) => Array::new(shape, values.to_vec())?,
        };
        let array = Arc::new(array);
        made.push((name.to_owned(), Arc::clone(&array)));
        graph.parameter(array)
    };
    build(&mut Layers { find: Box::new(find) })?;
    Ok(Weights::from_arrays("first weights", made.into_iter().map(|(name, array)| (name, Arc::unwrap_or_clone(array)))))
}
