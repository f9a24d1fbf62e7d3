//! `DeconvNet`: a score for each of 21 classes at every pixel of a crop, by VGG-16 and its mirror image.
//!
//! ```text
//! data (n, 3, 224, 224)                                             seg-score-voc (n, 21, 224, 224)
//!   conv1_1 .. conv1_2    64 x 224                                     64 x 224  deconv1_1 .. deconv1_2
//!   pool1                 64 x 112   - - - - - - switches - - - - - -> 64        unpool1
//!   conv2_1 .. conv2_2   128 x 112                               128, 64 x 112   deconv2_1 .. deconv2_2
//!   pool2                128 x 56    - - - - - - - - - - - - - - - -> 128        unpool2
//!   conv3_1 .. conv3_3   256 x 56                           256, 256, 128 x 56   deconv3_1 .. deconv3_3
//!   pool3                256 x 28    - - - - - - - - - - - - - - - -> 256        unpool3
//!   conv4_1 .. conv4_3   512 x 28                           512, 512, 256 x 28   deconv4_1 .. deconv4_3
//!   pool4                512 x 14    - - - - - - - - - - - - - - - -> 512        unpool4
//!   conv5_1 .. conv5_3   512 x 14                                     512 x 14   deconv5_1 .. deconv5_3
//!   pool5                512 x 7     - - - - - - - - - - - - - - - -> 512        unpool5
//!   fc6 (7 x 7), fc7    4096 x 1   ------------------------------->   512 x 7    fc6-deconv (7 x 7)
//! ```
//!
//! Every convolution and deconvolution but the score is normalised and has a `ReLU` ([`Normalisation`]). Unpooling restores where the
//! pooling of the same number found its values, deconvolutions what lies between them. The network works for any size of which pool5
//! has 7 x 7 pixels at least, 193 x 193; it is published for [`SIZE`].
//!
//! **Names.** Weights are called by their layers: `conv1_1.weight` (outputs, inputs, k, k), `fc6-deconv.weight` (inputs, outputs, k, k),
//! `seg-score-voc.bias`. Normalisations are layers of their own in Caffe: `bn1_1`, `bnfc6`, `bnfc7`, `fc6-deconv-bn`, `debn5_1` and so
//! on, with the blobs scale and shift, here `bn1_1.weight` and `bn1_1.bias`, (c) each, in both modes. A checkpoint that
//! has been made ready for inference has the averages of the statistics in these two; [`Statistics`] makes it of one that
//! has learned.
//!
//! **A photo** is seen through regions of it: [`Region`] has the crops, [`Photos`] the loop over them, [`Ensemble`] what FCN-8s
//! adds. The published system goes on to refine its probabilities by a dense CRF; there is none here, so results are those of
//! the tables' rows without "+CRF".
//!
//! Sources: Noh, Hong, Han, Learning Deconvolution Network for Semantic Segmentation, ICCV 2015; layers, names and inference of
//! github.com/HyeonwooNoh/DeconvNet.

mod ensemble;
mod photos;
mod regions;
mod statistics;

pub use ensemble::{Ensemble, classes};
pub use photos::Photos;
pub use regions::{LEAST_SIDE, MOST_REGIONS, Region, parse, read, resampled, selected, windows};
pub use statistics::Statistics;

use super::caffe::{self, Layer, Names, Net, Network, Normalisation, Parameter, Window};
use super::vgg16;
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;

/// The size of the crops that the network was trained with.
pub const SIZE: Hw = Hw::square(224);

/// The name of the last layer.
pub const SCORE: &str = "seg-score-voc";

/// Channels of the deconvolutions of stages 5 to 1; the last of a stage has those of the pooling before.
const DECODER: [&[usize]; 5] = [&[512, 512, 512], &[512, 512, 256], &[256, 256, 128], &[128, 64], &[64, 64]];

/// The deconvolution network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeconvNet {
    /// How many classes, the background among them: 21 of PASCAL VOC.
    pub classes: usize,
    /// What the channels of all hidden layers are divided by: 1 as published. A network to try things out on has another divisor of 32.
    pub divisor: usize,
}

impl Default for DeconvNet {
    fn default() -> Self {
        Self::new()
    }
}

impl DeconvNet {
    /// As published.
    pub const fn new() -> Self {
        Self { classes: 21, divisor: 1 }
    }

    /// The network that `weights` are of: with as many classes as the last layer scores, as wide as the first is. What else is in them
    /// is checked when the network is built.
    ///
    /// # Errors
    /// If `weights` lack either layer.
    pub fn of(weights: &Weights) -> Result<Self> {
        let outputs = |name: &str| weights.get(name).map(|array| array.shape().first().copied().unwrap_or(0));
        let (channels, classes) = (outputs("conv1_1.weight")?, outputs("seg-score-voc.weight")?);
        let divisor = if channels > 0 && 64 % channels == 0 { 64 / channels } else { 1 };
        Ok(Self { classes, divisor })
    }

