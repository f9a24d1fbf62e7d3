// How kernels of attention and of its gradient on tiles read rows: four elements at a time. READ names the bindings that have any.

@group(0) @binding(1) var<storage, read> query: array<Item>;  // (batch, heads, queries, head_size)
@group(0) @binding(2) var<storage, read> key: array<Item>;    // (batch, heads / sharing, keys, head_size)
@group(0) @binding(3) var<storage, read> value: array<Item>;  // (batch, heads / sharing, keys, value_size)

// Where a row begins, and how many items it has: of four elements, or of one.
fn row_of(skip: u32, row: u32, elements: u32) -> vec2<u32> {
    let items = elements / LANES;
    return vec2(skip + row * items, items);
}

fn query_row(row: u32) -> vec2<u32> {
    return row_of(params.query_skip, row, params.head_size);
}

fn key_row(row: u32) -> vec2<u32> {
    return row_of(params.key_skip, row, params.head_size);
}

fn value_row(row: u32) -> vec2<u32> {
    return row_of(params.value_skip, row, params.value_size);
}

#for input READ
// The x-th vec4 of a row, with zeros past its end, and for a row that is not there.
fn $input_item(row: u32, x: u32, there: bool) -> vec4<f32> {
    let place = $input_row(row);
    let size = select(0u, place.y, there);
    if (LANES == 4u) {
        return $input_four(place.x, x, size);
    }
    let at = x * 4u;
    let start = place.x;
    return vec4($input_one(start, at, size), $input_one(start, at + 1u, size), $input_one(start, at + 2u, size), $input_one(start, at + 3u, size));
}

fn $input_four(start: u32, x: u32, size: u32) -> vec4<f32> {
    if (x < size) {
        return vec4<f32>($input[start + x]);
    }
    return vec4(0.0);
}

fn $input_one(start: u32, x: u32, size: u32) -> f32 {
    if (x < size) {
        return lane($input[start + x], 0u);
    }
    return 0.0;
}
#end
