//! Pictures to draw on: rectangles, other pictures, and words in antialiased letters.

use super::picture::MOST_PIXELS;
use super::{Array, Hw};
use crate::error::{Error, Result};
use ab_glyph::{Font, FontRef, Glyph, PxScaleFont, ScaleFont, point};

/// Red, green and blue in 0..1.
pub type Colour = [f32; 3];

/// The colour of ink.
pub const BLACK: Colour = [0.0; 3];
/// The colour of paper.
pub const WHITE: Colour = [1.0; 3];

/// Letters of one size: Ubuntu Light, which has Latin, Greek and Cyrillic ones. What it does not have is drawn as a box.
#[derive(Clone, Debug)]
pub struct Letters {
    font: PxScaleFont<FontRef<'static>>,
}

impl Letters {
    /// Letters on lines `height` pixels high.
    ///
    /// # Errors
    /// If the height is not 1 to 1000.
    pub fn new(height: usize) -> Result<Self> {
        let pixels = u16::try_from(height).ok().filter(|height| (1..=1000).contains(height));
        let pixels = pixels.ok_or_else(|| Error::shape("letters", format!("{height} pixels high; 1 to 1000 are possible")))?;
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT);
        let font = font.map_err(|e| Error::model("Ubuntu-Light.ttf", e.to_string()))?;
        Ok(Self { font: font.into_scaled(f32::from(pixels)) })
    }

    /// The height of a line in pixels.
    pub fn height(&self) -> usize {
        whole(self.font.height())
    }

    /// The width of `text` in pixels.
    pub fn width(&self, text: &str) -> usize {
        let (_, end) = self.laid(text, 0.0, 0.0);
        whole(end)
    }

    /// `text`, or as much of its beginning as is no wider than `width` with an ellipsis behind it; nothing if that has no room.
    pub fn ellipsized(&self, text: &str, width: usize) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let ends = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
        let shortened = ends.into_iter().rev().map(|end| format!("{}…", text[..end].trim_end()));
        shortened.into_iter().find(|short| self.width(short) <= width).unwrap_or_default()
    }

    /// The words of `text` in lines no wider than `width`; a word that is wider by itself is shortened as in [`Letters::ellipsized`].
    pub fn wrapped(&self, text: &str, width: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let longer = lines.last().map(|line| format!("{line} {word}")).filter(|line| self.width(line) <= width);
            match (longer, lines.last_mut()) {
                (Some(longer), Some(line)) => *line = longer,
                _ => lines.push(self.ellipsized(word, width)),
            }
        }
        lines
    }

    /// Each letter at its place on a line that starts at (x, y), its upper left corner; and where the line ends.
    fn laid(&self, text: &str, x: f32, y: f32) -> (Vec<Glyph>, f32) {
        let (mut x, mut before, baseline) = (x, None, y + self.font.ascent());
        let mut glyphs = Vec::new();
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            let mut glyph = self.font.scaled_glyph(letter);
            x += before.map_or(0.0, |before| self.font.kern(before, glyph.id));
            glyph.position = point(x, baseline);
            x += self.font.h_advance(glyph.id);
            before = Some(glyph.id);
            glyphs.push(glyph);
        }
        (glyphs, x)
    }
}

/// Up to a whole number; nothing below 0, and a float's largest is capped.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates, and 0 is the least")]
fn whole(length: f32) -> usize {
    length.max(0.0).ceil() as usize
}

/// A picture to draw on. What lies outside of it is not drawn.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// (1, 3, h, w) in 0..1.
    picture: Array,
    size: Hw,
}

impl Canvas {
    /// An empty one of this colour.
    ///
    /// # Errors
    /// If it has no pixel, or more than [`MOST_PIXELS`].
    pub fn new(size: Hw, colour: Colour) -> Result<Self> {
        let area = size.h.checked_mul(size.w).filter(|area| *area > 0 && *area as u64 <= MOST_PIXELS);
        let area =
            area.ok_or_else(|| Error::shape("canvas", format!("{} x {} pixels; 1 to {MOST_PIXELS} are possible", size.w, size.h)))?;
        Ok(Self { picture: Array::from_fn([1, 3, size.h, size.w], |i| colour[i / area]), size })
    }

    /// `picture` (1, 3, h, w), red, green and blue in 0..1, to draw over.
    ///
    /// # Errors
    /// If it is of another shape or dtype.
    pub fn over(picture: Array) -> Result<Self> {
        let size = picture_size(&picture)?;
        Ok(Self { picture, size })
    }

