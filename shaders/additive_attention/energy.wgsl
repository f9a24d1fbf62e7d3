// additive_attention/energy: TEAM invocations for each energy, each over every TEAM-th item of the projection.
#import index

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 8u;
override MASK: u32 = 0u;  // 1: bool, 2: added

struct Params {
    rows: u32,       // energies here, over batch and length
    len: u32,
    columns: u32,    // items of a projection
    first_row: u32,  // energies in front of these
    skip: u32,       // items before the first projection
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> projected: array<Item>;      // (batch, len, columns)
@group(0) @binding(2) var<storage, read> query: array<Item>;          // (batch, columns)
@group(0) @binding(3) var<storage, read> score: array<Item>;          // (columns)
@group(0) @binding(4) var<storage, read> mask: array<u32>;            // (batch, len), bool or the bits of f32
@group(0) @binding(5) var<storage, read_write> energies: array<f32>;  // (batch, len); LOWEST where the mask forbids

const LOWEST = -3.4028234e38;
const FORBIDDEN = -1e30;

var<workgroup> sums: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group_index(group, groups) * (WORKGROUP / TEAM) + local / TEAM;
    let member = local % TEAM;
    let columns = select(0u, params.columns, row < params.rows);
    let start = params.skip + row * params.columns;
    let query_start = (params.first_row + row) / params.len * params.columns;

    var sum = Item(0.0);
    for (var a = member; a < columns; a += TEAM) {
        sum += score[a] * hyperbolic_tangent(projected[start + a] + query[query_start + a]);
    }
    sums[local] = item_sum(sum);
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            sums[local] += sums[local + half];
        }
    }
    if (member != 0u || row >= params.rows) {
        return;
    }
    let at = params.first_row + row;
    var energy = sums[local];
    if (MASK == 1u) {
        energy = select(LOWEST, energy, mask[at] != 0u);
    } else if (MASK == 2u) {
        let added = bitcast<f32>(mask[at]);
        energy = select(energy + added, LOWEST, added <= FORBIDDEN);
    }
    energies[at] = energy;
}

// Within 2e-7 everywhere. The clamp keeps exp finite and changes nothing: at 15 the result rounds to 1.
fn hyperbolic_tangent(x: Item) -> Item {
    return 1.0 - 2.0 / (exp(2.0 * clamp(x, Item(-15.0), Item(15.0))) + 1.0);
}
