//! `quantize_linear` and `dequantize_linear`: floats as narrow integers, and back.
//!
//! ```text
//! quantize_linear    y = saturate(round(x / scale) + zero_point)
//! dequantize_linear  y = (x - zero_point) * scale
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | x | any; f32 or i32 to quantize; i32, u32 or f32 (8-bit floats) to dequantize |
//! | scale | f32: one number; one for each position along `axis`; or, for blocks, x's shape with `ceil(size / block_size)` along it |
//! | `zero_point` | as scale, i32 or u32; optional, 0 if absent |
//! | output | x's shape: i32 or u32, whose numbers are those of [`Quantized`], or f32 |
//!
//! The quotient is rounded as IEEE 754 has it and then to the nearest integer, the even one of two, on every device. NaN becomes the
//! zero point. 8-bit floats are f32 with the numbers of their format, and have no zero point. An output of a product of integers is
//! quantized by [`QuantizeLinear`] with `multiply`: round(x * scale), since its scale is a quotient already.
//!
//! ONNX: `QuantizeLinear`, `DequantizeLinear`. PyTorch: `quantize_per_tensor`, `quantize_per_channel`.

use super::broadcast::{broadcast_index, broadcast_nest};
use super::quotient::quotient;
use super::round_to::FloatFormat;
use super::wrap_to::narrow_range;
use super::{
    Candidate, Cut, Op, Part, Site, WORKGROUP, aliases, check_axis, check_dtype, check_inputs, check_integer, groups, u32_of, vector,
};
use crate::array::{Array, DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        x_strides: [[u32; 4]; 2],
        scale_strides: [[u32; 4]; 2],
        zero_strides: [[u32; 4]; 2],
        count: u32,
        output_start: u32,
        x_start: u32,
        scale_start: u32,
        zero_start: u32,
        low: i32,
        high: i32,
    }
}

static QUANTIZE: Kernel = kernel!("quantize_linear", Params, header: "alias Element = f32;\nalias Word = u32;\nalias Int = i32;\n\
    alias Input = f32;\nalias X = f32;\nalias Scale = f32;\nalias Zero = i32;\nalias Output = i32;\n#import quotient\n\
    fn apply(x: Input, scale: Element, zero: Int) -> Output { return saturated(quotient(x, scale), zero); }\n");
pub(super) const KERNELS: &[&Kernel] = &[&QUANTIZE];

/// What numbers are quantized to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quantized {
    /// Integers of 1 to 16 bits, held as i32 if they are signed, else as u32.
    Integer {
        /// How many bits.
        bits: u32,
        /// Whether one of them is the sign.
        signed: bool,
    },
    /// 8-bit floats, held as f32.
    Float {
        /// Which.
        format: FloatFormat,
        /// Whether what is too large becomes the largest number.
        saturate: bool,
    },
}

impl Quantized {
    /// 0 to 255
    pub const U8: Self = Self::Integer { bits: 8, signed: false };
    /// -128 to 127
    pub const I8: Self = Self::Integer { bits: 8, signed: true };
    /// 0 to 65535
    pub const U16: Self = Self::Integer { bits: 16, signed: false };
    /// -32768 to 32767
    pub const I16: Self = Self::Integer { bits: 16, signed: true };
    /// 0 to 15
    pub const U4: Self = Self::Integer { bits: 4, signed: false };
    /// -8 to 7
    pub const I4: Self = Self::Integer { bits: 4, signed: true };

    fn dtype(self) -> DType {
        match self {
            Self::Integer { signed: true, .. } => DType::I32,
            Self::Integer { .. } => DType::U32,
            Self::Float { .. } => DType::F32,
        }
    }

    /// The least and the greatest integer.
    fn range(self) -> (i32, i32) {
        let Self::Integer { bits, signed } = self else { return (0, 0) };
        let (least, most) = narrow_range(bits, signed);
        (i32::try_from(least).unwrap_or(i32::MIN), i32::try_from(most).unwrap_or(i32::MAX))
    }
}

/// Which numbers of x share a scale, where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Granularity {
    /// The axis along which scales differ; from the end where negative.
    pub axis: isize,
    /// How many neighbours along it share one, if they are blocks.
    pub block_size: Option<usize>,
}

impl Default for Granularity {
    fn default() -> Self {
        Self { axis: 1, block_size: None }
    }
}

