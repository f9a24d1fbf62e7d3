//! The gradient of `grid_sample` by its input: what each sample's gradient leaves in the pixels that it has read.
//!
//! ```text
//! output[n, c, i, j] = sum over (y, x) of  grad[n, c, y, x] wy(py, i) wx(px, j)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | grid | (N, OH, OW, 2) |
//! | `output_grad` | (N, C, OH, OW) |
//! | output | (N, C, size.h, size.w) |
//!
//! Any number of samples may have read a pixel, in any order. A GPU that adds floats as they come gives other last digits on every
//! run, and WebGPU has no such addition. So sums are whole numbers of 64 bits, in two words that are added atomically with the carry
//! in between: the same bits whatever the order, on every device that rounds the products alike.
//!
//! For a plane of P = OH OW places whose largest gradient is m, a whole number of 1 stands for at most
//!
//! ```text
//! q = 2^-61 m P'        P' the power of two from P on
//! ```
//!
//! (more only where that would be below 2^-158): at a scale that lets P terms of m, with cubic weights up to 1.375^2 in all, stay below 2^63.
//! A term is cut off to such a number, so a sum of n terms is off by less than n q, beside the roundings of each term: by
//! 2^-41 m where 1024 places all read one pixel.
//!
//! A plane of which a gradient is NaN or infinite has no such scale: it is NaN throughout.

use super::by_grid::check_output_grad;
use super::{GridSample, Side, check_sides};
use crate::array::{Array, Hw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::ops::clear::clear;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, rounded, u32_of};

params! {
    struct LargestParams { area: u32, team: u32, count: u32, grad_skip: u32 }
}

params! {
    struct AddParams {
        input_size: [u32; 2],
        span: [f32; 2],
        low: f32,
        area: u32,
        channels: u32,
        count: u32,
        first_channel: u32,
        grid_skip: u32,
        grad_skip: u32,
        sums_start: u32,
        bits: u32,
    }
}

params! {
    struct SumsParams { plane: u32, count: u32, sums_start: u32, bits: u32, output_skip: u32 }
}

pub(super) static LARGEST: Kernel = kernel!("grid_sample/largest", LargestParams);
pub(super) static ADD: Kernel = kernel!("grid_sample/add", AddParams);
pub(super) static SUMS: Kernel = kernel!("grid_sample/sums", SumsParams);

/// Places of an image for which the scale of sums is surely a float.
const MOST_PLACES: usize = 1 << 28;

/// The gradient of [`GridSample`] by the input, from grid and the output's gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GridSampleByInput {
    /// The input's size.
    pub size: Hw,
    /// How it was read.
    pub options: GridSample,
}

