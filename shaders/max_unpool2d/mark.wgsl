// max_unpool2d/mark: one invocation per input; each output keeps the last position that names it, plus one.
//
// A maximum of integers does not depend on the order of the invocations.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,
    input_plane: u32,   // H W
    output_plane: u32,  // OH OW
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;                    // planes of H x W
@group(0) @binding(2) var<storage, read_write> winners: array<atomic<u32>>;      // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let plane = index / params.input_plane;
    let position = index % params.input_plane;
    // A negative index is a large one.
    let target_index = u32(indices[params.input_skip + index]);
    if (target_index < params.output_plane) {
        atomicMax(&winners[plane * params.output_plane + target_index], position + 1u);
    }
}
