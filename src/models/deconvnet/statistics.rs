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
use crate::graph::Graph;
use crate::models::caffe::{EPS, Normalisation};
use crate::nn::Weights;
use crate::plan::{Device, Plan};

const NAME: &str = "deconvnet statistics";

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
        let data = Graph::new().input("data", TensorType::f32(batch))?;
        let moments = net.forward(weights, &data, Normalisation::Learn)?.moments;
        if let Some(single) = moments.iter().find(|m| m.values < 2) {
            let reason = format!("'{}' has {} value a batch of {batch:?}, which has no variance", single.name, single.values);
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

    /// Adds a batch: [`data`](crate::models::data) of crops.
    ///
    /// # Errors
    /// If it is of another shape or the device fails.
    pub fn add(&mut self, data: &Array) -> Result<()> {
        let outputs = self.plan.run(&[("data", data)])?;
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
        Ok(self.weights.replaced("weights for inference", arrays))
    }
}