    /// The network over `data` (n, 3, h, w), BGR less the mean ([`data`](super::data)). Its last layer, [`SCORE`], is (n, classes, h, w).
    ///
    /// # Errors
    /// If `data` has another shape or fewer than 193 x 193 pixels, or a tensor is missing from `weights` or has another shape, by name.
    pub fn forward(&self, weights: &Weights, data: &Var, normalisation: Normalisation) -> Result<Network> {
        self.build(Some(weights), data, normalisation)
    }

    /// The same with inputs of the graph in place of weights, `conv1_1.weight` and so on: for shapes and costs without weights.
    ///
    /// # Errors
    /// If `data` has another shape or fewer than 193 x 193 pixels.
    pub fn outline(&self, data: &Var, normalisation: Normalisation) -> Result<Network> {
        self.build(None, data, normalisation)
    }

    /// Every weight, by the name and with the shape that it has in the checkpoint.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let data = Graph::new().input("data", TensorType::f32([1, 3, SIZE.h, SIZE.w]))?;
        Ok(self.outline(&data, Normalisation::Inference)?.parameters)
    }

    /// What training starts from: the layers of `trunk` that have the same names (VGG-16's, whose matrices become convolutions; or all,
    /// those of the first stage of training), in place of those that it does not have kernels of normal numbers of deviation 0.01
    /// drawn by `seed`, biases 0, scales 1, shifts 0.001.
    ///
    /// # Errors
    /// If a layer of VGG-16 is missing, or a layer has another shape, by name.
    pub fn initial(&self, trunk: &Weights, seed: u64) -> Result<Weights> {
        caffe::initial(self.parameters()?, trunk, seed)
    }

    /// A trunk for [`DeconvNet::initial`] where there is no trained one: He's normal kernels, biases zero.
    ///
    /// # Errors
    /// As [`DeconvNet::parameters`].
    pub fn random_trunk(&self, seed: u64) -> Result<Weights> {
        Ok(caffe::random_trunk(self.parameters()?, seed))
    }

    fn build(&self, weights: Option<&Weights>, data: &Var, by: Normalisation) -> Result<Network> {
        if self.classes == 0 || self.divisor == 0 || 32 % self.divisor != 0 {
            return Err(Error::shape("deconvnet", format!("{self:?}: there must be classes, and the divisor must divide 32")));
        }
        let (mut net, data) = Net::new(weights, data)?;
        // pool5 halves five times, rounding up, and fc6 takes 7 x 7.
        if data.output.shape().iter().skip(2).any(|side| *side < 193) {
            return Err(Error::shape("deconvnet", format!("the data must have 193 x 193 pixels at least, they are {}", data.output.ty())));
        }
        let conv = |net: &mut Net<'_>, name: &str, x: &Layer, outputs: usize| {
            let names = Names { layer: name, normalisation: &name.replace("conv", "bn") };
            net.conv_bn_relu(names, x, outputs, Window::new(3, 1), by)
        };
        let pools = vgg16::trunk(&mut net, &data, self.divisor, conv, Net::max_pool_with_switches)?;
        let x = self.middle(&mut net, &pools[4], by)?;
        let x = self.decoder(&mut net, x, &pools, by)?;
        net.gaussian_score(SCORE, &x, self.classes)?;
        Ok(net.finish())
    }

    /// From pool5 to a vector, and back to a map.
    fn middle(&self, net: &mut Net<'_>, pool5: &Layer, by: Normalisation) -> Result<Layer> {
        let names = |layer, normalisation| Names { layer, normalisation };
        let (hidden, channels) = (4096 / self.divisor, pool5.output.shape()[1]);
        let x = net.conv_bn_relu(names("fc6", "bnfc6"), pool5, hidden, Window::new(7, 0), by)?;
        let x = net.conv_bn_relu(names("fc7", "bnfc7"), &x, hidden, Window::new(1, 0), by)?;
        net.deconv_bn_relu(names("fc6-deconv", "fc6-deconv-bn"), &x, channels, Window::new(7, 0), by)
    }

    /// Unpooling and deconvolutions, from the fifth stage to the first.
    fn decoder(&self, net: &mut Net<'_>, mut x: Layer, pools: &[Layer; 5], by: Normalisation) -> Result<Layer> {
        for ((number, pool), channels) in [5, 4, 3, 2, 1].into_iter().zip(pools.iter().rev()).zip(DECODER) {
            x = net.unpool(&format!("unpool{number}"), &x, pool)?;
            for (i, outputs) in (1..).zip(channels) {
                let (layer, normalisation) = (format!("deconv{number}_{i}"), format!("debn{number}_{i}"));
                let names = Names { layer: &layer, normalisation: &normalisation };
                x = net.deconv_bn_relu(names, &x, outputs / self.divisor, Window::new(3, 1), by)?;
            }
        }
        Ok(x)
    }
}
