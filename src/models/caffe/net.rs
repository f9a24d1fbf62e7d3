//! Networks under construction: Caffe's layers by name, with weights or without.

use super::grid::Grid;
use super::{Initial, Layer, Network, Parameter, check_data};
use crate::array::{Array, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::{Weights, optimiser};
use crate::ops::{Conv2d, ConvTranspose2d, MaxPool2d, concat};

/// A convolution's kernel, stride, padding and groups.
#[derive(Clone, Copy, Debug)]
pub(in crate::models) struct Window {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub groups: usize,
}

impl Window {
    pub const fn new(kernel: usize, padding: usize) -> Self {
        Self { kernel, stride: 1, padding, groups: 1 }
    }

    pub const fn groups(kernel: usize, padding: usize, groups: usize) -> Self {
        Self { kernel, stride: 1, padding, groups }
    }
}

/// A network under construction.
pub(in crate::models) struct Net<'a> {
    /// Without weights they are inputs of the graph, known by their types alone.
    weights: Option<&'a Weights>,
    /// If what is learned becomes states: what rate and decay of the trunk's biases are multiplied with.
    learning: Option<[f32; 2]>,
    pub(super) built: Network,
}

impl<'a> Net<'a> {
    /// Of `data` (n, channels, h, w).
    pub(in crate::models) fn new(weights: Option<&'a Weights>, data: &Var, channels: usize) -> Result<(Self, Layer)> {
        check_data("network", data, channels)?;
        let data = Layer { name: "data".to_owned(), output: data.clone(), offset: None, switches: None, grid: Grid::DATA };
        let built = Network { layers: vec![data.clone()], parameters: Vec::new(), learned: Vec::new(), moments: Vec::new() };
        Ok((Self { weights, learning: None, built }, data))
    }

    /// Has what is learned become states from here on. The trunk's biases have these multipliers of rate and decay, others 2 and 0.
    pub(in crate::models) fn learn(&mut self, bias: [f32; 2]) {
        self.learning = Some(bias);
    }

    pub(in crate::models) fn finish(self) -> Network {
        self.built
    }

    pub(super) fn add(&mut self, name: &str, output: Var, grid: Grid) -> Layer {
        self.push(Layer { name: name.to_owned(), output, offset: None, switches: None, grid })
    }

    pub(super) fn push(&mut self, layer: Layer) -> Layer {
        self.built.layers.push(layer.clone());
        layer
    }

    fn declare(&mut self, name: &str, shape: &[usize], initial: Initial) {
        self.built.parameters.push(Parameter { name: name.to_owned(), shape: shape.to_vec(), initial });
    }

    pub(super) fn parameter(&mut self, x: &Layer, name: &str, shape: &[usize], initial: Initial) -> Result<Var> {
        self.declare(name, shape, initial);
        let graph = x.output.graph();
        let Some(weights) = self.weights else {
            return graph.input(name, TensorType::f32(shape));
        };
        let array = weights.shaped(name, shape)?.clone();
        match self.learning {
            None => weights.var(graph, name),
            Some(_) if !initial.learned() => graph.parameter(array),
            Some(trunk) => {
                let [rate, decay] = match initial {
                    Initial::Trunk => trunk,
                    // Scales and shifts of a normalisation are no biases.
                    Initial::Start(_) => [1.0, 1.0],
                    _ => [2.0, 0.0],
                };
                let state = optimiser::Parameter::new(graph, name, array)?;
                let state = if shape.len() == 1 { state.multiplied(rate, decay) } else { state };
                self.built.learned.push(state.clone());
                Ok(state.var)
            }
        }
    }

    /// A convolution of the classifier that the network is made of.
    pub(in crate::models) fn conv_relu(&mut self, name: &str, x: &Layer, outputs: usize, window: Window) -> Result<Layer> {
        let (output, grid) = self.conv(name, x, outputs, window, [Initial::Trunk; 2])?;
        Ok(self.add(name, output.relu()?, grid))
    }

    /// A score per class and pixel.
    pub(in crate::models) fn score(&mut self, name: &str, x: &Layer, classes: usize, initial: Initial) -> Result<Layer> {
        let (output, grid) = self.conv(name, x, classes, Window::new(1, 0), [initial, Initial::Zero])?;
        Ok(self.add(name, output, grid))
    }

    /// A deconvolution of 2 x 2 by 2, whose weight is (inputs, outputs, 2, 2), and its `ReLU`. As it makes each value of one place, its
    /// kernels are normal numbers of variance 2 / inputs at first.
    pub(in crate::models) fn up_relu(&mut self, name: &str, x: &Layer, outputs: usize) -> Result<Layer> {
        let inputs = x.output.shape()[1];
        let initial = Initial::Gaussian((2.0 / inputs as f32).sqrt());
        let weight = self.parameter(x, &format!("{name}.weight"), &[inputs, outputs, 2, 2], initial)?;
        let bias = self.parameter(x, &format!("{name}.bias"), &[outputs], Initial::Zero)?;
        let attributes = ConvTranspose2d { stride: Hw::square(2), ..Default::default() };
        let output = x.output.conv_transpose2d(&weight, Some(&bias), attributes)?.relu()?;
        let grid = x.grid.upsampled(2, 2, 0);
        let grid = grid.ok_or_else(|| Error::unsupported("deconvolution", format!("'{name}' by 2 beyond the data's resolution")))?;
        Ok(self.add(name, output, grid))
    }

