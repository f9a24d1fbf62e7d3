//! Pictures: PNG, JPEG and WebP as arrays of 0..1, and arrays as PNG and GIF.

use super::file::replace;
use super::{Array, Hw};
use crate::error::{Error, Result};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader};
use std::io::{BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};

/// The most pixels that a picture may have: those of a 12,000 x 10,000 photo, and some.
pub const MOST_PIXELS: u64 = 1 << 27;

/// A decoded picture, turned the way its EXIF data say.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Red, green and blue in 0..1, not premultiplied: (1, 3, h, w).
    pub rgb: Array,
    /// Opacity in 0..1, if the file has any: (1, 1, h, w).
    pub alpha: Option<Array>,
    /// Height and width in pixels.
    pub size: Hw,
}

impl Picture {
    /// Reads a PNG, JPEG or WebP file of any colour type and depth.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Model`] if it is empty, damaged, of another format or has more
    /// than [`MOST_PIXELS`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        decode(opened(path)?, &path.display().to_string()).map(Self::from_image)
    }

    /// Decodes the bytes of a PNG, JPEG or WebP file; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        decode(Cursor::new(bytes), name).map(Self::from_image)
    }

    fn from_image(image: DynamicImage) -> Self {
        let size = Hw::new(image.height() as usize, image.width() as usize);
        let has_alpha = image.color().has_alpha();
        let eight_bit = image.color().bytes_per_pixel() == image.color().channel_count();
        let planes = |channels: std::ops::Range<usize>, at: &dyn Fn(usize, usize) -> f32| {
            let (first, count) = (channels.start, channels.len());
            Array::from_fn([1, count, size.h, size.w], |i| at(i % size.area(), first + i / size.area()))
        };
        let split = |at: &dyn Fn(usize, usize) -> f32| (planes(0..3, at), has_alpha.then(|| planes(3..4, at)));
        let (rgb, alpha) = if eight_bit {
            let pixels = image.into_rgba8().into_raw();
            split(&|pixel, channel| f32::from(pixels[4 * pixel + channel]) / 255.0)
        } else {
            let pixels = image.into_rgba32f().into_raw();
            split(&|pixel, channel| pixels[4 * pixel + channel])
        };
        Self { rgb, alpha, size }
    }
}

/// The picture in a file, turned the way its EXIF data say, as it was coded: what [`Picture::open`] makes numbers of.
///
/// # Errors
/// As [`Picture::open`].
pub(crate) fn read(path: &Path) -> Result<DynamicImage> {
    decode(opened(path)?, &path.display().to_string())
}

/// A file that may be a picture.
pub(crate) fn opened(path: &Path) -> Result<BufReader<std::fs::File>> {
    let name = || path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let about = file.metadata().map_err(|e| Error::io(path, e))?;
    if about.is_dir() {
        return Err(Error::model(name(), "is a folder, not a picture"));
    }
    if about.is_file() && about.len() == 0 {
        return Err(Error::model(name(), "is empty"));
    }
    Ok(BufReader::new(file))
}

fn decode(reader: impl std::io::BufRead + Seek, name: &str) -> Result<DynamicImage> {
    let wrong = |e: &dyn std::fmt::Display| Error::model(name, format!("is no PNG, JPEG or WebP picture, or is damaged: {e}"));
    let mut reader = ImageReader::new(reader).with_guessed_format().map_err(|e| wrong(&e))?;
    // The pixel count is checked below; this bounds what a decoder needs besides.
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(16 * MOST_PIXELS);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| wrong(&e))?;
    let (w, h) = decoder.dimensions();
    if u64::from(w) * u64::from(h) > MOST_PIXELS {
        return Err(Error::model(name, format!("has {w} x {h} pixels; {MOST_PIXELS} are the most")));
    }
    let orientation = decoder.orientation().map_err(|e| wrong(&e))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| wrong(&e))?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// What the names of pictures end with.
