//! Lines of handwriting: strokes of a pen, and the points that networks see.

use crate::error::{Error, Result};
use crate::nn::Weights;

/// Where a pen went while it was on the paper: how far right and how far up, in any unit.
pub type Stroke = Vec<[f32; 2]>;

/// A line that was written, and what it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// What it says; empty if nobody knows.
    pub text: String,
    /// The strokes, in the order in which they were written.
    pub strokes: Vec<Stroke>,
}

/// A point behind another: how far right and how far up from it, and 1 where the pen leaves the paper there, else 0.
pub type Point = [f32; 3];

impl Line {
    /// The same with points `spacing` from each other along a stroke, or nearly so: as many as leave its ends where they are.
    #[must_use]
    pub fn resampled(&self, spacing: f32) -> Self {
        let strokes = self.strokes.iter().filter(|stroke| !stroke.is_empty()).map(|stroke| resampled(stroke, spacing));
        Self { text: self.text.clone(), strokes: strokes.collect() }
    }

    /// How far each point is from the one before, the first from (0, 0).
    pub fn points(&self) -> Vec<Point> {
        let mut before = [0.0; 2];
        let each = self.strokes.iter().flat_map(|stroke| stroke.iter().enumerate().map(|(i, point)| (point, i + 1 == stroke.len())));
        let offset = |([x, y], last): (&[f32; 2], bool)| {
            let offset = [x - before[0], y - before[1], f32::from(last)];
            before = [*x, *y];
            offset
        };
        each.map(offset).collect()
    }

    /// The line of these points.
    pub fn of(text: &str, points: &[Point]) -> Self {
        let mut at = [0.0; 2];
        let mut strokes = vec![Stroke::new()];
        for [x, y, up] in points {
            at = [at[0] + x, at[1] + y];
            if let Some(stroke) = strokes.last_mut() {
                stroke.push(at);
            }
            if *up > 0.5 {
                strokes.push(Stroke::new());
            }
        }
        strokes.retain(|stroke| !stroke.is_empty());
        Self { text: text.to_owned(), strokes }
    }

