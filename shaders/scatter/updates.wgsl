// scatter/updates: one invocation per element of the output goes through the updates of its line, in order, and takes those
// whose index names its place. The header declares Scalar and says how numbers combine.
#import index
#import pick

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;
override REPLACE: u32 = 1u;  // 1: the last update stands, 0: they combine

struct Params {
    sizes: array<vec4<u32>, 2>,           // of the loops over the output, innermost first
    output_strides: array<vec4<u32>, 2>,
    index_strides: array<vec4<u32>, 2>,   // to the first index of a line
    update_strides: array<vec4<u32>, 2>,  // to the first update of a line
    place_strides: array<vec4<u32>, 2>,   // to the place along the line
    count: u32,
    updates: u32,                         // of a line
    size: u32,                            // of a line
    index_step: u32,                      // from one index of a line to the next
    update_step: u32,                     // from one update of a line to the next
    output_start: u32,
    index_start: u32,
    update_start: u32,
    place_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read> updates: array<Scalar>;
@group(0) @binding(4) var<storage, read_write> output: array<Scalar>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    var target_at = params.output_start;
    var index_at = params.index_start;
    var update_at = params.update_start;
    var place = params.place_start;
    var rest = number;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        target_at += at * params.output_strides[d / 4u][d % 4u];
        index_at += at * params.index_strides[d / 4u][d % 4u];
        update_at += at * params.update_strides[d / 4u][d % 4u];
        place += at * params.place_strides[d / 4u][d % 4u];
    }
    var value = input[target_at];
    for (var u = 0u; u < params.updates; u++) {
        if (pick(indices[index_at + u * params.index_step], i32(params.size)) == place) {
            let update = updates[update_at + u * params.update_step];
            if (REPLACE == 1u) {
                value = update;
            } else {
                value = combine(value, update);
            }
        }
    }
    output[target_at] = value;
}
