// fma_chain: one invocation advances eight vectors, each a chain of its own, by params.steps fused products and sums.
// Neighbouring invocations hold neighbouring vectors.
#import index

override WORKGROUP: u32 = 64u;
const CHAINS = 8u;

struct Params {
    vectors: u32,
    steps: u32,
    scale: f32,
    shift: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;         // [vectors]
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;  // [vectors]

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    let first = group * WORKGROUP * CHAINS + local; // and every WORKGROUP-th from there
    if first >= params.vectors { return; }
    let last = params.vectors - 1u;
    let scale = vec4(params.scale);
    let shift = vec4(params.shift);
    // Chains past the end advance the last vector again, and store nothing.
    var a = input[first];
    var b = input[min(first + WORKGROUP, last)];
    var c = input[min(first + 2u * WORKGROUP, last)];
    var d = input[min(first + 3u * WORKGROUP, last)];
    var e = input[min(first + 4u * WORKGROUP, last)];
    var f = input[min(first + 5u * WORKGROUP, last)];
    var g = input[min(first + 6u * WORKGROUP, last)];
    var h = input[min(first + 7u * WORKGROUP, last)];
    for (var step = 0u; step < params.steps; step++) {
        a = fma(a, scale, shift);
        b = fma(b, scale, shift);
        c = fma(c, scale, shift);
        d = fma(d, scale, shift);
        e = fma(e, scale, shift);
        f = fma(f, scale, shift);
        g = fma(g, scale, shift);
        h = fma(h, scale, shift);
    }
    output[first] = a;
    if first + WORKGROUP < params.vectors { output[first + WORKGROUP] = b; }
    if first + 2u * WORKGROUP < params.vectors { output[first + 2u * WORKGROUP] = c; }
    if first + 3u * WORKGROUP < params.vectors { output[first + 3u * WORKGROUP] = d; }
    if first + 4u * WORKGROUP < params.vectors { output[first + 4u * WORKGROUP] = e; }
    if first + 5u * WORKGROUP < params.vectors { output[first + 5u * WORKGROUP] = f; }
    if first + 6u * WORKGROUP < params.vectors { output[first + 6u * WORKGROUP] = g; }
    if first + 7u * WORKGROUP < params.vectors { output[first + 7u * WORKGROUP] = h; }
}
