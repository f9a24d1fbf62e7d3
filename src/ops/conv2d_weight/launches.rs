//! The ways to compute it: products of matrices, or for several groups pixels side by side.

use crate::array::Hw;
use crate::gpu::{Capabilities, Kernel, Launch, kernel, params};
use crate::ops::conv2d::{ConvSizes as Sizes, MOST_TAPS, Strips, vectors_for};
use crate::ops::matrices::{Extent, Keeping, MATRICES, Matrices};
use crate::ops::slices::{Whole, least_slices, nested, slices, whole_steps};
use crate::ops::{Candidate, Items, Site, UNFINISHED_FOUR, WORKGROUP, finished, u32_of};
use std::ops::Range;

params! {
    struct Params {
        input_size: [u32; 2],
        grad_size: [u32; 2],
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
        images: u32,
        input_skip: u32,
        grad_skip: u32,
        output_skip: u32,
        groups: u32,
        slice_depth: u32,
        slice_elements: u32,
    }
}

static GROUPED_LANES: Kernel = kernel!("conv2d_weight/grouped_lanes", Params);
static GROUPED: Kernel = kernel!("conv2d_weight/grouped", Params);
static LANES: Kernel = kernel!("conv2d_weight/lanes", Params);
static TILE: Kernel = kernel!("conv2d_weight/tile", Params, header: UNFINISHED_FOUR);
static ON_MATRICES: Kernel = kernel!("conv2d_weight/matrices", Params, header: MATRICES);
pub(in crate::ops) const KERNELS: &[&Kernel] = &[&LANES, &TILE, &ON_MATRICES, &GROUPED, &GROUPED_LANES];

/// Slices at most, unless loops demand more.
const MOST: usize = 16;
/// Products of a slice at least.
const LEAST: usize = 1024;
/// Lanes of the kernel of groups for software adapters, each of which goes over rows of pixels.
const LANES_OF_ROWS: usize = 8;
/// Sums that a thread of the lanes kernel holds.
const SUMS: usize = 64;

/// The ways to compute the gradient of a convolution of these sizes, best guess first.
pub(super) fn candidates(site: &Site<'_>, sizes: &Sizes) -> Vec<Candidate> {
    let work = Work::new(site.device, sizes);
    let matrices = Matrices::all(site.device, site.precision, work.extent(sizes.images)).into_iter().map(Kind::Matrices);
    let lanes = site.device.has_lanes().then_some(Kind::Lanes);
    // Software adapters emulate matrices, and shared memory.
    let mut kinds: Vec<Kind> = if site.device.software {
        lanes.into_iter().chain([Kind::Tile]).chain(matrices).collect()
    } else {
        matrices.chain([Kind::Tile]).chain(lanes).collect()
    };
    if sizes.groups > 1 {
        let pixels = [site.device.has_lanes().then_some(Kind::GroupedLanes), Some(Kind::Grouped)];
        // Tiles of few rows or columns are mostly empty. By reckoning a GPU reads four numbers for three products without them, a fifth of
        // the products that it could do, and a tile of 64 with 16 rows does an eighth.
        let few = if site.device.software { 4 } else { 16 };
        let narrow = sizes.group_outputs() < few || sizes.taps() < few;
        let at = if narrow { 0 } else { kinds.len() };
        kinds.splice(at..at, pixels.into_iter().flatten());
    }
    kinds.into_iter().filter_map(|kind| work.candidate(kind)).collect()
}

/// The kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Some channels and taps a thread, gradients from lane to lane: for software adapters with subgroups of 8.
    Lanes,
    /// 64 channels x 64 taps a workgroup, through shared memory.
    Tile,
    /// A tile a workgroup, by subgroups that multiply matrices of f16.
    Matrices(Matrices),
    /// Up to four taps a workgroup, pixels side by side: for several groups.
    Grouped,
    /// Some taps of a row a workgroup, rows of pixels from lane to lane: the same for software adapters with subgroups of 8.
    GroupedLanes,
}

/// The gradient on a device.
struct Work<'a> {
    device: &'a Capabilities,
    sizes: &'a Sizes,
    /// What a launch computes where tensors are larger than a binding: each with a slice at least of its own,
    images: Vec<Range<usize>>,
    /// or, with all images, some of the output channels.
    channels: Vec<Range<usize>>,
    /// Slices at most.
    most: usize,
}

impl<'a> Work<'a> {
    fn new(device: &'a Capabilities, sizes: &'a Sizes) -> Self {
        let bytes = |elements: usize| 4 * elements as u64;
        let whole = |count: usize| std::iter::once(0..count).collect::<Vec<_>>();
        let copies = device.max_binding() / bytes(sizes.output_channels * sizes.taps());
        let most =
            usize::try_from(copies).unwrap_or(usize::MAX).clamp(1, MOST.max(least_slices(device, 2 * sizes.images * sizes.output.area())));
        // Several groups are one launch's.
        let channels = device.cut(sizes.output_channels, &[bytes(sizes.taps())]).filter(|_| sizes.groups == 1);
        let channels = channels.unwrap_or_else(|| whole(sizes.output_channels));
        let image = [sizes.input_channels * sizes.input.area(), sizes.output_channels * sizes.output.area()].map(bytes);
        // What cannot be cut is left whole, and the plan refuses it with the numbers.
        let images = device.cut(sizes.images, &image).filter(|images| images.len() <= most).unwrap_or_else(|| whole(sizes.images));
        Self { device, sizes, images, channels, most }
    }

