//! Windows, mel filters and Fourier transforms.
//!
//! A transform is one matrix product: real and imaginary parts lie side by side in its depth and in its columns.
//!
//! ```text
//! X[k] = sum over n of x[n] e^(-2 pi i n k / length)      + for the inverse, and divided by the length
//! ```
//!
//! Angles are taken of n k modulo the length, in integers, so that they stay exact however long the signal is.

use super::Table;
use super::host::{float_elem, floats};
use super::sequence::integer;
use crate::array::Array;
use crate::error::Result;
use crate::graph::Var;
use crate::onnx::node::Node;
use crate::onnx::value::Value;
use std::f64::consts::TAU;

pub(super) const TABLE: Table = &[
    ("BlackmanWindow", |n| window(n, |c| 0.42 - 0.5 * c + 0.08 * (2.0 * c * c - 1.0))),
    ("DFT", dft),
    ("HammingWindow", |n| window(n, |c| (25.0 - 21.0 * c) / 46.0)),
    ("HannWindow", |n| window(n, |c| 0.5 - 0.5 * c)),
    ("MelWeightMatrix", mel_weights),
    ("STFT", stft),
];

/// The most elements of a window, of mel filters and of a transform's matrix.
const MOST: usize = 1 << 24;

/// A function of the cosine that makes one turn along the window.
fn window(node: &Node<'_>, of_cosine: fn(f64) -> f64) -> Result<Vec<Value>> {
    let size = node.size("its size", integer(node, 0)?)?;
    let elem = float_elem(node, node.int("output_datatype", 1)?)?;
    let turn = if node.flag("periodic", true)? { size } else { size.saturating_sub(1) };
    if size > MOST || turn == 0 && size > 0 {
        return Err(node.unsupported(format!("a window of {size} elements, one turn in {turn}")));
    }
    floats(elem, &[size], (0..size).map(|i| of_cosine(unit(i, turn).0)))
}

/// Cosine and sine of 2 pi j / n for j up to n, exact where they are 0 or 1.
fn unit(j: usize, n: usize) -> (f64, f64) {
    // Quarters of a turn, and what is left of the last one.
    let (quarter, rest) = (4 * j / n, 4 * j % n);
    let (s, c) = if rest == 0 { (0.0, 1.0) } else { (TAU / 4.0 * (rest as f64 / n as f64)).sin_cos() };
    match quarter % 4 {
        0 => (c, s),
        1 => (-s, c),
        2 => (-c, -s),
        _ => (s, -c),
    }
}

fn mel_weights(node: &Node<'_>) -> Result<Vec<Value>> {
    let [bins, length, rate] = [integer(node, 0)?, integer(node, 1)?, integer(node, 2)?];
    let edge = |index| match node.floats(index)?[..] {
        [hertz] if hertz.is_finite() && hertz > -700.0 => Ok(2595.0 * (1.0 + hertz / 700.0).log10()),
        _ => Err(node.wrong(format!("input {index} is not one frequency"))),
    };
    let (low, high) = (edge(3)?, edge(4)?);
    let elem = float_elem(node, node.int("output_datatype", 1)?)?;
    let (bins, spectrum) = (node.size("the number of mel bins", bins)?, node.size("the length of the transform", length)? / 2 + 1);
    if bins.checked_mul(spectrum).is_none_or(|n| n > MOST) || rate <= 0 {
        return Err(node.unsupported(format!("{bins} bins of a transform of {length} at a rate of {rate}")));
    }
    // The bins' edges are equal steps on the mel scale.
    let step = (high - low) / (bins as f64 + 2.0);
    let place = |i: usize| {
        let hertz = 700.0 * (10f64.powf((low + i as f64 * step) / 2595.0) - 1.0);
        let at = ((length as f64 + 1.0) * hertz / rate as f64).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the spectrum")]
        let place = (at >= 0.0 && at < spectrum as f64).then_some(at as usize);
        place.ok_or_else(|| node.wrong(format!("frequency {hertz} lies outside of a spectrum of {spectrum} at a rate of {rate}")))
    };
    let places = (0..bins + 2).map(place).collect::<Result<Vec<_>>>()?;
    let mut weights = vec![0.0; spectrum * bins];
    for (bin, place) in places.windows(3).enumerate() {
        let &[left, centre, right] = place else { continue };
        for at in left..=centre {
            weights[at * bins + bin] = if left == centre { 1.0 } else { (at - left) as f64 / (centre - left) as f64 };
        }
        for at in centre..right {
            weights[at * bins + bin] = (right - at) as f64 / (right - centre) as f64;
        }
    }
    floats(elem, &[spectrum, bins], weights.into_iter())
}

/// A transform along the last but one dimension of [.., n, 1 or 2].
#[derive(Clone, Copy)]
struct Transform {
    length: usize,
    onesided: bool,
    inverse: bool,
}

impl Transform {
    fn bins(self) -> usize {
        if self.onesided { self.length / 2 + 1 } else { self.length }
    }

