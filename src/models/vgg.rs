//! VGG-16 and VGG-19 as what a captioner sees of a photo.
//!
//! ```text
//! photo (n, 3, h, w), RGB of 0..1: shorter side to 256, centre of 224 x 224, BGR of 0..255 less the mean
//! conv5  (n, 512, 14, 14)  the last convolution, after its ReLU: conv5_3 of VGG-16, conv5_4 of VGG-19
//! fc7    (n, 4096)         relu(fc7 relu(fc6 pool5))
//! ```
//!
//! | network | parameters to conv5 | to fc7 | multiply-adds to conv5 |
//! |---|---|---|---|
//! | VGG-16 | 14,714,688 | 134,260,544 | 15.35 G |
//! | VGG-19 | 20,024,384 | 139,570,240 | 19.51 G |
//!
//! Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015, table 1, D and E. Layer names
//! are those of the released Caffe models, `conv1_1.weight` and so on; fully connected layers may be matrices (4096, 25088), as
//! there, or kernels (4096, 512, 7, 7), as fully convolutional networks have them.

use super::caffe::{self, Initial, Layer, Net, Parameter, Window};
use super::{photo, vgg16};
use crate::array::{Hw, TensorType};
use crate::error::{Error, Result};
use crate::graph::{Graph, Var};
use crate::nn::Weights;

const NAME: &str = "vgg";

/// The size of the photo that the network sees.
pub const SIZE: Hw = Hw::square(224);
/// What a photo's shorter side is scaled to before its centre is cut out.
pub(super) const SHORTER: usize = 256;
/// Photos longer than this times their shorter side are cut before they are scaled, so that nothing large is made of a long line.
const LONGEST: usize = 4;

/// How many layers have weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 13 convolutions and 3 fully connected layers.
    Vgg16,
    /// 16 and 3.
    Vgg19,
}

/// What is taken of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Top {
    /// The last convolution.
    Conv5,
    /// The last hidden layer.
    Fc7,
}

/// A VGG network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vgg {
    /// Which one.
    pub depth: Depth,
    /// What the channels of all layers are divided by: 1 as published. A network to try things out on has another divisor of 64.
    pub divisor: usize,
}

impl Vgg {
    /// As published.
    pub const fn new(depth: Depth) -> Self {
        Self { depth, divisor: 1 }
    }

    /// The network that `weights` has the layers of.
    ///
    /// # Errors
    /// [`Error::Model`] if it has none.
    pub fn of(weights: &Weights) -> Result<Self> {
        let depth = match (weights.contains("conv5_4.weight"), weights.contains("conv5_3.weight")) {
            (true, _) => Depth::Vgg19,
            (false, true) => Depth::Vgg16,
            _ => return Err(Error::model(weights.source(), "has no layer conv5_3 or conv5_4, so it is neither VGG-16 nor VGG-19")),
        };
        let [channels, _, _, _] = weights.sizes("conv1_1.weight")?;
        if channels == 0 || 64 % channels != 0 {
            return Err(Error::model(weights.source(), format!("'conv1_1.weight' has {channels} channels, VGG 64 or a divisor of it")));
        }
        Ok(Self { depth, divisor: 64 / channels })
    }

