//! How the register and depthwise kernels walk along rows: strips of neighbouring pixels, read in whole vectors.

use super::sizes::Sizes;
use crate::array::Pads;
use crate::gpu::Launch;

/// The most vectors of input that those kernels hold.
const MOST_LOADS: usize = 20;

/// What their pipelines are specialised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Strips {
    /// Vectors of output pixels in a strip.
    pub(super) vectors: u32,
    shift: u32,
    loads: u32,
    pub(super) aligned_output: bool,
    padded: bool,
}

impl Strips {
    /// Strips of `vectors` vectors, or fewer if more input than a thread can hold lies under so many; `None` if even
    /// one is too many. The skips are what the kernel adds to indices; it reads a row of the kernel `taps` neighbours at a time.
    pub(in crate::ops) fn of(sizes: &Sizes, vectors: u32, taps: usize, input_skip: u32, output_skip: u32) -> Option<Self> {
        let aligned = |width: usize| width.is_multiple_of(4);
        // Strips start at multiples of 4, and so do rows if the width is one: then all strips start alike within a vector, and go on
        // so from taps to taps if these are whole vectors or all there are.
        #[expect(clippy::cast_possible_truncation, reason = "modulo 4 is meant")]
        let start = input_skip.wrapping_sub(sizes.padding.left as u32) % 4;
        let alike = aligned(sizes.input.w) && (sizes.span() <= taps || aligned(taps));
        let shift = if alike { start } else { 4 };
        // The last pixel's last tap, counted from the first pixel's first; and what lies before that in its vector.
        let loads = |vectors: u32| {
            let pixels = (4 * vectors as usize - 1).checked_mul(sizes.stride.w)?;
            Some((pixels.checked_add(taps)?.checked_add(shift.min(3) as usize)?).div_ceil(4))
        };
        let mut vectors = vectors;
        while loads(vectors).is_none_or(|l| l > MOST_LOADS) {
            vectors = (vectors > 1).then_some(vectors / 2)?;
        }
        let aligned_output = aligned(sizes.output.w) && output_skip.is_multiple_of(4);
        let padded = sizes.padding != Pads::default();
        Some(Self { vectors, shift, loads: u32::try_from(loads(vectors)?).ok()?, aligned_output, padded })
    }

    /// Pixels in a strip.
    pub(in crate::ops) fn pixels(&self) -> usize {
        4 * self.vectors as usize
    }

    /// A launch whose pipeline is for these strips.
    pub(in crate::ops) fn constants(&self, launch: Launch) -> Launch {
        launch
            .constant("VECTORS", self.vectors)
            .constant("SHIFT", self.shift)
            .constant("LOADS", self.loads)
            .constant("ALIGNED_OUTPUT", self.aligned_output)
            .constant("PADDED", self.padded)
    }
}

/// As many vectors as a row of the output is worth, `most` at most.
pub(in crate::ops) fn vectors_for(width: usize, most: u32) -> u32 {
    match width {
        0..=4 => 1,
        5..=8 => most.min(2),
        _ => most,
    }
}
