//! `max_pool2d`: the largest value under each window.
//!
//! ```text
//! output[n, c, y, x] = max over ky, kx of input[n, c, y * stride.h + ky * dilation.h - padding.top,
//!                                                     x * stride.w + kx * dilation.w - padding.left]
//! OH = floor((H + padding.top + padding.bottom - dilation.h * (kernel.h - 1) - 1) / stride.h) + 1
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W); f32, i32 or u32 |
//! | output | (N, C, OH, OW), the input's dtype |
//! | indices | i32 (N, C, OH, OW), if asked for: where in its H x W plane the value lay, y * W + x |
//!
//! Padding never wins. The first in scan order wins among equals; a NaN wins over all, the last if there are several.
//! `ceil_mode` rounds OH up, unless the last window would then begin behind the input. PyTorch demands a padding of at most half
//! the kernel; here any is right with which every window meets an input.
//!
//! Gradient: that of each output at the input that won, added up where windows overlap ([`MaxPool2dGradient`](super::MaxPool2dGradient)).
//!
//! ONNX: `MaxPool`. PyTorch: `max_pool2d`.

use super::max_pool2d_gradient::by_input;
use super::slices::nested;
use super::windows::Windows;
use super::{Candidate, Op, Site, WORKGROUP, check_inputs, check_rank, fours, groups, launch_rows, the_gradient, types, u32_of};
use crate::array::{Array, DType, Data, Hw, Literal, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        input_size: [u32; 2], output_size: [u32; 2], kernel: [u32; 2], stride: [u32; 2], dilation: [u32; 2], padding: [u32; 2],
        count: u32, input_skip: u32, output_skip: u32, indices_skip: u32,
    }
}

/// Elements and how they compare.
const FLOATS: &str = "alias Scalar = f32;\n#import larger\n";
const SIGNED: &str = "alias Scalar = i32;\nfn is_larger(value: i32, best: i32) -> bool { return value > best; }\n";
const UNSIGNED: &str = "alias Scalar = u32;\nfn is_larger(value: u32, best: u32) -> bool { return value > best; }\n";
/// Where the indices go, if anywhere.
const NO_INDICES: &str = "fn store_index(at: u32, index: u32) {}\nfn store_indices(at: u32, index: vec4<u32>) {}\n";
const INDICES: &str = "\
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;
fn store_index(at: u32, index: u32) { indices[params.indices_skip + at] = i32(index); }
";
const FOUR_INDICES: &str = "\
@group(0) @binding(3) var<storage, read_write> indices: array<vec4<i32>>;
fn store_indices(at: u32, index: vec4<u32>) { indices[params.indices_skip / 4u + at] = vec4<i32>(index); }
";

/// A header that the window kernel is complete with.
const PLAIN: &str = "alias Scalar = f32;\n#import larger\nfn store_index(at: u32, index: u32) {}\n";

/// The same of the kernel that halves.
const HALF: &str = "#import whole_fours\nfn store_indices(at: u32, index: vec4<u32>) {}\n";

static WINDOW: Kernel = kernel!("max_pool2d/window", Params, header: PLAIN);
static HALVE: Kernel = kernel!("max_pool2d/halve", Params, header: HALF);
pub(super) const KERNELS: &[&Kernel] = &[&WINDOW, &HALVE];

/// The attributes of max pooling. The default halves the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool2d {
    /// The window.
    pub kernel: Hw,
    /// Inputs from a window to the next.
    pub stride: Hw,
    /// Rows and columns around the input that never win.
    pub padding: Pads,
    /// Inputs from a tap of a window to the next.
    pub dilation: Hw,
    /// Whether a last window may reach over the edge.
    pub ceil_mode: bool,
}

impl Default for MaxPool2d {
    fn default() -> Self {
        let two = Hw::square(2);
        Self { kernel: two, stride: two, padding: Pads::default(), dilation: Hw::square(1), ceil_mode: false }
    }
}

/// [`MaxPool2d`] that also says where each value lay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MaxPool2dWithIndices(pub MaxPool2d);

impl Var {
    /// The largest value under each window of (N, C, H, W): see [`MaxPool2d`].
    ///
    /// # Errors
    /// If a window meets no input.
    pub fn max_pool2d(&self, attributes: MaxPool2d) -> Result<Self> {
        self.apply1(attributes, &[])
    }

    /// The largest value under each window, and where in its plane it lay: what [`Var::max_unpool2d`] takes.
    ///
    /// # Errors
    /// As [`Var::max_pool2d`].
    pub fn max_pool2d_with_indices(&self, attributes: MaxPool2d) -> Result<(Self, Self)> {
        let mut outputs = self.apply_all(MaxPool2dWithIndices(attributes), &[])?.into_iter();
        match (outputs.next(), outputs.next()) {
            (Some(values), Some(indices)) => Ok((values, indices)),
            _ => Err(Error::shape("max_pool2d", "has two outputs")),
        }
    }
}

impl Op for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        if !matches!(inputs[0].dtype, DType::F32 | DType::I32 | DType::U32) {
            return Err(Error::unsupported(self.name(), format!("of {}; cast it first", inputs[0])));
        }
        let [y, x] = self.windows(&inputs[0].shape);
        let (h, w) = (y.outputs(self.name(), "height")?, x.outputs(self.name(), "width")?);
        Ok(vec![TensorType::new(inputs[0].dtype, [inputs[0].shape[0], inputs[0].shape[1], h, w])])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        Ok(self.largest(inputs)?.into_iter().take(1).collect())
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.candidates(site)
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        Ok(vec![Some(by_input(*self, &inputs[0], None, grad)?)])
    }
}

