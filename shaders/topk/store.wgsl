// topk/store: one invocation per element of the outputs fetches what its pair names.
#import index

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,        // outer * k * inner
    columns: u32,      // elements of a line
    inner: u32,
    k: u32,
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;          // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read> pairs: array<vec2<u32>>;    // (outer * inner, k)
@group(0) @binding(3) var<storage, read_write> values: array<u32>;   // (outer, k, inner)
@group(0) @binding(4) var<storage, read_write> indices: array<i32>;  // (outer, k, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let x = number % params.inner;
    let row = number / params.inner;
    let outer = row / params.k;
    let column = pairs[(outer * params.inner + x) * params.k + row % params.k].y;
    values[params.output_skip + number] = input[params.input_skip + (outer * params.columns + column) * params.inner + x];
    indices[params.output_skip + number] = i32(column);
}
