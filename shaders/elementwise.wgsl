// elementwise: one invocation per ITEMS items of a row of the output. An item is one element or, in a vec4, four neighbours of a row.
// The header declares the operands, what their buffers are arrays of (one element where it is repeated along the row), the output,
// and `chain`, which computes the ITEMS items from `index` on, or the `items` there are, from the operands' elements at the given places
// and behind them: `first` of operands 0 to 3, `second` of 4 to 7.
#import index

override WORKGROUP: u32 = 64u;
override LOOPS: u32 = 1u;
override ITEMS: u32 = 1u;

struct Params {
    strides: array<vec4<u32>, 16>,  // for each loop, innermost first, of operands 0 to 3 and 4 to 7; 0 where one is repeated
    sizes: array<vec4<u32>, 2>,     // of the loops, innermost first
    starts: array<vec4<u32>, 2>,    // of the operands
    numbers: array<vec4<u32>, 8>,   // of the chain
    count: u32,                     // invocations
    output_start: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let run = group_index(group, groups) * WORKGROUP + local;
    if (run >= params.count) {
        return;
    }
    // Which run of the row, and which row.
    let inner = params.sizes[0].x;
    var at = run;
    var rest = 0u;
    if (LOOPS > 1u) {
        let runs = (inner + ITEMS - 1u) / ITEMS;
        rest = run / runs;
        at -= rest * runs;
    }
    at *= ITEMS;
    let index = rest * inner + at;
    let items = inner - at;
    var first = params.starts[0] + at * params.strides[0];
    var second = params.starts[1] + at * params.strides[1];
    for (var d = 1u; d < LOOPS; d++) {
        at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        first += at * params.strides[2u * d];
        second += at * params.strides[2u * d + 1u];
    }
    chain(index, first, second, items);
}
