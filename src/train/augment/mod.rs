//! Examples that look different at each visit, so that a network does not learn them by heart.
//!
//! | augmentation | torchvision | what it draws |
//! |---|---|---|
//! | [`HorizontalFlip`](Augmentation::HorizontalFlip), [`VerticalFlip`](Augmentation::VerticalFlip) | `RandomHorizontalFlip`, `RandomVerticalFlip` | whether, with probability p |
//! | [`Crop`](Augmentation::Crop) | `RandomCrop(size, padding)` | a place of the padded image |
//! | [`ResizedCrop`](Augmentation::ResizedCrop) | `RandomResizedCrop(size, scale, ratio)` | a part by its share of the area and its proportions, and its place |
//! | [`Rotation`](Augmentation::Rotation) | `RandomRotation(degrees)`, bilinear | an angle of plus or minus that |
//! | [`ColorJitter`](Augmentation::ColorJitter) | `ColorJitter(brightness, contrast, saturation)` | factors, and their order |
//! | [`GaussianNoise`](Augmentation::GaussianNoise) | `v2.GaussianNoise(mean, sigma, clip)` | a number for each value |
//!
//! Images keep their size. What moves pixels moves those of a label (h, w) alike; an image is read bilinearly and is 0 outside, labels are those
//! of the nearest pixel and [`VOID`](super::VOID) outside.
//!
//! A resized crop that comes first acts before pictures are resized to examples, as in torchvision: it draws a part of the picture as it came
//! ([`Dataset::cropped`]), all of it rather than the middle, and resizes that with its full detail. Elsewhere, and where data have no pictures
//! beside their examples, it enlarges a part of the example.

mod colour;
mod movement;

use super::{Dataset, Numbers};
use crate::array::{Array, DType, Hw, TensorType};
use crate::error::{Error, Result};
use colour::{jittered, noisy};
use std::fmt;
use std::sync::Arc;

/// A way to change examples, with numbers that say how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Augmentation {
    /// Left becomes right with probability p.
    HorizontalFlip {
        /// 0 to 1; torchvision's is 0.5.
        p: f64,
    },
    /// Top becomes bottom with probability p.
    VerticalFlip {
        /// 0 to 1; torchvision's is 0.5.
        p: f64,
    },
    /// Moved by up to `padding` pixels each way.
    Crop {
        /// Pixels around the image, of which as many are cut off.
        padding: usize,
    },
    /// A part of the image, resized to all of it; as the first augmentation, of the picture that the image was made of.
    ResizedCrop {
        /// The part's share of the area, the least and the most; torchvision's are 0.08 and 1.
        scale: [f64; 2],
        /// Its width over its height, the least and the most; torchvision's are 3/4 and 4/3.
        ratio: [f64; 2],
    },
    /// Turned about its middle.
    Rotation {
        /// By up to so many degrees to either side.
        degrees: f64,
    },
    /// Brighter or darker, and so on: each factor is between 1 less and 1 plus its number, at least 0.
    ColorJitter {
        /// Of every value.
        brightness: f64,
        /// Of the distance from the image's mean luma.
        contrast: f64,
        /// Of the distance from the pixel's luma.
        saturation: f64,
    },
    /// Normal numbers added to every value.
    GaussianNoise {
        /// Their mean.
        mean: f64,
        /// Their deviation; torchvision's is 0.1.
        sigma: f64,
        /// Whether sums are brought back into 0..1.
        clip: bool,
    },
}

impl Augmentation {
    /// Why its numbers have no meaning for images of so many channels.
    fn refusal(&self, channels: usize) -> Option<&'static str> {
        let ordered = |[low, high]: [f64; 2]| low > 0.0 && low <= high && high.is_finite();
        let positive = |n: f64| n >= 0.0 && n.is_finite();
        let (fine, reason) = match *self {
            Self::HorizontalFlip { p } | Self::VerticalFlip { p } => ((0.0..=1.0).contains(&p), "a probability is 0 to 1"),
            Self::Crop { padding } => (padding <= 1 << 14, "the padding is at most 16384"),
            Self::ResizedCrop { scale, ratio } => (
                ordered(scale) && ordered(ratio) && scale[1] <= 1.0,
                "scale and ratio are positive, the least first, and no scale is above 1",
            ),
            Self::Rotation { degrees } => (positive(degrees), "degrees are at least 0"),
            Self::ColorJitter { .. } if !matches!(channels, 1 | 3) => (false, "an image with colours has 1 or 3 channels"),
            Self::ColorJitter { brightness, contrast, saturation } => {
                ([brightness, contrast, saturation].into_iter().all(positive), "its numbers are at least 0")
            }
            Self::GaussianNoise { mean, sigma, .. } => (mean.is_finite() && positive(sigma), "a deviation is at least 0"),
        };
        (!fine).then_some(reason)
    }

    fn apply(&self, sample: &mut Sample, random: &mut Numbers) {
        match *self {
            Self::HorizontalFlip { p } if random.between(0.0, 1.0) < p => sample.flip([true, false]),
            Self::VerticalFlip { p } if random.between(0.0, 1.0) < p => sample.flip([false, true]),
            Self::HorizontalFlip { .. } | Self::VerticalFlip { .. } => {}
            Self::Crop { padding } => sample.crop(padding, random),
            Self::ResizedCrop { scale, ratio } => sample.resized_crop(scale, ratio, random),
            Self::Rotation { degrees } => sample.rotate(random.between(-degrees, degrees).to_radians()),
            Self::ColorJitter { brightness, contrast, saturation } => {
                jittered(&mut sample.image, sample.channels, [brightness, contrast, saturation], random);
            }
            Self::GaussianNoise { mean, sigma, clip } => noisy(&mut sample.image, mean, sigma, clip, random),
        }
    }
}

