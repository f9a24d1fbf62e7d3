//! clear: scratch memory set to zero, for kernels that then count or add in it.

use super::{WORKGROUP, groups, u32_of};
use crate::gpu::{Kernel, Launch, kernel, params};

params! {
    struct Params { count: u32 }
}

pub(super) static CLEAR: Kernel = kernel!("clear", Params);

/// The launch that clears `words` words of scratch buffer `index`, and the bytes of that buffer: whole fours of words.
pub(super) fn clear(words: usize, index: usize) -> (Launch, u64) {
    let fours = words.div_ceil(4);
    (Launch::new(&CLEAR, &Params { count: u32_of(fours) }, groups(fours, WORKGROUP)).scratch_mut(index), 16 * fours as u64)
}
