// topk/load: one invocation per pair of key and index; each line is filled up to `stride` pairs.
#import index
#import sort_key

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,       // lines * stride
    columns: u32,     // elements of a line
    inner: u32,
    stride: u32,      // pairs of a line
    input_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;              // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> pairs: array<vec2<u32>>;  // (outer * inner, stride)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let line = number / params.stride;
    let column = number % params.stride;
    var pair = NOTHING;
    if (column < params.columns) {
        let at = (line / params.inner * params.columns + column) * params.inner + line % params.inner;
        pair = vec2<u32>(sort_key(input[params.input_skip + at]), column);
    }
    pairs[number] = pair;
}
