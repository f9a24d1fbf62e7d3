// sort/runs: one invocation sorts SPAN neighbours of a line in its registers: each pair of them is compared, and how many come before an
// element is where it belongs.
#import index
#import sort_key

override WORKGROUP: u32 = 64u;

struct Params {
    count: u32,       // runs of all lines
    columns: u32,     // elements of a line
    inner: u32,
    pairs: u32,       // of a line that are kept
    length: u32,      // pairs of a run that are kept
    input_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;             // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> runs: array<vec2<u32>>;  // (outer, inner, pairs)

const SPAN = 16u;  // ops/sort.rs: SHORT

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let of_line = (params.columns + SPAN - 1u) / SPAN;
    let line = number / of_line;
    let run = number % of_line;
    let start = params.input_skip + line / params.inner * params.columns * params.inner + line % params.inner;
    var keys: array<u32, SPAN>;
    var ranks: array<u32, SPAN>;
    for (var i = 0u; i < SPAN; i++) {
        let column = run * SPAN + i;
        let key = sort_key(input[start + min(column, params.columns - 1u) * params.inner]);
        keys[i] = select(NOTHING.x, key, column < params.columns);
        ranks[i] = 0u;
    }
    for (var i = 1u; i < SPAN; i++) {
        for (var j = 0u; j < i; j++) {
            // Of equals the one with the lower index comes first.
            let in_order = u32(keys[j] <= keys[i]);
            ranks[i] += in_order;
            ranks[j] += 1u - in_order;
        }
    }
    for (var i = 0u; i < SPAN; i++) {
        let column = run * SPAN + i;
        if (ranks[i] < params.length && column < params.columns) {
            runs[line * params.pairs + run * params.length + ranks[i]] = vec2<u32>(keys[i], column);
        }
    }
}
