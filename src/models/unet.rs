//! U-Net (Ronneberger, Fischer and Brox, MICCAI 2015, [arXiv 1505.04597](https://arxiv.org/abs/1505.04597)), as published and of any width.
//!
//! ```text
//! image - d0 ---------------------------------- crop - concat - u0 - score
//!          | pool                                         ' up
//!          d1 ---------------- crop - concat ------- u1 --'
//!           | pool                         ' up
//!           ...                   d4 ------'
//! ```
//!
//! A level d or u is two convolutions of 3 x 3, each with its `ReLU`; pool is the largest of 2 x 2; up is a transposed convolution of 2 x 2 by
//! 2. Layers are called as in the released Caffe network: `conv_d0a-b`, `upconv_d4c_u3a`, `conv_u0d-score`. Of that network, not of the
//! paper's text, are also the `ReLU` behind each up, the dropout of the two lowest levels before their pooling and before what is cropped of
//! them, the order of a concatenation (what came up first), and 128 channels of the last up where the paper's figure has 64
//! ([`UNet::last_up`]).
//!
//! With L poolings and convolutions that are not padded, as published, an image of `side` pixels gets scores of `out`:
//!
//! ```text
//! side = 2^L b + 4 (2^L - 1)             b >= 5 the side of the lowest level, 32 in the paper: 572
//! out  = 2^L (b - 4) - 4 (2^L - 1)       388
//! side - out = 2 (6 2^L - 4)             so `scores` mirrors 92 pixels around an image, the paper's overlap-tile of one tile
//! ```
//!
//! Left out are the weights of pixels between cells that touch (eq. 2 of the paper), which are about instances.

use super::caffe::{self, Initial, Layer, Net, Network, Parameter, Window};
use super::pixelwise::{self, Pixelwise, Scored};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::{Dropout, Random, Weights, optimiser};
use crate::ops::PadMode;
use crate::train::About;

/// The name of the last layer, the scores.
pub const SCORE: &str = "conv_u0d-score";
/// The key of metadata that says that convolutions are padded. Without it they are not, as published.
pub const PADDED: &str = "padded";
/// Poolings at most: 2^8 pixels make one.
const DEEPEST: usize = 8;

/// A U-Net.
#[derive(Clone, Debug, PartialEq)]
pub struct UNet {
    /// Channels of the image.
    pub inputs: usize,
    /// How many classes, the background among them.
    pub classes: usize,
    /// Of each level's convolutions, from the finest: one more than there are poolings.
    pub channels: Vec<usize>,
    /// Of the up-convolution to the finest level; of the others they are their level's.
    pub last_up: usize,
    /// Whether convolutions are padded by 1, so that scores are as large as the image. Else they see nothing but pixels, as published.
    pub padded: bool,
    /// The share of the two lowest levels' values that training drops.
    pub dropout: f32,
}

impl UNet {
    /// The published network: grey images, two classes, 31 million numbers to learn.
    pub fn new() -> Self {
        Self { inputs: 1, classes: 2, channels: vec![64, 128, 256, 512, 1024], last_up: 64, padded: false, dropout: 0.5 }
    }

    /// The network that `weights` are of, by their shapes, and whether it is padded by their metadata.
    ///
    /// # Errors
    /// If `weights` lack a layer.
    pub fn of(weights: &Weights) -> Result<Self> {
        let shape = |name: &str| weights.sizes::<4>(&format!("{name}.weight"));
        let levels = (0..=DEEPEST).take_while(|level| weights.contains(&format!("conv_d{level}a-b.weight"))).count();
        let channels = (0..levels).map(|level| Ok(shape(&format!("conv_d{level}a-b"))?[0])).collect::<Result<Vec<_>>>()?;
        let last_up = if levels > 1 { shape(&up_name(0, levels - 1))?[1] } else { 0 };
        let padded = weights.flag(PADDED)?.unwrap_or(false);
        Ok(Self { inputs: shape("conv_d0a-b")?[1], classes: shape(SCORE)?[0], channels, last_up, padded, ..Self::new() })
    }

