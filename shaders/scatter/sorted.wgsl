// scatter/sorted: one invocation per item of the output takes the updates that name its place, which lie one behind the other in their order.
// The header declares Item and says how numbers combine.
#import index
#import scatter

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;
@group(0) @binding(2) var<storage, read> pairs: array<vec2<u32>>;  // (lines, updates): a place, and an update that names it
@group(0) @binding(3) var<storage, read> starts: array<u32>;       // (lines, size + 1)
@group(0) @binding(4) var<storage, read> updates: array<Item>;
@group(0) @binding(5) var<storage, read_write> output: array<Item>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let spot = spot(number);
    var value = input[spot.output];
    for (var p = starts[spot.start]; p < starts[spot.start + 1u]; p++) {
        value = updated(value, updates[spot.update + pairs[spot.line + p].y * params.update_step]);
    }
    output[spot.output] = value;
}
