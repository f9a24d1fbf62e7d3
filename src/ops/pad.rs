//! pad: elements added before and after each dimension, or taken away.
//!
//! ```text
//! output[.., i, ..] = input[.., i - before, ..]      where that exists; elsewhere by mode:
//!     constant   the value
//!     edge       the nearest element                 a a | a b c | c c
//!     reflect    mirrored at the edge elements       c b | a b c | b a
//!     wrap       from the other end                  b c | a b c | a b
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any dtype but f16 and f64 |
//! | output | `before + size + after` in each dimension |
//!
//! Gradient: that of the output without what was added, zeros for what was taken away; but for the constant mode each element also
//! has those of its copies.
//!
//! Negative numbers take away. ONNX: Pad. PyTorch: `pad` (constant, reflect, replicate, circular).

use super::adjoint::{Taps, adjoint};
use super::copy::{flat, rearranged};
use super::{Candidate, MAX_LOOPS, Op, Site, WORKGROUP, check_inputs, groups, launch_rows, pack, the_gradient, u32_of};
use crate::array::{Array, DType, Data, TensorType, strides};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        input_sizes: [[u32; 4]; 2],
        input_strides: [[u32; 4]; 2],
        before: [[u32; 4]; 2],
        count: u32,
        row: u32,
        input_start: u32,
        output_start: u32,
        value: u32,
    }
}

/// How an invocation makes four neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Four {
    /// Each has its own place in the input, and in an output whose rows are no whole vectors.
    Words,
    /// Each has its own place in the input.
    Gathered,
    /// They are neighbours in the input too.
    Moved,
}

impl Four {
    /// How those of a `row` are made best.
    fn of(row: Loop, mode: PadMode) -> Self {
        let whole = row.before.unsigned_abs().is_multiple_of(4) && row.input.is_multiple_of(4);
        let as_they_are = matches!(mode, PadMode::Constant(_)) || (row.before == 0 && row.input == row.output);
        match row.output.is_multiple_of(4) {
            true if whole && as_they_are => Self::Moved,
            true => Self::Gathered,
            false => Self::Words,
        }
    }

    /// Words of the output's elements, and of the input's.
    fn widths(self) -> (usize, usize) {
        match self {
            Self::Words => (1, 1),
            Self::Gathered => (4, 1),
            Self::Moved => (4, 4),
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Words => WORDS,
            Self::Gathered => GATHERED,
            Self::Moved => MOVED,
        }
    }
}

const WORDS: &str = "#set ACROSS 4\nconst ACROSS = 4u;\nalias Source = u32;\nalias Element = u32;\n\
fn store(place: u32, left: u32, found: array<Source, ACROSS>) {\n\
#for i ACROSS\n    if $i < left { note(found[$i], 1u); output[params.output_start + place + $i] = found[$i]; }\n#end\n}\n";
const GATHERED: &str = "#set ACROSS 4\nconst ACROSS = 4u;\nalias Source = u32;\nalias Element = vec4<u32>;\n\
fn store(place: u32, left: u32, found: array<Source, ACROSS>) {\n\
    let element = Element(found[0], found[1], found[2], found[3]);\n\
    note(element, 4u);\n    output[params.output_start + place / 4] = element;\n}\n";
const MOVED: &str = "#set ACROSS 1\nconst ACROSS = 1u;\nalias Source = vec4<u32>;\nalias Element = vec4<u32>;\n\
fn store(place: u32, left: u32, found: array<Source, ACROSS>) { note(found[0], 4u); output[params.output_start + place] = found[0]; }\n";

static PAD: Kernel = kernel!("pad", Params, header: GATHERED);
pub(super) const KERNELS: &[&Kernel] = &[&PAD];

/// The most that may be added or taken away, so that coordinates stay far from the end of i32.
const FAR: usize = 1 << 30;

/// What stands outside the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// This number, which the dtype must have.
    Constant(f64),
    /// The input mirrored at its edge elements, which are not repeated.
    Reflect,
    /// The nearest element.
    Edge,
    /// The input again, from its other end.
    Wrap,
}

/// Adds elements around a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Pad {
    /// Elements added before each dimension; taken away if negative.
    pub before: Vec<isize>,
    /// Elements added after each dimension; taken away if negative.
    pub after: Vec<isize>,
    /// What stands there.
    pub mode: PadMode,
}

impl Var {
    /// `before[i]` elements before and `after[i]` after dimension `i`. Nothing is added to the graph where all are 0.
    ///
    /// # Errors
    /// If there is not one number for each dimension, nothing is left, or the mode does not reach that far.
    pub fn pad(&self, before: impl Into<Vec<isize>>, after: impl Into<Vec<isize>>, mode: PadMode) -> Result<Self> {
        let (before, after) = (before.into(), after.into());
        let none = [&before, &after].iter().all(|n| n.len() == self.shape().len() && n.iter().all(|&n| n == 0));
        if none { Ok(self.clone()) } else { self.apply1(Pad { before, after, mode }, &[]) }
    }
}

