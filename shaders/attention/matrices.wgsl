// attention/matrices: for GPUs whose subgroups multiply matrices of f16. A workgroup of 4 subgroups has ROWS queries of one head, each
// subgroup SIDE of them; KEYS keys and values at a time pass through shared memory. The header gives how large things are: matrices have
// SIDE x SIDE elements, a query is STEPS of them long, a value VALUES, and KEYS is BLOCKS of them.
//
// Numbers are two halves where LOWS is 1, as shaders/include/matrices.wgsl has it, and sums of SIDE products start from zero.
//
// Weights are exp(score - largest). Matrices cannot be scaled row by row without a way through memory, so a row's `largest` stays as it
// is until a score is more than GROWTH above it, e^2.5 = 12.2: times the 2^12 that weights are brought near that is 49,900, and an f16
// holds 65,504. So sums go through memory once or twice per query and not once for each tile of keys.
#import attention_tiles
#import split

const ROWS: u32 = 4 * SIDE;
const PARTS: u32 = WORKGROUP / ROWS; // invocations that share a row of scores
const FOURS: u32 = SIDE / 4;
const KEY: u32 = STEPS * FOURS; // vectors of a key
const VALUE: u32 = VALUES * FOURS;
const PITCH_KEY: u32 = KEY + 2; // from row to row, with 16 bytes of padding
const PITCH_VALUE: u32 = VALUE + 2;
const PITCH_ROW: u32 = KEYS / 4 + 2;
const PITCH_SCORE: u32 = KEYS / 4 + 1;
const GROWTH: f32 = 2.5;
const WEIGHT: u32 = 127 + 12; // the exponent, with its bias, of what weights are scaled by

@group(0) @binding(6) var<storage, read> largest_query: u32; // bits of the largest magnitude
@group(0) @binding(7) var<storage, read> largest_key: u32;
@group(0) @binding(8) var<storage, read> largest_value: u32;

var<workgroup> high_keys: array<vec4<f16>, KEYS * PITCH_KEY>;
var<workgroup> high_values: array<vec4<f16>, KEYS * PITCH_VALUE>;
var<workgroup> high_rows: array<vec4<f16>, ROWS * PITCH_ROW>; // queries, SIDE columns at a time, then weights
#for l LOWS
var<workgroup> low_keys: array<vec4<f16>, KEYS * PITCH_KEY>;
var<workgroup> low_values: array<vec4<f16>, KEYS * PITCH_VALUE>;
var<workgroup> low_rows: array<vec4<f16>, ROWS * PITCH_ROW>;
#end
var<workgroup> scores: array<vec4<f32>, ROWS * PITCH_SCORE>;
var<workgroup> sums: array<vec4<f32>, ROWS * FOURS>; // a matrix of each subgroup
var<workgroup> of_parts: array<f32, WORKGROUP>; // what the invocations of a row have found, row by row
var<workgroup> of_rows: array<f32, ROWS>;
var<workgroup> grown: atomic<u32>; // whether a score is far above the largest before

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32, @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_id.y * num_groups.x + group_id.x; // group_index, where it is plainly the same for all threads
    if group >= params.groups { return; }
    let head = group / params.pieces; // batch * heads + head, in these buffers
    let key_head = head / params.sharing;
    let first_query = group % params.pieces * ROWS;
    let mask_head = mask_start(head);
    // The subgroup's rows begin here; this invocation has every PARTS-th vector of one of them.
    let top = subgroup * SIDE;
    let row = top + lane / PARTS;
    let part = lane % PARTS;
    // Queries past the end compute the last one again and store nothing.
    let query_index = min(first_query + row, params.queries - 1);

    let exponent_query = scale_of(largest_query);
    let exponent_key = scale_of(largest_key);
    let exponent_value = scale_of(largest_value);
    let scale_query = two_to(exponent_query);
    let scale_key = two_to(exponent_key);
    let scale_value = two_to(exponent_value);
    let back_query = two_to(254 - exponent_query);
    let back_key = two_to(254 - exponent_key);
    let back_value = two_to(254 - exponent_value);
    let zero = MatrixC();

