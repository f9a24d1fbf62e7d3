//! Classes of phases as matrix products, by threads or on matrices: what a launch of one is told.

use super::Problem;
use super::parts::{Part, Target};
use super::phases::Run;
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use crate::ops::matrices::{Extent, Keeping, Matrices};
use crate::ops::slices::{nested, whole_steps};
use crate::ops::{FINISH_NUMBERS, Items, Site, finish_numbers, finished, u32_of};
use std::ops::Range;

params! {
    pub(super) struct Tile {
        finish: [[u32; 4]; FINISH_NUMBERS],
        rows: u32, places: u32, row_tiles: u32, place_tiles: u32, groups: u32,
        slices: u32, slice_products: u32, products: u32,
        input_h: u32, input_w: u32, input_channels: u32, input_skip: u32, group_channels: u32,
        weight_channel: u32, weight_plane: u32, weight_row: u32, weight_first: u32,
        phases_h: u32, phases_w: u32, taps_h: u32, taps_w: u32, tap_step_h: u32, tap_step_w: u32,
        lag_h: u32, lag_w: u32, input_step_h: u32, input_step_w: u32,
        places_h: u32, places_w: u32, place_first_h: u32, place_first_w: u32,
        stride_h: u32, stride_w: u32, origin_h: u32, origin_w: u32,
        output_h: u32, output_w: u32, output_channels: u32, group_outputs: u32, output_skip: u32, slice_elements: u32,
        bias_first: u32, has_bias: u32,
    }
}

/// Rows of a tile that are not neighbours in weight and output.
const APART: &str = "#import apart\n";
/// Four phases along x at a time.
const TOGETHER: &str = "#import together\n";

pub(super) static TILE: Kernel =
    kernel!("conv_transpose2d/tile", Tile, header: "alias Element = f32;\n#import unfinished\n#import apart\n");
pub(super) static ON_MATRICES: Kernel = kernel!("conv_transpose2d/matrices", Tile,
    header: "#import matrices_of_16\n#set BY_ROWS 0\n#set BY_COLUMNS 1\nalias Element = f32;\n#import unfinished\n#import apart\n");

/// Rows and places of a tile.
const SIDE: usize = 64;
/// Classes of phases, each a launch, beyond which a tile is not worth its launches.
const MOST_CLASSES: usize = 16;

/// How the product of a class is computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// Slices of its sums, each with a copy of the output.
    pub(super) slices: usize,
    /// On matrices, or by threads.
    pub(super) matrices: Option<Matrices>,
}

/// A class of phases: one dense matrix product.
pub(super) struct Class {
    pub(super) y: Run,
    pub(super) x: Run,
}

/// Products of a slice at least.
pub(super) const LEAST: usize = 256;

/// The tiles of matrices that fit the largest class of phases.
pub(super) fn on_matrices(problem: &Problem, site: &Site<'_>) -> Vec<Matrices> {
    let problem = &Problem { y: problem.y.simplified(), x: problem.x.simplified(), ..*problem };
    let largest = Class::all(problem).and_then(|all| extent(problem, &all));
    largest.map_or_else(Vec::new, |extent| Matrices::all(site.device, site.precision, extent))
}

/// What the largest class of a problem computes.
pub(super) fn extent(problem: &Problem, classes: &[Class]) -> Option<Extent> {
    let sizes = |class: &Class| (class.rows(problem.out_channels), class.places(problem.batch), class.y.taps * class.x.taps);
    let (rows, columns, taps) = classes.iter().map(sizes).max()?;
    Some(Extent { rows, columns, count: problem.groups, depth: problem.channels * taps, least: Some(LEAST) })
}

/// Rows and places of a tile.
pub(super) fn sides(matrices: Option<Matrices>) -> [usize; 2] {
    matrices.map_or([SIDE; 2], |m| [m.rows() as usize, m.columns() as usize])
}

/// Products staged at a time: 16, or fewer where that would add more than an eighth of zeros.
pub(super) fn depth(products: usize) -> usize {
    match products {
        0..=4 => 4,
        _ if products.next_multiple_of(16) > products + products / 8 => 8,
        _ => 16,
    }
}

impl Class {
    /// All classes; `None` if they are too many.
    pub(super) fn all(problem: &Problem) -> Option<Vec<Self>> {
        let (runs_y, runs_x) = (problem.y.runs()?, problem.x.runs()?);
        let all = || runs_y.iter().flat_map(|&y| runs_x.iter().map(move |&x| Self { y, x })).collect();
        (runs_y.len() * runs_x.len() <= MOST_CLASSES).then(all)
    }

    pub(super) fn rows(&self, channels: usize) -> usize {
        channels.saturating_mul(self.y.count * self.x.count)
    }

    pub(super) fn places(&self, batch: usize) -> usize {
        batch.saturating_mul(self.y.places.saturating_mul(self.x.places))
    }

