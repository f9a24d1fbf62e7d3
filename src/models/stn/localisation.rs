//! Localisation networks: what regresses a transform's parameters from the image, or the features, that it will transform.

use super::network::max_pool;
use crate::array::{Hw, Pads};
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::Layers;
use crate::ops::{AvgPool2d, Conv2d};

/// A step over images, before the fully connected layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Halves the image by means of 2 x 2.
    AvgPool,
    /// Halves the image by maxima of 2 x 2.
    MaxPool,
    /// A convolution and a `ReLU`.
    Conv {
        /// Output channels.
        filters: usize,
        /// Height and width of a filter.
        kernel: usize,
        /// Pixels from one output to the next.
        stride: usize,
        /// Zeros on each side.
        padding: usize,
    },
}

/// A localisation network: stages, then hidden layers of `ReLUs`, then a linear layer for theta.
///
/// Its weights are `conv1`, `conv2`, .., `fc1`, `fc2`, .. and `theta`, each with `.weight` and `.bias`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Localisation {
    /// Steps over images.
    pub stages: Vec<Stage>,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
}

impl Localisation {
    /// Of an ST-FCN on MNIST: three hidden layers of 32 (appendix A.4).
    pub fn fcn() -> Self {
        Self { stages: Vec::new(), hidden: vec![32; 3] }
    }

    /// Of an ST-CNN on MNIST: two 5 x 5 convolutions of 20 filters over the halved image, a maximum between them, 20 units
    /// (appendix A.4).
    pub fn cnn() -> Self {
        let conv = Stage::Conv { filters: 20, kernel: 5, stride: 1, padding: 0 };
        Self { stages: vec![Stage::AvgPool, conv, Stage::MaxPool, conv], hidden: vec![20] }
    }

    /// Of ST-CNN Single on house numbers, `conv[32,5,1,2]-max[2,2]-conv[32,5,1,2]-fc[32]` (section 4.2).
    pub fn single() -> Self {
        let conv = Stage::Conv { filters: 32, kernel: 5, stride: 1, padding: 2 };
        Self { stages: vec![conv, Stage::MaxPool, conv], hidden: vec![32] }
    }

    /// Of each transformer of ST-CNN Multi: `fc[32]-fc[32]` (section 4.2).
    pub fn multi() -> Self {
        Self { stages: Vec::new(), hidden: vec![32; 2] }
    }

    /// Of the co-localisation experiment: 8 filters of 9 x 9 at stride 4, a maximum, `fc[8]-fc[8]` (appendix A.2).
    pub fn co_localisation() -> Self {
        Self { stages: vec![Stage::Conv { filters: 8, kernel: 9, stride: 4, padding: 0 }, Stage::MaxPool], hidden: vec![8; 2] }
    }

    /// Of the birds, over the trunk's features: a 1 x 1 convolution of 128 filters, `fc[128]` (section 4.3).
    pub fn birds() -> Self {
        Self { stages: vec![Stage::Conv { filters: 128, kernel: 1, stride: 1, padding: 0 }], hidden: vec![128] }
    }

    /// theta, (n, p): at first `identity`, whatever `input` shows, since the last layer's weights are 0.
    ///
    /// # Errors
    /// If the input is smaller than a kernel, or a weight is missing or of another shape.
    pub fn regress(&self, layers: &mut Layers<'_>, name: &str, input: &Var, identity: &[f32]) -> Result<Var> {
        let mut x = input.clone();
        let mut convolutions = 0;
        for stage in &self.stages {
            x = match *stage {
                Stage::AvgPool => x.avg_pool2d(AvgPool2d::default())?,
                Stage::MaxPool => max_pool(&x, false)?,
                Stage::Conv { filters, kernel, stride, padding } => {
                    convolutions += 1;
                    let attributes = Conv2d { stride: Hw::square(stride), padding: Pads::all(padding), ..Conv2d::default() };
                    layers.conv(&format!("{name}.conv{convolutions}"), &x, filters, kernel, attributes)?.relu()?
                }
            };
        }
        for (i, &units) in self.hidden.iter().enumerate() {
            x = layers.linear(&format!("{name}.fc{}", i + 1), &x, units)?.relu()?;
        }
        layers.regress(&format!("{name}.theta"), &x, identity)
    }
}
