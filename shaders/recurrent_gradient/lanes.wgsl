// recurrent_gradient, for software adapters whose subgroup is one vector of 8 lanes. Rows are sequences, columns units.
#import index
#import recurrent_gradient
#import lanes

@group(0) @binding(2) var<storage, read> b: array<vec2<u64>>; // the weights' transpose, (D, H, GATES * H)
@group(0) @binding(3) var<storage, read> a: array<vec2<u64>>; // what is multiplied with them, (D, B, depth)

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
    let across = (params.hidden + 4 * VECTORS * LANES - 1) / (4 * VECTORS * LANES);
    let down = (params.batch + ROWS - 1) / ROWS;
    return Tile(group % down * ROWS, (group / down % across * LANES + lane) * 4 * VECTORS, group / (across * down));
}

// Sequences and units past the last read the last again.
fn row_at(r: u32, tile: Tile) -> u32 {
    return (tile.direction * params.batch + min(tile.row + r, params.batch - 1)) * params.depth;
}

fn column_at(c: u32, tile: Tile) -> u32 {
    return (tile.direction * params.hidden + min(tile.unit + c, params.hidden - 1)) * GATES * params.hidden + params.first;
}

fn step_at(k: u32, tile: Tile) -> u32 {
    return 0; // weights are read along depth
}

fn begin(tile: Tile, lane: u32) {}

fn rows_left(tile: Tile) -> u32 {
    return params.batch - tile.row;
}

fn keep(r: u32, v: u32, sums: vec4<f32>, tile: Tile) {
    let first = tile.unit + 4 * v;
    for (var unit = first; unit < min(first + 4, params.hidden); unit++) {
        retreat(tile.direction, tile.row + r, unit, sums[unit - first]);
    }
}