/// A dimension as the loops see it.
#[derive(Clone, Copy, Debug)]
struct Loop {
    input: usize,
    output: usize,
    before: isize,
}

impl Pad {
    fn output(&self, input: &TensorType) -> Result<Vec<usize>> {
        let wrong = |reason: String| Error::shape("pad", reason);
        if self.before.len() != input.rank() || self.after.len() != input.rank() {
            return Err(wrong(format!("{:?} and {:?} are not one number for each dimension of {input}", self.before, self.after)));
        }
        let size = |(&size, (&before, &after)): (&usize, (&isize, &isize))| {
            let most = match self.mode {
                PadMode::Reflect => size.saturating_sub(1),
                PadMode::Wrap => size,
                PadMode::Constant(_) | PadMode::Edge => FAR,
            };
            if [before, after].iter().any(|&n| n.unsigned_abs() > if n > 0 { most } else { FAR }) {
                return Err(wrong(format!("{before} before and {after} after {size} elements: {:?} has at most {most}", self.mode)));
            }
            let padded = isize::try_from(size).ok().and_then(|s| s.checked_add(before)?.checked_add(after));
            padded.and_then(|s| usize::try_from(s).ok()).ok_or_else(|| wrong(format!("{before} + {size} + {after} elements are left")))
        };
        input.shape.iter().zip(self.before.iter().zip(&self.after)).map(size).collect()
    }

    /// Which of `size` elements of dimension `d` the output has at `at`, wherever that is; the nearest where it has the constant.
    fn source(&self, d: usize, at: usize, size: usize) -> usize {
        let (at, size) = (at as isize - self.before[d], size as isize);
        let mirrored = if at < 0 { -at } else { 2 * (size - 1) - at };
        let there = match self.mode {
            _ if (0..size).contains(&at) => at,
            PadMode::Constant(_) | PadMode::Edge => at.clamp(0, size - 1),
            PadMode::Reflect => mirrored,
            PadMode::Wrap => at.rem_euclid(size),
        };
        there.unsigned_abs()
    }

    /// The loops, outermost first. Neighbours that are not padded are one.
    fn loops(&self, input: &[usize], output: &[usize]) -> Vec<Loop> {
        let mut loops: Vec<Loop> = Vec::new();
        for ((&input, &output), &before) in input.iter().zip(output).zip(&self.before) {
            match loops.last_mut() {
                Some(last) if before == 0 && input == output && last.before == 0 && last.input == last.output => {
                    last.input *= input;
                    last.output *= output;
                }
                _ => loops.push(Loop { input, output, before }),
            }
        }
        if loops.is_empty() {
            loops.push(Loop { input: 1, output: 1, before: 0 });
        }
        loops
    }