    /// The same with each point where `place` says.
    #[must_use]
    pub(super) fn moved(mut self, mut place: impl FnMut([f32; 2]) -> [f32; 2]) -> Self {
        self.strokes.iter_mut().flatten().for_each(|point| *point = place(*point));
        self
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates, and 1 is the least")]
fn resampled(stroke: &[[f32; 2]], spacing: f32) -> Stroke {
    let between = |a: &[f32; 2], b: &[f32; 2]| (b[0] - a[0]).hypot(b[1] - a[1]);
    let lengths = stroke.windows(2).map(|pair| between(&pair[0], &pair[1]));
    let total: f32 = lengths.clone().sum();
    let pieces = (total / spacing).round().clamp(1.0, 1e5) as usize;
    let (mut found, mut passed) = (vec![stroke[0]], 0.0);
    for (pair, length) in stroke.windows(2).zip(lengths) {
        while found.len() < pieces && length > 0.0 {
            let share = (total * found.len() as f32 / pieces as f32 - passed) / length;
            if share > 1.0 {
                break;
            }
            let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
            found.push([x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
        }
        passed += length;
    }
    found.truncate(pieces);
    found.extend(stroke.last());
    found
}

/// What points are measured in: of a network's own, means are 0 and deviations 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Of how far right and how far up points are from each other.
    pub mean: [f32; 2],
    /// The deviations from these.
    pub deviation: [f32; 2],
    /// How far points are from each other along a stroke, where lines were resampled so.
    pub spacing: f32,
}

/// The keys of weights' metadata.
const MEAN: &str = "offset_mean";
const DEVIATION: &str = "offset_deviation";
const SPACING: &str = "spacing";

impl Scale {
    /// Of all these points.
    ///
    /// # Errors
    /// If there are none, or they lie on a line.
    pub fn measured(points: impl Iterator<Item = Point>, spacing: f32) -> Result<Self> {
        let (mut count, mut sums, mut squares) = (0.0, [0.0; 2], [0.0; 2]);
        for point in points {
            count += 1.0;
            for k in 0..2 {
                sums[k] += f64::from(point[k]);
                squares[k] += f64::from(point[k]).powi(2);
            }
        }
        let mean = sums.map(|sum: f64| sum / count);
        let deviation = [0, 1].map(|k| (squares[k] / count - mean[k] * mean[k]).max(0.0).sqrt());
        if !deviation.iter().all(|d| d.is_finite() && *d > 0.0) {
            return Err(Error::shape("handwriting", format!("{count} points whose offsets deviate by {deviation:?}")));
        }
        #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
        let [mean, deviation] = [mean, deviation].map(|pair| pair.map(|v| v as f32));
        Ok(Self { mean, deviation, spacing })
    }

    /// The scale that `weights` say.
    ///
    /// # Errors
    /// If their metadata lack it, or it is none.
    pub fn of(weights: &Weights) -> Result<Self> {
        let numbers = |key: &str, count: usize| {
            let text = weights.metadata().get(key).map_or("", String::as_str);
            let found: Vec<f32> = text.split_whitespace().map_while(|word| word.parse().ok()).filter(|v: &f32| v.is_finite()).collect();
            match found.len() == count {
                true => Ok(found),
                false => Err(Error::model(weights.source(), format!("its metadata have '{text}' for {key}, of {count} numbers"))),
            }
        };
        let pair = |key: &str| numbers(key, 2).map(|found| [found[0], found[1]]);
        let scale = Self { mean: pair(MEAN)?, deviation: pair(DEVIATION)?, spacing: numbers(SPACING, 1)?[0] };
        if scale.deviation.iter().chain([&scale.spacing]).any(|v| *v <= 0.0) {
            return Err(Error::model(weights.source(), format!("{DEVIATION} and {SPACING} must be positive: {scale:?}")));
        }
        Ok(scale)
    }

    /// What weights' metadata say of it.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let pair = |[x, y]: [f32; 2]| format!("{x} {y}");
        vec![(MEAN, pair(self.mean)), (DEVIATION, pair(self.deviation)), (SPACING, self.spacing.to_string())]
    }

    /// A point as networks see it.
    pub fn seen(&self, [x, y, up]: Point) -> Point {
        [(x - self.mean[0]) / self.deviation[0], (y - self.mean[1]) / self.deviation[1], up]
    }

    /// A point of a network's as it lies on paper.
    pub fn on_paper(&self, [x, y]: [f32; 2], up: bool) -> Point {
        [x * self.deviation[0] + self.mean[0], y * self.deviation[1] + self.mean[1], f32::from(up)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_are_cut_evenly_and_keep_their_ends() {
        let line = Line { text: "L".into(), strokes: vec![vec![[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]], vec![[5.0, 5.0]], vec![]] };
        let even = line.resampled(0.5);
        let expected = [[0.0, 2.0], [0.0, 1.5], [0.0, 1.0], [0.0, 0.5], [0.0, 0.0], [0.5, 0.0], [1.0, 0.0]];
        assert_eq!(even.strokes, [expected.to_vec(), vec![[5.0, 5.0], [5.0, 5.0]]]);
        // 3 by 2 is cut at 1.5: one piece and a half.
        assert_eq!(line.resampled(2.0).strokes[0], [[0.0, 2.0], [0.0, 0.5], [1.0, 0.0]]);
        assert_eq!(line.resampled(100.0).strokes[0], [[0.0, 2.0], [1.0, 0.0]]);
    }

    #[test]
    fn points_make_the_line_again() {
        let line = Line { text: "it".into(), strokes: vec![vec![[0.5, 0.0], [0.5, 1.0]], vec![[0.5, 1.5]], vec![[1.0, 2.0], [1.25, 0.0]]] };
        let points = line.points();
        assert_eq!(points, [[0.5, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.5, 1.0], [0.5, 0.5, 0.0], [0.25, -2.0, 1.0]]);
        assert_eq!(Line::of("it", &points), line);
        let scale = Scale::measured(points.iter().copied(), 0.5).unwrap();
        assert_eq!((scale.mean, scale.deviation[0]), ([0.25, 0.0], 0.05f32.sqrt()));
        for point in points {
            let [x, y, up] = scale.seen(point);
            let again = scale.on_paper([x, y], up > 0.5);
            assert!(again.iter().zip(point).all(|(a, b)| (a - b).abs() < 1e-6), "{again:?} {point:?}");
        }
        assert!(Scale::measured([[1.0, 0.0, 0.0]; 3].into_iter(), 1.0).unwrap_err().to_string().contains("3 points"));
    }
}
