// transpose/block: one invocation turns one block of 4 x 4 words in registers: it reads four vec4 along x, where the input is
// contiguous, and writes four along y, where the output is. Sizes and strides are counted in vec4 where they step over words
// that are contiguous, in rows of words where they do not.
#import index

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 2u;

struct Params {
    sizes: array<vec4<u32>, 2>,           // of the loops in blocks, innermost first: y, x, then the others
    input_strides: array<vec4<u32>, 2>,   // in vec4; of y, from one row of words to the next
    output_strides: array<vec4<u32>, 2>,  // in vec4; of x, from one row of words to the next
    count: u32,                           // blocks
    input_start: u32,
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    var rest = index / params.sizes[0].x;
    let y = index - rest * params.sizes[0].x;
    let others = rest / params.sizes[0].y;
    let x = rest - others * params.sizes[0].y;
    rest = others;
    let input_row = params.input_strides[0].x;
    let output_row = params.output_strides[0].y;
    var source = params.input_start + 4u * y * input_row + x;
    var place = params.output_start + 4u * x * output_row + y;
    for (var d = 2u; d < LOOPS; d++) {
        let outer = rest / params.sizes[d / 4u][d % 4u];
        let at = rest - outer * params.sizes[d / 4u][d % 4u];
        source += at * params.input_strides[d / 4u][d % 4u];
        place += at * params.output_strides[d / 4u][d % 4u];
        rest = outer;
    }
    let r0 = input[source];
    let r1 = input[source + input_row];
    let r2 = input[source + 2u * input_row];
    let r3 = input[source + 3u * input_row];
    output[place] = vec4(r0.x, r1.x, r2.x, r3.x);
    output[place + output_row] = vec4(r0.y, r1.y, r2.y, r3.y);
    output[place + 2u * output_row] = vec4(r0.z, r1.z, r2.z, r3.z);
    output[place + 3u * output_row] = vec4(r0.w, r1.w, r2.w, r3.w);
}
