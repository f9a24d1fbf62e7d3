//! The gradients of `grid_sample3d` by its grid and by its input: those of `grid_sample` with a third side.
//!
//! ```text
//! by grid[n, z, y, x]       sum over c, k, i, j of  g[n, c, z, y, x] input[n, c, k, i, j] times
//!                           (wz wy wx' rx span_x / 2,  wz wy' wx ry span_y / 2,  wz' wy wx rz span_z / 2)
//! by input[n, c, k, i, j]   sum over (z, y, x) of  g[n, c, z, y, x] wz(pz, k) wy(py, i) wx(px, j)
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | (N, C, D, H, W) |
//! | grid | (N, OD, OH, OW, 3) of x, y, z |
//! | `output_grad` | (N, C, OD, OH, OW) |

use super::by_grid::{check_output_grad, team};
use super::by_input::Sums;
use super::{GridSample, GridSample3d, SampleMode, Side};
use crate::array::{Array, DType, Dhw, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, rounded, u32_of};

params! {
    struct GridParams {
        input_size: [u32; 4], span: [f32; 4],
        low: f32, volume: u32, channels: u32, count: u32, input_skip: u32, grid_skip: u32, grad_skip: u32,
    }
}

params! {
    struct AddParams {
        input_size: [u32; 4], span: [f32; 4],
        low: f32, volume: u32, channels: u32, count: u32,
        first_channel: u32, grid_skip: u32, grad_skip: u32, sums_start: u32, bits: u32,
    }
}

pub(super) static BY_GRID3D: Kernel = kernel!("grid_sample/by_grid3d", GridParams);
pub(super) static ADD3D: Kernel = kernel!("grid_sample/add3d", AddParams);

/// The gradient of [`GridSample3d`] by the grid, from input, grid and the output's gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GridSample3dByGrid {
    /// How the volume was read.
    pub options: GridSample,
}

/// The gradient of [`GridSample3d`] by the input, from grid and the output's gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GridSample3dByInput {
    /// The input's size.
    pub size: Dhw,
    /// How it was read.
    pub options: GridSample,
}

/// Voxels, weights and slopes along x, y and z of a place in a volume of `size`.
fn taps(options: GridSample, size: Dhw, place: &[f32]) -> [Vec<(usize, f64, f64)>; 3] {
    let along = |size: usize, coordinate: f32| {
        let side = Side::new(size, options.align_corners);
        let scaled = |(at, weight, slope): (usize, f64, f64)| (at, weight, slope * side.span / 2.0);
        side.sloped_taps(side.position(f64::from(coordinate)), options.mode, options.padding).into_iter().map(scaled).collect()
    };
    [along(size.w, place[0]), along(size.h, place[1]), along(size.d, place[2])]
}

fn packed(size: Dhw, align_corners: bool) -> ([u32; 4], [f32; 4], f32) {
    let side = |size: usize| Side::new(size, align_corners);
    let sizes = [size.w, size.h, size.d];
    let span = [side(size.w).span as f32, side(size.h).span as f32, side(size.d).span as f32, 0.0];
    ([sizes[0], sizes[1], sizes[2], 0].map(u32_of), span, side(size.w).low as f32)
}

