//! MNIST's digits, and what a canvas shows of one.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::train::read_idx;
use std::path::Path;

/// Pixels of a digit's side.
pub(super) const DIGIT: usize = 28;
/// Where its centre is.
pub(super) const CENTRE: f64 = (DIGIT - 1) as f64 / 2.0;

/// Digits of 28 x 28 pixels, 0 for paper and 1 for ink, with their labels.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    pub(super) pixels: Vec<f32>,
    pub(super) labels: Vec<i32>,
}

impl Digits {
    /// Of digits (n, 28, 28) of 0 to 255 and their labels (n), as MNIST's files hold them; at most `most` of them.
    ///
    /// # Errors
    /// If shapes or dtypes are others, or there are none.
    pub(super) fn new(images: &Array, labels: &Array, most: usize) -> Result<Self> {
        let (&[n, DIGIT, DIGIT], &[same]) = (images.shape(), labels.shape()) else {
            return Err(Error::shape("digits", format!("images {} are not (n, 28, 28), or labels {} not (n)", images.ty(), labels.ty())));
        };
        let n = if n == same { n.min(most) } else { 0 };
        if n == 0 {
            return Err(Error::shape(
                "digits",
                format!("images {}, labels {}, of which at most {most} are taken", images.ty(), labels.ty()),
            ));
        }
        let pixels = images.to_f64()[..n * DIGIT * DIGIT].iter().map(|&v| v as f32 / 255.0).collect();
        Ok(Self { pixels, labels: labels.values::<i32>()?[..n].to_vec() })
    }

    /// Of the files `<part>-images-idx3-ubyte` and `<part>-labels-idx1-ubyte` of a folder; `part` is `train` or `t10k`.
    ///
    /// # Errors
    /// If a file cannot be read or holds something else.
    pub(super) fn open(folder: &Path, part: &str, most: usize) -> Result<Self> {
        let file = |kind: &str| read_idx(folder.join(format!("{part}-{kind}-ubyte")));
        Self::new(&file("images-idx3")?, &file("labels-idx1")?, most)
    }

    /// Pixel (y, x) of digit `index`, 0 outside.
    fn pixel(&self, index: usize, y: i64, x: i64) -> f64 {
        let inside = |v: i64| usize::try_from(v).ok().filter(|&v| v < DIGIT);
        match (inside(y), inside(x)) {
            (Some(y), Some(x)) => f64::from(self.pixels[(index * DIGIT + y) * DIGIT + x]),
            _ => 0.0,
        }
    }

    /// Digit `index` as a canvas of `side` x `side` shows it that reads `place` (x, y) for its pixel (x, y).
    pub(super) fn warped(&self, index: usize, side: usize, place: impl Fn(f64, f64) -> [f64; 2]) -> Vec<f32> {
        let value = |i: usize| {
            let [x, y] = place((i % side) as f64, (i / side) as f64);
            let (left, top) = (x.floor(), y.floor());
            let (fx, fy) = (x - left, y - top);
            #[expect(clippy::cast_possible_truncation, reason = "what is far outside is outside")]
            let (j, i) = (left as i64, top as i64);
            let row = |i: i64| (1.0 - fx) * self.pixel(index, i, j) + fx * self.pixel(index, i, j + 1);
            #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
            let mixed = ((1.0 - fy) * row(i) + fy * row(i + 1)) as f32;
            mixed
        };
        (0..side * side).map(value).collect()
    }

    /// Turned by `angle` about its centre, scaled, and its centre moved to (x, y).
    pub(super) fn turned(&self, index: usize, side: usize, angle: f64, scale: f64, [x, y]: [f64; 2]) -> Vec<f32> {
        let (sin, cos) = angle.sin_cos();
        self.warped(index, side, |px, py| {
            let (dx, dy) = ((px - x) / scale, (py - y) / scale);
            [CENTRE + cos * dx + sin * dy, CENTRE - sin * dx + cos * dy]
        })
    }
}
