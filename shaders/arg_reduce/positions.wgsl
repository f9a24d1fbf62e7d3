// arg_reduce/positions: one invocation per position beside the axis; neighbours read neighbours.
#import ahead
#import index
#import order

override WORKGROUP: u32 = 64u;
override LAST: u32 = 0u;

struct Params {
    rows: u32,         // outer * inner
    columns: u32,      // the size of the axis
    inner: u32,        // items beside each other
    input_skip: u32,   // items before the first position
    output_skip: u32,  // items before the first result
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;         // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> output: array<Item>;  // (outer, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * WORKGROUP + local;
    if (row >= params.rows) {
        return;
    }
    let start = params.input_skip + row / params.inner * params.columns * params.inner + row % params.inner;
    var best = order_key(input[start]);
    var index = Item(0u);
    var k = 1u;
    for (; k + AHEAD <= params.columns; k += AHEAD) {
#for i AHEAD
        let key$i = order_key(input[start + (k + $i) * params.inner]);
#end
#for i AHEAD
        let better$i = is_better(key$i, best);
        best = select(best, key$i, better$i);
        index = select(index, Item(k + $i), better$i);
#end
    }
    for (; k < params.columns; k++) {
        let key = order_key(input[start + k * params.inner]);
        let better = is_better(key, best);
        best = select(best, key, better);
        index = select(index, Item(k), better);
    }
    output[params.output_skip + row] = index;
}

fn is_better(key: Item, best: Item) -> Flags {
    return (key > best) | ((key == best) & Flags(LAST == 1u));
}
