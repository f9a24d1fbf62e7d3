//! `--background`: what to put behind the person.

use foveate::Result;
use foveate::array::Array;
use foveate::array::picture::Picture;
use std::path::PathBuf;
use std::str::FromStr;

/// What `--background` names.
#[derive(Clone, Debug)]
pub(super) enum Background {
    /// The photo itself, blurred.
    Blur,
    /// One colour, RGB in 0..1.
    Colour([f32; 3]),
    /// A picture that covers the photo.
    Picture(PathBuf),
}

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "blur" {
            return Ok(Self::Blur);
        }
        if let Ok(colour) = csscolorparser::parse(text) {
            return Ok(Self::Colour([colour.r, colour.g, colour.b]));
        }
        let path = PathBuf::from(text);
        if path.exists() {
            return Ok(Self::Picture(path));
        }
        Err(format!("'{text}' is neither blur, nor a colour such as white or #336699, nor a file"))
    }
}

/// A background made ready for photos of any size.
#[derive(Clone, Debug)]
pub(super) enum Ready {
    Blur,
    Colour([f32; 3]),
    Picture(Picture),
}

impl Background {
    pub(super) fn load(self) -> Result<Ready> {
        Ok(match self {
            Self::Blur => Ready::Blur,
            Self::Colour(colour) => Ready::Colour(colour),
            Self::Picture(path) => Ready::Picture(Picture::open(path)?),
        })
    }
}

/// `photo` where the mask is 1, `behind` where it is 0: (1, 3, h, w) each, the mask (1, 1, h, w).
pub(super) fn blend(photo: &Array, behind: impl Fn(usize, usize) -> f32, mask: &Array) -> Result<Array> {
    let (rgb, mask) = (photo.values::<f32>()?, mask.values::<f32>()?);
    let area = mask.len();
    Ok(Array::from_fn(photo.shape(), |i| {
        let (channel, pixel) = (i / area, i % area);
        let back = behind(channel, pixel);
        back + (rgb[i] - back) * mask[pixel]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_is_blur_a_colour_or_a_file() {
        assert!(matches!("blur".parse(), Ok(Background::Blur)));
        assert!(matches!("#ff0000".parse(), Ok(Background::Colour([1.0, 0.0, 0.0]))));
        assert!(matches!("white".parse(), Ok(Background::Colour([1.0, 1.0, 1.0]))));
        assert!(matches!("Cargo.toml".parse(), Ok(Background::Picture(_))));
        assert!("no such thing".parse::<Background>().unwrap_err().contains("neither blur"));
    }
}