    /// `VGG-16` or `VGG-19`.
    pub const fn name(&self) -> &'static str {
        match self.depth {
            Depth::Vgg16 => "VGG-16",
            Depth::Vgg19 => "VGG-19",
        }
    }

    /// The name of the last convolution.
    pub const fn conv5(&self) -> &'static str {
        match self.depth {
            Depth::Vgg16 => "conv5_3",
            Depth::Vgg19 => "conv5_4",
        }
    }

    /// How many numbers stand for a place of conv5, or for the photo in fc7.
    pub const fn features(&self, top: Top) -> usize {
        let published = match top {
            Top::Conv5 => 512,
            Top::Fc7 => 4096,
        };
        published / if self.divisor == 0 { 1 } else { self.divisor }
    }

    /// conv5 (n, 512, h / 16, w / 16) or fc7 (n, 4096) of [`data`](super::data) (n, 3, h, w); fc7 is of 224 x 224 pixels.
    ///
    /// # Errors
    /// If `data` has another shape, or a tensor is missing from `weights` or has another shape, by name.
    pub fn forward(&self, weights: &Weights, data: &Var, top: Top) -> Result<Var> {
        self.build(Some(weights), data, top).map(|built| built.0)
    }

    /// The same with inputs of the graph in place of weights: for shapes and costs without weights.
    ///
    /// # Errors
    /// If `data` has another shape.
    pub fn outline(&self, data: &Var, top: Top) -> Result<Var> {
        self.build(None, data, top).map(|built| built.0)
    }

    /// Every weight up to `top`, by the name and with the shape that it has in the released model.
    ///
    /// # Errors
    /// If the divisor is none of 64.
    pub fn parameters(&self, top: Top) -> Result<Vec<Parameter>> {
        let data = Graph::new().input("data", TensorType::f32([1, 3, SIZE.h, SIZE.w]))?;
        self.build(None, &data, top).map(|built| built.1)
    }

    /// Weights where there are no trained ones: He's normal kernels, biases zero.
    ///
    /// # Errors
    /// As [`Vgg::parameters`].
    pub fn initial(&self, top: Top, seed: u64) -> Result<Weights> {
        Ok(caffe::random_trunk(self.parameters(top)?, seed))
    }

    fn build(&self, weights: Option<&Weights>, data: &Var, top: Top) -> Result<(Var, Vec<Parameter>)> {
        if self.divisor == 0 || 64 % self.divisor != 0 {
            return Err(Error::shape(NAME, format!("{self:?}: the divisor must divide 64")));
        }
        let (mut net, layer) = Net::new(weights, data, 3)?;
        let conv = |net: &mut Net<'_>, name: &str, x: &Layer, channels| net.conv_relu(name, x, channels, Window::new(3, 1));
        let pool = |net: &mut Net<'_>, name: &str, x: &Layer| net.max_pool(name, x, 2);
        let [_, _, _, _, pool5] = vgg16::stages(&mut net, &layer, self.stages(), self.divisor, conv, pool)?;
        let built = net.finish();
        let conv5 = built.layer(self.conv5()).ok_or_else(|| Error::shape(NAME, format!("{self:?} has no {}", self.conv5())))?;
        match top {
            Top::Conv5 => Ok((conv5.output.clone(), built.parameters)),
            Top::Fc7 => self.classifier(weights, &pool5.output, built.parameters),
        }
    }

    const fn stages(&self) -> [(usize, usize); 5] {
        match self.depth {
            Depth::Vgg16 => [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)],
            Depth::Vgg19 => [(2, 64), (2, 128), (4, 256), (4, 512), (4, 512)],
        }
    }

    /// fc6 and fc7 of pool5. Dropout is for training.
    fn classifier(&self, weights: Option<&Weights>, pool5: &Var, mut parameters: Vec<Parameter>) -> Result<(Var, Vec<Parameter>)> {
        let [_, channels, 7, 7] = *pool5.shape() else {
            return Err(Error::shape(NAME, format!("fc6 takes pool5 of a photo of {} x {}, not {}", SIZE.w, SIZE.h, pool5.ty())));
        };
        let (graph, mut x) = (pool5.graph(), pool5.flatten(1)?);
        for (name, kernel) in [("fc6", 7), ("fc7", 1)] {
            let inputs = if kernel == 7 { channels } else { self.features(Top::Fc7) };
            let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
            let outputs = self.features(Top::Fc7);
            let matrix = [outputs, inputs * kernel * kernel];
            let vars = match weights {
                Some(weights) => {
                    let kernels = [outputs, inputs, kernel, kernel];
                    let flat = if weights.get(&weight)?.shape() == kernels { &kernels[..] } else { &matrix[..] };
                    let weight = graph.parameter(weights.shaped(&weight, flat)?.clone())?;
                    [weight.reshape(matrix)?, graph.parameter(weights.shaped(&bias, &[outputs])?.clone())?]
                }
                None => [graph.input(&weight, TensorType::f32(matrix))?, graph.input(&bias, TensorType::f32([outputs]))?],
            };
            x = x.linear(&vars[0], Some(&vars[1]))?.relu()?;
            parameters.push(Parameter { name: weight, shape: matrix.to_vec(), initial: Initial::Trunk });
            parameters.push(Parameter { name: bias, shape: vec![outputs], initial: Initial::Trunk });
        }
        Ok((x, parameters))
    }
}

