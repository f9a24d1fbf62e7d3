// additive_attention/context: `pieces` workgroups per batch element, each with COLUMNS items of the context. All of them find the
// maximum and total of the energies; the first also writes the weights. Then COLUMNS invocations beside each other, in
// SLICES of the length, add up weighted features.
#import ahead
#import index

override WORKGROUP: u32 = 64u;
override COLUMNS: u32 = 32u;
override SLICES: u32 = WORKGROUP / COLUMNS;

struct Params {
    len: u32,
    columns: u32,        // items of a feature
    pieces: u32,
    groups: u32,         // workgroups of all batch elements here
    first_batch: u32,    // the batch element that `features` begins with
    features_skip: u32,  // items in front of it
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<Item>;       // (batch, len, columns)
@group(0) @binding(2) var<storage, read> energies: array<f32>;        // (batch, len); LOWEST where the mask forbids
@group(0) @binding(3) var<storage, read_write> context: array<Item>;  // (batch, columns)
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;   // (batch, len)

const LOWEST = -3.4028234e38;

// Energies seen so far: total is the sum of exp(energy - largest).
struct Seen {
    largest: f32,
    total: f32,
}

var<workgroup> seen: array<Seen, WORKGROUP>;
var<workgroup> chunk: array<f32, WORKGROUP>;
var<workgroup> slices: array<Item, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let b = group / params.pieces;  // in `features`
    let piece = group % params.pieces;
    let batch = params.first_batch + b;
    let column = piece * COLUMNS + local % COLUMNS;
    let slice = local / COLUMNS;

    var own = Seen(LOWEST, 0.0);
    for (var first = 0u; first < params.len; first += WORKGROUP) {
        let l = first + local;
        if (l < params.len) {
            own = together(own, Seen(energies[batch * params.len + l], 1.0));
        }
    }
    seen[local] = own;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            seen[local] = together(seen[local], seen[local + half]);
        }
    }
    workgroupBarrier();
    let all = seen[0];
    let scale = select(1.0 / all.total, 0.0, all.total == 0.0);

    var sum = Item(0.0);
    for (var first = 0u; first < params.len; first += WORKGROUP) {
        let l = first + local;
        if (l < params.len) {
            let energy = energies[batch * params.len + l];
            let weight = select(exp(energy - all.largest) * scale, 0.0, energy == LOWEST);
            chunk[local] = weight;
            if (piece == 0u) {
                weights[batch * params.len + l] = weight;
            }
        }
        workgroupBarrier();
        if (column < params.columns) {
            let count = min(WORKGROUP, params.len - first);
            let at = params.features_skip + (b * params.len + first) * params.columns + column;
            var t = slice;
            for (; t + (AHEAD - 1u) * SLICES < count; t += AHEAD * SLICES) {
#for i AHEAD
                let feature$i = features[at + (t + $i * SLICES) * params.columns];
#end
#for i AHEAD
                sum += chunk[t + $i * SLICES] * feature$i;
#end
            }
            for (; t < count; t += SLICES) {
                sum += chunk[t] * features[at + t * params.columns];
            }
        }
        workgroupBarrier();
    }

    slices[local] = sum;
    for (var half = WORKGROUP / 2u; half >= COLUMNS; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            slices[local] += slices[local + half];
        }
    }
    if (slice == 0u && column < params.columns) {
        context[batch * params.columns + column] = slices[local];
    }
}

// What the mask forbids adds nothing.
fn together(a: Seen, b: Seen) -> Seen {
    let largest = max(a.largest, b.largest);
    let a_total = select(a.total * exp(a.largest - largest), 0.0, a.largest == LOWEST);
    let b_total = select(b.total * exp(b.largest - largest), 0.0, b.largest == LOWEST);
    return Seen(largest, a_total + b_total);
}
