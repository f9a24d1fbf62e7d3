//! Every node of a plan against its reference, on the GPU's own inputs: which one is to blame.

use super::cpu;
use super::device::Compiled;
use super::program::{Kind, Program, Step};
use crate::array::{Array, DType, TensorType, strides};
use crate::error::{Error, Result};
use crate::ops::Op;
use std::fmt;
use std::ops::ControlFlow;

/// What a float may be off by for each unit of the largest number of its tensor.
///
/// The case tables hold sums of n products to 2 eps n times the sum of their absolute values. 2^-12 = 2048 eps is that for 1024
/// products that do not cancel, and a longer sum's roundings cancel: they grow as the root of n. A position of sampling is off by
/// three roundings of 2^-24; at 1000 pixels from the edge, where neighbours differ by as much as the largest value, that is 2^-12 too.
const ABSOLUTE: f64 = 1.0 / (1 << 12) as f64;
/// What a float may be off by for each unit of its own: twice what the case tables grant exponentials and powers.
const RELATIVE: f64 = 2e-5;

/// A node that has run on the GPU and on its reference.
#[derive(Debug)]
pub struct Checked<'a> {
    /// Its place among the nodes that run, from 0.
    pub number: usize,
    /// How many nodes run.
    pub of: usize,
    /// Operator and number, as [`Plan::describe`](super::Plan::describe) has it.
    pub node: &'a str,
    /// What it stems from: the node of an ONNX file.
    pub origin: Option<&'a str>,
    /// The operator with its attributes.
    pub op: &'a dyn Op,
    /// What the GPU was given.
    pub inputs: &'a [&'a Array],
    /// What the GPU made of it.
    pub outputs: &'a [Array],
    /// What the reference made of it.
    pub expected: &'a [Array],
    /// The largest error, as a multiple of what is allowed: over 1, or infinite, if the node is wrong.
    pub worst: f64,
    /// How they differ, if by more than allowed.
    pub difference: Option<&'a Difference>,
}

/// An output that is further from its reference than it may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Which output.
    pub output: usize,
    /// Its type.
    pub ty: TensorType,
    /// How many of its elements are off.
    pub count: usize,
    /// The first of them in row-major order.
    pub first: Element,
    /// The one that is off most, measured by what is allowed.
    pub worst: Element,
}

/// One element of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its coordinates.
    pub at: Vec<usize>,
    /// What the GPU computed.
    pub found: f64,
    /// What the reference computed.
    pub expected: f64,
    /// How far apart the two may be: 0 for integers and truth values; for floats 2^-12 of the largest finite magnitude of the reference
    /// tensor, 2e-5 of the element and the smallest normal f32.
    pub allowed: f64,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Nodes that were checked.
    pub nodes: usize,
    /// How many of them were off by more than allowed.
    pub wrong: usize,
    /// The largest error as a multiple of what is allowed, and the node it is of.
    pub worst: Option<(f64, String)>,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, found, expected, allowed } = self;
        write!(f, "{at:?} is {found}, the reference has {expected}: off by {:.3e}, allowed {allowed:.3e}", (found - expected).abs())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { output, ty, count, first, worst } = self;
        write!(f, "output {output} {ty}: {count} of {} elements are off; first {first}", ty.elements())?;
        if worst == first { Ok(()) } else { write!(f, "; worst {worst}") }
    }
}

impl Compiled {
    pub(super) fn check(
        &mut self,
        program: &Program,
        given: &[&Array],
        mut on: impl FnMut(&Checked<'_>) -> ControlFlow<()>,
    ) -> Result<Summary> {
        self.upload(given)?;
        self.clear_largest();
        let last = cpu::last_uses(program);
        let states = program.states.iter().map(|s| self.read(program, s.value)).collect::<Result<Vec<_>>>()?;
        let mut computed: Vec<Option<Array>> = vec![None; program.values.len()];
        let mut summary = Summary::default();
        for (number, step) in program.steps.iter().enumerate() {
            let inputs = step.inputs.iter().map(|&v| match &program.values[v].kind {
                Kind::Input(index) => Ok(given[*index]),
                Kind::Constant(array) | Kind::Parameter(array) => Ok(&**array),
                Kind::State(index) => Ok(&states[*index]),
                Kind::Computed => computed[v].as_ref().ok_or_else(|| Error::shape("check", "a step reads what none before it computes")),
            });
            let inputs = inputs.collect::<Result<Vec<&Array>>>()?;
            self.step(number)?;
            let outputs = step.outputs.iter().map(|&v| self.read(program, v)).collect::<Result<Vec<_>>>()?;
            let expected = step.op.expected(&inputs, &outputs)?;
            if let Some((array, &value)) = expected.iter().zip(&step.outputs).find(|(array, v)| array.ty() != *program.ty(**v)) {
                let reason = format!("the reference of {} made {}, not {}", step.label, array.ty(), program.ty(value));
                return Err(Error::shape("check", reason));
            }
            let (worst, difference) = compare(&outputs, &expected);
            summary.add(step, worst);
            let checked = Checked {
                number,
                of: program.steps.len(),
                node: &step.label,
                origin: step.origin.as_deref(),
                op: &*step.op,
                inputs: &inputs,
                outputs: &outputs,
                expected: &expected,
                worst,
                difference: difference.as_ref(),
            };
            let flow = on(&checked);
            for (&value, array) in step.outputs.iter().zip(outputs) {
                computed[value] = Some(array);
            }
            // What no later step reads makes room.
            for &value in step.inputs.iter().chain(&step.outputs).filter(|&&v| last[v] <= number) {
                computed[value] = None;
            }
            if flow.is_break() {
                break;
            }
        }
        Ok(summary)
    }

    /// Runs the dispatches of one step.
    fn step(&self, number: usize) -> Result<()> {
        self.gpu.guarded(|| {
            let mut encoder = self.encoder();
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                self.dispatches.iter().filter(|d| d.step == number).for_each(|d| d.record(&mut pass));
            }
            self.gpu.queue().submit([encoder.finish()]);
            self.gpu.wait()
        })
    }
}

