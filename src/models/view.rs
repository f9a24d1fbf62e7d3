//! How networks that find things see a photo: at which size, and as which numbers.

use super::photo;
use super::voc;
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::Weights;
use crate::ops::scaled;
use crate::train::About;

/// What the released networks subtract from blue, green and red, which are 0 to 255 there.
pub const MEAN: [f32; 3] = [102.9801, 115.9465, 122.7717];

/// They see photos whose shorter side is the first, unless the longer one became more than the second.
const SIDES: [usize; 2] = [600, 1000];

/// What weights say of pictures; `None` if they see them as Fast R-CNN does.
#[derive(Clone, Debug)]
pub(super) struct View(Option<About>);

impl View {
    /// Of weights that `foveate train` wrote, or that have a released network's names and say nothing of pictures.
    ///
    /// # Errors
    /// If metadata make no sense, or are of other pictures than coloured ones.
    pub(super) fn of(weights: &Weights) -> Result<Self> {
        let about = weights.metadata().contains_key("mean").then(|| About::of(weights)).transpose()?;
        match &about {
            Some(about) if about.mean.len() != 3 => {
                let reason = format!("its metadata are of pictures of {} channels; it sees colours", about.mean.len());
                Err(Error::model(weights.source(), reason))
            }
            _ => Ok(Self(about)),
        }
    }

    /// How many classes, the background among them, metadata name, if they do.
    pub(super) fn named(&self) -> Option<usize> {
        self.0.as_ref().map(|about| about.classes.len())
    }

    /// What a class of `classes`, 0 the background, is called.
    pub(super) fn class(&self, class: usize, classes: usize) -> String {
        let published = || voc::CLASSES.get(class).filter(|_| classes == voc::CLASSES.len()).map(|name| (*name).to_owned());
        match &self.0 {
            Some(about) => about.class(class),
            None => published().unwrap_or_else(|| format!("class {class}")),
        }
    }

    /// The size at which a photo of `photo` is seen.
    pub(super) fn size(&self, photo: Hw) -> Hw {
        self.0.as_ref().map_or_else(|| published_size(photo), |about| about.seen(photo))
    }

    /// A `photo` (n, 3, h, w), RGB of 0..1, as it is seen.
    pub(super) fn image(&self, photo: &Var) -> Result<Var> {
        let &[_, 3, h, w] = photo.shape() else {
            return Err(Error::shape("view", format!("a photo is (n, 3, h, w), not {}", photo.ty())));
        };
        let seen = photo::scaled(photo, self.size(Hw::new(h, w)))?;
        match &self.0 {
            Some(about) => about.normalised(&seen, 1.0, 0.0),
            None => data(&seen),
        }
    }
}

/// The data (n, 3, h, w) of the released networks, BGR of 0..255 less [`MEAN`], from RGB of 0..1.
///
/// # Errors
/// If `rgb` has another shape.
pub fn data(rgb: &Var) -> Result<Var> {
    if !matches!(rgb.shape(), [_, 3, _, _]) {
        return Err(Error::shape("view", format!("an image is (n, 3, h, w), not {}", rgb.ty())));
    }
    let mean = rgb.graph().constant(Array::new([1, 3, 1, 1], MEAN.to_vec())?)?;
    scaled(&rgb.flip(&[1])?, 255.0)?.sub(&mean)
}

/// The size at which the released networks see a photo.
fn published_size(photo: Hw) -> Hw {
    let (short, long) = (photo.h.min(photo.w).max(1) as f64, photo.h.max(photo.w).max(1) as f64);
    let factor = (SIDES[0] as f64 / short).min(SIDES[1] as f64 / long);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1000")]
    let side = |side: usize| (side as f64 * factor).round().max(1.0) as usize;
    Hw::new(side(photo.h), side(photo.w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_come_to_600_pixels_unless_they_are_long() {
        assert_eq!(published_size(Hw::new(300, 400)), Hw::new(600, 800));
        assert_eq!(published_size(Hw::new(1200, 4000)), Hw::new(300, 1000));
    }
}
