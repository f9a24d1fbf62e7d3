// grid_sample/sums: one invocation per element of the input's gradient makes a number of its sum.
#import index
#import divide
#import fixed
#import nan

override WORKGROUP: u32 = 64u;

struct Params {
    plane: u32,              // H * W
    count: u32,              // planes * H * W
    sums_start: u32,         // words before the first sum
    bits: u32,               // 2^bits >= OH * OW
    output_skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec2<u32>>;     // words: the planes' largest; two for each of planes x H x W
@group(0) @binding(2) var<storage, read_write> output: array<f32>;   // planes of H x W

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group_index(group, groups) * WORKGROUP + local;
    if (index >= params.count) {
        return;
    }
    let plane = divide(index, params.plane).x;
    let largest = sums[plane / 2u][plane % 2u];
    let value = fixed_value(sums[params.sums_start / 2u + index]) * power_of_two(-fixed_exponent(largest, params.bits));
    if (largest >= 0x7f800000u) {
        output[params.output_skip + index] = nan();
    } else {
        output[params.output_skip + index] = value;
    }
}