    pub(super) fn conv(&mut self, name: &str, x: &Layer, outputs: usize, window: Window, initial: [Initial; 2]) -> Result<(Var, Grid)> {
        let Window { kernel, stride, padding, groups } = window;
        let shape = [outputs, x.output.shape()[1] / groups, kernel, kernel];
        let weight = self.parameter(x, &format!("{name}.weight"), &shape, initial[0])?;
        let bias = self.parameter(x, &format!("{name}.bias"), &[outputs], initial[1])?;
        let attributes = Conv2d { stride: Hw::square(stride), padding: Pads::all(padding), groups, ..Default::default() };
        let output = x.output.conv2d(&weight, Some(&bias), attributes)?;
        Ok((output, x.grid.windows(kernel as i64, stride as i64, padding as i64)))
    }

    pub(in crate::models) fn max_pool(&mut self, name: &str, x: &Layer, kernel: usize) -> Result<Layer> {
        let attributes = MaxPool2d { kernel: Hw::square(kernel), ceil_mode: true, ..Default::default() };
        Ok(self.add(name, x.output.max_pool2d(attributes)?, x.grid.windows(kernel as i64, 2, 0)))
    }

    /// What computes pixel by pixel and has no weights.
    pub(in crate::models) fn map(&mut self, name: &str, x: &Layer, f: impl FnOnce(&Var) -> Result<Var>) -> Result<Layer> {
        Ok(self.add(name, f(&x.output)?, x.grid))
    }

    /// A factor per channel, all the same at first and not learned.
    pub(in crate::models) fn scale(&mut self, name: &str, x: &Layer, factor: f32) -> Result<Layer> {
        let channels = x.output.shape()[1];
        let factors = self.parameter(x, &format!("{name}.weight"), &[channels], Initial::Constant(factor))?;
        self.map(name, x, |v| v.mul(&factors.reshape([1, channels, 1, 1])?))
    }

    /// An upsampling deconvolution. A checkpoint's weight is dense, (c, c, k, k); if it is zero off the diagonal, as it starts, each
    /// channel is computed on its own, c times cheaper.
    pub(in crate::models) fn upscore(&mut self, name: &str, x: &Layer, kernel: usize, stride: usize) -> Result<Layer> {
        let (field, channels, graph) = (format!("{name}.weight"), x.output.shape()[1], x.output.graph());
        let shape = [channels, channels, kernel, kernel];
        self.declare(&field, &shape, Initial::Bilinear);
        let (weight, groups) = match self.weights {
            Some(weights) => {
                let dense = weights.shaped(&field, &shape)?;
                match diagonal(dense)? {
                    Some(kernels) => (graph.parameter(kernels)?, channels),
                    None => (graph.parameter(dense.clone())?, 1),
                }
            }
            None => (graph.input(&field, TensorType::f32([channels, 1, kernel, kernel]))?, channels),
        };
        let attributes = ConvTranspose2d { stride: Hw::square(stride), groups, ..Default::default() };
        let output = x.output.conv_transpose2d(&weight, None, attributes)?;
        let grid = x.grid.upsampled(kernel as i64, stride as i64, 0);
        let grid = grid.ok_or_else(|| Error::unsupported("upscore", format!("'{name}' by {stride} beyond the data's resolution")))?;
        Ok(self.add(name, output, grid))
    }

    /// The part of `x` that lies over `like`.
    pub(in crate::models) fn crop(&mut self, name: &str, x: &Layer, like: &Layer) -> Result<Layer> {
        let offset = x.grid.offset(like.grid).ok_or_else(|| {
            Error::shape("crop", format!("'{name}': '{}' at {:?} does not cover '{}' at {:?}", x.name, x.grid, like.name, like.grid))
        })?;
        let [_, _, h, w] = *like.output.shape() else {
            return Err(Error::shape("crop", format!("'{}' must be (n, c, h, w), it is {}", like.name, like.output.ty())));
        };
        let output = x.output.crop(offset, offset, Hw::new(h, w))?;
        Ok(self.push(Layer { name: name.to_owned(), output, offset: Some(offset), switches: None, grid: like.grid }))
    }

    pub(in crate::models) fn fuse(&mut self, name: &str, x: &Layer, y: &Layer) -> Result<Layer> {
        Ok(self.add(name, x.output.add(&y.output)?, x.grid))
    }

    /// The channels of all parts, which lie over the same pixels, one part after the other.
    pub(in crate::models) fn concat(&mut self, name: &str, parts: &[&Layer]) -> Result<Layer> {
        let first = parts.first().ok_or_else(|| Error::shape("concat", format!("'{name}' of nothing")))?;
        Ok(self.add(name, concat(&parts.iter().map(|part| &part.output).collect::<Vec<_>>(), 1)?, first.grid))
    }
}

/// The kernels (c, 1, k, k) of a weight (c, c, k, k) that is zero off the diagonal.
fn diagonal(weight: &Array) -> Result<Option<Array>> {
    let (channels, plane) = (weight.shape()[0], weight.shape()[2] * weight.shape()[3]);
    let planes = weight.values::<f32>()?.chunks_exact(plane);
    let on = |i: usize| i / channels == i % channels;
    if planes.clone().enumerate().any(|(i, taps)| !on(i) && taps.iter().any(|&t| t != 0.0)) {
        return Ok(None);
    }
    let kernels = planes.enumerate().filter(|(i, _)| on(*i)).flat_map(|(_, taps)| taps.iter().copied()).collect();
    Array::new([channels, 1, weight.shape()[2], weight.shape()[3]], kernels).map(Some)
}