    pub(super) fn launch(
        &self,
        problem: &Problem,
        part: &Part,
        range: &Range<usize>,
        target: &Target<'_>,
        how: How,
        device: &Capabilities,
    ) -> Launch {
        let How { slices, matrices } = how;
        let [height, width] = sides(matrices);
        let tiles = [self.rows(part.channels.len()).div_ceil(height), self.places(part.batch.len()).div_ceil(width)];
        let params = self.params(problem, part, range, target, (slices, tiles), device);
        let x = problem.x;
        let [weight_first, output_skip] = [params.weight_first, params.output_skip].map(|n| n as usize);
        let fours = [self.x.count, self.x.phase + x.before, x.stride, x.output, x.kernel, x.steps().0, weight_first, output_skip];
        let together = self.x.taps > 0 && self.x.phase.is_multiple_of(4) && fours.iter().all(|n| n.is_multiple_of(4));
        let workgroups = tiles[0] as u64 * tiles[1] as u64 * part.groups.len() as u64 * slices as u64;
        // A turn for each product that is staged, and two for each stage of four at least.
        let products = params.products as usize;
        let slice = products.min(params.slice_products as usize);
        let turns = nested(&[2 * slice]);
        let launch = match matrices {
            Some(m) => Launch::new(&ON_MATRICES, &params, workgroups)
                .constant("TAPS_H", params.taps_h.max(1))
                .constant("TAPS_W", params.taps_w.max(1))
                .constant("WHOLE", whole_steps(products, slice, m.depth())),
            None => Launch::new(&TILE, &params, workgroups).constant("DEPTH", u32_of(depth(products))),
        };
        let launch = launch
            .turns(turns)
            .input_window(0, &part.input(problem, device))
            .input_window(1, &problem.weight_window(range, device))
            .optional_input(problem.bias().filter(|_| params.has_bias > 0));
        let launch = target.bind(launch);
        let launch = if let Some(m) = matrices { m.launch(launch, 1, 0, Keeping::Columns) } else { launch };
        let launch = launch.header(if together { TOGETHER } else { APART });
        finished(launch, target.finish(), if together { Items::Row { whole: true } } else { Items::One })
    }

    /// What a launch that cuts sums into `slices`, and rows and places into `tiles`, is told.
    pub(super) fn params(
        &self,
        problem: &Problem,
        part: &Part,
        range: &Range<usize>,
        target: &Target<'_>,
        (slices, tiles): (usize, [usize; 2]),
        device: &Capabilities,
    ) -> Tile {
        let Problem { y, x, .. } = *problem;
        let products = range.len() * self.y.taps * self.x.taps;
        let slice_products = products.div_ceil(slices).next_multiple_of(16).max(16);
        let (weight, kernel) = (problem.weight_window(range, device), y.kernel * x.kernel);
        let weight_first = weight.skip as usize
            + part.groups.start * problem.channels * problem.weight_channel()
            + part.channels.start * kernel
            + self.y.tap * x.kernel
            + self.x.tap;
        let input = part.input(problem, device);
        let output_skip = target.skip(problem.output_elements());
        let has_bias = problem.bias && matches!(target, Target::Output(..));
        let modulo = |phase: usize, before: usize| u32_of(phase).wrapping_sub(u32_of(before));
        Tile {
            finish: finish_numbers(target.finish()),
            rows: u32_of(self.rows(part.channels.len())),
            places: u32_of(self.places(part.batch.len())),
            row_tiles: u32_of(tiles[0]),
            place_tiles: u32_of(tiles[1]),
            groups: u32_of(part.groups.len()),
            slices: u32_of(slices),
            slice_products: u32_of(slice_products),
            products: u32_of(products),
            input_h: u32_of(y.input),
            input_w: u32_of(x.input),
            input_channels: u32_of(problem.groups * problem.channels),
            input_skip: input.skip + u32_of(range.start * y.input * x.input),
            group_channels: u32_of(problem.channels),
            weight_channel: u32_of(problem.weight_channel()),
            weight_plane: u32_of(kernel),
            weight_row: u32_of(x.kernel),
            weight_first: u32_of(weight_first),
            phases_h: u32_of(self.y.count),
            phases_w: u32_of(self.x.count),
            taps_h: u32_of(self.y.taps),
            taps_w: u32_of(self.x.taps),
            tap_step_h: u32_of(y.steps().0 * x.kernel),
            tap_step_w: u32_of(x.steps().0),
            lag_h: u32_of(self.y.lag),
            lag_w: u32_of(self.x.lag),
            input_step_h: u32_of(y.steps().1),
            input_step_w: u32_of(x.steps().1),
            places_h: u32_of(self.y.places),
            places_w: u32_of(self.x.places),
            place_first_h: u32_of(self.y.first),
            place_first_w: u32_of(self.x.first),
            stride_h: u32_of(y.stride),
            stride_w: u32_of(x.stride),
            origin_h: modulo(self.y.phase, y.before),
            origin_w: modulo(self.x.phase, x.before),
            output_h: u32_of(y.output),
            output_w: u32_of(x.output),
            output_channels: u32_of(problem.groups * problem.out_channels),
            group_outputs: u32_of(problem.out_channels),
            output_skip: u32_of(output_skip),
            slice_elements: u32_of(problem.output_elements()),
            bias_first: u32_of(part.groups.start * problem.out_channels + part.channels.start),
            has_bias: has_bias.into(),
        }
    }
}
