// grid_sample: one invocation per output pixel and `chunk` channels. Where the pixel lies in the input, and the weights
// there, are found once. Neighbouring invocations are neighbouring pixels: grid and output are read and written in order.
#import index
#import affine
#import divide
#import noted
#import sample
#import sides

alias Element = vec4<f32>;

override WORKGROUP: u32 = 64u;
override AFFINE: bool = false;   // `grid` holds matrices, from which each pixel's place is computed

struct Params {
    input_size: vec2<u32>,   // w, h
    output_size: vec2<u32>,
    span: vec2<f32>,         // input pixels that -1..1 covers
    output_span: vec2<f32>,  // output pixels that -1..1 covers
    low: f32,                // where -1 is, in pixels of either
    channels: u32,
    chunk: u32,              // channels of one invocation
    chunks: u32,
    count: u32,              // N * chunks * OH * OW
    input_skip: u32,
    grid_skip: u32,          // in pairs
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (N, C, H, W)
@group(0) @binding(2) var<storage, read> grid: array<vec2<f32>>;     // (N, OH, OW) of x, y; AFFINE: (N, 2, 3) floats as (N, 3) pairs
@group(0) @binding(3) var<storage, read_write> output: array<f32>;   // (N, C, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let area = params.output_size.x * params.output_size.y;
    let part = divide(index, area);
    let image = divide(part.x, params.chunks);
    let pixel = part.y;
    let n = image.x;
    let first = image.y * params.chunk;
    let end = min(first + params.chunk, params.channels);

    let at = place(n, pixel, area);
    var inside = true;
    let x = taps(at.x, params.low, params.span.x, params.input_size.x, &inside);
    let y = taps(at.y, params.low, params.span.y, params.input_size.y, &inside);

    let width = params.input_size.x;
    let plane = width * params.input_size.y;
    var src = params.input_skip + (n * params.channels + first) * plane;
    var dst = params.output_skip + (n * params.channels + first) * area + pixel;
    var c = first;
    for (; c + 4u <= end; c += 4u) {
        // Four planes' loads before the first store, so that all are under way at once.
        let a = sample(MODE, src, width, x, y);
        let b = sample(MODE, src + plane, width, x, y);
        let d = sample(MODE, src + 2u * plane, width, x, y);
        let e = sample(MODE, src + 3u * plane, width, x, y);
        let values = select(vec4<f32>(0.0), vec4<f32>(a, b, d, e), inside);
        note(values, 4u);
        output[dst] = values.x;
        output[dst + area] = values.y;
        output[dst + 2u * area] = values.z;
        output[dst + 3u * area] = values.w;
        src += 4u * plane;
        dst += 4u * area;
    }
    for (; c < end; c++) {
        let value = select(0.0, sample(MODE, src, width, x, y), inside);
        note(vec4<f32>(value), 1u);
        output[dst] = value;
        src += plane;
        dst += area;
    }
    noted();
}

// The normalised place of an output pixel.
fn place(n: u32, pixel: u32, area: u32) -> vec2<f32> {
    if (AFFINE) {
        let matrix = params.grid_skip + 3u * n;
        let at = pixel_coordinate(divide(pixel, params.output_size.x).yx, params.low, params.output_span);
        return affine_map(grid[matrix], grid[matrix + 1u], grid[matrix + 2u], at);
    }
    return grid[params.grid_skip + n * area + pixel];
}
