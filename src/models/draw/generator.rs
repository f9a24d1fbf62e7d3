//! The network that draws.

use super::cell::{Lstm, State};
use super::window::{self, Window};
use crate::array::Hw;
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Affine, Fill, Layers};
use crate::nn::Weights;
use crate::nn::loss::{Reduction, binary_cross_entropy_with_logits};
use crate::ops::{concat, number, scaled};

/// The metadata's key for how many glimpses a network takes, which weights do not tell.
pub(super) const GLIMPSES: &str = "glimpses";

/// A network that draws pictures of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Of pictures: 1, or 3 for colours.
    pub channels: usize,
    /// Height and width.
    pub size: Hw,
    /// T, the steps of a drawing.
    pub glimpses: usize,
    /// Units of each LSTM.
    pub hidden: usize,
    /// Numbers drawn in a step.
    pub latent: usize,
    /// N of the window that is read through; `None` if all of the picture is seen in each step.
    pub read: Option<usize>,
    /// N of the window that is written through; `None` if each step draws on all of the picture.
    pub write: Option<usize>,
}

/// A drawing after a step.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Logits of its pixels, (n, c, h, w).
    pub canvas: Var,
    /// Where it was written in this step, if through a window, (n, 4), in pixels: x and y of the centre, the stride of the grid, and the
    /// deviation of a filter.
    pub written: Option<Var>,
}

/// What became of pictures.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Each picture drawn again, after each step.
    pub moments: Vec<Moment>,
    /// Where each step looked, as [`Moment::written`]; nothing if it sees all.
    pub read: Vec<Var>,
    /// The upper bound of -log p(picture), in nats, (n): those of the pixels and of the latent numbers.
    pub nats: Var,
    /// The share of the latent numbers: their divergence from the prior, (n).
    pub divergence: Var,
}

/// The weights in a graph.
struct Parts {
    encoder: Lstm,
    latent: Affine,
    decoder: Decoder,
    read: Option<Affine>,
    first: Var,
}

/// The half that draws.
struct Decoder {
    lstm: Lstm,
    patch: Affine,
    window: Option<Affine>,
    first: Var,
    canvas: Var,
}

impl Draw {
    /// The paper's for binarised MNIST: 64 steps, 256 units, 100 latent numbers, 2 x 2 filters to read and 5 x 5 to write.
    pub const MNIST: Self =
        Self { channels: 1, size: Hw::square(28), glimpses: 64, hidden: 256, latent: 100, read: Some(2), write: Some(5) };

    /// The network that `weights` are of, by their shapes and by what their metadata say of steps.
    ///
    /// # Errors
    /// If `weights` lack a layer or the metadata `glimpses`, or their shapes do not belong together.
    pub fn of(weights: &Weights) -> Result<Self> {
        let wrong = |reason: String| Error::model(weights.source(), reason);
        let [channels, h, w] = weights.sizes("first.canvas")?;
        let [hidden] = weights.sizes("first.decoder")?;
        let [_, inputs] = weights.sizes("encoder.weight")?;
        let [pixels, _] = weights.sizes("write.weight")?;
        let [_, decoded] = weights.sizes("decoder.weight")?;
        let seen = inputs.saturating_sub(2 * hidden) / (2 * channels).max(1);
        Ok(Self {
            channels,
            size: Hw::new(h, w),
            glimpses: steps(weights).map_err(wrong)?,
            hidden,
            latent: decoded.saturating_sub(hidden),
            read: weights.contains("read.weight").then(|| side(seen)),
            write: weights.contains("write.window.weight").then(|| side(pixels / channels.max(1))),
        })
    }

