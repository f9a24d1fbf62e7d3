//! `round_to`: every number becomes the nearest one of a narrower float format, and stays f32.
//!
//! | tensor | shape |
//! |---|---|
//! | input | any, f32 |
//! | output | the same |
//!
//! Rounded to nearest, ties to even, subnormal numbers of the format included. NaN stays NaN. What rounds beyond the largest number
//! becomes that number if it is to saturate, else infinite, or NaN in formats without infinities; so do infinities themselves. f16
//! and bf16 never saturate. In the `Fnuz` formats there is no -0: it becomes 0.
//!
//! Saturating, an infinity becomes the largest number in all four 8-bit formats, as in ONNX's cases; the table of its text says NaN
//! for the `Fnuz` ones.
//!
//! ONNX: Cast to these types, `QuantizeLinear` to 8-bit floats. The formats: Micikevicius et al., "FP8 formats for deep learning"
//! (2022); Noune et al., "8-bit numerical formats for deep neural networks" (2022).

use super::map::launch_map;
use super::{Candidate, Expression, Op, Site, check_dtype, check_inputs};
use crate::array::{Array, DType, TensorType};
use crate::error::Result;
use crate::gpu::Kernel;
use crate::graph::Var;

/// It is an expression for the kernel that [`Unary`](super::Unary) lists.
pub(super) const KERNELS: &[&Kernel] = &[];

/// A float format narrower than f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatFormat {
    /// 5 bits of exponent and 10 of mantissa, IEEE 754's binary16.
    F16,
    /// 8 bits of exponent and 7 of mantissa.
    Bf16,
    /// 4 bits of exponent and 3 of mantissa, up to 448, no infinities.
    F8E4M3Fn,
    /// 4 bits of exponent and 3 of mantissa, up to 240, no infinities, no -0.
    F8E4M3Fnuz,
    /// 5 bits of exponent and 2 of mantissa, up to 57344, with infinities.
    F8E5M2,
    /// 5 bits of exponent and 2 of mantissa, up to 57344, no infinities, no -0.
    F8E5M2Fnuz,
}

/// What a format is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Bits of the mantissa, the leading 1 not counted.
    mantissa: i32,
    /// The exponent of the least normal number.
    least: i32,
    largest: f32,
    infinite: bool,
    negative_zero: bool,
    /// Whether saturation is a choice.
    saturates: bool,
}

impl FloatFormat {
    fn layout(self) -> Layout {
        let eight = |mantissa, least, largest, infinite, negative_zero| Layout {
            mantissa,
            least,
            largest,
            infinite,
            negative_zero,
            saturates: true,
        };
        match self {
            Self::F16 => Layout { saturates: false, ..eight(10, -14, 65_504.0, true, true) },
            // (2 - 2^-7) 2^127
            Self::Bf16 => Layout { saturates: false, ..eight(7, -126, f32::from_bits(0x7f7f_0000), true, true) },
            Self::F8E4M3Fn => eight(3, -6, 448.0, false, true),
            Self::F8E4M3Fnuz => eight(3, -7, 240.0, false, false),
            Self::F8E5M2 => eight(2, -14, 57_344.0, true, true),
            Self::F8E5M2Fnuz => eight(2, -15, 57_344.0, false, false),
        }
    }

    /// The nearest number of the format, by the definition: a whole multiple of the last bit's worth.
    pub(super) fn nearest(self, x: f32, saturate: bool) -> f32 {
        let Layout { mantissa, least, largest, infinite, negative_zero, saturates } = self.layout();
        if x.is_nan() {
            return x;
        }
        let wide = f64::from(x.abs());
        // Those of 0 and infinity are none, but they come out right.
        let exponent = (x.abs().to_bits() >> 23).cast_signed() - 127;
        let unit = 2f64.powi(exponent.max(least) - mantissa);
        let rounded = (wide / unit).round_ties_even() * unit;
        let size = match rounded > f64::from(largest) {
            true if saturate && saturates => largest,
            true if infinite => f32::INFINITY,
            true => return f32::NAN,
            #[expect(clippy::cast_possible_truncation, reason = "every number of the format is an f32")]
            false => rounded as f32,
        };
        if size == 0.0 && !negative_zero { 0.0 } else { size.copysign(x) }
    }

    /// The WGSL expression that does so with `x`; its include is `formats`.
    pub(super) fn formula(self, x: &str, saturate: bool) -> String {
        let Layout { mantissa, least, largest, infinite, negative_zero, saturates } = self.layout();
        let over = match () {
            () if saturate && saturates => largest.to_bits(),
            () if infinite => f32::INFINITY.to_bits(),
            () => f32::NAN.to_bits(),
        };
        // bf16's subnormal numbers are f32's own, whose bits round as those of normal ones do.
        let least_biased = if self == Self::Bf16 { 0 } else { least + 127 };
        let unit = u32::try_from(least - mantissa + 127).unwrap_or(0) << 23;
        let words = format!("{}u, {least_biased}u, {unit}u, {}u, {over}u, {negative_zero}", 23 - mantissa, largest.to_bits());
        format!("rounded_to({x}, FloatFormat({words}))")
    }
}

/// Rounds to a narrower float format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RoundTo {
    /// The format.
    pub format: FloatFormat,
    /// Whether what is too large becomes the largest number, in the 8-bit formats.
    pub saturate: bool,
}

impl Var {
    /// The nearest number of `format` to every element, as f32. `saturate` makes what is too large for an 8-bit format its largest.
    ///
    /// # Errors
    /// If this is not f32.
    pub fn round_to(&self, format: FloatFormat, saturate: bool) -> Result<Self> {
        self.apply1(RoundTo { format, saturate }, &[])
    }
}

impl RoundTo {
    fn formula(self) -> Expression {
        Expression::new(self.format.formula("x", self.saturate)).import("formats").jumping(true)
    }
}

impl Op for RoundTo {
    fn name(&self) -> &'static str {
        "round_to"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        Ok(vec![inputs[0].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let x = inputs[0].values::<f32>()?;
        Ok(vec![Array::from_fn(inputs[0].shape(), |i| self.format.nearest(x[i], self.saturate))])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch_map(self.name(), site, &self.formula())
    }

    fn expression(&self, _: &[&TensorType]) -> Option<Expression> {
        Some(self.formula())
    }
}