impl Op for GridSample3dByGrid {
    fn name(&self) -> &'static str {
        "grid_sample3d_by_grid"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 3..=3)?;
        check_output_grad(self.name(), inputs[2], &GridSample3d(self.options).infer(&inputs[..2])?)?;
        if self.options.mode == SampleMode::Nearest {
            return Err(Error::unsupported(self.name(), "nearest sampling, which has no slope"));
        }
        Ok(vec![inputs[1].clone()])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (input, grid, grad) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?, inputs[2].values::<f32>()?);
        let &[images, channels, d, h, w] = inputs[0].shape() else {
            return Err(Error::shape(self.name(), format!("input must be (N, C, D, H, W), it is {}", inputs[0].ty())));
        };
        let volume = grid.len() / 3 / images;
        let mut output = Vec::with_capacity(grid.len());
        for (at, place) in grid.chunks_exact(3).enumerate() {
            let (n, p) = (at / volume, at % volume);
            let [x, y, z] = taps(self.options, Dhw::new(d, h, w), place);
            let mut by = [0.0; 3];
            for c in n * channels..(n + 1) * channels {
                let grad = f64::from(grad[c * volume + p]);
                for &(k, wz, dz) in &z {
                    for &(i, wy, dy) in &y {
                        for &(j, wx, dx) in &x {
                            let voxel = grad * f64::from(input[((c * d + k) * h + i) * w + j]);
                            by[0] += voxel * wz * wy * dx;
                            by[1] += voxel * wz * dy * wx;
                            by[2] += voxel * dz * wy * wx;
                        }
                    }
                }
            }
            output.extend(by);
        }
        Ok(vec![rounded(inputs[1].shape(), output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let [images, channels, d, h, w] = [0, 1, 2, 3, 4].map(|i| site.inputs[0].shape[i]);
        let volume = elements(&site.inputs[1].shape[1..4]);
        let (input_size, span, low) = packed(Dhw::new(d, h, w), self.options.align_corners);
        let team = team(site.device, images * volume, channels);
        let row = [site.inputs[0], site.inputs[1], site.inputs[2]].map(|t| t.elements() as u64 / images as u64);
        let launches = launch_rows(self.name(), site.device, images, &row.map(|r| r * 4), |part| {
            let [from, at, grads] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * volume;
            let params = GridParams {
                input_size,
                span,
                low,
                volume: u32_of(volume),
                channels: u32_of(channels),
                count: u32_of(count),
                input_skip: from.skip,
                grid_skip: at.skip,
                grad_skip: grads.skip,
            };
            Launch::new(&BY_GRID3D, &params, groups(count, WORKGROUP / team))
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

impl Op for GridSample3dByInput {
    fn name(&self) -> &'static str {
        "grid_sample3d_by_input"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (grid, grad) = (inputs[0], inputs[1]);
        check_rank(self.name(), "output_grad", grad, 5, "(N, C, OD, OH, OW)")?;
        check_dtype(self.name(), "output_grad", grad, DType::F32)?;
        let Dhw { d, h, w } = self.size;
        let input = TensorType::f32([grad.shape[0], grad.shape[1], d, h, w]);
        input.checked_elements()?;
        check_output_grad(self.name(), grad, &GridSample3d(self.options).infer(&[&input, grid])?)?;
        Sums::check_places(self.name(), &grad.shape[2..])?;
        Ok(vec![input])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (grid, grads) = (inputs[0].values::<f32>()?, inputs[1].values::<f32>()?);
        let (shape, Dhw { d, h, w }) = (inputs[1].shape(), self.size);
        let (images, channels, volume) = (shape[0], shape[1], elements(&shape[2..]));
        let mut output = vec![0.0; images * channels * d * h * w];
        for (at, place) in grid.chunks_exact(3).enumerate() {
            let (n, p) = (at / volume, at % volume);
            let [x, y, z] = taps(self.options, self.size, place);
            for c in n * channels..(n + 1) * channels {
                let grad = f64::from(grads[c * volume + p]);
                for &(k, wz, _) in &z {
                    for &(i, wy, _) in &y {
                        for &(j, wx, _) in &x {
                            output[((c * d + k) * h + i) * w + j] += grad * wz * wy * wx;
                        }
                    }
                }
            }
        }
        Sums::without_scale(&mut output, grads, d * h * w, volume);
        Ok(vec![rounded(&[images, channels, d, h, w], output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(0)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let shape = &site.inputs[1].shape;
        let (input_size, span, low) = packed(self.size, self.options.align_corners);
        let sums = Sums {
            images: shape[0],
            channels: shape[1],
            places: elements(&shape[2..]),
            pixels: self.size.d * self.size.h * self.size.w,
            coordinates: 3,
        };
        sums.candidates(self.name(), site.device, |part| {
            let params = AddParams {
                input_size,
                span,
                low,
                volume: u32_of(sums.places),
                channels: u32_of(sums.channels),
                count: u32_of(part.count),
                first_channel: u32_of(part.first_channel),
                grid_skip: part.grid.skip,
                grad_skip: part.grads.skip,
                sums_start: u32_of(part.sums_start),
                bits: part.bits,
            };
            Launch::new(&ADD3D, &params, groups(part.count, WORKGROUP))
                .turns(nested(&[2; 3]))
                .constant("MODE", self.options.mode as u32)
                .constant("PADDING", self.options.padding as u32)
        })
    }
}
