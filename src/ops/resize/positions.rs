//! Where output pixels lie in the input, and which input pixels they are made of.

use super::line::{Line, fraction};
use super::{Coordinates, Resize, ResizeMode};
use crate::array::Hw;
use crate::error::{Error, Result};
use crate::ops::grid_sample::cubic_weights;

impl Resize {
    pub(super) fn check_attributes(&self, input: Hw) -> Result<()> {
        let refused = |reason: String| Err(Error::shape("resize", reason));
        if !self.cubic_coefficient.is_finite() {
            return refused(format!("cubic_coefficient is {}", self.cubic_coefficient));
        }
        let limits = 2f32.powi(-24)..=2f32.powi(24);
        if let Some((y, x)) = self.scales.filter(|(y, x)| !limits.contains(y) || !limits.contains(x)) {
            return refused(format!("scales {y} x {x} must lie between 2^-24 and 2^24"));
        }
        let widest = self.widenings(input).into_iter().zip([input.h, input.w]).find(|(wide, side)| *wide > 2.0 * *side as f64);
        if let (true, Some((wide, side))) = (self.antialias, widest) {
            return refused(format!("antialias would take the mean of {wide} pixels of a side of {side}"));
        }
        if let Coordinates::TfCropAndResize { start, end, .. } = self.coordinates {
            let [a, b, c, d] = [start.0, start.1, end.0, end.1];
            // A NaN is in no range.
            if ![a, b, c, d].iter().all(|v| (-*limits.end()..=*limits.end()).contains(v)) {
                return refused(format!("the part from {start:?} to {end:?} must lie between -2^24 and 2^24"));
            }
        } else if self.exclude_outside && (self.antialias || self.mode == ResizeMode::Bicubic) {
            for (line, input, output) in
                self.lines(input).into_iter().zip([input.h, input.w]).zip([self.size.h, self.size.w]).map(|((l, i), o)| (l, i, o))
            {
                let ends = [line.position(0), line.position(output.saturating_sub(1))];
                if let Some(p) = ends.into_iter().find(|&p| p <= -1.0 || p >= input as f64) {
                    return refused(format!("an output pixel at {p} of {input} has no neighbour inside, and all others are left out"));
                }
            }
        }
        Ok(())
    }

    /// Positions along y and x.
    pub(in crate::ops) fn lines(&self, input: Hw) -> [Line; 2] {
        let (start, end) = match self.coordinates {
            Coordinates::TfCropAndResize { start, end, .. } => (start, end),
            _ => ((0.0, 0.0), (1.0, 1.0)),
        };
        let scale = (self.scales.map(|s| s.0), self.scales.map(|s| s.1));
        [self.line(input.h, self.size.h, scale.0, (start.0, end.0)), self.line(input.w, self.size.w, scale.1, (start.1, end.1))]
    }

    /// The value of pixels outside, if they have one.
    pub(in crate::ops) fn extrapolation(&self) -> Option<f32> {
        match self.coordinates {
            Coordinates::TfCropAndResize { extrapolation, .. } => Some(extrapolation),
            _ => None,
        }
    }

    /// How many input pixels there are to one of the output along y and x, 1 at least.
    pub(super) fn widenings(&self, input: Hw) -> [f64; 2] {
        let ratio = |side: usize, size: usize, scale: Option<f32>| {
            let (p, q) = scale.map_or((size as f64, side as f64), fraction);
            (q / p).max(1.0)
        };
        [ratio(input.h, self.size.h, self.scales.map(|s| s.0)), ratio(input.w, self.size.w, self.scales.map(|s| s.1))]
    }

    /// The table of the module docs as `(a x + b) / d`, with s = p / q.
    fn line(&self, input: usize, output: usize, scale: Option<f32>, (start, end): (f32, f32)) -> Line {
        let (i, o) = (input as f64, output as f64);
        let (p, q) = scale.map_or((o, i), fraction);
        let (start, end) = (f64::from(start), f64::from(end));
        match self.coordinates {
            Coordinates::TfHalfPixelForNn if input == output && p == q => Line { a: 1.0, b: 0.0, d: 1.0 },
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if output == 1 => Line::ZERO,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => Line { a: 2.0 * q, b: q - p, d: 2.0 * p },
            Coordinates::HalfPixelSymmetric => Line { a: 2.0 * q, b: (1.0 - o) * q + (i - 1.0) * p, d: 2.0 * p },
            // The last corner is that of the whole scaled side, of which O is the part that is whole pixels.
            Coordinates::AlignCorners if p * i > q => Line { a: (i - 1.0) * q, b: 0.0, d: p * i - q },
            Coordinates::AlignCorners => Line { a: i - 1.0, b: 0.0, d: o - 1.0 },
            Coordinates::Asymmetric => Line { a: q, b: 0.0, d: p },
            Coordinates::TfHalfPixelForNn => Line { a: 2.0 * q, b: q, d: 2.0 * p },
            Coordinates::TfCropAndResize { .. } if output == 1 => Line { a: 0.0, b: (start + end) * (i - 1.0), d: 2.0 },
            Coordinates::TfCropAndResize { .. } => Line { a: (end - start) * (i - 1.0), b: start * (i - 1.0) * (o - 1.0), d: o - 1.0 },
        }
    }

    /// Pixels and weights along a side of `size` pixels, or `None` where the value is the extrapolated one.
    pub(in crate::ops) fn taps(&self, line: Line, wide: f64, x: usize, size: usize) -> Option<Vec<(usize, f64)>> {
        let (position, last) = (line.position(x), size as f64 - 1.0);
        if self.extrapolation().is_some() && !(0.0..=last).contains(&position) {
            return None;
        }
        if self.antialias {
            return Some(self.smooth_taps(position, wide, size));
        }
        let (whole, part) = (position.floor(), position - position.floor());
        let mut taps = match self.mode {
            ResizeMode::Nearest => vec![(self.rounding.round(position), 1.0)],
            ResizeMode::Bilinear => vec![(whole, 1.0 - part), (whole + 1.0, part)],
            ResizeMode::Bicubic => {
                let weights = cubic_weights(part, f64::from(self.cubic_coefficient));
                weights.into_iter().zip([-1.0, 0.0, 1.0, 2.0]).map(|(weight, i)| (whole + i, weight)).collect()
            }
        };
        if self.mode == ResizeMode::Bicubic && self.exclude_outside {
            taps.retain(|(at, _)| (0.0..=last).contains(at));
            let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
            taps.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers from 0 to the side's last pixel")]
        Some(taps.into_iter().map(|(at, weight)| (at.clamp(0.0, last) as usize, weight)).collect())
    }
}
