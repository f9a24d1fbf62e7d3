// recurrent, lstm and gru, for software adapters whose subgroup is one vector of 8 lanes. Rows are sequences. Four columns are the gates of a
// unit, of which a gru leaves one empty, so that a thread has all the sums of a unit; or, where no gate needs another's, columns are the units
// of one gate after the other.
#import index
#import recurrent
#import lanes

@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>; // (D, GATES * H, H)
@group(0) @binding(4) var<storage, read> a: array<vec2<u64>>; // the states before, (D, B, H), or (B, D, H)

const BY_GATES = CELL != GRU && CELL != LSTM;

// A workgroup's first sequence and a thread's first column.
struct Tile {
    row: u32, column: u32, direction: u32,
}

fn columns() -> u32 {
    if BY_GATES { return SUMS * params.hidden; }
    return 4 * params.hidden;
}

fn workgroups() -> u32 {
    return params.count;
}

fn product_depth() -> u32 {
    return params.depth;
}

fn tile_of(group: u32, lane: u32) -> Tile {
    let across = (columns() + 4 * VECTORS * LANES - 1) / (4 * VECTORS * LANES);
    let down = (params.batch + ROWS - 1) / ROWS;
    return Tile(group % down * ROWS, (group / down % across * LANES + lane) * 4 * VECTORS, group / (across * down));
}

// Sequences and columns past the last read the last again.
fn row_at(r: u32, tile: Tile) -> u32 {
    return factors_at(tile.direction, min(tile.row + r, params.batch - 1));
}

fn column_at(c: u32, tile: Tile) -> u32 {
    let column = min(tile.column + c, columns() - 1);
    if BY_GATES { return weights_at(tile.direction, column / params.hidden, column % params.hidden); }
    return weights_at(tile.direction, c % 4, column / 4);
}

fn step_at(k: u32, tile: Tile) -> u32 {
    return 0; // weights are read along depth
}

fn begin(tile: Tile, lane: u32) {}

fn rows_left(tile: Tile) -> u32 {
    return params.batch - tile.row;
}

fn keep(r: u32, v: u32, sums: vec4<f32>, tile: Tile) {
    let first = tile.column + 4 * v;
    if BY_GATES {
        for (var column = first; column < min(first + 4, columns()); column++) {
            let place = Place(tile.direction, tile.row + r, column % params.hidden);
            advance_gate(place, column / params.hidden, sums[column - first]);
        }
    } else {
        advance_gates(Place(tile.direction, tile.row + r, first / 4), sums);
    }
}

fn h_at(at: u32) -> f32 {
    return floats(a[at / 4])[at % 4];
}
