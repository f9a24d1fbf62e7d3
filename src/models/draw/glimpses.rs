//! The network that looks alone: T glimpses of a picture through a window that moves, and a name (section 4.1 of the paper).
//!
//! ```text
//! h[t] = LSTM(read(x; window of h[t-1]), h[t-1])          logits = W h[T] + b
//! ```

use super::cell::Lstm;
use super::generator::{GLIMPSES, side, steps};
use super::window::{self, Window};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::layers::{Fill, Layers};
use crate::models::stn::{Network, Output, Warp};
use crate::nn::Weights;
use crate::ops::zeros;
use crate::train::About;

/// A network that names a picture after some glimpses of it. Its weights are `glimpse` (the LSTM), `glimpse.window` and `fc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpses {
    /// Of pictures.
    pub channels: usize,
    /// Height and width of a picture.
    pub size: Hw,
    /// T.
    pub glimpses: usize,
    /// N: a glimpse is N x N numbers of each channel.
    pub side: usize,
    /// Units of the LSTM.
    pub hidden: usize,
    /// How many names there are.
    pub classes: usize,
}

impl Glimpses {
    /// The paper's for cluttered MNIST of 100 x 100: 8 glimpses of 12 x 12, 256 units.
    pub const CLUTTERED: Self = Self { channels: 1, size: Hw::square(100), glimpses: 8, side: 12, hidden: 256, classes: 10 };

    /// The network that `weights` are of, by their shapes and by what their metadata and `about` say.
    ///
    /// # Errors
    /// If `weights` lack a layer or the metadata `glimpses`, or `about` a size.
    pub fn of(weights: &Weights, about: &About) -> Result<Self> {
        let channels = about.mean.len();
        let [four, inputs] = weights.sizes("glimpse.weight")?;
        let [classes, _] = weights.sizes("fc.weight")?;
        let (hidden, seen) = (four / 4, inputs.saturating_sub(four / 4) / channels.max(1));
        Ok(Self {
            channels,
            size: about.frame()?.size(),
            glimpses: steps(weights).map_err(|reason| Error::model(weights.source(), reason))?,
            side: side(seen),
            hidden,
            classes,
        })
    }

    /// What metadata say beside the weights and [`About`].
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![(GLIMPSES, self.glimpses.to_string())]
    }
}

impl Network for Glimpses {
    fn input(&self, n: usize) -> TensorType {
        TensorType::f32([n, self.channels, self.size.h, self.size.w])
    }

    /// A warp for each glimpse: where it was, (n, 4), as [`Moment::written`](super::Moment::written), and what was seen.
    fn build(&self, layers: &mut Layers<'_>, image: &Var) -> Result<Output> {
        let Self { channels, size, glimpses, side, hidden, classes } = *self;
        if [channels, size.h, size.w, glimpses, side, hidden, classes].contains(&0) {
            return Err(Error::shape("glimpses", format!("{self:?}: none of these numbers may be 0")));
        }
        let lstm = Lstm::new(layers, "glimpse", side.saturating_mul(side).saturating_mul(channels), hidden)?;
        let place = window::layer(layers, "glimpse.window", hidden, window::seeing_all(side, size))?;
        let names = layers.affine("fc", [hidden, classes], [Fill::He(hidden), Fill::Zeros])?;
        let mut state = lstm.begin(zeros(image, &[image.shape()[0], hidden])?)?;
        let mut warps = Vec::with_capacity(glimpses);
        for _ in 0..glimpses {
            let window = Window::new(&place.of(&state.h)?, side, size)?;
            let glimpse = window.read(image)?;
            state = lstm.step(&[&glimpse.flatten(1)?], &state)?;
            warps.push(Warp { theta: window.place, image: glimpse });
        }
        Ok(Output { logits: names.of(&state.h)?, warps })
    }
}
