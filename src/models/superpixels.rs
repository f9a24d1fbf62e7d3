//! Superpixels: a photo cut into segments of much the same colour, and one class for all of a segment.
//!
//! Segments are those of Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation" (IJCV 59(2), 2004), with the steps of
//! their program: neighbouring pixels, diagonals included, are edges of weight w, the distance of their colours after a slight blur; in the
//! order of w two components are joined if
//!
//! ```text
//! w <= min(Int(A) + k / |A|, Int(B) + k / |B|)      Int(C): the largest w that C was joined by, 0 of one pixel
//! ```
//!
//! and then, in the same order, every component smaller than `least` with its neighbour. So segments end where colours change by more than
//! they do inside, and are larger with a larger k.
//!
//! [`vote`] is what Farabet et al. (TPAMI 2013, section 4.1) and others put behind a network that gives each pixel probabilities: their mean
//! over a segment, and the likeliest class of that for all of it. All of this is on the host: edges are gone through one by one, in order.

use crate::array::{Array, Hw};
use crate::error::{Error, Result};

/// How a photo is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Superpixels {
    /// k, in the units of colours of 0 to 255.
    pub scale: f32,
    /// The blur's deviation, in pixels.
    pub sigma: f32,
    /// Pixels of a segment at least.
    pub least: usize,
}

impl Default for Superpixels {
    /// Fine segments, as votes want them.
    fn default() -> Self {
        Self { scale: 100.0, sigma: 0.8, least: 20 }
    }
}

/// The largest deviation of a blur.
const BLURRIEST: f32 = 100.0;

impl Superpixels {
    /// The segment, from 0 on in the order of their first pixels, of each pixel, i32 (1, 1, h, w), of a `photo` (1, 3, h, w), RGB of 0..1.
    ///
    /// # Errors
    /// If `photo` has another type, or `scale` is negative, or `sigma` is or is more than 100.
    pub fn segments(&self, photo: &Array) -> Result<Array> {
        let &[1, 3, h, w] = photo.shape() else {
            return Err(Error::shape("superpixels", format!("a photo is (1, 3, h, w), not {}", photo.ty())));
        };
        if !(self.scale >= 0.0 && (0.0..=BLURRIEST).contains(&self.sigma)) {
            let Self { scale, sigma, .. } = self;
            let reason =
                format!("a scale of {scale} and a blur of {sigma}; the scale must be at least 0, the blur 0 to {BLURRIEST} pixels");
            return Err(Error::shape("superpixels", reason));
        }
        let size = Hw::new(h, w);
        let scaled = photo.values::<f32>()?.iter().map(|v| v * 255.0).collect::<Vec<f32>>();
        let colours = if self.sigma > 0.0 { blurred(&scaled, size, self.sigma) } else { scaled };
        let edges = edges(&colours, size);

        let mut forest = Forest::new(size.area());
        // Int(C) + k / |C| of each root.
        let mut most = vec![self.scale; size.area()];
        for edge in &edges {
            let [a, b] = edge.ends.map(|end| forest.root(end));
            if a != b && edge.weight <= most[a].min(most[b]) {
                let root = forest.join(a, b);
                most[root] = edge.weight + self.scale / forest.sizes[root] as f32;
            }
        }
        for edge in &edges {
            let [a, b] = edge.ends.map(|end| forest.root(end));
            if a != b && forest.sizes[a].min(forest.sizes[b]) < self.least {
                forest.join(a, b);
            }
        }
        forest.numbered(size)
    }
}

