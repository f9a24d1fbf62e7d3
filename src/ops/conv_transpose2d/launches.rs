//! The kernels of transposed convolution, and when each is taken.

use super::lanes;
use super::parts::{Part, Target};
use super::phases::{Axis, Run};
use super::{Candidate, Problem};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, Window, kernel, params};
use crate::ops::matrices::{Keeping, Matrices};
use crate::ops::slices::{SUM, Whole, slices};
use crate::ops::{FINISH_NUMBERS, Finish, Items, Site, WORKGROUP, finish_numbers, finished, groups, u32_of};
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

params! {
    struct Direct {
        finish: [[u32; 4]; FINISH_NUMBERS], y: [[u32; 4]; 2], x: [[u32; 4]; 2], padding: [u32; 2], output_size: [u32; 2],
        count: u32, groups: u32, out_channels: u32, channels: u32, input_channels: u32,
        weight_channel: u32, weight_first: u32, input_skip: u32, output_skip: u32, bias_first: u32, has_bias: u32,
    }
}

params! {
    struct Point {
        columns: u32, column_tiles: u32, batch: u32, batch_tiles: u32, channels: u32, channel_first: u32,
        input_channels: u32, slices: u32, slice_channels: u32, weight_skip: u32, output_skip: u32,
    }
}

/// Rows of a tile that are not neighbours in weight and output.
const APART: &str = "#import apart\n";
/// Four phases along x at a time.
const TOGETHER: &str = "#import together\n";

const ONE_LANE: &str = "alias Lanes = f32;\nconst LANES = 1u;\n";
const FOUR_LANES: &str = "alias Lanes = vec4<f32>;\nconst LANES = 4u;\n";

static TILE: Kernel = kernel!("conv_transpose2d/tile", Tile, header: "alias Element = f32;\n#import unfinished\n#import apart\n");
static ON_MATRICES: Kernel = kernel!("conv_transpose2d/matrices", Tile,
    header: "#import matrices_of_16\n#set BY_ROWS 0\n#set BY_COLUMNS 1\nalias Element = f32;\n#import unfinished\n#import apart\n");
static DIRECT: Kernel = kernel!("conv_transpose2d/direct", Direct,
    header: "alias Lanes = f32;\nconst LANES = 1u;\nalias Element = f32;\n#import unfinished\n");
static POINT: Kernel = kernel!("conv_transpose2d/point", Point, header: ONE_LANE);
pub(crate) const KERNELS: &[&Kernel] = &[&TILE, &ON_MATRICES, &lanes::LANES, &DIRECT, &POINT, &SUM];

/// Rows and places of a tile.
const SIDE: usize = 64;
/// Classes of phases, each a launch, beyond which a tile is not worth its launches.
const MOST_CLASSES: usize = 16;
/// Multiply-adds of a tile, padding included, for each that counts, up to which it is faster than stepping.
const MOST_WASTE: u64 = 8;
/// Images up to which a kernel-sized output is a product of vectors rather than of matrices.
const FEW_IMAGES: usize = 8;

pub(super) fn candidates(problem: &Problem, site: &Site<'_>) -> Result<Vec<Candidate>> {
    let device = site.device;
    let Some(parts) = Part::all(problem, device) else {
        let plane = 4 * (problem.y.output * problem.x.output) as u64;
        let most = device.max_binding();
        let reason = format!("conv_transpose2d needs {plane} bytes in one binding, {} shows a shader at most {most}", device.name);
        return Err(Error::Device(reason));
    };
    // A finish counts elements of the whole output.
    let finish = site.finish.filter(|f| parts.len() == 1 && f.fits(1));
    let mut found = Vec::new();
    if let [_] = parts.as_slice()
        && problem.is_point()
    {
        found.extend(point(problem, finish, device));
    }
    found.extend(lanes::candidate(problem, finish, &parts, device));
    let matrices = on_matrices(problem, site).into_iter().filter_map(|m| Some(tile(problem, finish, &parts, device, Some(m))?.0));
    // Software adapters only emulate them: not the first choice there, and not the last, which must run anywhere.
    let (first, later): (Vec<_>, Vec<_>) = matrices.partition(|_| !device.software);
    found.extend(first);
    let direct = Candidate::of(parts.iter().map(|part| direct(problem, finish, part, device)).collect());
    let (next, last) = match tile(problem, finish, &parts, device, None) {
        Some((tile, waste)) if waste <= MOST_WASTE => (Some(tile), direct),
        Some((tile, _)) => (Some(direct), tile),
        None => (None, direct),
    };
    found.extend(next.into_iter().chain(later).chain([last]));
    Ok(found.into_iter().map(|candidate| candidate.finishing(finish.is_some())).collect())
}

