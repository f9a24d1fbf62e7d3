//! Windows that slide along one axis of a padded map: what the pooling operators share.

use crate::array::{Dhw, Hw, Pads, Pads3};
use crate::error::{Error, Result};
use crate::graph::Var;

/// The windows along one axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub input: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    pub before: usize,
    pub after: usize,
    /// Whether a last window may reach over the padded edge.
    pub ceil: bool,
}

/// The largest coordinate that shaders compute with.
const MOST: usize = i32::MAX as usize;

impl Windows {
    /// Along y and x of (N, C, H, W).
    pub fn of(shape: &[usize], kernel: Hw, stride: Hw, dilation: Hw, padding: Pads, ceil: bool) -> [Self; 2] {
        let axis = |input, kernel, stride, dilation, before, after| Self { input, kernel, stride, dilation, before, after, ceil };
        let (h, w) = (shape.get(2).copied().unwrap_or(0), shape.get(3).copied().unwrap_or(0));
        [
            axis(h, kernel.h, stride.h, dilation.h, padding.top, padding.bottom),
            axis(w, kernel.w, stride.w, dilation.w, padding.left, padding.right),
        ]
    }

    /// Along z, y and x of (N, C, D, H, W).
    pub fn volume(shape: &[usize], kernel: Dhw, stride: Dhw, dilation: Dhw, padding: Pads3, ceil: bool) -> [Self; 3] {
        let (front, back) = (padding.front, padding.back);
        let plane = [0, 0].iter().chain(shape.get(3..).unwrap_or(&[])).copied().collect::<Vec<_>>();
        let [y, x] = Self::of(&plane, kernel.hw(), stride.hw(), dilation.hw(), padding.hw(), ceil);
        let input = shape.get(2).copied().unwrap_or(0);
        [Self { input, kernel: kernel.d, stride: stride.d, dilation: dilation.d, before: front, after: back, ceil }, y, x]
    }

    /// Whether every input is a window of its own.
    fn is_identity(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.before == 0 && self.after == 0
    }

    /// How many windows there are, `(input + before + after - dilation * (kernel - 1) - 1) / stride + 1`: rounded down, or with
    /// `ceil` up, and then less one if the last would begin behind the input. Refused if one of them meets no input at all.
    pub fn outputs(&self, op: &'static str, what: &str) -> Result<usize> {
        let Self { input, kernel, stride, dilation, before, after, ceil } = *self;
        let wrong = |reason: String| Error::shape(op, format!("{what}: {reason}"));
        if input == 0 || kernel == 0 || stride == 0 || dilation == 0 {
            return Err(wrong(format!("input {input}, kernel {kernel}, stride {stride} and dilation {dilation} must be positive")));
        }
        let extent = (kernel - 1).checked_mul(dilation).and_then(|e| e.checked_add(1));
        let padded = input.checked_add(before).and_then(|p| p.checked_add(after));
        let sum = extent.zip(padded).and_then(|(e, p)| e.checked_add(p)).and_then(|s| s.checked_add(stride)).filter(|&s| s <= MOST);
        let (Some(_), Some(extent), Some(padded)) = (sum, extent, padded) else {
            let sizes = format!("input {input}, kernel {kernel}, stride {stride}, dilation {dilation}, padding {before} + {after}");
            return Err(wrong(format!("{sizes} reach beyond 2^31")));
        };
        let Some(slack) = padded.checked_sub(extent) else {
            return Err(wrong(format!("a window of {extent} does not fit input {input} with padding {before} + {after}")));
        };
        let mut outputs = slack / stride + 1;
        if ceil && slack % stride != 0 && outputs * stride < input + before {
            outputs += 1;
        }
        match (0..outputs).find(|&o| self.inside(o).is_empty()) {
            Some(o) => Err(wrong(format!(
                "window {o} of {outputs} meets no input: input {input}, kernel {kernel}, dilation {dilation}, padding {before} + {after}"
            ))),
            None => Ok(outputs),
        }
    }

    /// The taps of a window that lie inside the input; tap k lies at `output * stride + k * dilation - before`.
    pub fn inside(&self, output: usize) -> std::ops::Range<usize> {
        let start = output * self.stride;
        let first = self.before.saturating_sub(start).div_ceil(self.dilation);
        let end = (self.input + self.before).saturating_sub(start).div_ceil(self.dilation).min(self.kernel);
        first..end.max(first)
    }

    /// Where the taps of a window lie in the input, those that lie inside.
    pub fn inputs(self, output: usize) -> impl Iterator<Item = usize> + Clone {
        self.inside(output).map(move |k| output * self.stride + k * self.dilation - self.before)
    }
}

/// What `pool` makes of sequences (N, C, L) as images of one row.
pub(crate) fn pool_rows(op: &'static str, input: &Var, pool: impl Fn(&Var) -> Result<Vec<Var>>) -> Result<Vec<Var>> {
    let &[n, channels, length] = input.shape() else {
        return Err(Error::shape(op, format!("input must be (N, C, L), it is {}", input.ty())));
    };
    let pooled = pool(&input.reshape([n, channels, 1, length])?)?;
    pooled.iter().map(|y| y.squeeze(2)).collect()
}

/// The sizes of (N, C, D, H, W) and of its output; refused if a window meets no input.
pub(crate) fn check_volume(op: &'static str, input: &Var, windows: impl Fn(&[usize]) -> [Windows; 3]) -> Result<([usize; 5], Dhw)> {
    let &[n, channels, d, h, w] = input.shape() else {
        return Err(Error::shape(op, format!("input must be (N, C, D, H, W), it is {}", input.ty())));
    };
    let [z, y, x] = windows(input.shape());
    let output = Dhw::new(z.outputs(op, "depth")?, y.outputs(op, "height")?, x.outputs(op, "width")?);
    Ok(([n, channels, d, h, w], output))
}

/// Pools volumes (N, C, D, H, W) in two passes: `planes` over the images (N, C D, H, W), then `columns` over what it left as
/// images (N, C, D, OH OW), down their columns only. Right for whatever does not care in which order values come together.
pub(crate) fn pool_volume(
    op: &'static str,
    input: &Var,
    windows: impl Fn(&[usize]) -> [Windows; 3],
    planes: impl FnOnce(&Var) -> Result<Var>,
    columns: impl FnOnce(&Var) -> Result<Var>,
) -> Result<Var> {
    let ([n, channels, d, h, w], output) = check_volume(op, input, &windows)?;
    let pooled = planes(&input.reshape([n, channels * d, h, w])?)?;
    let [z, ..] = windows(input.shape());
    let pooled = if z.is_identity() { pooled } else { columns(&pooled.reshape([n, channels, d, output.h * output.w])?)? };
    pooled.reshape([n, channels, output.d, output.h, output.w])
}
