//! Pictures of any size as examples of one.

use crate::array::{Array, Hw, TensorType, picture};
use crate::error::{Error, Result};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage};
use std::path::Path;

/// What becomes of a picture whose sides are not those of an example's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// All of it is seen, each side resized on its own.
    Stretch,
    /// The part in its middle that has the example's proportions is resized: `Resize` and `CenterCrop`.
    #[default]
    Crop,
}

/// A part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Rows above it.
    pub top: usize,
    /// Columns left of it.
    pub left: usize,
    /// Its height and width.
    pub size: Hw,
}

impl Part {
    /// This part, if it is one of a picture of size `from`.
    pub(super) fn within(self, from: Hw) -> Result<Self> {
        let inside = |first: usize, part: usize, side: usize| part > 0 && first.checked_add(part).is_some_and(|end| end <= side);
        if inside(self.top, self.size.h, from.h) && inside(self.left, self.size.w, from.w) {
            return Ok(self);
        }
        Err(Error::shape("crop", format!("{self:?} is no part of a picture of {} x {}", from.h, from.w)))
    }
}

/// Size and channels of an example, and how pictures come to them.
///
/// Pictures are resized linearly, with antialiasing where they shrink; masks take the class at the middle of each new pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    size: Hw,
    channels: usize,
    fit: Fit,
}

impl Frame {
    /// Images of `size` with 1 or 3 channels: grey, by the luma of ITU-R BT.601 where pictures have colours, or red, green and blue.
    ///
    /// # Errors
    /// If there are other channels, or a side is 0 or above 16,384.
    pub fn new(size: Hw, channels: usize, fit: Fit) -> Result<Self> {
        if !matches!(channels, 1 | 3) || [size.h, size.w].iter().any(|side| !(1..=1 << 14).contains(side)) {
            let reason = format!("{channels} channels of {} x {}; there are 1 or 3, and sides of 1 to 16384", size.h, size.w);
            return Err(Error::shape("frame", reason));
        }
        Ok(Self { size, channels, fit })
    }

    /// The type of an example's image: f32 (channels, h, w).
    pub fn image_type(&self) -> TensorType {
        TensorType::f32([self.channels, self.size.h, self.size.w])
    }

    /// Height and width.
    pub fn size(&self) -> Hw {
        self.size
    }

    /// 1 or 3.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The example's image of the picture in a file, a PNG, JPEG or WebP: f32 (channels, h, w) of 0..1; opacity is left out.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of another format or too large.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Array> {
        let picture = picture::read(path.as_ref())?;
        let part = self.part(size(&picture));
        Ok(self.image(picture, part))
    }

    /// The example's image, 0..1, of a part of a picture; opacity is left out.
    pub(super) fn image(&self, picture: DynamicImage, part: Part) -> Array {
        let Part { top, left, size: Hw { h, w } } = part;
        let picture = if part.size == size(&picture) { picture } else { picture.crop_imm(pixels(left), pixels(top), pixels(w), pixels(h)) };
        let eight_bit = picture.color().bytes_per_pixel() == picture.color().channel_count();
        let picture = if eight_bit { picture.into_rgb8().into() } else { DynamicImage::from(picture.into_rgb32f()) };
        let resized = || picture.resize_exact(pixels(self.size.w), pixels(self.size.h), FilterType::Triangle);
        let picture = if part.size == self.size { picture } else { resized() };
        let (rgb, area) = (picture.into_rgb32f().into_raw(), self.size.area());
        Array::from_fn(self.image_type().shape, |i| match (self.channels, &rgb[3 * (i % area)..][..3]) {
            (1, rgb) => luma(rgb[0], rgb[1], rgb[2]),
            (_, rgb) => rgb[i / area],
        })
    }

    /// The example's classes of a part of a mask: i32 (h, w).
    pub(super) fn classes(&self, mask: &GrayImage, part: Part) -> Array {
        let Part { top, left, size: Hw { h, w } } = part;
        let part = imageops::crop_imm(mask, pixels(left), pixels(top), pixels(w), pixels(h)).to_image();
        let classes = imageops::resize(&part, pixels(self.size.w), pixels(self.size.h), FilterType::Nearest).into_raw();
        Array::from_fn([self.size.h, self.size.w], |i| i32::from(classes[i]))
    }

    /// The part of a picture of size `from` that is seen.
    pub(super) fn part(&self, from: Hw) -> Part {
        let (top, left, size) = match self.fit {
            Fit::Stretch => (0, 0, from),
            Fit::Crop => from.covering(self.size),
        };
        Part { top, left, size }
    }
}