/// The tiles of matrices that fit the largest class of phases.
fn on_matrices(problem: &Problem, site: &Site<'_>) -> Vec<Matrices> {
    let problem = &Problem { y: problem.y.simplified(), x: problem.x.simplified(), ..*problem };
    let sizes = |class: &Class| (class.rows(problem.out_channels), class.places(problem.batch));
    let largest = Class::all(problem).and_then(|all| all.iter().map(sizes).max());
    largest.map_or_else(Vec::new, |(rows, places)| Matrices::all(site.device, site.precision, rows, places, problem.groups))
}

impl Problem {
    /// Whether the output is the kernel's size and each of its elements meets one tap.
    fn is_point(&self) -> bool {
        let dense = |a: Axis| a.input == 1 && a.dilation == 1 && a.before == 0 && a.output == a.kernel;
        dense(self.y) && dense(self.x) && self.groups == 1 && self.batch <= FEW_IMAGES
    }

    /// Elements of the weight for one input channel.
    fn weight_channel(&self) -> usize {
        self.out_channels * self.y.kernel * self.x.kernel
    }

    fn output_elements(&self) -> usize {
        self.batch * self.groups * self.out_channels * self.y.output * self.x.output
    }

    /// Input channels whose weights fit a binding: one range, unless the weight is too large and can be cut.
    pub(super) fn channel_ranges(&self, device: &Capabilities) -> Option<Vec<Range<usize>>> {
        if self.groups > 1 {
            return Some(std::iter::once(0..self.channels).collect());
        }
        device.cut(self.channels, &[4 * self.weight_channel() as u64])
    }

    pub(super) fn weight_window(&self, range: &Range<usize>, device: &Capabilities) -> Window {
        let size = self.weight_channel() * if self.groups > 1 { self.groups } else { 1 };
        device.window((range.start * size) as u64..(range.end * size) as u64, 4)
    }

    pub(super) fn bias(&self) -> Option<usize> {
        self.bias.then_some(2)
    }

    /// `launches` that write `slices` copies to scratch memory, then their sum.
    fn summed(&self, finish: Option<&Finish>, launches: Vec<Launch>, slices: usize) -> Candidate {
        let (plane, channels) = (self.y.output * self.x.output, self.groups * self.out_channels);
        Whole { count: self.output_elements(), plane, channels, bias: self.bias() }.summed(finish, launches, slices)
    }
}

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

/// Matrix products over the classes of phases, on `matrices` or by threads, and how many multiply-adds they do for each that counts.
fn tile(
    problem: &Problem,
    finish: Option<&Finish>,
    parts: &[Part],
    device: &Capabilities,
    matrices: Option<Matrices>,
) -> Option<(Candidate, u64)> {
    let [height, width] = sides(matrices);
    let problem = &Problem { y: problem.y.simplified(), x: problem.x.simplified(), ..*problem };
    let classes = Class::all(problem)?;
    let (mut work, mut tiles) = (0u64, 0);
    for class in &classes {
        let (rows, places) = (class.rows(problem.out_channels), class.places(problem.batch));
        let most = u32::MAX as usize - height.max(width);
        if rows > most || places > most {
            return None;
        }
        let products = problem.channels * class.y.taps * class.x.taps;
        let here = rows.div_ceil(height).saturating_mul(places.div_ceil(width));
        tiles = tiles.max(here);
        let steps = products.next_multiple_of(matrices.map_or(depth(products), |m| m.depth() as usize));
        work = work.saturating_add((here as u64).saturating_mul((height * width * steps) as u64));
    }
    let places = (problem.batch * problem.y.input * problem.x.input) as u64;
    let useful = places.saturating_mul((problem.weight_channel() * problem.channels) as u64);
    let waste = work / useful.max(1);

    let ranges = problem.channel_ranges(device)?;
    let longest = problem.channels * classes.iter().map(|c| c.y.taps * c.x.taps).max()?;
    let split = if parts.len() == 1 { slices(device, tiles * problem.groups, longest, 256) } else { 1 };
    if let ([range], 1) = (ranges.as_slice(), split) {
        let launches = parts.iter().flat_map(|part| {
            let target = Target::Output(part.output(problem, device), finish);
            classes.iter().map(move |class| class.launch(problem, part, range, &target, How { slices: 1, matrices }, device))
        });
        return Some((Candidate::of(launches.collect()), waste));
    }
    let [part] = parts else { return None };
    let each = split.div_ceil(ranges.len());
    let mut launches = Vec::new();
    for (number, range) in ranges.iter().enumerate() {
        let target = Target::Slices(number * each);
        launches.extend(classes.iter().map(|class| class.launch(problem, part, range, &target, How { slices: each, matrices }, device)));
    }
    Some((problem.summed(finish, launches, each * ranges.len()), waste))
}

