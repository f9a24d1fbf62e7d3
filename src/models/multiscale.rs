//! The multiscale convolutional network for scene labelling of Farabet, Couprie, Najman, `LeCun`, "Learning Hierarchical Features for Scene
//! Labeling" (TPAMI 35(8), 2013): one small network looks at an image at several scales, and a pixel is named by what all of them saw.
//!
//! ```text
//! image -> YUV -> pyramid of S octaves: level s = G_s - up(G_s+1), the last G itself   G_s+1 = half of G_s
//! each level: every channel's windows of 15 x 15 brought to mean 0 and deviation 1
//! f, the same for all levels:  conv1 7x7 - tanh - pool 2x2 -- conv2 7x7 - tanh - pool 2x2 -- conv3 7x7       a quarter of its level
//! [f(level 0), up(f(level 1)), up(up(f(level 2)))] -> hidden 1x1 - tanh -- score 1x1 -> up by 4              for each pixel
//! ```
//!
//! f sees 46 x 46 pixels of its level, so 184 x 184 of the image by three. Its maps are not all connected: of `conv1` the first five eighths
//! see Y alone and the rest U and V; of `conv2` and `conv3` each sees some maps, chosen at random once. Planes of a kernel that connect nothing
//! are 0 in the weights, and stay so in training: the table is read off them. 427,910 numbers of the published f are connected.
//!
//! The paper is silent, or has several ways, about what follows, and here it is so:
//!
//! - Making half is a resize with antialiasing, of weights (1, 3, 3, 1) / 8 each way, and up is bilinear, with which pixels of all levels and
//!   features lie over each other as squares; 5 taps (1, 4, 6, 4, 1) would put them off by half a pixel a level.
//! - Convolutions are padded with zeros, which is the mean of a level. An image whose sides 4 x 2^(S - 1) does not divide has its last row and
//!   column repeated.
//! - A deviation below [`FAINT`] counts as that, so that noise of a flat wall stays small.
//! - Kernels begin as He's for as many inputs as a map sees. With Torch's bound, a variance six times smaller, 500 steps on scenes of digits
//!   had learnt nothing but how common the background is.
//! - Training is by all pixels of an image at the resolution of its labels, where the paper draws places of it, and the classifier is the one
//!   with a hidden layer, of the row "multiscale convnet" of its tables.
//!
//! Names are this crate's; no weights were released for what runs today. What the paper puts behind it:
//! [`superpixels`](super::superpixels).

use super::layers::{Fill, Layers, fresh};
use super::photo;
use super::pixelwise::{self, Pixelwise, Scored};
use crate::array::{Array, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::init::Draws;
use crate::nn::{Random, Weights, optimiser};
use crate::ops::{AvgPool2d, Conv2d, MaxPool2d, PadMode, Resize, concat};
use crate::train::About;

/// A side of the windows that are brought to mean 0 and deviation 1.
pub const WINDOW: usize = 15;
/// The deviation of a window's values, which are of 0 to 1, below which it is not made larger.
pub const FAINT: f32 = 1.0 / 64.0;
/// Scales at most.
const MOST_SCALES: usize = 6;
/// Channels of a layer at most.
const MOST: usize = 1 << 14;
/// A side of the kernels.
const KERNEL: usize = 7;
/// The score layer.
const SCORE: &str = "score";

/// A multiscale network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiscale {
    /// How many classes, the background among them.
    pub classes: usize,
    /// How many scales the image is seen at.
    pub scales: usize,
    /// Maps of conv1, conv2 and conv3.
    pub channels: [usize; 3],
    /// How many maps below each map of conv2 and conv3 sees.
    pub seen: [usize; 2],
    /// Units of the classifier's hidden layer.
    pub hidden: usize,
}

impl Multiscale {
    /// As published for the eight classes of Stanford Background.
    pub const fn new() -> Self {
        Self { classes: 8, scales: 3, channels: [16, 64, 256], seen: [8, 32], hidden: 1024 }
    }

