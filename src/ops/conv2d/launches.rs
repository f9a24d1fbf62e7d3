//! The launches of a convolution: each kernel, for each part of it.

use super::kinds::{Kind, ROWS, blocks, kinds};
use super::parts::{Part, Windows};
use super::points;
use super::sizes::Sizes;
use super::strips::{Strips, vectors_for};
use crate::array::Hw;
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use crate::ops::matmul::{self, Product};
use crate::ops::matrices::{Keeping, MATRICES, Matrices};
use crate::ops::slices::{Whole, nested, whole_steps};
use crate::ops::{Candidate, FINISH_NUMBERS, Finish, Items, Site, UNFINISHED_FOUR, WORKGROUP, finish_numbers, finished, groups, u32_of};

params! {
    struct Params {
        finish: [[u32; 4]; FINISH_NUMBERS],
        input_size: [u32; 2],
        output_size: [u32; 2],
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
        padding: [u32; 2],
        input_channels: u32,
        output_channels: u32,
        group_inputs: u32,
        group_outputs: u32,
        first_channel: u32,
        channels: u32,
        first_image: u32,
        images: u32,
        input_skip: u32,
        weight_skip: u32,
        bias_skip: u32,
        output_skip: u32,
        groups: u32,
        segment: u32,
        slice_depth: u32,
        slice_elements: u32,
    }
}

params! {
    struct TapsParams { count: u32, fours: u32, taps: u32, skip: u32 }
}

static REGISTER: Kernel = kernel!("conv2d/register", Params, header: UNFINISHED_FOUR);
static LANES: Kernel = kernel!("conv2d/lanes", Params, header: UNFINISHED_FOUR);
static TILE: Kernel = kernel!("conv2d/tile", Params, header: UNFINISHED_FOUR);
static ON_MATRICES: Kernel = kernel!("conv2d/matrices", Params, header: MATRICES);
static DEPTHWISE: Kernel = kernel!("conv2d/depthwise", Params, header: UNFINISHED_FOUR);
static TAPS: Kernel = kernel!("conv2d/taps", TapsParams);
/// What the direct kernel is told of the numbers: their type, and `x * y + sum`.
const FLOATS: &str =
    "alias Scalar = f32;\nfn multiply_add(x: Scalar, y: vec4<f32>, sum: vec4<f32>) -> vec4<f32> { return fma(vec4(x), y, sum); }\n";
/// Modulo 2^32, and so for u32 too.
const INTEGERS: &str = "alias Scalar = i32;\nalias Element = vec4<i32>;\n#import unfinished\n\
    fn multiply_add(x: Scalar, y: vec4<i32>, sum: vec4<i32>) -> vec4<i32> { return x * y + sum; }\n";
static DIRECT: Kernel = kernel!("conv2d/direct", Params, header: "alias Scalar = f32;\nalias Element = vec4<f32>;\n#import unfinished\n\
    fn multiply_add(x: Scalar, y: vec4<f32>, sum: vec4<f32>) -> vec4<f32> { return fma(vec4(x), y, sum); }\n");
pub(in crate::ops) const KERNELS: &[&Kernel] = &[&REGISTER, &LANES, &TILE, &ON_MATRICES, &DEPTHWISE, &TAPS, &DIRECT];

/// Multiply-adds, some milliseconds of a CPU, up to which the lanes kernel computes few channels at a time.
const SMALL: usize = 1 << 23;

/// Neighbours of a kernel's row that a step of the lanes kernel spells out at most.
pub(in crate::ops) const MOST_TAPS: usize = 7;

/// The ways to compute a convolution whose bias, if any, is the operator's input `bias`.
pub(super) fn candidates(site: &Site<'_>, sizes: &Sizes, bias: Option<usize>) -> Vec<Candidate> {
    let finish = site.finish.filter(|f| f.fits(1));
    if sizes.is_linear() {
        return matmul::candidates(site, &[Product::by_rows(sizes.images, sizes.output_channels, sizes.taps(), bias)], finish);
    }
    let mut found = points::candidates(site, sizes, bias, finish);
    found.extend(of_kinds(site.device, sizes, bias, finish, |sizes| kinds(site.device, site.precision, sizes)));
    found
}

