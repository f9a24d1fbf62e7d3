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
use crate::gpu::{Capabilities, Kernel, Launch, Slot, Window, kernel, params};
use crate::ops::clear::clear;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, rounded, u32_of};
use std::ops::Range;

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
        Sums::check_places(self.name(), &grad.shape[2..])?;
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
        Sums::without_scale(&mut output, grads, h * w, area);
        Ok(vec![rounded(&[images, channels, h, w], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[1].shape;
        let side = |size: usize| Side::new(size, self.options.align_corners);
        let sums = Sums { images: shape[0], channels: shape[1], places: shape[2] * shape[3], pixels: self.size.area(), coordinates: 2 };
        sums.candidates(self.name(), site.device, |part| {
            let params = AddParams {
                input_size: [u32_of(self.size.w), u32_of(self.size.h)],
                span: [side(self.size.w).span as f32, side(self.size.h).span as f32],
                low: side(self.size.w).low as f32,
                area: u32_of(sums.places),
                channels: u32_of(sums.channels),
                count: u32_of(part.count),
                first_channel: u32_of(part.first_channel),
                // Rows are whole pairs and windows start at multiples of 8 bytes or at the row itself.
                grid_skip: part.grid.skip / 2,
                grad_skip: part.grads.skip,
                sums_start: u32_of(part.sums_start),
                bits: part.bits,
            };
            Launch::new(&ADD, &params, groups(part.count, WORKGROUP))
                .turns(nested(&[4; 2]))
                .constant("MODE", self.options.mode as u32)
                .constant("PADDING", self.options.padding as u32)
        })
    }
}

/// Fixed-point sums over the places of planes, or of volumes: the launches around the one that adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub images: usize,
    pub channels: usize,
    /// Places of an image.
    pub places: usize,
    /// Pixels of a plane.
    pub pixels: usize,
    /// Coordinates of a place.
    pub coordinates: usize,
}

/// The planes that one launch adds to.
pub(super) struct Part {
    /// Elements of the output's gradient.
    pub count: usize,
    /// The first plane's channel; the window of the grid begins with that plane's image.
    pub first_channel: usize,
    pub grid: Window,
    pub grads: Window,
    /// Words of scratch memory before the first sum.
    pub sums_start: usize,
    /// 2^bits are at least as many as an image has places.
    pub bits: u32,
}

impl Sums {
    /// Refuses more places of an image than a scale can be found for.
    pub fn check_places(op: &'static str, sides: &[usize]) -> Result<()> {
        match sides.iter().try_fold(1usize, |places, &side| places.checked_mul(side)) {
            Some(places) if places <= MOST_PLACES => Ok(()),
            _ => Err(Error::unsupported(op, format!("{sides:?} places of an image; 2^28 are the most"))),
        }
    }

    /// In `output`, planes of `pixels`, NaN where `grads`, planes of `places`, have a number that is none.
    pub fn without_scale(output: &mut [f64], grads: &[f32], pixels: usize, places: usize) {
        for (sums, grads) in output.chunks_exact_mut(pixels).zip(grads.chunks_exact(places)) {
            if !grads.iter().all(|g| g.is_finite()) {
                sums.fill(f64::NAN);
            }
        }
    }

    /// The launches for inputs grid and output's gradient; `add` makes the one that adds, but for its buffers.
    pub fn candidates(self, op: &'static str, device: &Capabilities, add: impl Fn(&Part) -> Launch) -> Result<Vec<Candidate>> {
        let Self { images, channels, places, pixels, coordinates } = self;
        let bits = places.next_power_of_two().trailing_zeros();
        // A plane's two words for each sum, and one for its largest gradient, in fours at worst. An image's grid counts for each of its
        // planes, since a part may show but one of them.
        let row_bytes = [8 * pixels + 16, 4 * coordinates * places, 4 * places, 4 * pixels].map(|bytes| bytes as u64);
        let (mut filling, mut scratch) = (Vec::new(), 0);
        let sums = launch_rows(op, device, images * channels, &row_bytes, |planes| {
            let window = |range: Range<usize>, each: usize| device.window((range.start * each) as u64..(range.end * each) as u64, 4);
            let shown = planes.start / channels..planes.end.div_ceil(channels);
            let (grid, grads) = (window(shown, coordinates * places), window(planes.clone(), places));
            let output = window(planes.clone(), pixels);
            let sums_start = planes.len().next_multiple_of(4);
            let (clear, bytes) = clear(sums_start + 2 * planes.len() * pixels, 0);
            scratch = bytes.max(scratch);

            // About 32 elements an invocation.
            let team = places.div_ceil(32);
            let count = planes.len() * team;
            let params = LargestParams { area: u32_of(places), team: u32_of(team), count: u32_of(count), grad_skip: grads.skip };
            let largest = Launch::new(&LARGEST, &params, groups(count, WORKGROUP)).turns(places.div_ceil(team.max(1)));
            let largest = largest.input_window(1, &grads).scratch_mut(0);

            let part = Part { count: planes.len() * places, first_channel: planes.start % channels, grid, grads, sums_start, bits };
            let add = add(&part).input_window(0, &part.grid).input_window(1, &part.grads).scratch_mut(0);
            filling.push([clear, largest, add]);

            let count = planes.len() * pixels;
            let (plane, count, sums_start) = (u32_of(pixels), u32_of(count), u32_of(sums_start));
            let params = SumsParams { plane, count, sums_start, bits, output_skip: output.skip };
            Launch::new(&SUMS, &params, groups(planes.len() * pixels, WORKGROUP)).scratch(0).output_window(0, &output)
        })?;
        let launches = filling.into_iter().zip(sums).flat_map(|([clear, largest, add], sums)| [clear, largest, add, sums]).collect();
        Ok(vec![Candidate { launches, scratch: vec![scratch], ..Candidate::default() }])
    }
}
