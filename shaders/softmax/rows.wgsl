// softmax/rows: TEAM invocations per row, each over every TEAM-th item. One sweep finds the row's maximum and its sum of
// exponentials together, rescaling the sum whenever the maximum grows; a second sweep writes.
#import ahead
#import index
#import nan
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 64u;
override LOG: u32 = 0u;

struct Params {
    rows: u32,     // outer * inner
    columns: u32,  // items in a row
    inner: u32,    // items from one of a row to the next; more than 1 only where an item is one element
    skip: u32,     // items before the first row
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;          // (outer, columns, inner)
@group(0) @binding(2) var<storage, read_write> output: array<Item>;   // (outer, columns, inner)

// Numbers seen so far: total is the sum of exp(number - largest), or -1 after a NaN or +inf, which no sum is.
struct Seen {
    largest: f32,
    total: f32,
}

const LOWEST = -3.4028234e38;
const INFINITE = 0x7f800000u;
const UNDEFINED = -1.0;

var<workgroup> seen: array<Seen, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let columns = select(0u, params.columns, row < params.rows);
    let start = params.skip + row / params.inner * params.columns * params.inner + row % params.inner;

    var own = Seen(LOWEST, 0.0);
    var extreme = Bits(0u);
    var k = member;
    for (; k + (AHEAD - 1u) * TEAM < columns; k += AHEAD * TEAM) {
#for i AHEAD
        let item$i = input[start + (k + $i * TEAM) * params.inner];
#end
#for i AHEAD
        own = joined(own, item$i);
        extreme = max(extreme, bitcast<Bits>(item$i) << Bits(1u));
#end
    }
    for (; k < columns; k += TEAM) {
        let item = input[start + k * params.inner];
        own = joined(own, item);
        extreme = max(extreme, bitcast<Bits>(item) << Bits(1u));
    }
    // By their bits: a device need not know them as floats.
    if (any(extreme > Bits(INFINITE_SHIFTED)) || bitcast<u32>(own.largest) == INFINITE) {
        own.total = UNDEFINED;
    }

    seen[local] = own;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            seen[local] = together(seen[local], seen[local + half]);
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }

    let all = seen[local - member];
    // A row of -inf alone has added nothing.
    let undefined = all.total <= 0.0;
    let scale = 1.0 / all.total;
    let log_total = log(all.total);
    for (k = member; k < columns; k += TEAM) {
        let at = start + k * params.inner;
        let above = input[at] - all.largest;
        var value = Item(0.0);
        if (LOG == 1u) {
            value = select(above - log_total, Item(nan()), undefined);
        } else {
            value = select(exp(above) * scale, Item(nan()), undefined);
        }
        note(value, 4u);
        output[at] = value;
    }
    noted();
}

fn joined(own: Seen, item: Item) -> Seen {
    let largest = max(own.largest, item_max(item));
    return Seen(largest, own.total * exp(own.largest - largest) + item_sum(exp(item - largest)));
}

fn together(a: Seen, b: Seen) -> Seen {
    let largest = max(a.largest, b.largest);
    let total = a.total * exp(a.largest - largest) + b.total * exp(b.largest - largest);
    return Seen(largest, select(total, UNDEFINED, a.total < 0.0 || b.total < 0.0));
}
