// grid_sample/by_grid: TEAM invocations per place, each with every TEAM-th channel, add up how much the samples change as the place
// moves, weighted by the output's gradient. Neighbouring invocations are neighbouring places.
#import component
#import index
#import divide
#import sides

override WORKGROUP: u32 = 64u;
override TEAM: u32 = 1u;

struct Params {
    input_size: vec2<u32>,   // w, h
    span: vec2<f32>,         // input pixels that -1..1 covers
    low: f32,                // where -1 is
    area: u32,               // OH * OW
    channels: u32,
    count: u32,              // N * OH * OW
    input_skip: u32,
    grid_skip: u32,          // in pairs
    grad_skip: u32,
    output_skip: u32,        // in pairs
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;                // (N, C, H, W)
@group(0) @binding(2) var<storage, read> grid: array<vec2<f32>>;           // (N, OH, OW) of x, y
@group(0) @binding(3) var<storage, read> output_grad: array<f32>;          // (N, C, OH, OW)
@group(0) @binding(4) var<storage, read_write> output: array<vec2<f32>>;   // (N, OH, OW) of x, y

var<workgroup> parts: array<vec2<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let places = WORKGROUP / TEAM;
    let member = local / places;
    let number = group_index(group, groups) * places + local % places;
    let index = min(number, params.count - 1u);
    let channels = select(0u, params.channels, number < params.count);

    let image = divide(index, params.area);
    let place = grid[params.grid_skip + index];
    let size = params.input_size;
    let across = around(place.x, params.low, params.span.x, size.x);
    let down = around(place.y, params.low, params.span.y, size.y);
    let x = taps_of(across, size.x);
    let y = taps_of(down, size.y);
    let dx = slopes_of(across, size.x);
    let dy = slopes_of(down, size.y);
    // With zeros around, a place that is none has no samples.
    let moves = !(PADDING == 0u && (across.far || down.far));

    let plane = size.x * size.y;
    let first = params.input_skip + image.x * params.channels * plane;
    let grad = params.grad_skip + image.x * params.channels * params.area + image.y;
    var sum = vec2<f32>(0.0);
    for (var c = member; c < channels; c += TEAM) {
        sum += output_grad[grad + c * params.area] * slopes(first + c * plane, size.x, x, y, dx, dy);
    }
    parts[local] = sum;
    for (var half = TEAM / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (member < half) {
            parts[local] += parts[local + half * places];
        }
    }
    if (member == 0u && number < params.count) {
        output[params.output_skip + number] = select(vec2<f32>(0.0), parts[local], moves);
    }
}

// How the sample in the plane that starts at `base` changes with x and with y.
fn slopes(base: u32, width: u32, x: Taps, y: Taps, dx: Taps, dy: Taps) -> vec2<f32> {
    var sum = vec2<f32>(0.0);
    for (var i = 0u; i < select(2u, 4u, MODE == BICUBIC); i++) {
        let row = base + y.at[i] * width;
        var values = vec4<f32>(input[row + x.at.x], input[row + x.at.y], 0.0, 0.0);
        if (MODE == BICUBIC) {
            values.z = input[row + x.at.z];
            values.w = input[row + x.at.w];
        }
        sum += vec2<f32>(dot(values, dx.weight) * component(y.weight, i), dot(values, x.weight) * component(dy.weight, i));
    }
    return sum;
}
