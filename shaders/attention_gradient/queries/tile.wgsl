// attention_gradient/queries/tile: the gradient of a tile of queries of one head per workgroup, while keys and values pass. As in the
// forward kernel the largest score so far decides what sums are relative to, so one pass does. It leaves for the kernel of keys what
// that has to know of each query.
#import attention_gradient_tile

@group(0) @binding(6) var<storage, read> output: array<Item>;              // (batch, heads, queries, value_size)
@group(0) @binding(7) var<storage, read_write> known: array<f32>;          // (batch, heads, queries, 3): largest, 1 / total, mean
@group(0) @binding(8) var<storage, read_write> query_grad: array<Scalar>;  // (batch, heads, queries, head_size)

var<workgroup> key_tile: array<vec4<f32>, STEPS * HEAD>;
var<workgroup> value_tile: array<vec4<f32>, STEPS * VALUE>;
// Parts of dot products: SPLIT neighbours hold those of one query, first of its scores, then of their gradients.
var<workgroup> exchanged: array<f32, PRODUCTS>;

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
    let value_items = params.value_size / LANES;

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
        let start = params.output_skip + row * value_items;
        var mean = Item(0.0);
        for (var x = 0u; x < value_items; x++) {
            mean += output[start + x] * grad[start + x];
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
            key_tile[at] = key_item(key_head * params.keys + j, at % HEAD, j < params.keys);
        }
        for (var at = local; at < STEPS * VALUE; at += WORKGROUP) {
            let j = first + at / VALUE;
            value_tile[at] = value_item(key_head * params.keys + j, at % VALUE, j < params.keys);
        }
        workgroupBarrier();

        var scores: array<f32, ROWS * STEPS>;
        var slopes: array<f32, ROWS * STEPS>;
        for (var t = 0u; t < STEPS; t++) {
            var products: array<vec4<f32>, ROWS>;
            var grads: array<vec4<f32>, ROWS>;
            for (var r = 0u; r < ROWS; r++) {
                products[r] = vec4<f32>(0.0);
                grads[r] = vec4<f32>(0.0);
            }
            for (var x = 0u; x < HEAD_PART; x++) {
                let item = key_tile[t * HEAD + x * SPLIT + part];
                for (var r = 0u; r < ROWS; r++) {
                    products[r] += own[r * HEAD_PART + x] * item;
                }
            }
            for (var x = 0u; x < VALUE_PART; x++) {
                let item = value_tile[t * VALUE + x * SPLIT + part];
                for (var r = 0u; r < ROWS; r++) {
                    grads[r] += own_grad[r * VALUE_PART + x] * item;
                }
            }
            for (var r = 0u; r < ROWS; r++) {
                scores[r * STEPS + t] = sum_of(products[r]);
                slopes[r * STEPS + t] = sum_of(grads[r]);
            }
        }
        if (SPLIT > 1u) {
            for (var s = 0u; s < ROWS * STEPS; s++) {
                exchanged[2u * s * WORKGROUP + local] = scores[s];
                exchanged[(2u * s + 1u) * WORKGROUP + local] = slopes[s];
            }
            workgroupBarrier();
            for (var s = 0u; s < ROWS * STEPS; s++) {
                let at = 2u * s * WORKGROUP + local - part;
                var score = 0.0;
                var slope = 0.0;
                for (var p = 0u; p < SPLIT; p++) {
                    score += exchanged[at + p];
                    slope += exchanged[at + WORKGROUP + p];
                }
                scores[s] = score;
                slopes[s] = slope;
            }
        }

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
                let item = key_tile[t * HEAD + x * SPLIT + part];
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
                store(row, (x * SPLIT + part) * 4u, sums[r * HEAD_PART + x] * (inverse * params.scale));
            }
            if (part == 0u) {
                known[row * 3u] = largest[r];
                known[row * 3u + 1u] = inverse;
                known[row * 3u + 2u] = means[r];
            }
        }
    }
}

// Four elements of a row, as far as it reaches.
fn store(row: u32, column: u32, item: vec4<f32>) {
    let start = params.query_skip * LANES + row * params.head_size;
    for (var c = 0u; c < 4u; c++) {
        if (column + c < params.head_size) {
            query_grad[start + column + c] = item[c];
        }
    }
}