#for s STEPS
    for (var at = local; at < ROWS * FOURS; at += WORKGROUP) {
        let item_row = head * params.queries + min(first_query + at / FOURS, params.queries - 1);
        keep_row(at / FOURS * PITCH_ROW + at % FOURS, query_item(item_row, $s * FOURS + at % FOURS, true) * scale_query);
    }
    workgroupBarrier();
    let high_query$s = coopLoadT<MatrixA>(&high_rows[top * PITCH_ROW], PITCH_ROW);
#for l LOWS
    let low_query$s = coopLoadT<MatrixA>(&low_rows[top * PITCH_ROW], PITCH_ROW);
#end
    workgroupBarrier();
#end
#for v VALUES
    var sum$v = MatrixC();
#end
    var largest = LOWEST; // of the row's scores, or less by up to GROWTH
    var total = 0.0;      // of this invocation's weights

    // With `causal`, no query of the tile sees a key past its last query.
    var keys = params.keys;
    if CAUSAL == 1u { keys = min(keys, first_query + ROWS); }
    for (var first = 0u; first < keys; first += KEYS) {
        for (var at = local; at < KEYS * KEY; at += WORKGROUP) {
            let j = first + at / KEY;
            keep_key(at / KEY * PITCH_KEY + at % KEY, key_item(key_head * params.keys + j, at % KEY, j < params.keys) * scale_key);
        }
        for (var at = local; at < KEYS * VALUE; at += WORKGROUP) {
            let j = first + at / VALUE;
            keep_value(at / VALUE * PITCH_VALUE + at % VALUE, value_item(key_head * params.keys + j, at % VALUE, j < params.keys) * scale_value);
        }
        workgroupBarrier();

        // A key is a column of the second factor.
#for b BLOCKS
        var score$b = MatrixC();
#for s STEPS
        let high_key$b_$s = coopLoad<MatrixB>(&high_keys[$b * SIDE * PITCH_KEY + $s * FOURS], PITCH_KEY);
#for l LOWS
        let low_key$b_$s = coopLoad<MatrixB>(&low_keys[$b * SIDE * PITCH_KEY + $s * FOURS], PITCH_KEY);
        let lows$b_$s = coopMultiplyAdd(low_query$s, high_key$b_$s, zero);
        let both$b_$s = coopMultiplyAdd(high_query$s, low_key$b_$s, lows$b_$s);
        let step$b_$s = coopMultiplyAdd(high_query$s, high_key$b_$s, both$b_$s);
        score$b = score$b + step$b_$s;
#end
#for h HIGHS_ALONE
        score$b = coopMultiplyAdd(high_query$s, high_key$b_$s, score$b);
#end
#end
        coopStoreT(score$b, &scores[top * PITCH_SCORE + $b * FOURS], PITCH_SCORE);
#end
        workgroupBarrier();

        var highest = LOWEST;
        for (var x = part; x < KEYS / 4; x += PARTS) {
            var item = scores[row * PITCH_SCORE + x] * back_query * back_key;
            for (var c = 0u; c < 4; c++) {
                let score = masked(mask_head, query_index, first + x * 4 + c, item[c]);
                item[c] = select(LOWEST, score.value, score.allowed);
            }
            scores[row * PITCH_SCORE + x] = item;
            highest = max(highest, max(max(item.x, item.y), max(item.z, item.w)));
        }
        of_parts[row * PARTS + part] = highest;
        if largest != LOWEST && highest > largest + GROWTH { atomicMax(&grown, 1u); }
        let rescaled = workgroupUniformLoad(&grown) != 0; // and a barrier
        if local == 0 { atomicStore(&grown, 0u); }
        let before = largest;
        // Sums of a row that has seen no key are zero and need no scaling.
        if rescaled || largest == LOWEST {
            for (var p = 0u; p < PARTS; p++) { largest = max(largest, of_parts[row * PARTS + p]); }
        }
        let fade = exp(before - largest);
        total *= fade;
        if rescaled {
            if part == 0 { of_rows[row] = fade; }
#for v VALUES
            coopStoreT(sum$v, &sums[top * FOURS], FOURS);
            workgroupBarrier();
            for (var i = lane; i < SIDE * FOURS; i += WORKGROUP / 4) { sums[top * FOURS + i] *= of_rows[top + i / FOURS]; }
            workgroupBarrier();
            sum$v = coopLoadT<MatrixC>(&sums[top * FOURS], FOURS);
            workgroupBarrier();
#end
        }
        for (var x = part; x < KEYS / 4; x += PARTS) {
            let item = scores[row * PITCH_SCORE + x];
            let weight = select(exp(item - largest), vec4(0.0), item == vec4(LOWEST));
            total += (weight.x + weight.y) + (weight.z + weight.w);
            keep_row(row * PITCH_ROW + x, weight * two_to(WEIGHT));
        }
        workgroupBarrier();

#for b BLOCKS
        let high_weight$b = coopLoadT<MatrixA>(&high_rows[top * PITCH_ROW + $b * FOURS], PITCH_ROW);
#for l LOWS
        let low_weight$b = coopLoadT<MatrixA>(&low_rows[top * PITCH_ROW + $b * FOURS], PITCH_ROW);
#end
#for v VALUES
        let high_value$b_$v = coopLoadT<MatrixB>(&high_values[$b * SIDE * PITCH_VALUE + $v * FOURS], PITCH_VALUE);
#for l LOWS
        let low_value$b_$v = coopLoadT<MatrixB>(&low_values[$b * SIDE * PITCH_VALUE + $v * FOURS], PITCH_VALUE);
        let of_lows$b_$v = coopMultiplyAdd(low_weight$b, high_value$b_$v, zero);
        let of_both$b_$v = coopMultiplyAdd(high_weight$b, low_value$b_$v, of_lows$b_$v);
        let of_step$b_$v = coopMultiplyAdd(high_weight$b, high_value$b_$v, of_both$b_$v);
        sum$v = sum$v + of_step$b_$v;
#end
#for h HIGHS_ALONE
        sum$v = coopMultiplyAdd(high_weight$b, high_value$b_$v, sum$v);
#end
#end
#end
        workgroupBarrier();
    }

    of_parts[row * PARTS + part] = total;
    workgroupBarrier();