    /// The constant as one word of this dtype, if the dtype has it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the comparison finds what is lost")]
    fn value(&self, dtype: DType) -> Option<u32> {
        let PadMode::Constant(value) = self.mode else { return Some(0) };
        let (signed, unsigned) = (value as i32, value as u32);
        match dtype {
            DType::F32 => Some((value as f32).to_bits()),
            DType::I32 => (f64::from(signed) == value).then_some(signed as u32),
            DType::U32 => (f64::from(unsigned) == value).then_some(unsigned),
            DType::Bool => (value == 0.0 || value == 1.0).then_some(unsigned),
            DType::F16 | DType::F64 => None,
        }
    }
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        if !input.dtype.is_word() {
            return Err(Error::unsupported(self.name(), format!("of {input}; cast it first")));
        }
        if self.value(input.dtype).is_none() {
            return Err(Error::shape(self.name(), format!("{:?} is no {}", self.mode, input.dtype)));
        }
        let output = TensorType::new(input.dtype, self.output(input)?);
        output.checked_elements()?;
        let loops = self.loops(&input.shape, &output.shape).len();
        if loops > MAX_LOOPS {
            return Err(Error::unsupported(self.name(), format!("{loops} dimensions that cannot be merged; {MAX_LOOPS} are the most")));
        }
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, shape) = (inputs[0], self.output(&inputs[0].ty())?);
        let inside = |(d, &at): (usize, &usize)| self.source(d, at, input.shape()[d]);
        let output = rearranged(input, &shape, |at| flat(input.shape(), at.iter().enumerate().map(inside)))?;
        let PadMode::Constant(value) = self.mode else { return Ok(vec![output]) };
        let rows = strides(&shape);
        let outside = |i: usize| {
            let coordinate = |d: usize| (i / rows[d] % shape[d]) as isize - self.before[d];
            !(0..shape.len()).all(|d| (0..input.shape()[d] as isize).contains(&coordinate(d)))
        };
        Ok(vec![filled(output, outside, value)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, output) = (site.inputs[0], site.outputs[0]);
        let mut loops = self.loops(&input.shape, &output.shape);
        let all = |of: fn(&Loop) -> usize, loops: &[Loop]| loops.iter().map(of).product::<usize>();
        let (row, input_row) = (all(|l| l.output, &loops[1..]), all(|l| l.input, &loops[1..]));
        let Loop { before, input: input_rows, output: rows } = loops[0];
        let cuttable = loops.len() > 1 && before == 0 && input_rows == rows;
        let four = Four::of(loops[loops.len() - 1], self.mode);
        let (width, input_width) = four.widths();
        let mut across = 1;
        if let Some(last) = loops.last_mut() {
            across = last.output / input_width;
            let before = last.before / input_width.cast_signed();
            *last = Loop { input: last.input / input_width, output: last.output.div_ceil(4), before };
        }
        let reversed = || loops.iter().rev();
        let inputs: Vec<usize> = loops.iter().map(|l| l.input).collect();
        let mode = match self.mode {
            PadMode::Constant(_) => 0u32,
            PadMode::Reflect => 1,
            PadMode::Edge => 2,
            PadMode::Wrap => 3,
        };
        let threads = all(|l| l.output, &loops[1..]);
        let rows = if cuttable { rows } else { 1 };
        let whole = [input.device_bytes(), output.device_bytes()];
        let row_bytes = if cuttable { [4 * input_row as u64, 4 * row as u64] } else { whole };
        let launches = launch_rows(self.name(), site.device, rows, &row_bytes, |range| {
            let span = |row: usize, all: usize| if cuttable { (range.start * row) as u64..(range.end * row) as u64 } else { 0..all as u64 };
            let input_window = site.device.window(span(input_row, input.elements()), 4);
            let output_window = site.device.window(span(row, output.elements()), 4);
            let count = (if cuttable { range.len() } else { loops[0].output }) * threads;
            let params = Params {
                sizes: pack(reversed().map(|l| u32_of(l.output))),
                input_sizes: pack(reversed().map(|l| u32_of(l.input))),
                input_strides: pack(strides(&inputs).iter().rev().map(|&s| u32_of(s))),
                before: pack(reversed().map(|l| super::wrapped(l.before as i64))),
                count: u32_of(count),
                row: u32_of(across),
                input_start: input_window.skip / u32_of(input_width),
                output_start: output_window.skip / u32_of(width),
                value: self.value(input.dtype).unwrap_or(0),
            };
            Launch::new(&PAD, &params, groups(count, WORKGROUP))
                .header(four.header())
                .notes(output.dtype == DType::F32)
                .constant("LOOPS", u32_of(loops.len()))
                .constant("MODE", mode)
                .input_window(0, &input_window)
                .output_window(0, &output_window)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        if !matches!(self.mode, PadMode::Constant(_)) {
            // Along one dimension after the other.
            let mut grad = grad.clone();
            for (d, &size) in inputs[0].shape().iter().enumerate() {
                let copied: Vec<Taps> = (0..grad.shape()[d]).map(|at| vec![(self.source(d, at, size), 1.0)]).collect();
                grad = adjoint(&grad, d, size, &copied)?;
            }
            return Ok(vec![Some(grad)]);
        }
        let back = |numbers: &[isize]| numbers.iter().map(|n| -n).collect::<Vec<_>>();
        Ok(vec![Some(grad.pad(back(&self.before), back(&self.after), PadMode::Constant(0.0))?)])
    }
}

/// `array` with `value` at the places that `outside` names.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the dtype has the value")]
fn filled(array: Array, outside: impl Fn(usize) -> bool, value: f64) -> Result<Array> {
    fn fill<T: Copy>(values: &[T], outside: impl Fn(usize) -> bool, value: T) -> Vec<T> {
        values.iter().enumerate().map(|(i, &v)| if outside(i) { value } else { v }).collect()
    }
    let data = match array.data() {
        Data::F32(v) => Data::F32(fill(v, outside, value as f32)),
        Data::I32(v) => Data::I32(fill(v, outside, value as i32)),
        Data::U32(v) => Data::U32(fill(v, outside, value as u32)),
        Data::Bool(v) => Data::Bool(fill(v, outside, value != 0.0)),
        Data::F16(_) | Data::F64(_) => return Err(Error::unsupported("pad", format!("of {}", array.ty()))),
    };
    Array::from_data(array.shape(), data)
}
