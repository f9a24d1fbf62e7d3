// attention/query: one workgroup per query, or `pieces` of them with COLUMNS items of the output each, and SLICES for as many parts of the
// keys, whose sums attention/merge brings together. WORKGROUP keys at a time:
// first an invocation per key computes its score, then COLUMNS invocations beside each other, in KEY_SLICES of the keys, add up weighted
// values.
#import ahead
#import attention_scores
#import noted

alias Element = Item;

override WORKGROUP: u32 = 64u;
override COLUMNS: u32 = 16u;
override SLICES: u32 = 1u;
override KEY_SLICES: u32 = WORKGROUP / COLUMNS;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<Item>;         // (batch, heads, queries, head_size)
@group(0) @binding(2) var<storage, read> key: array<Item>;           // (batch, heads / sharing, keys, head_size)
@group(0) @binding(3) var<storage, read> value: array<Item>;         // (batch, heads / sharing, keys, value_size)
@group(0) @binding(4) var<storage, read> mask: array<u32>;           // bool or the bits of f32
@group(0) @binding(5) var<storage, read_write> output: array<Item>;  // (batch, heads, queries, value_size), or attention/merge's parts

var<workgroup> tree: array<f32, WORKGROUP>;
var<workgroup> weights: array<f32, WORKGROUP>;
var<workgroup> slices: array<Item, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let group = group_index(group_id, groups);
    if (group >= params.groups) {
        return;
    }
    let row = group / SLICES / params.pieces;
    let head = row / params.queries;  // batch * heads + head, in these buffers
    let i = row % params.queries;
    let head_items = params.head_size / LANES;
    let value_items = params.value_size / LANES;
    let first_row = head / params.sharing * params.keys;  // of key and value
    let mask_head = mask_start(head);
    let column = group / SLICES % params.pieces * COLUMNS + local % COLUMNS;
    let slice = local / COLUMNS;

    var keys = params.keys;
    if (CAUSAL == 1u) {
        keys = min(keys, i + 1u);
    }
    let first_key = group % SLICES * params.slice_keys;
    keys = min(keys, first_key + params.slice_keys);
    var largest = LOWEST;
    var total = 0.0;  // of this invocation's keys
    var sum = Item(0.0);
    for (var first = first_key; first < keys; first += WORKGROUP) {
        let j = first + local;
        var score = Score(0.0, false);
        if (j < keys) {
            var product = Item(0.0);
            let query_start = params.query_skip + row * head_items;
            let key_start = params.key_skip + (first_row + j) * head_items;
            var x = 0u;
            for (; x + AHEAD <= head_items; x += AHEAD) {
#for i AHEAD
                let item$i = key[key_start + x + $i];
#end
#for i AHEAD
                product += query[query_start + x + $i] * item$i;
#end
            }
            for (; x < head_items; x++) {
                product += query[query_start + x] * key[key_start + x];
            }
            score = masked(mask_head, i, j, item_sum(product));
        }
        tree[local] = select(LOWEST, score.value, score.allowed);
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (local < half) {
                tree[local] = max(tree[local], tree[local + half]);
            }
        }
        workgroupBarrier();
        let higher = max(largest, tree[0]);
        let fade = exp(largest - higher);
        largest = higher;
        let weight = select(0.0, exp(score.value - largest), score.allowed);
        total = total * fade + weight;
        weights[local] = weight;
        workgroupBarrier();

        sum *= fade;
        if (column < value_items) {
            let count = min(WORKGROUP, keys - first);
            let value_start = params.value_skip + (first_row + first) * value_items + column;
            var t = slice;
            for (; t + (AHEAD - 1u) * KEY_SLICES < count; t += AHEAD * KEY_SLICES) {
#for i AHEAD
                let item$i = value[value_start + (t + $i * KEY_SLICES) * value_items];
#end
#for i AHEAD
                sum += weights[t + $i * KEY_SLICES] * item$i;
#end
            }
            for (; t < count; t += KEY_SLICES) {
                sum += weights[t] * value[value_start + t * value_items];
            }
        }
    }

    workgroupBarrier();
    tree[local] = total;
    slices[local] = sum;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            tree[local] += tree[local + half];
            // Slices lie COLUMNS apart: as long as `half` is that much or more, so do the halves.
            if (half >= COLUMNS) {
                slices[local] += slices[local + half];
            }
        }
    }
    workgroupBarrier();
    if (slice == 0u && column < value_items) {
        if (SLICES == 1u) {
            let scale = select(1.0 / tree[0], 0.0, tree[0] == 0.0);
            let item = slices[local] * scale;
            note(item, 4u);
            noted();
            output[params.output_skip + row * value_items + column] = item;
        } else {
            // The sums, then the largest score and the sum of weights.
            let start = (row * SLICES + group % SLICES) * (value_items + 2u);
            output[start + column] = slices[local];
            if (column == 0u) {
                output[start + value_items] = Item(largest);
                output[start + value_items + 1u] = Item(tree[0]);
            }
        }
    }
}