impl Op for MaxPool2dWithIndices {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        let mut types = self.0.infer(inputs)?;
        let plane = inputs.first().map_or(0, |t| t.shape.iter().skip(2).product::<usize>());
        if i32::try_from(plane).is_err() {
            return Err(Error::shape(self.name(), format!("i32 indices do not reach all of a plane of {plane}")));
        }
        types.extend(types.first().map(|t| TensorType::new(DType::I32, t.shape.clone())));
        Ok(types)
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        self.0.largest(inputs)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        self.0.candidates(site)
    }

    fn gradient(&self, inputs: &[Var], outputs: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let Some(grad) = output_grads.first().and_then(Option::as_ref) else { return Ok(vec![None]) };
        Ok(vec![Some(by_input(self.0, &inputs[0], Some(&outputs[1]), grad)?)])
    }
}

impl MaxPool2d {
    pub(super) fn windows(&self, shape: &[usize]) -> [Windows; 2] {
        Windows::of(shape, self.kernel, self.stride, self.dilation, self.padding, self.ceil_mode)
    }

    /// Values and indices.
    pub(super) fn largest(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        match inputs[0].data() {
            Data::I32(values) => self.largest_of(inputs, values, |value, best| value > best),
            Data::U32(values) => self.largest_of(inputs, values, |value, best| value > best),
            _ => self.largest_of(inputs, inputs[0].values::<f32>()?, |value, best| value > best || value.is_nan()),
        }
    }

    fn largest_of<T: Literal>(&self, inputs: &[&Array], input: &[T], wins: impl Fn(T, T) -> bool) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let [wy, wx] = self.windows(inputs[0].shape());
        let (mut values, mut indices) = (Vec::new(), Vec::new());
        for plane in input.chunks_exact(wy.input * wx.input) {
            for y in 0..shape[2] {
                for x in 0..shape[3] {
                    let at = wy.inputs(y).flat_map(|iy| wx.inputs(x).map(move |ix| iy * wx.input + ix));
                    let best = at.reduce(|best, at| if wins(plane[at], plane[best]) { at } else { best }).unwrap_or(0);
                    values.push(plane[best]);
                    indices.push(i32::try_from(best).unwrap_or(i32::MAX));
                }
            }
        }
        Ok(vec![Array::new(shape.clone(), values)?, Array::new(shape, indices)?])
    }

    fn candidates(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, output) = (&site.inputs[0].shape, &site.outputs[0].shape);
        let (input_plane, output_plane) = (input[2] * input[3], output[2] * output[3]);
        let with_indices = site.outputs.len() == 2;
        // Whole 2 x 2 windows without padding, four of them in two loads of four.
        let two = Hw::square(2);
        let plain = self.kernel == two && self.stride == two && self.dilation == Hw::square(1) && self.padding == Pads::default();
        let halves =
            plain && site.inputs[0].dtype == DType::F32 && output[2] * 2 <= input[2] && output[3] * 2 == input[3] && output[3] % 4 == 0;
        let pair = |a: usize, b: usize| [u32_of(a), u32_of(b)];
        let launches =
            launch_rows("max_pool2d", site.device, input[0] * input[1], &[4 * input_plane as u64, 4 * output_plane as u64], |planes| {
                let window = |plane: usize| site.device.window((planes.start * plane) as u64..(planes.end * plane) as u64, 4);
                let (read, write) = (window(input_plane), window(output_plane));
                let four = halves && read.skip % 4 == 0 && write.skip % 4 == 0;
                let count = planes.len() * output_plane / if four { 4 } else { 1 };
                let params = Params {
                    input_size: pair(input[2], input[3]),
                    output_size: pair(output[2], output[3]),
                    kernel: pair(self.kernel.h, self.kernel.w),
                    stride: pair(self.stride.h, self.stride.w),
                    dilation: pair(self.dilation.h, self.dilation.w),
                    padding: pair(self.padding.top, self.padding.left),
                    count: u32_of(count),
                    input_skip: read.skip,
                    output_skip: write.skip,
                    indices_skip: write.skip,
                };
                let indices = match (with_indices, four) {
                    (false, _) => NO_INDICES,
                    (true, false) => INDICES,
                    (true, true) => FOUR_INDICES,
                };
                let elements = match site.inputs[0].dtype {
                    DType::I32 => SIGNED,
                    DType::U32 => UNSIGNED,
                    _ => FLOATS,
                };
                let launch = Launch::new(if four { &HALVE } else { &WINDOW }, &params, groups(count, WORKGROUP))
                    .header([if four { fours(site.device) } else { elements }, indices].concat())
                    .turns(nested(&[self.kernel.h.min(input[2]), self.kernel.w.min(input[3])]));
                let launch = if four { launch } else { launch.constant("DILATED", u8::from(self.dilation != Hw::square(1))) };
                let launch = launch.input_window(0, &read).output_window(0, &write).notes(site.inputs[0].dtype == DType::F32);
                if with_indices { launch.output_window(1, &write) } else { launch }
            })?;
        Ok(vec![Candidate::of(launches)])
    }
}
