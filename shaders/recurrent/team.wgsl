// recurrent: a team of TEAM invocations takes one hidden unit of one direction and BATCH sequences. It reads the unit's rows of the recurrence
// weights once, each invocation every TEAM-th item, and adds up the products with the states before. The header has BATCH and Item too.
#import index
#import recurrent

@group(0) @binding(2) var<storage, read> recurrence: array<Item>;  // (D, GATES * H, H)
@group(0) @binding(4) var<storage, read> h_before: array<Item>;    // (D, B, H), or (B, D, H)

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 8u;  // divides WORKGROUP; a power of two

const VALUES = SUMS * BATCH;
var<workgroup> partial: array<f32, WORKGROUP * VALUES>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let team = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let first = team % params.chunks * BATCH;
    let unit = team / params.chunks % params.hidden;
    let direction = team / params.chunks / params.hidden;
    // Nothing to multiply past the end.
    let depth = select(0u, params.depth, team < params.count);

    var rows: array<u32, SUMS>;
    for (var r = 0u; r < SUMS; r++) {
        rows[r] = weights_at(direction, r, unit) / LANES;
    }
    var states: array<u32, BATCH>;
    for (var b = 0u; b < BATCH; b++) {
        states[b] = factors_at(direction, min(first + b, params.batch - 1u)) / LANES;
    }
    var sums: array<f32, VALUES>;
    var h: array<Item, BATCH>;
    for (var k = member; k < depth; k += TEAM) {
        for (var b = 0u; b < BATCH; b++) {
            h[b] = h_before[states[b] + k];
        }
        for (var r = 0u; r < SUMS; r++) {
            let weight = recurrence[rows[r] + k];
            for (var b = 0u; b < BATCH; b++) {
                sums[r * BATCH + b] += item_sum(weight * h[b]);
            }
        }
    }
    for (var v = 0u; v < VALUES; v++) {
        partial[v * WORKGROUP + local] = sums[v];
    }
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            for (var v = 0u; v < VALUES; v++) {
                partial[v * WORKGROUP + local] += partial[v * WORKGROUP + local + half];
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
        var own: array<f32, SUMS>;
        for (var r = 0u; r < SUMS; r++) {
            own[r] = partial[(r * BATCH + b) * WORKGROUP + local - member];
        }
        let place = Place(direction, first + b, unit);
        if (CELL == GRU || CELL == LSTM) {
            advance(place, own);
        } else {
            for (var r = 0u; r < SUMS; r++) {
                advance_gate(place, r, own[r]);
            }
        }
    }
}

fn h_at(at: u32) -> f32 {
    return lane(h_before[at / LANES], at % LANES);
}