    /// Its height and width.
    pub fn size(&self) -> Hw {
        self.size
    }

    /// What has been drawn, (1, 3, h, w).
    pub fn into_picture(self) -> Array {
        self.picture
    }

    /// Fills a rectangle whose upper left pixel is in row `top` and column `left`.
    ///
    /// # Errors
    /// None that a canvas can have: those of [`Array::values_mut`].
    pub fn fill(&mut self, top: usize, left: usize, size: Hw, colour: Colour) -> Result<()> {
        let (rows, columns) = (self.rows(top, size.h), self.columns(left, size.w));
        let Hw { h, w } = self.size;
        let pixels = self.picture.values_mut::<f32>()?;
        for (channel, value) in colour.into_iter().enumerate() {
            for row in rows.clone() {
                let start = (channel * h + row) * w;
                pixels[start..][columns.clone()].fill(value);
            }
        }
        Ok(())
    }

    /// Draws the border of a rectangle, `thick` pixels wide inwards.
    ///
    /// # Errors
    /// As [`Canvas::fill`].
    pub fn outline(&mut self, top: usize, left: usize, size: Hw, thick: usize, colour: Colour) -> Result<()> {
        let (flat, upright) = (Hw::new(thick.min(size.h), size.w), Hw::new(size.h, thick.min(size.w)));
        let (bottom, right) = (top.saturating_add(size.h - flat.h), left.saturating_add(size.w - upright.w));
        for (top, left, bar) in [(top, left, flat), (bottom, left, flat), (top, left, upright), (top, right, upright)] {
            self.fill(top, left, bar, colour)?;
        }
        Ok(())
    }

    /// Puts `picture` (1, 3, h, w) down with its upper left pixel in row `top` and column `left`.
    ///
    /// # Errors
    /// If it is of another shape or dtype.
    pub fn paste(&mut self, top: usize, left: usize, picture: &Array) -> Result<()> {
        let size = picture_size(picture)?;
        let (rows, columns) = (self.rows(top, size.h), self.columns(left, size.w));
        let Hw { h, w } = self.size;
        let (from, pixels) = (picture.values::<f32>()?, self.picture.values_mut::<f32>()?);
        for (channel, row) in (0..3).flat_map(|channel| rows.clone().map(move |row| (channel, row))) {
            let source = &from[(channel * size.h + row - top) * size.w..][..columns.len()];
            pixels[(channel * h + row) * w..][columns.clone()].copy_from_slice(source);
        }
        Ok(())
    }

    /// Writes `text` on one line whose upper left corner is in row `top` and column `left`.
    ///
    /// # Errors
    /// None that a canvas can have: those of [`Array::values_mut`].
    pub fn write(&mut self, top: usize, left: usize, text: &str, letters: &Letters, colour: Colour) -> Result<()> {
        let Hw { h, w } = self.size;
        let pixels = self.picture.values_mut::<f32>()?;
        let (glyphs, _) = letters.laid(text, left as f32, top as f32);
        for outline in glyphs.into_iter().filter_map(|glyph| letters.font.outline_glyph(glyph)) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                let (Some(row), Some(column)) = (pixel(corner.y, y, h), pixel(corner.x, x, w)) else { return };
                for (channel, ink) in colour.into_iter().enumerate() {
                    let value = &mut pixels[(channel * h + row) * w + column];
                    *value += coverage.clamp(0.0, 1.0) * (ink - *value);
                }
            });
        }
        Ok(())
    }

    fn rows(&self, top: usize, count: usize) -> std::ops::Range<usize> {
        top.min(self.size.h)..top.saturating_add(count).min(self.size.h)
    }

    fn columns(&self, left: usize, count: usize) -> std::ops::Range<usize> {
        left.min(self.size.w)..left.saturating_add(count).min(self.size.w)
    }
}

/// The pixel `offset` behind a whole `corner`, if it is one of `count`.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn pixel(corner: f32, offset: u32, count: usize) -> Option<usize> {
    let at = (corner as i64).saturating_add(i64::from(offset));
    usize::try_from(at).ok().filter(|at| *at < count)
}

