// matmul for what computes it tile by tile: ROWS rows and COLUMNS columns of one output matrix, DEPTH steps at a time. The constants
// are of what imports this. Long sums may be cut into slices, each with a copy of the output.
#import index
#import matmul

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>; // [batch, rows, depth]
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [batch, rows, columns]

override TRANSPOSE_B: bool = false;
override HAS_BIAS: bool = false;
override ALIGNED_A: bool = false; // depth, a_stride and a_skip divide by 4
override ALIGNED_B: bool = false; // columns (depth if TRANSPOSE_B), b_stride and b_skip divide by 4
override WHOLE: bool = false; // each slice is whole steps of DEPTH

// The tile's first row and column, its matrix, and the steps of its slice.
struct Tile {
    row: u32, column: u32, batch: u32,
    begin: u32, end: u32,
    output: u32, // where the output matrix begins
}

fn product_depth() -> u32 {
    return params.slice_depth;
}

fn workgroups() -> u32 {
    return params.groups;
}

fn tile_of(group: u32, local: u32) -> Tile {
    let across = (params.columns + COLUMNS - 1) / COLUMNS;
    let down = (params.rows + ROWS - 1) / ROWS;
    let batch = group / (across * down) % params.batches;
    let slice = group / (across * down * params.batches);
    return Tile(
        group / across % down * ROWS, group % across * COLUMNS, batch,
        slice * params.slice_depth, min((slice + 1) * params.slice_depth, params.depth),
        params.output_skip + slice * params.slice_elements + batch * params.output_stride,
    );
}

// Four elements of a row of a, zeros past its first `valid`.
fn a_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED_A { return select(vec4(0.0), a[i / 4], WHOLE || valid > 0); }
    let four = vec4(a[i / 4][i % 4], a[(i + 1) / 4][(i + 1) % 4], a[(i + 2) / 4][(i + 2) % 4], a[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

fn b_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED_B { return select(vec4(0.0), b[i / 4], WHOLE || valid > 0); }
    let four = vec4(b[i / 4][i % 4], b[(i + 1) / 4][(i + 1) % 4], b[(i + 2) / 4][(i + 2) % 4], b[(i + 3) / 4][(i + 3) % 4]);
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

// Four of them.
fn b_block(i: vec4<u32>, valid: vec4<u32>) -> mat4x4<f32> {
    return mat4x4(b_at(i.x, valid.x), b_at(i.y, valid.y), b_at(i.z, valid.z), b_at(i.w, valid.w));
}

// Where block `n` of the a lies: fours of steps, fours of rows. Neighbouring threads go along steps.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n % (DEPTH / 4), n / (DEPTH / 4));
}

// The block at step `k`: four rows of four steps each, zeros past the last step. Past the last row is whatever lies there, since no row
// of a product depends on another.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = tile.begin + k + block_a(n).x * 4;
    let valid = tile.end - min(depth, tile.end);
    let row = vec4(0u, 1, 2, 3) + tile.row + block_a(n).y * 4;
    let i = row * params.depth + depth + params.a_skip + tile.batch * params.a_stride;
    return mat4x4(a_at(i.x, valid), a_at(i.y, valid), a_at(i.z, valid), a_at(i.w, valid));
}

// Where block `n` of b lies: fours of steps, fours of columns. Neighbouring threads read what is neighbours in memory.
fn block_b(n: u32) -> vec2<u32> {
    if TRANSPOSE_B { return vec2(n % (DEPTH / 4), n / (DEPTH / 4)); }
    return vec2(n / (COLUMNS / 4), n % (COLUMNS / 4));
}

// The block at step `k`: four steps of four columns each, zeros past the last step, and past the last column whatever lies there.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let four = vec4(0u, 1, 2, 3);
    let start = params.b_skip + tile.batch * params.b_stride;
    let first = vec2(tile.begin + k, tile.column) + block_b(n) * 4;
    if TRANSPOSE_B {
        let valid = tile.end - min(first.x, tile.end);
        return transpose(b_block((four + first.y) * params.depth + first.x + start, vec4(valid)));
    }
    let depth = four + first.x;
    return b_block(depth * params.columns + first.y + start, select(vec4(0u), vec4(4u), depth < vec4(tile.end)));
}

// Stores four sums of row `row` of the tile.
fn keep(row: u32, column: u32, sums: vec4<f32>, tile: Tile) {
    let r = tile.row + row;
    let c = tile.column + column;
    let i = tile.output + r * params.output_pitch + c;
    var done = sums;
    if HAS_BIAS {
        let first = params.bias_skip + c; // those past the last column are not stored
        done += vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
    }
    done = finish(done, i, c);
    note(done, select(0u, params.columns - min(c, params.columns), r < params.rows));
#for e 4
    if r < params.rows && c + $e < params.columns { output[i + $e] = done[$e]; }
#end
}
