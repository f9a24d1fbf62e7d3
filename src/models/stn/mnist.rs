//! Distorted MNIST and MNIST addition: FCN, CNN, ST-FCN and ST-CNN (section 4.1, appendices A.1 and A.4).
//!
//! ```text
//! image (n, c, h, w) --+--> transformer1 --+
//!                      +--> transformer2 --+--> (n, k c, h, w) --> [mean of 2 x 2] --> classifier --> (n, classes)
//!                      :         ...       :
//! FCN   fc w - fc w - fc classes
//! CNN   conv 9x9 w - max 2x2 - conv 7x7 2w - max 2x2 - fc classes                   ReLU after all but the last
//! ```
//!
//! Transformers are parallel: each sees, and warps, every channel. The mean against aliasing is of the networks with transformers
//! on RTS, TC and addition alone. It leaves 21 x 21 of a 42 x 42 image, where the CNN's layers fit only if pooling rounds up, as
//! Caffe's does: 21, 13, 7, 1, 1. So pooling rounds up behind that mean, and down elsewhere.

use super::network::{Network, Output, max_pool};
use super::{Localisation, Transform, Transformer};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::layers::Layers;
use crate::nn::Weights;
use crate::ops::{AvgPool2d, Conv2d, concat};
use crate::train::About;

/// What the digits went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// R: rotation by up to 90 degrees; 28 x 28.
    Rotated,
    /// RTS: rotation by up to 45 degrees, scale of 0.7 to 1.2, anywhere in 42 x 42.
    RotatedTranslatedScaled,
    /// P: corners moved by a normal 5 pixels; 28 x 28.
    Projected,
    /// E: control points of a spline moved by a normal 1.5 pixels; 28 x 28.
    Elastic,
    /// TC: anywhere in 60 x 60 among parts of other digits.
    TranslatedCluttered,
    /// Two digits, each as RTS in a channel of its own; the answer is their sum, one of 19.
    Addition,
}

impl Task {
    /// Pixels of an image's side.
    pub fn side(self) -> usize {
        match self {
            Self::Rotated | Self::Projected | Self::Elastic => 28,
            Self::RotatedTranslatedScaled | Self::Addition => 42,
            Self::TranslatedCluttered => 60,
        }
    }

    /// Channels of an image.
    pub fn channels(self) -> usize {
        if self == Self::Addition { 2 } else { 1 }
    }

    /// How many answers there are.
    pub fn classes(self) -> usize {
        if self == Self::Addition { 19 } else { 10 }
    }

    /// What weights say of the images: answers are called by their number, and networks see values as they are.
    pub fn about(self) -> About {
        About {
            classes: (0..self.classes()).map(|answer| answer.to_string()).collect(),
            size: Some(Hw::square(self.side())),
            mean: vec![0.0; self.channels()],
            std: vec![1.0; self.channels()],
            ..About::new(self.channels())
        }
    }

    /// Whether a mean follows the transformers.
    fn pooled(self) -> bool {
        self.side() > 28
    }
}

/// The network that names the digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Classifier {
    /// Two hidden layers, each of this many units.
    Fcn(usize),
    /// Two convolutions, the first of this many filters, the second of twice as many.
    Cnn(usize),
}

impl Classifier {
    /// The same with another number of units or filters.
    fn of_width(self, width: usize) -> Self {
        match self {
            Self::Fcn(_) => Self::Fcn(width),
            Self::Cnn(_) => Self::Cnn(width),
        }
    }
}

/// A network of the MNIST experiments. With transformers it is an ST-FCN or ST-CNN.
///
/// Its weights are `transformer1.*` and so on (see [`Localisation`]), `fc1`, `fc2`, `fc3` or `conv1`, `conv2`, `fc1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mnist {
    /// What it is for.
    pub task: Task,
    /// The transformers, side by side; none for the baselines.
    pub transforms: Vec<Transform>,
    /// What follows them; it also says which localisation they have.
    pub classifier: Classifier,
}

