// How kernels of attention and of its gradient read scores: scaled, masked, and whether they count. Of `params` and `mask`, which they bind.
#import attention
#import index

override MASK: u32 = 0u;  // 1: bool, 2: added
override CAUSAL: u32 = 0u;

// A score with what the mask adds, and whether it counts.
struct Score {
    value: f32,
    allowed: bool,
}

// The first element of the mask for batch * heads + head, in these buffers.
fn mask_start(head: u32) -> u32 {
    return (params.first_batch + head / params.heads) * params.mask_strides.x + head % params.heads * params.mask_strides.y;
}

fn masked(start: u32, i: u32, j: u32, product: f32) -> Score {
    var score = Score(product * params.scale, i < params.queries && j < params.keys && (CAUSAL == 0u || j <= i));
    if (MASK != 0u && score.allowed) {
        let bits = mask[start + i * params.mask_strides.z + j * params.mask_strides.w];
        if (MASK == 1u) {
            score.allowed = bits != 0u;
        } else {
            score.allowed = !(bitcast<f32>(bits) <= FORBIDDEN);
            score.value += bitcast<f32>(bits);
        }
    }
    return score;
}

fn sum_of(product: vec4<f32>) -> f32 {
    return (product.x + product.y) + (product.z + product.w);
}
