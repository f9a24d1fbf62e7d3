// deform_conv2d: one invocation per element of the columns: an input read where the offsets say, times the mask.
#import index
#import nan

override WORKGROUP: u32 = 64u;
override MASKED: bool = false;

struct Params {
    input_size: vec2<u32>,    // y, x, as are all pairs
    output_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
    padding: vec2<u32>,       // above and to the left
    channels: u32,
    per_group: u32,           // channels that share offsets
    count: u32,
    input_skip: u32,
    offset_skip: u32,
    mask_skip: u32,
    columns_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;           // (N, C, H, W)
@group(0) @binding(2) var<storage, read> offset: array<f32>;          // (N, offset groups, KH * KW, 2, OH, OW)
@group(0) @binding(3) var<storage, read> mask: array<f32>;            // (N, offset groups, KH * KW, OH, OW)
@group(0) @binding(4) var<storage, read_write> columns: array<f32>;   // (N, C, KH * KW, OH * OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let area = params.output_size.x * params.output_size.y;
    let taps = params.kernel.x * params.kernel.y;
    let row = index / area;
    let at = index - row * area;
    let plane = row / taps;
    let tap = row - plane * taps;
    let image = plane / params.channels;
    let shared_group = plane % params.channels / params.per_group;
    // Of the tap in the mask; the offsets have two for each.
    let own = (image * (params.channels / params.per_group) + shared_group) * taps + tap;

    let from_y = params.offset_skip + 2u * own * area + at;
    let moved = vec2(offset[from_y], offset[from_y + area]);
    let output = vec2(at / params.output_size.y, at % params.output_size.y);
    let cell = vec2(tap / params.kernel.y, tap % params.kernel.y);
    let corner = vec2<i32>(output * params.stride + cell * params.dilation) - vec2<i32>(params.padding);
    let place = vec2<f32>(corner) + moved;

    var value = 0.0;
    let nan = is_nan(moved.x) || is_nan(moved.y);
    if (!nan && all(place > vec2(-1.0)) && all(place < vec2<f32>(params.input_size))) {
        let low = vec2<i32>(floor(place));
        let part = place - floor(place);
        let base = params.input_skip + plane * params.input_size.x * params.input_size.y;
        value = (1.0 - part.x) * ((1.0 - part.y) * pixel(base, low) + part.y * pixel(base, low + vec2(0, 1)));
        value += part.x * ((1.0 - part.y) * pixel(base, low + vec2(1, 0)) + part.y * pixel(base, low + vec2(1, 1)));
    }
    if (MASKED) {
        value *= mask[params.mask_skip + own * area + at];
    }
    columns[params.columns_skip + index] = value;
}

fn pixel(base: u32, at: vec2<i32>) -> f32 {
    if (any(at < vec2(0)) || any(at >= vec2<i32>(params.input_size))) {
        return 0.0;
    }
    return input[base + u32(at.x) * params.input_size.y + u32(at.y)];
}

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) << 1u) > INFINITE_SHIFTED;
}
