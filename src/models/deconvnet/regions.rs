//! Regions of a photo: which are looked at, how a crop is read and how its scores are written.
//!
//! ```text
//! crop      resize(zero-padded photo [y1..=y2, x1..=x2], 224 x 224)          rows R (224, h), columns C (w, 224):    R photo C
//! scores    resize(scores of the crop, (y2 - y1 + 1) x (x2 - x1 + 1))        rows R (h, 224), columns C (224, w):    R scores C
//! ```
//!
//! Both are resized as MATLAB's `imresize(.., 'bilinear')`, which the published program calls, does it: output pixel i lies at
//! p = (i + 1/2) s - 1/2 for s = input / output, without aligned corners, input pixel j has the weight max(0, 1 - |p - j| / max(1, s)),
//! scaled to sum 1, and pixels outside are mirrored at the edges, those of the crop. So it averages where it shrinks. That is
//! [`Resize::bilinear`](crate::ops::Resize::bilinear) where nothing shrinks, and the same with `antialias` where it shrinks by 3
//! at most; further mirroring reaches beyond the first pixel, and the edges differ.
//!
//! As matrices of the photo's size, which are small inputs, the same plan serves every region, wherever it lies and whatever its size.
//! Pixels outside the photo are 0, as in the published program, which pads it by as many rows as it has columns and the other way round;
//! scores outside the region are 0, below which the largest score never falls.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};
use crate::graph::Var;
use std::path::Path;

const NAME: &str = "region";

/// How many proposals of a photo are looked at.
pub const MOST_REGIONS: usize = 50;

/// A rectangle of a photo's pixels, both corners included, counted from 0. It may reach over the photo's edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The first column.
    pub x1: i32,
    /// The first row.
    pub y1: i32,
    /// The last column.
    pub x2: i32,
    /// The last row.
    pub y2: i32,
}

