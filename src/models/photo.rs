//! Photos at the sizes that networks take.

use crate::array::Hw;
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

/// The mask, (n, 1, h, w), of a photo of any size, by a network that makes one, of any size, of images of `size`.
///
/// # Errors
/// What `network` refuses; if `photo` or the mask are not four-dimensional.
pub fn mask(photo: &Var, size: Hw, network: impl FnOnce(&Var) -> Result<Var>) -> Result<Var> {
    network(&scaled(photo, size)?)?.resize(Resize::bilinear(size_of(photo)?))
}

fn size_of(photo: &Var) -> Result<Hw> {
    match *photo.shape() {
        [_, _, h, w] => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("photo", format!("a photo is (n, c, h, w), not {}", photo.ty()))),
    }
}
