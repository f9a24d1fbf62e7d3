//! transpose: dimensions in another order.
//!
//! ```text
//! output[i of perm[0], i of perm[1], ..] = input[i of 0, i of 1, ..]
//! ```
//!
//! | tensor | shape |
//! |---|---|
//! | input | any |
//! | output | `shape[perm[0]], shape[perm[1]], ..` |
//!
//! Gradient: that of the output with the dimensions back in their order.
//!
//! Costs nothing where only dimensions of size 1 move. Where the input's last dimension stays last, rows are copied; else
//! tiles are turned, so that reading and writing both go along rows. ONNX: Transpose. PyTorch: `permute`, `transpose`.

use super::copy::{copy, flat, gathering, rearranged};
use super::{Candidate, Cut, Nest, Op, Part, Site, WORKGROUP, Walk, check_axis, check_inputs, dense, groups, the_gradient, u32_of};
use crate::array::{Array, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::graph::Var;

params! {
    struct TileParams {
        sizes: [[u32; 4]; 2],
        input_strides: [[u32; 4]; 2],
        output_strides: [[u32; 4]; 2],
        count: u32,
        tiles_x: u32,
        tiles_y: u32,
        input_start: u32,
        output_start: u32,
    }
}

params! {
    struct BlockParams {
        sizes: [[u32; 4]; 2],
        input_strides: [[u32; 4]; 2],
        output_strides: [[u32; 4]; 2],
        count: u32,
        input_start: u32,
        output_start: u32,
    }
}

static TILE: Kernel = kernel!("transpose/tile", TileParams);
static BLOCK: Kernel = kernel!("transpose/block", BlockParams);
pub(super) const KERNELS: &[&Kernel] = &[&TILE, &BLOCK];

/// The side of the tile that a workgroup turns.
const TILE_SIZE: usize = 32;

/// Puts dimensions in another order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transpose {
    /// For each of the output's dimensions, which of the input's it is.
    pub perm: Vec<usize>,
}

impl Var {
    /// The dimensions in the order `perm`: the output's dimension `i` is this tensor's `perm[i]`.
    ///
    /// # Errors
    /// If `perm` does not name each dimension once.
    pub fn transpose(&self, perm: impl Into<Vec<usize>>) -> Result<Self> {
        self.apply1(Transpose { perm: perm.into() }, &[])
    }

    /// Dimensions `a` and `b` exchanged.
    ///
    /// # Errors
    /// If one of them does not exist.
    pub fn swap_axes(&self, a: isize, b: isize) -> Result<Self> {
        let [a, b] = [check_axis("swap_axes", a, self.ty())?, check_axis("swap_axes", b, self.ty())?];
        let mut perm: Vec<usize> = (0..self.shape().len()).collect();
        perm.swap(a, b);
        self.transpose(perm)
    }
}

impl Transpose {
    /// Whether of so many dimensions it exchanges the last two, and no others.
    pub(super) fn swaps_last(&self, rank: usize) -> bool {
        rank > 1 && self.perm.iter().copied().eq((0..rank - 2).chain([rank - 1, rank - 2]))
    }

    fn nest(&self, input: &TensorType, output: &[usize]) -> Result<Nest<2>> {
        let own = dense(&input.shape);
        gathering(self.name(), input.dtype, output, Walk::new(self.perm.iter().map(|&p| own[p]).collect()))
    }
}

