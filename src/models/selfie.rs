//! `MediaPipe` Selfie Segmentation: for each pixel of a photo, the probability that it shows a person.
//!
//! ```text
//! image    (n,   3, h,    w   )  RGB in 0..1, published for 256 x 256
//! stem     (n,  16, h/2,  w/2 )  --------------------------> decoder.2 (n, 16, h/2, w/2)
//! encoder.0     16  h/4   w/4    ------------> decoder.1     16  h/4  w/4     |
//! encoder.2     24  h/8   w/8    -> decoder.0  24  h/8  w/8                  head
//! encoder.7     32  h/16  w/16   -> context   128  h/16 w/16                  |
//! mask     (n,   1, h,    w   )  <--------------------------------------------+
//! ```
//!
//! Source: Google's `MediaPipe`, Apache-2.0, `selfie_segmentation.tflite` of the Python package mediapipe 0.10.21;
//! 106,401 parameters. `scripts/export_selfie.py` renamed the tensors, LICENSE-selfie.txt is their licence.

use crate::{
    array::{Hw, Pads},
    error::{Error, Result},
    graph::{Graph, Var},
    models::photo,
    nn::Weights,
    ops::{Conv2d, ConvTranspose2d, Resize},
};

const WEIGHTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/selfie_segmentation.safetensors"));

/// Height and width that the network was trained for.
pub const SIZE: Hw = Hw::square(256);

/// The published weights, which are part of the crate.
///
/// # Errors
/// Never, unless the crate was built from damaged assets.
pub fn weights() -> Result<Weights> {
    Weights::from_bytes(WEIGHTS, "selfie_segmentation.safetensors")
}

/// The mask, (n, 1, h, w), of a photo (n, 3, h, w) of any size with RGB in 0..1: scaled to [`SIZE`], and the mask back.
///
/// # Errors
/// As [`forward`].
pub fn photo_mask(graph: &Graph, weights: &Weights, photo: &Var) -> Result<Var> {
    photo::mask(photo, SIZE, |scaled| forward(graph, weights, scaled))
}

/// The mask, (n, 1, h, w), of an image (n, 3, h, w) with RGB in 0..1. Trained at 256 x 256.
///
/// # Errors
/// If `image` is not (n, 3, h, w) with h and w multiples of 16, or a tensor is missing from `weights`.
pub fn forward(graph: &Graph, weights: &Weights, image: &Var) -> Result<Var> {
    match image.shape()[..] {
        [_, 3, h, w] if h % 16 == 0 && w % 16 == 0 => {}
        _ => return Err(Error::shape("selfie", format!("expected (n, 3, h, w) in multiples of 16, got {:?}", image.shape()))),
    }
    let net = Net { graph, weights };
    let stem = net.conv("stem", image, same(3, 2))?.hardswish()?;

    let mut x = stem.clone();
    let mut outputs = Vec::with_capacity(BLOCKS.len());
    for (i, block) in BLOCKS.iter().enumerate() {
        x = net.encode(&format!("encoder.{i}"), &x, block)?;
        outputs.push(x.clone());
    }
    x = net.context(&x)?;
    for (i, skip) in [&outputs[2], &outputs[0], &stem].into_iter().enumerate() {
        x = net.decode(&format!("decoder.{i}"), &x, skip)?;
    }
    net.head(&x)?.sigmoid()
}

/// An inverted residual block; those of stride 1 add their input.
struct Block {
    kernel: usize,
    stride: usize,
    squeezed: bool,
    activation: fn(&Var) -> Result<Var>,
}

/// Channels in, hidden, out: 16-16-16, 16-72-24, 24-88-24, 24-96-32, 32-128-32, 32-128-32, 32-96-32, 32-96-32.
const BLOCKS: [Block; 8] = [
    Block { kernel: 3, stride: 2, squeezed: true, activation: Var::relu },
    Block { kernel: 3, stride: 2, squeezed: false, activation: Var::relu },
    Block { kernel: 3, stride: 1, squeezed: false, activation: Var::relu },
    Block { kernel: 5, stride: 2, squeezed: true, activation: Var::hardswish },
    Block { kernel: 5, stride: 1, squeezed: true, activation: Var::hardswish },
    Block { kernel: 5, stride: 1, squeezed: true, activation: Var::hardswish },
    Block { kernel: 5, stride: 1, squeezed: true, activation: Var::hardswish },
    Block { kernel: 5, stride: 1, squeezed: true, activation: Var::hardswish },
];

