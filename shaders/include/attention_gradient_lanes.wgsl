// What both kernels of attention's gradient for software adapters read.
#import attention_gradient
#import attention_lanes

@group(0) @binding(1) var<storage, read> query: array<vec2<u64>>;  // (batch, heads, queries, HEAD), four f32 each
@group(0) @binding(2) var<storage, read> key: array<vec2<u64>>;    // (batch, heads / sharing, keys, HEAD)
@group(0) @binding(3) var<storage, read> value: array<vec2<u64>>;  // (batch, heads / sharing, keys, VALUE)
@group(0) @binding(4) var<storage, read> grad: array<vec2<u64>>;   // (batch, heads, queries, VALUE)
