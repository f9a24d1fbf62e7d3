// Matrix product for software adapters whose subgroup is one vector of 8 lanes; a workgroup is a subgroup.
// One thread computes ROWS x 4 * VECTORS elements of one output matrix, four steps of depth at a time. All threads of a workgroup compute
// the same rows: each loads those of every eighth row of a, and gets the others' by shuffles, which cost a hundredth of a load.
// Steps are spelt out: what a loop carries is blended under the mask of active lanes in every turn.
#import index
#import matmul
#import fours
#import noted

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec2<u64>>; // [batch, rows, depth], four f32 each: half the loads
@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns], or [rows] if CHANNELS_ARE_ROWS
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [batch, rows, columns]

override ROWS: u32 = 16; // 1 to 4, 8, 16 or 32
override VECTORS: u32 = 2; // 1 or 2
override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
override CHANNELS_ARE_ROWS: bool = false; // to the bias and to what finishes
override WHOLE: bool = false; // whether depth divides by 4
// Whether whatever is added up to an index divides by 4: of a; of b; of the output.
override ALIGNED_A: bool = false;
override ALIGNED_B: bool = false;
override ALIGNED_OUTPUT: bool = false;
const LANES: u32 = 8;

var<private> sums: array<vec4<f32>, 64>; // [row][vector]
var<private> x: array<vec4<f32>, 4>; // four steps of this lane's row, and of those 8, 16 and 24 further
var<private> x_next: array<vec4<f32>, 4>; // the vectors that hold the last of them, where rows do not start with a vector
var<private> y: array<vec4<f32>, 8>; // [step][vector]: columns; or [column]: four steps
var<private> y_next: array<vec4<f32>, 8>;

// Four neighbours from the one at `i`, of two vectors.
fn moved(first: vec4<f32>, second: vec4<f32>, i: u32) -> vec4<f32> {
    let odd = (i & 1) != 0;
    let one = select(first, vec4(first.yzw, second.x), odd);
    return select(one, vec4(one.zw, select(second.xy, second.yz, odd)), (i & 2) != 0);
}

// Four steps of a row.
fn load_row(own: u32, i: u32, left: u32) {
    if ALIGNED_A {
        x[own] = floats(a[i / 4]);
    } else {
        let next = floats(a[i / 4 + 1]);
        x[own] = moved(x_next[own], next, i);
        x_next[own] = next;
    }
    if !WHOLE { x[own] = select(vec4(0.0), x[own], vec4(0u, 1, 2, 3) < vec4(left)); }
}

// Four steps of a column of a transposed b.
fn load_column(c: u32, i: u32, left: u32) {
    if ALIGNED_B {
        y[c] = floats(b[i / 4]);
    } else {
        let next = floats(b[i / 4 + 1]);
        y[c] = moved(y_next[c], next, i);
        y_next[c] = next;
    }
    if !WHOLE { y[c] = select(vec4(0.0), y[c], vec4(0u, 1, 2, 3) < vec4(left)); }
}

// The columns at one step.
fn load_step(s: u32, i: u32, left: u32) {
    var four = floats(b[i / 4]);
    for (var v = 0u; v < VECTORS; v++) {
        if ALIGNED_B {
            y[s * VECTORS + v] = floats(b[i / 4 + v]);
        } else {
            let next = floats(b[i / 4 + v + 1]);
            y[s * VECTORS + v] = moved(four, next, i);
            four = next;
        }
        if !WHOLE { y[s * VECTORS + v] = select(vec4(0.0), y[s * VECTORS + v], s < left); }
    }
}

fn columns_at(s: u32, v: u32) -> vec4<f32> {
    if TRANSPOSE_B { return vec4(y[4 * v][s], y[4 * v + 1][s], y[4 * v + 2][s], y[4 * v + 3][s]); }
    return y[s * VECTORS + v];
}

// Adds the four steps to one vector of sums; lane `lane` has the row as its number `own`.
fn cell(row: u32, v: u32, lane: u32, own: u32) {
    var sum = sums[row * VECTORS + v];
    for (var s = 0u; s < 4; s++) { sum = fma(vec4(subgroupShuffle(x[own][s], lane)), columns_at(s, v), sum); }
    sums[row * VECTORS + v] = sum;
}

fn row_of(lane: u32, own: u32) {
    let row = own * LANES + lane;
    cell(row, 0, lane, own);
    if VECTORS > 1 { cell(row, 1, lane, own); }
}

