//! The recurrent convolutional network for scene labelling of Pinheiro and Collobert (ICML 2014): a small network f names the pixel in the
//! middle of a patch; applied again to what it has said of all pixels around, it sees further and can mend its own mistakes.
//!
//! ```text
//! f:           conv1 - pool - tanh - conv2 (- pool - tanh) - score           no padding; of r x r pixels one is left
//! instance 1   scores 1 = f(0, image)                                        the scores before the first are 0
//! instance p   scores p = f(scores p-1, image p-1 made smaller as f does)    the same weights; of r(p) x r(p) pixels one is left
//! r(p + 1) = (r(p) - 1) stride + r        loss = sum over p of the cross-entropy of scores p
//! ```
//!
//! | | conv1 | pool | conv2 | pool | score | stride | r(1), r(2), r(3) |
//! |---|---|---|---|---|---|---|---|
//! | [`RecurrentCnn::plain`], CNN1 of the paper | 6 x 6, 25 | 8 | 3 x 3, 50 | 2 | 7 x 7 | 16 | 133 |
//! | [`RecurrentCnn::twice`], rCNN2 | 8 x 8, 25 | 2 | 8 x 8, 50 | 2 | 1 x 1 | 4 | 25, 121 |
//! | [`RecurrentCnn::new`], rCNN3 | 8 x 8, 25 | 2 | 8 x 8, 50 | none, and no tanh | 1 x 1 | 2 | 23, 67, 155 |
//!
//! An image is brought to mean 0 and deviation 1 by what is known of all, and surrounded by zeros. Training looks at every pixel that the
//! poolings leave, for instance p every stride^p-th: as many patches as that, whose gradient is that of their mean. Every pixel is named in
//! one pass with poolings that leave all and, behind them, kernels with as many gaps (a trous): the same numbers that the paper has from
//! images shifted by all that is less than the stride^p.
//!
//! Here, where the paper is silent or has several ways: what is passed on are scores, not probabilities. An image is made smaller by the mean of
//! the `stride + 1` pixels (or `stride`, if odd) each way around the pixel that a score is of, so that both lie over each other; the paper
//! rescales the patch. Weights begin as Torch7's, which it was written in.
//!
//! Names are this crate's; no weights were released.

use super::layers::{Fill, Layers, fresh};
use super::pixelwise::{self, Pixelwise, Scored};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::{Random, Weights, optimiser};
use crate::ops::{AvgPool2d, Conv2d, MaxPool2d, PadMode, concat};
use crate::train::About;

/// What weights say of the poolings, and of how often the network is applied.
const POOLS: &str = "pools";
const INSTANCES: &str = "instances";
/// A context, and channels of a layer, at most.
const MOST: usize = 1 << 12;
/// Instances at most.
const MOST_INSTANCES: usize = 8;
/// The score layer.
const SCORE: &str = "score";

/// A recurrent network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecurrentCnn {
    /// Channels of an image.
    pub inputs: usize,
    /// How many classes, the background among them.
    pub classes: usize,
    /// Maps of conv1 and conv2.
    pub channels: [usize; 2],
    /// Sides of the kernels of conv1, conv2 and the score layer.
    pub kernels: [usize; 3],
    /// Sides of the poolings behind conv1 and conv2; 1 is none, behind which there is no tanh either.
    pub pools: [usize; 2],
    /// How often it is applied. One that is applied once sees no scores before.
    pub instances: usize,
}

/// The kernels and biases of conv1, conv2 and the score layer.
type Loaded = [(Var, Var); 3];

impl RecurrentCnn {
    /// rCNN3 as published for the eight classes of Stanford Background.
    pub const fn new() -> Self {
        Self { inputs: 3, classes: 8, channels: [25, 50], kernels: [8, 8, 1], pools: [2, 1], instances: 3 }
    }

    /// rCNN2, of larger steps.
    pub const fn twice() -> Self {
        Self { pools: [2, 2], instances: 2, ..Self::new() }
    }

    /// CNN1, with which the paper compares: a context as large without applying it again.
    pub const fn plain() -> Self {
        Self { kernels: [6, 3, 7], pools: [8, 2], instances: 1, ..Self::new() }
    }

    /// The network that `weights` are of, by their shapes and metadata.
    ///
    /// # Errors
    /// If `weights` lack a layer or the metadata.
    pub fn of(weights: &Weights) -> Result<Self> {
        let lacks = |what: &str| Error::model(weights.source(), format!("its metadata have no '{what}' of a recurrent network"));
        let shape = |name: &str| weights.sizes::<4>(&format!("{name}.weight"));
        let ([c1, seen, k1, _], [c2, _, k2, _], [classes, _, k3, _]) = (shape("conv1")?, shape("conv2")?, shape(SCORE)?);
        let pools: Vec<usize> = weights.numbers(POOLS)?.ok_or_else(|| lacks(POOLS))?;
        let pools = <[usize; 2]>::try_from(pools).map_err(|_| lacks(POOLS))?;
        let instances = weights.number(INSTANCES)?.ok_or_else(|| lacks(INSTANCES))?;
        let inputs = if instances > 1 { seen.saturating_sub(classes) } else { seen };
        let net = Self { inputs, classes, channels: [c1, c2], kernels: [k1, k2, k3], pools, instances };
        net.contexts().map(|_| net)
    }

