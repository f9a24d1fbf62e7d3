//! Nests: the loops that visit every element of a result, and how far each of them moves in each operand.
//!
//! Loops of size 1 vanish, and neighbours that move alike in every operand become one: a sum of two equal shapes is
//! a single loop, a product with one number per channel two or three. Shaders divide once per loop, so this is their speed.

use super::u32_of;
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Window};
use std::ops::Range;

/// Loops that a shader can have.
pub(crate) const MAX_LOOPS: usize = 8;

/// How a nest moves through one operand, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The element that all loops at 0 show.
    pub(crate) start: i64,
    /// How far one step of each loop moves, outermost first; 0 where the operand is repeated.
    pub(crate) strides: Vec<i64>,
}

impl Walk {
    /// A walk from the first element.
    pub(crate) fn new(strides: Vec<i64>) -> Self {
        Self { start: 0, strides }
    }

    /// How far the innermost loop moves.
    pub(crate) fn inner(&self) -> i64 {
        self.strides.last().copied().unwrap_or(0)
    }
}

/// Loops over `N` operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nest<const N: usize> {
    /// The size of each loop, outermost first; there is at least one.
    pub(crate) sizes: Vec<usize>,
    /// The operands, the result first.
    pub(crate) walks: [Walk; N],
}

/// Which loop of a nest is cut first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The outermost: each part of the result is contiguous, for shaders that count through it.
    Outermost,
    /// The one that reaches furthest in an operand that does not fit: few parts, for shaders that know the result's strides.
    Widest,
}

/// A part of a nest whose operands fit the device's bindings; its walks start at the windows.
#[derive(Clone, Debug)]
pub(crate) struct Part<const N: usize> {
    pub(crate) nest: Nest<N>,
    pub(crate) windows: [Window; N],
}

impl<const N: usize> Nest<N> {
    /// The nest over `sizes`, with as few loops as move differently.
    ///
    /// # Errors
    /// If that is more than [`MAX_LOOPS`].
    pub(crate) fn new(op: &'static str, sizes: &[usize], walks: [Walk; N]) -> Result<Self> {
        let mut nest = Self { sizes: Vec::new(), walks: walks.clone().map(|w| Walk { strides: Vec::new(), ..w }) };
        for (i, &size) in sizes.iter().enumerate().filter(|(_, size)| **size != 1) {
            // The loop outside goes on where this one ends: the two count through one range.
            let spans = |w: &Walk| i64::try_from(size).ok().and_then(|size| w.strides[i].checked_mul(size));
            let merges = nest.walks.iter().zip(&walks).all(|(n, w)| spans(w).is_some_and(|span| n.strides.last() == Some(&span)));
            match nest.sizes.last_mut().filter(|_| merges) {
                Some(outer) => *outer = outer.saturating_mul(size),
                None => nest.sizes.push(size),
            }
            for (n, w) in nest.walks.iter_mut().zip(&walks) {
                if merges {
                    n.strides.pop();
                }
                n.strides.push(w.strides[i]);
            }
        }
        if nest.sizes.is_empty() {
            nest.sizes.push(1);
            nest.walks.iter_mut().for_each(|w| w.strides.push(1));
        }
        if nest.sizes.len() > MAX_LOOPS {
            let loops = nest.sizes.len();
            return Err(Error::unsupported(op, format!("{loops} dimensions that cannot be merged; {MAX_LOOPS} are the most")));
        }
        Ok(nest)
    }

    /// Whether there is a single loop that goes through every operand element by element.
    pub(crate) fn is_flat(&self) -> bool {
        self.sizes.len() == 1 && self.walks.iter().all(|w| w.start == 0 && w.inner() == 1)
    }

    /// Elements that one invocation handles: 4 where each operand shows them as a `vec4` or repeats one, else 1.
    ///
    /// A single loop may end within a `vec4` if the result does too (`to_the_end`): what follows there is nobody's.
    pub(crate) fn width(&self, to_the_end: bool) -> usize {
        let inner = self.inner();
        let whole = inner.is_multiple_of(4) || (self.sizes.len() == 1 && to_the_end);
        let outer = |w: &Walk| w.strides.iter().rev().skip(1).all(|s| s % 4 == 0) && w.start % 4 == 0;
        let fits = |w: &Walk| w.inner() == 0 || (w.inner() == 1 && outer(w));
        if whole && self.walks.iter().all(fits) { 4 } else { 1 }
    }

    /// The size of the innermost loop.
    pub(crate) fn inner(&self) -> usize {
        self.sizes.last().copied().unwrap_or(1)
    }

    /// Invocations, each with `width` elements.
    pub(crate) fn count(&self, width: usize) -> usize {
        self.sizes.iter().rev().skip(1).product::<usize>() * self.inner().div_ceil(width)
    }

    /// Whether operand `k` repeats one element along the innermost loop.
    pub(crate) fn repeats(&self, k: usize) -> bool {
        self.walks[k].inner() == 0
    }

    /// The sizes for a shader whose invocations have `width` elements, innermost first.
    pub(crate) fn packed_sizes(&self, width: usize) -> [[u32; 4]; 2] {
        let inner = u32_of(self.inner().div_ceil(width));
        pack(std::iter::once(inner).chain(self.sizes.iter().rev().skip(1).map(|&s| u32_of(s))))
    }

