//! Handwriting as pictures: ink on paper, SVG paths, and where the window was.

use super::pen::{Line, Stroke};
use crate::array::text::{BLACK, Canvas, Letters, WHITE};
use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use tiny_skia::{Color, LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke as Pen, Transform};

/// Between lines and around all, in ems.
const MARGIN: f32 = 0.3;
/// The width of a stroke, in ems.
const PEN: f32 = 0.045;
/// The least that a line takes above and below its baseline, in ems.
const ABOVE: f32 = 0.8;
const BELOW: f32 = 0.3;
/// Pixels of a row of the window's picture, and of its letters.
const ROW: usize = 20;
const TEXT: usize = 18;

/// A stroke as quadratic curves from the middle of a piece to the middle of the next, whose corners round what was sampled.
enum Piece {
    Move([f32; 2]),
    Line([f32; 2]),
    Curve([f32; 2], [f32; 2]),
}

fn smooth(stroke: &[[f32; 2]]) -> Vec<Piece> {
    let middle = |a: &[f32; 2], b: &[f32; 2]| [f32::midpoint(a[0], b[0]), f32::midpoint(a[1], b[1])];
    let (Some(first), Some(last)) = (stroke.first(), stroke.last()) else { return Vec::new() };
    let mut pieces = vec![Piece::Move(*first)];
    pieces.extend(stroke.windows(3).map(|three| Piece::Curve(three[1], middle(&three[1], &three[2]))));
    // A dot is a line to where it began.
    pieces.push(Piece::Line(*last));
    pieces
}

/// Lines one below the other.
#[derive(Clone, Debug)]
pub struct Paper {
    /// What lines say, and their strokes in ems from the upper left corner, down is more.
    lines: Vec<(String, Vec<Stroke>)>,
    /// How wide and how high all is, in ems.
    size: [f32; 2],
}

impl Paper {
    /// Paper with these lines on it.
    ///
    /// # Errors
    /// If a line leaves the paper: if it is 10,000 ems away.
    pub fn new(lines: &[Line]) -> Result<Self> {
        let (mut top, mut width, mut all) = (MARGIN, 0.0f32, Vec::new());
        for line in lines {
            let points = || line.strokes.iter().flatten();
            if !points().flatten().all(|v| v.abs() < 1e4) {
                return Err(Error::shape("handwriting", format!("the line '{}' leaves the paper: it is 10,000 ems away", line.text)));
            }
            let left = points().map(|p| p[0]).reduce(f32::min).unwrap_or(0.0);
            let above = points().map(|p| p[1]).fold(ABOVE, f32::max);
            let below = points().map(|p| -p[1]).fold(BELOW, f32::max);
            let placed = |[x, y]: &[f32; 2]| [MARGIN + x - left, top + above - y];
            let strokes: Vec<Stroke> = line.strokes.iter().map(|stroke| stroke.iter().map(placed).collect()).collect();
            width = strokes.iter().flatten().map(|p| p[0]).fold(width, f32::max);
            all.push((line.text.clone(), strokes));
            top += above + below;
        }
        Ok(Self { lines: all, size: [width + MARGIN, top + MARGIN] })
    }

    /// How many points there are.
    pub fn points(&self) -> usize {
        self.lines.iter().flat_map(|(_, strokes)| strokes).map(Vec::len).sum()
    }

    /// The first `points` of all as ink on paper: (1, 3, h, w) in 0..1, `em` pixels to an em.
    ///
    /// # Errors
    /// If the picture has too many pixels.
    pub fn ink(&self, em: f32, points: usize) -> Result<Array> {
        let [w, h] = self.size.map(pixels(em));
        let canvas = Canvas::new(Hw::new(h as usize, w as usize), WHITE)?;
        let mut map = Pixmap::new(w, h).ok_or_else(|| Error::shape("handwriting", format!("a picture of {w} x {h} pixels")))?;
        map.fill(Color::WHITE);
        let pen = Pen { width: PEN * em, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Pen::default() };
        let mut left = points;
        for stroke in self.lines.iter().flat_map(|(_, strokes)| strokes) {
            let mut path = PathBuilder::new();
            for piece in smooth(&stroke[..stroke.len().min(left)]) {
                match piece {
                    Piece::Move([x, y]) => path.move_to(x * em, y * em),
                    Piece::Line([x, y]) => path.line_to(x * em, y * em),
                    Piece::Curve([x1, y1], [x, y]) => path.quad_to(x1 * em, y1 * em, x * em, y * em),
                }
            }
            if let Some(path) = path.finish() {
                map.stroke_path(&path, &Paint::default(), &pen, Transform::identity(), None);
            }
            left = left.saturating_sub(stroke.len());
        }
        let area = canvas.size().area();
        let ink: Vec<f32> = map.data().chunks_exact(4).map(|pixel| f32::from(pixel[0]) / 255.0).collect();
        Ok(Array::from_fn([1, 3, h as usize, w as usize], |i| ink[i % area]))
    }