impl Op for GridSampleByInput {
    fn name(&self) -> &'static str {
        "grid_sample_by_input"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (grid, grad) = (inputs[0], inputs[1]);
        check_rank(self.name(), "output_grad", grad, 4, "(N, C, OH, OW)")?;
        check_dtype(self.name(), "output_grad", grad, crate::array::DType::F32)?;
        check_sides(self.name(), &[self.size.h, self.size.w])?;
        let input = TensorType::f32([grad.shape[0], grad.shape[1], self.size.h, self.size.w]);
        input.checked_elements()?;
        check_output_grad(self.name(), grad, &self.options.infer(&[&input, grid])?)?;
        let (h, w) = (grad.shape[2], grad.shape[3]);
        if h.checked_mul(w).is_none_or(|area| area > MOST_PLACES) {
            return Err(Error::unsupported(self.name(), format!("{h} x {w} places of an image; 2^28 are the most")));
        }
        Ok(vec![input])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (grid, grads) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let &[images, channels, out_h, out_w] = inputs[1].shape() else {
            return Err(Error::shape(self.name(), format!("output_grad must be (N, C, OH, OW), it is {}", inputs[1].ty())));
        };
        let (Hw { h, w }, GridSample { mode, padding, align_corners }) = (self.size, self.options);
        let (rows, columns) = (Side::new(h, align_corners), Side::new(w, align_corners));
        let area = out_h * out_w;
        let mut output = vec![0.0; images * channels * h * w];
        for (at, place) in grid.chunks_exact(2).enumerate() {
            let (n, p) = (at / area, at % area);
            let across = columns.taps(columns.position(f64::from(place[0])), mode, padding);
            let down = rows.taps(rows.position(f64::from(place[1])), mode, padding);
            for plane in n * channels..(n + 1) * channels {
                let grad = f64::from(grads[plane * area + p]);
                for &(i, wy) in &down {
                    for &(j, wx) in &across {
                        output[(plane * h + i) * w + j] += grad * wy * wx;
                    }
                }
            }
        }
        for (sums, grads) in output.chunks_exact_mut(h * w).zip(grads.chunks_exact(area)) {
            if !grads.iter().all(|g| g.is_finite()) {
                sums.fill(f64::NAN);
            }
        }
        Ok(vec![rounded(&[images, channels, h, w], output)?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, out_h, out_w] = [0, 1, 2, 3].map(|i| site.inputs[1].shape[i]);
        let (area, plane) = (out_h * out_w, self.size.area());
        let side = |size: usize| Side::new(size, self.options.align_corners);
        let bits = area.next_power_of_two().trailing_zeros();
        // A plane's two words for each sum, and one for its largest gradient, in fours at worst. An image's grid counts for each of its
        // planes, since a part may show but one of them.
        let row_bytes = [8 * plane + 16, 8 * area, 4 * area, 4 * plane].map(|bytes| bytes as u64);
        let (mut filling, mut scratch) = (Vec::new(), 0);
        let sums = launch_rows(self.name(), site.device, images * channels, &row_bytes, |planes| {
            let window =
                |range: std::ops::Range<usize>, each: usize| site.device.window((range.start * each) as u64..(range.end * each) as u64, 4);
            let shown = planes.start / channels..planes.end.div_ceil(channels);
            let (at, grads, to) = (window(shown, 2 * area), window(planes.clone(), area), window(planes.clone(), plane));
            let sums_start = planes.len().next_multiple_of(4);
            let (clear, bytes) = clear(sums_start + 2 * planes.len() * plane, 0);
            scratch = bytes.max(scratch);

            // About 32 elements an invocation.
            let team = area.div_ceil(32);
            let count = planes.len() * team;
            let params = LargestParams { area: u32_of(area), team: u32_of(team), count: u32_of(count), grad_skip: grads.skip };
            let largest = Launch::new(&LARGEST, &params, groups(count, WORKGROUP)).input_window(1, &grads).scratch_mut(0);

            let count = planes.len() * area;
            let params = AddParams {
                input_size: [u32_of(self.size.w), u32_of(self.size.h)],
                span: [side(self.size.w).span as f32, side(self.size.h).span as f32],
                low: side(self.size.w).low as f32,
                area: u32_of(area),
                channels: u32_of(channels),
                count: u32_of(count),
                first_channel: u32_of(planes.start % channels),
                // Rows are whole pairs and windows start at multiples of 8 bytes or at the row itself.
                grid_skip: at.skip / 2,
                grad_skip: grads.skip,
                sums_start: u32_of(sums_start),
                bits,
            };
            let add = Launch::new(&ADD, &params, groups(count, WORKGROUP))
                .constant("MODE", self.options.mode as u32)
                .constant("PADDING", self.options.padding as u32)
                .input_window(0, &at)
                .input_window(1, &grads)
                .scratch_mut(0);
            filling.push([clear, largest, add]);

            let count = planes.len() * plane;
            let params =
                SumsParams { plane: u32_of(plane), count: u32_of(count), sums_start: u32_of(sums_start), bits, output_skip: to.skip };
            Launch::new(&SUMS, &params, groups(count, WORKGROUP)).scratch(0).output_window(0, &to)
        })?;
        let launches = filling.into_iter().zip(sums).flat_map(|([clear, largest, add], sums)| [clear, largest, add, sums]).collect();
        Ok(vec![Candidate { launches, scratch: vec![scratch], ..Candidate::default() }])
    }
}
