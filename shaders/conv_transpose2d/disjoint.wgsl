// conv_transpose2d/disjoint: kernels as large as the stride, so that an output meets one input of each channel.
//
// An invocation takes four neighbouring inputs and one row of the kernel, and makes the 4 TAPS neighbouring outputs where they meet:
// input[4 i + a] and tap k in output 4 TAPS i + TAPS a + k of the row.
#import component
#import index
#import noted

override WORKGROUP: u32 = 64u;

struct Params {
    finish: array<vec4<u32>, 4>, // numbers of the header's `finish`
    count: u32,              // invocations
    input_fours: u32,        // in a row of the input
    input_h: u32,
    kernel_h: u32,
    groups: u32,             // of channels, in this launch
    out_channels: u32,       // of a group, in this launch
    channels: u32,           // input channels of a group
    input_channels: u32,     // between images
    weight_channel: u32,     // elements of the weight for one input channel
    weight_first: u32,       // where this launch's first group and channel begin
    input_skip: u32,         // in fours, as output_skip
    output_skip: u32,
    bias_first: u32,
    has_bias: u32,           // 0 reads the first of the zeros that stand in for it
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    // Invocations follow each other as their outputs do: by plane, row of the input, row of the kernel, four.
    let row = index / params.input_fours;
    let input_row = row / params.kernel_h;
    let plane = input_row / params.input_h;
    let group_at = plane / params.out_channels;
    let channel = plane - group_at * params.out_channels;
    let n = group_at / params.groups;
    let channel_group = group_at - n * params.groups;

    let input_plane = params.input_h * params.input_fours;
    let first = channel_group * params.channels;
    let kernel_row = channel * params.kernel_h + row - input_row * params.kernel_h;
    var input_at = params.input_skip + (n * params.input_channels + first) * input_plane
        + (input_row - plane * params.input_h) * params.input_fours + index - row * params.input_fours;
    var weight_at = params.weight_first + first * params.weight_channel + kernel_row * TAPS;
    var sums = array<vec4<f32>, TAPS>();
    for (var c = 0u; c < params.channels; c++) {
        let values = input[input_at];
        for (var k = 0u; k < TAPS; k++) {
            sums[k] += values * weight[weight_at + k];
        }
        input_at += input_plane;
        weight_at += params.weight_channel;
    }

    let output_channel = params.bias_first + channel_group * params.out_channels + channel;
    let added = bias[output_channel * params.has_bias];
    for (var v = 0u; v < TAPS; v++) {
        let a = 4u * v;
        let b = a + 1u;
        let c = a + 2u;
        let d = a + 3u;
        var done = vec4(component(sums[a % TAPS], a / TAPS), component(sums[b % TAPS], b / TAPS), component(sums[c % TAPS], c / TAPS), component(sums[d % TAPS], d / TAPS));
        let at = params.output_skip + index * TAPS + v;
        done = finish(done + added, 4u * at, output_channel);
        note(done, 4u);
        output[at] = done;
    }
    noted();
}