    /// The same as an SVG file's text: a `<path>` for each line, a stroke for each `M`, 100 units to an em.
    pub fn svg(&self) -> String {
        const EM: f32 = 100.0;
        let [w, h] = self.size.map(|side| side * EM);
        let paths = self.lines.iter().map(|(text, strokes)| {
            let pieces = strokes.iter().flat_map(|stroke| smooth(stroke)).map(|piece| match piece {
                Piece::Move([x, y]) => format!("M{:.1} {:.1}", x * EM, y * EM),
                Piece::Line([x, y]) => format!("L{:.1} {:.1}", x * EM, y * EM),
                Piece::Curve([x1, y1], [x, y]) => format!("Q{:.1} {:.1} {:.1} {:.1}", x1 * EM, y1 * EM, x * EM, y * EM),
            });
            format!("<path aria-label=\"{}\" d=\"{}\"/>\n", escaped(text), pieces.collect::<String>())
        });
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.1} {h:.1}\">\n\
            <g fill=\"none\" stroke=\"black\" stroke-linecap=\"round\" stroke-linejoin=\"round\" stroke-width=\"{}\">\n{}</g>\n</svg>\n",
            PEN * EM,
            paths.collect::<String>()
        )
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates, and 1 is the least")]
fn pixels(em: f32) -> impl Fn(f32) -> u32 {
    move |ems| (ems * em).round().max(1.0) as u32
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Where the window was, as figure 13 of the paper has it, (1, 3, h, w): a row for each character of the line's text, a column for each
/// point, the whiter the more of `phi` (points, characters) there is, the first character at the bottom; and below it the line.
///
/// # Errors
/// If `phi` has other sizes; as [`Paper::new`] and [`Paper::ink`].
pub fn window_picture(line: &Line, phi: &Array) -> Result<Array> {
    let (count, characters) = (line.strokes.iter().map(Vec::len).sum::<usize>(), line.text.chars().count());
    if phi.shape() != [count, characters] || phi.is_empty() {
        let reason = format!("{count} points of '{}', {characters} characters, with a window {}", line.text, phi.ty());
        return Err(Error::shape("handwriting", reason));
    }
    let letters = Letters::new(TEXT)?;
    let margin = TEXT * 2;
    // As wide as the line below, and whole pixels for a point.
    let across = (900 / count).clamp(1, 12);
    let width = across * count;
    let paper = Paper::new(std::slice::from_ref(line))?;
    let written = paper.ink((width + margin) as f32 / paper.size[0], count)?;
    let &[_, _, h, w] = written.shape() else { return Err(Error::shape("handwriting", "a picture without sides")) };
    let top = ROW * characters + ROW / 2;
    let mut canvas = Canvas::new(Hw::new(top + h, (margin + width + ROW / 2).max(w)), WHITE)?;
    for (u, letter) in line.text.chars().enumerate() {
        let y = ROW / 2 + (characters - 1 - u) * ROW;
        let letter = letter.to_string();
        canvas.write(y + (ROW - TEXT) / 2, (margin - letters.width(&letter)) / 2, &letter, &letters, BLACK)?;
        for (t, row) in phi.values::<f32>()?.chunks_exact(characters).enumerate() {
            canvas.fill(y, margin + t * across, Hw::new(ROW, across), [row[u].clamp(0.0, 1.0); 3])?;
        }
    }
    canvas.paste(top, 0, &written)?;
    Ok(canvas.into_picture())
}
