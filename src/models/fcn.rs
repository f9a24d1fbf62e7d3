//! Fully convolutional networks: a score for each of 21 classes at every pixel of a photo.
//!
//! ```text
//! data (n, 3, h, w), padded by 100, through VGG-16:
//! pool3 /8  -> score_pool3 -----------------------------------------------> crop + -> upscore8  x8 -> crop to data
//! pool4 /16 -> score_pool4 -------------------> crop + -> upscore_pool4 x2 -------'
//! pool5 /32 -> fc6 -> fc7 -> score_fr -> upscore2 x2 -'
//! ```
//!
//! FCN-16s ends with the first sum (`upscore16`), FCN-32s with `score_fr` (`upscore`). "At once" scales pool4 by 0.01 and pool3 by
//! 0.0001, so that all layers learn together. FCN-AlexNet is FCN-32s on `CaffeNet`.
//!
//! Padding by 100 leaves `score_fr` a pixel at least, for any photo. Nothing else is padded to fit: `upscore*` is larger than
//! the data, and is cropped where both lie over the same pixels; scores of a pooling are cropped to the upsampled map that they are
//! added to. The offsets follow from the layers' kernels, strides and padding.
//!
//! Sources: Long, Shelhamer, Darrell, CVPR 2015, sections 3 and 4, and their PAMI version of 2016; layers and names of
//! github.com/shelhamer/fcn.berkeleyvision.org (`voc-fcn32s`, `voc-fcn16s`, `voc-fcn8s`, `voc-fcn8s-atonce`, `voc-fcn-alexnet`).

use super::caffe::{self, Initial, Layer, Net, Network, Parameter, Window};
use super::{photo, vgg16};
use crate::array::TensorType;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;
use crate::ops::Lrn;

/// The published networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// Scores at stride 32, upsampled at once.
    Fcn32s,
    /// And those of pool4.
    Fcn16s,
    /// And those of pool3.
    Fcn8s,
    /// FCN-8s with scaled skips, trained in one go.
    Fcn8sAtOnce,
    /// FCN-32s on `CaffeNet`.
    FcnAlexNet,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fcn32s, Self::Fcn16s, Self::Fcn8s, Self::Fcn8sAtOnce, Self::FcnAlexNet];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fcn32s => "fcn32s",
            Self::Fcn16s => "fcn16s",
            Self::Fcn8s => "fcn8s",
            Self::Fcn8sAtOnce => "fcn8s-atonce",
            Self::FcnAlexNet => "fcn-alexnet",
        }
    }
}

/// A fully convolutional network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fcn {
    /// Which of the published ones.
    pub variant: Variant,
    /// How many classes, the background among them: 21 of PASCAL VOC.
    pub classes: usize,
    /// What the channels of all hidden layers are divided by: 1 as published. A network to try things out on has another divisor
    /// of 32, or of 16 on `CaffeNet`.
    pub divisor: usize,
}

/// Zeros around the data.
const PADDING: usize = 100;

impl Fcn {
    /// As published.
    pub const fn new(variant: Variant) -> Self {
        Self { variant, classes: 21, divisor: 1 }
    }

    /// The network that `weights` are of: with as many classes as `score_fr` scores, as wide as the first layer is. What else is
    /// in them is checked when the network is built.
    ///
    /// # Errors
    /// If `weights` lack either layer.
    pub fn of(variant: Variant, weights: &Weights) -> Result<Self> {
        let outputs = |name: &str| weights.get(name).map(|array| array.shape().first().copied().unwrap_or(0));
        let (first, published) = if variant == Variant::FcnAlexNet { ("conv1.weight", 96) } else { ("conv1_1.weight", 64) };
        let (channels, classes) = (outputs(first)?, outputs("score_fr.weight")?);
        let divisor = if channels > 0 && published % channels == 0 { published / channels } else { 1 };
        Ok(Self { variant, classes, divisor })
    }

    /// The longer side of PASCAL VOC's photos, which the networks were trained on.
    pub const LONGEST: usize = 500;

