// softmax/positions: one invocation per position beside the axis; neighbours read neighbours. One sweep along the axis finds
// the maximum and the sum of exponentials together, a second one writes.
#import ahead
#import index
#import nan
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;
override LOG: u32 = 0u;

struct Params {
    rows: u32,     // outer * inner
    columns: u32,  // the size of the axis
    inner: u32,    // items beside each other
    skip: u32,     // items before the first position
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;          // (outer, columns, inner)
@group(0) @binding(2) var<storage, read_write> output: array<Item>;   // (outer, columns, inner)

// Numbers seen so far: total is the sum of exp(number - largest), extreme the largest magnitude's bits, doubled.
struct Seen {
    largest: Item,
    total: Item,
    extreme: Bits,
}

const HIGHEST = 3.4028234e38;
const INFINITE = 0x7f800000u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * WORKGROUP + local;
    if (row >= params.rows) {
        return;
    }
    let start = params.skip + row / params.inner * params.columns * params.inner + row % params.inner;
    let end = start + params.columns * params.inner;

    var seen = Seen(Item(-HIGHEST), Item(0.0), Bits(0u));
    var at = start;
    for (; at + (AHEAD - 1u) * params.inner < end; at += AHEAD * params.inner) {
#for i AHEAD
        let item$i = input[at + $i * params.inner];
#end
#for i AHEAD
        seen = joined(seen, item$i);
#end
    }
    for (; at < end; at += params.inner) {
        seen = joined(seen, input[at]);
    }
    // NaN and infinity less infinity are looked for by their bits: a device need not know them as floats. A row of -inf
    // alone has added nothing.
    let largest = seen.largest;
    let undefined = (seen.extreme > Bits(INFINITE_SHIFTED)) | (bitcast<Bits>(largest) == Bits(INFINITE)) | (seen.total == Item(0.0));

    let scale = 1.0 / seen.total;
    let log_total = log(seen.total);
    for (at = start; at < end; at += params.inner) {
        let above = input[at] - largest;
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

// With one exponential per number: where it is a new maximum, the sum shrinks by exp(old - new) and the number adds
// exp(0); otherwise it adds exp(number - maximum). Both are exp(-|number - maximum|).
fn joined(seen: Seen, item: Item) -> Seen {
    let factor = exp(-abs(item - seen.largest));
    let total = select(seen.total + factor, seen.total * factor + 1.0, item > seen.largest);
    return Seen(max(seen.largest, item), total, max(seen.extreme, bitcast<Bits>(item) << Bits(1u)));
}
