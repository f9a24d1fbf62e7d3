// What attention/tile and attention/matrices share: their bindings, four elements of a row at a time, and masks.
#import attention

override MASK: u32 = 0u;  // 1: bool, 2: added
override CAUSAL: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<Item>;         // (batch, heads, queries, head_size)
@group(0) @binding(2) var<storage, read> key: array<Item>;           // (batch, heads / sharing, keys, head_size)
@group(0) @binding(3) var<storage, read> value: array<Item>;         // (batch, heads / sharing, keys, value_size)
@group(0) @binding(4) var<storage, read> mask: array<u32>;           // bool or the bits of f32
@group(0) @binding(5) var<storage, read_write> output: array<Scalar>;  // (batch, heads, queries, value_size)

struct Added {
    allowed: bool,
    score: f32,
}

// What the mask's word `at` says of a key.
fn mask_adds(at: u32) -> Added {
    let bits = mask[at];
    if (MASK == 1u) {
        return Added(bits != 0u, 0.0);
    }
    let score = bitcast<f32>(bits);
    return Added(!(score <= FORBIDDEN), score);
}

// Four elements of an output row, as far as it reaches.
fn store(start: u32, column: u32, item: vec4<f32>) {
    for (var c = 0u; c < 4u; c++) {
        if (column + c < params.value_size) {
            output[start + column + c] = item[c];
        }
    }
}

// The x-th vec4 of a row, with zeros past its end. A row is whole items, of four elements or of one.
fn query_item(row: u32, x: u32) -> vec4<f32> {
    let size = params.head_size / LANES;
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

fn key_item(head: u32, j: u32, x: u32) -> vec4<f32> {
    let size = select(0u, params.head_size / LANES, j < params.keys);
    let at = params.key_skip + (head * params.keys + j) * size;
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

fn value_item(head: u32, j: u32, x: u32) -> vec4<f32> {
    let size = select(0u, params.value_size / LANES, j < params.keys);
    let at = params.value_skip + (head * params.keys + j) * size;
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
