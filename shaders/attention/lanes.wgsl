// attention/lanes: as attention/tile, for software adapters whose subgroup is one vector of 8 lanes.
#import attention_scores
#import attention_lanes

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<vec2<u64>>;        // (batch, heads, queries, HEAD), four f32 each
@group(0) @binding(2) var<storage, read> key: array<vec2<u64>>;          // (batch, heads / sharing, keys, HEAD)
@group(0) @binding(3) var<storage, read> value: array<vec2<u64>>;        // (batch, heads / sharing, keys, VALUE)
@group(0) @binding(4) var<storage, read> mask: array<u32>;               // bool or the bits of f32
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>; // (batch, heads, queries, VALUE)

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let head = group / params.pieces;  // batch * heads + head, in these buffers
    let first_key = head / params.sharing * params.keys;
    let mask_head = mask_start(head);
    let first_query = group % params.pieces * (INVOCATIONS * ROWS);
#for r TWO
    // Queries past the end compute the last one again and store nothing.
    let i_$r = min(first_query + $ru * INVOCATIONS + local, params.queries - 1u);
    let row_$r = head * params.queries + i_$r;
    var own_$r: array<vec4<f32>, HEAD>;
    var sums_$r: array<vec4<f32>, VALUE>;
#for x HEAD
    own_$r[$x] = floats(query[params.query_skip + row_$r * HEAD + $xu]);
#end
#for x VALUE
    sums_$r[$x] = vec4(0.0);
#end
    var largest_$r = LOWEST;
    var total_$r = 0.0;
#end

    // With `causal`, no query of the tile sees a key past its last query.
    var keys = params.keys;
    if (CAUSAL == 1u) {
        keys = min(keys, first_query + INVOCATIONS * ROWS);
    }
    for (var first = 0u; first < keys; first += STEPS) {
#for t STEPS
        let passing_$t = first_key + min(first + $tu, params.keys - 1u);
        var key_$t: array<vec4<f32>, HEAD_LOADS>;
        var value_$t: array<vec4<f32>, VALUE_LOADS>;
#for o HEAD_LOADS
        key_$t[$o] = floats(key[params.key_skip + passing_$t * HEAD + min($ou * LANES_OF_SUBGROUP + lane, HEAD - 1u)]);
#end
#for o VALUE_LOADS
        value_$t[$o] = floats(value[params.value_skip + passing_$t * VALUE + min($ou * LANES_OF_SUBGROUP + lane, VALUE - 1u)]);
#end
#for r TWO
        var product_$t_$r = vec4(0.0);
#end
#for x HEAD
        {
            let item = subgroupShuffle(key_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
            product_$t_$r = fma(own_$r[$x], item, product_$t_$r);
#end
        }
#end
#for r TWO
        let score_$t_$r = masked(mask_head, i_$r, first + $tu, sum_of(product_$t_$r));
#end
#end
        // Scores become weights relative to the largest score so far.
#for r TWO
        var higher_$r = largest_$r;
#for t STEPS
        higher_$r = max(higher_$r, select(LOWEST, score_$t_$r.value, score_$t_$r.allowed));
#end
        let fade_$r = exp(largest_$r - higher_$r);
        largest_$r = higher_$r;
        var added_$r = total_$r * fade_$r;
#for t STEPS
        let weight_$t_$r = select(0.0, exp(score_$t_$r.value - higher_$r), score_$t_$r.allowed);
        added_$r += weight_$t_$r;
#end
        total_$r = added_$r;
#end
#for x VALUE
        {
#for r TWO
            var sum_$r = sums_$r[$x] * fade_$r;
#end
#for t STEPS
            let item_$t = subgroupShuffle(value_$t[$xu / LANES_OF_SUBGROUP], $xu % LANES_OF_SUBGROUP);
#for r TWO
            sum_$r = fma(vec4(weight_$t_$r), item_$t, sum_$r);
#end
#end
#for r TWO
            sums_$r[$x] = sum_$r;
#end
        }
#end
    }

#for r TWO
    if (first_query + $ru * INVOCATIONS + local < params.queries) {
        // Without an allowed key all is 0.
        let inverse = select(1.0 / total_$r, 0.0, total_$r == 0.0);
#for x VALUE
        output[params.output_skip + row_$r * VALUE + $xu] = sums_$r[$x] * inverse;
#end
    }
#end
}
