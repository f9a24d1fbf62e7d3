//! Rows: what operators along one axis share.
//!
//! A row is what such an operator looks at together: softmax's numbers that add up to 1, `layer_norm`'s that share a mean.
//! A kernel reads it an *item* at a time, one element or four neighbours, and a *team* of invocations shares it: one, so that
//! there is no barrier, up to a whole workgroup.

use crate::array::{DType, TensorType, elements};
use crate::error::{Error, Result};
use crate::gpu::{Capabilities, Launch};

/// A contiguous tensor around one axis: element (o, k, i) lies at `(o * len + k) * inner + i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Around {
    /// Positions in the dimensions before the axis.
    pub(crate) outer: usize,
    /// The size of the axis.
    pub(crate) len: usize,
    /// Positions in the dimensions after it.
    pub(crate) inner: usize,
}

impl Around {
    pub(crate) fn axis(shape: &[usize], axis: usize) -> Self {
        Self { outer: elements(&shape[..axis]), len: shape[axis], inner: elements(&shape[axis + 1..]) }
    }

    /// The start of every row, with `inner` elements from one element to the next.
    pub(crate) fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.outer).flat_map(move |o| (0..self.inner).map(move |i| o * self.len * self.inner + i))
    }
}

/// The dimension that `axis` means: from the end where it is negative.
pub(crate) fn check_axis(op: &'static str, axis: isize, ty: &TensorType) -> Result<usize> {
    let distance = axis.unsigned_abs();
    let found = if axis < 0 { ty.rank().checked_sub(distance) } else { Some(distance) };
    found.filter(|&a| a < ty.rank()).ok_or_else(|| Error::shape(op, format!("there is no axis {axis} in {ty}")))
}

/// Elements of an item where every row has `len` of them.
pub(crate) const fn lanes(len: usize) -> usize {
    if len.is_multiple_of(4) { 4 } else { 1 }
}

/// What an element of a mask adds to a score; `None` where it forbids: false, or -1e30 or less of what is added.
pub(crate) fn mask_adds(dtype: DType, element: f64) -> Option<f64> {
    match dtype {
        DType::Bool => (element != 0.0).then_some(0.0),
        _ => (element > -1e30 || element.is_nan()).then_some(element),
    }
}

/// The header of a kernel whose items are `lanes` elements.
pub(crate) fn item_header(dtype: DType, lanes: usize) -> String {
    let include = if lanes == 4 { "vec4" } else { "scalar" };
    format!("alias Scalar = {};\n#import {include}\n", dtype.wgsl())
}

/// How many invocations share a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Team {
    size: u32,
    workgroup: u32,
    /// Turns that one sweep of an invocation over a row takes.
    sweep: usize,
}

impl Team {
    /// For `rows` rows of `items` items each.
    ///
    /// On a GPU each invocation gets about four items, fewer where there are too few rows to keep it busy. A software
    /// adapter pays for every barrier by the invocation and has few threads: eight there, which run as one vector, or one.
    pub(crate) fn of(device: &Capabilities, rows: usize, items: usize) -> Self {
        const BUSY: usize = 1 << 16;
        let mut size = 1;
        if device.software {
            size = if items < 32 { 1 } else { 8 };
            // Three sweeps fit into the turns that loops may have.
            while size < 256 && items / size > device.max_turns / 4 {
                size *= 2;
            }
        } else {
            while size < 256 && (items > 4 * size || (items > size && rows.saturating_mul(size) < BUSY)) {
                size *= 2;
            }
        }
        let sweep = items.div_ceil(size);
        let size = u32::try_from(size).unwrap_or(1);
        Self { size, workgroup: size.max(super::WORKGROUP), sweep }
    }

    /// For rows of which several are added up at once: no larger than the smallest workgroup, so that their sums fit its memory,
    /// and one invocation on a software adapter, which with that many sums has enough to do.
    pub(crate) fn of_many_sums(device: &Capabilities, rows: usize, items: usize) -> Self {
        let size = if device.software { 1 } else { Self::of(device, rows, items).size.min(super::WORKGROUP) };
        Self { size, workgroup: super::WORKGROUP, sweep: items.div_ceil(size as usize) }
    }

    /// Workgroups for `rows` rows.
    pub(crate) fn groups(self, rows: usize) -> u64 {
        super::groups(rows, self.workgroup / self.size)
    }

    /// Tells `launch` the size of workgroups and teams, which sweep over their rows so many times.
    pub(crate) fn set(self, launch: Launch, sweeps: usize) -> Launch {
        // Each sweep finds its end, and halves find one number of all.
        let turns = sweeps * (self.sweep + 1) + self.size.ilog2() as usize;
        launch.turns(turns).constant("WORKGROUP", self.workgroup).constant("TEAM", self.size)
    }
}