impl Mnist {
    /// The network that `weights` are of, by the layers there are and their shapes, and by what they say of the images. Where several tasks have
    /// the same network, the first of them: R for P and E.
    ///
    /// # Errors
    /// If `weights` lack a layer, or no task has such images.
    pub fn of(weights: &Weights, about: &About) -> Result<Self> {
        let tasks = [Task::Rotated, Task::RotatedTranslatedScaled, Task::TranslatedCluttered, Task::Addition];
        let seen = |task: &Task| about.size == Some(Hw::square(task.side())) && about.mean.len() == task.channels();
        let task = tasks.into_iter().find(seen).ok_or_else(|| {
            let reason = "its metadata say no size and channels of MNIST's tasks: 28 x 28, 42 x 42 or 60 x 60 of 1 channel, 42 x 42 of 2";
            Error::model(weights.source(), reason)
        })?;
        let classifier = if weights.contains("conv1.weight") {
            Classifier::Cnn(weights.sizes::<4>("conv1.weight")?[0])
        } else {
            Classifier::Fcn(weights.sizes::<2>("fc1.weight")?[0])
        };
        Ok(Self { task, transforms: Transform::of(weights)?, classifier })
    }

    /// With the most units or filters, from 1 to 4096, that leave it at most `parameters`: the paper chose widths so that all networks of
    /// an experiment have the same number, about 400,000.
    ///
    /// # Errors
    /// As [`Network::tensors`]; if transformers alone have more.
    pub fn fitted(mut self, parameters: usize) -> Result<Self> {
        let (mut low, mut high) = (1, 4097);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            self.classifier = self.classifier.of_width(middle);
            if self.parameters()? <= parameters { low = middle } else { high = middle }
        }
        self.classifier = self.classifier.of_width(low);
        match self.parameters()? {
            least if least > parameters => {
                Err(Error::shape("stn", format!("a network of at most {parameters} parameters; with one unit or filter it has {least}")))
            }
            _ => Ok(self),
        }
    }

    fn classify(&self, layers: &mut Layers<'_>, x: &Var, ceil: bool) -> Result<Var> {
        let classes = self.task.classes();
        match self.classifier {
            Classifier::Fcn(units) => {
                let x = layers.linear("fc1", x, units)?.relu()?;
                let x = layers.linear("fc2", &x, units)?.relu()?;
                layers.linear("fc3", &x, classes)
            }
            Classifier::Cnn(filters) => {
                let x = max_pool(&layers.conv("conv1", x, filters, 9, Conv2d::default())?.relu()?, ceil)?;
                let twice = filters.saturating_mul(2);
                let x = max_pool(&layers.conv("conv2", &x, twice, 7, Conv2d::default())?.relu()?, ceil)?;
                layers.linear("fc1", &x, classes)
            }
        }
    }
}

impl Network for Mnist {
    fn input(&self, n: usize) -> TensorType {
        TensorType::f32([n, self.task.channels(), self.task.side(), self.task.side()])
    }

    fn build(&self, layers: &mut Layers<'_>, image: &Var) -> Result<Output> {
        let localisation = match self.classifier {
            Classifier::Fcn(_) => Localisation::fcn(),
            Classifier::Cnn(_) => Localisation::cnn(),
        };
        let mut warps = Vec::with_capacity(self.transforms.len());
        for (i, &transform) in self.transforms.iter().enumerate() {
            let transformer = Transformer { transform, localisation: localisation.clone(), size: Some(Hw::square(self.task.side())) };
            warps.push(transformer.apply(layers, &format!("transformer{}", i + 1), image)?);
        }
        let pooled = self.task.pooled() && !warps.is_empty();
        let mut x = match &warps[..] {
            [] => image.clone(),
            [one] => one.image.clone(),
            several => concat(&several.iter().map(|w| &w.image).collect::<Vec<_>>(), 1)?,
        };
        if pooled {
            x = x.avg_pool2d(AvgPool2d::default())?;
        }
        Ok(Output { logits: self.classify(layers, &x, pooled)?, warps })
    }
}
