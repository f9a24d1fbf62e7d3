// grid_sample/largest: `team` invocations per plane, each over every team-th element, find the largest absolute value of a plane.
//
// Of numbers without their signs the bits are in the numbers' order, infinity above all and NaN above that. A maximum of integers
// does not depend on the order of the invocations.
#import index
#import divide

override WORKGROUP: u32 = 64u;

struct Params {
    area: u32,        // OH * OW
    team: u32,
    count: u32,       // planes * team
    grad_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> output_grad: array<f32>;              // planes of OH x OW
@group(0) @binding(2) var<storage, read_write> sums: array<atomic<u32>>;       // planes words, the bits of the largest

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let part = divide(index, params.team);
    let start = params.grad_skip + part.x * params.area;
    var largest = 0u;
    for (var i = part.y; i < params.area; i += params.team) {
        largest = max(largest, bitcast<u32>(output_grad[start + i]) & 0x7fffffffu);
    }
    if (largest > 0u) {
        atomicMax(&sums[part.x], largest);
    }
}
