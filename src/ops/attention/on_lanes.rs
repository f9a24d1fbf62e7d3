//! What kernels of attention and of its gradient are told that are made for a CPU's lanes.

use super::{Sizes, item_lanes};
use crate::gpu::Capabilities;
use crate::ops::slices::nested;

/// Numbers of a query or a value at most, since a kernel spells them out.
const LARGEST: usize = 128;

/// Rows of a workgroup: 32 invocations have two each.
pub(in crate::ops) const ROWS: usize = 64;

/// A header to check the shaders with.
pub(in crate::ops) const HEADER: &str = "#set HEAD 2\nconst HEAD = 2u;\n#set HEAD_LOADS 1\nconst HEAD_LOADS = 1u;\n\
    #set VALUE 2\nconst VALUE = 2u;\n#set VALUE_LOADS 1\nconst VALUE_LOADS = 1u;\n#set STEPS 4\nconst STEPS = 4u;\n";

/// Whether they hold rows of these sizes.
pub(in crate::ops) fn suit(s: Sizes) -> bool {
    item_lanes(s) == 4 && s.head.max(s.value) <= LARGEST
}

/// Rows of the other side in a turn of the loop: more are more code than a CPU caches.
const fn steps(s: Sizes) -> usize {
    if s.head + s.value <= 64 { 4 } else { 2 }
}

/// Turns of the loops over `count` rows of so many `heads`.
pub(in crate::ops) fn turns(s: Sizes, heads: usize, count: usize) -> usize {
    nested(&[heads, count.div_ceil(steps(s))])
}

/// The header for rows of these sizes, if the device has lanes and rows suit them.
pub(in crate::ops) fn header(s: Sizes, device: &Capabilities) -> Option<String> {
    let (head, value) = (s.head / 4, s.value / 4);
    let counts =
        [("HEAD", head), ("HEAD_LOADS", head.div_ceil(8)), ("VALUE", value), ("VALUE_LOADS", value.div_ceil(8)), ("STEPS", steps(s))];
    let header = || counts.iter().map(|(name, count)| format!("#set {name} {count}\nconst {name} = {count}u;\n")).collect();
    (device.has_lanes() && suit(s)).then(header)
}
