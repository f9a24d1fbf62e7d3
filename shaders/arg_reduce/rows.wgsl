// arg_reduce/rows: TEAM invocations per row, each over every TEAM-th item; of equal elements the index decides, so that the
// order of comparisons does not matter.
#import index
#import order

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 64u;
override LAST: u32 = 0u;

struct Params {
    rows: u32,         // outer * inner
    columns: u32,      // items in a row
    inner: u32,        // items from one of a row to the next; more than 1 only where an item is one element
    input_skip: u32,   // items before the first row
    output_skip: u32,  // elements before the first result
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;        // (outer, columns, inner), as bits
@group(0) @binding(2) var<storage, read_write> output: array<i32>;  // (outer, inner)

struct Found {
    key: u32,
    index: u32,
}

var<workgroup> found: array<Found, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let columns = select(0u, params.columns, row < params.rows);
    let start = params.input_skip + row / params.inner * params.columns * params.inner + row % params.inner;

    // What loses against every element.
    var own = Found(0u, select(0xffffffffu, 0u, LAST == 1u));
    for (var k = member; k < columns; k += TEAM) {
        let keys = order_key(input[start + k * params.inner]);
        for (var i = 0u; i < LANES; i++) {
            own = better(own, Found(lane(keys, i), k * LANES + i));
        }
    }

    found[local] = own;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            found[local] = better(found[local], found[local + half]);
        }
    }
    if (member == 0u && row < params.rows) {
        output[params.output_skip + row] = i32(found[local].index);
    }
}

fn better(a: Found, b: Found) -> Found {
    let wins = (b.index < a.index) != (LAST == 1u);
    let second = b.key > a.key || (b.key == a.key && wins);
    return Found(select(a.key, b.key, second), select(a.index, b.index, second));
}
