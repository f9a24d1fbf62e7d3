// Matrix product for software adapters whose subgroup is one vector of 8 lanes.
#import index
#import matmul
#import lanes
#import vectors

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec2<u64>>; // [batch, rows, depth], four f32 each: half the loads
@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>; // [batch, depth, columns], or [batch, columns, depth] if TRANSPOSE_B
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns], or [rows] if CHANNELS_ARE_ROWS
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>; // [batch, rows, columns]

override HAS_BIAS: bool = false;
override CHANNELS_ARE_ROWS: bool = false; // to the bias and to what finishes

// A workgroup's first row and a thread's first column, and where their matrices begin. What params say is looked up once: they lie in a storage
// buffer here, which is read anew in every turn of a loop.
struct Tile {
    row: u32, column: u32,
    rows: u32, columns: u32, depth: u32,
    a: u32, b: u32, output: u32,
}

fn workgroups() -> u32 {
    return params.groups;
}

fn product_depth() -> u32 {
    return params.depth;
}

fn tile_of(group: u32, lane: u32) -> Tile {
    let across = (params.columns + 4 * VECTORS * LANES - 1) / (4 * VECTORS * LANES);
    let down = (params.rows + ROWS - 1) / ROWS;
    let batch = group / (across * down);
    // groups that follow each other read the same columns of b
    return Tile(
        group % down * ROWS, (group / down % across * LANES + lane) * (4 * VECTORS), params.rows, params.columns, params.depth,
        params.a_skip + batch * params.a_stride, params.b_skip + batch * params.b_stride, params.output_skip + batch * params.output_stride,
    );
}

// Rows and columns past the last read the last again.
fn row_at(r: u32, tile: Tile) -> u32 {
    return tile.a + min(tile.row + r, tile.rows - 1) * tile.depth;
}

fn column_at(c: u32, tile: Tile) -> u32 {
    return tile.b + min(tile.column + c, tile.columns - 1) * tile.depth;
}

fn step_at(k: u32, tile: Tile) -> u32 {
    return tile.b + k * tile.columns + tile.column;
}

fn begin(tile: Tile, lane: u32) {
    if HAS_BIAS && CHANNELS_ARE_ROWS {
        for (var own = 0u; own < (ROWS + LANES - 1) / LANES; own++) {
            let added = bias[params.bias_skip + min(tile.row + lane + LANES * own, tile.rows - 1)];
            for (var r = 0u; r < min(ROWS, LANES); r++) {
                let value = vec4(subgroupShuffle(added, r));
                for (var v = 0u; v < VECTORS; v++) { sums[(own * LANES + r) * VECTORS + v] = value; }
            }
        }
    }
    if HAS_BIAS && !CHANNELS_ARE_ROWS {
        for (var v = 0u; v < VECTORS; v++) {
            let first = params.bias_skip + tile.column + 4 * v; // those past the last column are not stored
            let added = vec4(bias[first], bias[first + 1], bias[first + 2], bias[first + 3]);
            for (var r = 0u; r < ROWS; r++) { sums[r * VECTORS + v] = added; }
        }
    }
}

fn rows_left(tile: Tile) -> u32 {
    return tile.rows - tile.row;
}

fn keep(r: u32, v: u32, sums: vec4<f32>, tile: Tile) {
    let row = tile.row + r;
    let column = tile.column + 4 * v;
    let left = tile.columns - min(column, tile.columns);
    let first = tile.output + row * params.output_pitch + column;
    put(finish(sums, first, select(column, row, CHANNELS_ARE_ROWS)), first, left);
}