impl Granularity {
    /// `value` under a shape that broadcasts to x's.
    fn spread(self, op: &'static str, value: &Var, x: &Var) -> Result<Var> {
        let wrong = |why: &str| Err(Error::shape(op, format!("{} for {} and {self:?}: {why}", value.ty(), x.ty())));
        if value.ty().elements() == 1 {
            return value.reshape([]);
        }
        let axis = check_axis(op, self.axis, x.ty())?;
        let size = x.shape()[axis];
        let Some(block) = self.block_size else {
            if value.shape() != [size] {
                return wrong("neither one number nor one for each position of the axis");
            }
            let mut shape = vec![1; x.shape().len()];
            shape[axis] = size;
            return value.reshape(shape);
        };
        let mut blocks = x.shape().to_vec();
        if block == 0 {
            return wrong("blocks of nothing");
        }
        blocks[axis] = size.div_ceil(block);
        if value.shape() != blocks {
            return wrong("not one number for each block");
        }
        // Each is repeated in a dimension of its own; the last block may end early.
        let (count, block) = (blocks[axis], block.min(size));
        let around = |middle: &[usize]| [&blocks[..axis], middle, &blocks[axis + 1..]].concat();
        let repeated = value.reshape(around(&[count, 1]))?.expand(around(&[count, block]))?.reshape(around(&[count * block]))?;
        repeated.narrow(self.axis, 0, size)
    }
}

/// Quantizes x by a scale and a zero point that broadcast to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QuantizeLinear {
    /// To what.
    pub to: Quantized,
    /// Whether x, i32 or f32, is multiplied by the scale, in f32, instead of divided.
    pub multiply: bool,
}

/// The inverse of [`QuantizeLinear`], of integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DequantizeLinear;

impl Var {
    /// The integers or 8-bit floats nearest to `self / scale`, plus `zero_point`.
    ///
    /// # Errors
    /// If this is neither f32 nor i32, the scale is not f32, or scale or zero point do not have a shape of [`Granularity`].
    pub fn quantize_linear(&self, scale: &Self, zero_point: Option<&Self>, to: Quantized, granularity: Granularity) -> Result<Self> {
        let op = QuantizeLinear { to, multiply: false };
        let scale = granularity.spread(op.name(), scale, self)?;
        let zero = zero_point.map(|z| granularity.spread(op.name(), z, self)).transpose()?;
        let x = if self.dtype() == DType::I32 { self.cast(DType::F32)? } else { self.clone() };
        x.quantized(op, &scale, zero.as_ref())
    }

    /// `(self - zero_point) * scale`.
    ///
    /// # Errors
    /// If this is not i32, u32 or f32, the scale is not f32, or scale or zero point do not have a shape of [`Granularity`].
    pub fn dequantize_linear(&self, scale: &Self, zero_point: Option<&Self>, granularity: Granularity) -> Result<Self> {
        let op = DequantizeLinear.name();
        let scale = granularity.spread(op, scale, self)?;
        // The only zero point of 8-bit floats is 0.
        if self.dtype() == DType::F32 {
            return self.mul(&scale);
        }
        let zero = zero_point.map_or_else(|| self.graph().constant(Array::scalar(0)), |z| granularity.spread(op, z, self))?;
        self.apply1(DequantizeLinear, &[&scale, &zero])
    }

    /// `op` on this, a scale and a zero point that broadcast to it.
    pub(super) fn quantized(&self, op: QuantizeLinear, scale: &Self, zero_point: Option<&Self>) -> Result<Self> {
        let zero = zero_point.map_or_else(|| self.graph().constant(Array::scalar(0)), |z| Ok(z.clone()))?;
        self.apply1(op, &[scale, &zero])
    }
}

/// Refuses scales and zero points that do not broadcast to x.
fn check(op: &'static str, inputs: &[&TensorType]) -> Result<()> {
    let (x, scale, zero) = (inputs[0], inputs[1], inputs[2]);
    check_dtype(op, "scale", scale, DType::F32)?;
    check_integer(op, "zero point", zero)?;
    if super::broadcast::broadcast_shape(op, &[&x.shape, &scale.shape, &zero.shape])? != x.shape {
        return Err(Error::shape(op, format!("scale {scale} and zero point {zero} do not broadcast to {x}")));
    }
    broadcast_nest(op, [&x.shape, &x.shape, &scale.shape, &zero.shape], &x.shape).map(|_| ())
}

/// Each number of x with its scale and zero point.
fn each(inputs: &[&Array]) -> Result<Vec<(f64, f32, i32)>> {
    let shape = inputs[0].shape();
    let (x, scale, zero) = (inputs[0].to_f64(), inputs[1].values::<f32>()?, super::matmul::words(inputs[2])?);
    let [at_scale, at_zero] = [inputs[1], inputs[2]].map(|a| broadcast_index(a.shape(), shape));
    Ok((0..elements(shape)).map(|i| (x[i], scale[at_scale(i)], zero[at_zero(i)])).collect())
}

