//! What a network's weights say of the pictures that it was trained on: metadata beside its tensors, so that one file is all that using it takes.

use super::frame::{Fit, Frame};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use crate::nn::Weights;
use serde::de::DeserializeOwned;

/// The longest side of a photo that a network sees at the photo's own scale or at its examples'.
const LONGEST: usize = 1024;

/// Classes, size and normalisation of the pictures that a network was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// What labels mean, in their order.
    pub classes: Vec<String>,
    /// Height and width of an example; `None` if examples have the scale of a photo's own pixels.
    pub size: Option<Hw>,
    /// How pictures of other sizes came to that.
    pub fit: Fit,
    /// Of each channel: the network sees (value - mean) / std, values being 0 to 1.
    pub mean: Vec<f32>,
    /// Of each channel.
    pub std: Vec<f32>,
}

impl About {
    /// Of nameless classes in pictures of any size, which become 4 (v - 1/2).
    pub fn new(channels: usize) -> Self {
        Self { classes: Vec::new(), size: None, fit: Fit::Crop, mean: vec![0.5; channels], std: vec![0.25; channels] }
    }

    /// As metadata: `classes`, `mean` and `std`, JSON lists; `fit`, `"crop"` or `"stretch"`; and `size`, `[h, w]`, if there is one.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let list = |values: Result<String, serde_json::Error>| values.unwrap_or_default();
        let mut all = vec![
            ("classes", list(serde_json::to_string(&self.classes))),
            ("mean", list(serde_json::to_string(&self.mean))),
            ("std", list(serde_json::to_string(&self.std))),
            ("fit", if self.fit == Fit::Crop { "\"crop\"" } else { "\"stretch\"" }.to_owned()),
        ];
        all.extend(self.size.map(|size| ("size", format!("[{},{}]", size.h, size.w))));
        all
    }

    /// What the metadata of `weights` say; what they are silent about is as in [`About::new`] of three channels.
    ///
    /// # Errors
    /// If a value is no JSON of its form, or numbers make no sense.
    pub fn of(weights: &Weights) -> Result<Self> {
        let wrong = |reason: String| Error::model(weights.source(), reason);
        let usual = Self::new(3);
        let fit = match said::<String>(weights, "fit")?.as_deref() {
            None | Some("crop") => Fit::Crop,
            Some("stretch") => Fit::Stretch,
            Some(other) => return Err(wrong(format!("its metadata say fit '{other}'; it is crop or stretch"))),
        };
        let size = said::<[usize; 2]>(weights, "size")?.map(|[h, w]| Hw::new(h, w));
        let (mean, std) = (said(weights, "mean")?.unwrap_or(usual.mean), said(weights, "std")?.unwrap_or(usual.std));
        if mean.len() != std.len() || mean.iter().any(|m: &f32| !m.is_finite()) || std.iter().any(|s: &f32| !(s.is_finite() && *s > 0.0)) {
            return Err(wrong(format!("its metadata say mean {mean:?} and std {std:?}, by which nothing can be normalised")));
        }
        if let Some(size) = size.filter(|size| [size.h, size.w].iter().any(|side| !(1..=1 << 14).contains(side))) {
            return Err(wrong(format!("its metadata say size {} x {}; sides are 1 to 16384", size.h, size.w)));
        }
        Ok(Self { classes: said(weights, "classes")?.unwrap_or_default(), size, fit, mean, std })
    }

    /// What a label is called.
    pub fn class(&self, label: usize) -> String {
        self.classes.get(label).cloned().unwrap_or_else(|| format!("class {label}"))
    }

    /// What makes examples of pictures.
    ///
    /// # Errors
    /// If there is no size, or there are other channels than 1 or 3.
    pub fn frame(&self) -> Result<Frame> {
        let size = self.size.ok_or_else(|| Error::shape("frame", "examples have no size: they have the scale of a photo's own pixels"))?;
        Frame::new(size, self.mean.len(), self.fit)
    }

    /// The size at which a network sees all of a `photo`: of cropped examples the scale is that of the middle part they would be; no side is
    /// longer than 1024, unless an example's is.
    pub fn seen(&self, photo: Hw) -> Hw {
        let scaled = match (self.size, self.fit) {
            (Some(size), Fit::Stretch) => return size,
            (Some(size), Fit::Crop) if photo.area() > 0 => {
                // The photo covers the example: the greater of both factors, rounded to whole pixels.
                let (wide, side) = (photo.w * size.h > photo.h * size.w, |a: usize, by: usize, over: usize| (a * by + over / 2) / over);
                if wide { Hw::new(size.h, side(photo.w, size.h, photo.h)) } else { Hw::new(side(photo.h, size.w, photo.w), size.w) }
            }
            _ => photo,
        };
        scaled.fitted(self.size.map_or(LONGEST, |size| size.h.max(size.w).max(LONGEST)))
    }

    /// `scale (image - mean) / std + shift`, by channel, of an image (n, c, h, w); nothing is added to the graph where that is the image.
    ///
    /// # Errors
    /// If the image has other channels than mean and std.
    pub fn normalised(&self, image: &Var, scale: f32, shift: f32) -> Result<Var> {
        if image.shape().get(1) != Some(&self.mean.len()) || image.shape().len() != 4 {
            return Err(Error::shape("normalised", format!("{} has not the {} channels of the mean", image.ty(), self.mean.len())));
        }
        let each = |of: &dyn Fn(f32, f32) -> f32| self.mean.iter().zip(&self.std).map(|(mean, std)| of(*mean, *std)).collect::<Vec<f32>>();
        let (factor, offset) = (each(&|_, std| scale / std), each(&|mean, std| shift - scale * mean / std));
        if factor.iter().all(|f| *f == 1.0) && offset.iter().all(|o| *o == 0.0) {
            return Ok(image.clone());
        }
        let constant = |values: Vec<f32>| image.graph().constant(Array::new([1, values.len(), 1, 1], values)?);
        image.mul(&constant(factor)?)?.add(&constant(offset)?)
    }
}

