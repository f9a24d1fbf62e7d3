//! Small checks and conversions that most operators need.

use crate::array::{Array, DType, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Launch};
use std::ops::Range;

/// Invocations of a workgroup in kernels with one thread per element.
pub(crate) const WORKGROUP: u32 = 64;

/// `value` as `u32`, which is what shaders count in. Tensors have fewer than 2^32 elements, so sizes fit;
/// an attribute that does not saturates, and no tensor is that large.
pub(crate) fn u32_of(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Workgroups for `items`, `per_group` of them each.
pub(crate) fn groups(items: usize, per_group: u32) -> u64 {
    (items as u64).div_ceil(u64::from(per_group))
}

/// Planes for one invocation where each finds a pixel's place once and reads it in several planes: all of them while the
/// pixels alone keep the device busy, else fewer, a multiple of four.
pub(crate) fn planes_per_thread(pixels: usize, planes: usize, device: &Capabilities) -> usize {
    let busy = if device.software { 1 << 10 } else { 1 << 18 };
    let mut chunk = planes.max(1);
    while chunk > 4 && pixels.saturating_mul(planes.div_ceil(chunk)) < busy {
        chunk = (chunk / 2).next_multiple_of(4);
    }
    chunk
}

/// Refuses any number of inputs outside `count`.
pub(crate) fn check_inputs(op: &'static str, inputs: &[&TensorType], count: std::ops::RangeInclusive<usize>) -> Result<()> {
    if count.contains(&inputs.len()) {
        return Ok(());
    }
    let wanted = if count.start() == count.end() { format!("{}", count.start()) } else { format!("{} to {}", count.start(), count.end()) };
    Err(Error::shape(op, format!("takes {wanted} inputs, {} were given", inputs.len())))
}

/// Refuses a tensor that is not `rank`-dimensional; `layout` says how its dimensions are called.
pub(crate) fn check_rank(op: &'static str, what: &str, ty: &TensorType, rank: usize, layout: &str) -> Result<()> {
    if ty.rank() == rank {
        return Ok(());
    }
    Err(Error::shape(op, format!("{what} must be {layout}, it is {ty}")))
}

/// Refuses a tensor of another dtype.
pub(crate) fn check_dtype(op: &'static str, what: &str, ty: &TensorType, dtype: DType) -> Result<()> {
    if ty.dtype == dtype {
        return Ok(());
    }
    Err(Error::unsupported(op, format!("{what} must be {dtype}, it is {ty}; cast it first")))
}

/// Refuses what is neither i32 nor u32.
pub(crate) fn check_integer(op: &'static str, what: &str, ty: &TensorType) -> Result<()> {
    if matches!(ty.dtype, DType::I32 | DType::U32) {
        return Ok(());
    }
    Err(Error::unsupported(op, format!("{what} must be i32 or u32, it is {ty}; cast it first")))
}

/// The types of arrays, for references that infer their outputs' shapes.
pub(crate) fn types(inputs: &[&Array]) -> Vec<TensorType> {
    inputs.iter().map(|a| a.ty()).collect()
}

/// An f32 array from sums in f64.
pub(crate) fn rounded(shape: &[usize], values: Vec<f64>) -> Result<Array> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
    Array::new(shape, values.into_iter().map(|v| v as f32).collect::<Vec<_>>())
}

/// `count` times the product of `each`: the multiply-adds of `count` sums over dimensions of these sizes.
pub(crate) fn multiplied(count: usize, each: &[usize]) -> u64 {
    each.iter().fold(count as u64, |n, &d| n.saturating_mul(d as u64))
}

/// Cuts `rows` so that each part's windows fit the device's bindings, and launches each part.
///
/// `row_bytes` are the bytes that one row takes in each tensor that is cut.
pub(crate) fn launch_rows(
    op: &'static str,
    device: &Capabilities,
    rows: usize,
    row_bytes: &[u64],
    launch: impl FnMut(Range<usize>) -> Launch,
) -> Result<Vec<Launch>> {
    let Some(parts) = device.cut(rows, row_bytes) else {
        let row = row_bytes.iter().max().copied().unwrap_or(0);
        let reason = format!("{op} needs {row} bytes in one binding, {} shows a shader at most {}", device.name, device.max_binding());
        return Err(Error::Device(reason));
    };
    Ok(parts.into_iter().map(launch).collect())
}

/// The include by which a shader moves four numbers as one `Four`.
pub(crate) fn fours(device: &Capabilities) -> &'static str {
    if device.has_lanes() { "#import fours\n" } else { WHOLE_FOURS }
}

/// The same of a device that has no lanes.
pub(crate) const WHOLE_FOURS: &str = "#import whole_fours\n";

/// `width` numbers of WGSL type `scalar`: itself, or a vector of it.
pub(crate) fn vector(scalar: &str, width: usize) -> String {
    if width > 1 { format!("vec{width}<{scalar}>") } else { scalar.to_owned() }
}

/// The names by which shaders call `width` numbers at once: `Element` of `dtype`, and `Word`, `Int`, `Flag`, `Float`.
pub(crate) fn aliases(dtype: DType, width: usize) -> String {
    let alias = |(name, scalar): (&str, &str)| format!("alias {name} = {};\n", vector(scalar, width));
    [("Element", dtype.wgsl()), ("Word", "u32"), ("Int", "i32"), ("Flag", "bool"), ("Float", "f32")].map(alias).concat()
}