    /// Scores (n, classes, sh, sw) of a photo (n, 3, h, w) of any size with RGB in 0..1, which the network sees with its longer side at most
    /// [`Fcn::LONGEST`].
    ///
    /// # Errors
    /// As [`Fcn::forward`]; if `photo` is not four-dimensional.
    pub fn photo_scores(&self, weights: &Weights, photo: &Var) -> Result<Var> {
        self.scores(weights, &photo::scaled(photo, photo::size_of(photo)?.fitted(Self::LONGEST))?)
    }

    /// The class of each pixel, i32 (n, 1, h, w), of such a photo.
    ///
    /// # Errors
    /// As [`Fcn::photo_scores`].
    pub fn photo_classes(&self, weights: &Weights, photo: &Var) -> Result<Var> {
        photo::labels(&self.photo_scores(weights, photo)?, photo::size_of(photo)?)
    }

    /// The scores (n, classes, h, w) of an image (n, 3, h, w) with RGB in 0..1.
    ///
    /// # Errors
    /// As [`Fcn::forward`].
    pub fn scores(&self, weights: &Weights, rgb: &Var) -> Result<Var> {
        let network = self.forward(weights, &super::data(rgb)?)?;
        let score = network.layer("score").ok_or_else(|| Error::shape("fcn", "the network has no layer 'score'"))?;
        Ok(score.output.clone())
    }

    /// The network over `data` (n, 3, h, w), BGR less the mean ([`data`](super::data)). Its last layer, `score`, is (n, classes, h, w).
    ///
    /// # Errors
    /// If `data` has another shape, or a tensor is missing from `weights` or has another shape, by name.
    pub fn forward(&self, weights: &Weights, data: &Var) -> Result<Network> {
        self.build(Some(weights), data, false)
    }

    /// The same for training: what is learned is a state of the graph, and [`Network::learned`] has it with the multipliers of the
    /// published nets: biases learn twice as fast and do not decay, but in the trunk of `CaffeNet`, where they are as weights. Upsampling
    /// and scales stay. There is no dropout.
    ///
    /// The published loss is [`cross_entropy`](crate::nn::loss::cross_entropy) of `score` with label 255 ignored and
    /// [`Reduction::BatchMean`](crate::nn::loss::Reduction::BatchMean), [`Reduction::Mean`](crate::nn::loss::Reduction::Mean) on `CaffeNet`.
    ///
    /// # Errors
    /// As [`Fcn::forward`]; if the graph has states of these names.
    pub fn trainable(&self, weights: &Weights, data: &Var) -> Result<Network> {
        self.build(Some(weights), data, true)
    }

    /// The same with inputs of the graph in place of weights, `conv1_1.weight` and so on: for shapes and costs without weights.
    ///
    /// Upsampling kernels are (c, 1, k, k) there, one for each class.
    ///
    /// # Errors
    /// If `data` has another shape.
    pub fn outline(&self, data: &Var) -> Result<Network> {
        self.build(None, data, false)
    }

