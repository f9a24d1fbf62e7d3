//! Stages of convolutions as VGG has them: what cascades and hypercolumns see an image by.

use super::layers::{Fill, Layers};
use crate::array::{Array, Hw, Pads};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::Weights;
use crate::ops::{Conv2d, MaxPool2d};

/// Stages at most.
pub(super) const DEEPEST: usize = 8;
/// What a side, or a count of channels, units or boxes may be at most.
pub(super) const MOST: usize = 1 << 16;

/// A convolution that keeps the size.
#[derive(Clone, Debug)]
pub(super) struct Conv {
    weight: Var,
    bias: Var,
    padding: usize,
}

impl Conv {
    pub(super) fn new(layers: &mut Layers<'_>, name: &str, [inputs, outputs, kernel]: [usize; 3], fill: Fill<'_>) -> Result<Self> {
        Ok(Self {
            weight: layers.tensor(&format!("{name}.weight"), &[outputs, inputs, kernel, kernel], fill)?,
            bias: layers.tensor(&format!("{name}.bias"), &[outputs], Fill::Zeros)?,
            padding: kernel / 2,
        })
    }

    pub(super) fn of(&self, x: &Var) -> Result<Var> {
        x.conv2d(&self.weight, Some(&self.bias), Conv2d { padding: Pads::all(self.padding), ..Conv2d::default() })
    }
}

/// Convolutions of 3 x 3 and `ReLU`s, `conv1_1` and so on; a pooling that halves, rounding up, lies between two stages.
#[derive(Clone, Debug)]
pub(super) struct Trunk(Vec<Vec<Conv>>);

impl Trunk {
    /// Of so many convolutions and channels in each of `stages`.
    pub(super) fn new(layers: &mut Layers<'_>, stages: &[(usize, usize)]) -> Result<Self> {
        let mut channels = 3;
        let mut trunk = Vec::new();
        for (stage, &(convolutions, outputs)) in stages.iter().enumerate() {
            let mut convs = Vec::new();
            for j in 1..=convolutions {
                let fill = Fill::He(9 * channels);
                convs.push(Conv::new(layers, &format!("conv{}_{j}", stage + 1), [channels, outputs, 3], fill)?);
                channels = outputs;
            }
            trunk.push(convs);
        }
        Ok(Self(trunk))
    }

    /// What each stage makes of an `image` (n, 3, h, w): pool1, pool2 and so on, and last the features (n, channels, h / stride, w / stride),
    /// rounded up, which nothing pools.
    pub(super) fn of(&self, image: &Var) -> Result<Vec<Var>> {
        if !matches!(*image.shape(), [n, 3, h, w] if n * h * w > 0) {
            return Err(Error::shape("trunk", format!("an image is (n, 3, h, w), not {}", image.ty())));
        }
        let mut x = image.clone();
        let mut made = Vec::new();
        for (stage, convs) in (1..).zip(&self.0) {
            for conv in convs {
                x = conv.of(&x)?.relu()?;
            }
            if stage < self.0.len() {
                x = x.max_pool2d(MaxPool2d { kernel: Hw::square(2), ceil_mode: true, ..MaxPool2d::default() })?;
            }
            made.push(x.clone());
        }
        Ok(made)
    }
}

/// The convolutions and channels of the stages that `weights` have.
pub(super) fn stages_of(weights: &Weights) -> Result<Vec<(usize, usize)>> {
    let mut stages = Vec::new();
    while stages.len() < DEEPEST && weights.contains(&format!("conv{}_1.weight", stages.len() + 1)) {
        let stage = stages.len() + 1;
        let convolutions = (1..).take_while(|j| weights.contains(&format!("conv{stage}_{j}.weight"))).count();
        stages.push((convolutions, weights.sizes::<4>(&format!("conv{stage}_1.weight"))?[0]));
    }
    Ok(stages)
}

/// The tensor called `name` of a classifier, in this shape: VGG's matrices may lie in a file as convolutions of the whole window.
pub(super) fn taken(classifier: &Weights, name: &str, shape: Vec<usize>) -> Result<Array> {
    let found = classifier.get(name)?;
    if found.len() == shape.iter().product::<usize>() {
        return Array::clone(found).reshaped(shape);
    }
    classifier.shaped(name, &shape).map(|array| Array::clone(array))
}

/// Pixels of an image's side between two places of the features.
pub(super) fn stride(stages: usize) -> usize {
    1 << stages.saturating_sub(1).min(DEEPEST)
}
