//! The kernels of transposed convolution, and when each is taken.

use super::classes::{Class, How, LEAST, ON_MATRICES, TILE, depth, extent, on_matrices, sides};
use super::parts::{Part, Target};
use super::phases::Axis;
use super::{Candidate, Problem, disjoint, lanes, turned, widened};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Kernel, Launch, Window, kernel, params};
use crate::ops::matrices::Matrices;
use crate::ops::slices::{SUM, Whole, least_slices, nested, slices};
use crate::ops::{FINISH_NUMBERS, Finish, Items, Site, WORKGROUP, finish_numbers, finished, groups, u32_of};
use std::ops::Range;

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

const ONE_LANE: &str = "alias Lanes = f32;\nconst LANES = 1u;\n";
const FOUR_LANES: &str = "alias Lanes = vec4<f32>;\nconst LANES = 4u;\n";

static DIRECT: Kernel = kernel!("conv_transpose2d/direct", Direct,
    header: "alias Lanes = f32;\nconst LANES = 1u;\nalias Element = f32;\n#import unfinished\n");
static POINT: Kernel = kernel!("conv_transpose2d/point", Point, header: ONE_LANE);
pub(crate) const KERNELS: &[&Kernel] = &[&TILE, &ON_MATRICES, &lanes::LANES, &disjoint::DISJOINT, &DIRECT, &POINT, &SUM];

/// Multiply-adds of a tile, padding included, for each that counts, up to which it is faster than stepping.
const MOST_WASTE: u64 = 8;
/// Weights of an input channel up to which kernels that do not overlap are stepped through on a CPU's lanes.
const FEW_ROWS: usize = 16;
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
    let turned = turned::candidate(problem, site);
    let mut disjoint = disjoint::candidate(problem, finish, &parts, device);
    if device.has_lanes() {
        // Of few rows a tile of lanes is mostly empty. One through shared memory is slower than either.
        let few = problem.weight_channel() <= FEW_ROWS;
        found.extend(disjoint.take_if(|_| few));
        found.extend(lanes::candidate(problem, finish, &parts, device));
        found.extend(widened::candidate(problem, finish, &parts, site));
        found.extend(disjoint.take());
    }
    let matrices = on_matrices(problem, site).into_iter().filter_map(|m| tile(problem, finish, &parts, device, Some(m)));
    // Software adapters only emulate them: not the first choice there, and not the last, which must run anywhere.
    let (first, later): (Vec<_>, Vec<_>) = matrices.partition(|(_, waste)| !device.software && *waste <= MOST_WASTE);
    found.extend(first.into_iter().map(|(candidate, _)| candidate));
    let direct = Candidate::of(parts.iter().map(|part| direct(problem, finish, part, device)).collect());
    let stepping = disjoint.into_iter().chain([direct]);
    let later = later.into_iter().map(|(candidate, _)| candidate);
    match tile(problem, finish, &parts, device, None) {
        Some((tile, waste)) if waste > MOST_WASTE => found.extend(stepping.chain(later).chain([tile])),
        tile => found.extend(tile.into_iter().map(|(tile, _)| tile).chain(later).chain(stepping)),
    }
    let found = found.into_iter().map(|candidate| candidate.finishing(finish.is_some()));
    Ok(turned.into_iter().chain(found).collect())
}

impl Problem {
    /// Whether the output is the kernel's size and each of its elements meets one tap.
    fn is_point(&self) -> bool {
        let dense = |a: Axis| a.input == 1 && a.dilation == 1 && a.before == 0 && a.output == a.kernel;
        dense(self.y) && dense(self.x) && self.groups == 1 && self.batch <= FEW_IMAGES
    }

    /// Elements of the weight for one input channel.
    pub(super) fn weight_channel(&self) -> usize {
        self.out_channels * self.y.kernel * self.x.kernel
    }

    pub(super) fn output_elements(&self) -> usize {
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
    let few = match matrices {
        Some(m) => m.slices(device, extent(problem, &classes)?),
        None => slices(device, tiles * problem.groups, longest, LEAST),
    };
    let split = if parts.len() == 1 { few.max(least_slices(device, 2 * longest)) } else { 1 };
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
    let launch = launch.turns(nested(&[problem.channels, y.most_taps(), x.most_taps()]));
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
    let channels = problem.channels / ranges.len();
    let each = slices(device, column_tiles * batch_tiles / 4, channels, 128).max(least_slices(device, channels * across as usize / 64));
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
        let turns = (range.len().div_ceil(each) * across as usize).div_ceil(64);
        let launch = Launch::new(&POINT, &params, workgroups).turns(turns).header(header).constant("ACROSS", across);
        let launch = launch.constant("IMAGES", u32_of(images)).input(0).input_window(1, &weight);
        launches.push(if whole { launch.output(0) } else { launch.scratch_mut(0) });
    }
    Some(if whole { Candidate::of(launches) } else { problem.summed(finish, launches, each * ranges.len()) })
}