    /// Every weight, by the name and with the shape that it has in the checkpoint.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let data = Graph::new().input("data", TensorType::f32([1, 3, 1, 1]))?;
        Ok(self.outline(&data)?.parameters)
    }

    /// What training starts from: the layers of `trunk` that have the same names (VGG-16's, or those of a network with fewer skips;
    /// matrices become convolutions), score layers that it does not have zero, upsampling bilinear.
    ///
    /// # Errors
    /// If a layer of the trunk is missing, or has another shape, by name.
    pub fn initial(&self, trunk: &Weights) -> Result<Weights> {
        // Nothing of it is drawn, so any seed is right.
        caffe::initial(self.parameters()?, trunk, 0)
    }

    /// A trunk for [`Fcn::initial`] where there is no trained one: He's normal kernels, biases zero.
    ///
    /// # Errors
    /// As [`Fcn::parameters`].
    pub fn random_trunk(&self, seed: u64) -> Result<Weights> {
        Ok(caffe::random_trunk(self.parameters()?, seed))
    }

    fn build(&self, weights: Option<&Weights>, data: &Var, learning: bool) -> Result<Network> {
        if self.classes == 0 || self.divisor == 0 || 32 % self.divisor != 0 {
            return Err(Error::shape("fcn", format!("{self:?}: there must be classes, and the divisor must divide 32")));
        }
        let (mut net, data) = Net::new(weights, data, 3)?;
        if learning {
            net.learn(if self.variant == Variant::FcnAlexNet { [1.0, 1.0] } else { [2.0, 0.0] });
        }
        let upscore = self.upscore(&mut net, &data)?;
        net.crop("score", &upscore, &data)?;
        Ok(net.finish())
    }

    /// The scores, upsampled to the data's resolution and larger than the data.
    fn upscore(&self, net: &mut Net<'_>, data: &Layer) -> Result<Layer> {
        if self.variant == Variant::FcnAlexNet {
            let score_fr = self.alexnet(net, data)?;
            return net.upscore("upscore", &score_fr, 63, 32);
        }
        let conv = |net: &mut Net<'_>, name: &str, x: &Layer, outputs: usize| {
            let padding = if name == "conv1_1" { PADDING } else { 1 };
            net.conv_relu(name, x, outputs, Window::new(3, padding))
        };
        let pool = |net: &mut Net<'_>, name: &str, x: &Layer| net.max_pool(name, x, 2);
        let [_, _, mut pool3, mut pool4, pool5] = vgg16::trunk(net, data, self.divisor, conv, pool)?;
        let score_fr = self.classifier(net, &pool5, 7)?;
        if self.variant == Variant::Fcn32s {
            return net.upscore("upscore", &score_fr, 64, 32);
        }
        if self.variant == Variant::Fcn8sAtOnce {
            pool4 = net.scale("scale_pool4", &pool4, 0.01)?;
            pool3 = net.scale("scale_pool3", &pool3, 0.0001)?;
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
        let up = net.upscore(up, x, 4, 2)?;
        let scores = net.score(&format!("score_{pool}"), features, self.classes, Initial::Zero)?;
        let cropped = net.crop(&format!("score_{pool}c"), &scores, &up)?;
        net.fuse(&format!("fuse_{pool}"), &up, &cropped)
    }

    /// The classifier's layers as convolutions. Dropout is for training.
    fn classifier(&self, net: &mut Net<'_>, x: &Layer, kernel: usize) -> Result<Layer> {
        let fc6 = net.conv_relu("fc6", x, 4096 / self.divisor, Window::new(kernel, 0))?;
        let fc7 = net.conv_relu("fc7", &fc6, 4096 / self.divisor, Window::new(1, 0))?;
        net.score("score_fr", &fc7, self.classes, Initial::Zero)
    }

    /// `CaffeNet`: Krizhevsky et al. 2012 on one GPU's memory, pooling before normalising.
    fn alexnet(&self, net: &mut Net<'_>, data: &Layer) -> Result<Layer> {
        let channels = |n: usize| n / self.divisor;
        let lrn = |x: &Var| x.lrn(Lrn::new(5));
        let x = net.conv_relu("conv1", data, channels(96), Window { kernel: 11, stride: 4, padding: PADDING, groups: 1 })?;
        let x = net.max_pool("pool1", &x, 3)?;
        let x = net.map("norm1", &x, lrn)?;
        let x = net.conv_relu("conv2", &x, channels(256), Window::groups(5, 2, 2))?;
        let x = net.max_pool("pool2", &x, 3)?;
        let x = net.map("norm2", &x, lrn)?;
        let x = net.conv_relu("conv3", &x, channels(384), Window::new(3, 1))?;
        let x = net.conv_relu("conv4", &x, channels(384), Window::groups(3, 1, 2))?;
        let x = net.conv_relu("conv5", &x, channels(256), Window::groups(3, 1, 2))?;
        let x = net.max_pool("pool5", &x, 3)?;
        self.classifier(net, &x, 6)
    }
}