    fn apply(self, node: &Node<'_>, signal: &Var) -> Result<Var> {
        let &[ref outer @ .., size, parts] = signal.shape() else { return Err(node.wrong(format!("{} is no signal", signal.ty()))) };
        if !(1..=2).contains(&parts) || parts == 2 && self.onesided {
            return Err(node.wrong(format!("{} has {parts} numbers for each sample, onesided: {}", signal.ty(), self.onesided)));
        }
        // Zeros behind the signal add nothing, and what is past the length is not looked at.
        let used = size.min(self.length);
        let matrix = self.matrix(node, used, parts)?;
        let rows = outer.iter().product::<usize>();
        let signal = signal.narrow(-2, 0, used)?.reshape([rows, used * parts])?;
        signal.matmul(&matrix)?.reshape([outer, &[self.bins(), 2]].concat())
    }

    /// What each part of each sample adds to each part of each bin.
    #[expect(clippy::cast_possible_truncation, reason = "the engine computes in f32")]
    fn matrix(self, node: &Node<'_>, used: usize, parts: usize) -> Result<Var> {
        let (length, bins) = (self.length, self.bins());
        let count = [used, parts, bins, 2].iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if length == 0 || count.is_none_or(|n| n > MOST) {
            return Err(node.unsupported(format!("a transform of length {length}: its matrix would have over {MOST} elements")));
        }
        let scale = if self.inverse { 1.0 / length as f64 } else { 1.0 };
        let units: Vec<(f32, f32)> = (0..length)
            .map(|j| unit(j, length))
            .map(|(c, s)| ((c * scale) as f32, (if self.inverse { s } else { -s } * scale) as f32))
            .collect();
        let mut matrix = Vec::with_capacity(count.unwrap_or(0));
        for n in 0..used {
            let row = |k: usize| units[(n as u64 * k as u64 % length as u64) as usize];
            // (x + iy)(c + is) = xc - ys + i(xs + yc)
            matrix.extend((0..bins).map(row).flat_map(|(c, s)| [c, s]));
            if parts == 2 {
                matrix.extend((0..bins).map(row).flat_map(|(c, s)| [-s, c]));
            }
        }
        node.constant(Array::new([used * parts, bins * 2], matrix)?)
    }
}

fn dft(node: &Node<'_>) -> Result<Vec<Value>> {
    let signal = node.var(0)?;
    let rank = signal.shape().len();
    let axis = match (node.opset < 20, node.has(2)) {
        (true, _) => node.int("axis", 1)?,
        (false, true) => integer(node, 2)?,
        (false, false) => -2,
    };
    let axis = node.axis(axis, rank)?;
    if axis + 1 == rank {
        return Err(node.wrong("the last dimension holds real and imaginary parts"));
    }
    let length = if node.has(1) { node.size("its length", integer(node, 1)?)? } else { signal.shape()[axis] };
    let transform = Transform { length, onesided: node.flag("onesided", false)?, inverse: node.flag("inverse", false)? };
    let result = transform.apply(node, &signal.swap_axes(axis.cast_signed(), -2)?)?;
    node.same(result.swap_axes(axis.cast_signed(), -2)?)
}

fn stft(node: &Node<'_>) -> Result<Vec<Value>> {
    let (signal, window) = (node.var(0)?, node.optional(2)?);
    let &[batch, samples, parts] = signal.shape() else {
        return Err(node.wrong(format!("{} is not [batch, samples, 1 or 2]", signal.ty())));
    };
    let step = node.size("the frames' step", integer(node, 1)?)?;
    let length = match (node.has(3), &window) {
        (true, _) => node.size("the frames' length", integer(node, 3)?)?,
        (false, Some(window)) => window.ty().elements(),
        (false, None) => samples,
    };
    if step == 0 || length == 0 || length > samples {
        return Err(node.wrong(format!("frames of {length} samples, {step} apart, in a signal of {samples}")));
    }
    if let Some(window) = window.as_ref().filter(|w| w.shape() != [length]) {
        return Err(node.wrong(format!("the window {} is not one of {length} samples", window.ty())));
    }
    let frames = (samples - length) / step + 1;
    if frames.checked_mul(length).is_none_or(|n| n > MOST) {
        return Err(node.unsupported(format!("{frames} frames of {length} samples: over {MOST} places")));
    }
    let place = |at: usize| i32::try_from(at).map_err(|_| node.unsupported(format!("a signal of {samples} samples")));
    let places = (0..frames * length).map(|i| place(i / length * step + i % length)).collect::<Result<Vec<_>>>()?;
    let mut signal = signal.gather(1, &node.constant(Array::new([frames, length], places)?)?)?;
    if let Some(window) = window {
        signal = signal.mul(&window.reshape([length, 1])?)?;
    }
    let transform = Transform { length, onesided: node.flag("onesided", parts == 1)?, inverse: false };
    let result = transform.apply(node, &signal.reshape([batch, frames, length, parts])?)?;
    node.same(result)
}
