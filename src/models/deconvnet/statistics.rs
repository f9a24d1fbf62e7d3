//! From weights that have learned to weights for inference.
//!
//! ```text
//! mean, variance    averages of the batches' own, over many batches; the variance times m / (m - 1) for m values a batch
//! scale'          = scale / sqrt(variance + 1e-9)
//! shift'          = shift - mean scale'
//! ```
//!
//! The published pass takes 501 batches as large as in training, and its Python divides m by m - 1 in whole numbers, which gives 1; here
//! it is the quotient that was meant.

use super::DeconvNet;
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::models::caffe::{EPS, Network, Normalisation, data};
use crate::nn::Weights;
use crate::plan::{Device, Plan};

const NAME: &str = "deconvnet statistics";
/// What the plan calls a batch.
const INPUT: &str = "data";

/// What the metadata of weights for inference say to be true: they are not what learning goes on from.
pub const FOLDED: &str = "statistics_folded";

/// The statistics of every normalisation, averaged over batches.
#[derive(Debug)]
pub struct Statistics {
    plan: Plan,
    weights: Weights,
    layers: Vec<Averages>,
    batches: usize,
}

/// What has come together of one layer: sums over batches, for each channel.
#[derive(Debug)]
struct Averages {
    name: String,
    /// Values of a channel in a batch.
    values: usize,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Statistics {
    /// None yet, of batches of this shape, (n, 3, h, w), that `net` with `weights` sees on `device`.
    ///
    /// # Errors
    /// As [`DeconvNet::forward`], and if a batch has one value for some normalisation (fc6 has one for each crop), or the device fails.
    pub fn new(device: &Device, net: DeconvNet, weights: &Weights, batch: [usize; 4]) -> Result<Self> {
        let data = Graph::new().input(INPUT, TensorType::f32(batch))?;
        Self::over(device, weights, &data, &net.forward(weights, &data, Normalisation::Learn)?)
    }

    /// The same of batches that are crops as they are, RGB of 0..1, seen by the network that `build` makes over [`data`], normalised by the
    /// batch.
    ///
    /// # Errors
    /// As [`Statistics::new`] and `build`.
    pub fn of_crops(device: &Device, weights: &Weights, batch: [usize; 4], build: impl FnOnce(&Var) -> Result<Network>) -> Result<Self> {
        let crops = data(&Graph::new().input(INPUT, TensorType::f32(batch))?)?;
        Self::over(device, weights, &crops, &build(&crops)?)
    }

    fn over(device: &Device, weights: &Weights, data: &Var, network: &Network) -> Result<Self> {
        let moments = &network.moments;
        if let Some(single) = moments.iter().find(|m| m.values < 2) {
            let reason = format!("'{}' has {} value a batch of {}, which has no variance", single.name, single.values, data.ty());
            return Err(Error::shape(NAME, reason));
        }
        let layers = moments.iter().map(|m| {
            let none = vec![0.0; m.mean.shape().iter().product()];
            Averages { name: m.name.clone(), values: m.values, mean: none.clone(), variance: none }
        });
        let layers = layers.collect();
        let outputs: Vec<_> = moments.iter().flat_map(|m| [&m.mean, &m.variance]).collect();
        Ok(Self { plan: Plan::compile(device, &outputs)?, weights: weights.clone(), layers, batches: 0 })
    }

    /// Adds a batch: [`data`] of crops, or crops as they are, as was said before.
    ///
    /// # Errors
    /// If it is of another shape or the device fails.
    pub fn add(&mut self, batch: &Array) -> Result<()> {
        let outputs = self.plan.run(&[(INPUT, batch)])?;
        for (layer, moments) in self.layers.iter_mut().zip(outputs.chunks_exact(2)) {
            for (sums, moment) in [&mut layer.mean, &mut layer.variance].into_iter().zip(moments) {
                sums.iter_mut().zip(moment.values::<f32>()?).for_each(|(sum, &value)| *sum += f64::from(value));
            }
        }
        self.batches += 1;
        Ok(())
    }

    /// How many batches there are.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// The weights for [`Normalisation::Inference`]: new scales and shifts, everything else as it was.
    ///
    /// # Errors
    /// If there is no batch.
    pub fn folded(&self) -> Result<Weights> {
        if self.batches == 0 {
            return Err(Error::shape(NAME, "no batch has been added"));
        }
        let mut arrays = Vec::with_capacity(2 * self.layers.len());
        for layer in &self.layers {
            let [weight, bias] = ["weight", "bias"].map(|field| format!("{}.{field}", layer.name));
            let scale = self.weights.get(&weight)?.to_f64();
            let shift = self.weights.get(&bias)?.to_f64();
            let (batches, values) = (self.batches as f64, layer.values as f64);
            let factor = |c: usize| scale[c] / (layer.variance[c] / batches * values / (values - 1.0) + f64::from(EPS)).sqrt();
            let channels = [scale.len()];
            arrays.push((weight, Array::from_fn(channels, |c| factor(c) as f32)));
            arrays.push((bias, Array::from_fn(channels, |c| (shift[c] - layer.mean[c] / batches * factor(c)) as f32)));
        }
        Ok(self.weights.replaced("weights for inference", arrays).with_metadata(FOLDED, "true"))
    }
}
