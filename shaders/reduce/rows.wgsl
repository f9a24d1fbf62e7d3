// reduce/rows: TEAM invocations per row, each over every TEAM-th item; their results are combined in a tree of fixed shape.
// The header says how an element of the input, (outer, len), is read: `begin` of `row_of` its row, and its place in that.
// A row is one of `parts` chunks of what is reduced, so that neither a chain of additions nor a dispatch gets too long.
#import ahead
#import index
#import reduction

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 64u;

struct Params {
    begin: array<vec4<u32>, 8>,  // of what computes the input's elements, if something does
    first_row: u32,    // rows (o, part) in front of these
    rows: u32,
    parts: u32,        // chunks of each length
    chunk: u32,        // items in a chunk; the last one may be shorter
    len: u32,          // items that are reduced together
    inner: u32,        // 1
    input_start: u32,  // items in front of the input's window
    output_start: u32, // items in front of the output's window
    identity: u32,     // bits of the number that changes none
    count: u32,        // numbers behind each result
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> output: array<Scalar>;  // (outer, parts)

var<workgroup> results: array<Scalar, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let row = params.first_row + number;
    let part = row % params.parts * params.chunk;
    let end = select(0u, part + min(params.chunk, params.len - part), number < params.rows);
    let of_row = row_of(min(row, params.first_row + params.rows - 1u) / params.parts, 0u);

    var result = Item(bitcast<Scalar>(params.identity));
    if (COMBINE == 4u) {
        var largest = Floats(result);
        var total = Floats(0.0);
        var extreme = Bits(0u);
        for (var k = part + member; k < end; k += TEAM) {
            let item = Floats(begin(of_row, k));
            let factor = fall(item, largest);
            total = select(total + factor, total * factor + 1.0, item > largest);
            largest = max(largest, item);
            extreme = max(extreme, bitcast<Bits>(item) << Bits(1u));
        }
        result = select(Item(largest + log(total)), Item(Floats(nan())), extreme > Bits(INFINITE_SHIFTED));
    } else {
        var k = part + member;
        for (; k + (AHEAD - 1u) * TEAM < end; k += AHEAD * TEAM) {
#for i AHEAD
            let item$i = begin(of_row, k + $i * TEAM);
#end
#for i AHEAD
            result = combine(result, convert(item$i));
#end
        }
        for (; k < end; k += TEAM) {
            result = combine(result, convert(begin(of_row, k)));
        }
    }

    var own = lane(result, 0u);
    for (var i = 1u; i < LANES; i++) {
        own = combine_scalars(own, lane(result, i));
    }
    results[local] = own;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            results[local] = combine_scalars(results[local], results[local + half]);
        }
    }
    if (member == 0u && number < params.rows) {
        output[row - params.output_start] = lane(finish(Item(results[local]), params.count), 0u);
    }
}