/// The part of a photo (n, 3, h, w) that the network sees, (n, 3, 224, 224): its shorter side scaled to 256, the centre of that.
///
/// A photo more than four times as long as it is wide is cut to its middle first.
///
/// # Errors
/// If `photo` is not four-dimensional.
pub fn centre(photo: &Var) -> Result<Var> {
    let [_, _, h, w] = *photo.shape() else {
        return Err(Error::shape(NAME, format!("a photo is (n, 3, h, w), not {}", photo.ty())));
    };
    let most = LONGEST.saturating_mul(h.min(w));
    let kept = middle(photo, Hw::new(h.min(most), w.min(most)))?;
    let (h, w) = (h.min(most), w.min(most));
    let shorter = h.min(w);
    let side = |side: usize| (side * SHORTER + shorter / 2) / shorter;
    middle(&photo::scaled(&kept, Hw::new(side(h), side(w)))?, SIZE)
}

/// The middle of a picture that is no smaller than `size`.
fn middle(picture: &Var, size: Hw) -> Result<Var> {
    let [.., h, w] = *picture.shape() else { return Ok(picture.clone()) };
    if (h, w) == (size.h, size.w) {
        return Ok(picture.clone());
    }
    picture.crop(h.saturating_sub(size.h) / 2, w.saturating_sub(size.w) / 2, size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Array;
    use crate::plan::{Device, Plan};

    #[test]
    fn the_centre_is_what_lies_in_the_middle() {
        let of = |h: usize, w: usize| {
            let graph = Graph::new();
            // Each pixel is its own place: columns in red, rows in green.
            let photo = Array::from_fn([1, 3, h, w], |i| match i / (h * w) {
                0 => (i % w) as f32 + 0.5,
                1 => (i / w % h) as f32 + 0.5,
                _ => 0.0,
            });
            let cut = centre(&graph.input("photo", photo.ty()).unwrap()).unwrap();
            let made = Plan::compile(Device::Cpu, &[&cut]).unwrap().run(&[("photo", &photo)]).unwrap().remove(0);
            assert_eq!(made.shape(), [1, 3, 224, 224]);
            let at = |c: usize, y: usize, x: usize| made.values::<f32>().unwrap()[(c * 224 + y) * 224 + x];
            // The first and the last pixel, in the photo's own.
            [at(0, 0, 0), at(0, 0, 223), at(1, 0, 0), at(1, 223, 0)]
        };
        let near = |made: [f32; 4], wanted: [f32; 4]| made.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.02 * b.abs().max(1.0));
        // 256 x 256: pixels 16 to 239. Half the size: the same places at half the distance.
        assert!(near(of(256, 256), [16.5, 239.5, 16.5, 239.5]));
        assert!(near(of(128, 128), [8.25, 119.75, 8.25, 119.75]));
        assert!(near(of(256, 300), [38.5, 261.5, 16.5, 239.5]));
        // A line of 3 x 400: its middle.
        let [left, right, ..] = of(3, 400);
        assert!((left + right - 400.0).abs() < 0.1 && right - left < 3.0, "{left} to {right}");
    }
}
