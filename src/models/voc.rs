//! PASCAL VOC's classes and colours, and what a segmentation looks like over its photo.

use crate::array::text::{BLACK, Canvas, Letters, WHITE};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// The classes in the order of the scores; 0 is the background.
pub const CLASSES: [&str; 21] = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "dining table",
    "dog",
    "horse",
    "motorbike",
    "person",
    "potted plant",
    "sheep",
    "sofa",
    "train",
    "tv monitor",
];

/// The label of pixels that belong to no class, drawn around objects.
pub const VOID: u8 = 255;

/// Red, green and blue of a class, as in the development kit's `VOCcolormap`.
///
/// Bits 0, 3, 6 of the class are the upper three bits of red from above, bits 1, 4, 7 of green, bits 2, 5 of blue.
pub const fn colour(class: u8) -> [u8; 3] {
    let mut rgb = [0; 3];
    let mut bit = 0;
    while bit < 8 {
        rgb[bit % 3] |= (class >> bit & 1) << (7 - bit / 3);
        bit += 1;
    }
    rgb
}

/// The photo (1, 3, h, w), RGB in 0..1, under the colours of `classes`, i32 (1, 1, h, w); the background stays as it is.
///
/// `opacity` is how much of the colour there is: 0 to 1.
///
/// # Errors
/// If the shapes do not belong together, or a class is not 0 to 255.
pub fn overlay(photo: &Array, classes: &Array, opacity: f32) -> Result<Array> {
    let [1, 3, h, w] = *photo.shape() else {
        return Err(Error::shape("overlay", format!("a photo is (1, 3, h, w), not {}", photo.ty())));
    };
    if *classes.shape() != [1, 1, h, w] {
        return Err(Error::shape("overlay", format!("classes for {} are i32[1, 1, {h}, {w}], not {}", photo.ty(), classes.ty())));
    }
    let colours = labels(classes)?.into_iter().map(|class| (class != 0).then(|| colour(class))).collect::<Vec<_>>();
    let pixels = photo.values::<f32>()?;
    Ok(Array::from_fn(photo.shape(), |i| {
        let (channel, pixel) = (i / (h * w), i % (h * w));
        colours[pixel].map_or(pixels[i], |rgb| pixels[i] + opacity * (f32::from(rgb[channel]) / 255.0 - pixels[i]))
    }))
}

/// How much of the classes' colours there is over the photo.
const OPACITY: f32 = 0.6;

/// A picture (1, 3, h + legend, 2 w) of the photo (1, 3, h, w), beside it the photo under the colours of `classes`, i32 (1, 1, h, w),
/// and below what the colours mean: the name of each class but the background, and its share of the pixels.
///
/// # Errors
/// As [`overlay`]; if the picture would be too large.
pub fn sheet(photo: &Array, classes: &Array, name: impl Fn(u8) -> String) -> Result<Array> {
    let over = overlay(photo, classes, OPACITY)?;
    let (h, w) = (photo.shape()[2], photo.shape()[3]);
    let letters = Letters::new((h / 20).clamp(14, 48))?;
    let (line, width) = (letters.height(), 2 * w);
    // Entries from left to right, as many in a row as it has room for: a square, a gap, words.
    let (mut entries, mut row, mut left) = (Vec::new(), 0, line / 2);
    for (class, count) in legend(classes)?.into_iter().filter(|(class, _)| *class != 0) {
        let words = format!("{} {:.1} %", name(class), 100.0 * count as f64 / (h * w) as f64);
        let words = letters.ellipsized(&words, width.saturating_sub(5 * line / 2));
        let takes = 3 * line / 2 + letters.width(&words);
        if left > line / 2 && left + takes + line / 2 > width {
            (row, left) = (row + 1, line / 2);
        }
        entries.push((class, words, row, left));
        left += takes + line;
    }
    let pitch = 3 * line / 2;
    let legend = if entries.is_empty() { 0 } else { (row + 1) * pitch + line / 2 };
    let mut canvas = Canvas::new(Hw::new(h + legend, width), WHITE)?;
    canvas.paste(0, 0, photo)?;
    canvas.paste(0, w, &over)?;
    for (class, words, row, left) in entries {
        let top = h + line / 2 + row * pitch;
        canvas.fill(top, left, Hw::square(line), colour(class).map(|c| f32::from(c) / 255.0))?;
        canvas.write(top, left + 3 * line / 2, &words, &letters, BLACK)?;
    }
    Ok(canvas.into_picture())
}