fn rows_of(own: u32) {
    row_of(0, own);
    if ROWS > 1 { row_of(1, own); }
    if ROWS > 2 { row_of(2, own); }
    if ROWS > 3 { row_of(3, own); }
    if ROWS > 4 { row_of(4, own); row_of(5, own); row_of(6, own); row_of(7, own); }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.columns + 4 * VECTORS * LANES - 1) / (4 * VECTORS * LANES);
    let down = (params.rows + ROWS - 1) / ROWS;
    let batch = group / (across * down);
    let row = group % down * ROWS; // groups that follow each other read the same columns of b
    let column = (group / down % across * LANES + lane) * (4 * VECTORS);

    // rows and columns past the last read the last again
    let a_start = params.a_skip + batch * params.a_stride;
    let rows = a_start + min(vec4(row) + lane + LANES * vec4(0u, 1, 2, 3), vec4(params.rows - 1)) * params.depth;
    let b_start = params.b_skip + batch * params.b_stride;
    if HAS_BIAS && CHANNELS_ARE_ROWS {
        for (var own = 0u; own < (ROWS + LANES - 1) / LANES; own++) {
            let added = bias[params.bias_skip + min(row + lane + LANES * own, params.rows - 1)];
            for (var r = 0u; r < min(ROWS, LANES); r++) {
                let value = vec4(subgroupShuffle(added, r));
                for (var v = 0u; v < VECTORS; v++) { sums[(own * LANES + r) * VECTORS + v] = value; }
            }
        }
    }
    if HAS_BIAS && !CHANNELS_ARE_ROWS {
        for (var v = 0u; v < VECTORS; v++) {
            let first = params.bias_skip + column + 4 * v; // those past the last column are not stored
            let added = vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
            for (var r = 0u; r < ROWS; r++) { sums[r * VECTORS + v] = added; }
        }
    }
    var columns: array<u32, 8>;
    for (var c = 0u; c < 4 * VECTORS; c++) { columns[c] = b_start + min(column + c, params.columns - 1) * params.depth; }
    if !ALIGNED_A {
        for (var own = 0u; own < (ROWS + LANES - 1) / LANES; own++) { x_next[own] = floats(a[rows[own] / 4]); }
    }
    if TRANSPOSE_B && !ALIGNED_B {
        for (var c = 0u; c < 4 * VECTORS; c++) { y_next[c] = floats(b[columns[c] / 4]); }
    }
    for (var k = 0u; k < params.depth; k += 4u) {
        let left = params.depth - k;
        load_row(0, rows.x + k, left);
        if ROWS > LANES { load_row(1, rows.y + k, left); }
        if ROWS > 2 * LANES { load_row(2, rows.z + k, left); load_row(3, rows.w + k, left); }
        if TRANSPOSE_B {
            for (var c = 0u; c < 4 * VECTORS; c++) { load_column(c, columns[c] + k, left); }
        } else {
            for (var s = 0u; s < 4; s++) { load_step(s, b_start + (k + s) * params.columns + column, left); }
        }
        rows_of(0);
        if ROWS > LANES { rows_of(1); }
        if ROWS > 2 * LANES { rows_of(2); rows_of(3); }
    }
    // one row at a time: the first row of sums is stored, then all move up, so that no index into sums depends on r
    var i = params.output_skip + batch * params.output_stride + row * params.output_pitch + column;
    for (var r = row; r < min(row + ROWS, params.rows); r++) {
        for (var v = 0u; v < VECTORS; v++) {
            let left = params.columns - min(column + 4 * v, params.columns);
            let first = i + 4 * v;
            let done = finish(sums[v], first, select(column + 4 * v, r, CHANNELS_ARE_ROWS));
            note(done, left);
            if ALIGNED_OUTPUT {
                if left > 0 { output[first / 4] = done; }
            } else {
                if left > 0 { output[first / 4][first % 4] = done.x; }
                if left > 1 { output[(first + 1) / 4][(first + 1) % 4] = done.y; }
                if left > 2 { output[(first + 2) / 4][(first + 2) % 4] = done.z; }
                if left > 3 { output[(first + 3) / 4][(first + 3) % 4] = done.w; }
            }
        }
        for (var s = 0u; s < ROWS - 1; s++) {
            for (var v = 0u; v < VECTORS; v++) { sums[s * VECTORS + v] = sums[(s + 1) * VECTORS + v]; }
        }
        i += params.output_pitch;
    }
    noted();
}
