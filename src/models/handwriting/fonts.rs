//! Letters as a pen writes them: SVG fonts whose glyphs are strokes, not outlines, as Hershey's are.

use super::pen::{Line, Stroke};
use crate::error::{Error, Result};
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::HashMap;
use std::path::Path;
use svgtypes::{SimplePathSegment, SimplifyingPathParser};

/// Lines that a curve becomes.
const PIECES: usize = 8;

/// A stroke that begins as near to the end of the one before it as this share of an em, in the next letter, goes on with it.
const JOINED: f32 = 0.06;

/// An SVG font; an em is 1 long.
#[derive(Clone, Debug)]
pub struct PenFont {
    name: String,
    glyphs: HashMap<char, Glyph>,
}

/// A letter with its lower left corner at 0.
#[derive(Clone, Debug, Default)]
struct Glyph {
    advance: f32,
    strokes: Vec<Stroke>,
}

impl PenFont {
    /// Reads the first `<font>` of an SVG file: `<glyph unicode= horiz-adv-x= d=>` of one character each.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Model`] if it is no SVG with a font, or a glyph's path is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Self::parse(&name, &text)
    }

    /// The same of a file's text.
    ///
    /// # Errors
    /// As [`PenFont::open`].
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong = |reason: String| Error::model(name, reason);
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|e| wrong(format!("is no SVG: {e}")))?;
        let font = document.descendants().find(|node| node.tag_name().name() == "font");
        let font = font.ok_or_else(|| wrong("has no <font>".to_owned()))?;
        let number =
            |node: Node<'_, '_>, key: &str| node.attribute(key).and_then(|text| text.parse::<f32>().ok()).filter(|v| v.is_finite());
        let face = font.children().find(|node| node.tag_name().name() == "font-face");
        let em = face.and_then(|face| number(face, "units-per-em")).filter(|em| *em > 0.0).unwrap_or(1000.0);
        let advance = number(font, "horiz-adv-x").unwrap_or(em);
        let mut glyphs = HashMap::new();
        for node in font.children().filter(|node| node.tag_name().name() == "glyph") {
            let mut letters = node.attribute("unicode").unwrap_or("").chars();
            let (Some(letter), None) = (letters.next(), letters.next()) else { continue };
            let strokes =
                strokes(node.attribute("d").unwrap_or(""), 1.0 / em).map_err(|e| wrong(format!("the path of '{letter}': {e}")))?;
            glyphs.insert(letter, Glyph { advance: number(node, "horiz-adv-x").unwrap_or(advance) / em, strokes });
        }
        if glyphs.values().all(|glyph| glyph.strokes.is_empty()) {
            return Err(wrong("has a <font> without a glyph of one character".to_owned()));
        }
        Ok(Self { name: name.to_owned(), glyphs })
    }

    /// Whether it has this character.
    pub fn has(&self, letter: char) -> bool {
        self.glyphs.contains_key(&letter)
    }

    /// `text` on a line that starts at (0, 0). `hand` changes a letter's points, from its lower left corner, before it is put in its place.
    ///
    /// # Errors
    /// If a character is missing: which.
    pub fn write(&self, text: &str, mut hand: impl FnMut(&mut [Stroke])) -> Result<Line> {
        let mut line = Line { text: text.to_owned(), strokes: Vec::new() };
        let mut x = 0.0;
        for letter in text.chars() {
            let glyph = self.glyphs.get(&letter).ok_or_else(|| Error::model(self.name.clone(), format!("has no '{letter}'")))?;
            let mut strokes = glyph.strokes.clone();
            hand(&mut strokes);
            for (i, stroke) in strokes.into_iter().enumerate() {
                let placed = stroke.into_iter().map(|[right, up]| [x + right, up]);
                let mut placed = placed.peekable();
                match (line.strokes.last_mut(), placed.peek()) {
                    (Some(before), Some(first)) if i == 0 && near(before, first) => before.extend(placed),
                    (_, Some(_)) => line.strokes.push(placed.collect()),
                    _ => {}
                }
            }
            x += glyph.advance;
        }
        Ok(line)
    }
}

fn near(stroke: &[[f32; 2]], point: &[f32; 2]) -> bool {
    stroke.last().is_some_and(|last| (last[0] - point[0]).hypot(last[1] - point[1]) < JOINED)
}