/// The way to compute a convolution of 32-bit integers, modulo 2^32.
pub(super) fn integer_candidates(device: &Capabilities, sizes: &Sizes) -> Vec<Candidate> {
    of_kinds(device, sizes, None, None, |_| vec![Kind::Integer])
}

fn of_kinds(
    device: &Capabilities,
    sizes: &Sizes,
    bias: Option<usize>,
    finish: Option<&Finish>,
    kinds: impl FnOnce(&Sizes) -> Vec<Kind>,
) -> Vec<Candidate> {
    let sizes = &sizes.simplified();
    let parts: Vec<_> = Part::all(device, sizes).into_iter().map(|p| (p.windows(device, sizes), p)).collect();
    // A finish counts elements of the whole output.
    let finish = finish.filter(|_| parts.len() == 1);
    let launches = |kind: Kind| {
        let slices = if parts.len() == 1 { kind.slices(device, sizes) } else { 1 };
        // What is done at the end is done where slices are added up.
        let (own_bias, own_finish) = if slices > 1 { (None, None) } else { (bias, finish) };
        // Weights by taps lie behind the memory of slices, and one part alone sees all of them.
        let by_taps = matches!(kind, Kind::Matrices { by_taps: true, .. }).then_some(usize::from(slices > 1));
        if by_taps.is_some() && parts.len() > 1 {
            return None;
        }
        let work = |(windows, part)| Work { device, sizes, bias: own_bias, finish: own_finish, windows, part, slices, by_taps };
        let mut launches = parts.iter().map(|(windows, part)| work((windows, part)).launch(kind)).collect::<Option<Vec<_>>>()?;
        if let (Some(scratch), [(windows, part)]) = (by_taps, parts.as_slice()) {
            launches.insert(0, work((windows, part)).order(scratch));
        }
        let mut candidate = if slices > 1 {
            let (plane, channels) = (sizes.output.area(), sizes.output_channels);
            Whole { count: sizes.images * channels * plane, plane, channels, bias }.summed(finish, launches, slices)
        } else {
            Candidate::of(launches)
        };
        candidate.scratch.extend(by_taps.map(|_| 4 * (sizes.output_channels * sizes.taps()) as u64));
        Some(candidate.finishing(finish.is_some()))
    };
    kinds(sizes).into_iter().filter_map(launches).collect()
}

/// One part of a convolution on a device.
struct Work<'a> {
    device: &'a Capabilities,
    sizes: &'a Sizes,
    bias: Option<usize>,
    finish: Option<&'a Finish>,
    windows: &'a Windows,
    part: &'a Part,
    /// Slices of the sums, each to a copy of the output in scratch memory if there are several.
    slices: usize,
    /// The scratch memory that holds the weights by taps.
    by_taps: Option<usize>,
}

