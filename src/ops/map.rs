//! The kernel of operators that turn each element into one: a formula, run on four elements at a time.

use super::{Candidate, Site, WORKGROUP, aliases, groups, launch_rows, u32_of, vector};
use crate::array::DType;
use crate::error::Result;
use crate::gpu::{Kernel, Launch, kernel, params};

params! {
    struct Params {
        count: u32,
        alpha: f32,
        beta: f32,
        low: u32,
        high: u32,
    }
}

/// One function of one element; the header says which.
pub(super) static UNARY: Kernel = kernel!("unary", Params, header: "#import activations\nalias Element = vec4<f32>;\n\
    alias Word = vec4<u32>;\nalias Int = vec4<i32>;\nalias Flag = vec4<bool>;\nalias Input = Element;\nalias Output = Element;\n\
    fn apply(x: Input) -> Output { return relu(x); }\n");

/// Elements of a block that is never cut: a multiple of every buffer alignment, whatever the dtype.
const BLOCK: usize = 256;

/// An expression of WGSL on `x`, the include that it needs, and its parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Formula {
    pub(super) import: Option<&'static str>,
    pub(super) text: &'static str,
    /// `params.alpha` and `params.beta`.
    pub(super) params: [f32; 2],
}

/// `formula` on every element of the input.
pub(super) fn launch_map(op: &'static str, site: &Site<'_>, formula: Formula) -> Result<Vec<Candidate>> {
    launch_words(op, site, (formula.import, formula.text), formula.params, [0; 2])
}

/// [`launch_map`] of any text, for which `params.low` and `params.high` are `words` too.
pub(super) fn launch_words(
    op: &'static str,
    site: &Site<'_>,
    (import, text): (Option<&str>, &str),
    [alpha, beta]: [f32; 2],
    [low, high]: [u32; 2],
) -> Result<Vec<Candidate>> {
    let (input, output) = (site.inputs[0], site.outputs[0]);
    let elements = input.elements();
    site.device.check_computes(input.dtype)?;
    // Two f64 are the 16 bytes that buffers are multiples of.
    let width = if input.dtype == DType::F64 { 2 } else { 4 };
    // Four f16 are two words.
    let item = |dtype: DType| if dtype == DType::F16 { "vec2<u32>".to_owned() } else { vector(dtype.wgsl(), width) };
    let mut header =
        aliases(input.dtype, width) + &format!("alias Input = {};\nalias Output = {};\n", item(input.dtype), item(output.dtype));
    header += &import.map(|name| format!("#import {name}\n")).unwrap_or_default();
    header += &format!("fn apply(x: Input) -> Output {{ return {text}; }}\n");
    let bytes = [input.dtype.device_bytes(), output.dtype.device_bytes()];
    let launches = launch_rows(op, site.device, elements.div_ceil(BLOCK), &bytes.map(|b| b * BLOCK as u64), |blocks| {
        let range = blocks.start * BLOCK..elements.min(blocks.end * BLOCK);
        let window = |size| site.device.window(range.start as u64..range.end as u64, size);
        let count = range.len().div_ceil(width);
        let params = Params { count: u32_of(count), alpha, beta, low, high };
        Launch::new(&UNARY, &params, groups(count, WORKGROUP))
            .header(&header)
            .input_window(0, &window(bytes[0]))
            .output_window(0, &window(bytes[1]))
    })?;
    Ok(vec![Candidate::of(launches)])
}
