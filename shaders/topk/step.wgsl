// topk/step: one invocation compares two pairs that are too far apart for a workgroup.
#import index
#import sort_key

override WORKGROUP: u32 = 64u;
override MIRRORED: u32 = 0u;  // 1: the first step of a merge

struct Params {
    count: u32,  // comparisons of all lines, whose pairs are a multiple of 2 * half
    half: u32,   // a power of two
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> pairs: array<vec2<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let run = number / params.half * 2u * params.half;
    let offset = number % params.half;
    let a = run + offset;
    let b = select(a + params.half, run + 2u * params.half - 1u - offset, MIRRORED == 1u);
    let pair_a = pairs[a];
    let pair_b = pairs[b];
    if (comes_first(pair_b, pair_a)) {
        pairs[a] = pair_b;
        pairs[b] = pair_a;
    }
}