impl Work<'_> {
    /// The dispatch, or `None` if `kind` cannot do it.
    fn launch(&self, kind: Kind) -> Option<Launch> {
        match kind {
            Kind::Register => self.register(),
            Kind::Lanes => self.lanes(),
            Kind::Tile { size, depth, .. } => Some(self.tile(size, depth)),
            Kind::Matrices { tile, .. } => Some(self.matrices(tile)),
            Kind::Depthwise => self.depthwise(),
            Kind::Direct => Some(finished(self.direct(FLOATS), self.finish, Items::Row { whole: false })),
            Kind::Integer => Some(self.direct(INTEGERS)),
        }
    }

    fn direct(&self, header: &str) -> Launch {
        let output = self.sizes.output;
        let launch = self.start(&DIRECT, groups(self.planes() * output.h * output.w.div_ceil(4), WORKGROUP), 0);
        launch.turns(nested(&[self.sizes.group_inputs(), self.sizes.kernel.h, self.sizes.kernel.w])).header(header)
    }

    fn register(&self) -> Option<Launch> {
        let sizes = self.sizes;
        let strips = self.strips(vectors_for(sizes.output.w, 4), sizes.span())?;
        let across = sizes.output.h * sizes.output.w.div_ceil(strips.pixels());
        let threads = blocks(sizes, self.part.channels.len(), ROWS) * across * self.part.images.len();
        let launch = self.start(&REGISTER, groups(threads, self.small_group()), 0);
        let launch = launch.turns(nested(&[sizes.group_inputs(), sizes.kernel.h, sizes.kernel.w, sizes.dilation.w]));
        let point = sizes.kernel.area() == 1;
        let launch = launch.constant("WORKGROUP", self.small_group()).constant("STRIDE", u32_of(sizes.stride.w)).constant("POINT", point);
        Some(self.strips_finished(launch, &strips))
    }

    fn lanes(&self) -> Option<Launch> {
        let sizes = self.sizes;
        // Twice the rows are twice the text: a driver takes 0.1 s longer to compile it, which small layers never save.
        let work = [sizes.images, sizes.output_channels, sizes.output.area(), sizes.taps()].into_iter().fold(1, usize::saturating_mul);
        let most = if work >= SMALL { 2 * ROWS } else { ROWS };
        let rows = sizes.group_outputs().next_power_of_two().min(most);
        let divisor = |of: usize, most: usize| (1..=most).rev().find(|d| of.is_multiple_of(*d)).unwrap_or(1);
        let taps = if sizes.dilation.w == 1 { divisor(sizes.kernel.w, MOST_TAPS) } else { 1 };
        let planes = if sizes.kernel.area() > 1 || !sizes.group_inputs().is_multiple_of(4) { 1 } else { 4 };
        let strips = self.strips(vectors_for(sizes.output.w, 4), taps)?;
        let across = self.part.images.len() * sizes.output.h * sizes.output.w.div_ceil(strips.pixels());
        let count = blocks(sizes, self.part.channels.len(), rows) as u64 * groups(across, 8);
        let launch = self.start(&LANES, count, 0).turns(nested(&[sizes.group_inputs() / planes, sizes.kernel.h, sizes.kernel.w / taps]));
        let launch = launch.constant("ROWS", u32_of(rows)).constant("TAPS", u32_of(taps)).constant("PLANES", u32_of(planes));
        Some(self.strips_finished(launch.constant("STRIDE", u32_of(sizes.stride.w)), &strips))
    }

    fn depthwise(&self) -> Option<Launch> {
        let Sizes { kernel, stride, dilation, output, .. } = *self.sizes;
        let strips = self.strips(vectors_for(output.w, if kernel.h.max(kernel.w) > 3 { 2 } else { 4 }), self.sizes.span())?;
        let columns = self.planes() * output.w.div_ceil(strips.pixels());
        // Rows that a thread goes down: as many as leave enough threads, for above each segment it reads some in vain.
        let (most, enough) = if self.device.software { (output.h, 64) } else { (8, 1 << 15) };
        let mut segment = output.h.min(most);
        while segment > 1 && columns * output.h.div_ceil(segment) < enough {
            segment = segment.div_ceil(2);
        }
        let threads = columns * output.h.div_ceil(segment);
        let launch = self
            .start(&DEPTHWISE, groups(threads, self.small_group()), segment)
            .turns(nested(&[segment + kernel.h, stride.h]))
            .constant("WORKGROUP", self.small_group())
            .constant("KERNEL_H", u32_of(kernel.h))
            .constant("KERNEL_W", u32_of(kernel.w))
            .constant("STRIDE_H", u32_of(stride.h))
            .constant("STRIDE_W", u32_of(stride.w))
            .constant("DILATION_W", u32_of(dilation.w));
        Some(self.strips_finished(launch, &strips))
    }

    fn tile(&self, size: u32, depth: u32) -> Launch {
        let launch = self.product(&TILE, (size, size), depth);
        let launch = launch.constant("TILE", size).constant("DEPTH", depth).constant("WORKGROUP", (size / 8) * (size / 8));
        finished(launch, self.finish, Items::Row { whole: false })
    }

    fn matrices(&self, tile: Matrices) -> Launch {
        let launch = self.product(&ON_MATRICES, (tile.rows(), tile.columns()), tile.depth()).constant("BY_TAPS", self.by_taps.is_some());
        finished(tile.launch(launch, 1, 0, Keeping::Rows), self.finish, Items::Row { whole: false })
    }

    /// Brings the weights into another order, in scratch memory.
    fn order(&self, by_taps: usize) -> Launch {
        let (sizes, (window, skip)) = (self.sizes, &self.windows.weight);
        let fours = sizes.group_inputs() / 4;
        let count = u32_of(sizes.output_channels * fours);
        let params = TapsParams { count, fours: u32_of(fours), taps: u32_of(sizes.kernel.area()), skip: *skip };
        let launch = Launch::new(&TAPS, &params, groups(count as usize, WORKGROUP)).turns(nested(&[sizes.kernel.area()])).once();
        launch.input_window(1, window).scratch_mut(by_taps)
    }

    /// A launch by tiles of `rows` channels and `columns` pixels, in steps of `depth` products.
    fn product(&self, kernel: &'static Kernel, (rows, columns): (u32, u32), depth: u32) -> Launch {
        let sizes = self.sizes;
        let count = blocks(sizes, self.part.channels.len(), rows as usize) * self.part.images.len() * self.slices;
        let aligned = sizes.taps().is_multiple_of(4) && self.windows.weight.1.is_multiple_of(4);
        self.start(kernel, groups(sizes.output.area(), columns) * count as u64, 0)
            .turns(2 * self.slice_depth())
            .constant("KERNEL_H", u32_of(sizes.kernel.h))
            .constant("KERNEL_W", u32_of(sizes.kernel.w))
            .constant("ALIGNED", aligned)
            .constant("WHOLE", whole_steps(sizes.taps(), self.slice_depth(), depth))
    }

    /// Products of a slice: whole steps of every kernel that has slices, but for the last.
    fn slice_depth(&self) -> usize {
        let taps = self.sizes.taps();
        taps.min(taps.div_ceil(self.slices).next_multiple_of(32))
    }

    /// A launch that goes along `strips`.
    fn strips_finished(&self, launch: Launch, strips: &Strips) -> Launch {
        finished(strips.constants(launch), self.finish, Items::Row { whole: strips.aligned_output })
    }

    /// Threads of a workgroup without shared memory: few waste least on software adapters, GPUs want at least 64.
    fn small_group(&self) -> u32 {
        if self.device.software { 8 } else { WORKGROUP }
    }

    /// Strips of up to `vectors` vectors. On GPUs, neighbouring threads then read neighbouring vectors only with one each.
    fn strips(&self, vectors: u32, taps: usize) -> Option<Strips> {
        let vectors = if self.device.software { vectors } else { 1 };
        let strips = Strips::of(self.sizes, vectors, taps, self.windows.input.1, self.windows.output.1)?;
        (strips.aligned_output || self.device.stores_components()).then_some(strips)
    }

    /// Output planes of this part.
    fn planes(&self) -> usize {
        self.part.images.len() * self.part.channels.len()
    }

    /// What all kernels are given.
    fn start(&self, kernel: &'static Kernel, count: u64, segment: usize) -> Launch {
        let (sizes, part, windows) = (self.sizes, self.part, self.windows);
        let pair = |size: Hw| [u32_of(size.h), u32_of(size.w)];
        let params = Params {
            finish: finish_numbers(self.finish),
            input_size: pair(sizes.input),
            output_size: pair(sizes.output),
            kernel: pair(sizes.kernel),
            stride: pair(sizes.stride),
            dilation: pair(sizes.dilation),
            padding: [u32_of(sizes.padding.top), u32_of(sizes.padding.left)],
            input_channels: u32_of(sizes.input_channels),
            output_channels: u32_of(sizes.output_channels),
            group_inputs: u32_of(sizes.group_inputs()),
            group_outputs: u32_of(sizes.group_outputs()),
            first_channel: u32_of(part.channels.start),
            channels: u32_of(part.channels.len()),
            first_image: u32_of(part.images.start),
            images: u32_of(part.images.len()),
            input_skip: windows.input.1,
            weight_skip: if self.by_taps.is_some() { 0 } else { windows.weight.1 },
            bias_skip: 0,
            output_skip: windows.output.1,
            groups: u32::try_from(count).unwrap_or(u32::MAX),
            segment: u32_of(segment),
            slice_depth: u32_of(self.slice_depth()),
            slice_elements: u32_of(sizes.images * sizes.output_channels * sizes.output.area()),
        };
        let launch = Launch::new(kernel, &params, count).constant("HAS_BIAS", self.bias.is_some()).input_window(0, &windows.input.0);
        let launch = match self.by_taps {
            Some(scratch) => launch.scratch(scratch),
            None => launch.input_window(1, &windows.weight.0),
        };
        let launch = launch.optional_input(self.bias);
        if self.slices > 1 { launch.scratch_mut(0) } else { launch.output_window(0, &windows.output.0) }
    }
}
