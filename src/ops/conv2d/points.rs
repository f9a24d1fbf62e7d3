//! Kernels of one pixel as products of matrices: the weights, (outputs, inputs), by each image, (inputs, pixels).

use super::Sizes;
use crate::array::{Hw, Pads};
use crate::gpu::{Launch, Slot};
use crate::ops::matmul::{self, Product};
use crate::ops::{Candidate, Finish, Nest, Site, Walk, copy, dense};

/// The ways to compute a convolution whose outputs each see one pixel of all channels: on a CPU's lanes alone, where a product is two to
/// six times as fast as a convolution. Pixels that a stride leaves are picked first.
pub(super) fn candidates(site: &Site<'_>, sizes: &Sizes, bias: Option<usize>, finish: Option<&Finish>) -> Vec<Candidate> {
    let &Sizes { images, input_channels, output_channels, input, output, .. } = sizes;
    if !site.device.has_lanes() || sizes.groups > 1 || sizes.kernel != Hw::square(1) || sizes.padding != Pads::default() {
        return Vec::new();
    }
    let of = |slot| {
        let product = Product::of_points(slot, [images, output_channels, input_channels, output.area()], bias);
        matmul::candidates(site, &[product], finish)
    };
    if output == input {
        return of(Slot::Input(0));
    }
    let Some((picking, bytes)) = picking(site, sizes) else { return Vec::new() };
    let picked = |candidate: Candidate| Candidate {
        launches: std::iter::once(picking.clone()).chain(candidate.launches).collect(),
        scratch: vec![bytes],
        ..candidate
    };
    of(Slot::Scratch(0)).into_iter().map(picked).collect()
}

/// The launch that picks every pixel that the kernel meets, and the bytes of scratch memory that they lie in then; `None` if a binding
/// is too small.
fn picking(site: &Site<'_>, sizes: &Sizes) -> Option<(Launch, u64)> {
    let &Sizes { input, output, stride, .. } = sizes;
    let planes = sizes.images * sizes.input_channels;
    let to = [planes, output.h, output.w];
    let strides = [input.area(), stride.h.checked_mul(input.w)?, stride.w].map(|s| i64::try_from(s).unwrap_or(i64::MAX));
    let nest = Nest::new("conv2d", &to, [Walk::new(dense(&to)), Walk::new(strides.to_vec())]).ok()?;
    let bytes = 4 * (planes * output.area()) as u64;
    Some((copy::to_scratch(site, 0, bytes, &nest)?, bytes))
}
