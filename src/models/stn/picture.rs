//! A warp as a picture: where the grid lies on the input, and what it makes of it.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// Lines along each side of the grid.
const LINES: usize = 9;
/// Short steps between two lines, so that a bent line is bent in the picture.
const STEPS: usize = 64;
/// Pixels that the longer side of the input takes.
const SIDE: usize = 320;

/// The input (1, c, h, w), with a margin and `grid` (1, oh, ow, 2) drawn on it, beside the output (1, c, oh, ow) with its straight
/// grid: (1, 3, H, W) of 0..1. Grids are drawn red at the output's top and blue at its bottom.
///
/// c is 1 or 3; of more channels the first is shown. Coordinates are those of the transforms: -1 and 1 are the centres of the border
/// pixels.
///
/// # Errors
/// If a shape or dtype does not fit.
pub fn before_and_after(input: &Array, grid: &Array, output: &Array) -> Result<Array> {
    let wrong = || Error::shape("before_and_after", format!("input {}, grid {}, output {}", input.ty(), grid.ty(), output.ty()));
    let (&[1, c, h, w], &[1, oh, ow, 2], &[1, oc, ph, pw]) = (input.shape(), grid.shape(), output.shape()) else { return Err(wrong()) };
    if (oc, ph, pw) != (c, oh, ow) || [c, h, w, oh, ow].contains(&0) {
        return Err(wrong());
    }
    let places = grid.values::<f32>()?;
    let (left, right) = (Panel::new(Hw::new(h, w), SIDE / 5), Panel::new(Hw::new(oh, ow), 0));
    let gap = SIDE / 20;
    let size = Hw::new(left.outer().h.max(right.outer().h), left.outer().w + gap + right.outer().w);
    let mut canvas = Canvas { size, rgb: vec![0.12; 3 * size.area()] };
    let [left_at, right_at] = [(left, 0), (right, left.outer().w + gap)].map(|(p, x)| (x, (size.h - p.outer().h) / 2));
    canvas.image(&left, left_at, input.values::<f32>()?, c);
    canvas.image(&right, right_at, output.values::<f32>()?, c);
    // Places of the grid at any point of the output, from the four around; u and v in 0..1.
    let bent = |u: f32, v: f32| {
        let (x, y) = (u * (ow - 1) as f32, v * (oh - 1) as f32);
        let (j, i) = ((x as usize).min(ow - 1), (y as usize).min(oh - 1));
        let (fx, fy) = (x - j as f32, y - i as f32);
        let at = |i: usize, j: usize, part: usize| places[2 * (i.min(oh - 1) * ow + j.min(ow - 1)) + part];
        let mixed = |part| {
            let row = |i| (1.0 - fx) * at(i, j, part) + fx * at(i, j + 1, part);
            (1.0 - fy) * row(i) + fy * row(i + 1)
        };
        (mixed(0), mixed(1))
    };
    let straight = |u: f32, v: f32| (2.0 * u - 1.0, 2.0 * v - 1.0);
    for (x, y, fx, fy) in lines() {
        let colour = [1.0 - fy, 0.35, fy];
        for step in 0..STEPS {
            let at = |s: usize| {
                let t = s as f32 / STEPS as f32;
                (fx + (x - fx) * t, fy + (y - fy) * t)
            };
            let (from, to) = (at(step), at(step + 1));
            let ends = |f: &dyn Fn(f32, f32) -> (f32, f32)| [f(from.0, from.1), f(to.0, to.1)];
            canvas.line(ends(&bent).map(|p| left.pixel(p, left_at)), colour);
            canvas.line(ends(&straight).map(|p| right.pixel(p, right_at)), colour);
        }
    }
    Array::new([1, 3, size.h, size.w], canvas.rgb)
}

/// The pieces of all lines as (x to, y to, x from, y from), each from one crossing to the next.
fn lines() -> impl Iterator<Item = (f32, f32, f32, f32)> {
    let at = |i: usize| i as f32 / (LINES - 1) as f32;
    let pieces = (0..LINES).flat_map(|line| (1..LINES).map(move |piece| (line, piece)));
    pieces.flat_map(move |(line, piece)| {
        let (fixed, from, to) = (at(line), at(piece - 1), at(piece));
        [(to, fixed, from, fixed), (fixed, to, fixed, from)]
    })
}

/// An image enlarged, with a margin.
#[derive(Clone, Copy, Debug)]
struct Panel {
    image: Hw,
    size: Hw,
    margin: usize,
}

impl Panel {
    fn new(image: Hw, margin: usize) -> Self {
        let longer = image.h.max(image.w);
        let side = |n: usize| (n * SIDE / longer).max(1);
        Self { image, size: Hw::new(side(image.h), side(image.w)), margin }
    }

    fn outer(&self) -> Hw {
        Hw::new(self.size.h + 2 * self.margin, self.size.w + 2 * self.margin)
    }

    /// Where a place of -1..1 lies on a canvas with this panel at (left, top): the centre of input pixel j is at (j + 1/2) of its size.
    fn pixel(&self, (x, y): (f32, f32), (left, top): (usize, usize)) -> (f32, f32) {
        let along = |v: f32, n: usize, size: usize| ((v + 1.0) / 2.0 * (n - 1) as f32 + 0.5) / n as f32 * size as f32;
        let shift = |start: usize| (start + self.margin) as f32;
        (shift(left) + along(x, self.image.w, self.size.w), shift(top) + along(y, self.image.h, self.size.h))
    }
}

#[derive(Debug)]
struct Canvas {
    size: Hw,
    rgb: Vec<f32>,
}

impl Canvas {
    fn image(&mut self, panel: &Panel, (left, top): (usize, usize), values: &[f32], channels: usize) {
        let Panel { image, size, margin } = *panel;
        for y in 0..size.h {
            for x in 0..size.w {
                let from = y * image.h / size.h * image.w + x * image.w / size.w;
                let colour = [0, 1, 2].map(|c| values[if channels == 3 { c * image.area() } else { 0 } + from]);
                self.put(left + margin + x, top + margin + y, colour, 1.0);
            }
        }
    }

    /// A line about two pixels wide; what lies off the canvas, or nowhere, is left out.
    fn line(&mut self, [from, to]: [(f32, f32); 2], colour: [f32; 3]) {
        let length = (to.0 - from.0).abs().max((to.1 - from.1).abs());
        // A place far outside, or none, is not drawn; this also bounds the work.
        if length.is_nan() || length > 4.0 * SIDE as f32 {
            return;
        }
        let steps = length.ceil().max(1.0) as usize;
        for step in 0..=steps {
            let t = step as f32 / steps as f32;
            let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
            for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
                let (x, y) = ((x - 0.5 + dx).floor(), (y - 0.5 + dy).floor());
                if x >= 0.0 && y >= 0.0 {
                    self.put(x as usize, y as usize, colour, 0.6);
                }
            }
        }
    }

    fn put(&mut self, x: usize, y: usize, colour: [f32; 3], weight: f32) {
        if x < self.size.w && y < self.size.h {
            for (c, value) in colour.into_iter().enumerate() {
                let pixel = &mut self.rgb[c * self.size.area() + y * self.size.w + x];
                *pixel += weight * (value - *pixel);
            }
        }
    }
}
