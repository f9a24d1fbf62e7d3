// recurrent_gradient: a team of TEAM invocations takes one unit of one direction and BATCH sequences. It reads the unit's weights once, each
// invocation every TEAM-th item, and adds up the products with what the gates give back. The header has Item.
#import index
#import recurrent_gradient

@group(0) @binding(2) var<storage, read> recurrence: array<Item>;
@group(0) @binding(3) var<storage, read> behind: array<Item>;

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 8u;  // divides WORKGROUP; a power of two

const BATCH = 4u;
var<workgroup> partial: array<f32, WORKGROUP * BATCH>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let team = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let first = team % params.chunks * BATCH;
    let unit = team / params.chunks % params.hidden;
    let direction = team / params.chunks / params.hidden;
    // Nothing to multiply past the end.
    let depth = select(0u, params.depth, team < params.count);

    var rows: array<u32, BATCH>;
    for (var b = 0u; b < BATCH; b++) {
        rows[b] = (direction * params.batch + min(first + b, params.batch - 1u)) * params.depth;
    }
    let weights = (direction * params.hidden + unit) * (GATES * params.hidden / LANES) + params.first;
    var sums: array<f32, BATCH>;
    for (var k = member; k < depth; k += TEAM) {
        let weight = recurrence[weights + k];
        for (var b = 0u; b < BATCH; b++) {
            sums[b] += item_sum(weight * behind[rows[b] + k]);
        }
    }
    for (var b = 0u; b < BATCH; b++) {
        partial[b * WORKGROUP + local] = sums[b];
    }
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            for (var b = 0u; b < BATCH; b++) {
                partial[b * WORKGROUP + local] += partial[b * WORKGROUP + local + half];
            }
        }
    }
    if (TEAM > 1u) {
        workgroupBarrier();
    }
    if (team >= params.count) {
        return;
    }
    for (var b = member; b < min(BATCH, params.batch - first); b += TEAM) {
        retreat(direction, first + b, unit, partial[b * WORKGROUP + local - member]);
    }
}