/// The classes that there are, with the number of their pixels, the most frequent first.
///
/// # Errors
/// If a class is not 0 to 255.
pub fn legend(classes: &Array) -> Result<Vec<(u8, usize)>> {
    let mut counts = [0usize; 256];
    labels(classes)?.into_iter().for_each(|class| counts[usize::from(class)] += 1);
    let mut found: Vec<(u8, usize)> = (0..=u8::MAX).zip(counts).filter(|(_, count)| *count > 0).collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(found)
}

fn labels(classes: &Array) -> Result<Vec<u8>> {
    let byte = |&class: &i32| u8::try_from(class).map_err(|_| Error::shape("labels", format!("{class} is no class of 0 to 255")));
    classes.values::<i32>()?.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_the_development_kits() {
        let known = [(0, [0, 0, 0]), (1, [128, 0, 0]), (2, [0, 128, 0]), (8, [64, 0, 0]), (15, [192, 128, 128]), (20, [0, 64, 128])];
        for (class, rgb) in known {
            assert_eq!(colour(class), rgb, "{class}");
        }
        assert_eq!(colour(VOID), [224, 224, 192]);
    }

    #[test]
    fn an_overlay_leaves_the_background_alone() {
        let photo = Array::full([1, 3, 1, 2], 0.5f32);
        let classes = Array::new([1, 1, 1, 2], vec![0, 1]).unwrap();
        let over = overlay(&photo, &classes, 1.0).unwrap();
        assert_eq!(over.values::<f32>().unwrap(), [0.5, 128.0 / 255.0, 0.5, 0.0, 0.5, 0.0]);
        assert_eq!(legend(&Array::new([1, 1, 1, 3], vec![15, 0, 15]).unwrap()).unwrap(), [(15, 2), (0, 1)]);
        let error = overlay(&photo, &Array::new([1, 1, 1, 2], vec![0, 256]).unwrap(), 1.0).unwrap_err().to_string();
        assert!(error.contains("256"), "{error}");
        assert!(sheet(&photo, &Array::full([1, 1, 1, 1], 0i32), |_| String::new()).is_err());
        assert!(overlay(&photo, &Array::full([1, 1, 2, 1], 0i32), 1.0).unwrap_err().to_string().contains("i32[1, 1, 2, 1]"));
    }

    #[test]
    fn a_sheet_has_the_photo_the_overlay_and_a_legend_that_wraps() {
        let photo = Array::full([1, 3, 90, 100], 0.5f32);
        let sheet = |classes: &Array| sheet(&photo, classes, |class| CLASSES[usize::from(class)].to_owned()).unwrap();
        assert_eq!(sheet(&Array::full([1, 1, 90, 100], 0i32)).shape(), [1, 3, 90, 200], "nothing to explain");
        let one = sheet(&Array::full([1, 1, 90, 100], 15i32));
        assert_eq!(one.shape(), [1, 3, 90 + 21 + 7, 200]);
        let red = one.values::<f32>().unwrap();
        let at = |y: usize, x: usize| red[y * 200 + x];
        let person = 192.0 / 255.0;
        assert_eq!((at(40, 50), at(97, 7), at(110, 20), at(90, 0)), (0.5, person, person, 1.0));
        assert!((at(40, 150) - (0.5 + 0.6 * (person - 0.5))).abs() < 1e-6);
        let words: Vec<f32> = (97..111).flat_map(|y| (28..150).map(move |x| at(y, x))).collect();
        assert!(words.iter().any(|v| *v < 0.3), "the name is written");
        let many = sheet(&Array::from_fn([1, 1, 90, 100], |i| (i % 21) as i32));
        assert!(many.shape()[2] > 90 + 5 * 21, "{:?}", many.shape());
    }
}
