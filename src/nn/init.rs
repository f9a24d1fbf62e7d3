//! What weights start as: bilinear kernels for upsampling, and random numbers that are the same on every machine.
//!
//! Weights are (outputs, inputs, ..), or the other way round where a network multiplies with them from the right: the fan-in of
//! (outputs, inputs, kh, kw) is inputs kh kw, the fan-out outputs kh kw.
//!
//! | function | numbers | source |
//! |---|---|---|
//! | [`he_normal`], [`he_uniform`] | of variance 2 / fan-in | He et al. 2015 |
//! | [`glorot_normal`], [`glorot_uniform`] | of variance 2 gain^2 / (fan-in + fan-out) | Glorot, Bengio 2010 |
//! | [`fan_in_uniform`] | between -1 and 1 over the root of the fan-in | Torch's layers; times the root of 3 Caffe's xavier |
//! | [`orthogonal`] | rows, or columns, at right angles | Saxe et al. 2014 |
//! | [`normal`], [`uniform`] | of a deviation or between bounds given | |

use crate::array::Array;

/// Random numbers that depend on a seed, a name and their place alone, so that no order of drawing can change them.
///
/// Number i is made of the `SplitMix64` generator's outputs 3i, 3i + 1 and 3i + 2, started with the seed and the name's FNV-1a hash.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    start: u64,
}