    /// What metadata say beside the weights.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![(GLIMPSES, self.glimpses.to_string())]
    }

    /// What training starts with: He's numbers, biases of 0 but 1 of forget gates, and windows over the
    /// whole picture, their filters a pixel wide.
    ///
    /// # Errors
    /// If a size is 0 or too large.
    pub fn init(&self, seed: u64) -> Result<Weights> {
        self.check()?;
        layers::fresh(&Graph::new(), seed, |layers| self.parts(layers).map(drop))
    }

    /// Pictures (n, c, h, w) of 0..1 seen and drawn again, with `noise` (T, n, latent) of normal numbers: the latent numbers are means,
    /// and deviations times it. `layers` find weights of these names.
    ///
    /// # Errors
    /// If a shape is another, or a weight is missing or of another shape.
    pub fn seen(&self, layers: &mut Layers<'_>, image: &Var, noise: &Var) -> Result<Seen> {
        let n = self.batch(noise)?;
        let wanted = [n, self.channels, self.size.h, self.size.w];
        if *image.shape() != wanted {
            return Err(Error::shape("draw", format!("pictures are {wanted:?} beside noise {}, not {}", noise.ty(), image.ty())));
        }
        let parts = self.parts(layers)?;
        let mut encoded = parts.encoder.begin(parts.first.expand([n, self.hidden])?)?;
        let (mut decoded, mut canvas) = parts.decoder.begin(self, n)?;
        let (mut moments, mut read, mut means, mut deviations) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for t in 0..self.glimpses {
            let lacking = image.sub(&canvas.sigmoid()?)?;
            let both = concat(&[image, &lacking], 1)?;
            let glimpse = match (&parts.read, self.read) {
                (Some(window), Some(side)) => {
                    let window = Window::new(&window.of(&decoded.h)?, side, self.size)?;
                    let glimpse = window.read(&both)?;
                    read.push(window.place);
                    glimpse
                }
                _ => both,
            };
            encoded = parts.encoder.step(&[&glimpse.flatten(1)?, &decoded.h], &encoded)?;
            let latent = parts.latent.of(&encoded.h)?;
            let (mean, log_deviation) = (latent.narrow(1, 0, self.latent)?, latent.narrow(1, self.latent, self.latent)?);
            let z = noise.narrow(0, t, 1)?.squeeze(0)?.mul(&log_deviation.exp()?)?.add(&mean)?;
            let moment = parts.decoder.step(self, &z, &mut decoded, &canvas)?;
            canvas = moment.canvas.clone();
            moments.push(moment);
            means.push(mean);
            deviations.push(log_deviation);
        }
        let [means, deviations] = [means, deviations].map(|all| concat(&all.iter().collect::<Vec<_>>(), 1));
        let divergence = divergence(&means?, &deviations?)?;
        let pixels = binary_cross_entropy_with_logits(&canvas, image, Reduction::None)?;
        let nats = pixels.reduce_sum(&[1, 2, 3], false)?.add(&divergence)?;
        Ok(Seen { moments, read, nats, divergence })
    }

    /// Pictures made up of `latent` (T, n, latent), normal numbers: the drawings after each step.
    ///
    /// # Errors
    /// If a shape is another, or a weight is missing or of another shape.
    pub fn drawn(&self, layers: &mut Layers<'_>, latent: &Var) -> Result<Vec<Moment>> {
        let n = self.batch(latent)?;
        let decoder = Decoder::new(self, layers)?;
        let (mut decoded, mut canvas) = decoder.begin(self, n)?;
        let step = |t: usize| {
            let moment = decoder.step(self, &latent.narrow(0, t, 1)?.squeeze(0)?, &mut decoded, &canvas)?;
            canvas = moment.canvas.clone();
            Ok(moment)
        };
        (0..self.glimpses).map(step).collect()
    }

    fn check(&self) -> Result<()> {
        let Self { channels, size, glimpses, hidden, latent, read, write } = self;
        let all = [*channels, size.h, size.w, *glimpses, *hidden, *latent, read.unwrap_or(1), write.unwrap_or(1)];
        if all.contains(&0) {
            return Err(Error::shape("draw", format!("{self:?}: none of these numbers may be 0")));
        }
        Ok(())
    }

    /// How many pictures `numbers` (T, n, latent) are for.
    fn batch(&self, numbers: &Var) -> Result<usize> {
        self.check()?;
        match *numbers.shape() {
            [t, n, latent] if (t, latent) == (self.glimpses, self.latent) => Ok(n),
            _ => {
                let reason = format!("normal numbers are f32[{}, n, {}], not {}", self.glimpses, self.latent, numbers.ty());
                Err(Error::shape("draw", reason))
            }
        }
    }

    fn parts(&self, layers: &mut Layers<'_>) -> Result<Parts> {
        let pixels = self.read.map_or(self.size.area(), |side| side.saturating_mul(side));
        let inputs = pixels.saturating_mul(2).saturating_mul(self.channels).saturating_add(self.hidden);
        Ok(Parts {
            encoder: Lstm::new(layers, "encoder", inputs, self.hidden)?,
            latent: layers.affine("latent", [self.hidden, self.latent.saturating_mul(2)], [Fill::He(self.hidden), Fill::Zeros])?,
            read: self.read.map(|_| window::layer(layers, "read", self.hidden, 1.0)).transpose()?,
            first: layers.tensor("first.encoder", &[self.hidden], Fill::Zeros)?,
            decoder: Decoder::new(self, layers)?,
        })
    }
}

