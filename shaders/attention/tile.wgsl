// attention/tile: a tile of queries of one head per workgroup; SPLIT invocations share QUERIES of them. KEYS keys and values at a
// time are loaded for all; each invocation holds every SPLIT-th vec4 of its queries and of their outputs in registers.
// The header gives HEAD and VALUE, the vec4s of a key and of a value (filled up with zeros), SPLIT, QUERIES, KEYS and PRODUCTS,
// which is QUERIES * KEYS * WORKGROUP where SPLIT is more than 1.
#import attention_tiles

const WORKGROUP = 64u;
const HEAD_PART = HEAD / SPLIT;
const VALUE_PART = VALUE / SPLIT;
const TEAMS = WORKGROUP / SPLIT;

var<workgroup> key_tile: array<vec4<f32>, KEYS * HEAD>;
var<workgroup> value_tile: array<vec4<f32>, KEYS * VALUE>;
// Parts of dot products: SPLIT neighbours hold those of one query.
var<workgroup> exchanged: array<f32, PRODUCTS>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let head = group / params.pieces;  // batch * heads + head, in these buffers
    let key_head = head / params.sharing;
    let part = local % SPLIT;
    let first_query = group % params.pieces * (TEAMS * QUERIES);
    // This invocation's queries lie TEAMS apart, so that neighbours read neighbours.
    let own_query = first_query + local / SPLIT;
    let mask_head = mask_start(head);

    var own: array<vec4<f32>, QUERIES * HEAD_PART>;
    var sums: array<vec4<f32>, QUERIES * VALUE_PART>;
    var largest: array<f32, QUERIES>;
    var totals: array<f32, QUERIES>;
    for (var q = 0u; q < QUERIES; q++) {
        // Queries past the end compute the last one again and store nothing.
        let row = head * params.queries + min(own_query + q * TEAMS, params.queries - 1u);
        for (var x = 0u; x < HEAD_PART; x++) {
            own[q * HEAD_PART + x] = query_item(row, x * SPLIT + part, true);
        }
        for (var x = 0u; x < VALUE_PART; x++) {
            sums[q * VALUE_PART + x] = vec4<f32>(0.0);
        }
        largest[q] = LOWEST;
        totals[q] = 0.0;
    }

    // With `causal`, no query of the tile sees a key past its last query.
    var keys = params.keys;
    if (CAUSAL == 1u) {
        keys = min(keys, first_query + TEAMS * QUERIES);
    }
    for (var first = 0u; first < keys; first += KEYS) {
        workgroupBarrier();
        for (var at = local; at < KEYS * HEAD; at += WORKGROUP) {
            let j = first + at / HEAD;
            key_tile[at] = key_item(key_head * params.keys + j, at % HEAD, j < params.keys);
        }
        for (var at = local; at < KEYS * VALUE; at += WORKGROUP) {
            let j = first + at / VALUE;
            value_tile[at] = value_item(key_head * params.keys + j, at % VALUE, j < params.keys);
        }
        workgroupBarrier();

        var scores: array<f32, QUERIES * KEYS>;
        for (var t = 0u; t < KEYS; t++) {
            var products: array<vec4<f32>, QUERIES>;
            for (var q = 0u; q < QUERIES; q++) {
                products[q] = vec4<f32>(0.0);
            }
            for (var x = 0u; x < HEAD_PART; x++) {
                let item = key_tile[t * HEAD + x * SPLIT + part];
                for (var q = 0u; q < QUERIES; q++) {
                    products[q] += own[q * HEAD_PART + x] * item;
                }
            }
            for (var q = 0u; q < QUERIES; q++) {
                scores[q * KEYS + t] = sum_of(products[q]);
            }
        }
        if (SPLIT > 1u) {
            for (var s = 0u; s < QUERIES * KEYS; s++) {
                exchanged[s * WORKGROUP + local] = scores[s];
            }
            workgroupBarrier();
            for (var s = 0u; s < QUERIES * KEYS; s++) {
                var score = 0.0;
                for (var p = 0u; p < SPLIT; p++) {
                    score += exchanged[s * WORKGROUP + local - part + p];
                }
                scores[s] = score;
            }
        }

        // Scores become weights relative to the largest score so far.
        for (var q = 0u; q < QUERIES; q++) {
            let i = min(own_query + q * TEAMS, params.queries - 1u);
            var allowed: array<bool, KEYS>;
            var higher = largest[q];
            for (var t = 0u; t < KEYS; t++) {
                let score = masked(mask_head, i, first + t, scores[q * KEYS + t]);
                allowed[t] = score.allowed;
                scores[q * KEYS + t] = score.value;
                higher = max(higher, select(LOWEST, score.value, score.allowed));
            }
            let fade = exp(largest[q] - higher);
            largest[q] = higher;
            totals[q] *= fade;
            for (var t = 0u; t < KEYS; t++) {
                let weight = select(0.0, exp(scores[q * KEYS + t] - higher), allowed[t]);
                scores[q * KEYS + t] = weight;
                totals[q] += weight;
            }
            for (var x = 0u; x < VALUE_PART; x++) {
                sums[q * VALUE_PART + x] *= fade;
            }
        }
        for (var t = 0u; t < KEYS; t++) {
            for (var x = 0u; x < VALUE_PART; x++) {
                let item = value_tile[t * VALUE + x * SPLIT + part];
                for (var q = 0u; q < QUERIES; q++) {
                    sums[q * VALUE_PART + x] += scores[q * KEYS + t] * item;
                }
            }
        }
    }

    for (var q = 0u; q < QUERIES; q++) {
        let i = own_query + q * TEAMS;
        if (i < params.queries) {
            let scale = select(1.0 / totals[q], 0.0, totals[q] == 0.0);
            let start = params.output_skip * LANES + (head * params.queries + i) * params.value_size;
            for (var x = 0u; x < VALUE_PART; x++) {
                store(start, (x * SPLIT + part) * 4u, sums[q * VALUE_PART + x] * scale);
            }
        }
    }
    noted();
}
