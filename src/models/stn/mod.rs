//! Spatial transformer networks: networks that turn, shift and straighten what they look at before they name it.
//!
//! ```text
//! U (n, c, h, w) --> localisation --> theta (n, p) --> grid (n, oh, ow, 2) --> sampler --> V (n, c, oh, ow)
//!        \------------------------------------------------------------------------^
//! V[c, i] = sum over m, n of U[c, n, m] max(0, 1 - |px_i - m|) max(0, 1 - |py_i - n|)        equations 3 and 5
//! ```
//!
//! Source: Jaderberg, Simonyan, Zisserman, Kavukcuoglu, Spatial Transformer Networks (NIPS 2015, arXiv 1506.02025). The paper leaves
//! the mapping of coordinates to pixels open. Here, as in Torch's `stnbhwd`, -1 and 1 are the centres of the border pixels
//! (`align_corners`), and what lies outside the image is 0. No weights were released; names are this crate's.
//!
//! | file | what is in it |
//! |---|---|
//! | `transform` | attention, affine, projective and thin-plate-spline transforms: theta to grid |
//! | `localisation` | the networks that regress theta, and the identity that they start with |
//! | `mnist` | ST-FCN and ST-CNN on distorted MNIST, MNIST addition (appendix A.1 and A.4) |
//! | `distorted` | the digits that those learn from |
//! | `svhn` | ST-CNN Single and Multi on house numbers (section 4.2) |
//! | `plain` | a plain CNN for pictures of any size, of chosen widths, behind transformers or none |
//! | `birds` | parallel attention on CUB-200 between two trunks (section 4.3) |
//! | `picture` | a warp before and after, with its grid |

mod birds;
mod distorted;
mod localisation;
mod mnist;
mod network;
mod picture;
mod plain;
mod spline;
mod svhn;
mod transform;

pub use birds::Birds;
pub use distorted::Distorted;
pub use localisation::{Localisation, Stage};
pub use mnist::{Classifier, Mnist, Task};
pub use network::{Network, Output};
pub use picture::before_and_after;
pub use plain::PlainCnn;
pub use svhn::{Placement, Svhn};
pub use transform::Transform;

use crate::array::{Hw, TensorType};
use crate::error::Result;
use crate::graph::{Graph, Var};
use crate::models::layers::{self, Layers};
use crate::nn::Weights;

/// What a transformer made of its input.
#[derive(Clone, Debug)]
pub struct Warp {
    /// The transform's parameters, (n, p).
    pub theta: Var,
    /// The input as the transform shows it, (n, c, oh, ow).
    pub image: Var,
}

/// A spatial transformer: the module that goes between any two layers (section 3).
#[derive(Clone, Debug, PartialEq)]
pub struct Transformer {
    /// What it may do to its input.
    pub transform: Transform,
    /// The network that says how.
    pub localisation: Localisation,
    /// The output's height and width; the input's if there is none.
    pub size: Option<Hw>,
}

impl Transformer {
    /// The input (n, c, h, w) as its own localisation wants to see it. Weights are called `<name>.<layer>.weight` and `.bias`.
    ///
    /// # Errors
    /// If the input has another rank or is smaller than a kernel, or a weight is missing or of another shape.
    pub fn apply(&self, layers: &mut Layers<'_>, name: &str, input: &Var) -> Result<Warp> {
        let theta = self.localisation.regress(layers, name, input, &self.transform.identity())?;
        let size = match self.size {
            Some(size) => size,
            None => network::image_size(input)?,
        };
        let image = self.transform.warp(input, &theta, size)?;
        Ok(Warp { theta, image })
    }

    /// First weights for an input of this type: random, but for the last layer, which gives the identity.
    ///
    /// # Errors
    /// If the input has another rank or is smaller than a kernel.
    pub fn init(&self, name: &str, input: TensorType, seed: u64) -> Result<Weights> {
        let graph = Graph::new();
        let input = graph.input("", input)?;
        layers::fresh(&graph, seed, |layers| self.apply(layers, name, &input).map(drop))
    }
}
