// 2-d convolution (NCHW) of any kernel, stride, dilation, padding and grouping: the last resort, and good for small work.
// One thread computes four neighbouring pixels of one output channel. Of `Scalar`, f32 or i32, with `multiply_add` from the header.
#import index
#import conv2d
#import noted

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<Scalar>; // [images, input_channels, height, width]
@group(0) @binding(2) var<storage, read> weight: array<Scalar>; // [output_channels, group_inputs, kernel height, kernel width]
@group(0) @binding(3) var<storage, read> bias: array<Scalar>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<Scalar>; // [images, output_channels, height, width]

override WORKGROUP: u32 = 64;
override HAS_BIAS: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.output_size.y + 3) / 4;
    let tile = group * WORKGROUP + local;
    let x = tile % across * 4;
    let y = tile / across % params.output_size.x;
    let plane = tile / (across * params.output_size.x);
    if plane >= params.images * params.channels { return; }
    let channel = params.first_channel + plane % params.channels;
    let image = params.first_image + plane / params.channels;

    let size = params.input_size;
    let first_plane = image * params.input_channels + channel / params.group_outputs * params.group_inputs;
    var w = params.weight_skip + channel * params.group_inputs * params.kernel.x * params.kernel.y;
    let left = (vec4(x) + vec4(0, 1, 2, 3)) * params.stride.y - params.padding.y; // modulo 2^32: outside is large
    var sum = vec4(select(Scalar(), bias[params.bias_skip + channel], HAS_BIAS));
    for (var c = 0u; c < params.group_inputs; c++) {
        for (var ky = 0u; ky < params.kernel.x; ky++) {
            let row = y * params.stride.x + ky * params.dilation.x - params.padding.x;
            let start = params.input_skip + ((first_plane + c) * size.x + row) * size.y;
            let width = select(0u, size.y, row < size.x);
            for (var kx = 0u; kx < params.kernel.y; kx++) {
                let column = left + kx * params.dilation.y;
                let i = start + select(vec4(0u), column, column < vec4(width));
                let pixels = select(vec4<Scalar>(), vec4(input[i.x], input[i.y], input[i.z], input[i.w]), column < vec4(width));
                sum = multiply_add(weight[w], pixels, sum);
                w++;
            }
        }
    }
    let o = params.output_skip + ((image * params.output_channels + channel) * params.output_size.x + y) * params.output_size.y + x;
    let remaining = params.output_size.y - x;
    let done = finish(sum, o, channel);
    note(done, remaining);
    output[o] = done.x;
    if remaining > 1 { output[o + 1] = done.y; }
    if remaining > 2 { output[o + 2] = done.z; }
    if remaining > 3 { output[o + 3] = done.w; }
    noted();
}
