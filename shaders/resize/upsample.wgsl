// resize, bilinear upsampling: one invocation per tile of 4 x 4 output pixels and `chunk` planes.
// The output's rows are whole vec4s; rows below the last are computed and dropped.
#import divide
#import index
#import noted
#import upsample

alias Element = vec4<f32>;

override WORKGROUP: u32 = 64u;

struct Params {
    x_whole: vec4<u32>,      // a line of positions: include/line.wgsl
    x_real: vec4<f32>,
    y_whole: vec4<u32>,
    y_real: vec4<f32>,
    input_size: vec2<u32>,   // w, h
    output_size: vec2<u32>,
    planes: u32,             // N * C
    chunk: u32,              // planes of one invocation
    count: u32,              // tiles * planes / chunk, rounded up
    input_skip: u32,
    output_skip: u32,        // in vec4s
    rounding: u32,           // this and the rest: of resize/gather
    exclude_outside: u32,
    extrapolate: u32,
    extrapolation: f32,
    cubic_coefficient: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;                // (planes, H, W)
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;   // (planes, OH, OW / 4)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let across = params.output_size.x / 4u;
    let tiles = across * ((params.output_size.y + 3u) / 4u);
    let part = divide(index, tiles);
    let tile_x = divide(part.y, across).y;
    let tile_y = divide(part.y, across).x;
    let first = part.x * params.chunk;
    let end = min(first + params.chunk, params.planes);

    let px = place(4u * tile_x + vec4<u32>(0u, 1u, 2u, 3u), params.x_whole, params.x_real);
    let py = place(4u * tile_y + vec4<u32>(0u, 1u, 2u, 3u), params.y_whole, params.y_real);
    let x = between(px);
    let y = between(py);
    let columns = pixels(px.whole.x, params.input_size.x);
    let rows = pixels(py.whole.x, params.input_size.y) * params.input_size.x;
    let left = params.output_size.y - 4u * tile_y;

    for (var plane = first; plane < end; plane++) {
        let src = params.input_skip + plane * params.input_size.x * params.input_size.y;
        let a = spread(src + rows.x + columns, x);
        let b = spread(src + rows.y + columns, x);
        let c = spread(src + rows.z + columns, x);
        let d = spread(src + rows.w + columns, x);
        var dst = params.output_skip + (plane * params.output_size.y + 4u * tile_y) * across + tile_x;
        keep(dst, blend(a, b, c, d, y.second.x, y.third.x, y.part.x));
        if (left > 1u) {
            keep(dst + across, blend(a, b, c, d, y.second.y, y.third.y, y.part.y));
        }
        if (left > 2u) {
            keep(dst + 2u * across, blend(a, b, c, d, y.second.z, y.third.z, y.part.z));
        }
        if (left > 3u) {
            keep(dst + 3u * across, blend(a, b, c, d, y.second.w, y.third.w, y.part.w));
        }
    }
    noted();
}

fn keep(at: u32, pixels: vec4<f32>) {
    note(pixels, 4u);
    output[at] = pixels;
}