/// The value under `key`, if there is one.
fn said<T: DeserializeOwned>(weights: &Weights, key: &str) -> Result<Option<T>> {
    let Some(text) = weights.metadata().get(key) else { return Ok(None) };
    let wrong = |e| Error::model(weights.source(), format!("its metadata have '{key}' as {text}: {e}"));
    serde_json::from_str(text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            classes: vec!["sky".into(), "ü".into()], size: Some(Hw::new(96, 128)), fit: Fit::Stretch, mean: vec![0.1], std: vec![0.25]
        }
    }

    fn weights(metadata: &[(&str, &str)]) -> Weights {
        metadata.iter().fold(Weights::from_arrays("here", []), |weights, (key, value)| weights.with_metadata(key, value))
    }

    #[test]
    fn what_is_said_is_read_again() {
        for about in [about(), About { size: None, fit: Fit::Crop, ..about() }, About::new(3)] {
            let metadata = about.metadata();
            let pairs: Vec<(&str, &str)> = metadata.iter().map(|(key, value)| (*key, &**value)).collect();
            assert_eq!(About::of(&weights(&pairs)).unwrap(), about);
        }
        assert_eq!(About::of(&weights(&[])).unwrap(), About::new(3));
        assert_eq!((about().class(1), about().class(2)), ("ü".to_owned(), "class 2".to_owned()));
    }

    #[test]
    fn a_photo_is_seen_at_the_scale_of_examples() {
        let crop = About { fit: Fit::Crop, ..about() };
        // Examples of 96 x 128 from a photo twice as large; from a wider one, of which they are the middle; from a higher one.
        assert_eq!(crop.seen(Hw::new(192, 256)), Hw::new(96, 128));
        assert_eq!(crop.seen(Hw::new(192, 512)), Hw::new(96, 256));
        assert_eq!(crop.seen(Hw::new(301, 256)), Hw::new(151, 128));
        assert_eq!(crop.seen(Hw::new(10, 10_000)), Hw::new(1, 1024), "no side is longer than 1024");
        assert_eq!(about().seen(Hw::new(5, 7)), Hw::new(96, 128));
        let own = About { size: None, ..crop };
        assert_eq!((own.seen(Hw::new(300, 200)), own.seen(Hw::new(4096, 2048))), (Hw::new(300, 200), Hw::new(1024, 512)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let cases = [
            ("size", "[0, 4]", "0 x 4"),
            ("size", "12", "'size' as 12"),
            ("fit", "\"cover\"", "fit 'cover'"),
            ("std", "[0.0, 1.0, 1.0]", "std [0.0, 1.0, 1.0]"),
            ("mean", "[1.0]", "mean [1.0]"),
            ("classes", "cat", "'classes' as cat"),
        ];
        for (key, value, reason) in cases {
            let error = About::of(&weights(&[(key, value)])).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("here"), "{error}");
        }
    }
}
