// attention/merge: an invocation per item of the output brings together what slices of the keys have added up: weights of each are
// relative to its own largest score.
#import index
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;

struct Params {
    items: u32,
    value_items: u32,
    slices: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<Item>;         // (rows, slices, value_items + 2): sums, largest score, sum of weights
@group(0) @binding(2) var<storage, read_write> output: array<Item>;  // (rows, value_items)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let at = group_index(group_id, groups) * WORKGROUP + local;
    if (at >= params.items) {
        return;
    }
    let pitch = params.value_items + 2u;
    let start = at / params.value_items * params.slices * pitch;
    var largest = lane(parts[start + params.value_items], 0u);
    for (var s = 1u; s < params.slices; s++) {
        largest = max(largest, lane(parts[start + s * pitch + params.value_items], 0u));
    }
    var sum = Item(0.0);
    var total = 0.0;
    for (var s = 0u; s < params.slices; s++) {
        let part = start + s * pitch;
        let fade = exp(lane(parts[part + params.value_items], 0u) - largest);
        sum += parts[part + at % params.value_items] * fade;
        total += lane(parts[part + params.value_items + 1u], 0u) * fade;
    }
    let item = sum * select(1.0 / total, 0.0, total == 0.0);
    note(item, 4u);
    noted();
    output[params.output_skip + at] = item;
}
