//! Source positions along one side: output pixel `x` lies at `(a x + b) / d` of the input.
//!
//! Where `a`, `b` and `d` are whole numbers that 32 bits have room for, a shader finds the whole part of a position exactly and
//! its fraction to 2^-23, however long the side: with f32 alone the position 3000.25 would be off by up to 2^-12.
//! Sides up to 2^15 always have room. Otherwise (`roi`s of `TfCropAndResize` that are no simple fractions) it computes in f32,
//! and a position may be off by 2^-22 of its own size.

use super::NearestRounding;

/// A line of positions. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Line {
    pub a: f64,
    pub b: f64,
    pub d: f64,
}

/// A [`Line`] as a shader takes it: `place` in `shaders/include/line.wgsl`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct ShaderLine {
    /// a, b + bias d, d, bias: positions are `(a x + this b) / d - bias`, and nothing is below zero. d = 0: use `real`.
    pub whole: [u32; 4],
    /// 1 / d, b / d, a / d.
    pub real: [f32; 4],
}

impl ShaderLine {
    /// Whether positions are fractions of whole numbers.
    pub fn is_exact(self) -> bool {
        self.whole[2] != 0
    }
}

impl Line {
    /// Every output pixel at 0.
    pub const ZERO: Self = Self { a: 0.0, b: 0.0, d: 1.0 };

    /// Where output pixel `x` lies.
    pub fn position(self, x: usize) -> f64 {
        (self.a * x as f64 + self.b) / self.d
    }

    /// The line for a shader that computes positions of `0..output`.
    ///
    /// The shader divides by way of f32: `q = u32(f32(n) * (1 / d))`. Conversion, reciprocal and product are each off by 2^-24 of
    /// their value, so for quotients below 2^20 `q` is off by one at most, which the remainder tells and corrects.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers that were checked to fit")]
    pub fn for_shader(self, output: usize) -> ShaderLine {
        let Self { a, b, d } = self.reduced();
        let bias = (-b / d).ceil().max(0.0);
        let first = b + bias * d;
        let end = a * output as f64 + first;
        let fits = [a, b, d].iter().all(|v| v.fract() == 0.0) && a >= 0.0;
        // Three pixels beyond the last: upsampling computes them and drops them.
        let fits = fits && d.max(bias) <= f64::from(1 << 20) && end + 3.0 * a < f64::from(u32::MAX) && end / d + 3.0 < f64::from(1 << 20);
        let whole = if fits { [a as u32, first as u32, d as u32, bias as u32] } else { [0; 4] };
        ShaderLine { whole, real: [(1.0 / d) as f32, (b / d) as f32, (a / d) as f32, 0.0] }
    }

    /// Whether tiles of upsampling have it: four pixels make four, so three steps may be no more than two input pixels.
    pub fn makes_tiles(self, shader: ShaderLine) -> bool {
        shader.is_exact() && 3.0 * self.a <= 2.0 * self.d
    }

    /// The same with the greatest common divisor taken out, if all are whole.
    fn reduced(self) -> Self {
        let parts = [self.a, self.b, self.d];
        if parts.iter().any(|v| v.fract() != 0.0) {
            return self;
        }
        let divisor = parts.into_iter().fold(0.0, |x: f64, y: f64| gcd(x, y.abs()));
        Self { a: self.a / divisor, b: self.b / divisor, d: self.d / divisor }
    }
}

fn gcd(mut x: f64, mut y: f64) -> f64 {
    while y != 0.0 {
        (x, y) = (y, x % y);
    }
    x
}

/// The simplest convergent `p / q` that rounds to `value`: 0.6 is 3 / 5, not 10066330 / 2^24.
pub(super) fn fraction(value: f32) -> (f64, f64) {
    let exact = f64::from(value);
    let (mut p, mut q) = ((0.0, 1.0), (1.0, 0.0));
    let mut rest = exact;
    for _ in 0..32 {
        let whole = rest.floor();
        p = (p.1, whole * p.1 + p.0);
        q = (q.1, whole * q.1 + q.0);
        #[expect(clippy::cast_possible_truncation, reason = "whether it rounds to the value is the question")]
        if (p.1 / q.1) as f32 == value {
            return (p.1, q.1);
        }
        rest = 1.0 / (rest - whole);
    }
    (exact, 1.0)
}

impl NearestRounding {
    /// The pixel that is nearest to a position, as a whole number.
    pub(super) fn round(self, position: f64) -> f64 {
        match self {
            Self::RoundPreferFloor => (position - 0.5).ceil(),
            Self::RoundPreferCeil => (position + 0.5).floor(),
            Self::Floor => position.floor(),
            Self::Ceil => position.ceil(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_read_as_the_fractions_they_stand_for() {
        for (value, expected) in
            [(2.0, (2.0, 1.0)), (0.6, (3.0, 5.0)), (1.0 / 3.0, (1.0, 3.0)), (2.5, (5.0, 2.0)), (1024.0 / 1023.0, (1024.0, 1023.0))]
        {
            assert_eq!(fraction(value), expected, "{value}");
        }
        for value in [std::f32::consts::PI, 1e-7, 16_777_215.0, f32::MIN_POSITIVE] {
            let (p, q) = fraction(value);
            assert_eq!((p / q) as f32, value);
        }
    }

    /// The shader's arithmetic in Rust, for every output pixel of awkward pairs of sizes.
    #[test]
    fn whole_parts_are_exact() {
        let sizes = [1usize, 2, 3, 255, 256, 257, 1999, 4000, 4096, 16_383, 32_768];
        for input in sizes {
            for output in sizes {
                let line = Line { a: 2.0 * input as f64, b: input as f64 - output as f64, d: 2.0 * output as f64 };
                let ShaderLine { whole: [a, b, d, bias], real } = line.for_shader(output);
                assert_ne!(d, 0, "{input} to {output} has no exact line");
                for x in 0..output as u32 {
                    let n = a * x + b;
                    let mut q = (n as f32 * real[0]) as u32;
                    let mut r = n.wrapping_sub(q.wrapping_mul(d)) as i32;
                    if r < 0 {
                        (q, r) = (q - 1, r + d as i32);
                    } else if r >= d as i32 {
                        (q, r) = (q + 1, r - d as i32);
                    }
                    assert_eq!((q, r as u32), (n / d, n % d), "{input} to {output}, pixel {x}");
                    let exact = (2 * x as i64 + 1) * input as i64 - output as i64;
                    assert_eq!(i64::from(q) - i64::from(bias), exact.div_euclid(2 * output as i64));
                }
            }
        }
    }
}
