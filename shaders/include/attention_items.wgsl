// How kernels of attention and of its gradient on tiles read rows: four elements at a time.

@group(0) @binding(1) var<storage, read> query: array<Item>;  // (batch, heads, queries, head_size)
@group(0) @binding(2) var<storage, read> key: array<Item>;    // (batch, heads / sharing, keys, head_size)
@group(0) @binding(3) var<storage, read> value: array<Item>;  // (batch, heads / sharing, keys, value_size)

// The x-th vec4 of a row, with zeros past its end, and for a row that is not there. A row is whole items, of four elements or of one.
fn query_item(row: u32, x: u32, there: bool) -> vec4<f32> {
    let size = select(0u, params.head_size / LANES, there);
    let at = params.query_skip + row * size;
    var item = vec4<f32>(0.0);
    if (LANES == 4u) {
        if (x < size) {
            item = vec4<f32>(query[at + x]);
        }
    } else {
        for (var c = 0u; c < 4u; c++) {
            if (x * 4u + c < size) {
                item[c] = lane(query[at + x * 4u + c], 0u);
            }
        }
    }
    return item;
}

fn key_item(row: u32, x: u32, there: bool) -> vec4<f32> {
    let size = select(0u, params.head_size / LANES, there);
    let at = params.key_skip + row * size;
    var item = vec4<f32>(0.0);
    if (LANES == 4u) {
        if (x < size) {
            item = vec4<f32>(key[at + x]);
        }
    } else {
        for (var c = 0u; c < 4u; c++) {
            if (x * 4u + c < size) {
                item[c] = lane(key[at + x * 4u + c], 0u);
            }
        }
    }
    return item;
}

fn value_item(row: u32, x: u32, there: bool) -> vec4<f32> {
    let size = select(0u, params.value_size / LANES, there);
    let at = params.value_skip + row * size;
    var item = vec4<f32>(0.0);
    if (LANES == 4u) {
        if (x < size) {
            item = vec4<f32>(value[at + x]);
        }
    } else {
        for (var c = 0u; c < 4u; c++) {
            if (x * 4u + c < size) {
                item[c] = lane(value[at + x * 4u + c], 0u);
            }
        }
    }
    return item;
}
