//! Pictures held in memory: those of an `.npz` file, or of two IDX files.
//!
//! | array | layouts |
//! |---|---|
//! | `image` | (n, h, w), (n, 1, h, w) or (n, 3, h, w); integers of 0 to 255 or floats of 0 to 1 |
//! | `label` | integers: (n), a class for each picture, or (n, h, w), one for each pixel, of which 255 is none |

use super::frame::{Fit, Frame, Part};
use super::mask::VOID;
use super::{Dataset, read_idx};
use crate::array::{Array, DType, Data, Hw, TensorType, npy};
use crate::error::{Error, Result};
use image::{DynamicImage, GrayImage, Rgb32FImage, RgbImage};
use std::path::Path;

/// Pictures in memory with the tensors `image`, f32 (channels, h, w) of 0..1, and `label`, one i32 or i32 (h, w).
#[derive(Clone, Debug)]
pub struct Pictures {
    pixels: Pixels,
    /// Of the arrays: their planes and sizes.
    planes: usize,
    from: Hw,
    labels: Labels,
    frame: Frame,
}

/// A class for each picture, or one for each pixel.
#[derive(Clone, Debug)]
enum Labels {
    Pictures(Vec<i32>),
    Pixels(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Pixels {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Pictures {
    /// Of the arrays `image` and `label` of a file.
    ///
    /// # Errors
    /// If it cannot be read, lacks one of them, or they have other layouts or values than the table says.
    pub fn open_npz(path: impl AsRef<Path>) -> Result<Self> {
        let (path, name) = (path.as_ref(), path.as_ref().display().to_string());
        let arrays = npy::read_npz(path)?;
        let find = |wanted: &str| {
            let names = || arrays.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let found = arrays.iter().find(|(name, _)| name == wanted).map(|(_, array)| array);
            found.ok_or_else(|| Error::model(name.clone(), format!("has no array '{wanted}'; it has {}", names())))
        };
        Self::new(&name, find("image")?, find("label")?)
    }

    /// Of a file of pictures and one of labels, as MNIST and its kin come.
    ///
    /// # Errors
    /// If a file cannot be read; as [`Pictures::new`].
    pub fn open_idx(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Self> {
        Self::new(&images.as_ref().display().to_string(), &read_idx(&images)?, &read_idx(labels)?)
    }

    /// Of two arrays; `source` stands for them in errors. Examples are as large as the arrays' pictures.
    ///
    /// # Errors
    /// If they have other layouts or values than the table above says.
    pub fn new(source: &str, images: &Array, labels: &Array) -> Result<Self> {
        let wrong = |reason: String| Error::model(source, reason);
        let (n, planes, from) = match *images.shape() {
            [n, h, w] => (n, 1, Hw::new(h, w)),
            [n, planes @ (1 | 3), h, w] => (n, planes, Hw::new(h, w)),
            _ => return Err(wrong(format!("images are {}, not (n, h, w), (n, 1, h, w) or (n, 3, h, w)", images.ty()))),
        };
        let bytes = |what: &str, array: &Array| {
            let each = |v: f64| whole(v).and_then(|v| u8::try_from(v).ok()).ok_or_else(|| wrong(format!("has {what} of {v}")));
            array.to_f64().into_iter().map(each).collect::<Result<Vec<u8>>>()
        };
        let integers = matches!(labels.dtype(), DType::I32 | DType::U32);
        let labels = match *labels.shape() {
            [same] if same == n && integers => {
                let each = |v: f64| whole(v).ok_or_else(|| wrong(format!("has a label of {v}")));
                Labels::Pictures(labels.to_f64().into_iter().map(each).collect::<Result<_>>()?)
            }
            [same, h, w] if same == n && Hw::new(h, w) == from && integers => Labels::Pixels(bytes("a label", labels)?),
            _ => return Err(wrong(format!("labels are {}, not integers (n) or (n, h, w) of images {}", labels.ty(), images.ty()))),
        };
        if n == 0 {
            return Err(wrong(format!("has no pictures: {}", images.ty())));
        }
        let frame = Frame::new(from, planes, Fit::default()).map_err(|e| wrong(e.to_string()))?;
        let pixels = match images.data() {
            Data::F32(_) | Data::F16(_) => {
                Pixels::Floats(floats(images).map_err(|v| wrong(format!("has a pixel of {v}; floats are 0 to 1")))?)
            }
            Data::I32(_) | Data::U32(_) => Pixels::Bytes(bytes("a pixel", images)?),
            _ => return Err(wrong(format!("images are {}, neither integers nor f32", images.ty()))),
        };
        Ok(Self { pixels, planes, from, labels, frame })
    }

    /// What examples are: as large as the arrays' pictures, until [`Pictures::framed`].
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// The same as other examples.
    #[must_use]
    pub fn framed(self, frame: Frame) -> Self {
        Self { frame, ..self }
    }

    /// The largest label but 255 of pixels, and 1: how many classes there are at least.
    pub fn classes(&self) -> usize {
        let largest = match &self.labels {
            Labels::Pictures(all) => all.iter().copied().max(),
            Labels::Pixels(all) => all.iter().filter(|label| **label != VOID).max().map(|label| i32::from(*label)),
        };
        largest.and_then(|label| usize::try_from(label).ok()).map_or(1, |label| label + 1)
    }

    /// Example `index` as a picture.
    fn picture(&self, index: usize) -> Option<DynamicImage> {
        let (Hw { h, w }, planes, area) = (self.from, self.planes, self.from.area());
        let (width, height) = (u32::try_from(w).ok()?, u32::try_from(h).ok()?);
        let range = index * planes * area..(index + 1) * planes * area;
        // Channels behind rows and columns; a single plane is all three.
        let place = |i: usize| i % 3 % planes * area + i / 3;
        match &self.pixels {
            Pixels::Bytes(all) => {
                let own = all.get(range)?;
                RgbImage::from_raw(width, height, (0..3 * area).map(|i| own[place(i)]).collect()).map(Into::into)
            }
            Pixels::Floats(all) => {
                let own = all.get(range)?;
                Rgb32FImage::from_raw(width, height, (0..3 * area).map(|i| own[place(i)]).collect()).map(Into::into)
            }
        }
    }

    /// The label of example `index`, of a part of its picture.
    fn label(&self, index: usize, part: Part) -> Option<Array> {
        let all = match &self.labels {
            Labels::Pictures(all) => return all.get(index).map(|label| Array::scalar(*label)),
            Labels::Pixels(all) => all,
        };
        let (width, height) = (u32::try_from(self.from.w).ok()?, u32::try_from(self.from.h).ok()?);
        let own = all.get(index * self.from.area()..(index + 1) * self.from.area())?;
        GrayImage::from_raw(width, height, own.to_vec()).map(|mask| self.frame.classes(&mask, part))
    }

    fn seen(&self, index: usize, part: Part) -> Result<Vec<Array>> {
        let missing = || Error::shape("dataset", format!("example {index} of {}", self.len()));
        let made = if index < self.len() { self.picture(index).zip(self.label(index, part)) } else { None };
        let (picture, label) = made.ok_or_else(missing)?;
        Ok(vec![self.frame.image(picture, part), label])
    }
}

impl Dataset for Pictures {
    fn len(&self) -> usize {
        match &self.labels {
            Labels::Pictures(all) => all.len(),
            Labels::Pixels(all) => all.len() / self.from.area(),
        }
    }

    fn tensors(&self) -> Vec<(String, TensorType)> {
        let size = self.frame.size();
        let label = if matches!(self.labels, Labels::Pixels(_)) { vec![size.h, size.w] } else { Vec::new() };
        vec![("image".to_owned(), self.frame.image_type()), ("label".to_owned(), TensorType::new(DType::I32, label))]
    }

    fn example(&self, index: usize, _: u64) -> Result<Vec<Array>> {
        self.seen(index, self.frame.part(self.from))
    }

    fn cropped(&self, index: usize, _: u64, part: &dyn Fn(Hw) -> Part) -> Result<Option<Vec<Array>>> {
        self.seen(index, part(self.from).within(self.from)?).map(Some)
    }
}

/// A whole number of 0 to 2^31.
fn whole(value: f64) -> Option<i32> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
    let number = value as i32;
    (number >= 0 && f64::from(number) == value).then_some(number)
}

/// The values of floats of 0 to 1, or the first that is none.
fn floats(array: &Array) -> Result<Vec<f32>, f64> {
    #[expect(clippy::cast_possible_truncation, reason = "they came as f32 or f16")]
    let each = |v: f64| if (0.0..=1.0).contains(&v) { Ok(v as f32) } else { Err(v) };
    array.to_f64().into_iter().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(images: Array, labels: Array) -> Result<Pictures> {
        Pictures::new("data.npz", &images, &labels)
    }

    #[test]
    fn layouts_become_images() {
        let labels = || Array::from_fn([2], |i| 3 * i as i32);
        for shape in [vec![2, 2, 3], vec![2, 1, 2, 3]] {
            let data = new(Array::from_fn(shape, |i| 5 * i as i32), labels()).unwrap();
            let example = data.example(1, 0).unwrap();
            assert_eq!((data.len(), data.classes(), example[1].to_f64()), (2, 4, vec![3.0]));
            assert_eq!(example[0], Array::from_fn([1, 2, 3], |i| (5 * (i + 6)) as f32 / 255.0));
        }
        let floats = Array::from_fn([2, 3, 1, 2], |i| i as f32 / 11.0);
        let data = new(floats.clone(), labels()).unwrap();
        assert_eq!(data.example(1, 0).unwrap()[0].values::<f32>().unwrap(), &floats.values::<f32>().unwrap()[6..]);
        let grey = data.framed(Frame::new(Hw::new(1, 4), 1, Fit::Stretch).unwrap());
        assert!(grey.example(0, 0).unwrap().iter().zip(grey.tensors()).all(|(a, (_, ty))| a.ty() == ty));
        assert!(grey.example(2, 0).unwrap_err().to_string().contains("example 2 of 2"));
    }

    #[test]
    fn pixels_may_have_labels() {
        let labels = Array::from_fn([2, 1, 2], |i| [0, 1, 255, 2][i]);
        let data = new(Array::full([2, 1, 2], 0i32), labels).unwrap();
        assert_eq!((data.len(), data.classes()), (2, 3));
        assert_eq!(data.example(1, 0).unwrap()[1], Array::new([1, 2], vec![255, 2]).unwrap());
    }

    #[test]
    fn other_layouts_and_values_are_refused_with_them() {
        let (images, labels) = (|shape: &[usize]| Array::full(shape, 1i32), |shape: &[usize]| Array::full(shape, 0i32));
        for (images, labels, reason) in [
            (images(&[2, 4, 4, 3]), labels(&[2]), "images are i32[2, 4, 4, 3], not (n, h, w)"),
            (images(&[2, 4, 4]), labels(&[3]), "labels are i32[3], not integers (n)"),
            (images(&[2, 4, 4]), labels(&[2, 4, 3]), "labels are i32[2, 4, 3]"),
            (images(&[0, 4, 4]), labels(&[0]), "has no pictures"),
            (Array::full([1, 1, 1], 256i32), labels(&[1]), "a pixel of 256"),
            (Array::full([1, 1, 1], 1.5f32), labels(&[1]), "a pixel of 1.5; floats are 0 to 1"),
            (images(&[1, 1, 1]), Array::full([1], -1i32), "a label of -1"),
            (images(&[1, 1, 1]), Array::full([1], 1.0f32), "labels are f32[1], not integers"),
        ] {
            let error = new(images, labels).unwrap_err().to_string();
            assert!(error.starts_with("data.npz: ") && error.contains(reason), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.npz");
        npy::write_npz(&path, [("images", &Array::full([1, 2, 2], 0i32))]).unwrap();
        let error = Pictures::open_npz(&path).unwrap_err().to_string();
        assert!(error.contains("some.npz: has no array 'image'; it has images"), "{error}");
    }
}