    /// The strides of operand `k`, innermost first, counted in what its binding is an array of:
    /// `vec4`s if `width` is 4 and it is not repeated. Negative ones wrap, as the shader's sums do.
    pub(crate) fn packed_strides(&self, k: usize, width: usize) -> [[u32; 4]; 2] {
        let unit = self.unit(k, width);
        let strides = &self.walks[k].strides;
        pack(std::iter::once(wrapped(self.walks[k].inner())).chain(strides.iter().rev().skip(1).map(|s| wrapped(s / unit))))
    }

    /// The start of operand `k`, counted as its strides.
    pub(crate) fn packed_start(&self, k: usize, width: usize) -> u32 {
        wrapped(self.walks[k].start / self.unit(k, width))
    }

    fn unit(&self, k: usize, width: usize) -> i64 {
        if self.repeats(k) { 1 } else { width as i64 }
    }

    /// The parts that the device can bind; `bytes` are those of each operand's whole buffer, elements have 4.
    ///
    /// # Errors
    /// If one element of the innermost loop is all that a part would have.
    pub(crate) fn parts(&self, op: &'static str, device: &Capabilities, bytes: [u64; N], cut: Cut) -> Result<Vec<Part<N>>> {
        self.parts_of(op, device, bytes, [4; N], cut)
    }

    /// [`Nest::parts`] of operands whose elements have `each` bytes.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn parts_of(
        &self,
        op: &'static str,
        device: &Capabilities,
        bytes: [u64; N],
        each: [u64; N],
        cut: Cut,
    ) -> Result<Vec<Part<N>>> {
        let most = device.max_binding();
        if bytes.iter().all(|&b| b <= most) {
            let windows = bytes.map(|b| Window { bytes: 0..b, skip: 0 });
            return Ok(vec![Part { nest: self.clone(), windows }]);
        }
        let whole = |k: usize| Window { bytes: 0..bytes[k], skip: 0 };
        let windows: [Window; N] = std::array::from_fn(|k| if bytes[k] <= most { whole(k) } else { device.window(self.span(k), each[k]) });
        let Some(large) = windows.iter().position(|w| w.bytes.end - w.bytes.start > most) else {
            let mut nest = self.clone();
            for ((walk, window), each) in nest.walks.iter_mut().zip(&windows).zip(each) {
                walk.start -= (window.bytes.start / each) as i64;
            }
            return Ok(vec![Part { nest, windows }]);
        };
        let reach = |i: &usize| self.walks[large].strides[*i].abs() * (self.sizes[*i] as i64 - 1);
        let mut long = (0..self.sizes.len()).filter(|&i| self.sizes[i] > 1);
        let at = if cut == Cut::Outermost { long.next() } else { long.max_by_key(reach) };
        let Some((front, back)) = at.and_then(|at| self.halves(at)) else {
            let wide = bytes.iter().max().copied().unwrap_or(0);
            return Err(Error::Device(format!("{op}: {wide} bytes do not cut into bindings of {most}, the most of {}", device.name)));
        };
        Ok([front.parts_of(op, device, bytes, each, cut)?, back.parts_of(op, device, bytes, each, cut)?].concat())
    }

    /// The elements of operand `k` that the loops reach.
    fn span(&self, k: usize) -> Range<u64> {
        let walk = &self.walks[k];
        let (mut low, mut high) = (walk.start, walk.start);
        for (&size, &stride) in self.sizes.iter().zip(&walk.strides) {
            let reach = stride * (size as i64 - 1);
            low += reach.min(0);
            high += reach.max(0);
        }
        low.max(0).unsigned_abs()..(high + 1).max(0).unsigned_abs()
    }

    /// Two nests with half of loop `at` each. Long loops, and the innermost one, are cut at whole `vec4`s.
    fn halves(&self, at: usize) -> Option<(Self, Self)> {
        let half = self.sizes[at].div_ceil(2);
        let half = if at + 1 == self.sizes.len() || half > 4 { half.next_multiple_of(4) } else { half };
        let rest = self.sizes[at].checked_sub(half).filter(|&rest| rest > 0)?;
        let (mut front, mut back) = (self.clone(), self.clone());
        (front.sizes[at], back.sizes[at]) = (half, rest);
        back.walks.iter_mut().for_each(|w| w.start += w.strides[at] * half as i64);
        Some((front, back))
    }
}

/// Row-major strides of `shape`, signed.
pub(crate) fn dense(shape: &[usize]) -> Vec<i64> {
    crate::array::strides(shape).into_iter().map(|s| s as i64).collect()
}

/// Two's complement in 32 bits: sums of such numbers come out right modulo 2^32.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the wrapping is the point")]
pub(crate) fn wrapped(value: i64) -> u32 {
    value as u32
}

/// Up to [`MAX_LOOPS`] values in the order given, zeros after them.
pub(crate) fn pack(values: impl Iterator<Item = u32>) -> [[u32; 4]; 2] {
    let mut packed = [[0; 4]; 2];
    packed.as_flattened_mut().iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
    packed
}
