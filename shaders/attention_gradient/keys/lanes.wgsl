// attention_gradient/keys/lanes: as attention_gradient/keys/tile, for software adapters whose subgroup is one vector of 8 lanes.
#import attention_gradient_lanes

@group(0) @binding(6) var<storage, read> known: array<f32>;                   // (batch, heads, queries, 3): largest, 1 / total, mean
@group(0) @binding(7) var<storage, read_write> key_grad: array<vec4<f32>>;    // (batch, heads / sharing, keys, HEAD)
@group(0) @binding(8) var<storage, read_write> value_grad: array<vec4<f32>>;  // (batch, heads / sharing, keys, VALUE)

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let key_head = group / params.pieces;  // batch * (heads / sharing) + key head, in these buffers
    let first_key = group % params.pieces * (INVOCATIONS * ROWS);
#for r TWO
    // Keys past the end are the last one, which is then not seen, and store nothing.
    let j_$r = first_key + $ru * INVOCATIONS + local;
    let row_$r = key_head * params.keys + min(j_$r, params.keys - 1u);
    var own_$r: array<vec4<f32>, HEAD>;
    var own_value_$r: array<vec4<f32>, VALUE>;
    var key_sums_$r: array<vec4<f32>, HEAD>;
    var value_sums_$r: array<vec4<f32>, VALUE>;
#for x HEAD
    own_$r[$x] = floats(key[params.key_skip + row_$r * HEAD + $xu]);
    key_sums_$r[$x] = vec4(0.0);
#end
#for x VALUE
    own_value_$r[$x] = floats(value[params.value_skip + row_$r * VALUE + $xu]);
    value_sums_$r[$x] = vec4(0.0);
#end
#end

    // With `causal`, no query in front of the tile's first key sees any of it.
    let start = select(0u, first_key, CAUSAL == 1u);
    for (var shared_by = 0u; shared_by < params.sharing; shared_by++) {
        let head = key_head * params.sharing + shared_by;  // batch * heads + head
        let mask_head = mask_start(head);
        for (var first = start; first < params.queries; first += STEPS) {
#for t STEPS
            let passing_$t = head * params.queries + min(first + $tu, params.queries - 1u);
            var query_$t: array<vec4<f32>, HEAD_LOADS>;
            var grad_$t: array<vec4<f32>, VALUE_LOADS>;
#for o HEAD_LOADS
            query_$t[$o] = floats(query[params.query_skip + passing_$t * HEAD + min($ou * LANES_OF_SUBGROUP + lane, HEAD - 1u)]);
#end
#for o VALUE_LOADS
            grad_$t[$o] = floats(grad[params.output_skip + passing_$t * VALUE + min($ou * LANES_OF_SUBGROUP + lane, VALUE - 1u)]);
#end
            let known_$t = known[passing_$t * 3u + min(lane, 2u)];
#for r TWO
            var product_$t_$r = vec4(0.0);
            var slope_$t_$r = vec4(0.0);
#end
#for x HEAD
            {
                let item = subgroupShuffle(query_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
                product_$t_$r = fma(own_$r[$x], item, product_$t_$r);
#end
            }
#end
#for x VALUE
            {
                let item = subgroupShuffle(grad_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
                slope_$t_$r = fma(own_value_$r[$x], item, slope_$t_$r);
#end
            }
#end
            // Scores become weights, and the weights' gradients those of the scores.
            let largest_$t = subgroupShuffle(known_$t, 0u);
            let inverse_$t = subgroupShuffle(known_$t, 1u);
            let mean_$t = subgroupShuffle(known_$t, 2u);
#for r TWO
            let score_$t_$r = masked(mask_head, first + $tu, j_$r, sum_of(product_$t_$r));
            let weight_$t_$r = select(0.0, exp(score_$t_$r.value - largest_$t) * inverse_$t, score_$t_$r.allowed);
            let by_score_$t_$r = weight_$t_$r * (sum_of(slope_$t_$r) - mean_$t);
#end
#end
#for x HEAD
            {
#for r TWO
                var sum_$r = key_sums_$r[$x];
#end
#for t STEPS
                let item_$t = subgroupShuffle(query_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
                sum_$r = fma(vec4(by_score_$t_$r), item_$t, sum_$r);
#end
#end
#for r TWO
                key_sums_$r[$x] = sum_$r;
#end
            }
#end
#for x VALUE
            {
#for r TWO
                var sum_$r = value_sums_$r[$x];
#end
#for t STEPS
                let item_$t = subgroupShuffle(grad_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
                sum_$r = fma(vec4(weight_$t_$r), item_$t, sum_$r);
#end
#end
#for r TWO
                value_sums_$r[$x] = sum_$r;
#end
            }
#end
        }
    }

#for r TWO
    if (j_$r < params.keys) {
#for x HEAD
        key_grad[params.key_skip + row_$r * HEAD + $xu] = key_sums_$r[$x] * params.scale;
#end
#for x VALUE
        value_grad[params.value_skip + row_$r * VALUE + $xu] = value_sums_$r[$x];
#end
    }
#end
}
