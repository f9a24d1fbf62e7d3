// recurrent, lstm and gru, for software adapters whose subgroup is one vector of 8 lanes. Rows are sequences, four columns the gates of a unit, of
// which a gru leaves one empty: so a thread has all the sums of a unit.
#import index
#import recurrent
#import lanes

@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>; // (D, GATES * H, H)
@group(0) @binding(4) var<storage, read> a: array<vec2<u64>>; // the states before, (D, B, H), or (B, D, H)

// A workgroup's first sequence and a thread's first unit.
struct Tile {
    row: u32, unit: u32, direction: u32,
}

fn workgroups() -> u32 {
    return params.count;
}

fn product_depth() -> u32 {
    return params.depth;
}

fn tile_of(group: u32, lane: u32) -> Tile {
    let across = (params.hidden + VECTORS * LANES - 1) / (VECTORS * LANES);
    let down = (params.batch + ROWS - 1) / ROWS;
    return Tile(group % down * ROWS, (group / down % across * LANES + lane) * VECTORS, group / (across * down));
}

// Sequences and units past the last read the last again.
fn row_at(r: u32, tile: Tile) -> u32 {
    return state_at(tile.direction, min(tile.row + r, params.batch - 1));
}

fn column_at(c: u32, tile: Tile) -> u32 {
    return weights_at(tile.direction, c % 4, min(tile.unit + c / 4, params.hidden - 1));
}

fn step_at(k: u32, tile: Tile) -> u32 {
    return 0; // weights are read along depth
}

fn begin(tile: Tile, lane: u32) {}

fn rows_left(tile: Tile) -> u32 {
    return params.batch - tile.row;
}

fn keep(r: u32, v: u32, sums: vec4<f32>, tile: Tile) {
    advance_gates(Place(tile.direction, tile.row + r, tile.unit + v), sums);
}

fn h_at(at: u32) -> f32 {
    return floats(a[at / 4])[at % 4];
}
