// copy: one invocation moves one Element, which is one word or, in a vec4, four neighbours of a row, from where the loops
// show it in the input to where they show it in the output. Words are moved as they are, whatever they mean.
// The header declares Element and Source, what the input is an array of (one word where it is repeated along the row).
#import index
#import noted

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;

struct Params {
    sizes: array<vec4<u32>, 2>,           // of the loops, innermost first
    input_strides: array<vec4<u32>, 2>,   // modulo 2^32: they may be negative
    output_strides: array<vec4<u32>, 2>,
    count: u32,
    input_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Source>;
@group(0) @binding(2) var<storage, read_write> output: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var source = params.input_start;
    var place = params.output_start;
    var rest = index;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        source += at * params.input_strides[d / 4u][d % 4u];
        place += at * params.output_strides[d / 4u][d % 4u];
    }
    let value = Element(input[source]);
    note(value, 4u);
    noted();
    output[place] = value;
}
