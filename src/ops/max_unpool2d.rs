//! `max_unpool2d`: values back to where max pooling found them, zeros elsewhere.
//!
//! ```text
//! output[n, c, i] = input[n, c, p] for the last p in scan order with indices[n, c, p] = i, else 0
//! OH = (H - 1) * stride.h + kernel.h - padding.top - padding.bottom, unless output_size says otherwise
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | indices | i32 (N, C, H, W): y * OW + x in the output's plane, as from `max_pool2d_with_indices` |
//! | output | (N, C, OH, OW) |
//!
//! Any indices are right, also those of windows that overlap: where several name one output the last in scan order wins, on every
//! device and in every run (PyTorch leaves it open). An index outside the output's plane is dropped with its value. `output_size`
//! may be any size; kernel, stride and padding then mean nothing. The indices count in the output's plane as it is: what was
//! pooled from another width needs that width.
//!
//! Where windows do not overlap, each output looks into its own, and finds its value there if that window's index says so: one pass. An
//! index that names another window's output is noted for its plane, which is then computed once more, as all are where windows overlap:
//! wiped, an atomic maximum of the positions that name each output, and each output fetches its value.
//!
//! Gradient: that of the output where `indices` say, 0 for values that another one has replaced or that were dropped.
//!
//! ONNX: `MaxUnpool`. PyTorch: `max_unpool2d`. Noh, Hong & Han, "Learning Deconvolution Network for Semantic Segmentation", 2015.

use super::clear::clear;
use super::slices::nested;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, only_where, the_gradient};
use super::{types, u32_of};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Window, kernel, params};
use crate::graph::Var;

params! {
    struct Params { planes: u32, input_plane: u32, output_plane: u32, input_skip: u32, output_skip: u32 }
}
params! {
    struct WindowsParams {
        count: u32, height: u32, width: u32, bands: u32, output_height: u32, output_width: u32, input_skip: u32, output_skip: u32,
    }
}

/// How many columns beside each other an invocation of `max_unpool2d/windows` computes, and how many windows they lie in.
const ONE: &str = "\
alias Values = f32;
alias Indices = u32;
const LANES = 1u;
#set WINDOWS 1
const WINDOWS = 1u;
fn lanes_from(first: u32) -> u32 { return first; }
";
const FOUR_OF_TWO: &str = "\
alias Values = vec4<f32>;
alias Indices = vec4<u32>;
const LANES = 4u;
#set WINDOWS 2
const WINDOWS = 2u;
fn lanes_from(first: u32) -> vec4<u32> { return first + vec4(0u, 1u, 2u, 3u); }
";

static WINDOWS: Kernel = kernel!("max_unpool2d/windows", WindowsParams, header: ONE);
static WIPE: Kernel = kernel!("max_unpool2d/wipe", Params);
static MARK: Kernel = kernel!("max_unpool2d/mark", Params);
static FETCH: Kernel = kernel!("max_unpool2d/fetch", Params);
pub(super) const KERNELS: &[&Kernel] = &[&WINDOWS, &WIPE, &MARK, &FETCH];

/// Elements that an invocation of `wipe`, `mark` and `fetch` goes through.
const EACH: usize = 16;

/// The longest side of a window that `max_unpool2d/windows` compares an index with, row by row.
const LONGEST: usize = 8;

/// The attributes of max unpooling: those of the pooling that it undoes. The default doubles the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxUnpool2d {
    /// The window.
    pub kernel: Hw,
    /// Outputs from a window to the next.
    pub stride: Hw,
    /// Rows and columns that the pooling had around its input.
    pub padding: Pads,
    /// The output's size, where pooling has lost rows or columns.
    pub output_size: Option<Hw>,
}

impl Default for MaxUnpool2d {
    fn default() -> Self {
        let two = Hw::square(2);
        Self { kernel: two, stride: two, padding: Pads::default(), output_size: None }
    }
}

impl Var {
    /// Puts values back to where `indices` say that max pooling found them: see [`MaxUnpool2d`].
    ///
    /// # Errors
    /// If the shapes differ or the output has no size.
    pub fn max_unpool2d(&self, indices: &Self, attributes: MaxUnpool2d) -> Result<Self> {
        self.apply1(attributes, &[indices])
    }
}

