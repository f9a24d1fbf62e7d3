//! What moves pixels: an output pixel (x, y) is read at another place.

use super::super::{Numbers, Part, VOID};
use super::Sample;
use crate::array::Hw;

impl Sample {
    /// Left becomes right, top becomes bottom.
    pub(super) fn flip(&mut self, [horizontally, vertically]: [bool; 2]) {
        let [right, bottom] = self.last();
        self.moved(|x, y| [if horizontally { right - x } else { x }, if vertically { bottom - y } else { y }]);
    }

    /// Any part of the image with `padding` pixels around it.
    pub(super) fn crop(&mut self, padding: usize, random: &mut Numbers) {
        let [dy, dx] = [(); 2].map(|()| random.below(2 * padding + 1) as f64 - padding as f64);
        self.moved(|x, y| [x + dx, y + dy]);
    }

    /// A part of some share of the area and some proportions, as large as the image.
    pub(super) fn resized_crop(&mut self, scale: [f64; 2], ratio: [f64; 2], random: &mut Numbers) {
        let size = self.size;
        let Part { top, left, size: part } = part(size, scale, ratio, random);
        let along = |v: f64, first: usize, part: usize, size: usize| {
            let place = (v + 0.5) * part as f64 / size as f64 - 0.5;
            first as f64 + place.clamp(0.0, part as f64 - 1.0)
        };
        self.moved(|x, y| [along(x, left, part.w, size.w), along(y, top, part.h, size.h)]);
    }

    /// Turned about its middle, against the clock.
    pub(super) fn rotate(&mut self, angle: f64) {
        let (sin, cos) = angle.sin_cos();
        let [cx, cy] = self.last().map(|last| last / 2.0);
        self.moved(|x, y| {
            let (dx, dy) = (x - cx, y - cy);
            [cx + cos * dx - sin * dy, cy + sin * dx + cos * dy]
        });
    }

    /// The last column and row.
    fn last(&self) -> [f64; 2] {
        [self.size.w, self.size.h].map(|side| side as f64 - 1.0)
    }

    /// Reads pixel (x, y) at `place` (x, y).
    fn moved(&mut self, place: impl Fn(f64, f64) -> [f64; 2]) {
        let (Hw { h, w }, area) = (self.size, self.size.area());
        let places: Vec<[f64; 2]> = (0..area).map(|i| place((i % w) as f64, (i / w) as f64)).collect();
        #[expect(clippy::cast_possible_truncation, reason = "what is far outside is outside")]
        let inside = |y: f64, x: f64| {
            let at = |v: f64, n: usize| usize::try_from(v as i64).ok().filter(|v| *v < n);
            Some(at(y, h)? * w + at(x, w)?)
        };
        let source = std::mem::take(&mut self.image);
        self.image = (0..self.channels * area)
            .map(|i| {
                let [x, y] = places[i % area];
                let (left, top, plane) = (x.floor(), y.floor(), &source[i / area * area..][..area]);
                let (fx, fy) = (x - left, y - top);
                let value = |y, x| inside(y, x).map_or(0.0, |at| f64::from(plane[at]));
                let row = |y| (1.0 - fx) * value(y, left) + fx * value(y, left + 1.0);
                #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
                let mixed = ((1.0 - fy) * row(top) + fy * row(top + 1.0)) as f32;
                mixed
            })
            .collect();
        if let Some(label) = &mut self.label {
            let nearest = |[x, y]: &[f64; 2]| inside((y + 0.5).floor(), (x + 0.5).floor()).map_or(i32::from(VOID), |at| label[at]);
            *label = places.iter().map(nearest).collect();
        }
    }
}

/// A part of an image with some share of its area and some width over height, anywhere in it.
pub(super) fn part(size: Hw, scale: [f64; 2], ratio: [f64; 2], random: &mut Numbers) -> Part {
    let part = extent(size, scale, ratio, random);
    Part { top: random.below(size.h - part.h + 1), left: random.below(size.w - part.w + 1), size: part }
}

/// The size of a part of an image with some share of its area, and some width over height. As torchvision draws it: ten times at most, until one fits,
/// else the largest in the middle whose proportions are allowed.
fn extent(size: Hw, scale: [f64; 2], ratio: [f64; 2], random: &mut Numbers) -> Hw {
    let side = |length: f64, most: usize| (1..=most).contains(&rounded(length)).then(|| rounded(length));
    for _ in 0..10 {
        let area = size.area() as f64 * random.between(scale[0], scale[1]);
        let proportions = random.between(ratio[0].ln(), ratio[1].ln()).exp();
        if let Some((h, w)) = side((area / proportions).sqrt(), size.h).zip(side((area * proportions).sqrt(), size.w)) {
            return Hw::new(h, w);
        }
    }
    let own = size.w as f64 / size.h as f64;
    let (h, w) = (size.h as f64, size.w as f64);
    let (h, w) = if own < ratio[0] { (w / ratio[0], w) } else { (h, (h * ratio[1]).min(w)) };
    Hw::new(rounded(h).clamp(1, size.h), rounded(w).clamp(1, size.w))
}

fn rounded(length: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length is positive, and huge ones saturate")]
    let rounded = length.round() as usize;
    rounded
}
