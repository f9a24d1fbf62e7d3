// attention_gradient/queries/tile: the gradient of a tile of queries of one head per workgroup, while keys and values pass. As in the
// forward kernel the largest score so far decides what sums are relative to, so one pass does. It leaves for the kernel of keys what
// that has to know of each query.
#set STORED query
#import attention_gradient_tile

@group(0) @binding(6) var<storage, read> output: array<Item>;              // (batch, heads, queries, value_size)
@group(0) @binding(7) var<storage, read_write> known: array<f32>;          // (batch, heads, queries, 3): largest, 1 / total, mean
@group(0) @binding(8) var<storage, read_write> query_grad: array<Scalar>;  // (batch, heads, queries, head_size)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let head = group / params.pieces;  // batch * heads + head, in these buffers
    let key_head = head / params.sharing;
    let mask_head = mask_start(head);
    let part = local % SPLIT;
    let first_query = group % params.pieces * (TEAMS * ROWS);
    // This invocation's queries lie TEAMS apart, so that neighbours read neighbours.
    let own_query = first_query + local / SPLIT;

    var own: array<vec4<f32>, ROWS * HEAD_PART>;
    var own_grad: array<vec4<f32>, ROWS * VALUE_PART>;
    var sums: array<vec4<f32>, ROWS * HEAD_PART>;
    var largest: array<f32, ROWS>;
    var totals: array<f32, ROWS>;
    // The mean of what the weights' gradients are, by the weights, is the output times its gradient.
    var means: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        // Queries past the end compute the last one again and store nothing.
        let row = head * params.queries + min(own_query + r * TEAMS, params.queries - 1u);
        for (var x = 0u; x < HEAD_PART; x++) {
            own[r * HEAD_PART + x] = query_item(row, x * SPLIT + part, true);
            sums[r * HEAD_PART + x] = vec4<f32>(0.0);
        }
        for (var x = 0u; x < VALUE_PART; x++) {
            own_grad[r * VALUE_PART + x] = grad_item(row, x * SPLIT + part, true);
        }
        let place = grad_row(row);
        var mean = Item(0.0);
        for (var x = 0u; x < place.y; x++) {
            mean += output[place.x + x] * grad[place.x + x];
        }
        means[r] = item_sum(mean);
        largest[r] = LOWEST;
        totals[r] = 0.0;
    }

    // With `causal`, no query of the tile sees a key past its last query.
    var keys = params.keys;
    if (CAUSAL == 1u) {
        keys = min(keys, first_query + TEAMS * ROWS);
    }
    for (var first = 0u; first < keys; first += STEPS) {
        workgroupBarrier();
        for (var at = local; at < STEPS * HEAD; at += WORKGROUP) {
            let j = first + at / HEAD;
            head_tile[at] = key_item(key_head * params.keys + j, at % HEAD, j < params.keys);
        }
        for (var at = local; at < STEPS * VALUE; at += WORKGROUP) {
            let j = first + at / VALUE;
            value_tile[at] = value_item(key_head * params.keys + j, at % VALUE, j < params.keys);
        }
        workgroupBarrier();

        var scores: array<f32, ROWS * STEPS>;
        var slopes: array<f32, ROWS * STEPS>;
        products(&own, &own_grad, local, &scores, &slopes);

        // Scores become gradients of scores, relative to the largest score so far.
        for (var r = 0u; r < ROWS; r++) {
            let i = min(own_query + r * TEAMS, params.queries - 1u);
            var allowed: array<bool, STEPS>;
            var higher = largest[r];
            for (var t = 0u; t < STEPS; t++) {
                let score = masked(mask_head, i, first + t, scores[r * STEPS + t]);
                allowed[t] = score.allowed;
                scores[r * STEPS + t] = score.value;
                higher = max(higher, select(LOWEST, score.value, score.allowed));
            }
            let fade = exp(largest[r] - higher);
            largest[r] = higher;
            totals[r] *= fade;
            for (var t = 0u; t < STEPS; t++) {
                let weight = select(0.0, exp(scores[r * STEPS + t] - higher), allowed[t]);
                totals[r] += weight;
                scores[r * STEPS + t] = weight * (slopes[r * STEPS + t] - means[r]);
            }
            for (var x = 0u; x < HEAD_PART; x++) {
                sums[r * HEAD_PART + x] *= fade;
            }
        }
        for (var t = 0u; t < STEPS; t++) {
            for (var x = 0u; x < HEAD_PART; x++) {
                let item = head_tile[t * HEAD + x * SPLIT + part];
                for (var r = 0u; r < ROWS; r++) {
                    sums[r * HEAD_PART + x] += scores[r * STEPS + t] * item;
                }
            }
        }
    }

    for (var r = 0u; r < ROWS; r++) {
        let i = own_query + r * TEAMS;
        if (i < params.queries) {
            let row = head * params.queries + i;
            // Without an allowed key all is 0.
            let inverse = select(1.0 / totals[r], 0.0, totals[r] == 0.0);
            for (var x = 0u; x < HEAD_PART; x++) {
                store_query(row, (x * SPLIT + part) * 4u, sums[r * HEAD_PART + x] * (inverse * params.scale));
            }
            if (part == 0u) {
                known[row * 3u] = largest[r];
                known[row * 3u + 1u] = inverse;
                known[row * 3u + 2u] = means[r];
            }
        }
    }
}
