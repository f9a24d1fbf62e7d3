//! Which kernel computes the products of a step, and what it is told.

use super::{Cell, Recurrence, RecurrentActivation, Sizes, backward};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};
use crate::ops::matmul::rows_of_lanes;
use crate::ops::matrices::{Extent, Keeping, Matrices};
use crate::ops::slices::whole_steps;
use crate::ops::{Site, Team, lanes};

params! {
    pub(super) struct Params {
        alpha: [[f32; 4]; 2],
        beta: [[f32; 4]; 2],
        gates: [u32; 4],
        step: u32,
        steps: u32,
        batch: u32,
        hidden: u32,
        depth: u32,
        chunks: u32,
        count: u32,
        reversed_from: u32,
        has_c: u32,
        clip: f32,
        weights_row: u32,
        peepholes: u32,
        x_time: u32,
        x_batch: u32,
        y_time: u32,
        y_batch: u32,
        y_direction: u32,
        state_batch: u32,
        state_direction: u32,
    }
}

static TEAM: Kernel = kernel!("recurrent/team", Params, header: "#import recurrent_plain\nalias Scalar = f32;\n#import vec4\n\
    const CELL = RNN;\nconst SUMS = 1u;\nconst GATES = 1u;\n\
    const BATCH = 4u;\n\
    @group(0) @binding(5) var<storage, read_write> y: array<f32>;\n\
    @group(0) @binding(6) var<storage, read_write> h_after: array<f32>;\n");
static LANES: Kernel = kernel!("recurrent/lanes", Params, header: "#import recurrent_plain\n\
    const CELL = GRU;\nconst SUMS = 3u;\nconst GATES = 3u;\n\
    @group(0) @binding(5) var<storage, read_write> y: array<f32>;\n\
    @group(0) @binding(6) var<storage, read_write> h_after: array<f32>;\n");
static TILE: Kernel = kernel!("recurrent/tile", Params, header: "#import recurrent_plain\n\
    const CELL = LSTM;\nconst SUMS = 4u;\nconst GATES = 4u;\n\
    @group(0) @binding(5) var<storage, read_write> y: array<f32>;\n\
    @group(0) @binding(6) var<storage, read_write> h_after: array<f32>;\n");
static ON_MATRICES: Kernel = kernel!("recurrent/matrices", Params, header: "#import matrices_of_16\n\
    #set BY_ROWS 1\n#set BY_COLUMNS 0\n#import recurrent_plain\n\
    const CELL = LSTM;\nconst SUMS = 4u;\nconst GATES = 4u;\n\
    @group(0) @binding(7) var<storage, read_write> y: array<f32>;\n\
    @group(0) @binding(8) var<storage, read_write> h_after: array<f32>;\n");
pub(in crate::ops) const KERNELS: &[&Kernel] = &[&TEAM, &LANES, &TILE, &ON_MATRICES, &backward::TEAM, &backward::LANES];

/// How the products of a step are computed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Those of a hidden unit and `chunk` sequences by a team.
    Team { team: Team, chunk: usize, lanes: usize },
    /// `rows` sequences and four columns a thread: for software adapters with subgroups of 8.
    Lanes { rows: u32 },
    /// 64 sequences and 16 units a workgroup, through shared memory: for GPUs.
    Tile,
    /// A tile a workgroup, by subgroups that multiply matrices of f16.
    Matrices(Matrices),
}

/// Gates of a unit that kernels which know no teams compute at a time.
const GATES: u32 = 4;
/// Side and depth of a tile.
const SIDE: u32 = 64;
const DEPTH: u32 = 16;

impl Kind {
    /// Chunks of sequences.
    pub(super) const fn chunks(self, sizes: Sizes) -> usize {
        if let Self::Team { chunk, .. } = self { sizes.batch.div_ceil(chunk) } else { 0 }
    }

    /// Teams, or else workgroups, where the product has so many columns.
    pub(super) fn count(self, sizes: Sizes, columns: usize) -> usize {
        let Sizes { batch, directions, hidden, .. } = sizes;
        let tiles = |rows: u32, wide: u32| batch.div_ceil(rows as usize) * columns.div_ceil(wide as usize) * directions;
        match self {
            Self::Team { .. } => directions * hidden * self.chunks(sizes),
            Self::Lanes { rows } => tiles(rows, 32),
            Self::Tile => tiles(SIDE, SIDE),
            Self::Matrices(m) => tiles(m.rows(), m.columns()),
        }
    }

    /// Products of a sum, in whatever is read at a time.
    pub(super) const fn depth(self, sizes: Sizes) -> usize {
        if let Self::Team { lanes, .. } = self { sizes.hidden / lanes } else { sizes.hidden }
    }

    /// The binding of the first output: behind the largest magnitudes, if they are bound.
    pub(super) const fn first_output(self) -> usize {
        if let Self::Matrices(_) = self { 7 } else { 5 }
    }

    /// The launch, with nothing bound yet.
    pub(super) fn launch(self, params: &Params, sizes: Sizes) -> Launch {
        let (hidden, count) = (sizes.hidden, params.count as usize);
        let of = |kernel| Launch::new(kernel, params, count as u64);
        let whole = u8::from(hidden.is_multiple_of(4));
        match self {
            Self::Team { team, .. } => team.set(Launch::new(&TEAM, params, team.groups(count)), 1),
            Self::Lanes { rows } => {
                let launch = of(&LANES).turns(hidden.div_ceil(4)).constant("ROWS", rows).constant("VECTORS", 1);
                let launch = launch.constant("TRANSPOSE_B", 1).constant("WHOLE", whole);
                launch.constant("ALIGNED_A", whole).constant("ALIGNED_B", whole)
            }
            Self::Tile => {
                let launch = of(&TILE).turns(2 * hidden).constant("ALIGNED", whole).constant("WHOLE", whole_steps(hidden, hidden, DEPTH));
                launch.constant("TILE", SIDE).constant("DEPTH", DEPTH).constant("WORKGROUP", (SIDE / 8) * (SIDE / 8))
            }
            Self::Matrices(m) => {
                let launch = of(&ON_MATRICES).turns(2 * hidden).constant("ALIGNED", whole).constant("LEAST_A", 1f32.to_bits());
                launch.constant("WHOLE", whole_steps(hidden, hidden, m.depth())).header(m.header(Keeping::Rows))
            }
        }
    }