    /// The dispatches, or `None` if `kind` cannot do it.
    fn candidate(&self, kind: Kind) -> Option<Candidate> {
        let count = self.sizes.output_channels * self.sizes.taps();
        let parts = self.images.len();
        let single = parts == 1 && self.slices(kind, self.images.first()?.len()).0 == 1;
        let (mut launches, mut slices) = (Vec::new(), 0);
        for images in &self.images {
            for channels in &self.channels {
                let (number, depth) = self.slices(kind, images.len());
                launches.push(self.launch(kind, images, channels, (number, depth), (!single).then_some(slices))?);
                slices += number;
            }
        }
        Some(if single {
            Candidate::of(launches)
        } else {
            Whole { count, plane: 1, channels: 1, bias: None }.summed(None, launches, slices)
        })
    }

    /// What kernels on matrices compute of `images` images.
    fn extent(&self, images: usize) -> Extent {
        let (rows, columns) = (self.sizes.group_outputs(), self.sizes.taps());
        Extent { rows, columns, count: self.sizes.groups, depth: images * self.sizes.output.area(), least: Some(LEAST) }
    }

    /// How many slices the sums over `images` images are cut into, and how long they are as the kernel counts.
    fn slices(&self, kind: Kind, images: usize) -> (usize, usize) {
        let Sizes { output, .. } = *self.sizes;
        let (lines, pixels) = (images * output.h, images * output.area());
        let (depth, step) = match kind {
            Kind::Lanes | Kind::Grouped => (lines, 1),
            Kind::GroupedLanes => (lines, LANES_OF_ROWS),
            Kind::Tile | Kind::Matrices(_) => (pixels, 32),
        };
        let wanted = match kind {
            Kind::Matrices(m) => m.slices(self.device, self.extent(images)),
            // Workgroups of 64 invocations, a quarter of what tiles have.
            Kind::Grouped => slices(self.device, self.workgroups(kind, self.sizes.output_channels) / 4, pixels, LEAST),
            _ => slices(self.device, self.workgroups(kind, self.sizes.output_channels), pixels, LEAST),
        };
        // Several parts of channels each write to their own place, all images at once.
        let most = if self.channels.len() > 1 { 1 } else { self.most / self.images.len() };
        let wanted = wanted.max(least_slices(self.device, self.turns(kind, depth))).clamp(1, most.max(1));
        let each = depth.div_ceil(wanted).next_multiple_of(step);
        (depth.div_ceil(each), each)
    }

    /// Turns that loops take for sums that are so long as the kernel counts.
    fn turns(&self, kind: Kind, depth: usize) -> usize {
        let width = self.sizes.output.w;
        let strips = width.div_ceil(4 * vectors_for(width, 4) as usize);
        match kind {
            Kind::Lanes => nested(&[depth, strips]),
            Kind::GroupedLanes => nested(&[depth.div_ceil(LANES_OF_ROWS), strips]),
            Kind::Grouped => nested(&[depth.div_ceil(WORKGROUP as usize / self.across()), width.div_ceil(self.across())]),
            // A turn for each product that is staged, and two for each stage.
            Kind::Tile | Kind::Matrices(_) => 2 * depth,
        }
    }

    /// Taps of a row that a workgroup of the grouped kernel computes.
    fn taps_together(&self) -> usize {
        let width = self.sizes.kernel.w;
        width.div_ceil(width.div_ceil(4))
    }

    /// How many of a workgroup's invocations go over a row of pixels side by side.
    fn across(&self) -> usize {
        self.sizes.output.w.next_power_of_two().min(WORKGROUP as usize)
    }

    /// Workgroups that compute a slice for so many output channels.
    fn workgroups(&self, kind: Kind, channels: usize) -> usize {
        let (sizes, taps) = (self.sizes, self.sizes.taps());
        let each = channels.min(sizes.group_outputs());
        let tiles = |rows: usize, columns: usize| channels / each * each.div_ceil(rows) * taps.div_ceil(columns);
        match kind {
            Kind::Tile => tiles(64, 64),
            Kind::Matrices(m) => tiles(m.rows() as usize, m.columns() as usize),
            Kind::Lanes => {
                let Lanes { rows, taps, own } = self.lanes();
                tiles(rows, 8 * own * taps)
            }
            Kind::GroupedLanes => channels * taps / self.neighbours(),
            Kind::Grouped => channels * sizes.group_inputs() * sizes.kernel.h * sizes.kernel.w.div_ceil(self.taps_together()),
        }
    }

