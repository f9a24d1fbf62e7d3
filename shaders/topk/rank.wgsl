// topk/rank: one invocation per element counts those of its line that come before it: that is where it belongs.
#import index
#import sort_key

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,        // outer * columns * inner
    columns: u32,      // elements of a line
    inner: u32,
    k: u32,
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;          // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> values: array<u32>;   // (outer, k, inner)
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;  // (outer, k, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let x = number % params.inner;
    let row = number / params.inner;
    let outer = row / params.columns;
    let start = params.input_skip + outer * params.columns * params.inner + x;
    let bits = input[params.input_skip + number];
    let own = vec2<u32>(sort_key(bits), row % params.columns);
    var rank = 0u;
    for (var c = 0u; c < params.columns; c++) {
        rank += select(0u, 1u, comes_first(vec2<u32>(sort_key(input[start + c * params.inner]), c), own));
    }
    if (rank < params.k) {
        let place = params.output_skip + (outer * params.k + rank) * params.inner + x;
        values[place] = bits;
        indices[place] = i32(own.y);
    }
}
