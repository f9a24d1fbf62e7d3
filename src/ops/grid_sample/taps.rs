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
        self.sloped_taps(position, mode, padding).into_iter().map(|(at, weight, _)| (at, weight)).collect()
    }

    /// The same, and how each weight changes as the position moves: at whole pixels to the right, and not at all where border or
    /// reflection hold it, its first and last place included. As PyTorch has it.
    pub fn sloped_taps(self, position: f64, mode: SampleMode, padding: PaddingMode) -> Vec<(usize, f64, f64)> {
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
            PaddingMode::Reflection => self.reflected(p).0.clamp(0.0, last),
        };
        let facing = match padding {
            _ if far || mode == SampleMode::Nearest => 0.0,
            PaddingMode::Border if mode == SampleMode::Bilinear && !(position > 0.0 && position < last) => 0.0,
            PaddingMode::Reflection if mode == SampleMode::Bilinear => match self.reflected(position) {
                (p, facing) if p > 0.0 && p < last => facing,
                _ => 0.0,
            },
            _ => 1.0,
        };
        let taps = match mode {
            SampleMode::Nearest => vec![(moved(position).round_ties_even(), 1.0, 0.0)],
            SampleMode::Bilinear => {
                let position = moved(position);
                let (first, part) = (position.floor(), position - position.floor());
                vec![(first, 1.0 - part, -1.0), (first + 1.0, part, 1.0)]
            }
            SampleMode::Bicubic => {
                let (first, part) = (position.floor() - 1.0, position - position.floor());
                let sloped = cubic_weights(part, CUBIC).into_iter().zip(cubic_slopes(part, CUBIC));
                sloped.zip([0.0, 1.0, 2.0, 3.0]).map(|((weight, slope), i)| (moved(first + i), weight, slope)).collect()
            }
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers from 0 to the side's last pixel")]
        let placed = |(at, weight, slope)| (at as usize, weight, slope * facing);
        taps.into_iter().filter(|&(at, _, _)| (0.0..=last).contains(&at)).map(placed).collect()
    }

    /// `position` mirrored at `low` and `low + span` until it lies between them, and whether it then moves with `position`, 1, or
    /// against it, -1.
    fn reflected(self, position: f64) -> (f64, f64) {
        if self.span == 0.0 {
            return (0.0, 0.0);
        }
        let extra = (position - self.low).abs() % (2.0 * self.span);
        let against = (position < self.low) != (extra > self.span);
        (extra.min(2.0 * self.span - extra) + self.low, if against { -1.0 } else { 1.0 })
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

/// How the weights of [`cubic_weights`] change with `part`.
fn cubic_slopes(part: f64, a: f64) -> [f64; 4] {
    let near = |d: f64| (3.0 * (a + 2.0) * d - 2.0 * (a + 3.0)) * d;
    let far = |d: f64| (3.0 * a * d - 10.0 * a) * d + 8.0 * a;
    [far(part + 1.0), near(part), -near(1.0 - part), -far(2.0 - part)]
}
