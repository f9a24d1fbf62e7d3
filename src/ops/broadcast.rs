//! What operators on broadcast operands share: shapes, nests, and the kernel of two operands.
//!
//! NumPy's rule: shapes are aligned at their last dimension, missing ones count as 1, and a size of 1 is repeated.

use super::{Candidate, Cut, Nest, Site, WORKGROUP, Walk, aliases, dense, groups, u32_of, vector};
use crate::array::{Array, DType, Element, TensorType, elements, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        a_strides: [[u32; 4]; 2],
        b_strides: [[u32; 4]; 2],
        count: u32,
        output_start: u32,
        a_start: u32,
        b_start: u32,
    }
}

/// One function of two operands; the header says which.
pub(super) static BINARY: Kernel = kernel!("binary", Params, header: "alias Element = f32;\nalias A = f32;\nalias B = f32;\n\
    alias Output = f32;\nfn apply(x: Element, y: Element) -> Output { return x + y; }\n");

/// The shape that `shapes` broadcast to.
pub(super) fn broadcast_shape(op: &'static str, shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut output = vec![1; rank];
    for shape in shapes {
        for (i, &size) in shape.iter().enumerate() {
            let at = i + rank - shape.len();
            if size != 1 && output[at] != 1 && output[at] != size {
                let given = shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" and ");
                let reason = format!("{given} do not broadcast: {} against {size} in dimension {at}", output[at]);
                return Err(Error::shape(op, reason));
            }
            if size != 1 {
                output[at] = size;
            }
        }
    }
    Ok(output)
}

/// The walk through a tensor of shape `from` read as one of shape `to`.
pub(super) fn broadcast_walk(from: &[usize], to: &[usize]) -> Walk {
    let missing = to.len() - from.len();
    let own = dense(from);
    Walk::new((0..to.len()).map(|i| if i < missing || from[i - missing] == 1 { 0 } else { own[i - missing] }).collect())
}

/// The nest of an output of shape `to` over operands of these shapes, the output first.
pub(super) fn broadcast_nest<const N: usize>(op: &'static str, shapes: [&[usize]; N], to: &[usize]) -> Result<Nest<N>> {
    Nest::new(op, to, shapes.map(|from| broadcast_walk(from, to)))
}

/// For each element of `shape`, where the operand of shape `from` has its own.
pub(super) fn broadcast_index(from: &[usize], shape: &[usize]) -> impl Fn(usize) -> usize + use<> {
    let (missing, own) = (shape.len() - from.len(), strides(from));
    let loops: Vec<(usize, usize, usize)> = strides(shape)
        .into_iter()
        .zip(shape)
        .enumerate()
        .filter(|(i, _)| *i >= missing && from[i - missing] != 1)
        .map(|(i, (row, &size))| (row, size, own[i - missing]))
        .collect();
    move |flat| loops.iter().map(|(row, size, stride)| flat / row % size * stride).sum()
}

/// The definition of a function of two broadcast operands.
pub(super) fn pairs<A: Element, B: Element, T: Element>(op: &'static str, a: &Array, b: &Array, f: impl Fn(A, B) -> T) -> Result<Array> {
    let shape = broadcast_shape(op, &[a.shape(), b.shape()])?;
    let (at_a, at_b) = (broadcast_index(a.shape(), &shape), broadcast_index(b.shape(), &shape));
    let (a, b) = (a.values::<A>()?, b.values::<B>()?);
    let values = (0..elements(&shape)).map(|i| f(a[at_a(i)], b[at_b(i)])).collect();
    Array::from_data(shape, T::wrap(values))
}

/// The output's type for two operands of one dtype out of `dtypes`.
pub(super) fn infer_pair(op: &'static str, inputs: &[&TensorType], dtypes: &[DType], output: Option<DType>) -> Result<Vec<TensorType>> {
    super::check_inputs(op, inputs, 2..=2)?;
    let (a, b) = (inputs[0], inputs[1]);
    if a.dtype != b.dtype {
        return Err(Error::shape(op, format!("{a} and {b} differ in dtype; cast one of them first")));
    }
    if !dtypes.contains(&a.dtype) {
        return Err(Error::unsupported(op, format!("of {a} and {b}; cast them first")));
    }
    let shape = broadcast_shape(op, &[&a.shape, &b.shape])?;
    broadcast_nest(op, [&shape, &a.shape, &b.shape], &shape)?;
    Ok(vec![TensorType::new(output.unwrap_or(a.dtype), shape)])
}

/// `formula` of `x` and `y`, an expression of type `Output`, on the two inputs; `import` is an include it needs.
pub(super) fn launch_pair(op: &'static str, site: &Site<'_>, import: Option<&str>, formula: &str) -> Result<Vec<Candidate>> {
    let (a, b, output) = (site.inputs[0], site.inputs[1], site.outputs[0]);
    let nest = broadcast_nest(op, [&output.shape, &a.shape, &b.shape], &output.shape)?;
    site.device.check_computes(a.dtype)?;
    let (bytes, each) = ([output, a, b].map(TensorType::device_bytes), [output, a, b].map(|ty| ty.dtype.device_bytes()));
    let parts = nest.parts_of(op, site.device, bytes, each, Cut::Outermost)?;
    let launch = |part: &super::Part<3>| {
        let (nest, [output_window, a_window, b_window]) = (&part.nest, &part.windows);
        // Four f64 are more than the 16 bytes that buffers are multiples of.
        let width = if a.dtype == DType::F64 { 1 } else { nest.width(true) };
        let count = nest.count(width);
        let params = Params {
            sizes: nest.packed_sizes(width),
            a_strides: nest.packed_strides(1, width),
            b_strides: nest.packed_strides(2, width),
            count: u32_of(count),
            output_start: nest.packed_start(0, width),
            a_start: nest.packed_start(1, width),
            b_start: nest.packed_start(2, width),
        };
        let operand = |k: usize| vector(a.dtype.wgsl(), if nest.repeats(k) { 1 } else { width });
        let mut header = aliases(a.dtype, width);
        header +=
            &format!("alias A = {};\nalias B = {};\nalias Output = {};\n", operand(1), operand(2), vector(output.dtype.wgsl(), width));
        header += &import.map(|name| format!("#import {name}\n")).unwrap_or_default();
        header += &format!("fn apply(x: Element, y: Element) -> Output {{ return {formula}; }}\n");
        Launch::new(&BINARY, &params, groups(count, WORKGROUP))
            .header(header)
            .constant("LOOPS", u32_of(nest.sizes.len()))
            .input_window(0, a_window)
            .input_window(1, b_window)
            .output_window(0, output_window)
    };
    Ok(vec![Candidate::of(parts.iter().map(launch).collect())])
}
