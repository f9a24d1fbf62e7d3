// conv3d of any kernel, stride, dilation, padding and grouping: one invocation computes four neighbours along x of CHANNELS
// channels of one group, so that each voxel and each weight it loads is used four times.
#import index

struct Params {
    input_size: vec4<u32>, output_size: vec4<u32>, // z, y, x, as are all here
    kernel: vec4<u32>, stride: vec4<u32>, dilation: vec4<u32>,
    padding: vec4<u32>, // in front, above and to the left
    input_channels: u32, output_channels: u32,
    group_inputs: u32, group_outputs: u32, // channels of one group
    first_channel: u32, // of this launch: inside one group, or whole groups
    blocks: u32, group_blocks: u32, // of CHANNELS channels: in this launch, and in a group as far as it is here
    channels: u32, // of a group, as far as it is here
    first_image: u32, images: u32,
    input_skip: u32, weight_skip: u32, output_skip: u32, // added to every index, modulo 2^32
    groups: u32, // workgroups
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>; // [images, input_channels, depth, height, width]
@group(0) @binding(2) var<storage, read> weight: array<f32>; // [output_channels, group_inputs, depth, height, width]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [output_channels]
@group(0) @binding(4) var<storage, read_write> output: array<f32>; // [images, output_channels, depth, height, width]

override WORKGROUP: u32 = 64;
override CHANNELS: u32 = 4; // or 1
override HAS_BIAS: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>, @builtin(num_workgroups) num_groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = group_index(group_id, num_groups);
    if group >= params.groups { return; }
    let across = (params.output_size.z + 3) / 4;
    let strip = group * WORKGROUP + local;
    let row = strip / across;
    let x = (strip - row * across) * 4;
    let plane = row / params.output_size.y;
    let y = row - plane * params.output_size.y;
    let volume = plane / params.output_size.x;
    let z = plane - volume * params.output_size.x;
    let image_at = volume / params.blocks;
    if image_at >= params.images { return; }
    let block = volume - image_at * params.blocks;
    let group_at = block / params.group_blocks;
    // The first channel of the block, as the launch counts them and as the tensors do, and how many follow it in the group.
    let in_group = (block - group_at * params.group_blocks) * CHANNELS;
    let channel = params.first_channel + group_at * params.group_outputs + in_group;
    let more = min(params.channels - in_group, CHANNELS) - 1;
    let image = params.first_image + image_at;

    let size = params.input_size;
    let first_volume = image * params.input_channels + channel / params.group_outputs * params.group_inputs;
    let taps = params.kernel.x * params.kernel.y * params.kernel.z;
    // Channels behind the last one read its weights.
    let step = params.group_inputs * taps;
    var w = vec4(params.weight_skip + channel * step) + min(vec4(0, 1, 2, 3), vec4(more)) * step;
    let left = (vec4(x) + vec4(0, 1, 2, 3)) * params.stride.z - params.padding.z; // modulo 2^32: outside is large
    var a = vec4(0.0);
    var b = vec4(0.0);
    var c = vec4(0.0);
    var d = vec4(0.0);
    for (var i = 0u; i < params.group_inputs; i++) {
        for (var kz = 0u; kz < params.kernel.x; kz++) {
            let in_z = z * params.stride.x + kz * params.dilation.x - params.padding.x;
            for (var ky = 0u; ky < params.kernel.y; ky++) {
                let in_y = y * params.stride.y + ky * params.dilation.y - params.padding.y;
                if in_z >= size.x || in_y >= size.y {
                    w += vec4(params.kernel.z);
                    continue;
                }
                let start = params.input_skip + (((first_volume + i) * size.x + in_z) * size.y + in_y) * size.z;
                for (var kx = 0u; kx < params.kernel.z; kx++) {
                    let column = left + kx * params.dilation.z;
                    let inside = column < vec4(size.z);
                    let at = start + select(vec4(0u), column, inside);
                    let voxels = select(vec4(0.0), vec4(input[at.x], input[at.y], input[at.z], input[at.w]), inside);
                    a = fma(vec4(weight[w.x]), voxels, a);
                    if CHANNELS > 1 {
                        b = fma(vec4(weight[w.y]), voxels, b);
                        c = fma(vec4(weight[w.z]), voxels, c);
                        d = fma(vec4(weight[w.w]), voxels, d);
                    }
                    w += vec4(1);
                }
            }
        }
    }
    let length = params.output_size.x * params.output_size.y * params.output_size.z;
    let at = params.output_skip + (image * params.output_channels + channel) * length
        + (z * params.output_size.y + y) * params.output_size.z + x;
    let remaining = params.output_size.z - x;
    store(at, remaining, channel, a);
    if CHANNELS > 1 {
        if more > 0 { store(at + length, remaining, channel + 1, b); }
        if more > 1 { store(at + 2 * length, remaining, channel + 2, c); }
        if more > 2 { store(at + 3 * length, remaining, channel + 3, d); }
    }
}

fn store(at: u32, remaining: u32, channel: u32, sums: vec4<f32>) {
    let values = sums + vec4(select(0.0, bias[channel], HAS_BIAS));
    output[at] = values.x;
    if remaining > 1 { output[at + 1] = values.y; }
    if remaining > 2 { output[at + 2] = values.z; }
    if remaining > 3 { output[at + 3] = values.w; }
}
