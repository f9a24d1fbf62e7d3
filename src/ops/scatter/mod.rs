//! scatter: updates put to where indices say, `scatter_elements` and `scatter_nd`.
//!
//! Each element of the output goes through the updates of its line in their order and takes those that name it; where updates name
//! rows of many elements, a workgroup goes through them for all of a row. That costs the updates of a line for every element or row. Where
//! it would be much, a line's updates are sorted by the places that they name, so that an element finds its own one behind the other. All
//! give the same bits on every run: where several updates name one place they apply one after another, and without a reduction the last
//! one stands.
//!
//! Gradients, for g that of the output, `g[i]` what the indices pick of it, and y the output:
//!
//! ```text
//! none       data  g, 0 where an index points        updates  g[i] of each that stands in the end, 0 of those replaced
//! add        data  g                                 updates  g[i]
//! max, min   g / n where an element is y, else 0, of data and updates alike, n of which are y there: equals share, as in PyTorch's amax
//! ```
//!
//! That of mul is not implemented.
//!
//! Negative indices count from the end. Indices are data that nothing can refuse while a GPU runs: one that is out of range
//! names the nearest place, as in `gather`.

mod elements;
mod gradient;
mod nd;
mod places;
mod rows;
mod sorted;

pub use elements::ScatterElements;
pub use nd::ScatterNd;

use super::copy::{copies, gathering};
use super::{Around, Cut, Nest, Part, Site, WORKGROUP, Walk, check_dtype, dense, groups, item_header, u32_of};
use crate::array::{Array, DType, Data, TensorType};
use crate::error::{Error, Result};
use crate::gpu::{Kernel, Launch, Slot, kernel, params};

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        output_strides: [[u32; 4]; 2],
        line_strides: [[u32; 4]; 2],
        update_strides: [[u32; 4]; 2],
        start_strides: [[u32; 4]; 2],
        count: u32,
        updates: u32,
        size: u32,
        index_step: u32,
        update_step: u32,
        output_start: u32,
        line_start: u32,
        update_start: u32,
        start_start: u32,
    }
}

static UPDATES: Kernel = kernel!("scatter/updates", Params, header: "alias Scalar = f32;\n#import scalar\n#import reduction\n");
pub(super) const KERNELS: &[&Kernel] = &[&UPDATES, &places::PLACES, &rows::ROWS, &sorted::STARTS, &sorted::SORTED];

/// What an update does to the element that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScatterReduction {
    /// It takes its place.
    #[default]
    None,
    /// It is added.
    Add,
    /// It is multiplied.
    Mul,
    /// The larger of the two stays; NaN wins.
    Max,
    /// The smaller of the two stays; NaN wins.
    Min,
}

impl ScatterReduction {
    /// The kernel's number for it.
    const fn combine(self) -> u32 {
        match self {
            Self::None | Self::Add => 0,
            Self::Mul => 1,
            Self::Max => 2,
            Self::Min => 3,
        }
    }

    fn floats(self, old: f64, new: f64) -> f64 {
        match self {
            Self::None => new,
            Self::Add => old + new,
            Self::Mul => old * new,
            Self::Max | Self::Min if old.is_nan() || new.is_nan() => f64::NAN,
            Self::Max => old.max(new),
            Self::Min => old.min(new),
        }
    }

    fn integers<T: Copy + Ord>(self, old: T, new: T, add: fn(T, T) -> T, mul: fn(T, T) -> T) -> T {
        match self {
            Self::None => new,
            Self::Add => add(old, new),
            Self::Mul => mul(old, new),
            Self::Max => old.max(new),
            Self::Min => old.min(new),
        }
    }

    /// Refuses dtypes that do not go together or that nothing is defined for.
    fn check(self, op: &'static str, data: &TensorType, indices: &TensorType, updates: &TensorType) -> Result<()> {
        check_dtype(op, "indices", indices, DType::I32)?;
        if data.dtype != updates.dtype {
            return Err(Error::shape(op, format!("data {data} and updates {updates} differ in dtype; cast one of them first")));
        }
        match data.dtype {
            DType::F16 | DType::F64 => Err(Error::unsupported(op, format!("of {data}; cast it first"))),
            DType::Bool if self != Self::None => Err(Error::unsupported(op, format!("{self:?} of {data}; cast it first"))),
            _ if i32::try_from(data.elements()).is_err() => {
                Err(Error::unsupported(op, format!("{data} has more elements than an i32 counts")))
            }
            _ => Ok(()),
        }
    }

