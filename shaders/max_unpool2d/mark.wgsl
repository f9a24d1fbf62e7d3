// max_unpool2d/mark: each output keeps the last position that names it, plus one. A workgroup for each part of a plane.
//
// A maximum of integers does not depend on the order of the invocations.
#import index
#import max_unpool2d

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> strays: array<u32>;                     // planes
@group(0) @binding(2) var<storage, read> indices: array<i32>;                    // planes of H x W
@group(0) @binding(3) var<storage, read_write> winners: array<atomic<u32>>;      // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let part = part_of(group_index(group, groups), params.input_plane);
    if (part.plane >= params.planes || (STRAYS_ALONE && strays[part.plane] == 0u)) {
        return;
    }
    for (var i = part.first + local; i < part.end; i += WORKGROUP) {
        // A negative index is a large one.
        let named = u32(indices[params.input_skip + part.plane * params.input_plane + i]);
        if (named < params.output_plane) {
            atomicMax(&winners[part.plane * params.output_plane + named], i + 1u);
        }
    }
}
