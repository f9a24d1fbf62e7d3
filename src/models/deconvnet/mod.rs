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
//! pooling of the same number found its values, deconvolutions what lies between them. A stage of the decoder has as many
//! deconvolutions as its mirror image has convolutions, of as many channels; the last has those of the stage that comes next, whose
//! switches it meets. The network works for any size of which pool5 has 7 x 7 pixels at least, 193 x 193; it is published for
//! 224 x 224 ([`DeconvNet::size`]).
//!
//! **Narrow networks** have other convolutions, channels and crops: [`DeconvNet`] says which. Everything else is the same.
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

mod classifier;
mod cut;
mod ensemble;
mod photos;
mod regions;
mod statistics;

pub use classifier::Classifier;
pub use ensemble::{Ensemble, classes};
pub use photos::{Photos, scores_by_regions};
pub use regions::{MOST_REGIONS, Region, parse, read, resampled, selected, squares, windows};
pub use statistics::{FOLDED, Statistics};

use super::caffe::{self, GAUSSIAN, Layer, Names, Net, Network, Normalisation, Parameter, Window};
use super::vgg16;
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;

/// The name of the last layer.
pub const SCORE: &str = "seg-score-voc";

/// The most that fc6's kernels may have as a side: crops of 2048 x 2048.
const WIDEST: usize = 64;

/// The deconvolution network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeconvNet {
    /// How many classes, the background among them: 21 of PASCAL VOC.
    pub classes: usize,
    /// How many convolutions each stage has, and of how many channels: VGG-16's as published.
    pub stages: [(usize, usize); 5],
    /// Channels of fc6 and fc7: 4096.
    pub hidden: usize,
    /// The side of fc6's kernels, which is pool5's of a crop: 7.
    pub window: usize,
}

/// What comes behind fc7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The decoder and its scores.
    Scores,
    /// The scores of a classifier.
    Names,
}

impl Default for DeconvNet {
    fn default() -> Self {
        Self::new()
    }
}

impl DeconvNet {
    /// As published.
    pub const fn new() -> Self {
        Self { classes: 21, stages: vgg16::STAGES, hidden: 4096, window: 7 }
    }

    /// The network that `weights` are of, by the layers there are and their shapes. What else is in them is checked when the network is
    /// built.
    ///
    /// # Errors
    /// If `weights` lack a layer.
    pub fn of(weights: &Weights) -> Result<Self> {
        let [classes, ..] = weights.sizes::<4>(&format!("{SCORE}.weight"))?;
        let [hidden, _, window, _] = weights.sizes::<4>("fc6.weight")?;
        Ok(Self { classes, stages: vgg16::stages_of(weights)?, hidden, window })
    }

    /// The size of the crops that the network sees: what the poolings make fc6's window of.
    pub const fn size(&self) -> Hw {
        Hw::square(self.window.saturating_mul(32))
    }

    /// The side that a proposal must have to be looked at, half a crop's: 112.
    pub const fn least_side(&self) -> usize {
        self.window.saturating_mul(16)
    }

    /// The network over `data` (n, 3, h, w), BGR less the mean ([`data`](super::data)). Its last layer, [`SCORE`], is (n, classes, h, w).
    ///
    /// # Errors
    /// If `data` has another shape or fewer pixels than fc6 needs, 193 x 193, or a tensor is missing from `weights` or has another shape,
    /// by name.
    pub fn forward(&self, weights: &Weights, data: &Var, normalisation: Normalisation) -> Result<Network> {
        self.build(Some(weights), data, normalisation, false, Ending::Scores)
    }

    /// The same for training, normalised by the batch: what is learned is a state of the graph, and in [`Network::learned`] with its
    /// multipliers. Biases learn twice as fast and do not decay; scales and shifts learn as kernels do.
    ///
    /// # Errors
    /// As [`DeconvNet::forward`]; if the graph has states of these names.
    pub fn trainable(&self, weights: &Weights, data: &Var) -> Result<Network> {
        self.build(Some(weights), data, Normalisation::Learn, true, Ending::Scores)
    }

    /// The scores (n, classes, h, w) of a built network.
    ///
    /// # Errors
    /// If it is of another kind.
    pub fn score(network: &Network) -> Result<Var> {
        let score = network.layer(SCORE).ok_or_else(|| Error::shape("deconvnet", format!("the network has no layer '{SCORE}'")))?;
        Ok(score.output.clone())
    }

    /// The same with inputs of the graph in place of weights, `conv1_1.weight` and so on: for shapes and costs without weights.
    ///
    /// # Errors
    /// If `data` has another shape or fewer pixels than fc6 needs.
    pub fn outline(&self, data: &Var, normalisation: Normalisation) -> Result<Network> {
        self.build(None, data, normalisation, false, Ending::Scores)
    }

