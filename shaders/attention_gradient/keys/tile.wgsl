// attention_gradient/keys/tile: the gradients of a tile of keys and their values, of one key head, per workgroup, while the queries of all
// heads that share it pass, one head after the other. Weights are computed again from what the kernel of queries found.
#set STORED key value
#import attention_gradient_tile

@group(0) @binding(6) var<storage, read> known: array<f32>;                // (batch, heads, queries, 3): largest, 1 / total, mean
@group(0) @binding(7) var<storage, read_write> key_grad: array<Scalar>;    // (batch, heads / sharing, keys, head_size)
@group(0) @binding(8) var<storage, read_write> value_grad: array<Scalar>;  // (batch, heads / sharing, keys, value_size)

var<workgroup> known_tile: array<vec4<f32>, STEPS>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let key_head = group / params.pieces;  // batch * (heads / sharing) + key head, in these buffers
    let part = local % SPLIT;
    let first_key = group % params.pieces * (TEAMS * ROWS);
    // This invocation's keys lie TEAMS apart, so that neighbours read neighbours. Those past the end see nothing and store nothing.
    let own_key = first_key + local / SPLIT;

    var own: array<vec4<f32>, ROWS * HEAD_PART>;
    var own_value: array<vec4<f32>, ROWS * VALUE_PART>;
    var key_sums: array<vec4<f32>, ROWS * HEAD_PART>;
    var value_sums: array<vec4<f32>, ROWS * VALUE_PART>;
    for (var r = 0u; r < ROWS; r++) {
        let j = own_key + r * TEAMS;
        for (var x = 0u; x < HEAD_PART; x++) {
            own[r * HEAD_PART + x] = key_item(key_head * params.keys + j, x * SPLIT + part, j < params.keys);
            key_sums[r * HEAD_PART + x] = vec4<f32>(0.0);
        }
        for (var x = 0u; x < VALUE_PART; x++) {
            own_value[r * VALUE_PART + x] = value_item(key_head * params.keys + j, x * SPLIT + part, j < params.keys);
            value_sums[r * VALUE_PART + x] = vec4<f32>(0.0);
        }
    }

    // With `causal`, no query in front of the tile's first key sees any of it.
    var start = 0u;
    if (CAUSAL == 1u) {
        start = first_key / STEPS * STEPS;
    }
    for (var shared_by = 0u; shared_by < params.sharing; shared_by++) {
        let head = key_head * params.sharing + shared_by;  // batch * heads + head
        let mask_head = mask_start(head);
        for (var first = start; first < params.queries; first += STEPS) {
            workgroupBarrier();
            for (var at = local; at < STEPS * HEAD; at += WORKGROUP) {
                let i = first + at / HEAD;
                head_tile[at] = query_item(head * params.queries + i, at % HEAD, i < params.queries);
            }
            for (var at = local; at < STEPS * VALUE; at += WORKGROUP) {
                let i = first + at / VALUE;
                value_tile[at] = grad_item(head * params.queries + i, at % VALUE, i < params.queries);
            }
            if (local < STEPS) {
                let at = (head * params.queries + min(first + local, params.queries - 1u)) * 3u;
                known_tile[local] = vec4<f32>(known[at], known[at + 1u], known[at + 2u], 0.0);
            }
            workgroupBarrier();

            var scores: array<f32, ROWS * STEPS>;
            var slopes: array<f32, ROWS * STEPS>;
            products(&own, &own_value, local, &scores, &slopes);

            // Scores become weights, and the weights' gradients those of the scores.
            for (var t = 0u; t < STEPS; t++) {
                let query_known = known_tile[t];
                for (var r = 0u; r < ROWS; r++) {
                    let score = masked(mask_head, first + t, own_key + r * TEAMS, scores[r * STEPS + t]);
                    let weight = select(0.0, exp(score.value - query_known.x) * query_known.y, score.allowed);
                    scores[r * STEPS + t] = weight;
                    slopes[r * STEPS + t] = weight * (slopes[r * STEPS + t] - query_known.z);
                }
            }
            for (var t = 0u; t < STEPS; t++) {
                for (var x = 0u; x < HEAD_PART; x++) {
                    let item = head_tile[t * HEAD + x * SPLIT + part];
                    for (var r = 0u; r < ROWS; r++) {
                        key_sums[r * HEAD_PART + x] += slopes[r * STEPS + t] * item;
                    }
                }
                for (var x = 0u; x < VALUE_PART; x++) {
                    let item = value_tile[t * VALUE + x * SPLIT + part];
                    for (var r = 0u; r < ROWS; r++) {
                        value_sums[r * VALUE_PART + x] += scores[r * STEPS + t] * item;
                    }
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) {
        let j = own_key + r * TEAMS;
        if (j < params.keys) {
            let row = key_head * params.keys + j;
            for (var x = 0u; x < HEAD_PART; x++) {
                store_key(row, (x * SPLIT + part) * 4u, key_sums[r * HEAD_PART + x] * params.scale);
            }
            for (var x = 0u; x < VALUE_PART; x++) {
                store_value(row, (x * SPLIT + part) * 4u, value_sums[r * VALUE_PART + x]);
            }
        }
    }
}