/// Height and width of a picture.
pub(super) fn size(picture: &DynamicImage) -> Hw {
    Hw::new(picture.height() as usize, picture.width() as usize)
}

/// 0.299 r + 0.587 g + 0.114 b, and exactly the grey of what is grey.
pub(super) fn luma(r: f32, g: f32, b: f32) -> f32 {
    g + 0.299 * (r - g) + 0.114 * (b - g)
}

/// A side of at most 2^27 pixels.
#[expect(clippy::cast_possible_truncation, reason = "sides of pictures came as u32, those of frames are bounded")]
fn pixels(side: usize) -> u32 {
    side as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(h: usize, w: usize, channels: usize, fit: Fit) -> Frame {
        Frame::new(Hw::new(h, w), channels, fit).unwrap()
    }

    /// Columns of 0, 51, 102, .. in red; green 255, blue 0.
    fn columns(h: u32, w: u32) -> DynamicImage {
        #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
        image::RgbImage::from_fn(w, h, |x, _| image::Rgb([(51 * x) as u8, 255, 0])).into()
    }

    impl Frame {
        fn whole(&self, picture: DynamicImage) -> Array {
            let part = self.part(size(&picture));
            self.image(picture, part)
        }
    }

    #[test]
    fn a_picture_is_cropped_or_stretched() {
        let red = |array: Array| array.values::<f32>().unwrap()[..4].iter().map(|v| (v * 255.0).round() as i32).collect::<Vec<_>>();
        // 4 x 2 in the middle of 4 x 6 becomes 2 x 1; all of it becomes 2 x 2.
        let cropped = frame(2, 1, 3, Fit::Crop).whole(columns(4, 6));
        assert_eq!(cropped.shape(), [3, 2, 1]);
        assert!(red(cropped)[..2].iter().all(|v| [127, 128].contains(v)), "the mean of columns 2 and 3");
        let same = frame(4, 6, 3, Fit::Stretch).whole(columns(4, 6));
        assert_eq!((red(same.clone()), same.values::<f32>().unwrap()[24]), (vec![0, 51, 102, 153], 1.0));
        let stretched = red(frame(2, 2, 3, Fit::Stretch).whole(columns(4, 6)));
        // A triangle with a radius of 3 around column 1: (2 x 0 + 3 x 51 + 2 x 102 + 153) / 8 = 63.75, and the same from the right.
        assert_eq!(stretched, [64, 191, 64, 191]);
        let grey = frame(1, 1, 1, Fit::Crop).whole(columns(1, 1));
        assert!((grey.to_f64()[0] - 0.587).abs() < 1e-6);
        assert_eq!(luma(0.3, 0.3, 0.3), 0.3);
    }

    #[test]
    fn a_mask_keeps_its_classes() {
        let mask = GrayImage::from_fn(6, 2, |x, y| image::Luma([if x < 2 { 7 } else { [9, 255][y as usize] }]));
        let classes = |h, w, fit| {
            let frame = frame(h, w, 3, fit);
            frame.classes(&mask, frame.part(Hw::new(2, 6))).to_f64()
        };
        assert_eq!(classes(2, 3, Fit::Stretch), [7.0, 9.0, 9.0, 7.0, 255.0, 255.0]);
        assert_eq!(classes(2, 2, Fit::Crop), [9.0, 9.0, 255.0, 255.0]);
        assert_eq!(classes(4, 12, Fit::Stretch).iter().filter(|c| **c == 7.0).count(), 16);
    }

    #[test]
    fn what_no_image_can_be_is_refused() {
        for (h, w, channels) in [(0, 4, 3), (4, 20_000, 3), (4, 4, 2)] {
            let error = Frame::new(Hw::new(h, w), channels, Fit::Crop).unwrap_err().to_string();
            assert!(error.contains(&format!("{channels} channels of {h} x {w}")), "{error}");
        }
    }
}