impl Op for MaxUnpool2d {
    fn name(&self) -> &'static str {
        "max_unpool2d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        check_rank(self.name(), "input", inputs[0], 4, "(N, C, H, W)")?;
        check_dtype(self.name(), "input", inputs[0], DType::F32)?;
        check_dtype(self.name(), "indices", inputs[1], DType::I32)?;
        if inputs[0].shape != inputs[1].shape {
            return Err(Error::shape(self.name(), format!("input is {}, indices are {}: one index for each value", inputs[0], inputs[1])));
        }
        let shape = &inputs[0].shape;
        let Hw { h, w } = match self.output_size {
            Some(size) => size,
            None => {
                let Pads { top, left, bottom, right } = self.padding;
                Hw {
                    h: self.extent("height", shape[2], self.kernel.h, self.stride.h, (top, bottom))?,
                    w: self.extent("width", shape[3], self.kernel.w, self.stride.w, (left, right))?,
                }
            }
        };
        if h.checked_mul(w).is_none_or(|plane| i32::try_from(plane).is_err()) {
            return Err(Error::shape(self.name(), format!("i32 indices do not reach all of an output of {h} x {w}")));
        }
        let output = TensorType::f32([shape[0], shape[1], h, w]);
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape = self.infer(&types(inputs).iter().collect::<Vec<_>>())?.remove(0).shape;
        let (values, indices) = (inputs[0].values::<f32>()?, inputs[1].values::<i32>()?);
        let (input_plane, output_plane) = (inputs[0].shape()[2] * inputs[0].shape()[3], shape[2] * shape[3]);
        let mut output = vec![0.0f32; shape.iter().product()];
        for (at, (&value, &index)) in values.iter().zip(indices).enumerate() {
            if let Ok(index) = usize::try_from(index)
                && index < output_plane
            {
                output[at / input_plane * output_plane + index] = value;
            }
        }
        Ok(vec![Array::new(shape, output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let Sides { input, output } = Sides::of(&site.inputs[0].shape, &site.outputs[0].shape);
        // Windows do not overlap, and the last begins before the output's end, as the first ends behind its begin.
        let apart = |n: usize, kernel: usize, stride, low, out: usize| {
            let last = n.checked_sub(1).and_then(|n| n.checked_mul(stride));
            kernel <= stride.min(LONGEST) && low < kernel && last.is_some_and(|last| last < low + out)
        };
        let (Hw { h, w }, Pads { top, left, .. }) = (self.kernel, self.padding);
        let windows = apart(input.h, h, self.stride.h, top, output.h) && apart(input.w, w, self.stride.w, left, output.w);
        [true, false].into_iter().filter(|&first| windows || !first).map(|first| self.way(site, first)).collect()
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let (&[n, c, h, w], &[_, _, oh, ow]) = (inputs[0].shape(), grad.shape()) else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        if h * w >= 1 << 24 {
            return Err(Error::unsupported(self.name(), format!("the gradient of planes of {h} x {w}: f32 does not count their values")));
        }
        // Each value's own number, from 1 on, unpooled alike: where it comes back, the value has won.
        let numbers = grad.graph().constant(Array::from_fn([1, 1, h, w], |i| i as f32 + 1.0))?.expand([n, c, h, w])?;
        let indices = inputs[1].reshape([n * c, h * w])?;
        let winners = numbers.max_unpool2d(&inputs[1], Self { output_size: Some(Hw::new(oh, ow)), ..*self })?;
        let at = |plane: &Var| plane.reshape([n * c, oh * ow])?.gather_elements(1, &indices)?.reshape([n, c, h, w]);
        Ok(vec![Some(only_where(&at(&winners)?.equal(&numbers)?, &at(grad)?)?), None])
    }
}

/// Sizes of planes.
struct Sides {
    input: Hw,
    output: Hw,
}

impl Sides {
    fn of(input: &[usize], output: &[usize]) -> Self {
        Self { input: Hw::new(input[2], input[3]), output: Hw::new(output[2], output[3]) }
    }
}

impl MaxUnpool2d {
    /// All outputs by positions that name them; with `windows` those alone in whose planes a window does not have its own.
    fn way(&self, site: &Site<'_>, windows: bool) -> Result<Candidate> {
        let shape = &site.inputs[0].shape;
        let Sides { input, output } = Sides::of(shape, &site.outputs[0].shape);
        let (input_plane, output_plane) = (input.h * input.w, output.h * output.w);
        let (mut launches, mut most) = (Vec::new(), 0);
        // The last of a part's launches, with those before it in `launches`.
        let fetches =
            launch_rows(self.name(), site.device, shape[0] * shape[1], &[input_plane, output_plane].map(|n| 4 * n as u64), |part| {
                let window = |plane: usize| site.device.window((part.start * plane) as u64..(part.end * plane) as u64, 4);
                let (read, write) = (window(input_plane), window(output_plane));
                let planes = part.len();
                most = most.max(planes);
                let mut before = vec![clear(planes, 0).0];
                if windows {
                    before.push(self.windows(planes, input, output, &read, &write));
                }
                let params = Params {
                    planes: u32_of(planes),
                    input_plane: u32_of(input_plane),
                    output_plane: u32_of(output_plane),
                    input_skip: read.skip,
                    output_skip: write.skip,
                };
                let launch = |kernel, elements: usize| {
                    let parts = elements.div_ceil(EACH * WORKGROUP as usize);
                    let launch = Launch::new(kernel, &params, (planes * parts) as u64).turns(EACH);
                    launch.constant("EACH", u32_of(EACH)).constant("STRAYS_ALONE", u8::from(windows)).scratch(0)
                };
                before.push(launch(&WIPE, output_plane).scratch_mut(1));
                before.push(launch(&MARK, input_plane).input_window(1, &read).scratch_mut(1));
                launches.push(before);
                launch(&FETCH, output_plane).notes(true).input_window(0, &read).scratch(1).output_window(0, &write)
            })?;
        let launches = launches.into_iter().zip(fetches).flat_map(|(before, fetch)| before.into_iter().chain([fetch])).collect();
        // A word for each plane of the largest part, and one for each of its outputs.
        let scratch = vec![clear(most, 0).1, 4 * (most * output_plane) as u64];
        Ok(Candidate { launches, scratch, ..Candidate::default() })
    }

    /// A look into each output's window.
    fn windows(&self, planes: usize, input: Hw, output: Hw, read: &Window, write: &Window) -> Launch {
        let pairs = self.kernel.w == 2 && self.stride.w == 2 && self.padding.left == 0;
        let fours = pairs && output.w.is_multiple_of(4) && write.skip.is_multiple_of(4);
        let (lanes, header) = if fours { (4, FOUR_OF_TWO) } else { (1, ONE) };
        let bands = (output.h + self.padding.top).div_ceil(self.stride.h);
        let params = WindowsParams {
            count: u32_of(planes * bands * output.w / lanes),
            bands: u32_of(bands),
            height: u32_of(input.h),
            width: u32_of(input.w),
            output_height: u32_of(output.h),
            output_width: u32_of(output.w),
            input_skip: read.skip,
            output_skip: write.skip,
        };
        let launch = Launch::new(&WINDOWS, &params, groups(params.count as usize, WORKGROUP));
        launch
            .header(header)
            .notes(true)
            .turns(nested(&[self.stride.h.min(output.h)]))
            .constant("KERNEL_Y", u32_of(self.kernel.h))
            .constant("KERNEL_X", u32_of(self.kernel.w))
            .constant("STRIDE_Y", u32_of(self.stride.h))
            .constant("STRIDE_X", u32_of(self.stride.w))
            .constant("TOP", u32_of(self.padding.top))
            .constant("LEFT", u32_of(self.padding.left))
            .input_window(0, read)
            .input_window(1, read)
            .scratch_mut(0)
            .output_window(0, write)
    }

    /// The output's height or width by default, or why there is none.
    fn extent(&self, what: &str, input: usize, kernel: usize, stride: usize, padding: (usize, usize)) -> Result<usize> {
        let full = input.checked_sub(1).and_then(|i| i.checked_mul(stride)).and_then(|i| i.checked_add(kernel));
        let crop = padding.0.checked_add(padding.1);
        match full.zip(crop).and_then(|(f, c)| f.checked_sub(c)) {
            Some(size) if size > 0 && kernel > 0 && stride > 0 => Ok(size),
            _ => {
                let sizes = format!("input {input}, kernel {kernel}, stride {stride}, padding {} + {}", padding.0, padding.1);
                Err(Error::shape(self.name(), format!("{what}: {sizes} make no output")))
            }
        }
    }
}
