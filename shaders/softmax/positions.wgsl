// softmax/positions: one invocation per position beside the axis; neighbours read neighbours. One sweep along the axis finds
// the maximum and the sum of exponentials together, a second one writes.
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

    // With one exponential per number: where it is a new maximum, the sum shrinks by exp(old - new) and the number adds
    // exp(0); otherwise it adds exp(number - maximum). Both are exp(-|number - maximum|).
    var largest = Item(-HIGHEST);
    var total = Item(0.0);
    var extreme = Bits(0u);
    for (var at = start; at < end; at += params.inner) {
        let item = input[at];
        let factor = exp(-abs(item - largest));
        total = select(total + factor, total * factor + 1.0, item > largest);
        largest = max(largest, item);
        extreme = max(extreme, bitcast<Bits>(item) << Bits(1u));
    }
    // NaN and infinity less infinity are looked for by their bits: a device need not know them as floats. A row of -inf
    // alone has added nothing.
    let undefined = (extreme > Bits(INFINITE_SHIFTED)) | (bitcast<Bits>(largest) == Bits(INFINITE)) | (total == Item(0.0));

    let scale = 1.0 / total;
    let log_total = log(total);
    for (var at = start; at < end; at += params.inner) {
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