#for v VALUES
    coopStoreT(sum$v, &sums[top * FOURS], FOURS);
    workgroupBarrier();
    for (var i = lane; i < SIDE * FOURS; i += WORKGROUP / 4) {
        let of_row = top + i / FOURS;
        let index = first_query + of_row;
        if index < params.queries {
            var whole = 0.0;
            for (var p = 0u; p < PARTS; p++) { whole += of_parts[of_row * PARTS + p]; }
            let scale = select(1.0 / whole, 0.0, whole == 0.0);
            let start = params.output_skip * LANES + (head * params.queries + index) * params.value_size;
            store(start, ($v * FOURS + i % FOURS) * 4, sums[top * FOURS + i] * two_to(254 - WEIGHT) * back_value * scale);
        }
    }
    workgroupBarrier();
#end
    noted();
}

fn keep_row(at: u32, v: vec4<f32>) {
    let high = high_of(v);
    high_rows[at] = vec4<f16>(high);
#for l LOWS
    low_rows[at] = vec4<f16>(v - high);
#end
}

fn keep_key(at: u32, v: vec4<f32>) {
    let high = high_of(v);
    high_keys[at] = vec4<f16>(high);
#for l LOWS
    low_keys[at] = vec4<f16>(v - high);
#end
}

fn keep_value(at: u32, v: vec4<f32>) {
    let high = high_of(v);
    high_values[at] = vec4<f16>(high);
#for l LOWS
    low_values[at] = vec4<f16>(v - high);
#end
}
