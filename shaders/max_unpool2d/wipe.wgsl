// max_unpool2d/wipe: no position names an output yet. A workgroup for each part of a plane.
#import index
#import max_unpool2d

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> strays: array<u32>;           // planes
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;    // planes of OH x OW

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let part = part_of(group_index(group, groups), params.output_plane);
    if (part.plane >= params.planes || (STRAYS_ALONE && strays[part.plane] == 0u)) {
        return;
    }
    for (var i = part.first + local; i < part.end; i += WORKGROUP) {
        winners[part.plane * params.output_plane + i] = 0u;
    }
}