impl Summary {
    fn add(&mut self, step: &Step, worst: f64) {
        self.nodes += 1;
        self.wrong += usize::from(worst > 1.0);
        if self.worst.as_ref().is_none_or(|(w, _)| worst > *w) {
            let origin = step.origin.as_ref().map_or(String::new(), |o| format!(" ({o})"));
            self.worst = Some((worst, format!("{}{origin}", step.label)));
        }
    }
}

/// The largest error of all outputs as a multiple of what is allowed, and the first output with one over it.
pub(super) fn compare(outputs: &[Array], expected: &[Array]) -> (f64, Option<Difference>) {
    let (mut worst, mut difference) = (0.0, None);
    for (output, (found, want)) in outputs.iter().zip(expected).enumerate() {
        let (ratio, off) = compare_one(output, found, want);
        worst = f64::max(worst, ratio);
        difference = difference.or(off);
    }
    (worst, difference)
}

fn compare_one(output: usize, found: &Array, want: &Array) -> (f64, Option<Difference>) {
    let float = matches!(want.dtype(), DType::F32 | DType::F16 | DType::F64);
    let (a, b) = (found.to_f64(), want.to_f64());
    let largest = b.iter().map(|v| v.abs()).filter(|v| v.is_finite()).fold(0.0, f64::max);
    let allowed = |want: f64| {
        if float { ABSOLUTE * largest + RELATIVE * want.abs() + f64::from(f32::MIN_POSITIVE) } else { 0.0 }
    };
    let ratio = |(found, want): (f64, f64)| {
        if found == want || found.is_nan() && want.is_nan() {
            0.0
        } else if float && found.is_finite() && want.is_finite() {
            (found - want).abs() / allowed(want)
        } else {
            f64::INFINITY
        }
    };
    let (mut count, mut first, mut worst) = (0, None, (0.0, 0));
    for (i, pair) in a.iter().copied().zip(b.iter().copied()).enumerate() {
        let ratio = ratio(pair);
        if ratio > worst.0 {
            worst = (ratio, i);
        }
        if ratio > 1.0 {
            count += 1;
            first.get_or_insert(i);
        }
    }
    let strides = strides(want.shape());
    let element = |i: usize| Element {
        at: strides.iter().zip(want.shape()).map(|(stride, size)| i / stride.max(&1) % size.max(&1)).collect(),
        found: a[i],
        expected: b[i],
        allowed: if b[i].is_finite() { allowed(b[i]) } else { 0.0 },
    };
    let difference = first.map(|first| Difference { output, ty: want.ty(), count, first: element(first), worst: element(worst.1) });
    (worst.0, difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(found: &[f32], want: &[f32]) -> f64 {
        let array = |v: &[f32]| Array::new([v.len()], v.to_vec()).unwrap();
        compare(&[array(found)], &[array(want)]).0
    }

    #[test]
    fn floats_are_allowed_a_part_of_the_largest_and_of_themselves() {
        assert_eq!(ratio(&[1.0, 64.0], &[1.0, 64.0]), 0.0);
        // 2^-12 of 64 and 2e-5 of 1.
        let allowed = 64.0 / f64::from(1 << 12) + 2e-5;
        let off = ratio(&[1.5, 64.0], &[1.0, 64.0]);
        assert!((off - 0.5 / allowed).abs() < 1e-3, "{off}");
        assert!(ratio(&[0.0, 0.0], &[1e-40, 0.0]) < 1.0, "numbers below the normal ones may be flushed to 0");
    }

    #[test]
    fn nan_and_infinity_must_agree() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        assert_eq!(ratio(&[nan, inf, -inf], &[nan, inf, -inf]), 0.0);
        for (found, want) in [(nan, 1.0), (1.0, nan), (inf, 1e38), (1e38, inf), (inf, -inf)] {
            assert_eq!(ratio(&[found], &[want]), f64::INFINITY, "{found} for {want}");
        }
    }

    #[test]
    fn integers_must_be_equal_and_differences_have_coordinates() {
        let want = Array::from_fn([2, 3], |i| i as i32);
        let found = Array::from_fn([2, 3], |i| if i == 4 { 7 } else { i as i32 });
        let (ratio, difference) = compare(&[found], &[want]);
        let difference = difference.unwrap();
        assert_eq!((ratio, difference.count, difference.first.at.as_slice()), (f64::INFINITY, 1, [1, 1].as_slice()));
        let text = difference.to_string();
        assert!(text.contains("output 0 i32[2, 3]: 1 of 6 elements are off; first [1, 1] is 7, the reference has 4"), "{text}");
    }
}
