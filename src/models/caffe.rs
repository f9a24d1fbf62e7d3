//! Layers as Caffe computes them, by name, each knowing where its pixels lie over the data: what FCN and its kin are built of.
//!
//! ```text
//! convolution    out = floor((n + 2p - k) / s) + 1      output pixel i is centred on input s i - p + (k - 1) / 2
//! pooling        out = ceil((n - k) / s) + 1            the same; windows are clipped to the image
//! deconvolution  out = s (n - 1) + k                    output pixel i is centred on input (i - (k - 1) / 2) / s
//! crop           as large as another layer, from where the two lie over the same pixels of the data
//! ```

use crate::array::{Array, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::{Weights, init};
use crate::ops::{Conv2d, ConvTranspose2d, MaxPool2d};

/// What Caffe's networks subtract from blue, green and red, which are 0 to 255 there.
pub const MEAN: [f32; 3] = [104.00699, 116.66877, 122.67892];

/// The data (n, 3, h, w) of a network, BGR of 0..255 less [`MEAN`], from RGB of 0..1.
///
/// # Errors
/// If `rgb` has another shape.
pub fn data(rgb: &Var) -> Result<Var> {
    check_data("data", rgb)?;
    let constant = |values: Vec<f32>| rgb.graph().constant(Array::new([1, values.len(), 1, 1], values)?);
    rgb.flip(&[1])?.mul(&constant(vec![255.0])?)?.sub(&constant(MEAN.to_vec())?)
}

fn check_data(op: &'static str, data: &Var) -> Result<()> {
    match data.shape() {
        [_, 3, _, _] => Ok(()),
        other => Err(Error::shape(op, format!("expected (n, 3, h, w), got {other:?}"))),
    }
}

/// Where a layer's pixels lie over the data's: pixel i is centred on `start + step i`. Twice the start is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    step: i64,
    twice_start: i64,
}

impl Grid {
    /// The grid of windows of `kernel` with `stride` and `padding`.
    fn windows(self, kernel: i64, stride: i64, padding: i64) -> Self {
        Self { step: self.step * stride, twice_start: self.twice_start + self.step * (kernel - 1 - 2 * padding) }
    }

    /// The grid of a deconvolution, if its pixels are whole pixels of the data apart.
    fn upsampled(self, kernel: i64, stride: i64) -> Option<Self> {
        let step = (self.step % stride == 0).then_some(self.step / stride)?;
        Some(Self { step, twice_start: self.twice_start - step * (kernel - 1) })
    }

    /// The pixel of this grid that lies on the first of `other`, if there is one and both have the same step.
    fn offset(self, other: Self) -> Option<usize> {
        let distance = other.twice_start - self.twice_start;
        let whole = self.step == other.step && distance % (2 * self.step) == 0;
        whole.then_some(distance / (2 * self.step)).and_then(|offset| usize::try_from(offset).ok())
    }
}

/// A layer's output.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name, which is its weights' name too.
    pub name: String,
    /// Its values, after the `ReLU` if it has one.
    pub output: Var,
    /// Of a crop: how many rows above and columns to the left were cut off.
    pub offset: Option<usize>,
    grid: Grid,
}

/// What a weight starts as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    /// What it was in the network that this one is made of.
    Trunk,
    /// Zero, learned from there.
    Zero,
    /// A bilinear kernel on each channel's diagonal; not learned.
    Bilinear,
    /// This number; not learned.
    Constant(f32),
}

/// A weight of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in the checkpoint: `conv1_1.weight`.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// What it starts as.
    pub initial: Initial,
}

impl Parameter {
    /// Whether training changes it.
    pub fn learned(&self) -> bool {
        matches!(self.initial, Initial::Trunk | Initial::Zero)
    }

    /// How many numbers it is.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is no number at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A value where there is no trained one: He's normal numbers, a bias zero.
    pub(super) fn random(&self, seed: u64) -> Array {
        if self.shape.len() == 1 { Array::full(&*self.shape, 0.0f32) } else { init::he_normal(&self.shape, &self.name, seed) }
    }

    /// Its value in a network that is made of another one's `trunk`: that of the same name, else what it starts as.
    ///
    /// A matrix of as many rows becomes the kernels of a convolution: so a classifier's layers become convolutional.
    pub(super) fn first(&self, trunk: &Weights) -> Result<Array> {
        let flat = [self.shape[0], self.shape[1..].iter().product()];
        let there = trunk.names().any(|name| name == self.name);
        match self.initial {
            Initial::Bilinear => Ok(init::upsampling(self.shape[0], self.shape[self.shape.len() - 1])),
            Initial::Constant(value) => Ok(Array::full(&*self.shape, value)),
            Initial::Zero if !there => Ok(Array::full(&*self.shape, 0.0f32)),
            _ if there && trunk.get(&self.name)?.shape() == flat => Array::clone(trunk.shaped(&self.name, &flat)?).reshaped(&*self.shape),
            _ => Ok(Array::clone(trunk.shaped(&self.name, &self.shape)?)),
        }
    }
}

/// A network that has been built: its layers in the order they were added, the data first.
#[derive(Clone, Debug)]
pub struct Network {
    /// The layers.
    pub layers: Vec<Layer>,
    /// The weights they have.
    pub parameters: Vec<Parameter>,
}

impl Network {
    /// The layer called `name`.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}

/// A convolution's kernel, stride, padding and groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
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
pub(super) struct Net<'a> {
    /// Without weights they are inputs of the graph, known by their types alone.
    weights: Option<&'a Weights>,
    built: Network,
}

