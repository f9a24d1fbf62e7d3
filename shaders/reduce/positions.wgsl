// reduce/positions: one invocation per position beside the axis that is reduced; neighbours read neighbours.
// The header says how an element of the input, (outer, len, inner), is read: `begin` of `row_of` outer and inner, and its place along.
// A row is one of `parts` chunks of the axis, so that no chain of additions gets too long.
#import ahead
#import index
#import reduction

override WORKGROUP: u32 = 64u;

struct Params {
    begin: array<vec4<u32>, 8>,  // of what computes the input's elements, if something does
    first_row: u32,    // rows (o, part) in front of these
    rows: u32,
    parts: u32,        // chunks of each length
    chunk: u32,        // positions along the axis in a chunk; the last one may be shorter
    len: u32,          // the size of the axis
    inner: u32,        // items beside each other
    input_start: u32,  // items in front of the input's window
    output_start: u32, // items in front of the output's window
    identity: u32,     // bits of the number that changes none
    count: u32,        // numbers behind each result
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> output: array<Item>;  // (outer, parts, inner)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.rows * params.inner) {
        return;
    }
    let row = params.first_row + index / params.inner;
    let x = index % params.inner;
    let part = row % params.parts * params.chunk;
    let of_row = row_of(row / params.parts, x);
    let end = part + min(params.chunk, params.len - part);

    var result = Item(bitcast<Scalar>(params.identity));
    if (COMBINE == 4u) {
        var largest = Floats(result);
        var total = Floats(0.0);
        var extreme = Bits(0u);
        for (var at = part; at < end; at++) {
            let item = Floats(begin(of_row, at));
            let factor = fall(item, largest);
            total = select(total + factor, total * factor + 1.0, item > largest);
            largest = max(largest, item);
            extreme = max(extreme, bitcast<Bits>(item) << Bits(1u));
        }
        result = select(Item(largest + log(total)), Item(Floats(nan())), extreme > Bits(INFINITE_SHIFTED));
    } else {
        var at = part;
        for (; at + (AHEAD - 1u) < end; at += AHEAD) {
#for i AHEAD
            let item$i = begin(of_row, at + $i);
#end
#for i AHEAD
            result = combine(result, convert(item$i));
#end
        }
        for (; at < end; at++) {
            result = combine(result, convert(begin(of_row, at)));
        }
    }
    output[row * params.inner + x - params.output_start] = finish(result, params.count);
}