fn picture_size(picture: &Array) -> Result<Hw> {
    match *picture.shape() {
        [1, 3, h, w] if picture.values::<f32>().is_ok() => Ok(Hw::new(h, w)),
        _ => Err(Error::shape("canvas", format!("a picture is f32 (1, 3, h, w), not {}", picture.ty()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows and columns of the pixels that differ from `paper`, first and last.
    fn drawn(canvas: &Canvas, paper: f32) -> Option<[usize; 4]> {
        let Hw { h, w } = canvas.size();
        let red = &canvas.picture.values::<f32>().unwrap()[..h * w];
        let ink = || red.iter().enumerate().filter(|(_, v)| **v != paper).map(|(i, _)| (i / w, i % w));
        let (rows, columns) = (|| ink().map(|p| p.0), || ink().map(|p| p.1));
        Some([rows().min()?, rows().max()?, columns().min()?, columns().max()?])
    }

    #[test]
    fn words_lie_within_their_measure() {
        let letters = Letters::new(24).unwrap();
        assert_eq!(letters.height(), 24);
        let mut canvas = Canvas::new(Hw::new(60, 300), WHITE).unwrap();
        canvas.write(20, 30, "Giraffe, über Йод", &letters, BLACK).unwrap();
        let [top, bottom, left, right] = drawn(&canvas, 1.0).unwrap();
        let width = letters.width("Giraffe, über Йод");
        assert!(top >= 20 && bottom < 44 && bottom - top > 12, "rows {top} to {bottom}");
        assert!(left >= 29 && right <= 31 + width && right - left + 6 > width, "columns {left} to {right}, width {width}");
        // Edges are neither paper nor ink, strokes are ink.
        let red = &canvas.picture.values::<f32>().unwrap()[..60 * 300];
        assert!(red.iter().filter(|v| **v > 0.2 && **v < 0.8).count() > 100 && red.iter().any(|v| *v < 0.05));
        assert!(letters.width("wide") > letters.width("ill") && letters.width("") == 0);
    }

    #[test]
    fn lines_are_broken_and_long_words_shortened() {
        let letters = Letters::new(20).unwrap();
        let text = "a man rides a very extraordinarilylongishword on the beach";
        let lines = letters.wrapped(text, 120);
        assert!(lines.iter().all(|line| letters.width(line) <= 120), "{lines:?}");
        assert_eq!(lines[0], "a man rides a");
        assert!(lines.iter().any(|line| line.starts_with("extra") && line.ends_with('…')), "{lines:?}");
        assert_eq!(letters.wrapped(text, 10_000), [text]);
        assert_eq!(letters.ellipsized("bench", 10_000), "bench");
        assert_eq!(letters.ellipsized("bench", 1), "");
        assert!(letters.wrapped("  ", 10).is_empty());
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(Hw::new(4, 5), WHITE).unwrap();
        canvas.outline(3, 4, Hw::new(usize::MAX, 9), usize::MAX, BLACK).unwrap();
        canvas.fill(3, 4, Hw::new(9, usize::MAX), [0.5, 0.0, 0.0]).unwrap();
        assert_eq!(drawn(&canvas, 1.0), Some([3, 3, 4, 4]));
        canvas.fill(9, 9, Hw::square(2), BLACK).unwrap();
        canvas.paste(2, 0, &Array::full([1, 3, 3, 2], 0.25f32)).unwrap();
        assert_eq!(drawn(&canvas, 1.0), Some([2, 3, 0, 4]));
        canvas.write(0, 3, "much too long", &Letters::new(30).unwrap(), BLACK).unwrap();
        let picture = canvas.into_picture();
        assert_eq!(picture.shape(), [1, 3, 4, 5]);
        let red = picture.values::<f32>().unwrap()[19];
        assert!((0.0..=0.5).contains(&red), "{red}");
    }

    #[test]
    fn no_canvas_of_no_pixels_or_of_another_shape() {
        assert!(Canvas::new(Hw::new(0, 5), WHITE).unwrap_err().to_string().contains("5 x 0 pixels"));
        assert!(Canvas::new(Hw::new(usize::MAX, 2), WHITE).is_err());
        assert!(Canvas::over(Array::full([1, 1, 2, 2], 0.0f32)).unwrap_err().to_string().contains("f32[1, 1, 2, 2]"));
        assert!(Canvas::over(Array::full([1, 3, 2, 2], 0i32)).is_err());
        assert!(Letters::new(0).is_err() && Letters::new(1001).is_err());
        let mut canvas = Canvas::over(Array::full([1, 3, 2, 2], 0.5f32)).unwrap();
        assert!(canvas.paste(0, 0, &Array::full([3, 2, 2], 0.0f32)).is_err());
    }
}
