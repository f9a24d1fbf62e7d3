// elementwise: one invocation per item of the output, which is one element or, in a vec4, four neighbours of a row.
// The header declares the operands, what their buffers are arrays of (one element where it is repeated along the row), the output,
// and `chain`, which computes item `index` from the operands' elements at the given places: `first` of operands 0 to 3, `second` of
// 4 to 7.
#import index

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;

struct Params {
    strides: array<vec4<u32>, 16>,  // for each loop, innermost first, of operands 0 to 3 and 4 to 7; 0 where one is repeated
    sizes: array<vec4<u32>, 2>,     // of the loops, innermost first
    starts: array<vec4<u32>, 2>,    // of the operands
    numbers: array<vec4<u32>, 8>,   // of the chain
    count: u32,                     // items of the output
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var first = params.starts[0];
    var second = params.starts[1];
    var rest = index;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        first += at * params.strides[2u * d];
        second += at * params.strides[2u * d + 1u];
    }
    output[params.output_start + index] = chain(index, first, second);
}