impl Draws {
    /// The numbers of `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325, |h: u64, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        Self { start: mixed(seed ^ mixed(hash)) }
    }

    /// 64 random bits for place `i`.
    pub fn bits(&self, i: usize) -> u64 {
        self.draw(i, 0)
    }

    /// A number of 0 to 1, 1 left out, for place `i`.
    pub fn uniform(&self, i: usize) -> f32 {
        (self.bits(i) >> 40) as f32 / 16_777_216.0
    }

    /// A roughly normal number of mean 0 and deviation 1 for place `i`: the sum of twelve uniform ones.
    ///
    /// Nothing is rounded on the way to f32, so no machine can differ.
    pub fn normal(&self, i: usize) -> f32 {
        // Twelve numbers of 16 bits have the variance 12 * 2^32 / 12: once divided by 2^16, that of the normal distribution.
        let sum: u64 = [0, 1, 2].map(|part| self.draw(i, part)).iter().flat_map(|d| [0, 16, 32, 48].map(|s| d >> s & 0xFFFF)).sum();
        // At most 12 * 65,535, which f32 holds exactly, less 6 * 65,535.
        (sum as f32 - 393_210.0) / 65_536.0
    }

    fn draw(&self, i: usize, part: u64) -> u64 {
        mixed(self.start.wrapping_add((3 * i as u64).wrapping_add(part).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014).
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// Normal numbers of variance 2 / fan-in, which keep the variance through convolutions with `ReLU` (He et al. 2015, eq. 10).
///
/// The fan-in is the product of all sizes but the first.
pub fn he_normal(shape: &[usize], name: &str, seed: u64) -> Array {
    normal(shape, (2.0 / fans(shape).0).sqrt(), name, seed)
}

/// Numbers equally likely between -sqrt(6 / fan-in) and sqrt(6 / fan-in), of the variance of [`he_normal`].
///
/// The fan-in is the product of all sizes but the first.
pub fn he_uniform(shape: &[usize], name: &str, seed: u64) -> Array {
    uniform(shape, (6.0 / fans(shape).0).sqrt(), name, seed)
}

/// Normal numbers of variance 2 gain^2 / (fan-in + fan-out).
///
/// Of (outputs, inputs, ..) or (inputs, outputs): it is the same sum. The gain is 1 for linear layers and tanh.
pub fn glorot_normal(shape: &[usize], gain: f32, name: &str, seed: u64) -> Array {
    let (fan_in, fan_out) = fans(shape);
    normal(shape, gain * (2.0 / (fan_in + fan_out)).sqrt(), name, seed)
}

/// Numbers equally likely between -gain sqrt(6 / (fan-in + fan-out)) and that. Of (outputs, inputs, ..) or (inputs, outputs).
///
/// Lasagne's and Keras' `glorot_uniform`, with gain 1.
pub fn glorot_uniform(shape: &[usize], gain: f32, name: &str, seed: u64) -> Array {
    let (fan_in, fan_out) = fans(shape);
    uniform(shape, gain * (6.0 / (fan_in + fan_out)).sqrt(), name, seed)
}

/// Numbers equally likely between -1 / sqrt(`fan_in`) and that: what Torch's layers begin with, weights and, with the same fan-in, biases.
pub fn fan_in_uniform(shape: &[usize], fan_in: usize, name: &str, seed: u64) -> Array {
    uniform(shape, 1.0 / (fan_in as f32).sqrt(), name, seed)
}

/// Numbers equally likely between -`limit` and `limit`.
pub fn uniform(shape: &[usize], limit: f32, name: &str, seed: u64) -> Array {
    let draws = Draws::new(seed, name);
    Array::from_fn(shape, |i| limit * (2.0 * draws.uniform(i) - 1.0))
}

/// `gain` times a matrix whose rows are at right angles and of length 1, or whose columns are where there are more rows than columns;
/// a tensor is the matrix of its first size and the product of the rest.
///
/// The lines are normal numbers made orthogonal one after the other: the Q of a decomposition whose R has a positive diagonal. All is
/// computed in f64 by sums, products, quotients and roots in a fixed order, and rounded once, so that no machine can differ.
pub fn orthogonal(shape: &[usize], gain: f32, name: &str, seed: u64) -> Array {
    let rows = shape.first().copied().unwrap_or(1);
    let columns = shape.iter().skip(1).product::<usize>();
    let (lines, length, wide) = (rows.min(columns), rows.max(columns), rows <= columns);
    let (draws, mut count) = (Draws::new(seed, name), 0..);
    let made = orthonormal(lines, length, || f64::from(draws.normal(count.next().unwrap_or(usize::MAX))));
    let at = |i: usize| made[if wide { i } else { i % columns * length + i / columns }];
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    Array::from_fn(shape, |i| (f64::from(gain) * at(i)) as f32)
}

/// Lines drawn at once, so that those before them are read from memory once for all.
const BLOCK: usize = 16;

/// Lines at right angles and of length 1, no more than they are long: numbers as they are drawn, each line freed of what those before it say,
/// one after the other (Gram and Schmidt, as modified), and drawn again if it vanishes. In f64 some 1e-13 are left of a thousand normal lines.
pub(crate) fn orthonormal(lines: usize, length: usize, mut draw: impl FnMut() -> f64) -> Vec<f64> {
    let freed = |line: &mut Vec<f64>, before: &[f64]| {
        let along = dot(line, before);
        line.iter_mut().zip(before).for_each(|(a, b)| *a -= along * b);
    };
    let mut made: Vec<f64> = Vec::with_capacity(lines * length);
    while made.len() < lines * length {
        let (known, left) = (made.len(), lines - made.len() / length);
        let mut block: Vec<Vec<f64>> = (0..left.min(BLOCK)).map(|_| (0..length).map(|_| draw()).collect()).collect();
        for before in made.chunks_exact(length) {
            block.iter_mut().for_each(|line| freed(line, before));
        }
        for mut line in block {
            made[known..].chunks_exact(length).for_each(|before| freed(&mut line, before));
            let norm = dot(&line, &line).sqrt();
            if norm > 1e-9 {
                made.extend(line.iter().map(|a| a / norm));
            }
        }
    }
    made
}

/// The sum of all a b, as eight sums, which a processor adds to at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    let mut sums = [0.0; 8];
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f64>() + rest
}

/// Fan-in and fan-out of (outputs, inputs, ..).
fn fans(shape: &[usize]) -> (f32, f32) {
    let product = |sizes: &[usize]| sizes.iter().fold(1.0, |product: f32, &size| product * size as f32);
    let [outputs, inputs, kernel @ ..] = shape else {
        return (1.0, product(shape));
    };
    (*inputs as f32 * product(kernel), *outputs as f32 * product(kernel))
}

/// Normal numbers of mean 0 and this deviation.
pub fn normal(shape: &[usize], deviation: f32, name: &str, seed: u64) -> Array {
    let draws = Draws::new(seed, name);
    Array::from_fn(shape, |i| deviation * draws.normal(i))
}

/// The kernel (k, k) of a transposed convolution that interpolates linearly between pixels k / 2 apart.
///
/// ```text
/// w[y, x] = (1 - |y - c| / f) (1 - |x - c| / f)     f = floor((k + 1) / 2), c = f - 1 for odd k, f - 1/2 for even
/// ```
pub fn bilinear(kernel: usize) -> Array {
    let factor = kernel.div_ceil(2) as f64;
    let centre = if kernel % 2 == 1 { factor - 1.0 } else { factor - 0.5 };
    let side = |at: usize| 1.0 - (at as f64 - centre).abs() / factor;
    #[expect(clippy::cast_possible_truncation, reason = "rounded to f32 once")]
    Array::from_fn([kernel, kernel], |i| (side(i / kernel) * side(i % kernel)) as f32)
}

/// The weight (c, c, k, k) of a transposed convolution that scales each channel on its own with a [`bilinear`] kernel.
pub fn upsampling(channels: usize, kernel: usize) -> Array {
    let (plane, taps) = (kernel * kernel, bilinear(kernel).to_f64());
    #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
    Array::from_fn([channels, channels, kernel, kernel], |i| {
        if i / plane / channels == i / plane % channels { taps[i % plane] as f32 } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_those_of_the_formula() {
        let row = |kernel: usize| bilinear(kernel).values::<f32>().unwrap()[kernel..2 * kernel].to_vec();
        assert_eq!(row(4), [0.1875, 0.5625, 0.5625, 0.1875]);
        assert_eq!(row(3), [0.5, 1.0, 0.5]);
        let weight = upsampling(3, 4);
        let values = weight.values::<f32>().unwrap();
        assert!((0..9).all(|p| (values[16 * p + 5] != 0.0) == (p % 4 == 0)), "only the diagonal is filled");
    }

    #[test]
    fn a_name_and_a_seed_have_their_numbers() {
        let values = |name, seed| he_normal(&[100, 50, 2], name, seed).values::<f32>().unwrap().to_vec();
        let variance = values("x", 1).iter().map(|v| v * v).sum::<f32>() / 1e4;
        assert!((variance - 0.02).abs() < 0.001, "{variance}");
        assert_ne!(values("x", 1), values("y", 1));
        assert_ne!(values("x", 1), values("x", 2));
    }

    #[test]
    fn limits_and_variances_are_those_of_the_formulas() {
        // 20 outputs, 30 inputs of 2 x 2: fan-in 120, fan-out 80.
        let shape = [20, 30, 2, 2];
        let cases = [
            ("he_normal", he_normal(&shape, "x", 1), 2.0 / 120.0, None),
            ("he_uniform", he_uniform(&shape, "x", 1), 2.0 / 120.0, Some((6f64 / 120.0).sqrt())),
            ("glorot_normal", glorot_normal(&shape, 2.0, "x", 1), 4.0 * 2.0 / 200.0, None),
            ("glorot_uniform", glorot_uniform(&shape, 2.0, "x", 1), 4.0 * 2.0 / 200.0, Some(2.0 * (6f64 / 200.0).sqrt())),
            ("fan_in_uniform", fan_in_uniform(&shape, 120, "x", 1), 1.0 / 360.0, Some((1f64 / 120.0).sqrt())),
            ("uniform", uniform(&shape, 3.0, "x", 1), 3.0, Some(3.0)),
        ];
        for (name, array, variance, limit) in cases {
            let values = array.to_f64();
            let n = values.len() as f64;
            // A mean of 2400 numbers is off by their deviation over 49, that of squares by at most root 2 of the variance over 49: five
            // times that is allowed.
            let (mean, square) = (values.iter().sum::<f64>() / n, values.iter().map(|v| v * v).sum::<f64>() / n);
            assert!(mean.abs() < 5.0 * (variance / n).sqrt(), "{name}: mean {mean}");
            assert!((square / variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{name}: variance {square}, not {variance}");
            let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            if let Some(limit) = limit {
                assert!(largest <= limit * (1.0 + 1e-6) && largest > 0.99 * limit, "{name}: {largest} of {limit}");
            }
        }
        assert_eq!(glorot_uniform(&[7, 3], 1.0, "x", 1).to_f64(), glorot_uniform(&[3, 7], 1.0, "x", 1).to_f64());
    }

    #[test]
    fn lines_are_at_right_angles() {
        for shape in [&[4, 9][..], &[9, 4], &[6, 6], &[3, 2, 2, 2], &[5], &[1, 1]] {
            let q = orthogonal(shape, 2.0, "q", 3).to_f64();
            let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
            let wide = rows <= columns;
            let line = |l: usize, i: usize| if wide { q[l * columns + i] } else { q[i * columns + l] };
            for (a, b) in (0..rows.min(columns)).flat_map(|a| (0..rows.min(columns)).map(move |b| (a, b))) {
                let product: f64 = (0..rows.max(columns)).map(|i| line(a, i) * line(b, i)).sum();
                // Each number is rounded to f32 once.
                assert!((product - if a == b { 4.0 } else { 0.0 }).abs() < 1e-6, "{shape:?}: {a} and {b}: {product}");
            }
        }
        assert_ne!(orthogonal(&[3, 3], 1.0, "q", 3), orthogonal(&[3, 3], 1.0, "r", 3));
    }
}