    /// Every weight, by name and shape.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let side = self.side(1)?;
        self.outline(&Graph::new().input("image", TensorType::f32([1, self.inputs, side, side]))?).map(|network| network.parameters)
    }

    /// The network over an `image` (n, inputs, h, w) as inputs without values, for its shapes and cost. Its last layer is (n, classes, h', w'):
    /// 388 x 388 of 572 x 572, as published.
    ///
    /// # Errors
    /// If the network's numbers make no sense, or `image` has not its channels or no possible size.
    pub fn outline(&self, image: &Var) -> Result<Network> {
        self.build(None, image, None)
    }

    /// The same with `weights`.
    ///
    /// # Errors
    /// As [`UNet::outline`]; if a tensor is missing from `weights` or has another shape.
    pub fn forward(&self, weights: &Weights, image: &Var) -> Result<Network> {
        self.build(Some(weights), image, None)
    }

    /// Poolings.
    fn depth(&self) -> usize {
        self.channels.len().saturating_sub(1)
    }

    /// The pixels of an image's side that are one of the lowest level.
    fn step(&self) -> Result<usize> {
        let counted = [self.inputs, self.classes, self.last_up];
        if !(1..=DEEPEST).contains(&self.depth()) || counted.iter().chain(&self.channels).any(|count| *count == 0) {
            let reason = format!("{self:?}: it must have 1 to {DEEPEST} poolings, one more numbers of channels than that, and classes");
            return Err(Error::shape("unet", reason));
        }
        Ok(1 << self.depth())
    }

    /// The least side of an image that gives at least `out` rows or columns of scores.
    fn side(&self, out: usize) -> Result<usize> {
        let step = self.step()?;
        Ok(if self.padded { out.max(1).next_multiple_of(step) } else { (out + 4 * (step - 1)).next_multiple_of(step) + 8 * step - 4 })
    }

    /// The pixels around an image's middle that get no score.
    fn margin(&self) -> Result<usize> {
        Ok(if self.padded { 0 } else { 6 * self.step()? - 4 })
    }

    /// The scores of all pixels of `image` by a network of the next size that is possible.
    fn whole(&self, image: &Var, network: impl FnOnce(&Var) -> Result<Network>) -> Result<(Var, Network)> {
        let (size, before) = (size_of(image)?, self.margin()?);
        let after = |side: usize| Ok::<_, Error>(self.side(side)? - side - before);
        let [below, right] = [after(size.h)?, after(size.w)?];
        let mirrored = [before, below, right].into_iter().max().unwrap_or(0);
        if !self.padded && size.h.min(size.w) <= mirrored {
            let reason =
                format!("{} is too small to be mirrored by {mirrored} pixels, which convolutions without padding need", image.ty());
            return Err(Error::shape("unet", reason));
        }
        let [before, below, right] = [before, below, right].map(usize::cast_signed);
        let mode = if self.padded { PadMode::Edge } else { PadMode::Reflect };
        let network = network(&image.pad([0, 0, before, before], [0, 0, below, right], mode)?)?;
        let score = network.layer(SCORE).ok_or_else(|| Error::shape("unet", format!("the network has no layer '{SCORE}'")))?;
        Ok((score.output.narrow(2, 0, size.h)?.narrow(3, 0, size.w)?, network))
    }

    fn build(&self, weights: Option<&Weights>, image: &Var, mut random: Option<&mut Random>) -> Result<Network> {
        let (size, depth, lost) = (size_of(image)?, self.depth(), 2 * self.margin()?);
        for side in [size.h, size.w] {
            let possible = self.side(side.saturating_sub(lost))?;
            if side != possible {
                return Err(Error::shape("unet", format!("the sides of {} are not possible ones, as {possible} is", image.ty())));
            }
        }
        let (mut net, mut x) = Net::new(weights, image, self.inputs)?;
        if random.is_some() {
            net.learn([2.0, 0.0]);
        }
        let mut skips = Vec::with_capacity(depth);
        for (level, channels) in self.channels.iter().enumerate() {
            x = self.twice(&mut net, &x, *channels, [format!("conv_d{level}a-b"), format!("conv_d{level}b-c")])?;
            if let Some(random) = random.as_mut().filter(|_| level + 1 >= depth && self.dropout != 0.0) {
                x = net.map(&format!("dropout_d{level}c"), &x, |v| random.dropout(v, self.dropout, Dropout::Inverted))?;
            }
            if level < depth {
                skips.push(x.clone());
                x = net.max_pool(&format!("pool_d{level}c-{}a", level + 1), &x, 2)?;
            }
        }
        for (level, skip) in skips.iter().enumerate().rev() {
            let outputs = if level == 0 { self.last_up } else { self.channels[level] };
            let up = net.up_relu(&up_name(level, depth), &x, outputs)?;
            let skip = net.crop(&format!("crop_d{level}c-d{level}cc"), skip, &up)?;
            x = net.concat(&format!("concat_d{level}cc_u{level}a-b"), &[&up, &skip])?;
            x = self.twice(&mut net, &x, self.channels[level], [format!("conv_u{level}b-c"), format!("conv_u{level}c-d")])?;
        }
        net.score(SCORE, &x, self.classes, Initial::Trunk)?;
        Ok(net.finish())
    }

    fn twice(&self, net: &mut Net<'_>, x: &Layer, channels: usize, names: [String; 2]) -> Result<Layer> {
        let window = Window::new(3, usize::from(self.padded));
        let between = net.conv_relu(&names[0], x, channels, window)?;
        net.conv_relu(&names[1], &between, channels, window)
    }
}

impl Default for UNet {
    fn default() -> Self {
        Self::new()
    }
}

impl Pixelwise for UNet {
    fn name(&self) -> String {
        format!("U-Net of {:?} channels", self.channels)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn channels(&self) -> usize {
        self.inputs
    }

    fn image(&self, about: &About, image: &Var) -> Result<Var> {
        about.normalised(image, 1.0, 0.0)
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        let parameters = self.parameters()?;
        let trunk = caffe::random_trunk(parameters.clone(), seed);
        caffe::initial(parameters, &trunk, seed)
    }

    fn after(&self, start: &Weights, seed: u64) -> Result<Weights> {
        pixelwise::taken(&self.initial(seed)?, start, SCORE)
    }

    fn scores(&self, weights: &Weights, image: &Var) -> Result<Var> {
        self.whole(image, |seen| self.forward(weights, seen)).map(|(scores, _)| scores)
    }

    fn trainable(&self, weights: &Weights, image: &Var, random: &mut Random) -> Result<(Vec<Scored>, Vec<optimiser::Parameter>)> {
        let (scores, network) = self.whole(image, |seen| self.build(Some(weights), seen, Some(random)))?;
        Ok((Scored::whole(scores), network.learned))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![(PADDED, self.padded.to_string())]
    }
}

/// The up-convolution to `level` of a network with `depth` poolings.
fn up_name(level: usize, depth: usize) -> String {
    let from = level + 1;
    format!("upconv_{}_u{level}a", if from == depth { format!("d{from}c") } else { format!("u{from}d") })
}

fn size_of(image: &Var) -> Result<Hw> {
    match *image.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("unet", format!("an image is (n, c, h, w), not {}", image.ty()))),
    }
}
