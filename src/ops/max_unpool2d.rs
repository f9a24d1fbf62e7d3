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
//! Three passes: clear, an atomic maximum of the positions that name each output, then each output fetches its value.
//!
//! Gradient: that of the output where `indices` say, 0 for values that another one has replaced or that were dropped.
//!
//! ONNX: `MaxUnpool`. PyTorch: `max_unpool2d`. Noh, Hong & Han, "Learning Deconvolution Network for Semantic Segmentation", 2015.

use super::clear::clear;
use super::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, only_where, the_gradient};
use super::{types, u32_of};
use crate::array::{Array, DType, Hw, Pads, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct Params {
        count: u32, input_plane: u32, output_plane: u32, input_skip: u32, output_skip: u32,
    }
}

const ONE_LANE: &str = "\
alias Winners = u32;
alias Values = f32;
const LANES = 1u;
fn fetch(first: u32, winner: u32) -> f32 { return value(first, winner); }
";
const FOUR_LANES: &str = "\
alias Winners = vec4<u32>;
alias Values = vec4<f32>;
const LANES = 4u;
fn fetch(first: u32, winner: vec4<u32>) -> vec4<f32> {
    return vec4(value(first, winner.x), value(first, winner.y), value(first, winner.z), value(first, winner.w));
}
";

static MARK: Kernel = kernel!("max_unpool2d/mark", Params);
static FETCH: Kernel = kernel!("max_unpool2d/fetch", Params, header: ONE_LANE);
pub(super) const KERNELS: &[&Kernel] = &[&MARK, &FETCH];

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
        let (input, output) = (&site.inputs[0].shape, &site.outputs[0].shape);
        let (input_plane, output_plane) = (input[2] * input[3], output[2] * output[3]);
        let row_bytes = [4 * input_plane as u64, 4 * output_plane as u64];
        let mut largest = 0;
        let fetch = launch_rows(self.name(), site.device, input[0] * input[1], &row_bytes, |planes| {
            let window = |plane: usize| site.device.window((planes.start * plane) as u64..(planes.end * plane) as u64, 4);
            let (read, write) = (window(input_plane), window(output_plane));
            largest = largest.max(planes.len() * output_plane);
            let (lanes, header) = if output_plane % 4 == 0 && write.skip % 4 == 0 { (4, FOUR_LANES) } else { (1, ONE_LANE) };
            let count = planes.len() * output_plane / lanes;
            let params = self.params(count, input_plane, output_plane, read.skip, write.skip);
            let launch = Launch::new(&FETCH, &params, groups(count, WORKGROUP)).header(header).notes(true);
            launch.input_window(0, &read).scratch(0).output_window(0, &write)
        })?;
        let mark = launch_rows(self.name(), site.device, input[0] * input[1], &row_bytes, |planes| {
            let read = site.device.window((planes.start * input_plane) as u64..(planes.end * input_plane) as u64, 4);
            let params = self.params(planes.len() * input_plane, input_plane, output_plane, read.skip, 0);
            let launch = Launch::new(&MARK, &params, groups(planes.len() * input_plane, WORKGROUP));
            launch.input_window(1, &read).scratch_mut(0)
        })?;
        // Scratch memory has a word for each output of the largest part.
        let (clear, bytes) = clear(largest, 0);
        let launches = mark.into_iter().zip(fetch).flat_map(|(mark, fetch)| [clear.clone(), mark, fetch]).collect();
        Ok(vec![Candidate { launches, scratch: vec![bytes], ..Candidate::default() }])
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

impl MaxUnpool2d {
    fn params(&self, count: usize, input_plane: usize, output_plane: usize, input_skip: u32, output_skip: u32) -> Params {
        let (input_plane, output_plane) = (u32_of(input_plane), u32_of(output_plane));
        Params { count: u32_of(count), input_plane, output_plane, input_skip, output_skip }
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
