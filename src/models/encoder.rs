//! What a network that answers or captions sees a photo with.
//!
//! | encoder | the part of a photo that it sees | features (n, L, C) | annotations (n, L, D) |
//! |---|---|---|---|
//! | VGG-16, VGG-19 | 224 x 224 in the middle, of which the shorter side is 256 | conv5, 14 x 14 places | the same |
//! | `GoogLeNet` | the same | the last inception, 7 x 7 places | the same |
//! | FCN-8s of any width | as much of its middle as its scenes have, h x w | the fifth stage, fc7 and the fourth stage's pooling, h / 16 x w / 16 places | features brought to mean 0 and variance 1, and a 1 for a place's row and one for its column |
//!
//! Of the FCN each feature is a mean over the 3 x 3 places around it: hard attention, which sees one place at a time, has to see a whole thing
//! there. What is normalised by lies beside the weights, as `features_mean` and `features_scale`, and is never learnt.

use crate::array::{Array, Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::googlenet::GoogLeNet;
use crate::models::narrow_fcn::NarrowFcn;
use crate::models::show_attend_tell::annotations;
use crate::models::vgg::{self, Top, Vgg};
use crate::models::{data, photo};
use crate::nn::Weights;
use crate::ops::{AvgPool2d, concat};
use crate::train::About;

const NAME: &str = "encoder";
/// The tensors by which the FCN's features are brought to mean 0 and variance 1.
const MOMENTS: [&str; 2] = ["features_mean", "features_scale"];

/// What a photo is seen with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// VGG, as published.
    Vgg(Vgg),
    /// `GoogLeNet`, as published.
    GoogLeNet(GoogLeNet),
    /// An FCN that has learnt to tell what pixels belong to.
    Fcn(NarrowFcn, Hw),
}

impl Encoder {
    /// The encoder that `weights` has the layers of. An FCN's `size` is in its metadata.
    ///
    /// # Errors
    /// [`Error::Model`] if it has none, or no size where it needs one.
    pub fn of(weights: &Weights) -> Result<Self> {
        if let Some(of_photos) = Self::of_photos(weights) {
            return of_photos;
        }
        let missing = || Error::model(weights.source(), "its metadata have no 'size' of the scenes that its encoder sees");
        Self::seeing(weights, About::of(weights)?.size.ok_or_else(missing)?)
    }

    /// One that sees a part of a photo that is always as large: not an FCN.
    fn of_photos(weights: &Weights) -> Option<Result<Self>> {
        if weights.contains("score_fr.weight") {
            return None;
        }
        Some(if GoogLeNet::has_layers_in(weights) { GoogLeNet::of(weights).map(Self::GoogLeNet) } else { Vgg::of(weights).map(Self::Vgg) })
    }

    /// The same for scenes of `size`, if it is an FCN; others have one of their own.
    ///
    /// # Errors
    /// As [`Encoder::of`]; if a side is no multiple of 32.
    pub fn seeing(weights: &Weights, size: Hw) -> Result<Self> {
        if let Some(of_photos) = Self::of_photos(weights) {
            return of_photos;
        }
        if [size.h, size.w].iter().any(|side| *side == 0 || !side.is_multiple_of(32)) {
            let reason = format!("scenes of {} x {}: an FCN's have sides that are multiples of 32", size.h, size.w);
            return Err(Error::shape(NAME, reason));
        }
        Ok(Self::Fcn(NarrowFcn::of(weights)?, size))
    }

