// scatter/updates: one invocation per item of the output goes through the updates of its line, in order, and takes those whose index names its
// place. The header declares Item and says how numbers combine.
#import index
#import pick
#import scatter

override WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Item>;
@group(0) @binding(2) var<storage, read> indices: array<i32>;
@group(0) @binding(3) var<storage, read> updates: array<Item>;
@group(0) @binding(4) var<storage, read_write> output: array<Item>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let spot = spot(number);
    var value = input[spot.output];
    for (var u = 0u; u < params.updates; u++) {
        if (pick(indices[spot.line + u * params.index_step], i32(params.size)) == spot.start) {
            value = updated(value, updates[spot.update + u * params.update_step]);
        }
    }
    output[spot.output] = value;
}
