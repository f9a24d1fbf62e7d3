//! A plain CNN that names pictures of any size, behind parallel transformers if there are any. It is of no paper: small networks for own pictures.
//!
//! ```text
//! image (n, c, h, w) --> [transformers, side by side] --> stages --> mean over the image --> fc (n, classes)
//! a stage: convolutions of 3 x 3 with ReLU, then the maximum of 2 x 2; none behind the last stage
//! ```

use super::network::{Network, Output, max_pool};
use super::{Localisation, Transform, Transformer};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::models::layers::Layers;
use crate::nn::Weights;
use crate::ops::concat;
use crate::train::About;

/// A plain CNN. Its weights are `transformer1.*` and so on (see [`Localisation`]), `conv1_1`, `conv1_2`, .. `conv2_1`, .. and `fc`.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainCnn {
    /// Height and width of a picture.
    pub size: Hw,
    /// Its channels.
    pub channels: usize,
    /// How many names there are.
    pub classes: usize,
    /// How many convolutions each stage has, and of how many channels.
    pub stages: Vec<(usize, usize)>,
    /// The transformers, side by side.
    pub transforms: Vec<Transform>,
}

impl PlainCnn {
    /// The network that `weights` are of, by the layers there are and their shapes, and by what they say of the pictures it was trained on.
    ///
    /// # Errors
    /// If `weights` lack a layer, or `about` a size.
    pub fn of(weights: &Weights, about: &About) -> Result<Self> {
        let size = about.frame()?.size();
        let there = |stage: usize, layer: usize| weights.contains(&format!("conv{stage}_{layer}.weight"));
        let stage = |stage: usize| {
            let [channels, ..] = weights.sizes::<4>(&format!("conv{stage}_1.weight"))?;
            Ok(((1..).take_while(|layer| there(stage, *layer)).count(), channels))
        };
        let stages = (1..).take_while(|stage| there(*stage, 1)).map(stage).collect::<Result<_>>()?;
        let [classes, _] = weights.sizes("fc.weight")?;
        Ok(Self { size, channels: about.mean.len(), classes, stages, transforms: Transform::of(weights)? })
    }
}

impl Network for PlainCnn {
    fn input(&self, n: usize) -> TensorType {
        TensorType::f32([n, self.channels, self.size.h, self.size.w])
    }

    fn build(&self, layers: &mut Layers<'_>, image: &Var) -> Result<Output> {
        let halvings = u32::try_from(self.stages.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let smallest = self.size.h.min(self.size.w).checked_shr(halvings).unwrap_or(0);
        if self.classes == 0 || smallest == 0 || self.stages.iter().any(|&(convolutions, channels)| convolutions == 0 || channels == 0) {
            let reason = format!("{self:?}: there must be classes, channels and convolutions, and halvings leave at least a pixel");
            return Err(Error::shape("cnn", reason));
        }
        let mut warps = Vec::with_capacity(self.transforms.len());
        for (i, &transform) in self.transforms.iter().enumerate() {
            let transformer = Transformer { transform, localisation: Localisation::cnn(), size: None };
            warps.push(transformer.apply(layers, &format!("transformer{}", i + 1), image)?);
        }
        let mut x = match &warps[..] {
            [] => image.clone(),
            [one] => one.image.clone(),
            warps => concat(&warps.iter().map(|w| &w.image).collect::<Vec<_>>(), 1)?,
        };
        for (i, &(convolutions, channels)) in self.stages.iter().enumerate() {
            if i > 0 {
                x = max_pool(&x, false)?;
            }
            for j in 0..convolutions {
                x = layers.conv_relu(&format!("conv{}_{}", i + 1, j + 1), &x, channels)?;
            }
        }
        Ok(Output { logits: layers.linear("fc", &x.global_avg_pool2d()?, self.classes)?, warps })
    }
}
