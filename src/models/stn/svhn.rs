//! House numbers: a CNN that reads up to five digits at once, alone, with one transformer, or with four (section 4.2).
//!
//! ```text
//! image (n, 3, s, s)           s = 64, or 128 for loose crops
//! [T] conv1  48  s     max     5 x 5, padding 2, ReLU everywhere
//! [T] conv2  64  s/2           T: a transformer before the layer; the first for Single, all four for Multi
//! [T] conv3 128  s/2   max
//! [T] conv4 160  s/4
//!     conv5 192  s/4   max
//!     conv6 192  s/8
//!     conv7 192  s/8   max
//!     conv8 192  s/16
//!     fc1  3072
//!     fc2  3072
//!     digit1 .. digit5  11     ten digits, or none: (n, 5, 11)
//! ```
//!
//! Transforms are affine. 4.3 million weights in the convolutions, 19.0 million behind them at 64 x 64.

use super::network::{Network, Output, max_pool};
use super::{Localisation, Transform, Transformer};
use crate::array::{Pads, TensorType};
use crate::error::Result;
use crate::graph::Var;
use crate::models::layers::Layers;
use crate::ops::{Conv2d, concat};

/// Where the transformers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placement {
    /// Nowhere: the baseline.
    None,
    /// One on the image, with a convolutional localisation.
    Single,
    /// Before each of the first four convolutions, with fully connected localisations.
    Multi,
}

/// The house number reader. Its weights are `transformer1.*` to `transformer4.*` (see [`Localisation`]), `conv1` to `conv8`,
/// `fc1`, `fc2`, `digit1` to `digit5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Svhn {
    /// Height and width of the image: 64 or 128 in the paper, 16 or more.
    pub side: usize,
    /// Where the transformers are.
    pub placement: Placement,
    /// Filters of each convolution.
    pub filters: [usize; 8],
    /// Units of both hidden layers.
    pub units: usize,
}

impl Svhn {
    /// As published, for images of `side` x `side`.
    pub fn new(side: usize, placement: Placement) -> Self {
        Self { side, placement, filters: [48, 64, 128, 160, 192, 192, 192, 192], units: 3072 }
    }

    /// The localisation of the transformer before convolution `i`, if there is one.
    fn localisation(&self, i: usize) -> Option<Localisation> {
        match self.placement {
            Placement::Single if i == 0 => Some(Localisation::single()),
            Placement::Multi if i < 4 => Some(Localisation::multi()),
            _ => None,
        }
    }
}

impl Network for Svhn {
    fn input(&self, n: usize) -> TensorType {
        TensorType::f32([n, 3, self.side, self.side])
    }

    fn build(&self, layers: &mut Layers<'_>, image: &Var) -> Result<Output> {
        let mut x = image.clone();
        let mut warps = Vec::new();
        for (i, &filters) in self.filters.iter().enumerate() {
            let number = i + 1;
            if let Some(localisation) = self.localisation(i) {
                let transformer = Transformer { transform: Transform::Affine, localisation, size: None };
                let warp = transformer.apply(layers, &format!("transformer{number}"), &x)?;
                x = warp.image.clone();
                warps.push(warp);
            }
            let same = Conv2d { padding: Pads::all(2), ..Conv2d::default() };
            x = layers.conv(&format!("conv{number}"), &x, filters, 5, same)?.relu()?;
            if i % 2 == 0 && i < 7 {
                x = max_pool(&x, false)?;
            }
        }
        x = layers.linear("fc1", &x, self.units)?.relu()?;
        x = layers.linear("fc2", &x, self.units)?.relu()?;
        let digits = (1..=5).map(|i| layers.linear(&format!("digit{i}"), &x, 11)?.unsqueeze(1)).collect::<Result<Vec<_>>>()?;
        Ok(Output { logits: concat(&digits.iter().collect::<Vec<_>>(), 1)?, warps })
    }
}
