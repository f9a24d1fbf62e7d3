// Transposed convolution for GPUs whose subgroups multiply matrices of f16: a class of phases (phases.rs) as one product of rows and
// places, whose steps are (input channel, tap y, tap x), the last fastest. Long sums are cut into slices, each to its own output.
#import index
#import conv_transpose2d
#import rows_places

override TAPS_H: u32 = 1; // params.taps_h and params.taps_w, 1 where there are none
override TAPS_W: u32 = 1;
override TAPS: u32 = TAPS_H * TAPS_W;
override WHOLE: bool = false; // each slice is whole steps of DEPTH

// What a thread knows before it starts.
struct Tile {
    begin: u32, end: u32, // the steps of the slice
    rows_left: u32, places_left: u32, // from the tile's first on
    corner: vec4<u32>, y: vec4<u32>, x: vec4<u32>, // of the four places that it loads: what the first tap meets in the first channel
}

fn workgroups() -> u32 {
    return params.row_tiles * params.place_tiles * params.groups * params.slices;
}

fn product_depth() -> u32 {
    return min(params.slice_products, params.products);
}

fn tile_of(group: u32, local: u32) -> Tile {
    let row_first = group % params.row_tiles * ROWS;
    let place_first = group / params.row_tiles % params.place_tiles * COLUMNS;
    let part = group / params.row_tiles / params.place_tiles;
    let slice = part / params.groups;
    for (var i = local; i < ROWS; i += WORKGROUP) {
        rows[i] = row(min(row_first + i, params.rows - 1), part % params.groups, slice);
    }
    for (var i = local; i < COLUMNS; i += WORKGROUP) {
        places[i] = place(min(place_first + i, params.places - 1), part % params.groups);
    }
    workgroupBarrier();
    let begin = slice * params.slice_products;
    let p = local % (COLUMNS / 4) * 4;
    let y = vec4(places[p].y, places[p + 1].y, places[p + 2].y, places[p + 3].y) - params.lag_h;
    let x = vec4(places[p].x, places[p + 1].x, places[p + 2].x, places[p + 3].x) - params.lag_w;
    let planes = vec4(places[p].input, places[p + 1].input, places[p + 2].input, places[p + 3].input);
    return Tile(
        begin, min(begin + params.slice_products, params.products), params.rows - row_first, params.places - place_first,
        planes + y * params.input_w + x, y, x,
    );
}

// Where block `n` of the weights lies: fours of steps, fours of rows. Neighbouring threads go along rows, as the weights of phases do.
fn block_a(n: u32) -> vec2<u32> {
    return vec2(n / (ROWS / 4), n % (ROWS / 4));
}

// The weights of four rows at step `k` of the whole.
fn weights_at(row_at: vec4<u32>, k: u32, tile: Tile) -> vec4<f32> {
    let tap = k % TAPS / TAPS_W * params.tap_step_h + k % TAPS_W * params.tap_step_w;
    return select(vec4(0.0), load_rows(row_at + k / TAPS * params.weight_channel + tap), WHOLE || k < tile.end);
}

// The block at step `k` of the slice: four rows of four steps each.
fn load_a(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let at = block_a(n) * 4;
    let row_at = vec4(rows[at.y].weight, rows[at.y + 1].weight, rows[at.y + 2].weight, rows[at.y + 3].weight);
    let step = tile.begin + k + at.x;
    return transpose(mat4x4(
        weights_at(row_at, step, tile), weights_at(row_at, step + 1, tile), weights_at(row_at, step + 2, tile), weights_at(row_at, step + 3, tile),
    ));
}

// Where block `n` of the gathered input lies: fours of steps, fours of places. Neighbouring threads read neighbouring places.
fn block_b(n: u32) -> vec2<u32> {
    return vec2(n / (COLUMNS / 4), n % (COLUMNS / 4));
}

// The input that step `k` of the whole meets at this thread's four places; in front of the first one the difference wraps around. What is
// read outside, wherever that is, does not count.
fn inputs_at(k: u32, tile: Tile) -> vec4<f32> {
    let y = k % TAPS / TAPS_W * params.input_step_h;
    let x = k % TAPS_W * params.input_step_w;
    let inside = (tile.y - y < vec4(params.input_h)) & (tile.x - x < vec4(params.input_w));
    let i = tile.corner + (k / TAPS * params.input_h - y) * params.input_w - x;
    return select(vec4(0.0), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), inside & vec4(WHOLE || k < tile.end));
}

// The block at step `k` of the slice: four steps of four places each.
fn load_b(n: u32, k: u32, tile: Tile) -> mat4x4<f32> {
    let step = tile.begin + k + block_b(n).x * 4;
    return mat4x4(inputs_at(step, tile), inputs_at(step + 1, tile), inputs_at(step + 2, tile), inputs_at(step + 3, tile));
}

// Stores the sums of four rows at a place.
fn keep(row: u32, place: u32, sums: vec4<f32>, tile: Tile) {
    if place < tile.places_left { store_rows(places[place], row, tile.rows_left, sums); }
}
#import matrices
