//! FCN-32s, FCN-16s and FCN-8s of any width, for scenes whose sides are multiples of 32.
//!
//! ```text
//! image (n, 3, h, w) through five stages of convolutions of 3 x 3 and a pooling that halves:
//! pool3 /8  -> score_pool3 ------------------------------------------------------------------- + -> upscore8 x8 -> crop to the image
//! pool4 /16 -> score_pool4 ----------------------------- + -> upscore_pool4 x2 -> crop to pool3 '
//! pool5 /32 -> fc6 -> fc7 -> score_fr -> upscore2 x2 -> crop to pool4 '
//! ```
//!
//! Layers have the names of [`Fcn`](crate::models::fcn::Fcn)'s. As there, score layers are zero at first, upsampling is bilinear and not
//! learned, biases learn twice as fast and do not decay, and crops follow from where layers' pixels lie. What differs: the first
//! convolution is padded by 1, not by 100, which would make 17 times as many pixels of 64 x 64, so fc6 is of 3 x 3, padded by 1; and what
//! was upsampled is cropped to a pooling's scores, which are the smaller ones here. Stages have as many
//! convolutions and channels as one likes. The image's RGB of 0..1 becomes 4 (v - 0.5), about -1 to 1, as there is no trunk that wants something else.

use super::digit_scenes;
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::caffe::{self, Initial, Layer, Net, Network, Parameter, Window};
use crate::models::fcn::Variant;
use crate::models::pixelwise::{Pixelwise, Scored};
use crate::models::vgg16;
use crate::nn::{Random, Weights, init, optimiser};
use crate::ops::{PadMode, Resize, concat, number, scaled};
use crate::train::About;

/// A fully convolutional network of chosen width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NarrowFcn {
    /// FCN-32s, FCN-16s or FCN-8s.
    pub variant: Variant,
    /// How many classes, the background among them.
    pub classes: usize,
    /// How many convolutions each stage has, and of how many channels.
    pub stages: [(usize, usize); 5],
    /// Those of fc6 and fc7.
    pub hidden: usize,
}

impl NarrowFcn {
    /// For scenes of digits: 140,000 numbers to learn, 5 million multiplications for an image of 64 x 64.
    pub const fn new(variant: Variant) -> Self {
        Self { variant, classes: digit_scenes::CLASSES, stages: [(1, 8), (1, 16), (1, 32), (1, 48), (1, 64)], hidden: 128 }
    }

    /// The network that `weights` are of, by the layers there are and their shapes.
    ///
    /// # Errors
    /// If `weights` lack a layer.
    pub fn of(weights: &Weights) -> Result<Self> {
        let scored = |pool: &str| weights.contains(&format!("score_{pool}.weight"));
        let variant = match (scored("pool3"), scored("pool4")) {
            (true, _) => Variant::Fcn8s,
            (false, true) => Variant::Fcn16s,
            (false, false) => Variant::Fcn32s,
        };
        let outputs = |name: &str| weights.sizes::<4>(&format!("{name}.weight")).map(|sizes| sizes[0]);
        Ok(Self { variant, classes: outputs("score_fr")?, stages: vgg16::stages_of(weights)?, hidden: outputs("fc6")? })
    }

    fn learned(&self) -> Result<Vec<Parameter>> {
        Ok(self.parameters()?.into_iter().filter(Parameter::learned).collect())
    }

