//! The gradient of `grid_sample` by its grid: how much the samples change as their places move.
//!
//! ```text
//! output[n, y, x] = span / 2 r sum over c, i, j of  grad[n, c, y, x] input[n, c, i, j] (wy(py, i) wx'(px, j),  wy'(py, i) wx(px, j))
//! ```
//!
//! with span and r along x and y. See [the room](super) for the weights and where they have no slope.
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, H, W) |
//! | grid | (N, OH, OW, 2) |
//! | `output_grad` | (N, C, OH, OW) |
//! | output | (N, OH, OW, 2) |

use super::{GridSample, SampleMode, Side};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, Slot, kernel, params};
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, groups, launch_rows, rounded, u32_of};

params! {
    struct Params {
        input_size: [u32; 2],
        span: [f32; 2],
        low: f32,
        area: u32,
        channels: u32,
        count: u32,
        input_skip: u32,
        grid_skip: u32,
        grad_skip: u32,
        output_skip: u32,
    }
}

pub(super) static BY_GRID: Kernel = kernel!("grid_sample/by_grid", Params);

/// The gradient of [`GridSample`] by the grid, from input, grid and the output's gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GridSampleByGrid {
    /// How the image was read.
    pub options: GridSample,
}

impl Op for GridSampleByGrid {
    fn name(&self) -> &'static str {
        "grid_sample_by_grid"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        check_output_grad(self.name(), inputs[2], &self.options.infer(&inputs[..2])?)?;
        if self.options.mode == SampleMode::Nearest {
            return Err(Error::unsupported(self.name(), "nearest sampling, which has no slope"));
        }
        Ok(vec![inputs[1].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, grid, grad) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?, inputs[2].values::<f32>()?);
        let &[images, channels, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, H, W), it is {}", inputs[0].ty())));
        };
        let GridSample { mode, padding, align_corners } = self.options;
        let (rows, columns) = (Side::new(h, align_corners), Side::new(w, align_corners));
        let area = grid.len() / 2 / images;
        let mut output = Vec::with_capacity(grid.len());
        for (at, place) in grid.chunks_exact(2).enumerate() {
            let (n, p) = (at / area, at % area);
            let across = columns.sloped_taps(columns.position(f64::from(place[0])), mode, padding);
            let down = rows.sloped_taps(rows.position(f64::from(place[1])), mode, padding);
            let (mut by_x, mut by_y) = (0.0, 0.0);
            for plane in n * channels..(n + 1) * channels {
                let grad = f64::from(grad[plane * area + p]);
                for &(i, wy, slope_y) in &down {
                    for &(j, wx, slope_x) in &across {
                        let pixel = f64::from(input[(plane * h + i) * w + j]);
                        by_x += grad * pixel * wy * slope_x;
                        by_y += grad * pixel * slope_y * wx;
                    }
                }
            }
            output.extend([columns.span / 2.0 * by_x, rows.span / 2.0 * by_y]);
        }
        Ok(vec![rounded(inputs[1].shape(), output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, h, w] = [0, 1, 2, 3].map(|i| site.inputs[0].shape[i]);
        let area = site.outputs[0].shape[1] * site.outputs[0].shape[2];
        let side = |size: usize| Side::new(size, self.options.align_corners);
        let team = team(site.device, images * area, channels);
        let row = [site.inputs[0], site.inputs[1], site.inputs[2]].map(|t| t.elements() as u64 / images as u64);
        let launches = launch_rows(self.name(), site.device, images, &row.map(|r| r * 4), |part| {
            let [from, at, grads] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * area;
            let params = Params {
                input_size: [u32_of(w), u32_of(h)],
                span: [side(w).span as f32, side(h).span as f32],
                low: side(w).low as f32,
                area: u32_of(area),
                channels: u32_of(channels),
                count: u32_of(count),
                input_skip: from.skip,
                // Rows are whole pairs and windows start at multiples of 8 bytes or at the row itself.
                grid_skip: at.skip / 2,
                grad_skip: grads.skip,
                output_skip: at.skip / 2,
            };
            Launch::new(&BY_GRID, &params, groups(count, WORKGROUP / team))
                .turns(nested(&[channels.div_ceil(team as usize), 4]))
                .constant("MODE", self.options.mode as u32)
                .constant("PADDING", self.options.padding as u32)
                .constant("TEAM", team)
                .input_window(0, &from)
                .input_window(1, &at)
                .input_window(2, &grads)
                .output_window(0, &at)
        })?;
        Ok(vec![Candidate::of(launches)])
    }
}

/// How many invocations share the channels of a place: several where there are many of them and few places, but on a software adapter,
/// which is busy with any number.
pub(super) fn team(device: &Capabilities, places: usize, channels: usize) -> u32 {
    let mut team = 1;
    while !device.software && team < WORKGROUP && channels > 4 * team as usize && places.saturating_mul(team as usize) < 1 << 16 {
        team *= 2;
    }
    team
}

/// Refuses a gradient of another type than what it is the gradient of.
pub(super) fn check_output_grad(op: &'static str, grad: &TensorType, outputs: &[TensorType]) -> Result<()> {
    check_dtype(op, "output_grad", grad, crate::array::DType::F32)?;
    match outputs.first() {
        Some(output) if output == grad => Ok(()),
        output => Err(Error::shape(op, format!("output_grad is {grad}, the output is {output:?}"))),
    }
}
