//! VGG's weights as `PyTorch`'s packages have them, under the names of the released Caffe models.
//!
//! | there | here |
//! |---|---|
//! | `features.0`, `features.2`, `features.5`, ..: convolutions of a sequence in which a `ReLU` follows each, and a pooling each stage | `conv1_1`, `conv1_2`, `conv2_1`, .. |
//! | batch normalisation between a convolution and its `ReLU` (`vgg16_bn`) | folded into the convolution |
//! | `classifier.0`, `classifier.3` (`torchvision`), `pre_logits.fc1`, `pre_logits.fc2` (`timm`) | `fc6`, `fc7` |
//!
//! These networks see RGB of 0..1 less a mean and divided by a deviation, [`data`](super::data) is BGR of 0..255 less [`MEAN`]: with D the
//! deviation and M the mean of a channel there,
//!
//! ```text
//! (v / 255 - M) / D = (v - MEAN) s + t        s = 1 / (255 D), t = (MEAN - 255 M) / (255 D)
//! ```
//!
//! so the first kernels, their channels turned, are multiplied with s, and what they make of t goes to the biases. Beyond the photo's
//! border there is 0 for both, which here is [`MEAN`] and there 255 M; the two are less than one of 255 levels apart.

use super::MEAN;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::nn::Weights;

/// Means and deviations of red, green and blue of 0..1.
const MEANS: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATIONS: [f64; 3] = [0.229, 0.224, 0.225];
/// What is added to a variance.
const EPS: f64 = 1e-5;
/// The fully connected layers by each package's names.
const CONNECTED: [(&str, [&str; 2]); 2] = [("fc6", ["classifier.0", "pre_logits.fc1"]), ("fc7", ["classifier.3", "pre_logits.fc2"])];

/// The same network under Caffe's names, for [`data`](super::data); `None` if `weights` are none of these packages' VGGs.
///
/// # Errors
/// [`Error::Model`] if a layer has no bias, or tensors do not fit each other.
pub fn vgg(weights: &Weights) -> Result<Option<Weights>> {
    let is_kernel = |i: &usize| weights.get(&format!("features.{i}.weight")).is_ok_and(|w| w.shape().len() == 4);
    let layers: Vec<usize> = (0..64).filter(is_kernel).collect();
    if !weights.sizes("features.0.weight").is_ok_and(|[_, _, h, w]: [usize; 4]| (h, w) == (3, 3)) {
        return Ok(None);
    }
    // From one convolution to the next of a stage there is a ReLU, and a normalisation before it.
    let apart = 2 + usize::from(weights.contains("features.1.running_var"));
    let (mut stage, mut place, mut arrays) = (1, 0, Vec::new());
    for (k, &i) in layers.iter().enumerate() {
        if k > 0 && i - layers[k - 1] > apart {
            (stage, place) = (stage + 1, 0);
        }
        place += 1;
        let mut layer = Convolution::of(weights, i, i + 1)?;
        if k == 0 {
            layer.sees_data(weights)?;
        }
        arrays.extend(layer.named(&format!("conv{stage}_{place}"))?);
    }
    for (name, theirs) in CONNECTED {
        let Some(theirs) = theirs.iter().find(|theirs| weights.contains(&format!("{theirs}.weight"))) else { continue };
        for part in ["weight", "bias"] {
            arrays.push((format!("{name}.{part}"), Array::clone(weights.get(&format!("{theirs}.{part}"))?)));
        }
    }
    Ok(Some(Weights::from_arrays(weights.source(), arrays)))
}