    /// Every weight, by name and shape, upsampling among them.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let image = Graph::new().input("image", TensorType::f32([1, 3, 32, 32]))?;
        Ok(self.build(None, &image, false)?.parameters)
    }

    /// The network over an `image` (n, 3, h, w), RGB of 0..1. Its last layer, `score`, is (n, classes, h, w). Upsampling that is not among
    /// the weights is bilinear.
    ///
    /// # Errors
    /// If `image` has another shape, its sides are no multiples of 32, or a tensor is missing from `weights` or has another shape.
    pub fn forward(&self, weights: &Weights, image: &Var) -> Result<Network> {
        self.build(Some(&self.complete(weights)?), image, false)
    }

    /// What attention looks at, (n, channels, h / 16, w / 16): the fifth stage before its pooling, as Show, Attend and Tell has it of VGG; fc7, which
    /// sees more and lies twice as wide, each pixel four times; and the fourth stage's pooling, which knows less of what there is and more of
    /// how large it is.
    ///
    /// # Errors
    /// As [`NarrowFcn::forward`].
    pub fn features(&self, weights: &Weights, image: &Var) -> Result<Var> {
        let network = self.forward(weights, image)?;
        let layer = |name: &str| network.layer(name).ok_or_else(|| Error::shape("fcn", format!("the network has no layer '{name}'")));
        let (near, far) = (&layer(&format!("conv5_{}", self.stages[4].0))?.output, &layer("fc7")?.output);
        let size = Hw::new(near.shape()[2], near.shape()[3]);
        concat(&[near, &far.resize(Resize::to(size))?, &layer("pool4")?.output], 1)
    }

    /// How many channels [`NarrowFcn::features`] have.
    pub fn feature_channels(&self) -> usize {
        self.stages[4].1 + self.hidden + self.stages[3].1
    }

    /// The scores (n, classes, h, w) of a built network.
    ///
    /// # Errors
    /// If it is of another kind.
    pub fn score(network: &Network) -> Result<Var> {
        let score = network.layer("score").ok_or_else(|| Error::shape("fcn", "the network has no layer 'score'"))?;
        Ok(score.output.clone())
    }

    /// The weights, with the upsampling that they lack.
    fn complete(&self, weights: &Weights) -> Result<Weights> {
        let missing = self.parameters()?.into_iter().filter(|p| !p.learned() && !weights.contains(&p.name));
        let kernel = |p: Parameter| {
            let kernel = init::upsampling(p.shape[0], p.shape[3]);
            (p.name, kernel)
        };
        Ok(weights.replaced(weights.source(), missing.map(kernel)))
    }

    fn build(&self, weights: Option<&Weights>, image: &Var, learning: bool) -> Result<Network> {
        let known = matches!(self.variant, Variant::Fcn32s | Variant::Fcn16s | Variant::Fcn8s);
        if !known
            || self.classes == 0
            || self.hidden == 0
            || self.stages.iter().any(|&(convolutions, channels)| convolutions == 0 || channels == 0)
        {
            return Err(Error::shape("fcn", format!("{self:?}: it must be fcn32s, fcn16s or fcn8s, with classes and channels")));
        }
        let [_, _, h, w] = *image.shape() else {
            return Err(Error::shape("fcn", format!("an image is (n, 3, h, w), not {}", image.ty())));
        };
        if h % 32 != 0 || w % 32 != 0 || h * w == 0 {
            return Err(Error::shape("fcn", format!("the sides of {} are no multiples of 32", image.ty())));
        }
        let data = scaled(&image.sub(&number(image, 0.5)?)?, 4.0)?;
        let (mut net, data) = Net::new(weights, &data, 3)?;
        if learning {
            net.learn([2.0, 0.0]);
        }
        let upscore = self.upscore(&mut net, &data)?;
        net.crop("score", &upscore, &data)?;
        Ok(net.finish())
    }

    /// The scores, upsampled to the image's resolution and larger than it.
    fn upscore(&self, net: &mut Net<'_>, data: &Layer) -> Result<Layer> {
        let conv = |net: &mut Net<'_>, name: &str, x: &Layer, outputs: usize| net.conv_relu(name, x, outputs, Window::new(3, 1));
        let pool = |net: &mut Net<'_>, name: &str, x: &Layer| net.max_pool(name, x, 2);
        let [_, _, pool3, pool4, pool5] = vgg16::stages(net, data, self.stages, 1, conv, pool)?;
        let fc6 = net.conv_relu("fc6", &pool5, self.hidden, Window::new(3, 1))?;
        let fc7 = net.conv_relu("fc7", &fc6, self.hidden, Window::new(1, 0))?;
        let score_fr = net.score("score_fr", &fc7, self.classes, Initial::Zero)?;
        if self.variant == Variant::Fcn32s {
            return net.upscore("upscore", &score_fr, 64, 32);
        }
        let fused = self.skip(net, "upscore2", &score_fr, "pool4", &pool4)?;
        if self.variant == Variant::Fcn16s {
            return net.upscore("upscore16", &fused, 32, 16);
        }
        let fused = self.skip(net, "upscore_pool4", &fused, "pool3", &pool3)?;
        net.upscore("upscore8", &fused, 16, 8)
    }

    /// Doubles `x` and adds the scores of `pool` where both lie over the same pixels.
    fn skip(&self, net: &mut Net<'_>, up: &str, x: &Layer, pool: &str, features: &Layer) -> Result<Layer> {
        let upsampled = net.upscore(up, x, 4, 2)?;
        let scores = net.score(&format!("score_{pool}"), features, self.classes, Initial::Zero)?;
        let cropped = net.crop(&format!("{up}c"), &upsampled, &scores)?;
        net.fuse(&format!("fuse_{pool}"), &cropped, &scores)
    }
}

impl Pixelwise for NarrowFcn {
    fn name(&self) -> String {
        let channels = self.stages.map(|(_, channels)| channels);
        format!("{} of {channels:?} and {} channels", self.variant.name(), self.hidden)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn channels(&self) -> usize {
        3
    }

    /// [`NarrowFcn::forward`] makes 4 (v - 1/2) of what it is given.
    fn image(&self, about: &About, image: &Var) -> Result<Var> {
        about.normalised(image, 0.25, 0.5)
    }

    /// He's normal kernels, zero biases and score layers. Upsampling is not among them, as it does not change.
    fn initial(&self, seed: u64) -> Result<Weights> {
        let learned = self.learned()?;
        let trunk = caffe::random_trunk(learned.clone(), seed);
        caffe::initial(learned, &trunk, seed)
    }

    /// After a network with fewer skips further score layers are zero, so that it starts by saying what that one says.
    fn after(&self, start: &Weights, seed: u64) -> Result<Weights> {
        let layers = caffe::without_other_scores(start, &["score_fr", "score_pool4", "score_pool3"], self.classes)?;
        caffe::initial(self.learned()?, &Weights::from_arrays(start.source(), layers), seed)
    }

    /// The last row and column are repeated up to a multiple of 32.
    fn scores(&self, weights: &Weights, image: &Var) -> Result<Var> {
        let &[_, _, h, w] = image.shape() else {
            return Err(Error::shape("fcn", format!("an image is (n, 3, h, w), not {}", image.ty())));
        };
        let missing = |side: usize| (side.next_multiple_of(32) - side).cast_signed();
        let image = image.pad([0; 4], [0, 0, missing(h), missing(w)], PadMode::Edge)?;
        Self::score(&self.forward(weights, &image)?)?.narrow(2, 0, h)?.narrow(3, 0, w)
    }

    fn trainable(&self, weights: &Weights, image: &Var, _: &mut Random) -> Result<(Vec<Scored>, Vec<optimiser::Parameter>)> {
        let network = self.build(Some(&self.complete(weights)?), image, true)?;
        Ok((Scored::whole(Self::score(&network)?), network.learned))
    }
}