impl Op for QuantizeLinear {
    fn name(&self) -> &'static str {
        "quantize_linear"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        if !(self.multiply && inputs[0].dtype == DType::I32) {
            check_dtype(self.name(), "x", inputs[0], DType::F32)?;
        }
        if let Quantized::Integer { bits, .. } = self.to
            && !(1..=16).contains(&bits)
        {
            return Err(Error::unsupported(self.name(), format!("to integers of {bits} bits; 1 to 16 are supported")));
        }
        check(self.name(), inputs)?;
        Ok(vec![TensorType::new(self.to.dtype(), inputs[0].shape.clone())])
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range by then; i32 becomes f32 as it would on a device"
    )]
    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (low, high) = self.to.range();
        let values: Vec<f32> = each(inputs)?
            .into_iter()
            .map(|(x, scale, zero)| {
                let value = if self.multiply { x as f32 * scale } else { quotient(x as f32, scale) };
                match self.to {
                    Quantized::Float { format, saturate } => format.nearest(value, saturate),
                    Quantized::Integer { .. } if value.is_nan() => zero.clamp(low, high) as f32,
                    // Exact: integers of f64, then of 16 bits.
                    Quantized::Integer { .. } => {
                        let whole = f64::from(value.round_ties_even()) + f64::from(zero.clamp(low, high));
                        whole.clamp(low.into(), high.into()) as f32
                    }
                }
            })
            .collect();
        let shape = inputs[0].shape();
        Ok(vec![match self.to.dtype() {
            DType::I32 => Array::from_fn(shape, |i| values[i] as i32),
            DType::U32 => Array::from_fn(shape, |i| values[i] as u32),
            _ => Array::new(shape, values)?,
        }])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let value = if self.multiply { "Element(x) * scale" } else { "quotient(x, scale)" };
        let (imports, formula) = match self.to {
            Quantized::Float { format, saturate } => ("#import formats\n", format.formula(value, saturate)),
            Quantized::Integer { .. } => ("", format!("Output(saturated({value}, zero))")),
        };
        launch(self.name(), site, &format!("#import quotient\n{imports}"), &formula, self.to.range())
    }
}

impl Op for DequantizeLinear {
    fn name(&self) -> &'static str {
        "dequantize_linear"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        check_integer(self.name(), "x", inputs[0])?;
        check(self.name(), inputs)?;
        Ok(vec![TensorType::f32(inputs[0].shape.clone())])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let x = super::matmul::words(inputs[0])?;
        #[expect(clippy::cast_precision_loss, reason = "rounding to f32 is the point")]
        let values = x.into_iter().zip(each(inputs)?).map(|(x, (_, scale, zero))| x.wrapping_sub(zero) as f32 * scale);
        Ok(vec![Array::new(inputs[0].shape(), values.collect::<Vec<f32>>())?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        launch(self.name(), site, "", "Element(x - zero) * scale", (0, 0))
    }
}

/// `formula` of `x`, `scale` and `zero` on every element. Integers are read as i32, which u32 agrees with modulo 2^32.
fn launch(op: &'static str, site: &Site<'_>, imports: &str, formula: &str, (low, high): (i32, i32)) -> Result<Vec<Candidate>> {
    let (inputs, output) = (site.inputs, site.outputs[0]);
    let nest = broadcast_nest(op, [&output.shape, &inputs[0].shape, &inputs[1].shape, &inputs[2].shape], &output.shape)?;
    let bytes = [output.device_bytes(), inputs[0].device_bytes(), inputs[1].device_bytes(), inputs[2].device_bytes()];
    let launch = |part: &Part<4>| {
        let nest = &part.nest;
        let width = nest.width(true);
        let count = nest.count(width);
        let params = Params {
            sizes: nest.packed_sizes(width),
            x_strides: nest.packed_strides(1, width),
            scale_strides: nest.packed_strides(2, width),
            zero_strides: nest.packed_strides(3, width),
            count: u32_of(count),
            output_start: nest.packed_start(0, width),
            x_start: nest.packed_start(1, width),
            scale_start: nest.packed_start(2, width),
            zero_start: nest.packed_start(3, width),
            low,
            high,
        };
        let scalar = if inputs[0].dtype == DType::F32 { "f32" } else { "i32" };
        let operand = |k: usize, scalar: &str| vector(scalar, if nest.repeats(k) { 1 } else { width });
        let header = aliases(DType::F32, width)
            + &format!("alias Input = {};\nalias Output = {};\n", vector(scalar, width), vector(output.dtype.wgsl(), width))
            + &format!(
                "alias X = {};\nalias Scale = {};\nalias Zero = {};\n{imports}",
                operand(1, scalar),
                operand(2, "f32"),
                operand(3, "i32")
            )
            + &format!("fn apply(x: Input, scale: Element, zero: Int) -> Output {{ return {formula}; }}\n");
        let [output, x, scale, zero] = &part.windows;
        Launch::new(&QUANTIZE, &params, groups(count, WORKGROUP))
            .header(header)
            .constant("LOOPS", u32_of(nest.sizes.len()))
            .input_window(0, x)
            .input_window(1, scale)
            .input_window(2, zero)
            .output_window(0, output)
    };
    Ok(vec![Candidate::of(nest.parts(op, site.device, bytes, Cut::Outermost)?.iter().map(launch).collect())])
}
