//! `grid_sample3d`: a volume read at given places, by the formulas of `grid_sample` along three sides.

use super::{GridSample, GridSample3dByGrid, GridSample3dByInput, SampleMode, Side, check_sides};
use crate::array::{Array, DType, Dhw, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::graph::Var;
use crate::ops::slices::nested;
use crate::ops::{Candidate, Op, Site, WORKGROUP, check_dtype, check_inputs, check_rank, groups, launch_rows, planes_per_thread, rounded};
use crate::ops::{the_gradient, u32_of, zeros};

params! {
    struct Params {
        input_size: [u32; 4], span: [f32; 4],
        low: f32, output_volume: u32, channels: u32, chunk: u32, chunks: u32, count: u32,
        input_skip: u32, grid_skip: u32, output_skip: u32,
    }
}

pub(super) static GRID_SAMPLE3D: Kernel = kernel!("grid_sample3d", Params);

/// How a volume is read at given places: [`GridSample`] along three sides; not by cubics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GridSample3d(pub GridSample);

impl Var {
    /// Reads these volumes (N, C, D, H, W) at the places of `grid` (N, OD, OH, OW, 3), whose last dimension is x, y, z in -1..1.
    ///
    /// # Errors
    /// If shapes or dtypes do not fit, or for [`SampleMode::Bicubic`].
    pub fn grid_sample3d(&self, grid: &Self, options: GridSample) -> Result<Self> {
        self.apply1(GridSample3d(options), &[grid])
    }
}

impl Op for GridSample3d {
    fn name(&self) -> &'static str {
        "grid_sample3d"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 2..=2)?;
        let (input, grid) = (inputs[0], inputs[1]);
        check_rank(self.name(), "input", input, 5, "(N, C, D, H, W)")?;
        check_rank(self.name(), "grid", grid, 5, "(N, OD, OH, OW, 3)")?;
        check_dtype(self.name(), "input", input, DType::F32)?;
        check_dtype(self.name(), "grid", grid, DType::F32)?;
        if grid.shape[4] != 3 {
            return Err(Error::shape(self.name(), format!("grid {grid} must end in 3: x, y and z")));
        }
        if self.0.mode == SampleMode::Bicubic {
            return Err(Error::unsupported(self.name(), "cubic sampling of volumes"));
        }
        if grid.shape[0] != input.shape[0] {
            let reason = format!("grid {grid} is for {} images, input {input} has {}", grid.shape[0], input.shape[0]);
            return Err(Error::shape(self.name(), reason));
        }
        if input.shape.contains(&0) {
            return Err(Error::shape(self.name(), format!("input {input} has no voxels to sample")));
        }
        check_sides(self.name(), &input.shape[2..])?;
        let output = TensorType::f32([&input.shape[..2], &grid.shape[1..4]].concat());
        output.checked_elements()?;
        Ok(vec![output])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let (values, shape) = (inputs[0].values::<f32>()?, inputs[0].shape());
        let (grid, places) = (inputs[1].values::<f32>()?, inputs[1].shape());
        let (channels, size) = (shape[1], Dhw::new(shape[2], shape[3], shape[4]));
        let volume = places[1] * places[2] * places[3];
        let taps = |size: usize, coordinate: f32| {
            let side = Side::new(size, self.0.align_corners);
            side.taps(side.position(f64::from(coordinate)), self.0.mode, self.0.padding)
        };
        let mut output = vec![0.0; shape[0] * channels * volume];
        for (at, place) in grid.chunks_exact(3).enumerate() {
            let (n, voxel) = (at / volume, at % volume);
            let (x, y, z) = (taps(size.w, place[0]), taps(size.h, place[1]), taps(size.d, place[2]));
            for c in n * channels..(n + 1) * channels {
                let mut sum = 0.0;
                for &(iz, wz) in &z {
                    for &(iy, wy) in &y {
                        for &(ix, wx) in &x {
                            sum += wz * wy * wx * f64::from(values[((c * size.d + iz) * size.h + iy) * size.w + ix]);
                        }
                    }
                }
                output[c * volume + voxel] = sum;
            }
        }
        Ok(vec![rounded(&[&shape[..2], &places[1..4]].concat(), output)?])
    }

    fn exact(&self, slot: Slot) -> bool {
        slot == Slot::Input(1)
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, grid, output) = (site.inputs[0], site.inputs[1], site.outputs[0]);
        let [images, channels, d, h, w] = [0, 1, 2, 3, 4].map(|i| input.shape[i]);
        let volume = output.shape[2] * output.shape[3] * output.shape[4];
        let side = |size: usize| Side::new(size, self.0.align_corners);
        let span = |size: usize| side(size).span as f32;
        let chunk = planes_per_thread(images * volume, channels, site.device);
        let chunks = channels.div_ceil(chunk);
        let row = [input, grid, output].map(|t| t.elements() as u64 / images as u64);
        let launches = launch_rows(self.name(), site.device, images, &row.map(|r| r * 4), |part| {
            let [from, at, to] = row.map(|r| site.device.window(part.start as u64 * r..part.end as u64 * r, 4));
            let count = part.len() * chunks * volume;
            let params = Params {
                input_size: [w, h, d, 0].map(u32_of),
                span: [span(w), span(h), span(d), 0.0],
                low: side(w).low as f32,
                output_volume: u32_of(volume),
                channels: u32_of(channels),
                chunk: u32_of(chunk),
                chunks: u32_of(chunks),
                count: u32_of(count),
                input_skip: from.skip,
                grid_skip: at.skip,
                output_skip: to.skip,
            };
            Launch::new(&GRID_SAMPLE3D, &params, groups(count, WORKGROUP))
                .turns(nested(&[chunk, 2, 2]))
                .constant("MODE", self.0.mode as u32)
                .constant("PADDING", self.0.padding as u32)
                .input_window(0, &from)
                .input_window(1, &at)
                .output_window(0, &to)
        })?;
        Ok(vec![Candidate::of(launches)])
    }

    fn gradient(&self, inputs: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let (grad, input, grid) = (the_gradient(self.name(), output_grads)?, &inputs[0], &inputs[1]);
        let options = self.0;
        let size = Dhw::new(input.shape()[2], input.shape()[3], input.shape()[4]);
        let by_input = grid.apply1(GridSample3dByInput { size, options }, &[grad])?;
        let by_grid = match options.mode {
            SampleMode::Nearest => zeros(grid, grid.shape())?,
            SampleMode::Bilinear | SampleMode::Bicubic => input.apply1(GridSample3dByGrid { options }, &[grid, grad])?,
        };
        Ok(vec![Some(by_input), Some(by_grid)])
    }
}
