// scatter's item of the output, one element or four neighbours, and where what is put there is found. `start` is where its place along the line
// is said: the place itself, or where the updates that name it are counted.

override LOOPS: u32 = 1u;
override REPLACE: u32 = 1u;  // 1: the last update stands, 0: they combine

struct Params {
    sizes: array<vec4<u32>, 2>,           // of the loops over the output, innermost first
    output_strides: array<vec4<u32>, 2>,
    line_strides: array<vec4<u32>, 2>,    // to what is known of a line
    update_strides: array<vec4<u32>, 2>,  // to the first update of a line
    start_strides: array<vec4<u32>, 2>,
    count: u32,
    updates: u32,                         // of a line
    size: u32,                            // of a line
    index_step: u32,                      // from one index of a line to the next
    update_step: u32,                     // from one update of a line to the next
    output_start: u32,
    line_start: u32,
    update_start: u32,
    start_start: u32,
}

struct Spot {
    output: u32,
    line: u32,
    update: u32,
    start: u32,
}

fn spot(number: u32) -> Spot {
    var spot = Spot(params.output_start, params.line_start, params.update_start, params.start_start);
    var rest = number;
    for (var d = 0u; d < LOOPS; d++) {
        var at = rest;
        if (d + 1u < LOOPS) {
            rest /= params.sizes[d / 4u][d % 4u];
            at -= rest * params.sizes[d / 4u][d % 4u];
        }
        spot.output += at * params.output_strides[d / 4u][d % 4u];
        spot.line += at * params.line_strides[d / 4u][d % 4u];
        spot.update += at * params.update_strides[d / 4u][d % 4u];
        spot.start += at * params.start_strides[d / 4u][d % 4u];
    }
    return spot;
}

fn updated(value: Item, update: Item) -> Item {
    if (REPLACE == 1u) {
        return update;
    }
    return combine(value, update);
}
