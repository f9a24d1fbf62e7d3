//! Which pixels of a line a sample reads, and with what weights: the formulas of `grid_sample` in f64.

use super::{PaddingMode, SampleMode};

/// The cubic coefficient of PyTorch's bicubic sampling.
pub(crate) const CUBIC: f64 = -0.75;

/// From here on f32 cannot tell neighbouring pixels apart: sides may not be longer, positions further off are `far`.
pub(crate) const FAR: f64 = 16_777_216.0;

/// One side of an image as normalised coordinates see it: -1..1 covers `low..low + span`, in pixels.
///
/// With `align_corners` -1 and 1 are the centres of the first and the last pixel, otherwise the image's edges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub size: usize,
    pub low: f64,
    pub span: f64,
}

impl Side {
    pub fn new(size: usize, align_corners: bool) -> Self {
        if align_corners { Self { size, low: 0.0, span: size as f64 - 1.0 } } else { Self { size, low: -0.5, span: size as f64 } }
    }

    /// The pixel position of a normalised coordinate.
    pub fn position(self, coordinate: f64) -> f64 {
        (coordinate + 1.0) / 2.0 * self.span + self.low
    }

    /// The normalised coordinate of a pixel's centre: the inverse of [`Side::position`], and 0 where -1..1 is one point.
    pub fn coordinate(self, pixel: usize) -> f64 {
        if self.span == 0.0 { 0.0 } else { (2.0 * (pixel as f64 - self.low) - self.span) / self.span }
    }

    /// Pixels and weights of a sample at `position`; pixels outside are left out: they count as zero.
    pub fn taps(self, position: f64, mode: SampleMode, padding: PaddingMode) -> Vec<(usize, f64)> {
        let last = self.size as f64 - 1.0;
        let far = position.is_nan() || (position - self.low).abs() >= FAR;
        let position = match padding {
            PaddingMode::Zeros if far => return Vec::new(),
            PaddingMode::Reflection if far => 0.0,
            PaddingMode::Border if position.is_nan() => 0.0,
            _ => position.clamp(-FAR, FAR),
        };
        // A position is moved inside once for nearest and bilinear; bicubic does so for each of its four pixels.
        let moved = |p: f64| match padding {
            PaddingMode::Zeros => p,
            PaddingMode::Border => p.clamp(0.0, last),
            PaddingMode::Reflection => self.reflected(p).clamp(0.0, last),
        };
        let taps = match mode {
            SampleMode::Nearest => vec![(moved(position).round_ties_even(), 1.0)],
            SampleMode::Bilinear => {
                let position = moved(position);
                let (first, part) = (position.floor(), position - position.floor());
                vec![(first, 1.0 - part), (first + 1.0, part)]
            }
            SampleMode::Bicubic => {
                let first = position.floor() - 1.0;
                let weights = cubic_weights(position - position.floor(), CUBIC);
                weights.into_iter().zip([0.0, 1.0, 2.0, 3.0]).map(|(weight, i)| (moved(first + i), weight)).collect()
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers from 0 to the side's last pixel")]
        taps.into_iter().filter(|&(at, _)| (0.0..=last).contains(&at)).map(|(at, weight)| (at as usize, weight)).collect()
    }

    /// `position` mirrored at `low` and `low + span` until it lies between them.
    fn reflected(self, position: f64) -> f64 {
        if self.span == 0.0 {
            return 0.0;
        }
        let extra = (position - self.low).abs() % (2.0 * self.span);
        extra.min(2.0 * self.span - extra) + self.low
    }
}

/// Weights of the pixels at -1, 0, 1 and 2 for a sample at `part` in 0..1: Keys' cubic convolution with coefficient `a`.
///
/// ```text
/// w(d) = (a + 2) d^3 - (a + 3) d^2 + 1           d <= 1
///      = a d^3 - 5 a d^2 + 8 a d - 4 a       1 < d <  2
/// ```
pub(crate) fn cubic_weights(part: f64, a: f64) -> [f64; 4] {
    let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
    [far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)]
}
