// Weights of a 2-d convolution in another order: [outputs][channels][taps] as [outputs][taps][channels]. An invocation has four channels of
// an output.
#import index

override WORKGROUP: u32 = 64;

struct Params {
    count: u32, // outputs * fours
    fours: u32, // of channels
    taps: u32,
    skip: u32, // weights in front of the first
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> by_taps: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if index >= params.count { return; }
    let first = params.skip + index * 4 * params.taps;
    let to = index / params.fours * params.fours * params.taps + index % params.fours;
    for (var tap = 0u; tap < params.taps; tap++) {
        let i = vec4(first + tap) + vec4(0u, 1, 2, 3) * params.taps;
        by_taps[to + tap * params.fours] = vec4(weight[i.x], weight[i.y], weight[i.z], weight[i.w]);
    }
}