    /// The sides r(p) of the pixels that one score of each instance depends on.
    ///
    /// # Errors
    /// If the network's numbers make no sense.
    pub fn contexts(&self) -> Result<Vec<usize>> {
        let [k1, k2, k3] = self.kernels;
        let [p1, p2] = self.pools;
        let counts = [self.inputs, self.classes, self.channels[0], self.channels[1], k1, k2, k3, p1, p2];
        let instances = (1..=MOST_INSTANCES).contains(&self.instances);
        if instances && counts.iter().all(|count| (1..=MOST).contains(count)) && p1 * p2 <= MOST {
            let first = k1 - 1 + p1 * (k2 - 1 + p2 * k3);
            let next = |r: &usize| Some((r - 1).saturating_mul(self.stride()).saturating_add(first));
            let all: Vec<usize> = std::iter::successors(Some(first), next).take(self.instances).collect();
            if first % 2 == 1 && first > 2 * self.stride() && all.iter().all(|r| *r <= MOST) {
                return Ok(all);
            }
        }
        let reason = format!(
            "{self:?}: it must have channels and classes, up to {MOST_INSTANCES} instances, and contexts of up to {MOST} pixels, the first odd \
             and more than twice the stride"
        );
        Err(Error::shape("recurrent_cnn", reason))
    }

    /// Scores (n, classes, h, w) of every pixel of an `image` (n, inputs, h, w) by each instance.
    ///
    /// # Errors
    /// If `image` has another shape, or a tensor is missing from `weights` or has another shape.
    pub fn all_scores(&self, weights: &Weights, image: &Var) -> Result<Vec<Var>> {
        self.applied(&mut Layers::load(image.graph(), weights), image, true)
    }

    /// The scores (n, classes, h / stride^p, w / stride^p), rounded up, that instance p leaves of such an image when its poolings are what they
    /// are: those of every stride^p-th pixel from the first.
    ///
    /// # Errors
    /// As [`RecurrentCnn::all_scores`].
    pub fn coarse_scores(&self, weights: &Weights, image: &Var) -> Result<Vec<Var>> {
        self.applied(&mut Layers::load(image.graph(), weights), image, false)
    }

    const fn stride(&self) -> usize {
        self.pools[0] * self.pools[1]
    }

    fn loaded(&self, layers: &mut Layers<'_>) -> Result<Loaded> {
        let fed = if self.instances > 1 { self.classes } else { 0 };
        let mut load = |name: &str, outputs: usize, inputs: usize, kernel: usize| {
            let fill = Fill::Uniform(inputs * kernel * kernel);
            let weight = layers.tensor(&format!("{name}.weight"), &[outputs, inputs, kernel, kernel], fill)?;
            Ok::<_, Error>((weight, layers.tensor(&format!("{name}.bias"), &[outputs], fill)?))
        };
        let ([c1, c2], [k1, k2, k3]) = (self.channels, self.kernels);
        Ok([load("conv1", c1, fed + self.inputs, k1)?, load("conv2", c2, c1, k2)?, load(SCORE, self.classes, c2, k3)?])
    }

    /// The scores of each instance: of every pixel if `dense`, else of those that the poolings leave.
    fn applied(&self, layers: &mut Layers<'_>, image: &Var, dense: bool) -> Result<Vec<Var>> {
        let contexts = self.contexts()?;
        let (context, stride) = (contexts[self.instances - 1], self.stride());
        let size = match *image.shape() {
            [_, inputs, h, w] if inputs == self.inputs => Hw::new(h, w),
            _ => {
                let reason = format!("an image is (n, {}, h, w), not {}", self.inputs, image.ty());
                return Err(Error::shape("recurrent_cnn", reason));
            }
        };
        let loaded = self.loaded(layers)?;
        // Zeros around, so that the last instance's first score is the first pixel's, and its last one no further than the last.
        let last = if dense { 1 } else { stride.pow(self.instances as u32) };
        let (before, whole) = (context / 2, |side: usize| (side.div_ceil(last) - 1) * last + context);
        let after = |side: usize| whole(side).cast_signed() - (side + before).cast_signed();
        let around = before.cast_signed();
        let mut seen = image.pad([0, 0, around, around], [0, 0, after(size.h), after(size.w)], PadMode::Constant(0.0))?;
        let (mut all, mut scores): (Vec<Var>, Option<Var>) = (Vec::new(), None);
        // From one number of what an instance sees to the next there are so many pixels; if dense, that is how far its taps are apart.
        let mut step = 1;
        for (p, own) in contexts.iter().enumerate() {
            if p > 0 {
                seen = self.smaller(&seen, dense.then_some(step))?;
                step *= stride;
            }
            let found = self.once(&loaded, scores.as_ref(), &seen, dense.then_some(step))?;
            // What later instances see of the zeros around is no answer.
            let apart = if dense { 1 } else { step * stride };
            let (margin, kept) = ((context - own) / 2 / apart, |side: usize| side.div_ceil(apart));
            all.push(found.narrow(2, margin, kept(size.h))?.narrow(3, margin, kept(size.w))?);
            scores = Some(found);
        }
        Ok(all)
    }