    /// `launch`, with the states before bound last, and what stands between these and the outputs: the largest magnitudes of the states,
    /// which are those of an input if they may be above 1, and of the weights.
    pub(super) fn bound(self, launch: Launch, states: Option<usize>) -> Launch {
        let Self::Matrices(_) = self else { return launch };
        launch.bind(states.map_or(Slot::Absent, Slot::Largest), false, None).bind(Slot::Largest(1), false, None)
    }
}

impl Recurrence {
    /// Best guess first.
    pub(super) fn kinds(&self, site: &Site<'_>, sizes: Sizes) -> Vec<Kind> {
        let Sizes { batch, directions, hidden, .. } = sizes;
        let (lanes, chunk) = (lanes(hidden), batch.next_power_of_two().min(4));
        let team = Team::of_many_sums(site.device, directions * hidden * batch.div_ceil(chunk), hidden / lanes);
        let team = Kind::Team { team, chunk, lanes };
        let on_lanes = site.device.has_lanes().then(|| Kind::Lanes { rows: rows_of_lanes(batch) });
        // Tiles want the gates of a unit side by side.
        if let Cell::Rnn | Cell::Gru { linear_before_reset: false } = self.cell {
            return on_lanes.into_iter().chain([team]).collect();
        }
        let matrices = if self.states_are_small() {
            let (rows, columns, count) = (batch, GATES as usize * hidden, directions);
            Matrices::all(site.device, site.precision, Extent { rows, columns, count, depth: hidden, least: None })
        } else {
            Vec::new()
        };
        let matrices = matrices.into_iter().map(Kind::Matrices);
        if site.device.software {
            return on_lanes.into_iter().chain([team]).chain(matrices).chain([Kind::Tile]).collect();
        }
        // A team reads its weights once for every four sequences, a tile once for all of its own.
        let mut all: Vec<_> = matrices.chain([Kind::Tile]).collect();
        all.insert(if batch > 8 { all.len() - usize::from(batch < 32) } else { 0 }, team);
        all
    }

    /// Whether no state of an lstm after a step is larger than 1, or of a gru than the state before if that is larger.
    fn states_are_small(&self) -> bool {
        let all = |k, is: fn(RecurrentActivation) -> bool| {
            (0..self.attributes.direction.count()).all(|direction| self.activation(direction, k).is_some_and(is))
        };
        if let Cell::Lstm { .. } = self.cell {
            all(0, RecurrentActivation::is_bounded) && all(2, RecurrentActivation::is_bounded)
        } else {
            all(0, RecurrentActivation::is_share) && all(1, RecurrentActivation::is_bounded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::TensorType;
    use crate::gpu::Capabilities;
    use crate::ops::{Direction, Op, Precision, Recurrent};

    /// The kernels for a layer of `batch` sequences and 512 units, the best guess first.
    fn kernels(device: &Capabilities, cell: Cell, gates: usize, batch: usize) -> Vec<&'static str> {
        let attributes = Recurrent { direction: Direction::Forward, ..Recurrent::default() };
        let op = Recurrence { cell, attributes, bias: false, peepholes: false, sequence_lens: false, initial_h: false, initial_c: false };
        let inputs = [TensorType::f32([1, batch, gates * 512]), TensorType::f32([1, gates * 512, 512])];
        let inputs: Vec<_> = inputs.iter().collect();
        let outputs = op.infer(&inputs).expect("types of a layer");
        let outputs: Vec<_> = outputs.iter().collect();
        let site = Site { inputs: &inputs, outputs: &outputs, device, precision: Precision::F32, finish: None, begin: None };
        let ways = op.launch(&site).expect("ways to compute it");
        let mut names: Vec<_> = ways.iter().map(|way| way.launches[0].kernel.name.trim_start_matches("recurrent/")).collect();
        names.dedup();
        names
    }

    #[test]
    fn kernels_are_chosen_by_device_and_batch() {
        let lstm = Cell::Lstm { input_forget: false };
        let device = Capabilities::common();
        assert_eq!(kernels(&device, lstm, 4, 4), ["team", "tile"]);
        assert_eq!(kernels(&device, lstm, 4, 16), ["team", "tile"]);
        assert_eq!(kernels(&device, lstm, 4, 64), ["tile", "team"]);
        assert_eq!(kernels(&device, Cell::Rnn, 1, 64), ["team"]);
        assert_eq!(kernels(&device, Cell::Gru { linear_before_reset: false }, 3, 64), ["team"]);
        let mut limits = device.limits.clone();
        limits.max_compute_workgroup_storage_size = 48 << 10;
        let device = Capabilities { matrices: Some(16), limits, ..device };
        assert_eq!(kernels(&device, lstm, 4, 4), ["team", "matrices", "tile"]);
        assert_eq!(kernels(&device, lstm, 4, 16), ["matrices", "team", "tile"]);
        assert_eq!(kernels(&device, Cell::Gru { linear_before_reset: true }, 3, 64), ["matrices", "tile", "team"]);
    }
}