    /// What people call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vgg(vgg) => vgg.name(),
            Self::GoogLeNet(_) => "GoogLeNet",
            Self::Fcn(fcn, _) => fcn.variant.name(),
        }
    }

    /// The size of pictures to learn from, of which [`Encoder::seen`] takes the part that is seen.
    pub const fn pictures(&self) -> Hw {
        match self {
            Self::Vgg(_) | Self::GoogLeNet(_) => Hw::square(vgg::SHORTER),
            Self::Fcn(_, size) => *size,
        }
    }

    /// How its places lie.
    pub const fn grid(&self) -> Hw {
        let (size, stride) = match self {
            Self::Vgg(_) => (vgg::SIZE, 16),
            Self::GoogLeNet(_) => (vgg::SIZE, 32),
            Self::Fcn(_, size) => (*size, 16),
        };
        Hw::new(size.h / stride, size.w / stride)
    }

    /// C: how many numbers a place has before they are normalised.
    pub fn channels(&self) -> usize {
        match self {
            Self::Vgg(vgg) => vgg.features(Top::Conv5),
            Self::GoogLeNet(net) => net.features(),
            Self::Fcn(fcn, _) => fcn.feature_channels(),
        }
    }

    /// D: how many numbers an annotation has.
    pub fn size(&self) -> usize {
        match self {
            Self::Vgg(_) | Self::GoogLeNet(_) => self.channels(),
            Self::Fcn(..) => self.channels() + self.grid().h + self.grid().w,
        }
    }

    /// Whether a tensor of this name is one of the encoder's, and not of what stands behind it.
    pub fn uses(&self, name: &str) -> bool {
        let starts: &[&str] = match self {
            Self::Vgg(_) => &["conv"],
            Self::GoogLeNet(_) => &["conv", "inception_"],
            Self::Fcn(..) => &["conv", "fc", "score", "features_"],
        };
        starts.iter().any(|start| name.starts_with(start))
    }

    /// Whether it is one that the encoder can learn by what is said of pictures: what names an FCN's pixels is not looked at.
    pub fn learns(&self, name: &str) -> bool {
        self.uses(name) && ["conv", "fc", "inception_"].iter().any(|start| name.starts_with(start))
    }

    /// The part of a photo (n, 3, h, w), RGB of 0..1, that is seen.
    ///
    /// # Errors
    /// If `photo` is not four-dimensional.
    pub fn seen(&self, photo: &Var) -> Result<Var> {
        match self {
            Self::Vgg(_) | Self::GoogLeNet(_) => vgg::centre(photo),
            Self::Fcn(_, size) => photo::middle(photo, *size),
        }
    }

    /// The features (n, L, C) of what is [`Encoder::seen`].
    ///
    /// # Errors
    /// If a tensor is missing from `weights` or has another shape, by name.
    pub fn features(&self, weights: &Weights, seen: &Var) -> Result<Var> {
        match self {
            Self::Vgg(vgg) => annotations(&vgg.forward(weights, &data(seen)?, Top::Conv5)?),
            Self::GoogLeNet(net) => annotations(&net.forward(weights, &data(seen)?)?),
            Self::Fcn(fcn, _) => {
                let (kernel, padding) = (Hw::square(3), Pads::all(1));
                let around = AvgPool2d { kernel, stride: Hw::square(1), padding, count_include_pad: false, ..AvgPool2d::default() };
                annotations(&fcn.features(weights, seen)?.avg_pool2d(around)?)
            }
        }
    }

    /// The annotations (n, L, D) of features (n, L, C).
    ///
    /// # Errors
    /// If the features have another shape, or `weights` lacks what they are normalised by.
    pub fn annotations(&self, weights: &Weights, features: &Var) -> Result<Var> {
        let (grid, channels) = (self.grid(), self.channels());
        let &[n, places, found] = features.shape() else {
            return Err(Error::shape(NAME, format!("features are (n, places, channels), not {}", features.ty())));
        };
        if (places, found) != (grid.area(), channels) {
            let reason = format!("features of {} are (n, {}, {channels}), not {}", self.name(), grid.area(), features.ty());
            return Err(Error::shape(NAME, reason));
        }
        if !matches!(self, Self::Fcn(..)) {
            return Ok(features.clone());
        }
        let constant = |array: Array| features.graph().constant(array);
        let [mean, scale] = MOMENTS.map(|name| constant(Array::clone(weights.shaped(name, &[channels])?)));
        let marks = grid.h + grid.w;
        let marked = |i: usize| [i / marks / grid.w, grid.h + i / marks % grid.w].contains(&(i % marks));
        let marked = constant(Array::from_fn([1, places, marks], |i| f32::from(marked(i))))?.expand([n, places, marks])?;
        concat(&[&features.sub(&mean?)?.mul(&scale?)?, &marked], -1)
    }

    /// Whether features are normalised by what `weights` lacks yet: [`Moments`] find it.
    pub fn lacks_moments(&self, weights: &Weights) -> bool {
        matches!(self, Self::Fcn(..)) && !weights.contains(MOMENTS[0])
    }
}

/// Means and variances of features, added up.
#[derive(Clone, Debug)]
pub struct Moments {
    sums: Vec<[f64; 2]>,
    count: f64,
}

impl Moments {
    /// Of so many channels.
    pub fn new(channels: usize) -> Self {
        Self { sums: vec![[0.0; 2]; channels], count: 0.0 }
    }

    /// Adds features, f32 (n, L, channels).
    ///
    /// # Errors
    /// If they are of another dtype.
    pub fn add(&mut self, features: &Array) -> Result<()> {
        for place in features.values::<f32>()?.chunks_exact(self.sums.len().max(1)) {
            self.count += 1.0;
            for ([sum, squares], v) in self.sums.iter_mut().zip(place.iter().copied().map(f64::from)) {
                *sum += v;
                *squares += v * v;
            }
        }
        Ok(())
    }

    /// The mean of each channel and one over its standard deviation, by the names that they have beside the weights.
    pub fn arrays(&self) -> [(String, Array); 2] {
        let mean = |c: usize| self.sums[c][0] / self.count;
        let deviation = |c: usize| (self.sums[c][1] / self.count - mean(c).powi(2)).sqrt().max(1e-6);
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let of = |name: &str, value: &dyn Fn(usize) -> f64| (name.to_owned(), Array::from_fn([self.sums.len()], |c| value(c) as f32));
        [of(MOMENTS[0], &mean), of(MOMENTS[1], &|c| 1.0 / deviation(c))]
    }
}
