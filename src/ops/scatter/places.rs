//! The place that each tuple of indices names, among those that the indexed dimensions have together.

use crate::array::strides;
use crate::gpu::{Kernel, Launch, kernel, params};
use crate::ops::{WORKGROUP, groups, pack, u32_of};

params! {
    struct Params {
        sizes: [[u32; 4]; 2],
        strides: [[u32; 4]; 2],
        count: u32,
    }
}

pub(super) static PLACES: Kernel = kernel!("scatter/places", Params);

/// Writes to scratch memory 0 the places of `count` tuples, which index dimensions of sizes `indexed`.
pub(super) fn places(indexed: &[usize], count: usize) -> Launch {
    let params = Params {
        sizes: pack(indexed.iter().map(|&s| u32_of(s))),
        strides: pack(strides(indexed).into_iter().map(u32_of)),
        count: u32_of(count),
    };
    Launch::new(&PLACES, &params, groups(count, WORKGROUP)).constant("DEPTH", u32_of(indexed.len())).input(1).scratch_mut(0)
}
