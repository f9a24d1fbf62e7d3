// scatter/starts: where the sorted updates of a line begin to name a place. One invocation per place, and one for the end of the line.
#import index

override WORKGROUP: u32 = 64u;
override STEPS: u32 = 1u;  // of the search, enough for `updates`

struct Params {
    count: u32,    // lines * (size + 1)
    updates: u32,  // of a line
    size: u32,     // of a line
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pairs: array<vec2<u32>>;    // (lines, updates): places in order, and the updates that name them
@group(0) @binding(2) var<storage, read_write> starts: array<u32>;   // (lines, size + 1)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let number = group_index(group, groups) * WORKGROUP + local;
    if (number >= params.count) {
        return;
    }
    let line = number / (params.size + 1u) * params.updates;
    let place = number % (params.size + 1u);
    var low = 0u;
    var high = params.updates;
    for (var step = 0u; step < STEPS; step++) {
        if (low < high) {
            let middle = (low + high) / 2u;
            if (pairs[line + middle].x < place) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
    }
    starts[number] = low;
}