impl Decoder {
    fn new(draw: &Draw, layers: &mut Layers<'_>) -> Result<Self> {
        let pixels = draw.write.map_or(draw.size.area(), |side| side.saturating_mul(side)).saturating_mul(draw.channels);
        Ok(Self {
            lstm: Lstm::new(layers, "decoder", draw.latent, draw.hidden)?,
            patch: layers.affine("write", [draw.hidden, pixels], [Fill::He(draw.hidden), Fill::Zeros])?,
            window: draw.write.map(|_| window::layer(layers, "write.window", draw.hidden, 1.0)).transpose()?,
            first: layers.tensor("first.decoder", &[draw.hidden], Fill::Zeros)?,
            canvas: layers.tensor("first.canvas", &[draw.channels, draw.size.h, draw.size.w], Fill::Zeros)?,
        })
    }

    /// The state and the canvas before the first step.
    fn begin(&self, draw: &Draw, n: usize) -> Result<(State, Var)> {
        let state = self.lstm.begin(self.first.expand([n, draw.hidden])?)?;
        Ok((state, self.canvas.expand([n, draw.channels, draw.size.h, draw.size.w])?))
    }

    /// The drawing after `z` (n, latent).
    fn step(&self, draw: &Draw, z: &Var, state: &mut State, canvas: &Var) -> Result<Moment> {
        *state = self.lstm.step(&[z], state)?;
        let patch = self.patch.of(&state.h)?;
        let n = patch.shape()[0];
        let (stroke, written) = match (&self.window, draw.write) {
            (Some(window), Some(side)) => {
                let window = Window::new(&window.of(&state.h)?, side, draw.size)?;
                (window.write(&patch.reshape([n, draw.channels, side, side])?)?, Some(window.place))
            }
            _ => (patch.reshape(canvas.shape())?, None),
        };
        Ok(Moment { canvas: canvas.add(&stroke)?, written })
    }
}

/// Of N(mean, deviation^2) from N(0, 1), summed over all but the batch:
/// sum of (mean^2 + deviation^2 - 1) / 2 - log deviation.
fn divergence(mean: &Var, log_deviation: &Var) -> Result<Var> {
    let deviation = log_deviation.exp()?;
    let squares = mean.mul(mean)?.add(&deviation.mul(&deviation)?)?;
    scaled(&squares.sub(&number(mean, 1.0)?)?, 0.5)?.sub(log_deviation)?.reduce_sum(&[1], false)
}

/// The side of the largest square of so many values.
pub(super) fn side(values: usize) -> usize {
    values.isqrt()
}

/// The number of steps that `weights` say, or what is wrong with it.
pub(super) fn steps(weights: &Weights) -> Result<usize, String> {
    let text = weights.metadata().get(GLIMPSES).ok_or("its metadata do not say how many 'glimpses' it takes")?;
    text.parse().ok().filter(|&steps| steps > 0).ok_or_else(|| format!("its metadata say that it takes '{text}' glimpses"))
}
