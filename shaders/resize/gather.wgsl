// resize: one invocation per output pixel and `chunk` planes. Where the pixel lies in the input, and the weights there, are
// found once.
#import divide
#import index
#import line
#import noted
#import sample

alias Element = f32;

override WORKGROUP: u32 = 64u;
override MODE: u32 = 0u;   // 0 bilinear, 1 nearest, 2 bicubic

struct Params {
    x_whole: vec4<u32>,      // a line of positions: include/line.wgsl
    x_real: vec4<f32>,
    y_whole: vec4<u32>,
    y_real: vec4<f32>,
    input_size: vec2<u32>,   // w, h
    output_size: vec2<u32>,
    planes: u32,             // N * C
    chunk: u32,              // planes of one invocation
    count: u32,              // OH * OW * planes / chunk, rounded up
    input_skip: u32,
    output_skip: u32,
    rounding: u32,           // nearest: 0 round, halves down; 1 round, halves up; 2 floor; 3 ceil
    exclude_outside: u32,    // bicubic: leave out pixels outside
    extrapolate: u32,        // pixels outside are `extrapolation`
    extrapolation: f32,
    cubic_coefficient: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (planes, H, W)
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // (planes, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let area = params.output_size.x * params.output_size.y;
    let part = divide(index, area);
    let pixel = divide(part.y, params.output_size.x);
    let first = part.x * params.chunk;
    let end = min(first + params.chunk, params.planes);

    var inside = true;
    let px = place(vec4<u32>(pixel.y), params.x_whole, params.x_real);
    let py = place(vec4<u32>(pixel.x), params.y_whole, params.y_real);
    let x = taps(px.whole.x, px.part.x, params.input_size.x, &inside);
    let y = taps(py.whole.x, py.part.x, params.input_size.y, &inside);
    let outside = params.extrapolate != 0u && !inside;

    let width = params.input_size.x;
    let plane = width * params.input_size.y;
    var src = params.input_skip + first * plane;
    var dst = params.output_skip + first * area + part.y;
    for (var c = first; c < end; c++) {
        let value = select(sample(MODE, src, width, x, y), params.extrapolation, outside);
        note(value, 1u);
        output[dst] = value;
        src += plane;
        dst += area;
    }
    noted();
}

// What a position reads along a side of `size` pixels; clears `inside` where it is before the first or past the last.
fn taps(whole: i32, part: f32, size: u32, inside: ptr<function, bool>) -> Taps {
    let last = i32(size) - 1;
    *inside = *inside && whole >= 0 && (whole < last || (whole == last && part == 0.0));
    var at = whole + vec4<i32>(0, 1, 1, 1);
    var weight = vec4<f32>(1.0 - part, part, 0.0, 0.0);
    if (MODE == NEAREST) {
        at = vec4<i32>(whole + select(0, 1, rounds_up(part)));
    } else if (MODE == BICUBIC) {
        at = whole + vec4<i32>(-1, 0, 1, 2);
        weight = cubic_weights(part, params.cubic_coefficient);
        if (params.exclude_outside != 0u) {
            weight = select(vec4<f32>(0.0), weight, (at >= vec4<i32>(0)) & (at <= vec4<i32>(last)));
            weight /= dot(weight, vec4<f32>(1.0));
        }
    }
    return Taps(vec4<u32>(clamp(at, vec4<i32>(0), vec4<i32>(last))), weight);
}

fn rounds_up(part: f32) -> bool {
    switch params.rounding {
        case 0u: { return part > 0.5; }
        case 1u: { return part >= 0.5; }
        case 2u: { return false; }
        default: { return part > 0.0; }
    }
}