    /// The network that `weights` are of, by their shapes and by which planes of kernels are 0.
    ///
    /// # Errors
    /// If `weights` lack a layer.
    pub fn of(weights: &Weights) -> Result<Self> {
        let shape = |name: &str| weights.sizes::<4>(&format!("{name}.weight"));
        let channels = [shape("conv1")?[0], shape("conv2")?[0], shape("conv3")?[0]];
        let [hidden, features, ..] = shape("hidden")?;
        let mut seen = [0; 2];
        for (seen, name) in seen.iter_mut().zip(["conv2", "conv3"]) {
            let [_, inputs, ..] = shape(name)?;
            let connected = connected(weights.get(&format!("{name}.weight"))?)?;
            *seen = connected.chunks(inputs.max(1)).map(|map| map.iter().filter(|c| **c).count()).max().unwrap_or(0);
        }
        let net = Self { classes: shape(SCORE)?[0], scales: features / channels[2].max(1), channels, seen, hidden };
        net.check().map(|()| net)
    }

    /// How many numbers are learned: those of connections that there are, and all biases.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn learned(&self) -> Result<usize> {
        self.check()?;
        let [c1, c2, c3] = self.channels;
        let planes = self.luminant() + 2 * (c1 - self.luminant()) + c2 * self.seen[0] + c3 * self.seen[1];
        let classifier = (self.scales * c3 + 1) * self.hidden + (self.hidden + 1) * self.classes;
        Ok(planes * KERNEL * KERNEL + c1 + c2 + c3 + classifier)
    }

    /// The features (n, scales * maps, h / 4, w / 4) of an `image` (n, 3, h, w), RGB of 0..1, whose sides 4 * 2^(scales - 1) divides.
    ///
    /// # Errors
    /// If `image` has another shape, or a tensor is missing from `weights` or has another shape.
    pub fn features(&self, weights: &Weights, image: &Var) -> Result<Var> {
        self.check()?;
        self.seen_by(&mut Layers::load(image.graph(), weights), image, &mut |_, weight| Ok(weight))
    }

    /// Maps of conv1 that see Y alone.
    fn luminant(&self) -> usize {
        self.channels[0] * 5 / 8
    }

    /// Inputs of each convolution's unit: what its weights begin by.
    fn fans(&self) -> [usize; 3] {
        [2, self.seen[0], self.seen[1]].map(|planes| planes * KERNEL * KERNEL)
    }

    fn check(&self) -> Result<()> {
        let [c1, c2, c3] = self.channels;
        let counts = [self.classes, self.scales, c1, c2, c3, self.seen[0], self.seen[1], self.hidden];
        let possible = counts.iter().all(|count| (1..=MOST).contains(count))
            && self.scales <= MOST_SCALES
            && self.luminant() > 0
            && self.seen[0] <= c1
            && self.seen[1] <= c2;
        if possible {
            return Ok(());
        }
        let reason = format!(
            "{self:?}: 1 to {MOST_SCALES} scales, at least 2 maps of conv1, no map that sees more than there are, and none of more than {MOST}"
        );
        Err(Error::shape("multiscale", reason))
    }

    /// [`Multiscale::features`] by `layers`, whose kernels are what `connections` makes of them.
    fn seen_by(&self, layers: &mut Layers<'_>, image: &Var, connections: &mut Connections<'_>) -> Result<Var> {
        let size = size_of(image)?;
        let step = self.step();
        if size.h % step != 0 || size.w % step != 0 || size.area() == 0 {
            return Err(Error::shape("multiscale", format!("the sides of {} are no multiples of {step}", image.ty())));
        }
        let mut convs = Vec::new();
        let mut inputs = 3;
        for ((stage, outputs), fan) in (1..).zip(self.channels).zip(self.fans()) {
            let name = format!("conv{stage}");
            let weight = layers.tensor(&format!("{name}.weight"), &[outputs, inputs, KERNEL, KERNEL], Fill::He(fan))?;
            let bias = layers.tensor(&format!("{name}.bias"), &[outputs], Fill::Zeros)?;
            convs.push((connections(&name, weight)?, bias));
            inputs = outputs;
        }
        let padded = Conv2d { padding: Pads::all(KERNEL / 2), ..Conv2d::default() };
        let mut all = Vec::new();
        for level in pyramid(&yuv(image)?, self.scales)? {
            let mut x = normalised(&level)?;
            for (stage, (weight, bias)) in convs.iter().enumerate() {
                if stage > 0 {
                    x = x.tanh()?.max_pool2d(MaxPool2d::default())?;
                }
                x = x.conv2d(weight, Some(bias), padded)?;
            }
            all.push(x.resize(Resize::bilinear(Hw::new(size.h / 4, size.w / 4)))?);
        }
        concat(&all.iter().collect::<Vec<_>>(), 1)
    }

    /// Pixels that one of the last level's features stands for.
    fn step(&self) -> usize {
        4 << (self.scales - 1)
    }

    /// Scores of each pixel.
    fn scored(&self, layers: &mut Layers<'_>, image: &Var, connections: &mut Connections<'_>) -> Result<Var> {
        self.check()?;
        let (size, step) = (size_of(image)?, self.step());
        let missing = |side: usize| (side.next_multiple_of(step) - side).cast_signed();
        let image = image.pad([0; 4], [0, 0, missing(size.h), missing(size.w)], PadMode::Edge)?;
        let features = self.seen_by(layers, &image, connections)?;
        let hidden = layers.conv("hidden", &features, self.hidden, 1, Conv2d::default())?.tanh()?;
        let scores = layers.conv(SCORE, &hidden, self.classes, 1, Conv2d::default())?;
        scores.resize(Resize::bilinear(size_of(&image)?))?.narrow(2, 0, size.h)?.narrow(3, 0, size.w)
    }

    /// Whether each plane of the kernels of `name` (outputs, inputs, 7, 7) connects its maps.
    fn table(&self, name: &str, outputs: usize, inputs: usize, seed: u64) -> Vec<bool> {
        let mut table = vec![false; outputs * inputs];
        for (map, row) in table.chunks_exact_mut(inputs).enumerate() {
            let chosen: Vec<usize> = match name {
                "conv1" if map < self.luminant() => vec![0],
                "conv1" => vec![1, 2],
                _ => {
                    let draws = Draws::new(seed, &format!("{name}.table {map}"));
                    let mut order: Vec<usize> = (0..inputs).collect();
                    order.sort_unstable_by_key(|input| draws.bits(*input));
                    order.truncate(self.seen[usize::from(name == "conv3")]);
                    order
                }
            };
            chosen.into_iter().for_each(|input| row[input] = true);
        }
        table
    }
}