/// An example on its way through augmentations.
struct Sample {
    /// (channels, h, w)
    image: Vec<f32>,
    /// (h, w), if each pixel has one.
    label: Option<Vec<i32>>,
    channels: usize,
    size: Hw,
}

/// A data set whose tensor `image`, f32 (c, h, w) of 0..1, and `label`, where it is i32 (h, w), are changed by augmentations, one after the other.
///
/// What an example looks like is decided by the seed, its number and the visit alone.
pub struct Augmented {
    data: Arc<dyn Dataset>,
    augmentations: Vec<Augmentation>,
    seed: u64,
    /// Where an example's image stands among its tensors, and a label of pixels.
    image: usize,
    label: Option<usize>,
    channels: usize,
    size: Hw,
}

impl fmt::Debug for Augmented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Augmented").field("augmentations", &self.augmentations).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Augmented {
    /// The examples of `data` as these augmentations change them.
    ///
    /// # Errors
    /// If the data have no image, or an augmentation's numbers no meaning.
    pub fn new(data: Arc<dyn Dataset>, augmentations: Vec<Augmentation>, seed: u64) -> Result<Self> {
        let tensors = data.tensors();
        let find = |name: &str, dtype: DType| tensors.iter().position(|(n, ty)| n == name && ty.dtype == dtype);
        let Some((image, &[channels, h, w])) = find("image", DType::F32).map(|at| (at, &*tensors[at].1.shape)) else {
            let types: Vec<String> = tensors.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
            return Err(Error::shape("augmentation", format!("needs an image f32 (c, h, w); the data have {}", types.join(", "))));
        };
        for augmentation in &augmentations {
            if let Some(reason) = augmentation.refusal(channels) {
                return Err(Error::shape("augmentation", format!("{augmentation:?}: {reason}")));
            }
        }
        let label = find("label", DType::I32).filter(|at| tensors[*at].1.shape == [h, w]);
        Ok(Self { data, augmentations, seed, image, label, channels, size: Hw::new(h, w) })
    }
}

impl Dataset for Augmented {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        self.data.tensors()
    }

    fn example(&self, index: usize, visit: u64) -> Result<Vec<Array>> {
        let random = |number: usize| Numbers::new(self.seed, &format!("augmentation {number} of example {index} visit {visit}"));
        let cropped = match self.augmentations.first() {
            Some(&Augmentation::ResizedCrop { scale, ratio }) => {
                self.data.cropped(index, visit, &|size| movement::part(size, scale, ratio, &mut random(0)))?
            }
            _ => None,
        };
        let done = usize::from(cropped.is_some());
        let mut tensors = cropped.map_or_else(|| self.data.example(index, visit), Ok)?;
        let lacking = || Error::shape("augmentation", format!("example {index} lacks a tensor"));
        let image = tensors.get(self.image).ok_or_else(lacking)?.values()?.to_vec();
        let label = match self.label {
            Some(at) => Some(tensors.get(at).ok_or_else(lacking)?.values()?.to_vec()),
            None => None,
        };
        let mut sample = Sample { image, label, channels: self.channels, size: self.size };
        for (number, augmentation) in self.augmentations.iter().enumerate().skip(done) {
            augmentation.apply(&mut sample, &mut random(number));
        }
        tensors[self.image] = Array::new([self.channels, self.size.h, self.size.w], sample.image)?;
        if let (Some(at), Some(label)) = (self.label, sample.label) {
            tensors[at] = Array::new([self.size.h, self.size.w], label)?;
        }
        Ok(tensors)
    }
}

#[cfg(test)]
mod tests;
