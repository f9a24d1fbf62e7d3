//! Masks: pictures of a class a pixel, in the form that PASCAL VOC has them in.

use crate::array::picture::{MOST_PIXELS, opened};
use crate::error::{Error, Result};
use image::GrayImage;
use png::{BitDepth, ColorType, Decoder, Limits};
use std::path::Path;

/// The label of pixels that belong to no class.
pub const VOID: u8 = 255;

/// The classes of a PNG: the palette's index, not its colour, or the grey value.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Model`] if it is no PNG, has colours of its own, or is too large.
pub(super) fn read_mask(path: &Path) -> Result<GrayImage> {
    let wrong = |reason: String| Error::model(path.display().to_string(), reason);
    let damaged = |e: png::DecodingError| wrong(format!("is no PNG mask, or is damaged: {e}"));
    let limits = Limits { bytes: usize::try_from(16 * MOST_PIXELS).unwrap_or(usize::MAX) };
    let mut reader = Decoder::new_with_limits(opened(path)?, limits).read_info().map_err(damaged)?;
    let (w, h) = reader.info().size();
    if u64::from(w) * u64::from(h) > MOST_PIXELS {
        return Err(wrong(format!("has {w} x {h} pixels; {MOST_PIXELS} are the most")));
    }
    let bits = match reader.output_color_type() {
        (ColorType::Indexed | ColorType::Grayscale, depth) if depth != BitDepth::Sixteen => depth as usize,
        (colour, depth) => {
            return Err(wrong(format!("is {colour:?} of {} bits; a mask has a palette or is grey, of at most 8 bits", depth as usize)));
        }
    };
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let line = reader.next_frame(&mut bytes).map_err(damaged)?.line_size;
    // Several pixels may share a byte, the first in its upper bits; a row begins with a byte of its own.
    let class = |x: u32, y: u32| {
        let at = x as usize * bits;
        let shared = bytes.get(y as usize * line + at / 8).copied().unwrap_or(VOID);
        shared >> (8 - bits - at % 8) & (u8::MAX >> (8 - bits))
    };
    Ok(GrayImage::from_fn(w, h, |x, y| image::Luma([class(x, y)])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Array;
    use crate::array::picture::{write_indexed_png, write_png};

    #[test]
    fn palettes_and_greys_are_classes_and_colours_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let classes = Array::new([1, 1, 2, 3], vec![0i32, 15, 255, 7, 0, 1]).unwrap();
        write_indexed_png(&path, &classes, |class| [class, 255 - class, 0]).unwrap();
        assert_eq!(read_mask(&path).unwrap().into_raw(), [0, 15, 255, 7, 0, 1]);

        for (colour, depth, row, expected) in [
            (ColorType::Indexed, BitDepth::Two, vec![0b0001_1011, 0b1000_0000], vec![0, 1, 2, 3, 2]),
            (ColorType::Grayscale, BitDepth::One, vec![0b0110_1000], vec![0, 1, 1, 0, 1]),
            (ColorType::Grayscale, BitDepth::Eight, vec![3, 0, 255, 9, 1], vec![3, 0, 255, 9, 1]),
        ] {
            let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 5, 2);
            encoder.set_color(colour);
            encoder.set_depth(depth);
            if colour == ColorType::Indexed {
                encoder.set_palette(vec![9; 12]);
            }
            encoder.write_header().unwrap().write_image_data(&[row.clone(), row].concat()).unwrap();
            assert_eq!(read_mask(&path).unwrap().into_raw(), [expected.clone(), expected].concat(), "{colour:?} {depth:?}");
        }

        write_png(&path, &Array::full([1, 3, 2, 2], 0.5f32)).unwrap();
        let error = read_mask(&path).unwrap_err().to_string();
        assert!(error.contains("mask.png: is Rgb of 8 bits"), "{error}");
        write_indexed_png(&path, &classes, |class| [class; 3]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = read_mask(&path).unwrap_err().to_string();
        assert!(error.contains("mask.png: is") && error.contains("damaged"), "{error}");
    }
}