/// The strokes of an SVG path, times `scale`; curves become lines.
///
/// # Errors
/// If it is no path: why not.
#[expect(clippy::cast_possible_truncation, reason = "paper is not as fine")]
pub(super) fn strokes(path: &str, scale: f32) -> Result<Vec<Stroke>, String> {
    let mut strokes: Vec<Stroke> = Vec::new();
    let point = |x: f64, y: f64| [x as f32 * scale, y as f32 * scale];
    let (mut at, mut begun) = ([0.0; 2], [0.0; 2]);
    for segment in SimplifyingPathParser::from(path) {
        let to = match segment.map_err(|e| e.to_string())? {
            SimplePathSegment::MoveTo { x, y } => {
                strokes.push(vec![point(x, y)]);
                (at, begun) = ([x, y], [x, y]);
                continue;
            }
            SimplePathSegment::LineTo { x, y } => vec![[x, y]],
            SimplePathSegment::Quadratic { x1, y1, x, y } => curve(&[at, [x1, y1], [x, y]]),
            SimplePathSegment::CurveTo { x1, y1, x2, y2, x, y } => curve(&[at, [x1, y1], [x2, y2], [x, y]]),
            SimplePathSegment::ClosePath => vec![begun],
        };
        if let (Some(stroke), Some(last)) = (strokes.last_mut(), to.last()) {
            at = *last;
            stroke.extend(to.iter().map(|[x, y]| point(*x, *y)));
        }
    }
    Ok(strokes)
}

/// Points of a Bezier curve behind its first, by de Casteljau's construction.
fn curve(controls: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let at = |piece: usize| {
        let (t, mut points) = (piece as f64 / PIECES as f64, controls.to_vec());
        while points.len() > 1 {
            points = points.windows(2).map(|pair| [0, 1].map(|k| pair[0][k] + t * (pair[1][k] - pair[0][k]))).collect();
        }
        points[0]
    };
    (1..=PIECES).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: &str = r#"<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">
        <svg xmlns="http://www.w3.org/2000/svg"><defs><font horiz-adv-x="500"><font-face units-per-em="1000"/>
        <glyph unicode="l" horiz-adv-x="100" d="M 50 800 L 50 0"/><glyph unicode=" "/><glyph unicode="ff" d="M 0 0 L 1 1"/>
        <glyph unicode="-" d="M 70 0 L 500 0"/><glyph unicode="c" d="M 0 0 Q 100 0 100 100 z"/></font></defs></svg>"#;

    #[test]
    fn letters_stand_behind_each_other_and_are_joined() {
        let font = PenFont::parse("test", FONT).unwrap();
        let line = font.write("l l", |_| ()).unwrap();
        // 0.1 and 0.5 of an em before the second.
        let x = 0.1f32 + 0.5 + 0.05;
        assert_eq!(line.strokes, [vec![[0.05, 0.8], [0.05, 0.0]], vec![[x, 0.8], [x, 0.0]]]);
        // The dash of the second letter begins where the first ends, or nearly.
        let joined = font.write("--", |_| ()).unwrap();
        assert_eq!(joined.strokes.len(), 2, "0.07 apart");
        let joined = font.write("--", |strokes| strokes.iter_mut().flatten().for_each(|p| p[0] -= if p[0] < 0.1 { 0.05 } else { 0.0 }));
        assert_eq!(joined.unwrap().strokes, [vec![[0.02, 0.0], [0.5, 0.0], [0.52, 0.0], [1.0, 0.0]]]);
        let curve = font.write("c", |_| ()).unwrap();
        // (100 t (2 - t), 100 t^2) at a half.
        assert_eq!(curve.strokes[0].len(), 10);
        assert_eq!((curve.strokes[0][4], curve.strokes[0][8], curve.strokes[0][9]), ([0.075, 0.025], [0.1, 0.1], [0.0, 0.0]));
        assert!(!font.has('f') && font.has(' '));
    }

    #[test]
    fn what_is_no_font_is_refused() {
        let error = |text: &str| PenFont::parse("test.svg", text).unwrap_err().to_string();
        assert!(error("no").contains("is no SVG"), "{}", error("no"));
        assert!(error("<svg/>").contains("has no <font>"));
        assert!(error("<svg><font/></svg>").contains("without a glyph"));
        let text = FONT.replace("M 50 800", "M 50 X");
        assert!(error(&text).contains("the path of 'l'"), "{}", error(&text));
        let missing = PenFont::parse("test.svg", FONT).unwrap().write("lx", |_| ()).unwrap_err().to_string();
        assert!(missing.contains("test.svg") && missing.contains("'x'"), "{missing}");
    }
}
