//! slice: a part of a tensor, with steps, forwards or backwards.
//!
//! ```text
//! output[.., i, ..] = input[.., start + i * step, ..]      for each range
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | output | `ceil((end - start) / step)` in the dimension of each range, the input's in the others |
//!
//! A negative start or end counts from the end of the dimension, and both are then clamped to it, as in Python:
//! to 0..=size for positive steps, to -1..size for negative ones, so that an `isize::MIN` ends before the first element.
//!
//! Gradient: that of the output at its places, zeros elsewhere.
//!
//! ONNX: Slice. PyTorch: indexing, `narrow`, `flip`.

use super::copy::{COPY, check_dimension, copy, flat, gathering, rearranged};
use super::{Candidate, ConvTranspose2d, Nest, Op, PadMode, Site, Walk, as_op, check_axis, check_inputs, dense, the_gradient};
use crate::array::{Array, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::Kernel;
use crate::graph::Var;
use std::sync::Arc;

/// The kernel that all operators share which move elements.
pub(super) const KERNELS: &[&Kernel] = &[&COPY];

/// A range of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisRange {
    /// The dimension.
    pub axis: usize,
    /// The first element; from the end if negative.
    pub start: isize,
    /// One past the last element; from the end if negative.
    pub end: isize,
    /// How far from one to the next; backwards if negative.
    pub step: isize,
}

impl AxisRange {
    /// From `start` to `end`, one by one.
    pub const fn new(axis: usize, start: isize, end: isize) -> Self {
        Self { axis, start, end, step: 1 }
    }

    /// How many elements of a dimension of `size` it picks; `step` is not 0.
    pub(crate) fn count(&self, size: usize) -> usize {
        self.resolve(size).1
    }

    /// The first element and the number of elements in a dimension of `size`; `step` is not 0.
    fn resolve(&self, size: usize) -> (usize, usize) {
        let size = isize::try_from(size).unwrap_or(isize::MAX);
        let (low, high) = if self.step > 0 { (0, size) } else { (-1, size - 1) };
        let clamped = |at: isize| if at < 0 { at.saturating_add(size) } else { at }.clamp(low, high);
        let (start, end) = (clamped(self.start), clamped(self.end));
        let distance = if self.step > 0 { end - start } else { start - end };
        (start.max(0).unsigned_abs(), distance.max(0).unsigned_abs().div_ceil(self.step.unsigned_abs()))
    }
}

/// Cuts ranges out of some dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// At most one for each dimension.
    pub ranges: Vec<AxisRange>,
}

impl Var {
    /// The part in `ranges`; dimensions without one are kept whole. Nothing is added to the graph where that is all there is.
    ///
    /// # Errors
    /// If a dimension does not exist or is named twice, a step is 0, or nothing is left.
    pub fn slice(&self, ranges: impl Into<Vec<AxisRange>>) -> Result<Self> {
        let slice = Slice { ranges: ranges.into() };
        let whole = slice.resolve(self.ty())?.iter().zip(self.shape()).all(|(range, size)| *range == (0, 1, *size));
        if whole { Ok(self.clone()) } else { self.apply1(slice, &[]) }
    }

    /// `length` elements of dimension `axis`, from `start` on.
    ///
    /// # Errors
    /// If the dimension does not have them.
    pub fn narrow(&self, axis: isize, start: usize, length: usize) -> Result<Self> {
        let axis = check_axis("narrow", axis, self.ty())?;
        let size = self.shape()[axis];
        let fitting = start.checked_add(length).filter(|&end| end <= size).and_then(|end| isize::try_from(end).ok());
        let (Some(end), Ok(start)) = (fitting, isize::try_from(start)) else {
            return Err(Error::shape("narrow", format!("{length} elements from {start} on do not fit dimension {axis} of {}", self.ty())));
        };
        self.slice([AxisRange::new(axis, start, end)])
    }

    /// The window of `size` whose upper left corner is at row `top` and column `left` of the last two dimensions.
    ///
    /// # Errors
    /// If it does not lie within the image.
    pub fn crop(&self, top: usize, left: usize, size: Hw) -> Result<Self> {
        if self.shape().len() < 2 {
            return Err(Error::shape("crop", format!("input must be [.., height, width], it is {}", self.ty())));
        }
        self.narrow(-2, top, size.h)?.narrow(-1, left, size.w)
    }

    /// This tensor read backwards along `axes`.
    ///
    /// # Errors
    /// If an axis does not exist or is named twice.
    pub fn flip(&self, axes: &[isize]) -> Result<Self> {
        let backwards = |&axis: &isize| {
            let axis = check_axis("flip", axis, self.ty())?;
            Ok(AxisRange { axis, start: -1, end: isize::MIN, step: -1 })
        };
        self.slice(axes.iter().map(backwards).collect::<Result<Vec<_>>>()?)
    }
}