struct Convolution {
    shape: [usize; 4],
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl Convolution {
    /// Layer `i` of the sequence, with the normalisation that layer `norm` may be.
    fn of(weights: &Weights, i: usize, norm: usize) -> Result<Self> {
        let shape: [usize; 4] = weights.sizes(&format!("features.{i}.weight"))?;
        let of_channels =
            |layer: usize, part: &str| Ok::<_, Error>(weights.shaped(&format!("features.{layer}.{part}"), &shape[..1])?.to_f64());
        let weight = weights.shaped(&format!("features.{i}.weight"), &shape)?.to_f64();
        let mut layer = Self { shape, weight, bias: of_channels(i, "bias")? };
        if weights.contains(&format!("features.{norm}.running_var")) {
            let [mean, variance, gamma, beta] = ["running_mean", "running_var", "weight", "bias"].map(|part| of_channels(norm, part));
            let (mean, beta) = (mean?, beta?);
            let scale: Vec<f64> = gamma?.iter().zip(variance?).map(|(gamma, variance)| gamma / (variance + EPS).sqrt()).collect();
            let kernel = layer.weight.len() / shape[0].max(1);
            layer
                .weight
                .chunks_exact_mut(kernel.max(1))
                .zip(&scale)
                .for_each(|(kernel, scale)| kernel.iter_mut().for_each(|w| *w *= scale));
            for (c, bias) in layer.bias.iter_mut().enumerate() {
                *bias = (*bias - mean[c]) * scale[c] + beta[c];
            }
        }
        Ok(layer)
    }

    /// Has the first layer see data as Caffe's networks do.
    fn sees_data(&mut self, weights: &Weights) -> Result<()> {
        let [_, channels, h, w] = self.shape;
        if channels != 3 {
            return Err(Error::model(
                weights.source(),
                format!("'features.0.weight' has {channels} input channels, of a photo there are 3"),
            ));
        }
        let plane = h * w;
        for (kernel, bias) in self.weight.chunks_exact_mut(3 * plane).zip(&mut self.bias) {
            for (rgb, plane) in kernel.chunks_exact_mut(plane).enumerate() {
                let (scale, mean) = (1.0 / (255.0 * DEVIATIONS[rgb]), f64::from(MEAN[2 - rgb]));
                *bias += plane.iter().sum::<f64>() * (mean - 255.0 * MEANS[rgb]) * scale;
                plane.iter_mut().for_each(|w| *w *= scale);
            }
            let (red, others) = kernel.split_at_mut(plane);
            red.swap_with_slice(&mut others[plane..]);
        }
        Ok(())
    }

    fn named(self, name: &str) -> Result<[(String, Array); 2]> {
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let rounded = |values: Vec<f64>| values.into_iter().map(|v| v as f32).collect::<Vec<f32>>();
        let (weight, bias) = (Array::new(self.shape, rounded(self.weight))?, Array::new([self.shape[0]], rounded(self.bias))?);
        Ok([(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Hw, Pads};
    use crate::graph::{Graph, Var};
    use crate::models::data;
    use crate::models::vgg::{Depth, Top, Vgg};
    use crate::nn::init;
    use crate::ops::Conv2d;
    use crate::plan::{Device, Plan};

    /// A VGG-16 of 4 to 32 channels as the packages have it, with or without normalisation.
    fn theirs(normalised: bool, connected: [&str; 2]) -> Weights {
        let mut arrays = Vec::new();
        let mut add = |name: String, shape: &[usize], least: f32| {
            let values = init::normal(shape, 0.5, &name, 1);
            let values = values.values::<f32>().unwrap().iter().map(|v| if least > 0.0 { v.abs() + least } else { *v }).collect::<Vec<_>>();
            arrays.push((name, Array::new(shape, values).unwrap()));
        };
        let (mut i, mut inputs) = (0, 3);
        for (convolutions, channels) in [(2, 4), (2, 8), (3, 16), (3, 32), (3, 32)] {
            for _ in 0..convolutions {
                add(format!("features.{i}.weight"), &[channels, inputs, 3, 3], 0.0);
                add(format!("features.{i}.bias"), &[channels], 0.0);
                for (part, least) in [("weight", 0.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 0.1)] {
                    if normalised {
                        add(format!("features.{}.{part}", i + 1), &[channels], least);
                    }
                }
                (i, inputs) = (i + 2 + usize::from(normalised), channels);
            }
            i += 1;
        }
        for (name, inputs) in connected.into_iter().zip([32 * 49, 256]) {
            add(format!("{name}.weight"), &[256, inputs], 0.0);
            add(format!("{name}.bias"), &[256], 0.0);
        }
        Weights::from_arrays("theirs", arrays)
    }

    #[test]
    fn every_layer_has_its_place() {
        for (normalised, connected) in [(false, ["classifier.0", "classifier.3"]), (true, ["pre_logits.fc1", "pre_logits.fc2"])] {
            let weights = vgg(&theirs(normalised, connected)).unwrap().unwrap();
            let net = Vgg::of(&weights).unwrap();
            assert_eq!((net.depth, net.divisor), (Depth::Vgg16, 16));
            for parameter in net.parameters(Top::Fc7).unwrap() {
                weights.shaped(&parameter.name, &parameter.shape).unwrap();
            }
            assert_eq!(weights.names().count(), 2 * 15);
        }
        let others = Weights::from_arrays("others", [("conv1_1.weight".to_owned(), Array::full([4, 3, 3, 3], 1.0f32))]);
        assert!(vgg(&others).unwrap().is_none());
        let alexnet = Weights::from_arrays("alexnet", [("features.0.weight".to_owned(), Array::full([64, 3, 11, 11], 1.0f32))]);
        assert!(vgg(&alexnet).unwrap().is_none());
        let arrays = [("features.0.weight", vec![4, 1, 3, 3]), ("features.0.bias", vec![4])];
        let grey = Weights::from_arrays("grey", arrays.map(|(name, shape)| (name.to_owned(), Array::full(shape, 1.0f32))));
        assert!(vgg(&grey).unwrap_err().to_string().contains("1 input channels"));
    }

    /// The first layer, and what a normalised second one makes of a map, are the packages'.
    #[test]
    fn layers_compute_what_theirs_do() {
        let graph = Graph::new();
        let array = |weights: &Weights, name: &str| Array::clone(weights.get(name).unwrap());
        let conv = |x: &Var, weights: &Weights, name: &str| {
            let [weight, bias] = ["weight", "bias"].map(|part| graph.constant(array(weights, &format!("{name}.{part}"))).unwrap());
            x.conv2d(&weight, Some(&bias), Conv2d { padding: Pads::all(1), ..Conv2d::default() }).unwrap()
        };
        let by_channel = |values: &[f64]| graph.constant(Array::from_fn([1, values.len(), 1, 1], |c| values[c] as f32)).unwrap();
        let photo = graph.constant(Array::from_fn([1, 3, 6, 6], |i| (i * 37 % 101) as f32 / 100.0)).unwrap();
        let plain = theirs(false, ["classifier.0", "classifier.3"]);
        let seen = photo.sub(&by_channel(&MEANS)).unwrap().div(&by_channel(&DEVIATIONS)).unwrap();
        let expected = conv(&seen, &plain, "features.0");
        let made = conv(&data(&photo).unwrap(), &vgg(&plain).unwrap().unwrap(), "conv1_1");

        let normalised = theirs(true, ["classifier.0", "classifier.3"]);
        let map = graph.constant(Array::from_fn([1, 4, 6, 6], |i| (i * 29 % 83) as f32 / 50.0 - 0.8)).unwrap();
        let [mean, variance, gamma, beta] = ["running_mean", "running_var", "weight", "bias"]
            .map(|part| by_channel(&normalised.get(&format!("features.4.{part}")).unwrap().to_f64()));
        let root = variance.add(&by_channel(&[EPS])).unwrap().sqrt().unwrap();
        let centred = conv(&map, &normalised, "features.3").sub(&mean).unwrap();
        let expected_then = centred.div(&root).unwrap().mul(&gamma).unwrap().add(&beta).unwrap();
        let made_then = conv(&map, &vgg(&normalised).unwrap().unwrap(), "conv1_2");

        let inner = |v: &Var| v.crop(1, 1, Hw::square(4)).unwrap();
        let outputs = [inner(&expected), inner(&made), expected_then, made_then, expected, made];
        let computed = Plan::compile(Device::Cpu, &outputs.each_ref()).unwrap().run(&[]).unwrap();
        // Sums of 27 and 36 terms of some units; at the border less than a level of 255 in two of three rows of kernels.
        for (pair, most) in computed.chunks_exact(2).zip([1e-4, 1e-4, 27.0 / (255.0 * 0.224)]) {
            let (expected, made) = (pair[0].to_f64(), pair[1].to_f64());
            let off = expected.iter().zip(&made).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < most && expected.iter().any(|v| v.abs() > 0.5), "{off} of {most}");
        }
    }
}