    /// f of the scores before and an image, whose taps are `apart` if it leaves no pixel out.
    fn once(&self, loaded: &Loaded, scores: Option<&Var>, image: &Var, apart: Option<usize>) -> Result<Var> {
        let mut apart_now = apart.unwrap_or(1);
        let (first, bias) = &loaded[0];
        let (mut x, first) = match scores {
            Some(scores) => (concat(&[scores, image], 1)?, first.clone()),
            // Kernels of what is 0.
            None if self.instances > 1 => (image.clone(), first.narrow(1, self.classes, self.inputs)?),
            None => (image.clone(), first.clone()),
        };
        let stages = [(&first, bias, self.pools[0]), (&loaded[1].0, &loaded[1].1, self.pools[1]), (&loaded[2].0, &loaded[2].1, 1)];
        for (stage, (weight, bias, pool)) in stages.into_iter().enumerate() {
            x = x.conv2d(weight, Some(bias), Conv2d { dilation: Hw::square(apart_now), ..Conv2d::default() })?;
            if pool > 1 {
                let stride = Hw::square(if apart.is_some() { 1 } else { pool });
                x =
                    x.max_pool2d(MaxPool2d { kernel: Hw::square(pool), stride, dilation: Hw::square(apart_now), ..MaxPool2d::default() })?;
                apart_now *= apart.map_or(1, |_| pool);
            }
            if pool > 1 || stage == 0 {
                x = x.tanh()?;
            }
        }
        Ok(x)
    }

    /// An image as large as f's scores of it, each number over the score of the same pixel.
    fn smaller(&self, image: &Var, apart: Option<usize>) -> Result<Var> {
        let (stride, step) = (self.stride(), apart.unwrap_or(1));
        let window = stride + 1 - stride % 2;
        let cut = (self.contexts()?[0] / 2 - window / 2) * step;
        let side = |axis: usize| image.shape()[axis] - 2 * cut;
        let inside = image.narrow(2, cut, side(2))?.narrow(3, cut, side(3))?;
        let stride = Hw::square(if apart.is_some() { 1 } else { stride });
        inside.avg_pool2d(AvgPool2d { kernel: Hw::square(window), stride, dilation: Hw::square(step), ..AvgPool2d::default() })
    }
}

impl Default for RecurrentCnn {
    fn default() -> Self {
        Self::new()
    }
}

impl Pixelwise for RecurrentCnn {
    fn name(&self) -> String {
        let times = match self.instances {
            1 => "once".to_owned(),
            n => format!("{n} times"),
        };
        format!("a network of {:?} channels applied {times}", self.channels)
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
        let graph = Graph::new();
        let image = graph.input("image", TensorType::f32([1, self.inputs, 1, 1]))?;
        fresh(&graph, seed, |layers| self.applied(layers, &image, false).map(|_| ()))
    }

    fn after(&self, start: &Weights, seed: u64) -> Result<Weights> {
        pixelwise::taken(&self.initial(seed)?, start, SCORE)
    }

    fn scores(&self, weights: &Weights, image: &Var) -> Result<Var> {
        let mut all = self.all_scores(weights, image)?;
        all.pop().ok_or_else(|| Error::shape("recurrent_cnn", "is applied at no time"))
    }

    fn trainable(&self, weights: &Weights, image: &Var, _: &mut Random) -> Result<(Vec<Scored>, Vec<optimiser::Parameter>)> {
        let (graph, states) = (image.graph(), weights.clone().as_states());
        let all = self.applied(&mut Layers::load(graph, &states), image, false)?;
        let step = |p: usize| self.stride().pow(p as u32 + 1);
        Ok((all.into_iter().enumerate().map(|(p, scores)| Scored { scores, step: step(p) }).collect(), states.states(graph)))
    }

    fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![(POOLS, format!("{} {}", self.pools[0], self.pools[1])), (INSTANCES, self.instances.to_string())]
    }
}
