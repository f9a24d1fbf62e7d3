// gather_elements: one invocation per element of the output.
#import index
#import pick

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,          // of the loops over the indices, innermost first
    input_strides: array<vec4<u32>, 2>,  // 0 along the axis
    count: u32,
    size: u32,                           // of the axis in the input
    axis_stride: u32,
    input_start: u32,
    start: u32,                          // of indices and output
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var source = params.input_start;
    var rest = index;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        source += at * params.input_strides[d / 4u][d % 4u];
    }
    let place = pick(indices[params.start + index], i32(params.size));
    output[params.start + index] = input[source + place * params.axis_stride];
}
