//! copy: what moves elements without looking at them says where they come from and where they go, and this moves them.
//!
//! The loops of a [`Nest`] show each element in the output and in the input, both through strides: repeated, reversed,
//! cut out, laid beside others. Words are moved as they are, NaN payloads included; f16 moves as pairs, where runs of
//! pairs are what there is to move, and f64 as two words.

use super::{Candidate, Cut, Nest, Site, WORKGROUP, Walk, dense, groups, u32_of, vector};
use crate::array::{Array, DType, Data, TensorType, elements, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        input_strides: [[u32; 4]; 2],
        output_strides: [[u32; 4]; 2],
        count: u32,
        input_start: u32,
        output_start: u32,
    }
}

pub(super) static COPY: Kernel = kernel!("copy", Params, header: "alias Element = vec4<u32>;\nalias Source = u32;\n");

/// The nest that fills an output of shape `to`, dense and whole, through `walk` over the input.
///
/// # Errors
/// If it needs too many loops, or is of f16 and moves single elements.
pub(super) fn gathering(op: &'static str, dtype: DType, to: &[usize], walk: Walk) -> Result<Nest<2>> {
    words(op, dtype, Nest::new(op, to, [Walk::new(dense(to)), walk])?)
}

/// `nest` counted in words: f16 lies in pairs, so its loops must move whole pairs; an f64 is two words side by side.
///
/// # Errors
/// If f16 is not moved in pairs, or f64 needs one loop too many.
pub(super) fn words(op: &'static str, dtype: DType, nest: Nest<2>) -> Result<Nest<2>> {
    if dtype == DType::F64 {
        // Saturating, as strides of absurd shapes do before those are refused.
        let twice = |n: i64| n.saturating_mul(2);
        let pairs = |w: Walk| Walk { start: twice(w.start), strides: w.strides.into_iter().map(twice).chain([1]).collect() };
        return Nest::new(op, &[&nest.sizes[..], &[2]].concat(), nest.walks.map(pairs));
    }
    if dtype != DType::F16 {
        return Ok(nest);
    }
    let even = |w: &Walk| w.strides.last() == Some(&1) && w.strides.iter().rev().skip(1).all(|s| s % 2 == 0) && w.start % 2 == 0;
    if nest.is_flat() || (nest.inner().is_multiple_of(2) && nest.walks.iter().all(even)) {
        let mut nest = nest;
        let inner = nest.sizes.len() - 1;
        nest.sizes[inner] = nest.sizes[inner].div_ceil(2);
        for walk in &mut nest.walks {
            walk.start /= 2;
            walk.strides[..inner].iter_mut().for_each(|s| *s /= 2);
        }
        return Ok(nest);
    }
    Err(Error::unsupported(op, "f16 whose rows are not moved in whole pairs; cast it first"))
}

/// The way to fill the one output through `nest`: no work at all if the input is the output already.
pub(super) fn copy(op: &'static str, site: &Site<'_>, nest: &Nest<2>) -> Result<Vec<Candidate>> {
    if nest.is_flat() && site.inputs[0].elements() == site.outputs[0].elements() {
        return Ok(vec![Candidate { alias: Some(0), ..Candidate::default() }]);
    }
    Ok(vec![Candidate::of(copies(op, site, 0, 0, nest)?)])
}

/// The launches that move what `nest` shows of an input to an output.
pub(super) fn copies(op: &'static str, site: &Site<'_>, input: usize, output: usize, nest: &Nest<2>) -> Result<Vec<Launch>> {
    let bytes = [site.outputs[output].device_bytes(), site.inputs[input].device_bytes()];
    let words = (site.outputs[output].elements() as u64 * site.outputs[output].dtype.device_bytes()).div_ceil(4);
    // What a last vector has beyond the end would count too.
    let notes = site.outputs[output].dtype == DType::F32 && words.is_multiple_of(4);
    let launch = |part: &super::Part<2>| {
        let [output_window, input_window] = &part.windows;
        part_of(part, words).input_window(input, input_window).output_window(output, output_window).notes(notes)
    };
    Ok(nest.parts(op, site.device, bytes, Cut::Widest)?.iter().map(launch).collect())
}

/// The launch that moves what `nest` shows of an input to scratch memory 0, of `bytes`; `None` if a binding is too small for it.
pub(super) fn to_scratch(site: &Site<'_>, input: usize, bytes: u64, nest: &Nest<2>) -> Option<Launch> {
    let parts = nest.parts("copy", site.device, [bytes, site.inputs[input].device_bytes()], Cut::Widest).ok()?;
    let [part] = &parts[..] else { return None };
    let [window, input_window] = &part.windows;
    let launch = part_of(part, bytes.div_ceil(4)).input_window(input, input_window);
    Some(launch.bind(Slot::Scratch(0), true, Some(window.bytes.clone())))
}

/// The launch for a part of what moves to `words` words, with nothing bound yet.
fn part_of(part: &super::Part<2>, words: u64) -> Launch {
    let nest = &part.nest;
    // Only what ends with the output may write the rest of its last vec4.
    let ends = nest.walks[0].start as u64 + nest.inner() as u64 + part.windows[0].bytes.start / 4;
    let width = nest.width(ends == words);
    let count = nest.count(width);
    let params = Params {
        sizes: nest.packed_sizes(width),
        input_strides: nest.packed_strides(1, width),
        output_strides: nest.packed_strides(0, width),
        count: u32_of(count),
        input_start: nest.packed_start(1, width),
        output_start: nest.packed_start(0, width),
    };
    let source = vector("u32", if nest.repeats(1) { 1 } else { width });
    Launch::new(&COPY, &params, groups(count, WORKGROUP))
        .header(format!("alias Element = {};\nalias Source = {source};\n", vector("u32", width)))
        .constant("LOOPS", u32_of(nest.sizes.len()))
}

/// The definition of what moves elements: each of the output's, by its coordinates, is the input's at `source`.
pub(super) fn rearranged(input: &Array, shape: &[usize], mut source: impl FnMut(&[usize]) -> usize) -> Result<Array> {
    let rows = strides(shape);
    let mut at = vec![0; shape.len()];
    let from: Vec<usize> = (0..elements(shape))
        .map(|flat| {
            at.iter_mut().zip(&rows).zip(shape).for_each(|((c, row), size)| *c = flat / row % size);
            source(&at)
        })
        .collect();
    Array::from_data(shape, picked(input, &from))
}

/// The elements at these places.
pub(super) fn picked(input: &Array, from: &[usize]) -> Data {
    fn pick<T: Copy>(values: &[T], from: &[usize]) -> Vec<T> {
        from.iter().map(|&i| values[i]).collect()
    }
    match input.data() {
        Data::F32(v) => Data::F32(pick(v, from)),
        Data::F16(v) => Data::F16(pick(v, from)),
        Data::F64(v) => Data::F64(pick(v, from)),
        Data::I32(v) => Data::I32(pick(v, from)),
        Data::U32(v) => Data::U32(pick(v, from)),
        Data::Bool(v) => Data::Bool(pick(v, from)),
    }
}

/// Where `coordinates` are in a dense tensor of this shape.
pub(super) fn flat(shape: &[usize], coordinates: impl IntoIterator<Item = usize>) -> usize {
    shape.iter().zip(coordinates).fold(0, |flat, (size, at)| flat * size + at)
}

/// Refuses a dimension that `ty` does not have.
pub(super) fn check_dimension(op: &'static str, ty: &TensorType, axis: usize) -> Result<()> {
    if axis < ty.rank() { Ok(()) } else { Err(Error::shape(op, format!("there is no dimension {axis} in {ty}"))) }
}
