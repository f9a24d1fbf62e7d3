// cumsum/lines: one invocation per line adds up its elements one after another; neighbours read neighbours.
#import index

override WORKGROUP: u32 = 64u;
override EXCLUSIVE: u32 = 0u;
override REVERSE: u32 = 0u;

struct Params {
    lines: u32,    // outer * inner
    columns: u32,  // elements of a line
    inner: u32,    // from one element of a line to the next
    skip: u32,     // elements before the first line
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>;         // (outer, columns, inner)
@group(0) @binding(2) var<storage, read_write> output: array<Scalar>;  // (outer, columns, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let line = group_index(group, groups) * WORKGROUP + local;
    if (line >= params.lines) {
        return;
    }
    let start = params.skip + line / params.inner * params.columns * params.inner + line % params.inner;
    var sum = Scalar();
    for (var c = 0u; c < params.columns; c++) {
        let at = start + select(c, params.columns - 1u - c, REVERSE == 1u) * params.inner;
        let before = sum;
        sum += input[at];
        output[at] = select(sum, before, EXCLUSIVE == 1u);
    }
}