/// What becomes of the kernels of a layer by its name.
type Connections<'a> = dyn FnMut(&str, Var) -> Result<Var> + 'a;

impl Default for Multiscale {
    fn default() -> Self {
        Self::new()
    }
}

/// Y, U and V (n, 3, h, w) of an `image`, RGB of 0..1: Y of -1/2 to 1/2, by the matrix of analogue PAL, as Torch's `rgb2yuv` had it.
///
/// # Errors
/// If `image` has another shape.
pub fn yuv(image: &Var) -> Result<Var> {
    const MATRIX: [f32; 9] = [0.299, 0.587, 0.114, -0.14713, -0.28886, 0.436, 0.615, -0.51499, -0.10001];
    let graph = image.graph();
    let matrix = graph.constant(Array::new([3, 3, 1, 1], MATRIX.to_vec())?)?;
    let grey = graph.constant(Array::new([3], vec![-0.5f32, 0.0, 0.0])?)?;
    image.conv2d(&matrix, Some(&grey), Conv2d::default())
}

/// The levels of a Laplacian pyramid of an `image` (n, c, h, w), from the finest, (n, c, h / 2^s, w / 2^s): what the next coarser image lacks,
/// and last that image itself. Enlarged and added up they are the image.
///
/// # Errors
/// If `image` has another rank, or no pixel is left of it.
pub fn pyramid(image: &Var, scales: usize) -> Result<Vec<Var>> {
    let mut levels = Vec::new();
    let mut image = image.clone();
    for _ in 1..scales {
        let size = size_of(&image)?;
        let coarser = photo::scaled(&image, Hw::new(size.h / 2, size.w / 2))?;
        levels.push(image.sub(&coarser.resize(Resize::bilinear(size))?)?);
        image = coarser;
    }
    levels.push(image);
    Ok(levels)
}