impl<'a> Net<'a> {
    pub(super) fn new(weights: Option<&'a Weights>, data: &Var) -> Result<(Self, Layer)> {
        check_data("network", data)?;
        let grid = Grid { step: 1, twice_start: 0 };
        let data = Layer { name: "data".to_owned(), output: data.clone(), offset: None, grid };
        Ok((Self { weights, built: Network { layers: vec![data.clone()], parameters: Vec::new() } }, data))
    }

    pub(super) fn finish(self) -> Network {
        self.built
    }

    fn add(&mut self, name: &str, output: Var, offset: Option<usize>, grid: Grid) -> Layer {
        let layer = Layer { name: name.to_owned(), output, offset, grid };
        self.built.layers.push(layer.clone());
        layer
    }

    fn declare(&mut self, name: &str, shape: &[usize], initial: Initial) {
        self.built.parameters.push(Parameter { name: name.to_owned(), shape: shape.to_vec(), initial });
    }

    fn parameter(&mut self, x: &Layer, name: &str, shape: &[usize], initial: Initial) -> Result<Var> {
        self.declare(name, shape, initial);
        let graph = x.output.graph();
        match self.weights {
            Some(weights) => graph.parameter(weights.shaped(name, shape)?.clone()),
            None => graph.input(name, TensorType::f32(shape)),
        }
    }

    /// A convolution of the classifier that the network is made of.
    pub(super) fn conv_relu(&mut self, name: &str, x: &Layer, outputs: usize, window: Window) -> Result<Layer> {
        let (output, grid) = self.conv(name, x, outputs, window, Initial::Trunk)?;
        Ok(self.add(name, output.relu()?, None, grid))
    }

    /// A score per class and pixel, zero at first.
    pub(super) fn score(&mut self, name: &str, x: &Layer, classes: usize) -> Result<Layer> {
        let (output, grid) = self.conv(name, x, classes, Window::new(1, 0), Initial::Zero)?;
        Ok(self.add(name, output, None, grid))
    }

    fn conv(&mut self, name: &str, x: &Layer, outputs: usize, window: Window, initial: Initial) -> Result<(Var, Grid)> {
        let Window { kernel, stride, padding, groups } = window;
        let shape = [outputs, x.output.shape()[1] / groups, kernel, kernel];
        let weight = self.parameter(x, &format!("{name}.weight"), &shape, initial)?;
        let bias = self.parameter(x, &format!("{name}.bias"), &[outputs], initial)?;
        let attributes = Conv2d { stride: Hw::square(stride), padding: Pads::all(padding), groups, ..Default::default() };
        let output = x.output.conv2d(&weight, Some(&bias), attributes)?;
        Ok((output, x.grid.windows(kernel as i64, stride as i64, padding as i64)))
    }

    pub(super) fn max_pool(&mut self, name: &str, x: &Layer, kernel: usize) -> Result<Layer> {
        let attributes = MaxPool2d { kernel: Hw::square(kernel), ceil_mode: true, ..Default::default() };
        Ok(self.add(name, x.output.max_pool2d(attributes)?, None, x.grid.windows(kernel as i64, 2, 0)))
    }

    /// What computes pixel by pixel and has no weights.
    pub(super) fn map(&mut self, name: &str, x: &Layer, f: impl FnOnce(&Var) -> Result<Var>) -> Result<Layer> {
        Ok(self.add(name, f(&x.output)?, None, x.grid))
    }

    /// A factor per channel, all the same at first and not learned.
    pub(super) fn scale(&mut self, name: &str, x: &Layer, factor: f32) -> Result<Layer> {
        let channels = x.output.shape()[1];
        let factors = self.parameter(x, &format!("{name}.weight"), &[channels], Initial::Constant(factor))?;
        self.map(name, x, |v| v.mul(&factors.reshape([1, channels, 1, 1])?))
    }

    /// An upsampling deconvolution. A checkpoint's weight is dense, (c, c, k, k); if it is zero off the diagonal, as it starts, each
    /// channel is computed on its own, c times cheaper.
    pub(super) fn upscore(&mut self, name: &str, x: &Layer, kernel: usize, stride: usize) -> Result<Layer> {
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
        let grid = x.grid.upsampled(kernel as i64, stride as i64);
        let grid = grid.ok_or_else(|| Error::unsupported("upscore", format!("'{name}' by {stride} beyond the data's resolution")))?;
        Ok(self.add(name, output, None, grid))
    }

    /// The part of `x` that lies over `like`.
    pub(super) fn crop(&mut self, name: &str, x: &Layer, like: &Layer) -> Result<Layer> {
        let offset = x.grid.offset(like.grid).ok_or_else(|| {
            Error::shape("crop", format!("'{name}': '{}' at {:?} does not cover '{}' at {:?}", x.name, x.grid, like.name, like.grid))
        })?;
        let [_, _, h, w] = *like.output.shape() else {
            return Err(Error::shape("crop", format!("'{}' must be (n, c, h, w), it is {}", like.name, like.output.ty())));
        };
        Ok(self.add(name, x.output.crop(offset, offset, Hw::new(h, w))?, Some(offset), like.grid))
    }

    pub(super) fn fuse(&mut self, name: &str, x: &Layer, y: &Layer) -> Result<Layer> {
        Ok(self.add(name, x.output.add(&y.output)?, None, x.grid))
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
