// scatter/places: one invocation per tuple of indices: the number of the slice that it names.
#import index
#import pick

override WORKGROUP: u32 = 64u;
override DEPTH: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,    // of the dimensions that a tuple indexes
    strides: array<vec4<u32>, 2>,  // in slices
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<i32>;        // count, DEPTH
@group(0) @binding(2) var<storage, read_write> places: array<i32>;   // count

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var place = 0u;
    for (var d = 0u; d < DEPTH; d++) {
        place += pick(indices[index * DEPTH + d], i32(params.sizes[d / 4u][d % 4u])) * params.strides[d / 4u][d % 4u];
    }
    places[index] = i32(place);
}
