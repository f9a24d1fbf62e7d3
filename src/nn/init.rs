//! What weights start as: bilinear kernels for upsampling, and random numbers that are the same on every machine.

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
    let fan_in = shape.iter().skip(1).fold(1.0, |product: f32, &size| product * size as f32);
    normal(shape, (2.0 / fan_in).sqrt(), name, seed)
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
}
