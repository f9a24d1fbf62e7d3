// conv_transpose3d: one invocation per output of CHANNELS channels; it steps from one tap that counts to the next.
#import component
#import index
#import phases

override WORKGROUP: u32 = 64u;
override CHANNELS: u32 = 4u;  // or 1

struct Params {
    z: array<vec4<u32>, 2>,  // see phases
    y: array<vec4<u32>, 2>,
    x: array<vec4<u32>, 2>,
    padding: vec4<u32>,      // z, y, x
    output_size: vec4<u32>,
    count: u32,              // invocations
    groups: u32,             // of channels, in this launch
    blocks: u32,             // of CHANNELS channels of a group, in this launch
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
@group(0) @binding(1) var<storage, read> input: array<f32>;          // (N, groups C, D, H, W)
@group(0) @binding(2) var<storage, read> weight: array<f32>;         // (groups C, M, KD, KH, KW)
@group(0) @binding(3) var<storage, read> bias: array<f32>;           // (groups M)
@group(0) @binding(4) var<storage, read_write> output: array<f32>;   // (N, groups M, OD, OH, OW)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let size = params.output_size;
    let row = index / size.z;
    let plane = row / size.y;
    let volume = plane / size.x;
    let at = vec3(plane - volume * size.x, row - plane * size.y, index - row * size.z);
    let z = taps(at.x + params.padding.x, params.z);
    let y = taps(at.y + params.padding.y, params.y);
    let x = taps(at.z + params.padding.z, params.x);
    let group_at = volume / params.blocks;
    let channel = (volume - group_at * params.blocks) * CHANNELS;
    let more = min(params.out_channels - channel, CHANNELS) - 1u;
    let n = group_at / params.groups;
    let channel_group = group_at - n * params.groups;

    let kernel_size = vec3(params.z[1].z, params.y[1].z, params.x[1].z);
    let input_size = vec3(params.z[1].w, params.y[1].w, params.x[1].w);
    let first = channel_group * params.channels;
    var input_at = params.input_skip
        + (((n * params.input_channels + first) * input_size.x + z.input) * input_size.y + y.input) * input_size.z + x.input;
    var weight_at = params.weight_first + first * params.weight_channel
        + ((channel * kernel_size.x + z.kernel) * kernel_size.y + y.kernel) * kernel_size.z + x.kernel;
    // Channels behind the last one read its weights.
    let next = min(vec4(0u, 1u, 2u, 3u), vec4(more)) * (kernel_size.x * kernel_size.y * kernel_size.z);
    var sums = vec4(0.0);
    for (var c = 0u; c < params.channels; c++) {
        var input_plane = input_at;
        var weight_plane = weight_at;
        for (var tz = 0u; tz < z.count; tz++) {
            var input_row = input_plane;
            var weight_row = weight_plane;
            for (var ty = 0u; ty < y.count; ty++) {
                var i = input_row;
                var w = weight_row;
                for (var tx = 0u; tx < x.count; tx++) {
                    let value = input[i];
                    if (CHANNELS == 1u) {
                        sums.x += value * weight[w];
                    } else {
                        sums += value * vec4(weight[w], weight[w + next.y], weight[w + next.z], weight[w + next.w]);
                    }
                    i -= params.x[1].y;
                    w += params.x[0].w;
                }
                input_row -= params.y[1].y * input_size.z;
                weight_row += params.y[0].w * kernel_size.z;
            }
            input_plane -= params.z[1].y * input_size.y * input_size.z;
            weight_plane += params.z[0].w * kernel_size.y * kernel_size.z;
        }
        input_at += input_size.x * input_size.y * input_size.z;
        weight_at += params.weight_channel;
    }
    let length = size.x * size.y * size.z;
    let out_channel = channel_group * params.out_channels + channel;
    let to = params.output_skip + (n * params.groups * params.out_channels + out_channel) * length + (at.x * size.y + at.y) * size.z + at.z;
    for (var o = 0u; o <= more; o++) {
        output[to + o * length] = component(sums, o) + bias[(params.bias_first + out_channel + o) * params.has_bias];
    }
}
