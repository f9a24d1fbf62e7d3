//! The kernel of operators that turn each element into one: a formula, run on four elements at a time.

use super::{Candidate, Expression, Site, WORKGROUP, aliases, groups, launch_rows, u32_of, vector};
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
    fn apply(x: Input, alpha: f32, beta: f32, low: u32, high: u32) -> Output { return relu(x); }\n");

/// Elements of a block that is never cut: a multiple of every buffer alignment, whatever the dtype.
const BLOCK: usize = 256;

/// The operator's expression on every element of its input, which it need not tell the plan.
pub(super) fn launch_map(op: &'static str, site: &Site<'_>, expression: &Expression) -> Result<Vec<Candidate>> {
    let (input, output) = (site.inputs[0], site.outputs[0]);
    let elements = input.elements();
    site.device.check_computes(input.dtype)?;
    // Two f64 are the 16 bytes that buffers are multiples of.
    let width = if input.dtype == DType::F64 { 2 } else { 4 };
    // Four f16 are two words.
    let item = |dtype: DType| if dtype == DType::F16 { "vec2<u32>".to_owned() } else { vector(dtype.wgsl(), width) };
    let mut header =
        aliases(input.dtype, width) + &format!("alias Input = {};\nalias Output = {};\n", item(input.dtype), item(output.dtype));
    header += &expression.import.map(|name| format!("#import {name}\n")).unwrap_or_default();
    header += &format!("fn apply(x: Input, alpha: f32, beta: f32, low: u32, high: u32) -> Output {{ return {}; }}\n", expression.text);
    let ([alpha, beta], [low, high]) = (expression.numbers, expression.words);
    let bytes = [input.dtype.device_bytes(), output.dtype.device_bytes()];
    // What a last vector has beyond the end would count too.
    let notes = [input.dtype, output.dtype] == [DType::F32; 2] && elements.is_multiple_of(width);
    let launches = launch_rows(op, site.device, elements.div_ceil(BLOCK), &bytes.map(|b| b * BLOCK as u64), |blocks| {
        let range = blocks.start * BLOCK..elements.min(blocks.end * BLOCK);
        let window = |size| site.device.window(range.start as u64..range.end as u64, size);
        let count = range.len().div_ceil(width);
        let params = Params { count: u32_of(count), alpha, beta, low, high };
        Launch::new(&UNARY, &params, groups(count, WORKGROUP))
            .header(&header)
            .notes(notes)
            .input_window(0, &window(bytes[0]))
            .output_window(0, &window(bytes[1]))
    })?;
    Ok(vec![Candidate::of(launches)])
}
