//! `avg_pool2d`: the mean under each window.
//!
//! ```text
//! output[n, c, y, x] = sum over ky, kx of input[n, c, y * stride.h + ky * dilation.h - padding.top,
//!                                            x * stride.w + kx * dilation.w - padding.left] / divisor
//! OH = floor((H + padding.top + padding.bottom - dilation.h * (kernel.h - 1) - 1) / stride.h) + 1
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | output | (N, C, OH, OW) |
//!
//! The divisor is `divisor_override`, or the number of the window's positions that lie in the padded map with
//! `count_include_pad`, or of those in the map itself. `ceil_mode` rounds OH up, unless the last window would then begin behind
//! the input; what reaches over the padding is never counted. PyTorch demands a padding of at most half the kernel; here any is
//! right with which every window meets an input.
//!
//! Gradient: that of each output over its divisor at every input of its window: a transposed convolution with ones.
//!
//! ONNX: `AveragePool`, whose `count_include_pad` is 0 by default. PyTorch: `avg_pool2d`, which has no dilation.

use super::slices::nested;
use super::windows::Windows;
use super::{Candidate, ConvTranspose2d, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows};
use super::{rounded, the_gradient, types, u32_of};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        input_size: [u32; 2], output_size: [u32; 2], kernel: [u32; 2], stride: [u32; 2], dilation: [u32; 2], padding: [u32; 2], counted: [u32; 2],
        count: u32, input_skip: u32, output_skip: u32, divisor: u32,
    }
}

static AVERAGE: Kernel = kernel!("avg_pool2d", Params);
pub(super) const KERNELS: &[&Kernel] = &[&AVERAGE];

/// The attributes of average pooling. The default halves the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool2d {
    /// The window.
    pub kernel: Hw,
    /// Inputs from a window to the next.
    pub stride: Hw,
    /// Rows and columns of zeros around the input.
    pub padding: Pads,
    /// Inputs from a tap of a window to the next.
    pub dilation: Hw,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
    /// Whether the zeros of the padding count as values.
    pub count_include_pad: bool,
    /// What to divide by, whatever the window holds.
    pub divisor_override: Option<usize>,
}

