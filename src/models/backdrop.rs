//! What to put behind a person who has been cut out of a photo.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::{Conv2d, Resize};

/// The longer side at which a backdrop is blurred; a blur has no detail that a larger picture could keep.
const BLUR_SIDE: usize = 384;

/// Standard deviation of the blur, in pixels of that smaller picture.
const SIGMA: f64 = 8.0;

/// `picture`, (1, 3, h, w), scaled and cropped in the middle so that it covers `size` without distortion.
///
/// # Errors
/// If `picture` is not four-dimensional.
pub fn cover(picture: &Var, size: Hw) -> Result<Var> {
    let from = image_size(picture)?;
    let (top, left, part) = from.covering(size);
    picture.crop(top, left, part)?.resize(Resize::smooth(size))
}

/// `photo`, (1, 3, h, w), blurred as if the person that `mask`, (1, 1, h, w), shows were not there.
///
/// With G a Gaussian, b = 1 - mask and p the photo: `G(p b) / G(b)`. Each blurred pixel is a mean of background pixels only,
/// so the person's colours do not bleed into a halo.
///
/// # Errors
/// If `photo` or `mask` have other shapes.
pub fn blurred(photo: &Var, mask: &Var) -> Result<Var> {
    let size = image_size(photo)?;
    let longer = size.h.max(size.w);
    let scaled = |side: usize| if longer > BLUR_SIDE { (side * BLUR_SIDE / longer).max(1) } else { side };
    let small = Resize::smooth(Hw::new(scaled(size.h), scaled(size.w)));
    let graph = photo.graph();
    let one = graph.constant(Array::scalar(1.0f32))?;
    // Where the person fills the whole kernel there is no background to see: the photo itself with a weight that
    // never counts elsewhere.
    let least = graph.constant(Array::scalar(1e-3f32))?;
    let weight = one.sub(&mask.resize(small)?)?.add(&least)?;
    let colours = gaussian(&photo.resize(small)?.mul(&weight)?)?;
    colours.div(&gaussian(&weight)?)?.resize(Resize::bilinear(size))
}

/// A Gaussian blur of each channel, along y and then along x; beyond the border there is nothing.
fn gaussian(x: &Var) -> Result<Var> {
    let radius = (3.0 * SIGMA).ceil() as usize;
    let taps: Vec<f64> = (0..=2 * radius).map(|i| (-0.5 * ((i as f64 - radius as f64) / SIGMA).powi(2)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    let channels = x.shape()[1];
    let n = taps.len();
    let weight = |shape: [usize; 4]| x.graph().constant(Array::from_fn(shape, |i| (taps[i % n] / sum) as f32));
    let depthwise = |h, w| Conv2d { padding: crate::array::Pads::symmetric(h, w), groups: channels, ..Conv2d::default() };
    let columns = x.conv2d(&weight([channels, 1, n, 1])?, None, depthwise(radius, 0))?;
    columns.conv2d(&weight([channels, 1, 1, n])?, None, depthwise(0, radius))
}

fn image_size(x: &Var) -> Result<Hw> {
    match *x.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("backdrop", format!("expected (n, c, h, w), got {}", x.ty()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_covers_the_photo() {
        assert_eq!(Hw::new(100, 200).covering(Hw::new(50, 50)), (0, 50, Hw::new(100, 100)));
        assert_eq!(Hw::new(200, 100).covering(Hw::new(50, 100)), (75, 0, Hw::new(50, 100)));
        assert_eq!(Hw::new(1, 1000).covering(Hw::new(1000, 1)), (0, 499, Hw::new(1, 1)));
    }
}