/// TensorFlow's SAME for sizes that `stride` divides: k - s in all, the odd one below and to the right.
fn same(kernel: usize, stride: usize) -> Conv2d {
    let (before, after) = ((kernel - stride) / 2, (kernel - stride).div_ceil(2));
    let padding = Pads { top: before, left: before, bottom: after, right: after };
    Conv2d { stride: Hw::square(stride), padding, ..Default::default() }
}

struct Net<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
}

impl Net<'_> {
    fn parameters(&self, name: &str) -> Result<(Var, Var)> {
        let var = |field| self.weights.var(self.graph, &format!("{name}.{field}"));
        Ok((var("weight")?, var("bias")?))
    }

    fn conv(&self, name: &str, x: &Var, attributes: Conv2d) -> Result<Var> {
        let (weight, bias) = self.parameters(name)?;
        x.conv2d(&weight, Some(&bias), attributes)
    }

    fn pointwise(&self, name: &str, x: &Var) -> Result<Var> {
        self.conv(name, x, Conv2d::default())
    }

    fn depthwise(&self, name: &str, x: &Var, kernel: usize, stride: usize) -> Result<Var> {
        self.conv(name, x, Conv2d { groups: x.shape()[1], ..same(kernel, stride) })
    }

    /// A factor in 0..1 per channel, (n, c, 1, 1), from the channels' means over the image.
    fn squeeze(&self, name: &str, x: &Var) -> Result<Var> {
        let reduced = self.pointwise(&format!("{name}.reduce"), &x.global_avg_pool2d()?)?.relu()?;
        self.pointwise(&format!("{name}.expand"), &reduced)?.sigmoid()
    }

    fn encode(&self, name: &str, x: &Var, block: &Block) -> Result<Var> {
        let y = (block.activation)(&self.pointwise(&format!("{name}.expand"), x)?)?;
        let mut y = (block.activation)(&self.depthwise(&format!("{name}.depthwise"), &y, block.kernel, block.stride)?)?;
        if block.squeezed {
            y = y.mul(&self.squeeze(&format!("{name}.squeeze"), &y)?)?;
        }
        let y = self.pointwise(&format!("{name}.project"), &y)?;
        if block.stride == 1 { y.add(x) } else { Ok(y) }
    }

    fn context(&self, x: &Var) -> Result<Var> {
        let value = self.pointwise("context.value", x)?.relu()?;
        let gate = self.pointwise("context.gate", &x.global_avg_pool2d()?)?.sigmoid()?;
        value.mul(&gate)
    }

    /// Doubles `x` to the size of `skip` and adds as much of `skip` as both together ask for.
    fn decode(&self, name: &str, x: &Var, skip: &Var) -> Result<Var> {
        let size = Hw::new(skip.shape()[2], skip.shape()[3]);
        let x = x.resize(Resize::bilinear(size))?;
        let x = self.pointwise(&format!("{name}.project"), &x)?;
        let gate = self.squeeze(&format!("{name}.squeeze"), &skip.add(&x)?)?;
        let x = skip.mul(&gate)?.add(&x)?;
        let x = self.pointwise(&format!("{name}.mix"), &x)?.relu()?;
        let y = self.depthwise(&format!("{name}.depthwise"), &x, 3, 1)?.relu()?;
        x.add(&y)
    }

    fn head(&self, x: &Var) -> Result<Var> {
        let (weight, bias) = self.parameters("head")?;
        x.conv_transpose2d(&weight, Some(&bias), ConvTranspose2d { stride: Hw::square(2), ..Default::default() })
    }
}