pub(crate) const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The pictures of a folder by their extensions, `.png`, `.jpg`, `.jpeg` and `.webp`, in alphabetical order; hidden files are none.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Model`] if it holds no picture.
pub fn inside(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, e);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !hidden && extension.is_some_and(|e| EXTENSIONS.contains(&&*e)) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Error::model(folder.display().to_string(), "holds no .png, .jpg, .jpeg or .webp file"));
    }
    paths.sort();
    Ok(paths)
}

/// Writes (1, c, h, w) values of 0..1 as an 8-bit PNG, through a temporary file: c = 1 grey, 3 RGB, 4 RGBA.
///
/// # Errors
/// [`Error::Shape`] for another shape or dtype, [`Error::Io`].
pub fn write_png(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    let path = path.as_ref();
    let [1, channels @ (1 | 3 | 4), h, w] = *array.shape() else {
        return Err(Error::shape("write_png", format!("expected (1, 1 or 3 or 4, h, w), got {}", array.ty())));
    };
    let color = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => ExtendedColorType::Rgba8,
    };
    let (width, height) = (side(w)?, side(h)?);
    let values = array.values::<f32>()?;
    let mut bytes = vec![0; values.len()];
    for (channel, plane) in values.chunks_exact(h * w).enumerate() {
        for (pixel, value) in plane.iter().enumerate() {
            bytes[pixel * channels + channel] = to_byte(*value);
        }
    }
    replace(path, |file| {
        let encoder = PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Adaptive);
        encoder.write_image(&bytes, width, height, color).map_err(std::io::Error::other)
    })
}

/// Writes pictures (1, 3, h, w) of 0..1 and of one size as a GIF that repeats itself, through a temporary file; each is seen for `ms`
/// milliseconds, the last one `last_ms`.
///
/// # Errors
/// [`Error::Shape`] for another shape or dtype, or if there are none; [`Error::Io`].
pub fn write_gif(path: impl AsRef<Path>, pictures: &[Array], ms: u32, last_ms: u32) -> Result<()> {
    let path = path.as_ref();
    let Some(&[1, 3, h, w]) = pictures.first().map(Array::shape) else {
        return Err(Error::shape("write_gif", format!("expected (1, 3, h, w), got {} pictures", pictures.len())));
    };
    let most = |length: usize| u16::try_from(length).map_err(|_| Error::shape("write_gif", format!("a side of {length}; 65535 at most")));
    let (width, height) = (most(w)?, most(h)?);
    let frame = |(number, picture): (usize, &Array)| {
        if picture.shape() != [1, 3, h, w] {
            return Err(Error::shape("write_gif", format!("{} among pictures of {w} x {h}", picture.ty())));
        }
        let values = picture.values::<f32>()?;
        let pixels: Vec<u8> = (0..h * w).flat_map(|at| [0, 1, 2].map(|channel| to_byte(values[channel * h * w + at]))).collect();
        let seen = if number + 1 == pictures.len() { last_ms } else { ms };
        // Frames count hundredths of a second.
        let delay = u16::try_from(seen.div_ceil(10)).unwrap_or(u16::MAX);
        Ok(gif::Frame { delay, ..gif::Frame::from_rgb_speed(width, height, &pixels, 10) })
    };
    let frames = pictures.iter().enumerate().map(frame).collect::<Result<Vec<_>>>()?;
    replace(path, |file| {
        let write = || {
            let mut encoder = gif::Encoder::new(file, width, height, &[])?;
            encoder.set_repeat(gif::Repeat::Infinite)?;
            frames.iter().try_for_each(|frame| encoder.write_frame(frame))
        };
        write().map_err(std::io::Error::other)
    })
}

/// Writes i32 (1, 1, h, w) values of 0..=255 as a PNG with a palette, through a temporary file: the form in which PASCAL VOC keeps
/// classes, which programs read back as the values and people see in colours.
///
/// # Errors
/// [`Error::Shape`] for another shape or dtype, or a value with its place; [`Error::Io`].
pub fn write_indexed_png(path: impl AsRef<Path>, array: &Array, palette: impl Fn(u8) -> [u8; 3]) -> Result<()> {
    let path = path.as_ref();
    let [1, 1, h, w] = *array.shape() else {
        return Err(Error::shape("write_indexed_png", format!("expected i32 (1, 1, h, w), got {}", array.ty())));
    };
    let (width, height) = (side(w)?, side(h)?);
    let index = |(at, &value): (usize, &i32)| {
        let (y, x) = (at / w, at % w);
        u8::try_from(value).map_err(|_| Error::shape("write_indexed_png", format!("{value} at row {y}, column {x} is not 0 to 255")))
    };
    let indices = array.values::<i32>()?.iter().enumerate().map(index).collect::<Result<Vec<u8>>>()?;
    let colours: Vec<u8> = (0..=u8::MAX).flat_map(palette).collect();
    replace(path, |file| {
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(colours);
        encoder.write_header()?.write_image_data(&indices).map_err(std::io::Error::other)
    })
}

fn side(pixels: usize) -> Result<u32> {
    u32::try_from(pixels).map_err(|_| Error::shape("write_png", format!("a side of {pixels} pixels is too long")))
}

/// 0..1 as 0..=255, rounded; what lies outside, and NaN, is clamped.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255 first; NaN becomes 0")]
fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(image: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// A picture of two pixels: red, then half-transparent blue.
    fn rgba() -> DynamicImage {
        DynamicImage::ImageRgba8(image::RgbaImage::from_raw(2, 1, vec![255, 0, 0, 255, 0, 0, 255, 128]).unwrap())
    }

    #[test]
    fn every_colour_type_becomes_rgb() {
        let png = |image: DynamicImage| Picture::from_bytes(&encoded(&image, image::ImageFormat::Png), "test").unwrap();
        let picture = png(rgba());
        assert_eq!(picture.rgb.values::<f32>().unwrap(), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(picture.alpha.unwrap().values::<f32>().unwrap(), [1.0, 128.0 / 255.0]);
        assert!(png(DynamicImage::ImageRgb8(rgba().into_rgb8())).alpha.is_none());
        let grey = png(DynamicImage::ImageLuma8(image::GrayImage::from_raw(1, 1, vec![51]).unwrap()));
        assert_eq!(grey.rgb.values::<f32>().unwrap(), [0.2; 3]);
        let deep = image::ImageBuffer::from_raw(1, 1, vec![65535u16, 0, 13107]).unwrap();
        let deep = png(DynamicImage::ImageRgb16(deep));
        for (got, want) in deep.rgb.values::<f32>().unwrap().iter().zip([1.0, 0.0, 0.2]) {
            assert!((got - want).abs() < 1e-6);
        }
    }

    #[test]
    fn exif_says_which_way_is_up() {
        // TIFF header, one entry: tag 0x112 (orientation), type short, count 1, value 6: turn right.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let grey = image::GrayImage::from_fn(16, 8, |x, _| image::Luma([if x < 8 { 0 } else { 255 }]));
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.encode_image(&grey).unwrap();
        let picture = Picture::from_bytes(&bytes, "turned.jpg").unwrap();
        assert_eq!(picture.size, Hw::new(16, 8));
        let values = picture.rgb.values::<f32>().unwrap();
        assert!(values[0] < 0.1 && values[15 * 8] > 0.9, "left became top");
    }

    #[test]
    fn webp_is_read() {
        let picture = Picture::from_bytes(&encoded(&rgba(), image::ImageFormat::WebP), "a.webp").unwrap();
        assert_eq!(picture.rgb.values::<f32>().unwrap()[0], 1.0);
        assert!(picture.alpha.is_some());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let whole = encoded(&rgba(), image::ImageFormat::Png);
        for bytes in [&[] as &[u8], b"not a picture", &whole[..whole.len() / 2]] {
            let error = Picture::from_bytes(bytes, "photo.png").unwrap_err().to_string();
            assert!(error.starts_with("photo.png: "), "{error}");
        }
    }

    #[test]
    fn a_gigantic_picture_is_refused_by_its_header() {
        // A PNG header that promises 100,000 x 100,000 pixels, with a right checksum and nothing behind it.
        let mut header = b"IHDR".to_vec();
        header.extend(100_000u32.to_be_bytes());
        header.extend(100_000u32.to_be_bytes());
        header.extend([8, 2, 0, 0, 0]);
        let mut crc = !0u32;
        for byte in &header {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            }
        }
        let bytes = [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &header, &(!crc).to_be_bytes(), b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat();
        let error = Picture::from_bytes(&bytes, "bomb.png").unwrap_err().to_string();
        assert!(error.contains("100000 x 100000"), "{error}");
    }

    #[test]
    fn pngs_are_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.png");
        let array = Array::new([1, 4, 1, 2], vec![0.0f32, 1.0, 0.2, f32::NAN, -1.0, 2.0, 1.0, 0.4]).unwrap();
        write_png(&path, &array).unwrap();
        let back = Picture::open(&path).unwrap();
        assert_eq!(back.rgb.values::<f32>().unwrap(), [0.0, 1.0, 0.2, 0.0, 0.0, 1.0]);
        assert_eq!(back.alpha.unwrap().values::<f32>().unwrap(), [1.0, 0.4]);
        assert!(write_png(&path, &Array::full([2, 2], 0.0f32)).unwrap_err().to_string().contains("f32[2, 2]"));
    }

    #[test]
    fn classes_are_written_as_indices_and_seen_as_colours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.png");
        let classes = Array::new([1, 1, 2, 3], vec![0i32, 15, 255, 7, 0, 1]).unwrap();
        write_indexed_png(&path, &classes, |class| [class, 255 - class, 0]).unwrap();
        let mut reader = png::Decoder::new(BufReader::new(std::fs::File::open(&path).unwrap())).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((frame.color_type, &bytes[..]), (png::ColorType::Indexed, &[0, 15, 255, 7, 0, 1][..]));
        let seen = Picture::open(&path).unwrap();
        assert_eq!(seen.rgb.values::<f32>().unwrap()[6..9], [1.0, 240.0 / 255.0, 0.0]);
        let error = write_indexed_png(&path, &Array::new([1, 1, 1, 2], vec![0i32, -1]).unwrap(), |_| [0; 3]).unwrap_err().to_string();
        assert!(error.contains("-1 at row 0, column 1"), "{error}");
    }
}
