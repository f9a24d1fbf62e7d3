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
    var item = vec4<f32>(0.0);
    if (LANES == 4u) {
        if (x < size) {
            item = vec4<f32>($input[place.x + x]);
        }
    } else {
        for (var c = 0u; c < 4u; c++) {
            if (x * 4u + c < size) {
                item[c] = lane($input[place.x + x * 4u + c], 0u);
            }
        }
    }
    return item;
}
#end
