// conv_transpose2d/direct: one invocation per LANES neighbouring outputs; it steps from one tap that counts to the next.
#import index
#import phases
#import noted

override WORKGROUP: u32 = 64u;

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    y: array<vec4<u32>, 2>,  // see phases
    x: array<vec4<u32>, 2>,
    padding: vec2<u32>,      // y, x
    output_size: vec2<u32>,
    count: u32,              // invocations
    groups: u32,             // of channels, in this launch
    out_channels: u32,       // of a group, in this launch
    channels: u32,           // input channels of a group
    input_channels: u32,     // between images
    weight_channel: u32,     // elements of the weight for one input channel
    weight_first: u32,       // where this launch's first group and channel begin
    input_skip: u32,
    output_skip: u32,
    bias_first: u32,
    has_bias: u32,           // 0 reads the first of the zeros that stand in for it
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<Lanes>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<Lanes>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    // Division is slow, so remainders are taken by hand.
    let width = params.output_size.y / LANES;
    let row = index / width;
    let plane = row / params.output_size.x;
    let x = taps((index - row * width) * LANES + params.padding.y, params.x);
    let y = taps(row - plane * params.output_size.x + params.padding.x, params.y);
    let group_at = plane / params.out_channels;
    let channel = plane - group_at * params.out_channels;
    let n = group_at / params.groups;
    let channel_group = group_at - n * params.groups;

    let kernel_w = params.x[1].z;
    let input_w = params.x[1].w;
    let input_plane = params.y[1].w * input_w;
    let first = channel_group * params.channels;
    var input_at = params.input_skip + (n * params.input_channels + first) * input_plane + y.input * input_w + x.input;
    var weight_at = params.weight_first + first * params.weight_channel + (channel * params.y[1].z + y.kernel) * kernel_w + x.kernel;
    var sum = Lanes();
    for (var c = 0u; c < params.channels; c++) {
        var input_row = input_at;
        var weight_row = weight_at;
        for (var ty = 0u; ty < y.count; ty++) {
            var i = input_row;
            var w = weight_row;
            for (var tx = 0u; tx < x.count; tx++) {
                sum += input[i] * weight[w / LANES];
                i -= params.x[1].y;
                w += params.x[0].w;
            }
            input_row -= params.y[1].y * input_w;
            weight_row += params.y[0].w * kernel_w;
        }
        input_at += input_plane;
        weight_at += params.weight_channel;
    }
    let output_channel = params.bias_first + channel_group * params.out_channels + channel;
    let done = sum + Lanes(bias[output_channel * params.has_bias]);
    let finished = finish(done, params.output_skip + index * LANES, output_channel);
    note(finished, LANES);
    output[params.output_skip / LANES + index] = finished;
    noted();
}
