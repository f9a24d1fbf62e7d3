// The core of products for software adapters whose subgroup is one vector of 8 lanes; a workgroup is a subgroup. What is multiplied, and where it
// goes, is of what is imported before: a and b as Fours, workgroups, product_depth, tile_of for a lane, row_at, column_at or step_at, begin for
// what sums begin as, and rows_left and keep for four columns of a row, which notes what it stores.
//
// One thread computes ROWS x 4 * VECTORS elements, four steps of depth at a time. All threads of a workgroup compute the same rows: each loads
// those of every eighth row of a, and gets the others' by shuffles, which cost a hundredth of a load. Steps are spelt out: what a loop carries
// is blended under the mask of active lanes in every turn.
#import fours
#import noted

override ROWS: u32 = 16; // 1 to 4, 8, 16 or 32
override VECTORS: u32 = 2; // 1 or 2
override TRANSPOSE_B: bool = false; // b is read along depth, from column_at; else along columns, from step_at
override WHOLE: bool = false; // whether depth divides by 4
// Whether whatever is added up to an index divides by 4: of a; of b.
override ALIGNED_A: bool = false;
override ALIGNED_B: bool = false;
const LANES: u32 = 8;

var<private> sums: array<vec4<f32>, 64>; // [row][vector]
var<private> of_rows: array<vec4<f32>, 4>; // four steps of this lane's row, and of those 8, 16 and 24 further
var<private> of_rows_next: array<vec4<f32>, 4>; // the vectors that hold the last of them, where rows do not start with a vector
var<private> of_columns: array<vec4<f32>, 8>; // [step][vector]: columns; or [column]: four steps
var<private> of_columns_next: array<vec4<f32>, 8>;

// Four neighbours from the one at `i`, of two vectors.
fn moved(first: vec4<f32>, second: vec4<f32>, i: u32) -> vec4<f32> {
    let odd = (i & 1) != 0;
    let one = select(first, vec4(first.yzw, second.x), odd);
    return select(one, vec4(one.zw, select(second.xy, second.yz, odd)), (i & 2) != 0);
}

// Four steps of a row.
fn load_row(own: u32, i: u32, left: u32) {
    if ALIGNED_A {
        of_rows[own] = floats(a[i / 4]);
    } else {
        let next = floats(a[i / 4 + 1]);
        of_rows[own] = moved(of_rows_next[own], next, i);
        of_rows_next[own] = next;
    }
    if !WHOLE { of_rows[own] = select(vec4(0.0), of_rows[own], vec4(0u, 1, 2, 3) < vec4(left)); }
}

// Four steps of a column of a transposed b.
fn load_column(c: u32, i: u32, left: u32) {
    if ALIGNED_B {
        of_columns[c] = floats(b[i / 4]);
    } else {
        let next = floats(b[i / 4 + 1]);
        of_columns[c] = moved(of_columns_next[c], next, i);
        of_columns_next[c] = next;
    }
    if !WHOLE { of_columns[c] = select(vec4(0.0), of_columns[c], vec4(0u, 1, 2, 3) < vec4(left)); }
}

// The columns at one step.
fn load_step(s: u32, i: u32, left: u32) {
    var four = floats(b[i / 4]);
    for (var v = 0u; v < VECTORS; v++) {
        if ALIGNED_B {
            of_columns[s * VECTORS + v] = floats(b[i / 4 + v]);
        } else {
            let next = floats(b[i / 4 + v + 1]);
            of_columns[s * VECTORS + v] = moved(four, next, i);
            four = next;
        }
        if !WHOLE { of_columns[s * VECTORS + v] = select(vec4(0.0), of_columns[s * VECTORS + v], s < left); }
    }
}

fn columns_at(s: u32, v: u32) -> vec4<f32> {
    if TRANSPOSE_B { return vec4(of_columns[4 * v][s], of_columns[4 * v + 1][s], of_columns[4 * v + 2][s], of_columns[4 * v + 3][s]); }
    return of_columns[s * VECTORS + v];
}

// Adds the four steps to one vector of sums; lane `lane` has the row as its number `own`.
fn cell(row: u32, v: u32, lane: u32, own: u32) {
    var sum = sums[row * VECTORS + v];
    for (var s = 0u; s < 4; s++) { sum = fma(vec4(subgroupShuffle(of_rows[own][s], lane)), columns_at(s, v), sum); }
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
    if group >= workgroups() { return; }
    let tile = tile_of(group, lane);
    let depth = product_depth();
    begin(tile, lane);
    let of_lane = vec4(lane) + LANES * vec4(0u, 1, 2, 3);
    let rows = vec4(row_at(of_lane.x, tile), row_at(of_lane.y, tile), row_at(of_lane.z, tile), row_at(of_lane.w, tile));
    var columns: array<u32, 8>;
    if TRANSPOSE_B {
        for (var c = 0u; c < 4 * VECTORS; c++) { columns[c] = column_at(c, tile); }
    }
    if !ALIGNED_A {
        for (var own = 0u; own < (ROWS + LANES - 1) / LANES; own++) { of_rows_next[own] = floats(a[rows[own] / 4]); }
    }
    if TRANSPOSE_B && !ALIGNED_B {
        for (var c = 0u; c < 4 * VECTORS; c++) { of_columns_next[c] = floats(b[columns[c] / 4]); }
    }
    for (var k = 0u; k < depth; k += 4u) {
        let left = depth - k;
        load_row(0, rows.x + k, left);
        if ROWS > LANES { load_row(1, rows.y + k, left); }
        if ROWS > 2 * LANES { load_row(2, rows.z + k, left); load_row(3, rows.w + k, left); }
        if TRANSPOSE_B {
            for (var c = 0u; c < 4 * VECTORS; c++) { load_column(c, columns[c] + k, left); }
        } else {
            for (var s = 0u; s < 4; s++) { load_step(s, step_at(k + s, tile), left); }
        }
        rows_of(0);
        if ROWS > LANES { rows_of(1); }
        if ROWS > 2 * LANES { rows_of(2); rows_of(3); }
    }
    // one row at a time: the first row of sums is kept, then all move up, so that no index into sums depends on r
    for (var r = 0u; r < min(ROWS, rows_left(tile)); r++) {
        for (var v = 0u; v < VECTORS; v++) { keep(r, v, sums[v], tile); }
        for (var s = 0u; s < ROWS - 1; s++) {
            for (var v = 0u; v < VECTORS; v++) { sums[s * VECTORS + v] = sums[(s + 1) * VECTORS + v]; }
        }
    }
    noted();
}
