//! `GoogLeNet` up to its last inception: what SMem-VQA, and whoever else, sees of a photo.
//!
//! ```text
//! photo (n, 3, h, w), RGB of 0..1: shorter side to 256, centre of 224 x 224, BGR of 0..255 less the mean, as VGG's
//! inception_5b (n, 1024, 7, 7): four branches, each after its ReLU, one after the other
//!
//! inception    1x1  |  1x1 --> 3x3  |  1x1 --> 5x5  |  max pooling 3x3 --> 1x1
//! ```
//!
//! 5,973,552 parameters and 1,581,647,872 multiply-adds to here.
//!
//! Szegedy et al.: Going Deeper with Convolutions, CVPR 2015, table 1, without the two classifiers that help in training. Layer names are
//! those of Caffe's released model, `conv1/7x7_s2.weight`, `inception_3a/3x3_reduce.weight` and so on.

use super::caffe::{self, Layer, Net, Parameter, Window};
use super::vgg;
use crate::array::{Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::{Lrn, MaxPool2d};

const NAME: &str = "googlenet";
/// A layer that no other network has.
const MARK: &str = "inception_5b/1x1.weight";
/// Every number of channels can be divided by it.
const COMMON: usize = 8;

/// An inception: its name; channels of 1 x 1, of what leads to 3 x 3, of that, of what leads to 5 x 5, of that, and of what was pooled.
type Inception = (&'static str, [usize; 6]);

/// Groups of them; a pooling that halves lies before each.
const INCEPTIONS: [&[Inception]; 3] = [
    &[("3a", [64, 96, 128, 16, 32, 32]), ("3b", [128, 128, 192, 32, 96, 64])],
    &[
        ("4a", [192, 96, 208, 16, 48, 64]),
        ("4b", [160, 112, 224, 24, 64, 64]),
        ("4c", [128, 128, 256, 24, 64, 64]),
        ("4d", [112, 144, 288, 32, 64, 64]),
        ("4e", [256, 160, 320, 32, 128, 128]),
    ],
    &[("5a", [256, 160, 320, 32, 128, 128]), ("5b", [384, 192, 384, 48, 128, 128])],
];

/// `GoogLeNet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GoogLeNet {
    /// What the channels of all layers are divided by: 1 as published. A network to try things out on has 2, 4 or 8.
    pub divisor: usize,
}

impl GoogLeNet {
    /// As published.
    pub const PUBLISHED: Self = Self { divisor: 1 };

    /// Whether `weights` have its layers.
    pub fn has_layers_in(weights: &Weights) -> bool {
        weights.contains(MARK)
    }

    /// The network that `weights` has the layers of.
    ///
    /// # Errors
    /// [`Error::Model`] if it has none.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [channels, _, _, _] = weights.sizes("conv1/7x7_s2.weight")?;
        match channels {
            8 | 16 | 32 | 64 => Ok(Self { divisor: 64 / channels }),
            _ => {
                let reason = format!("'conv1/7x7_s2.weight' has {channels} channels, GoogLeNet 64, a half, a quarter or an eighth of it");
                Err(Error::model(weights.source(), reason))
            }
        }
    }

    /// How many numbers stand for a place of the last inception.
    pub const fn features(&self) -> usize {
        1024 / if self.divisor == 0 { 1 } else { self.divisor }
    }

    /// The last inception (n, 1024, h / 32, w / 32), rounded up, of [`data`](super::data) (n, 3, h, w).
    ///
    /// # Errors
    /// If `data` has another shape, or a tensor is missing from `weights` or has another shape, by name.
    pub fn forward(&self, weights: &Weights, data: &Var) -> Result<Var> {
        self.build(Some(weights), data).map(|built| built.0)
    }

    /// The same with inputs of the graph in place of weights: for shapes and costs without weights.
    ///
    /// # Errors
    /// If `data` has another shape.
    pub fn outline(&self, data: &Var) -> Result<Var> {
        self.build(None, data).map(|built| built.0)
    }

    /// Every weight, by the name and with the shape that it has in the released model.
    ///
    /// # Errors
    /// If the divisor is not 1, 2, 4 or 8.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let data = Graph::new().input("data", TensorType::f32([1, 3, vgg::SIZE.h, vgg::SIZE.w]))?;
        self.build(None, &data).map(|built| built.1)
    }

    /// Weights where there are no trained ones: He's normal kernels, biases zero.
    ///
    /// # Errors
    /// As [`GoogLeNet::parameters`].
    pub fn initial(&self, seed: u64) -> Result<Weights> {
        Ok(caffe::random_trunk(self.parameters()?, seed))
    }

    fn build(&self, weights: Option<&Weights>, data: &Var) -> Result<(Var, Vec<Parameter>)> {
        let divisor = self.divisor;
        if divisor == 0 || !COMMON.is_multiple_of(divisor) {
            return Err(Error::shape(NAME, format!("{self:?}: the divisor must be 1, 2, 4 or 8")));
        }
        let (mut net, data) = Net::new(weights, data, 3)?;
        let by = |kernel: usize| Window { stride: 2, ..Window::new(kernel, kernel / 2) };
        let x = net.conv_relu("conv1/7x7_s2", &data, 64 / divisor, by(7))?;
        let x = net.max_pool("pool1/3x3_s2", &x, 3)?;
        let x = normalised(&mut net, "pool1/norm1", &x)?;
        let x = net.conv_relu("conv2/3x3_reduce", &x, 64 / divisor, Window::new(1, 0))?;
        let x = net.conv_relu("conv2/3x3", &x, 192 / divisor, Window::new(3, 1))?;
        let mut x = normalised(&mut net, "conv2/norm2", &x)?;
        for (stage, inceptions) in (2..).zip(INCEPTIONS) {
            x = net.max_pool(&format!("pool{stage}/3x3_s2"), &x, 3)?;
            for (name, channels) in inceptions {
                x = inception(&mut net, &format!("inception_{name}"), &x, channels.map(|c| c / divisor))?;
            }
        }
        Ok((x.output, net.finish().parameters))
    }
}

/// Caffe's normalisation across five channels.
fn normalised(net: &mut Net<'_>, name: &str, x: &Layer) -> Result<Layer> {
    net.map(name, x, |v| v.lrn(Lrn::new(5)))
}

fn inception(net: &mut Net<'_>, name: &str, x: &Layer, [one, to_three, three, to_five, five, pooled]: [usize; 6]) -> Result<Layer> {
    let mut conv = |part: &str, x: &Layer, channels: usize, kernel: usize| {
        net.conv_relu(&format!("{name}/{part}"), x, channels, Window::new(kernel, kernel / 2))
    };
    let (a, b, c) = (conv("1x1", x, one, 1)?, conv("3x3_reduce", x, to_three, 1)?, conv("5x5_reduce", x, to_five, 1)?);
    let (b, c) = (conv("3x3", &b, three, 3)?, conv("5x5", &c, five, 5)?);
    let window = MaxPool2d { kernel: Hw::square(3), stride: Hw::square(1), padding: Pads::all(1), ..MaxPool2d::default() };
    let d = net.map(&format!("{name}/pool"), x, |v| v.max_pool2d(window))?;
    let d = net.conv_relu(&format!("{name}/pool_proj"), &d, pooled, Window::new(1, 0))?;
    net.concat(&format!("{name}/output"), &[&a, &b, &c, &d])
}