impl Slice {
    /// First element, step and number of elements in each dimension.
    fn resolve(&self, input: &TensorType) -> Result<Vec<(usize, isize, usize)>> {
        let mut resolved: Vec<Option<(usize, isize, usize)>> = vec![None; input.rank()];
        for range in &self.ranges {
            check_dimension("slice", input, range.axis)?;
            if range.step == 0 {
                return Err(Error::shape("slice", format!("the step in dimension {} is 0", range.axis)));
            }
            let (start, count) = range.resolve(input.shape[range.axis]);
            if resolved[range.axis].replace((start, range.step, count)).is_some() {
                return Err(Error::shape("slice", format!("dimension {} has two ranges", range.axis)));
            }
        }
        Ok(resolved.into_iter().zip(&input.shape).map(|(r, &size)| r.unwrap_or((0, 1, size))).collect())
    }

    /// How the output moves through the input.
    pub(crate) fn walk(&self, input: &TensorType) -> Result<Walk> {
        let resolved = self.resolve(input)?;
        let own = dense(&input.shape);
        let start = resolved.iter().zip(&own).map(|((start, ..), stride)| *start as i64 * stride).sum();
        // A step over more than there is moves nowhere.
        let stride = |(&(_, step, count), stride): (&(usize, isize, usize), &i64)| if count > 1 { step as i64 * stride } else { 0 };
        Ok(Walk { start, strides: resolved.iter().zip(&own).map(stride).collect() })
    }

    /// Whether it leaves nothing out between what it takes.
    pub(crate) fn is_plain(&self) -> bool {
        self.ranges.iter().all(|range| range.step == 1)
    }

    fn nest(&self, input: &TensorType) -> Result<Nest<2>> {
        input.checked_elements()?;
        let walk = self.walk(input)?;
        let shape: Vec<usize> = self.resolve(input)?.iter().map(|r| r.2).collect();
        gathering("slice", input.dtype, &shape, walk)
    }
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    /// A crop leaves less of a transposed convolution to compute. A part of a part, along other dimensions, is a part.
    fn absorb(&self, _: usize, maker: &dyn Op, made: &TensorType) -> Option<Arc<dyn Op>> {
        if let Some(first) = as_op::<Self>(maker) {
            let apart = self.ranges.iter().all(|range| first.ranges.iter().all(|other| other.axis != range.axis));
            return apart.then(|| Arc::new(Self { ranges: [&first.ranges[..], &self.ranges].concat() }) as Arc<dyn Op>);
        }
        let conv: &ConvTranspose2d = as_op(maker)?;
        let mut cropped = *conv;
        for range in &self.ranges {
            if range.step != 1 {
                return None;
            }
            let size = *made.shape.get(range.axis)?;
            let (start, count) = range.resolve(size);
            let rest = size - start - count;
            let Pads { top, left, bottom, right } = &mut cropped.padding;
            let (before, after) = match range.axis {
                2 => (top, bottom),
                3 => (left, right),
                _ if (start, rest) == (0, 0) => continue,
                _ => return None,
            };
            *before = before.checked_add(start)?;
            *after = after.checked_add(rest)?;
        }
        Some(Arc::new(cropped))
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        self.nest(inputs[0])?;
        let shape: Vec<usize> = self.resolve(inputs[0])?.iter().map(|r| r.2).collect();
        Ok(vec![TensorType::new(inputs[0].dtype, shape)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let input = inputs[0];
        let resolved = self.resolve(&input.ty())?;
        let shape: Vec<usize> = resolved.iter().map(|r| r.2).collect();
        let place = |(&i, &(start, step, _)): (&usize, &(usize, isize, usize))| start.wrapping_add_signed(i as isize * step);
        Ok(vec![rearranged(input, &shape, |at| flat(input.shape(), at.iter().zip(&resolved).map(place)))?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        copy(self.name(), site, &self.nest(site.inputs[0])?)
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let shape = inputs[0].shape();
        let (mut before, mut after) = (vec![0; shape.len()], vec![0; shape.len()]);
        let mut grad = grad.clone();
        for range in &self.ranges {
            let (size, step) = (shape[range.axis], range.step.unsigned_abs());
            let (first, count) = range.resolve(size);
            // The lowest of its elements and the distance to one past the highest, each with the zeros up to the next.
            let (low, length) = (if range.step < 0 { first - (count - 1) * step } else { first }, count * step);
            if range.step < 0 {
                grad = grad.flip(&[range.axis as isize])?;
            }
            if step > 1 {
                grad = spread(&grad, range.axis, step)?;
            }
            before[range.axis] = low as isize;
            after[range.axis] = size as isize - (low + length) as isize;
        }
        Ok(vec![Some(grad.pad(before, after, PadMode::Constant(0.0))?)])
    }
}

/// `step - 1` zeros after each element along `axis`.
fn spread(x: &Var, axis: usize, step: usize) -> Result<Var> {
    let mut shape = x.shape().to_vec();
    let (mut apart, mut after) = (shape.clone(), vec![0; shape.len() + 1]);
    apart.insert(axis + 1, 1);
    after[axis + 1] = step as isize - 1;
    shape[axis] *= step;
    x.reshape(apart)?.pad(vec![0; after.len()], after, PadMode::Constant(0.0))?.reshape(shape)
}