/// Rows and places of a tile.
fn sides(matrices: Option<Matrices>) -> [usize; 2] {
    matrices.map_or([SIDE; 2], |m| [m.rows() as usize, m.columns() as usize])
}

/// Products staged at a time: 16, or fewer where that would add more than an eighth of zeros.
fn depth(products: usize) -> usize {
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

    fn places(&self, batch: usize) -> usize {
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
        let launch = match matrices {
            Some(_) => {
                let launch = Launch::new(&ON_MATRICES, &params, workgroups).constant("TAPS_H", params.taps_h.max(1));
                launch.constant("TAPS_W", params.taps_w.max(1))
            }
            None => Launch::new(&TILE, &params, workgroups).constant("DEPTH", u32_of(depth(params.products as usize))),
        };
        let launch = launch
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

/// Stepping from tap to tap: every attribute, any size.
fn direct(problem: &Problem, finish: Option<&Finish>, part: &Part, device: &Capabilities) -> Launch {
    let Problem { y, x, .. } = *problem;
    let (input, output) = (part.input(problem, device), part.output(problem, device));
    let fours = [x.stride, x.before, x.output, x.kernel, output.skip as usize];
    let (lanes, header) = if x.dilation == 1 && fours.iter().all(|n| n.is_multiple_of(4)) { (4, FOUR_LANES) } else { (1, ONE_LANE) };
    let planes = part.batch.len() * part.groups.len() * part.channels.len();
    let count = planes * y.output * x.output / lanes;
    let first = part.groups.start * problem.channels * problem.weight_channel() + part.channels.start * y.kernel * x.kernel;
    let params = Direct {
        finish: finish_numbers(finish),
        y: y.words(),
        x: x.words(),
        padding: [y.before, x.before].map(u32_of),
        output_size: [y.output, x.output].map(u32_of),
        count: u32_of(count),
        groups: u32_of(part.groups.len()),
        out_channels: u32_of(part.channels.len()),
        channels: u32_of(problem.channels),
        input_channels: u32_of(problem.groups * problem.channels),
        weight_channel: u32_of(problem.weight_channel()),
        weight_first: u32_of(first),
        input_skip: input.skip,
        output_skip: output.skip,
        bias_first: u32_of(part.groups.start * problem.out_channels + part.channels.start),
        has_bias: problem.bias.into(),
    };
    let dilated = u8::from(y.dilation * x.dilation > 1);
    let launch = Launch::new(&DIRECT, &params, groups(count, WORKGROUP)).header(header).constant("DILATED", dilated);
    let launch = launch.input_window(0, &input).input(1);
    let launch = launch.optional_input(problem.bias()).output_window(0, &output);
    finished(launch, finish, if lanes == 4 { Items::Row { whole: true } } else { Items::One })
}

/// Maps of one pixel whose outputs are the kernel itself: vectors times the weight as a matrix.
fn point(problem: &Problem, finish: Option<&Finish>, device: &Capabilities) -> Option<Candidate> {
    let ranges = problem.channel_ranges(device)?;
    let elements = problem.weight_channel();
    let (lanes, header) = if elements.is_multiple_of(4) { (4, FOUR_LANES) } else { (1, ONE_LANE) };
    let columns = elements / lanes;
    let across: u32 = if device.software { 64 } else { 16 };
    let column_tiles = columns.div_ceil(across as usize);
    let images = if problem.batch == 1 { 1 } else { 4 };
    let batch_tiles = problem.batch.div_ceil(images);
    let each = slices(device, column_tiles * batch_tiles / 4, problem.channels / ranges.len(), 128);
    let whole = ranges.len() == 1 && each == 1 && !problem.bias && finish.is_none();
    let mut launches = Vec::new();
    for (number, range) in ranges.iter().enumerate() {
        let weight = problem.weight_window(range, device);
        let params = Point {
            columns: u32_of(columns),
            column_tiles: u32_of(column_tiles),
            batch: u32_of(problem.batch),
            batch_tiles: u32_of(batch_tiles),
            channels: u32_of(range.len()),
            channel_first: u32_of(range.start),
            input_channels: u32_of(problem.channels),
            slices: u32_of(each),
            slice_channels: u32_of(range.len().div_ceil(each)),
            weight_skip: weight.skip,
            output_skip: u32_of(number * each * problem.output_elements()),
        };
        let workgroups = (column_tiles * batch_tiles * each) as u64;
        let launch = Launch::new(&POINT, &params, workgroups).header(header).constant("ACROSS", across);
        let launch = launch.constant("IMAGES", u32_of(images)).input(0).input_window(1, &weight);
        launches.push(if whole { launch.output(0) } else { launch.scratch_mut(0) });
    }
    Some(if whole { Candidate::of(launches) } else { problem.summed(finish, launches, each * ranges.len()) })
}
