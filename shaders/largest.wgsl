// The largest finite magnitude in a tensor: each invocation takes every step-th vector, a workgroup brings one number to all others'.
//
// Of numbers without their signs the bits are in the numbers' order, infinity above all and NaN above that. A maximum of integers
// does not depend on the order of the invocations.
#import index

override WORKGROUP: u32 = 64;

struct Params {
    vectors: u32, // the last may be cut short
    last: u32, // elements of that
    step: u32, // invocations in all
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> largest: atomic<u32>;

var<workgroup> most: array<u32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    var found = vec4(0u);
    for (var i = group_index(group, groups) * WORKGROUP + local; i < params.vectors; i += params.step) {
        let inside = vec4(0u, 1, 2, 3) < vec4(select(4u, params.last, i + 1 == params.vectors));
        let magnitude = input[i] & vec4(0x7fffffffu);
        found = max(found, select(vec4(0u), magnitude, inside & (magnitude < vec4(0x7f800000u))));
    }
    most[local] = max(max(found.x, found.y), max(found.z, found.w));
    for (var half = WORKGROUP / 2; half > 0; half /= 2) {
        workgroupBarrier();
        if local < half { most[local] = max(most[local], most[local + half]); }
    }
    if local == 0 { atomicMax(&largest, most[0]); }
}