    /// The definition: `moves` are places in the data and the updates that go there, in order.
    fn applied(self, data: &Array, updates: &Array, moves: impl Iterator<Item = (usize, usize)>) -> Result<Array> {
        fn apply<T: Copy>(mut values: Vec<T>, updates: &[T], moves: impl Iterator<Item = (usize, usize)>, f: impl Fn(T, T) -> T) -> Vec<T> {
            moves.for_each(|(to, from)| values[to] = f(values[to], updates[from]));
            values
        }
        let wide = |v: &[f32]| v.iter().copied().map(f64::from).collect::<Vec<f64>>();
        #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
        let narrow = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect();
        let result = match (data.data(), updates.data()) {
            (Data::F32(d), Data::F32(u)) => Data::F32(narrow(apply(wide(d), &wide(u), moves, |a, b| self.floats(a, b)))),
            (Data::I32(d), Data::I32(u)) => {
                Data::I32(apply(d.clone(), u, moves, |a, b| self.integers(a, b, i32::wrapping_add, i32::wrapping_mul)))
            }
            (Data::U32(d), Data::U32(u)) => {
                Data::U32(apply(d.clone(), u, moves, |a, b| self.integers(a, b, u32::wrapping_add, u32::wrapping_mul)))
            }
            (Data::Bool(d), Data::Bool(u)) => Data::Bool(apply(d.clone(), u, moves, |_, b| b)),
            _ => return Err(Error::shape("scatter", format!("{} and {} do not go together", data.dtype(), updates.dtype()))),
        };
        Array::from_data(data.shape(), result)
    }
}

/// The lines of a scatter: loops over the elements that updates may name, and how far a step of each moves.
struct Lines {
    sizes: Vec<usize>,
    output: Vec<i64>,
    /// From a line's first update to the next one's.
    update: Vec<i64>,
    /// From a line's first index to the next one's.
    index: Vec<i64>,
    /// From line to line, in the order that the indices have.
    line: Vec<i64>,
    /// Along the line.
    place: Vec<i64>,
    /// Whether the loops visit every element of the output.
    whole: bool,
    /// The indices: `len` of a line, which has `size` elements.
    indices: Around,
    size: usize,
    update_step: usize,
    /// Elements of the innermost loop that an invocation takes together: 4 where they lie beside each other and have their updates so, else 1.
    width: usize,
}

impl Lines {
    /// The launches that leave in the output what no update can name.
    fn rest(&self, op: &'static str, site: &Site<'_>) -> Result<Vec<Launch>> {
        let data = site.inputs[0];
        if self.whole {
            return Ok(Vec::new());
        }
        copies(op, site, 0, 0, &gathering(op, data.dtype, &data.shape, Walk::new(dense(&data.shape)))?)
    }

    /// A launch for each part of the output, of a kernel that finds what is known of a line by the walk `line`, and its place by `start`.
    fn launches(
        &self,
        op: &'static str,
        kernel: &'static Kernel,
        reduction: ScatterReduction,
        site: &Site<'_>,
        [line, start]: [Vec<i64>; 2],
        bind: impl Fn(Launch) -> Launch,
    ) -> Result<Vec<Launch>> {
        let data = site.inputs[0];
        let walks = [self.output.clone(), line, self.update.clone(), start].map(Walk::new);
        // What replaces is moved as it is, whatever it means.
        let dtype = if reduction == ScatterReduction::None { DType::U32 } else { data.dtype };
        let launch = |part: &Part<4>| {
            let (nest, window) = (&part.nest, &part.windows[0]);
            let (width, count) = (self.width, nest.count(self.width));
            let params = Params {
                sizes: nest.packed_sizes(width),
                output_strides: nest.packed_strides(0, width),
                line_strides: nest.packed_strides(1, 1),
                update_strides: nest.packed_strides(2, width),
                start_strides: nest.packed_strides(3, 1),
                count: u32_of(count),
                updates: u32_of(self.indices.len),
                size: u32_of(self.size),
                index_step: u32_of(self.indices.inner),
                update_step: u32_of(self.update_step / width),
                output_start: nest.packed_start(0, width),
                line_start: nest.packed_start(1, 1),
                update_start: nest.packed_start(2, width),
                start_start: nest.packed_start(3, 1),
            };
            let launch = Launch::new(kernel, &params, groups(count, WORKGROUP))
                .turns(self.indices.len)
                .header(item_header(dtype, width) + "#import reduction\n")
                .constant("LOOPS", u32_of(nest.sizes.len()))
                .constant("REPLACE", u32::from(reduction == ScatterReduction::None))
                .constant("COMBINE", reduction.combine())
                .constant("FLOAT", u32::from(dtype == DType::F32));
            bind(launch.input_window(0, window)).input(2).output_window(0, window)
        };
        // What is known of lines and the updates are bound whole, so that only the output decides where to cut.
        let parts = Nest::new(op, &self.sizes, walks)?.parts(op, site.device, [data.device_bytes(), 0, 0, 0], Cut::Widest)?;
        Ok(parts.iter().map(launch).collect())
    }

    /// Each element goes through all updates of its line, whose indices are at `indices`.
    fn searched(&self, op: &'static str, reduction: ScatterReduction, site: &Site<'_>, indices: Slot) -> Result<Vec<Launch>> {
        let bind = |launch: Launch| launch.bind(indices, false, None);
        let searched = self.launches(op, &UPDATES, reduction, site, [self.index.clone(), self.place.clone()], bind)?;
        Ok([self.rest(op, site)?, searched].concat())
    }
}