impl Default for AvgPool2d {
    fn default() -> Self {
        let two = Hw::square(2);
        Self {
            kernel: two,
            stride: two,
            padding: Pads::default(),
            dilation: Hw::square(1),
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }
}

impl Var {
    /// The mean under each window of (N, C, H, W): see [`AvgPool2d`].
    ///
    /// # Errors
    /// If a window meets no input, or the divisor is 0.
    pub fn avg_pool2d(&self, attributes: AvgPool2d) -> Result<Self> {
        self.apply1(attributes, &[])
    }
}

impl Op for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        if let Some(divisor) = self.divisor_override
            && (divisor == 0 || u32::try_from(divisor).is_err())
        {
            return Err(Error::shape(self.name(), format!("divisor_override {divisor} must be from 1 to {}", u32::MAX)));
        }
        let [y, x] = self.windows(&inputs[0].shape);
        let (h, w) = (y.outputs(self.name(), "height")?, x.outputs(self.name(), "width")?);
        Ok(vec![TensorType::f32([inputs[0].shape[0], inputs[0].shape[1], h, w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let (input, [wy, wx]) = (inputs[0].values::<f32>()?, self.windows(inputs[0].shape()));
        let mut means = Vec::new();
        for plane in input.chunks_exact(wy.input * wx.input) {
            for y in 0..shape[2] {
                for x in 0..shape[3] {
                    let at = wy.inputs(y).flat_map(|iy| wx.inputs(x).map(move |ix| iy * wx.input + ix));
                    let sum: f64 = at.map(|at| f64::from(plane[at])).sum();
                    means.push(sum / self.divisor(&wy, y, &wx, x) as f64);
                }
            }
        }
        Ok(vec![rounded(&shape, means)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, output) = (&site.inputs[0].shape, &site.outputs[0].shape);
        let (input_plane, output_plane) = (input[2] * input[3], output[2] * output[3]);
        let pair = |a: usize, b: usize| [u32_of(a), u32_of(b)];
        let row_bytes = [4 * input_plane as u64, 4 * output_plane as u64];
        let launches = launch_rows(self.name(), site.device, input[0] * input[1], &row_bytes, |planes| {
            let window = |plane: usize| site.device.window((planes.start * plane) as u64..(planes.end * plane) as u64, 4);
            let (read, write) = (window(input_plane), window(output_plane));
            let count = planes.len() * output_plane;
            let Pads { top, left, bottom, right } = self.padding;
            let params = Params {
                input_size: pair(input[2], input[3]),
                output_size: pair(output[2], output[3]),
                kernel: pair(self.kernel.h, self.kernel.w),
                stride: pair(self.stride.h, self.stride.w),
                dilation: pair(self.dilation.h, self.dilation.w),
                padding: pair(top, left),
                counted: if self.count_include_pad { pair(input[2] + top + bottom, input[3] + left + right) } else { [0, 0] },
                count: u32_of(count),
                input_skip: read.skip,
                output_skip: write.skip,
                divisor: self.divisor_override.map_or(0, u32_of),
            };
            let dilated = u8::from(self.dilation != Hw::square(1));
            let launch = Launch::new(&AVERAGE, &params, groups(count, WORKGROUP)).constant("DILATED", dilated).notes(true);
            let launch = launch.turns(nested(&[self.kernel.h.min(input[2]), self.kernel.w.min(input[3])]));
            launch.input_window(0, &read).output_window(0, &write)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (&[_, channels, h, w], &[_, _, oh, ow]) = (inputs[0].shape(), grad.shape()) else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        // Over each window's divisor: its inputs over their number, pooled from ones.
        let ones = grad.graph().constant(Array::full([1, 1, h, w], 1.0f32))?;
        let counted = Self { divisor_override: Some(1), ..*self };
        let grad = grad.mul(&ones.avg_pool2d(*self)?.div(&ones.avg_pool2d(counted)?)?)?;
        // To every tap, cropped or extended to the input's size.
        let extent = |kernel: usize, dilation: usize, stride: usize, outputs: usize| (outputs - 1) * stride + (kernel - 1) * dilation + 1;
        let (eh, ew) =
            (extent(self.kernel.h, self.dilation.h, self.stride.h, oh), extent(self.kernel.w, self.dilation.w, self.stride.w, ow));
        let (bottom, right) = (eh.saturating_sub(self.padding.top + h), ew.saturating_sub(self.padding.left + w));
        let output_padding = Hw::new((self.padding.top + h).saturating_sub(eh), (self.padding.left + w).saturating_sub(ew));
        let taps = grad.graph().constant(Array::full([channels, 1, self.kernel.h, self.kernel.w], 1.0f32))?;
        let spread = ConvTranspose2d {
            stride: self.stride,
            padding: Pads { bottom, right, ..self.padding },
            output_padding,
            dilation: self.dilation,
            groups: channels,
        };
        Ok(vec![Some(grad.conv_transpose2d(&taps, None, spread)?)])
    }
}

impl AvgPool2d {
    fn windows(&self, shape: &[usize]) -> [Windows; 2] {
        Windows::of(shape, self.kernel, self.stride, self.dilation, self.padding, self.ceil_mode)
    }

    fn divisor(&self, wy: &Windows, y: usize, wx: &Windows, x: usize) -> usize {
        let counted = |w: &Windows, output: usize| match self.count_include_pad {
            true => w.kernel.min((w.input + w.before + w.after - output * w.stride).div_ceil(w.dilation)),
            false => w.inside(output).len(),
        };
        self.divisor_override.unwrap_or_else(|| counted(wy, y) * counted(wx, x))
    }
}
