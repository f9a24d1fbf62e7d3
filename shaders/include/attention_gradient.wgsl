// What all kernels of attention's gradient are told. Bindings 1 to 4 are query, key, value and grad.
#import attention_scores

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> mask: array<u32>;  // bool or the bits of f32
