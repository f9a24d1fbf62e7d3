//! Photos at the sizes that networks take.

use crate::array::{Array, DType, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::ops::Resize;

/// `photo`, (n, c, h, w), at another size: linear, averaging where it shrinks.
///
/// # Errors
/// If `photo` is not four-dimensional.
pub fn scaled(photo: &Var, size: Hw) -> Result<Var> {
    let from = size_of(photo)?;
    // One side after the other: the weights of an antialiased resize reach far, and a product of two sides would read each
    // pixel that often.
    let higher = if from.h == size.h { photo.clone() } else { photo.resize(Resize::smooth(Hw::new(size.h, from.w)))? };
    if from.w == size.w { Ok(higher) } else { higher.resize(Resize::smooth(size)) }
}

/// As much of the middle of a `photo`, (n, c, h, w), as has the proportions of `size`, at that size.
///
/// # Errors
/// If `photo` is not four-dimensional, or has no pixels.
pub fn middle(photo: &Var, size: Hw) -> Result<Var> {
    let from = size_of(photo)?;
    if from.area() == 0 || size.area() == 0 {
        return Err(Error::shape("photo", format!("nothing of {} can be {} x {}", photo.ty(), size.h, size.w)));
    }
    let (top, left, part) = from.covering(size);
    scaled(&if part == from { photo.clone() } else { photo.crop(top, left, part)? }, size)
}

/// A `photo` (n, 3, h, w), RGB, in grey, (n, 1, h, w): the luma of ITU-R BT.601, as of a [`Frame`](crate::train::Frame) of one channel.
///
/// # Errors
/// If `photo` has another shape.
pub fn grey(photo: &Var) -> Result<Var> {
    if photo.shape().get(1) != Some(&3) || photo.shape().len() != 4 {
        return Err(Error::shape("photo", format!("a photo with colours is (n, 3, h, w), not {}", photo.ty())));
    }
    let factors = photo.graph().constant(Array::new([1, 3, 1, 1], vec![0.299f32, 0.587, 0.114])?)?;
    photo.mul(&factors)?.reduce_sum(&[1], true)
}

/// The mask, (n, 1, h, w), of a photo of any size, by a network that makes one, of any size, of images of `size`.
///
/// # Errors
/// What `network` refuses; if `photo` or the mask are not four-dimensional.
pub fn mask(photo: &Var, size: Hw, network: impl FnOnce(&Var) -> Result<Var>) -> Result<Var> {
    network(&scaled(photo, size)?)?.resize(Resize::bilinear(size_of(photo)?))
}

/// The size at which scores of a photo of this size are compared: its own, up to 1024 pixels a side. What is larger still is made of whole
/// classes.
pub fn compared(photo: Hw) -> Hw {
    photo.fitted(SMOOTH)
}

const SMOOTH: usize = 1024;

/// The likeliest class of each pixel, i32 (n, 1, h, w), of a photo of this size by scores (n, classes, sh, sw) of any size: they are
/// enlarged linearly, and then compared.
///
/// # Errors
/// If the scores are not four-dimensional.
pub fn labels(scores: &Var, size: Hw) -> Result<Var> {
    let smooth = compared(size);
    let classes = enlarged(scores, smooth)?.argmax(1, true, false)?;
    if smooth == size { Ok(classes) } else { classes.cast(DType::F32)?.resize(Resize::to(size))?.cast(DType::I32) }
}

/// The probabilities (n, classes, h, w) of the classes of each pixel, by scores as [`labels`] takes them, of the size at which it compares them.
///
/// # Errors
/// If the scores are not four-dimensional.
pub fn probabilities(scores: &Var, size: Hw) -> Result<Var> {
    enlarged(scores, compared(size))?.softmax(1)
}

fn enlarged(scores: &Var, size: Hw) -> Result<Var> {
    if size_of(scores)? == size { Ok(scores.clone()) } else { scores.resize(Resize::bilinear(size)) }
}

pub(super) fn size_of(photo: &Var) -> Result<Hw> {
    match *photo.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("photo", format!("a photo is (n, c, h, w), not {}", photo.ty()))),
    }
}
