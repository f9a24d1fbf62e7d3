//! Layers as Caffe computes them, by name, each knowing where its pixels lie over the data: what FCN and its kin are built of.
//!
//! ```text
//! convolution    out = floor((n + 2p - k) / s) + 1      output pixel i is centred on input s i - p + (k - 1) / 2
//! pooling        out = ceil((n - k) / s) + 1            the same; windows are clipped to the image
//! deconvolution  out = s (n - 1) + k - 2p               output pixel i is centred on input (i + p - (k - 1) / 2) / s
//! unpooling      as large as what was pooled            each value where its pooling found one, zeros elsewhere
//! crop           as large as another layer, from where the two lie over the same pixels of the data
//! ```
//!
//! `normalised` has the layers of the fork that `DeconvNet` was trained with: batch normalisation, poolings with switches, unpooling.

mod grid;
mod net;
mod normalised;
mod parameter;

pub(super) use net::{Net, Window};
pub(super) use normalised::{EPS, GAUSSIAN, Names};
pub use normalised::{Moments, Normalisation};
pub use parameter::{Initial, Parameter};
pub(super) use parameter::{initial, random_trunk, without_other_scores};

use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::optimiser;
use grid::Grid;

/// What Caffe's networks subtract from blue, green and red, which are 0 to 255 there.
pub const MEAN: [f32; 3] = [104.00699, 116.66877, 122.67892];

/// The data (n, 3, h, w) of a network, BGR of 0..255 less [`MEAN`], from RGB of 0..1.
///
/// # Errors
/// If `rgb` has another shape.
pub fn data(rgb: &Var) -> Result<Var> {
    check_data("data", rgb, 3)?;
    let constant = |values: Vec<f32>| rgb.graph().constant(Array::new([1, values.len(), 1, 1], values)?);
    rgb.flip(&[1])?.mul(&constant(vec![255.0])?)?.sub(&constant(MEAN.to_vec())?)
}

fn check_data(op: &'static str, data: &Var, channels: usize) -> Result<()> {
    match *data.shape() {
        [_, c, _, _] if c == channels => Ok(()),
        _ => Err(Error::shape(op, format!("expected (n, {channels}, h, w), got {:?}", data.shape()))),
    }
}

/// A layer's output.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name, which is its weights' name too.
    pub name: String,
    /// Its values, after the `ReLU` if it has one.
    pub output: Var,
    /// Of a crop: how many rows above and columns to the left were cut off.
    pub offset: Option<usize>,
    /// Of a pooling that keeps them: where its values lay.
    pub switches: Option<Switches>,
    grid: Grid,
}

/// Where the values of a pooling lay.
#[derive(Clone, Debug)]
pub struct Switches {
    /// For each value the place `y w + x` in its plane, i32.
    pub indices: Var,
    /// The size of what was pooled, which the pooled map does not tell where it was odd.
    pub size: Hw,
}

/// A network that has been built: its layers in the order they were added, the data first.
#[derive(Clone, Debug)]
pub struct Network {
    /// The layers.
    pub layers: Vec<Layer>,
    /// The weights they have.
    pub parameters: Vec<Parameter>,
    /// Those that training changes, as states of the graph, if the network was built for that.
    pub learned: Vec<optimiser::Parameter>,
    /// The statistics by which a batch was normalised, if it was by its own.
    pub moments: Vec<Moments>,
}

impl Network {
    /// The layer called `name`.
    pub fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}
