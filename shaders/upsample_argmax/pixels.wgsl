// upsample_argmax/pixels: one invocation per output pixel, class after class. Where the pixel lies in the input is found once.
#import divide
#import index
#import line
#import order
#import sample

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
    count: u32,              // pixels
    input_skip: u32,
    output_skip: u32,
}

const BILINEAR: u32 = 0u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // (N, classes, H, W)
@group(0) @binding(2) var<storage, read_write> output: array<i32>;  // (N, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let image = divide(index, params.output_size.x * params.output_size.y);
    let pixel = divide(image.y, params.output_size.x);
    let x = taps(place(vec4<u32>(pixel.y), params.x_whole, params.x_real), params.input_size.x);
    let y = taps(place(vec4<u32>(pixel.x), params.y_whole, params.y_real), params.input_size.y);

    let plane = params.input_size.x * params.input_size.y;
    var src = params.input_skip + image.x * params.classes * plane;
    // No number's key is 0, so the first class is better than nothing.
    var best = 0u;
    var found = 0u;
    for (var k = 0u; k < params.classes; k++) {
        let key = order_key(bitcast<u32>(sample(BILINEAR, src, params.input_size.x, x, y)));
        let wins = (key > best) | ((key == best) & (LAST == 1u));
        best = select(best, key, wins);
        found = select(found, k, wins);
        src += plane;
    }
    output[params.output_skip + index] = i32(found);
}

// The two pixels that a position lies between; outside, the nearest one inside.
fn taps(p: Place, size: u32) -> Taps {
    let at = clamp(p.whole.x + vec4<i32>(0, 1, 1, 1), vec4<i32>(0), vec4<i32>(i32(size) - 1));
    return Taps(vec4<u32>(at), vec4<f32>(1.0 - p.part.x, p.part.x, 0.0, 0.0));
}
