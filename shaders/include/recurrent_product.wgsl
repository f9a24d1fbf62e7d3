// A step of lstm or gru for what computes products tile by tile: ROWS sequences and COLUMNS / 4 units of a direction, DEPTH steps at a time. Four
// columns are the gates of a unit, of which a gru leaves one empty: so four sums of a row are all those of a unit. The constants are of what
// imports this.
#import index
#import recurrent

@group(0) @binding(2) var<storage, read> recurrence: array<vec4<f32>>; // (D, GATES * H, H)
@group(0) @binding(4) var<storage, read> h_before: array<vec4<f32>>; // (D, B, H), or (B, D, H)

override ALIGNED: bool = false; // H divides by 4
override WHOLE: bool = false; // and by DEPTH

// The tile's first sequence and unit.
struct Tile {
    row: u32, unit: u32, direction: u32,
}

fn product_depth() -> u32 {
    return params.depth;
}

fn workgroups() -> u32 {
    return params.count;
}

fn tile_of(group: u32, local: u32) -> Tile {
    let across = (4 * params.hidden + COLUMNS - 1) / COLUMNS;
    let down = (params.batch + ROWS - 1) / ROWS;
    return Tile(group / across % down * ROWS, group % across * (COLUMNS / 4), group / (across * down));
}

// Four elements from the one at `i`, zeros past the first `valid`.
fn states_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return select(vec4(0.0), h_before[i / 4], WHOLE || valid > 0); }
    let four = vec4(h_at(i), h_at(i + 1), h_at(i + 2), h_at(i + 3));
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

fn gate_at(i: u32, valid: u32) -> vec4<f32> {
    if ALIGNED { return select(vec4(0.0), recurrence[i / 4], WHOLE || valid > 0); }
    let four = vec4(weight_at(i), weight_at(i + 1), weight_at(i + 2), weight_at(i + 3));
    return select(vec4(0.0), four, vec4(0u, 1, 2, 3) < vec4(valid));
}

fn h_at(at: u32) -> f32 {
    return h_before[at / 4][at % 4];
}

fn weight_at(at: u32) -> f32 {
    return recurrence[at / 4][at % 4];
}

// Where block `n` of the states lies: fours of steps, fours of sequences. Neighbouring threads go along steps.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n % (DEPTH / 4), n / (DEPTH / 4));
}

// Where block `n` of the weights lies: fours of steps, units.
fn block_b(n: u32) -> vec2<u32> {
    return block_a(n);
}

// The block at step `k`: four sequences of four steps each, zeros past the last step. Past the last sequence, and past the last unit, is
// whatever lies there, since no row or column of a product depends on another.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = k + block_a(n).x * 4;
    let valid = params.depth - min(depth, params.depth);
    let row = tile.row + block_a(n).y * 4;
    return mat4x4(
        states_at(state_at(tile.direction, row) + depth, valid),
        states_at(state_at(tile.direction, row + 1) + depth, valid),
        states_at(state_at(tile.direction, row + 2) + depth, valid),
        states_at(state_at(tile.direction, row + 3) + depth, valid),
    );
}

// The block at step `k`: four steps of the gates of a unit.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let depth = k + block_b(n).x * 4;
    let valid = params.depth - min(depth, params.depth);
    let unit = tile.unit + block_b(n).y;
    return transpose(mat4x4(
        gate_at(weights_at(tile.direction, 0, unit) + depth, valid),
        gate_at(weights_at(tile.direction, 1, unit) + depth, valid),
        gate_at(weights_at(tile.direction, 2, unit) + depth, valid),
        gate_at(weights_at(tile.direction, 3, unit) + depth, valid),
    ));
}

fn keep(row: u32, column: u32, sums: vec4<f32>, tile: Tile) {
    advance_gates(Place(tile.direction, tile.row + row, tile.unit + column / 4), sums);
}