impl Op for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn infer(&self, inputs: &[&TensorType]) -> Result<Vec<TensorType>> {
        check_inputs(self.name(), inputs, 1..=1)?;
        let input = inputs[0];
        let mut sorted = self.perm.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.rank()) {
            return Err(Error::shape(self.name(), format!("{:?} is no order of the dimensions of {input}", self.perm)));
        }
        let shape: Vec<usize> = self.perm.iter().map(|&p| input.shape[p]).collect();
        self.nest(input, &shape)?;
        Ok(vec![TensorType::new(input.dtype, shape)])
    }

    fn reference(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let shape: Vec<usize> = self.perm.iter().map(|&p| inputs[0].shape()[p]).collect();
        let mut place = vec![0; shape.len()];
        let turned = rearranged(inputs[0], &shape, |at| {
            self.perm.iter().zip(at).for_each(|(&p, &at)| place[p] = at);
            flat(inputs[0].shape(), place.iter().copied())
        });
        Ok(vec![turned?])
    }

    fn launch(&self, site: &Site<'_>) -> Result<Vec<Candidate>> {
        let (input, output) = (site.inputs[0], site.outputs[0]);
        let nest = self.nest(input, &output.shape)?;
        let Some(turning) = turning(&nest) else { return copy(self.name(), site, &nest) };
        let parts = turning.parts(self.name(), site.device, [output.device_bytes(), input.device_bytes()], Cut::Widest)?;
        let [x, y] = [turning.sizes[turning.sizes.len() - 2], turning.inner()];
        let blocks = parts.iter().all(|part| part.nest.sizes.iter().rev().take(2).all(|size| size % 4 == 0));
        // A tile that is mostly empty is no gain, and a CPU's workgroup memory is a detour.
        let launch = match () {
            () if x.min(y) >= TILE_SIZE / 2 && !site.device.software => launch_tiles,
            () if blocks => launch_blocks,
            () => return copy(self.name(), site, &nest),
        };
        Ok(vec![Candidate::of(parts.iter().map(launch).collect())])
    }

    fn gradient(&self, _: &[Var], _: &[Var], output_grads: &[Option<Var>]) -> Result<Vec<Option<Var>>> {
        let grad = the_gradient(self.name(), output_grads)?;
        let mut back = vec![0; self.perm.len()];
        self.perm.iter().enumerate().for_each(|(i, &p)| back[p] = i);
        Ok(vec![Some(grad.transpose(back)?)])
    }
}

/// The same loops with x, along which the input is contiguous, just outside of y, along which the output is; none if they are one.
fn turning(nest: &Nest<2>) -> Option<Nest<2>> {
    let inner = nest.sizes.len() - 1;
    let x = nest.walks[1].strides.iter().position(|&s| s == 1).filter(|&x| x != inner)?;
    let mut turned = nest.clone();
    turned.sizes[x..inner].rotate_left(1);
    turned.walks.iter_mut().for_each(|w| w.strides[x..inner].rotate_left(1));
    Some(turned)
}

fn launch_tiles(part: &Part<2>) -> Launch {
    let (nest, [output, input]) = (&part.nest, &part.windows);
    let sizes = nest.packed_sizes(1);
    let tiles = |size: u32| size.div_ceil(TILE_SIZE as u32);
    let (tiles_y, tiles_x) = (tiles(sizes[0][0]), tiles(sizes[0][1]));
    let others: usize = nest.sizes.iter().rev().skip(2).product();
    let count = others * tiles_x as usize * tiles_y as usize;
    let params = TileParams {
        sizes,
        input_strides: nest.packed_strides(1, 1),
        output_strides: nest.packed_strides(0, 1),
        count: u32_of(count),
        tiles_x,
        tiles_y,
        input_start: nest.packed_start(1, 1),
        output_start: nest.packed_start(0, 1),
    };
    let launch = Launch::new(&TILE, &params, count as u64).constant("LOOPS", u32_of(nest.sizes.len()));
    launch.input_window(0, input).output_window(0, output)
}

/// For sizes of x and y that 4 divides. Then 4 divides every stride but the ones of 1, because each counts whole rows.
fn launch_blocks(part: &Part<2>) -> Launch {
    let (nest, [output, input]) = (&part.nest, &part.windows);
    let quarter = |strides: [[u32; 4]; 2]| strides.map(|four| four.map(|s| s / 4));
    let mut sizes = nest.packed_sizes(1);
    sizes[0][0] /= 4;
    sizes[0][1] /= 4;
    let count = nest.count(1) / 16;
    let params = BlockParams {
        sizes,
        input_strides: quarter(nest.packed_strides(1, 1)),
        output_strides: quarter(nest.packed_strides(0, 1)),
        count: u32_of(count),
        input_start: nest.packed_start(1, 1) / 4,
        output_start: nest.packed_start(0, 1) / 4,
    };
    let launch = Launch::new(&BLOCK, &params, groups(count, WORKGROUP)).constant("LOOPS", u32_of(nest.sizes.len()));
    launch.input_window(0, input).output_window(0, output)
}