/// The likeliest class, i32 (1, 1, h, w), by the mean of `probabilities` (1, classes, h, w) over each of `segments`, i32 (1, 1, h, w): the same
/// for all pixels of a segment.
///
/// # Errors
/// If the types do not fit each other, or a segment's number is below 0 or above that of all pixels.
pub fn vote(probabilities: &Array, segments: &Array) -> Result<Array> {
    let &[1, classes, h, w] = probabilities.shape() else {
        return Err(Error::shape("vote", format!("probabilities are (1, classes, h, w), not {}", probabilities.ty())));
    };
    if segments.shape() != [1, 1, h, w] || classes == 0 {
        return Err(Error::shape("vote", format!("probabilities are {} and segments {}", probabilities.ty(), segments.ty())));
    }
    let (area, segments) = (h * w, segments.values::<i32>()?);
    let of = |pixel: usize| usize::try_from(segments[pixel]).ok().filter(|segment| *segment < area);
    let wrong = |pixel: usize| Error::shape("vote", format!("segment {} among {area} pixels", segments[pixel]));
    let members = (0..area).map(|pixel| of(pixel).ok_or_else(|| wrong(pixel))).collect::<Result<Vec<usize>>>()?;
    let values = probabilities.values::<f32>()?;
    let count = members.iter().max().map_or(0, |last| last + 1);
    // The largest sum is that of the largest mean; the first class of equal ones, as everywhere.
    let mut best = vec![(f64::NEG_INFINITY, 0i32); count];
    for class in 0..classes {
        let mut sums = vec![0.0f64; count];
        members.iter().zip(&values[class * area..][..area]).for_each(|(segment, p)| sums[*segment] += f64::from(*p));
        let class = i32::try_from(class).unwrap_or(i32::MAX);
        best.iter_mut().zip(sums).filter(|(best, sum)| *sum > best.0).for_each(|(best, sum)| *best = (sum, class));
    }
    Array::new([1, 1, h, w], members.into_iter().map(|segment| best[segment].1).collect::<Vec<i32>>())
}

/// Two neighbouring pixels, and how far their colours are apart.
struct Edge {
    weight: f32,
    ends: [usize; 2],
}

/// All of them, the smallest weight first.
fn edges(colours: &[f32], size: Hw) -> Vec<Edge> {
    let Hw { h, w } = size;
    let area = size.area();
    let apart = |a: usize, b: usize| {
        let squares = (0..3).map(|channel| colours[channel * area + a] - colours[channel * area + b]).map(|d| d * d);
        squares.sum::<f32>().sqrt()
    };
    let mut edges = Vec::with_capacity(4 * area);
    let mut add = |a: usize, b: usize| edges.push(Edge { weight: apart(a, b), ends: [a, b] });
    for y in 0..h {
        for x in 0..w {
            let at = y * w + x;
            if x + 1 < w {
                add(at, at + 1);
            }
            if y + 1 < h {
                add(at, at + w);
            }
            if x + 1 < w && y + 1 < h {
                add(at, at + w + 1);
            }
            if x + 1 < w && y > 0 {
                add(at, at + 1 - w);
            }
        }
    }
    // Equal weights stay in this order.
    edges.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    edges
}

/// Planes (3, h, w) under a Gaussian of this deviation, cut off after four of them; pixels of the edge go on outside.
fn blurred(planes: &[f32], size: Hw, sigma: f32) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sigma is 0 to 100")]
    let reach = (sigma * 4.0).ceil() as usize;
    let half: Vec<f32> = (0..=reach).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let whole = half[0] + 2.0 * half[1..].iter().sum::<f32>();
    let along = |from: &[f32], count: usize, stride: usize, line: &dyn Fn(usize) -> usize| {
        let at = |i: usize| {
            let (base, x) = (line(i), i / stride % count);
            let pair = |k: usize| from[base + x.saturating_sub(k) * stride] + from[base + (x + k).min(count - 1) * stride];
            half[0] * from[i] + (1..=reach).map(|k| half[k] * pair(k)).sum::<f32>()
        };
        (0..from.len()).map(|i| at(i) / whole).collect::<Vec<f32>>()
    };
    let rows = along(planes, size.w, 1, &|i| i / size.w * size.w);
    along(&rows, size.h, size.w, &|i| i / size.area() * size.area() + i % size.w)
}

/// Components of pixels.
struct Forest {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Forest {
    fn new(pixels: usize) -> Self {
        Self { parents: (0..pixels).collect(), sizes: vec![1; pixels] }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            // The way is halved while it is gone.
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    /// Joins two roots: the one that is left.
    fn join(&mut self, a: usize, b: usize) -> usize {
        let (root, other) = if self.sizes[a] >= self.sizes[b] { (a, b) } else { (b, a) };
        self.parents[other] = root;
        self.sizes[root] += self.sizes[other];
        root
    }

    fn numbered(mut self, size: Hw) -> Result<Array> {
        let mut numbers = vec![None; size.area()];
        let mut next = 0;
        let mut of = Vec::with_capacity(size.area());
        for pixel in 0..size.area() {
            let number = numbers[self.root(pixel)].get_or_insert_with(|| {
                next += 1;
                next - 1
            });
            of.push(*number);
        }
        Array::new([1, 1, size.h, size.w], of)
    }
}