    /// The dispatch for some images and channels in slices of (number, length), the first of which is slice `slice` of several.
    fn launch(
        &self,
        kind: Kind,
        images: &Range<usize>,
        channels: &Range<usize>,
        (slices, depth): (usize, usize),
        slice: Option<usize>,
    ) -> Option<Launch> {
        let (sizes, device) = (self.sizes, self.device);
        let window = |range: &Range<usize>, each: usize| device.window((range.start * each) as u64..(range.end * each) as u64, 4);
        let input = window(images, sizes.input_channels * sizes.input.area());
        let grad = window(images, sizes.output_channels * sizes.output.area());
        let (taps, size) = (sizes.taps(), sizes.output_channels * sizes.taps());
        let output = window(channels, taps);
        let output_skip = match slice {
            Some(slice) => u32_of(slice * size),
            #[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
            None => output.skip.wrapping_sub((channels.start * taps) as u32),
        };
        let pair = |size: Hw| [u32_of(size.h), u32_of(size.w)];
        let workgroups = self.workgroups(kind, channels.len());
        let start = |kernel: &'static Kernel| {
            let params = Params {
                input_size: pair(sizes.input),
                grad_size: pair(sizes.output),
                kernel: pair(sizes.kernel),
                stride: pair(sizes.stride),
                dilation: pair(sizes.dilation),
                padding: [u32_of(sizes.padding.top), u32_of(sizes.padding.left)],
                input_channels: u32_of(sizes.input_channels),
                output_channels: u32_of(sizes.output_channels),
                group_inputs: u32_of(sizes.group_inputs()),
                group_outputs: u32_of(sizes.group_outputs()),
                first_channel: u32_of(channels.start),
                channels: u32_of(channels.len()),
                images: u32_of(images.len()),
                input_skip: input.skip,
                grad_skip: grad.skip,
                output_skip,
                groups: u32_of(workgroups * slices),
                slice_depth: u32_of(depth),
                slice_elements: u32_of(size),
            };
            let launch = Launch::new(kernel, &params, (workgroups * slices) as u64).turns(self.turns(kind, depth));
            let launch = launch.input_window(0, &input).input_window(1, &grad).optional_input(None);
            if slice.is_some() { launch.scratch_mut(0) } else { launch.output_window(0, &output) }
        };
        let product = |kernel: &'static Kernel, step: u32| {
            start(kernel)
                .constant("KERNEL_H", u32_of(sizes.kernel.h))
                .constant("KERNEL_W", u32_of(sizes.kernel.w))
                .constant("ALIGNED", sizes.output.area().is_multiple_of(4) && grad.skip.is_multiple_of(4))
                .constant("WHOLE", whole_steps(images.len() * sizes.output.area(), depth, step))
        };
        // Rows of pixels by strips, `taps` neighbouring taps together.
        let strips = |launch: Launch, taps: usize| {
            let strips = Strips::of(sizes, vectors_for(sizes.output.w, 4), taps, input.skip, grad.skip)?;
            let launch = strips.constants(launch).constant("TAPS", u32_of(taps)).constant("STRIDE", u32_of(sizes.stride.w));
            Some(launch.constant("WHOLE", sizes.output.w.is_multiple_of(strips.pixels())))
        };
        Some(match kind {
            Kind::Tile => finished(product(&TILE, 16), None, Items::Row { whole: false }),
            Kind::Matrices(m) => {
                let launch = m.launch(product(&ON_MATRICES, m.depth()), 1, 0, Keeping::Rows);
                finished(launch, None, Items::Row { whole: false })
            }
            Kind::Grouped => start(&GROUPED)
                .constant("WORKGROUP", WORKGROUP)
                .constant("ACROSS", u32_of(self.across()))
                .constant("TAPS", u32_of(self.taps_together())),
            Kind::Lanes => {
                let Lanes { rows, taps, own } = self.lanes();
                strips(start(&LANES), taps)?.constant("ROWS", u32_of(rows)).constant("OWN", u32_of(own))
            }
            Kind::GroupedLanes => strips(start(&GROUPED_LANES), self.neighbours())?,
        })
    }

    /// Neighbouring taps of a row of the kernel that strips see at once.
    fn neighbours(&self) -> usize {
        let Sizes { dilation, kernel, .. } = *self.sizes;
        if dilation.w == 1 { (1..=MOST_TAPS).rev().find(|t| kernel.w.is_multiple_of(*t)).unwrap_or(1) } else { 1 }
    }

    fn lanes(&self) -> Lanes {
        let (sizes, taps) = (self.sizes, self.neighbours());
        let rows = if sizes.group_outputs() > 8 && 16 * taps <= SUMS { 16 } else { 8 };
        // More rows of its own share the gradients that it gets, if there are so many for all lanes.
        let own = [4, 2, 1].into_iter().find(|own| rows * taps * own <= SUMS && 8 * own <= sizes.taps() / taps).unwrap_or(1);
        Lanes { rows, taps, own }
    }
}

/// What a thread of the lanes kernel computes: `taps` of each of `own` rows of a kernel for `rows` channels.
struct Lanes {
    rows: usize,
    taps: usize,
    own: usize,
}