impl Region {
    /// The region of these corners.
    pub const fn new(x1: i32, y1: i32, x2: i32, y2: i32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// Height and width, 0 where a corner is on the wrong side.
    pub fn size(self) -> Hw {
        let side = |first: i32, last: i32| usize::try_from(i64::from(last) - i64::from(first) + 1).unwrap_or(0);
        Hw::new(side(self.y1, self.y2), side(self.x1, self.x2))
    }

    /// The same part of a photo that has been brought from one size to another.
    pub fn scaled(self, from: Hw, to: Hw) -> Self {
        let part = |at: i32, end: i64, from: usize, to: usize| {
            let at = (i64::from(at) + end).saturating_mul(to as i64).div_euclid(from.max(1) as i64) - end;
            i32::try_from(at).unwrap_or(if at < 0 { i32::MIN } else { i32::MAX })
        };
        // The last pixel ends where the one behind it begins.
        Self {
            x1: part(self.x1, 0, from.w, to.w),
            y1: part(self.y1, 0, from.h, to.h),
            x2: part(self.x2, 1, from.w, to.w),
            y2: part(self.y2, 1, from.h, to.h),
        }
    }

    /// The matrices rows (size.h, photo.h) and columns (photo.w, size.w) by which [`resampled`] makes this region of a photo a crop.
    ///
    /// # Errors
    /// If the region is empty or reaches beyond the padded photo.
    pub fn reading(self, photo: Hw, size: Hw) -> Result<[Array; 2]> {
        self.check(photo)?;
        let Hw { h, w } = self.size();
        let line = |first: i32, from: usize, to: usize, photo: usize| -> Vec<(usize, usize, f64)> {
            let inside = |j: usize| offset(j, first).filter(|&j| j < photo);
            (0..to).flat_map(|i| taps(i, from, to).into_iter().filter_map(move |(j, weight)| Some((i, inside(j)?, weight)))).collect()
        };
        let rows = matrix([size.h, photo.h], line(self.y1, h, size.h, photo.h).into_iter());
        let columns = line(self.x1, w, size.w, photo.w).into_iter().map(|(i, j, weight)| (j, i, weight));
        Ok([rows, matrix([photo.w, size.w], columns)])
    }

    /// The matrices rows (photo.h, size.h) and columns (size.w, photo.w) by which [`resampled`] lays a crop's scores over the photo.
    ///
    /// # Errors
    /// As [`Region::reading`].
    pub fn writing(self, photo: Hw, size: Hw) -> Result<[Array; 2]> {
        self.check(photo)?;
        let Hw { h, w } = self.size();
        let line = |first: i32, from: usize, to: usize, photo: usize| -> Vec<(usize, usize, f64)> {
            let inside = |i: usize| Some((i, offset(i, first).filter(|&at| at < photo)?));
            let pixels = (0..to).filter_map(inside);
            pixels.flat_map(|(i, at)| taps(i, from, to).into_iter().map(move |(j, weight)| (at, j, weight))).collect()
        };
        let rows = matrix([photo.h, size.h], line(self.y1, size.h, h, photo.h).into_iter());
        let columns = line(self.x1, size.w, w, photo.w).into_iter().map(|(at, j, weight)| (j, at, weight));
        Ok([rows, matrix([size.w, photo.w], columns)])
    }

    fn check(self, photo: Hw) -> Result<()> {
        let Self { x1, y1, x2, y2 } = self;
        if x2 < x1 || y2 < y1 {
            return Err(Error::shape(NAME, format!("{x1} {y1} {x2} {y2}: the last row and column come before the first")));
        }
        let side = |side: usize| i64::try_from(side).unwrap_or(i64::MAX / 4);
        let (h, w) = (side(photo.h), side(photo.w));
        let inside = |first: i32, last: i32, side: i64, padding: i64| i64::from(first) >= -padding && i64::from(last) < side + padding;
        if inside(x1, x2, w, h) && inside(y1, y2, h, w) {
            return Ok(());
        }
        let reason = format!("{x1} {y1} {x2} {y2} reaches beyond a photo of {w} x {h} with {h} columns and {w} rows of zeros at each side");
        Err(Error::shape(NAME, reason))
    }
}

/// Pixel `i` of a line that begins with pixel `first` of the photo, unless it lies before the photo.
pub(super) fn offset(i: usize, first: i32) -> Option<usize> {
    i64::try_from(i).ok().and_then(|i| usize::try_from(i + i64::from(first)).ok())
}

/// The matrix of these sums of row, column, weight.
fn matrix(shape: [usize; 2], entries: impl Iterator<Item = (usize, usize, f64)>) -> Array {
    let mut sums = vec![0.0; shape[0] * shape[1]];
    entries.for_each(|(row, column, weight)| sums[row * shape[1] + column] += weight);
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    Array::from_fn(shape, |i| sums[i] as f32)
}

/// Pixels of a line of `from` pixels, and their weights, that make pixel `i` of one of `to`.
pub(super) fn taps(i: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
    let step = from as f64 / to as f64;
    let (position, reach) = ((i as f64 + 0.5) * step - 0.5, step.max(1.0));
    #[expect(clippy::cast_possible_truncation, reason = "a line's pixels, some of them mirrored")]
    let (first, last) = ((position - reach).ceil() as i64, (position + reach).floor() as i64);
    let weight = |j: i64| 1.0 - (position - j as f64).abs() / reach;
    let sum: f64 = (first..=last).map(weight).sum();
    let period = 2 * from.cast_signed() as i64;
    let mirrored = |j: i64| {
        let j = j.rem_euclid(period);
        j.min(period - 1 - j).unsigned_abs() as usize
    };
    (first..=last).map(|j| (mirrored(j), weight(j) / sum)).collect()
}

/// `rows images columns`: the images (n, c, h, w) resampled along y by rows (oh, h) and along x by columns (w, ow).
///
/// # Errors
/// If the sizes do not fit each other.
pub fn resampled(images: &Var, rows: &Var, columns: &Var) -> Result<Var> {
    rows.matmul(images)?.matmul(columns)
}

/// Those of `proposals`, given the likeliest object first, that the published system looks at: the first [`MOST_REGIONS`] of which no
/// side is below `least`, the network's [`least_side`](super::DeconvNet::least_side).
pub fn selected(proposals: &[Region], least: usize) -> Vec<Region> {
    let large = |r: &&Region| r.size().h.min(r.size().w) >= least;
    proposals.iter().filter(large).take(MOST_REGIONS).copied().collect()
}

/// Regions for a photo of which there are no proposals: all of it, then squares as wide as its shorter side, three quarters and a half
/// of it, half a square apart or less; the sizes that have `least`, the network's [`least_side`](super::DeconvNet::least_side), and with
/// those before are no more than [`MOST_REGIONS`].
///
/// They are not the published system's, which takes the boxes that Edge Boxes (Zitnick, Dollar, ECCV 2014) finds likeliest to have an
/// object in them: those fit the objects, these fit none.
pub fn windows(photo: Hw, least: usize) -> Vec<Region> {
    let mut regions = vec![Region::new(0, 0, last(photo.w), last(photo.h))];
    let shorter = photo.h.min(photo.w);
    for side in [shorter, shorter / 4 * 3, shorter / 2].into_iter().filter(|&side| side >= least) {
        let more: Vec<Region> = squares(photo, side, 2).filter(|r| *r != regions[0]).take(MOST_REGIONS + 1).collect();
        if regions.len() + more.len() <= MOST_REGIONS {
            regions.extend(more);
        }
    }
    regions
}

/// Squares of `side` pixels that cover a photo from edge to edge, a side's `part`th part apart or less; none if a photo's side is less.
pub fn squares(photo: Hw, side: usize, part: usize) -> impl Iterator<Item = Region> {
    let starts = move |length: usize| {
        let left = length.checked_sub(side).filter(|_| side > 0);
        let steps = left.map(|left| left.div_ceil((side / part.max(1)).max(1)));
        (0..steps.map_or(0, |steps| steps + 1)).map(move |i| left.unwrap_or(0) * i / steps.unwrap_or(0).max(1))
    };
    let square = move |x: usize, y: usize| Region::new(last(x + 1), last(y + 1), last(x + side), last(y + side));
    starts(photo.h).flat_map(move |y| starts(photo.w).map(move |x| square(x, y)))
}

/// The last of so many pixels.
fn last(end: usize) -> i32 {
    i32::try_from(end).unwrap_or(i32::MAX) - 1
}

/// The regions in a text: `x1 y1 x2 y2` a line, whole numbers as in [`Region`], the likeliest object first. What follows a `#` is a
/// comment. `source` stands for the text in errors.
///
/// # Errors
/// [`Error::Model`] with the line's number if a line is something else, or there is no region at all.
pub fn parse(text: &str, source: &str) -> Result<Vec<Region>> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.split('#').next().unwrap_or_default().trim()));
    let region = |(number, line): (usize, &str)| {
        let wrong = |reason: &str| Error::model(source, format!("line {number}, '{line}': {reason}"));
        let numbers: Vec<i32> = line
            .split_whitespace()
            .map(|word| word.parse().map_err(|_| wrong(&format!("'{word}' is no whole number"))))
            .collect::<Result<_>>()?;
        match numbers[..] {
            [x1, y1, x2, y2] if x1 <= x2 && y1 <= y2 => Ok(Region::new(x1, y1, x2, y2)),
            [_, _, _, _] => Err(wrong("x1 y1 x2 y2 are the first and the last column and row, and these are the wrong way round")),
            _ => Err(wrong(&format!("a region is x1 y1 x2 y2, these are {} numbers", numbers.len()))),
        }
    };
    let regions = lines.filter(|(_, line)| !line.is_empty()).map(region).collect::<Result<Vec<_>>>()?;
    if regions.is_empty() { Err(Error::model(source, "has no regions, of which a line each is x1 y1 x2 y2")) } else { Ok(regions) }
}

/// [`parse`] of a file.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, else as [`parse`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Region>> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    parse(&text, &path.display().to_string())
}