/// A `level` (n, c, h, w) less the mean of the 15 x 15 pixels around each, over their deviation; beyond the edges there are no pixels.
///
/// # Errors
/// If `level` has another rank.
pub fn normalised(level: &Var) -> Result<Var> {
    let mean = |x: &Var| {
        let along = |x: &Var, kernel: Hw, padding: Pads| {
            x.avg_pool2d(AvgPool2d { kernel, stride: Hw::square(1), padding, count_include_pad: false, ..AvgPool2d::default() })
        };
        let half = WINDOW / 2;
        // A mean of means: all rows of a window have as many pixels inside.
        let rows = along(x, Hw::new(1, WINDOW), Pads { left: half, right: half, ..Pads::default() })?;
        along(&rows, Hw::new(WINDOW, 1), Pads { top: half, bottom: half, ..Pads::default() })
    };
    let around = mean(level)?;
    let variance = mean(&level.mul(level)?)?.sub(&around.mul(&around)?)?;
    level.sub(&around)?.div(&variance.clip(Some(FAINT * FAINT), None)?.sqrt()?)
}

/// Whether each plane of kernels (outputs, inputs, kh, kw) has a number that is not 0.
fn connected(kernels: &Array) -> Result<Vec<bool>> {
    let plane = kernels.shape().iter().skip(2).product::<usize>().max(1);
    Ok(kernels.values::<f32>()?.chunks(plane).map(|plane| plane.iter().any(|v| *v != 0.0)).collect())
}

impl Pixelwise for Multiscale {
    fn name(&self) -> String {
        let scales = if self.scales == 1 { "one scale".to_owned() } else { format!("{} scales", self.scales) };
        format!("a network of {:?} channels at {scales}", self.channels)
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn channels(&self) -> usize {
        3
    }

    /// As it is: every level is normalised by itself.
    fn image(&self, _: &About, image: &Var) -> Result<Var> {
        Ok(image.clone())
    }

    fn initial(&self, seed: u64) -> Result<Weights> {
        self.check()?;
        let (graph, step) = (Graph::new(), self.step());
        let image = graph.input("image", TensorType::f32([1, 3, step, step]))?;
        let weights = fresh(&graph, seed, |layers| self.scored(layers, &image, &mut |_, weight| Ok(weight)).map(|_| ()))?;
        let cut = ["conv1", "conv2", "conv3"].map(|layer| {
            let name = format!("{layer}.weight");
            let [outputs, inputs, ..] = weights.sizes::<4>(&name)?;
            let (table, kernels) = (self.table(layer, outputs, inputs, seed), weights.get(&name)?);
            let values = kernels.values::<f32>()?.iter().enumerate();
            let values = values.map(|(i, v)| if table[i / (KERNEL * KERNEL)] { *v } else { 0.0 }).collect::<Vec<f32>>();
            Ok((name, Array::new(kernels.shape(), values)?))
        });
        Ok(weights.replaced(weights.source(), cut.into_iter().collect::<Result<Vec<_>>>()?))
    }

    fn after(&self, start: &Weights, seed: u64) -> Result<Weights> {
        pixelwise::taken(&self.initial(seed)?, start, SCORE)
    }

    fn scores(&self, weights: &Weights, image: &Var) -> Result<Var> {
        self.scored(&mut Layers::load(image.graph(), weights), image, &mut |_, weight| Ok(weight))
    }

    fn trainable(&self, weights: &Weights, image: &Var, _: &mut Random) -> Result<(Vec<Scored>, Vec<optimiser::Parameter>)> {
        let (graph, states) = (image.graph(), weights.clone().as_states());
        let connections = &mut |name: &str, weight: Var| {
            let table = connected(weights.get(&format!("{name}.weight"))?)?;
            let [outputs, inputs] = [weight.shape()[0], weight.shape()[1]];
            let table = Array::from_fn([outputs, inputs, 1, 1], |i| if table[i] { 1.0f32 } else { 0.0 });
            weight.mul(&graph.constant(table)?)
        };
        let scores = self.scored(&mut Layers::load(graph, &states), image, connections)?;
        Ok((Scored::whole(scores), states.states(graph)))
    }
}

fn size_of(image: &Var) -> Result<Hw> {
    match *image.shape() {
        [_, 3, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("multiscale", format!("an image is (n, 3, h, w), not {}", image.ty()))),
    }
}
