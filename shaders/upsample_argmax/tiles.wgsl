// upsample_argmax/tiles: one invocation per tile of 4 x 4 output pixels, class after class. Scores are those of resize/upsample, in the
// same order of products and sums; what is past the last column or row is computed and dropped.
#import divide
#import index
#import order
#import upsample

override WORKGROUP: u32 = 64u;
override LAST: u32 = 0u;

struct Params {
    x_whole: vec4<u32>,      // a line of positions: include/line.wgsl
    x_real: vec4<f32>,
    y_whole: vec4<u32>,
    y_real: vec4<f32>,
    input_size: vec2<u32>,   // w, h
    output_size: vec2<u32>,
    classes: u32,
    count: u32,              // tiles
    input_skip: u32,
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // (N, classes, H, W)
@group(0) @binding(2) var<storage, read_write> output: array<i32>;  // (N, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let across = (params.output_size.x + 3u) / 4u;
    let image = divide(index, across * ((params.output_size.y + 3u) / 4u));
    let tile = divide(image.y, across);
    let left = 4u * tile.y;
    let top = 4u * tile.x;

    let px = place(left + vec4<u32>(0u, 1u, 2u, 3u), params.x_whole, params.x_real);
    let py = place(top + vec4<u32>(0u, 1u, 2u, 3u), params.y_whole, params.y_real);
    let x = between(px);
    let y = between(py);
    let columns = pixels(px.whole.x, params.input_size.x);
    let rows = pixels(py.whole.x, params.input_size.y) * params.input_size.x;

    // No number's key is 0, so the first class is better than nothing.
    var first = Found();
    var second = Found();
    var third = Found();
    var fourth = Found();
    let plane = params.input_size.x * params.input_size.y;
    var src = params.input_skip + image.x * params.classes * plane;
    for (var k = 0u; k < params.classes; k++) {
        let a = spread(src + rows.x + columns, x);
        let b = spread(src + rows.y + columns, x);
        let c = spread(src + rows.z + columns, x);
        let d = spread(src + rows.w + columns, x);
        first = better(first, blend(a, b, c, d, y.second.x, y.third.x, y.part.x), k);
        second = better(second, blend(a, b, c, d, y.second.y, y.third.y, y.part.y), k);
        third = better(third, blend(a, b, c, d, y.second.z, y.third.z, y.part.z), k);
        fourth = better(fourth, blend(a, b, c, d, y.second.w, y.third.w, y.part.w), k);
        src += plane;
    }
    let dst = params.output_skip + (image.x * params.output_size.y + top) * params.output_size.x + left;
    let size = params.output_size - vec2<u32>(left, top);
    store(dst, first.label, size, 0u);
    store(dst, second.label, size, 1u);
    store(dst, third.label, size, 2u);
    store(dst, fourth.label, size, 3u);
}

// The best class of four neighbours so far, and the key of its score.
struct Found {
    key: Item,
    label: Item,
}

fn better(best: Found, score: vec4<f32>, k: u32) -> Found {
    let key = order_key(bitcast<Item>(score));
    let wins = (key > best.key) | ((key == best.key) & Flags(LAST == 1u));
    return Found(select(best.key, key, wins), select(best.label, Item(k), wins));
}

// Row `row` of a tile of which `size` is inside.
fn store(at: u32, label: Item, size: vec2<u32>, row: u32) {
    if (row < size.y) {
        let dst = at + row * params.output_size.x;
        output[dst] = i32(label.x);
        if (size.x > 1u) {
            output[dst + 1u] = i32(label.y);
        }
        if (size.x > 2u) {
            output[dst + 2u] = i32(label.z);
        }
        if (size.x > 3u) {
            output[dst + 3u] = i32(label.w);
        }
    }
}
