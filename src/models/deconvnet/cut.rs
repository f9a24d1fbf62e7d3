//! Regions cut out on the host, for examples to learn from: a photo resized as `regions` has it, and its labels.

use super::Region;
use super::regions::{offset, taps};
use crate::array::Hw;

impl Region {
    /// This region of `planes`, (c, h, w) of a photo's size: (c, size.h, size.w), resized as [`Region::reading`] has it; 0 outside the photo.
    pub(in crate::models) fn cut(self, planes: &[f32], photo: Hw, size: Hw) -> Vec<f32> {
        let own = self.size();
        // For each pixel of a line those of the photo, and their weights.
        let line = |first: i32, from: usize, to: usize, most: usize| -> Vec<Vec<(usize, f64)>> {
            let inside = |(j, weight)| Some((offset(j, first).filter(|j| *j < most)?, weight));
            (0..to).map(|i| taps(i, from, to).into_iter().filter_map(inside).collect()).collect()
        };
        let (rows, columns) = (line(self.y1, own.h, size.h, photo.h), line(self.x1, own.w, size.w, photo.w));
        let sum = |taps: &[(usize, f64)], value: &dyn Fn(usize) -> f64| taps.iter().map(|(j, weight)| weight * value(*j)).sum::<f64>();
        let mut cut = Vec::with_capacity(planes.len() / photo.area().max(1) * size.area());
        for plane in planes.chunks_exact(photo.area().max(1)) {
            // Along y first: (size.h, photo.w).
            let low: Vec<f64> =
                rows.iter().flat_map(|taps| (0..photo.w).map(move |x| sum(taps, &|y| f64::from(plane[y * photo.w + x])))).collect();
            #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
            cut.extend(low.chunks_exact(photo.w).flat_map(|row| columns.iter().map(move |taps| sum(taps, &|x| row[x]) as f32)));
        }
        cut
    }

    /// This region of `labels`, (h, w) of a photo's size: (size.h, size.w), each pixel the nearest one's label; `outside` beyond the photo.
    pub(in crate::models) fn nearest(self, labels: &[i32], photo: Hw, size: Hw, outside: i32) -> Vec<i32> {
        let own = self.size();
        let line = |first: i32, from: usize, to: usize, most: usize| -> Vec<Option<usize>> {
            (0..to).map(|i| offset((2 * i + 1) * from / (2 * to), first).filter(|j| *j < most)).collect()
        };
        let (rows, columns) = (line(self.y1, own.h, size.h, photo.h), line(self.x1, own.w, size.w, photo.w));
        let label = |y: Option<usize>, x: Option<usize>| y.zip(x).and_then(|(y, x)| labels.get(y * photo.w + x)).copied();
        rows.iter().flat_map(|y| columns.iter().map(move |x| label(*y, *x).unwrap_or(outside))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Array;
    use crate::nn::init::Draws;

    /// `rows photo columns` with the matrices of [`Region::reading`], in f64.
    fn by_matrices(region: Region, planes: &[f32], photo: Hw, size: Hw) -> Vec<f64> {
        let [rows, columns] = region.reading(photo, size).unwrap().map(|m: Array| m.to_f64());
        let value = |i: usize| {
            let (c, y, x) = (i / size.area(), i / size.w % size.h, i % size.w);
            let row = |j: usize| -> f64 {
                (0..photo.w).map(|k| f64::from(planes[(c * photo.h + j) * photo.w + k]) * columns[k * size.w + x]).sum()
            };
            (0..photo.h).map(|j| rows[y * photo.h + j] * row(j)).sum()
        };
        (0..planes.len() / photo.area() * size.area()).map(value).collect()
    }

    #[test]
    fn a_cut_is_what_reading_gives() {
        let (photo, size) = (Hw::new(9, 12), Hw::new(5, 7));
        let draws = Draws::new(1, "photo");
        let planes: Vec<f32> = (0..2 * photo.area()).map(|i| draws.uniform(i)).collect();
        for region in [Region::new(2, 1, 5, 4), Region::new(0, 0, 11, 8), Region::new(-3, 4, 8, 15), Region::new(-8, -8, -2, -2)] {
            let (found, expected) = (region.cut(&planes, photo, size), by_matrices(region, &planes, photo, size));
            assert_eq!(found.len(), expected.len());
            // Weights of the matrices are rounded to f32, and so is the result.
            assert!(found.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{region:?}: {found:?}, {expected:?}");
        }
    }

    #[test]
    fn labels_are_those_of_the_nearest_pixels() {
        let (photo, labels) = (Hw::new(2, 3), [1, 2, 3, 4, 5, 6]);
        let all = Region::new(0, 0, 2, 1);
        assert_eq!(all.nearest(&labels, photo, photo, 9), labels);
        assert_eq!(all.nearest(&labels, photo, Hw::new(4, 6), 9)[..12], [1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3]);
        assert_eq!(all.nearest(&labels, photo, Hw::new(1, 1), 9), [5]);
        assert_eq!(Region::new(-1, -1, 1, 0).nearest(&labels, photo, Hw::new(2, 3), 9), [9, 9, 9, 9, 1, 2]);
    }
}