    /// Every weight, by the name and with the shape that it has in the checkpoint.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        self.parameters_of(Ending::Scores)
    }

    fn parameters_of(&self, ending: Ending) -> Result<Vec<Parameter>> {
        self.check()?;
        let data = Graph::new().input("data", TensorType::f32([1, 3, self.size().h, self.size().w]))?;
        Ok(self.build(None, &data, Normalisation::Inference, false, ending)?.parameters)
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

    /// The same for networks that learn from little: where `trunk` has no deconvolutions of 3 x 3, each of theirs begins by adding up what
    /// lies around a pixel in channel o, o + outputs and so on, 1 being added to these kernels, so that what fc7 knows reaches the scores.
    ///
    /// Unpooling leaves three of four places empty, others in each channel. Of a class that all channels know together, random kernels
    /// pass on little beside that pattern, stage after stage; learning then begins with what is an object, and stays there for long.
    ///
    /// # Errors
    /// As [`DeconvNet::initial`].
    pub fn passing_on(&self, trunk: &Weights, seed: u64) -> Result<Weights> {
        let initial = self.initial(trunk, seed)?;
        let new = |p: &Parameter| p.name.starts_with("deconv") && p.shape.len() == 4 && !trunk.contains(&p.name);
        let passing = self.parameters()?.into_iter().filter(new).map(|p| {
            let mut kernels = Array::clone(initial.get(&p.name)?);
            // (inputs, outputs, k, k)
            let (outputs, taps) = (p.shape[1], p.shape[2] * p.shape[3]);
            for (pair, kernel) in kernels.values_mut::<f32>()?.chunks_exact_mut(taps).enumerate() {
                if pair / outputs % outputs == pair % outputs {
                    kernel.iter_mut().for_each(|tap| *tap += 1.0);
                }
            }
            Ok((p.name, kernels))
        });
        Ok(initial.replaced("initial weights", passing.collect::<Result<Vec<_>>>()?))
    }

    /// A trunk for [`DeconvNet::initial`] where there is no trained one: He's normal kernels, biases zero.
    ///
    /// # Errors
    /// As [`DeconvNet::parameters`].
    pub fn random_trunk(&self, seed: u64) -> Result<Weights> {
        Ok(caffe::random_trunk(self.parameters()?, seed))
    }

    fn check(&self) -> Result<()> {
        let Self { classes, stages, hidden, window } = *self;
        let stage = |&(convolutions, channels): &(usize, usize)| convolutions > 0 && channels > 0;
        if classes > 1 && hidden > 0 && (1..=WIDEST).contains(&window) && stages.iter().all(stage) {
            return Ok(());
        }
        let reason = format!("{self:?}: there must be two classes, convolutions and channels, and the window have sides of 1 to {WIDEST}");
        Err(Error::shape("deconvnet", reason))
    }

    fn build(&self, weights: Option<&Weights>, data: &Var, by: Normalisation, learning: bool, ending: Ending) -> Result<Network> {
        self.check()?;
        let Self { classes, stages, hidden, window } = *self;
        let (mut net, data) = Net::new(weights, data, 3)?;
        if learning {
            net.learn([2.0, 0.0]);
        }
        // pool5 halves five times, rounding up, and fc6 takes a window of it.
        let least = 32 * (window - 1) + 1;
        if data.output.shape().iter().skip(2).any(|side| *side < least) {
            let reason = format!("the data must have {least} x {least} pixels at least, they are {}", data.output.ty());
            return Err(Error::shape("deconvnet", reason));
        }
        let conv = |net: &mut Net<'_>, name: &str, x: &Layer, outputs: usize| {
            let names = Names { layer: name, normalisation: &name.replace("conv", "bn") };
            net.conv_bn_relu(names, x, outputs, Window::new(3, 1), by)
        };
        let pools = vgg16::stages(&mut net, &data, stages, 1, conv, Net::max_pool_with_switches)?;
        let names = |layer, normalisation| Names { layer, normalisation };
        let all = Window::new(window, 0);
        let fc6 = net.conv_bn_relu(names("fc6", "bnfc6"), &pools[4], hidden, all, by)?;
        let fc7 = net.conv_bn_relu(names("fc7", "bnfc7"), &fc6, hidden, Window::new(1, 0), by)?;
        if ending == Ending::Names {
            net.score(classifier::NAMES, &fc7, classes - 1, GAUSSIAN)?;
            return Ok(net.finish());
        }
        let x = net.deconv_bn_relu(names("fc6-deconv", "fc6-deconv-bn"), &fc7, stages[4].1, all, by)?;
        let x = self.decoder(&mut net, x, &pools, by)?;
        net.score(SCORE, &x, classes, GAUSSIAN)?;
        Ok(net.finish())
    }

    /// Unpooling and deconvolutions, from the fifth stage to the first.
    fn decoder(&self, net: &mut Net<'_>, mut x: Layer, pools: &[Layer; 5], by: Normalisation) -> Result<Layer> {
        for (stage, pool) in pools.iter().enumerate().rev() {
            let (number, (convolutions, channels)) = (stage + 1, self.stages[stage]);
            x = net.unpool(&format!("unpool{number}"), &x, pool)?;
            for i in 1..=convolutions {
                // The next unpooling has a switch for each channel of its own pooling.
                let outputs = if i == convolutions { self.stages[stage.saturating_sub(1)].1 } else { channels };
                let (layer, normalisation) = (format!("deconv{number}_{i}"), format!("debn{number}_{i}"));
                let names = Names { layer: &layer, normalisation: &normalisation };
                x = net.deconv_bn_relu(names, &x, outputs, Window::new(3, 1), by)?;
            }
        }
        Ok(x)
    }
}
